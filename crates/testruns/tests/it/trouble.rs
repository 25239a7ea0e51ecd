//! Kills, limits of time, silence, lost hosts, late words, skips.

use crate::play::{Goes, Play, after, area, over, test};
use model::area::{Area, Limits, Retry, Skip, TestSpec};
use model::{Span, Time};
use std::collections::BTreeMap;
use testruns::verdict::Verdict;
use testruns::{Board, Ending, Event, Holder, NewRun, Rerun, Roster, RunVerdict, Selection, Status};

fn kill(play: &Play, names: &[&str]) -> Event {
    let items = names.iter().map(|n| play.item(n)).collect();
    Event::Kill { items, by: "ada".to_owned(), why: "it is in the way".to_owned() }
}

fn passed() -> Ending {
    Ending::Verdict(Verdict { status: Status::PASS, step: None, comment: String::new() })
}

#[test]
fn what_is_killed_is_killed_whether_it_runs_or_not() {
    let tests = vec![
        TestSpec { retry: Retry { failures: 3, losses: 3 }, ..test("runs") },
        test("waits"),
        after("next", &["runs"]),
    ];
    let mut play = Play::new(area(tests), 1).goes("runs", [Goes::Hangs]);
    play.until(1);
    let event = kill(&play, &["runs", "waits"]);
    play.later(2, event.clone());
    play.later(2, event);
    let play = play.play();
    insta::assert_snapshot!(play.list(), @r#"
    runs KILLED/KILLED: ended by ada: it is in the way
    waits KILLED/KILLED: ended by ada: it is in the way
    next COMPLETED/PREQ_FAIL: runs is KILLED
    "#);
    assert_eq!(play.records()[0].attempts.len(), 1, "nobody who kills wants another attempt");
}

#[test]
fn a_limit_of_time_counts_from_the_beginning() {
    let limited = |name: &str, retry| TestSpec { max_time: Some(Span::seconds(10)), retry, ..test(name) };
    let none = Retry { failures: 0, losses: 0 };
    let tests =
        vec![limited("slow", none), limited("queued", none), limited("again", Retry { failures: 1, losses: 0 })];
    let mut play = Play::new(area(tests), 9)
        .goes("slow", [Goes::Hangs])
        .goes("queued", [Goes::Queued])
        .goes("again", [Goes::Hangs, Goes::Ends("PASS", 1)]);
    let queued = play.item("queued");
    play.later(1_000, Event::Began { item: queued, attempt: 1 });
    play.later(1_009, Event::Ended { item: queued, attempt: 1, ending: passed() });
    let play = play.play();
    insta::assert_snapshot!(play.list(), @r#"
    slow KILLED/KILLED: it ran longer than 10 s
    queued COMPLETED/PASS
    again COMPLETED/PASS flaky: step 'run' gave PASS
    "#);
    assert_eq!(play.did.iter().find(|d| d.what == "kill slow").map(|d| d.at), Some(10));
}

#[test]
fn what_an_item_waits_for_in_its_queue_is_said_until_it_begins() {
    let mut play = Play::new(area(vec![test("t")]), 1).goes("t", [Goes::Queued]);
    let item = play.item("t");
    play.settle();
    play.board.apply(&Event::Waits { item, attempt: 2, why: "of another".to_owned() }, Time(1));
    assert_eq!(play.why("t"), "was handed to here, and has not begun");
    play.board.apply(&Event::Waits { item, attempt: 1, why: "there is no room".to_owned() }, Time(2));
    play.board.apply(&Event::Waits { item, attempt: 1, why: "job 7 is PENDING (Resources)".to_owned() }, Time(3));
    assert_eq!(play.why("t"), "was handed to here, and has not begun: job 7 is PENDING (Resources)");
    assert_eq!(play.records()[0].comment, "job 7 is PENDING (Resources)");
    // Whoever reads the record knows it too.
    let mut again = Board::new(&area(vec![test("t")]));
    let roster = Roster::new(&area(vec![test("t")]), &Selection::of("%")).unwrap();
    let records = play.records().into_iter().map(|r| (r, Holder::Alive)).collect();
    let run =
        again.add(&area(vec![test("t")]), NewRun { roster, records, rerun: Rerun::Plain, at_once: None }, Time(4));
    let there = again.items(run).next().unwrap();
    assert!(testruns::why(&again, there).to_string().ends_with("job 7 is PENDING (Resources)"));
    play.board.apply(&Event::Began { item, attempt: 1 }, Time(5));
    play.board.apply(&Event::Waits { item, attempt: 1, why: "it comes too late".to_owned() }, Time(6));
    assert_eq!((play.why("t"), play.records()[0].comment.as_str()), ("runs on here".to_owned(), ""));
}

#[test]
fn silence_is_death_but_not_in_a_queue_and_late_words_change_nothing() {
    let t = |name: &str| TestSpec { retry: Retry { failures: 0, losses: 0 }, ..test(name) };
    let area = Area { dead_after: Some(Span::seconds(60)), ..area(vec![t("silent"), t("queued"), t("alive")]) };
    let mut play = Play::new(area, 9)
        .goes("silent", [Goes::Hangs])
        .goes("queued", [Goes::Queued])
        .goes("alive", [Goes::Ends("PASS", 200)]);
    let (silent, queued, alive) = (play.item("silent"), play.item("queued"), play.item("alive"));
    for seconds in (0..200).step_by(50) {
        play.later(seconds, Event::Alive { item: alive, attempt: 1 });
    }
    play.later(100, Event::Ended { item: silent, attempt: 1, ending: passed() });
    play.later(5_000, Event::Began { item: queued, attempt: 1 });
    play.later(5_001, Event::Ended { item: queued, attempt: 1, ending: passed() });
    let play = play.play();
    insta::assert_snapshot!(play.list(), @r#"
    silent COMPLETED/DEAD: nothing was heard of it for 1 min
    queued COMPLETED/PASS
    alive COMPLETED/PASS: step 'run' gave PASS
    "#);
    let late: Vec<String> = play.board.late(silent).iter().map(|l| format!("{} {}", l.attempt, l.says)).collect();
    assert_eq!(late, ["1 it ended with PASS"]);
}

#[test]
fn an_end_of_an_earlier_attempt_does_not_end_the_next() {
    let mut play = Play::new(area(vec![test("t")]), 1).goes("t", [Goes::Lost(1), Goes::Ends("FAIL", 10)]);
    let item = play.item("t");
    play.later(5, Event::Ended { item, attempt: 1, ending: passed() });
    let play = play.play();
    assert_eq!(play.status("t"), "COMPLETED/FAIL");
    assert_eq!(play.board.late(item).len(), 1);
}

#[test]
fn late_words_do_not_fill_the_memory() {
    let mut play = Play::new(area(vec![test("t")]), 1).play();
    let item = play.item("t");
    for _ in 0..100 {
        play.board.apply(&Event::Ended { item, attempt: 1, ending: Ending::Lost("x".to_owned()) }, play.now);
    }
    assert_eq!(play.board.late(item).len(), 8);
    assert_eq!(play.status("t"), "COMPLETED/PASS");
}

#[test]
fn a_run_that_is_ended_starts_nothing_more() {
    let mut play = Play::new(area(vec![over(test("t"), "N", (0..50).map(|n| n.to_string())), after("u", &["t"])]), 2);
    play.later(3, Event::Cancel { run: play.run, by: "a signal".to_owned() });
    let play = play.play();
    assert_eq!(play.now.as_seconds(), 3);
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Cancelled);
    assert!(play.all_over());
    assert!(play.status("u") == "KILLED/KILLED" && play.started().len() == 6, "{:?}", play.started());
}

#[test]
fn a_skip_rule_is_looked_at_once_everything_else_is_there() {
    let skip = vec![Skip::FileExists("/x".to_owned()), Skip::PreviousRunning];
    let tests = vec![test("first"), TestSpec { skip, ..after("second", &["first"]) }, after("third", &["second"])];
    let mut play = Play::new(area(tests.clone()), 1);
    play.skips.insert("second".to_owned(), "/x exists".to_owned());
    let play = play.play();
    insta::assert_snapshot!(play.list(), @r#"
    first COMPLETED/PASS: step 'run' gave PASS
    second COMPLETED/SKIP: /x exists
    third COMPLETED/PASS: step 'run' gave PASS
    "#);
    assert_eq!(Play::new(area(tests), 1).play().started(), ["first", "second", "third"]);
}

#[test]
fn limits_are_hard() {
    let mut grouped = over(test("g"), "N", (0..50).map(|n| n.to_string()));
    grouped.job_group = Some("db".to_owned());
    let mut gpu = over(test("gpu"), "N", (0..20).map(|n| n.to_string()));
    gpu.resources = BTreeMap::from([("gpus".to_owned(), 2)]);
    let limits = Limits {
        run: Some(5),
        groups: BTreeMap::from([("db".to_owned(), 2)]),
        resources: BTreeMap::from([("gpus".to_owned(), 3)]),
        ..Limits::default()
    };
    let area = Area { limits, ..area(vec![grouped, gpu, over(test("t"), "N", (0..130).map(|n| n.to_string()))]) };
    let mut play = Play::new(area, 100);
    let mut most = BTreeMap::new();
    while play.step() {
        for test in ["g", "gpu", "t"] {
            let n = play.out.iter().filter(|i| play.board.test(**i).name == test).count();
            let most = most.entry(test).or_insert(0);
            *most = n.max(*most);
        }
    }
    assert_eq!((play.most, most["g"], most["gpu"]), (5, 2, 1));
    assert_eq!(play.started().len(), 200);
    assert!(play.all_over());
}

#[test]
fn higher_priority_comes_first_among_those_who_may() {
    let prior = |mut test: TestSpec, priority| {
        test.priority = priority;
        test
    };
    let tests =
        vec![test("plain"), prior(after("urgent", &["base"]), 100), prior(test("base"), -1), prior(test("soon"), 5)];
    assert_eq!(Play::new(area(tests), 1).play().started(), ["soon", "plain", "base", "urgent"]);
}

#[test]
fn hosts_come_and_go() {
    let mut play = Play::new(area(vec![over(test("t"), "N", (0..6).map(|n| n.to_string()))]), 0);
    play.settle();
    assert_eq!(play.why("t(0)"), "waits for room: there is no host that takes anything");
    play.later(1, Event::Host { name: "big".to_owned(), slots: Some(3) });
    play.later(1, Event::Host { name: "small".to_owned(), slots: Some(1) });
    play.until(1);
    while play.out.len() < 4 {
        assert!(play.step());
    }
    let on = |host: &str| play.records().iter().filter(|r| r.attempts.iter().any(|a| a.host == host)).count();
    assert_eq!((on("big"), on("small")), (3, 1));
    play.later(0, Event::Host { name: "big".to_owned(), slots: None });
    let play = play.play();
    assert!(play.all_over(), "what runs there ends there, the rest goes elsewhere");
}

//! A run that is asked for again.

use crate::play::{Goes, Play, after, area, over, record, test, time};
use testruns::{Board, Ending, Event, Holder, NewRun, Phase, Record, Rerun, Roster, Selection, Status, settle};

#[test]
fn asking_again_starts_nothing() {
    let tests = || area(vec![after("a", &["b"]), over(test("b"), "N", ["1", "2"])]);
    let first = Play::new(tests(), 4).play();
    let again = Play::asked(tests(), 4, "%", first.records(), Rerun::Plain).play();
    assert!(again.started().is_empty());
    assert_eq!(again.records(), first.records());
}

#[test]
fn what_failed_is_run_again_with_what_it_held_back_and_nothing_else() {
    let tests = || area(vec![over(test("make"), "N", ["1", "2"]), after("check", &["make"]), test("other")]);
    let first = Play::new(tests(), 4).ends("make(2)", "FAIL").play();
    assert_eq!(first.status("check"), "COMPLETED/PREQ_FAIL");
    let failed = Rerun::listed("failed", first.board.statuses()).unwrap();
    let again = Play::asked(tests(), 4, "%", first.records(), failed).play();
    assert_eq!(again.started(), ["make(2)", "check"]);
    assert_eq!(again.board.record(again.item("make(2)")).attempts.len(), 2, "what was before is kept");
    assert!(!again.board.record(again.item("make(2)")).flaky, "somebody changed something in between");
}

#[test]
fn after_a_crash_nothing_is_lost_and_nothing_runs_twice() {
    let tests = area(vec![over(test("t"), "N", ["1", "2", "3", "4"]), after("last", &["t"])]);
    let mut first = Play::new(tests.clone(), 2).goes("t(1)", [Goes::Ends("PASS", 1)]).goes("t(2)", [Goes::Hangs]);
    first.until(1);
    first.step();
    let records = first.records();
    let running: Vec<String> = records.iter().filter(|r| !r.phase.is_over()).map(Record::full_name).collect();
    assert_eq!(running, ["t(2)", "t(3)", "t(4)", "last"]);

    // One of the two that ran is found again, nobody knows of the other.
    let held = |r: &Record| if r.full_name() == "t(2)" { Holder::Alive } else { Holder::Gone };
    let records: Vec<_> = records
        .into_iter()
        .map(|r| {
            let h = held(&r);
            (r, h)
        })
        .collect();
    let roster = Roster::new(&tests, &Selection::of("%")).unwrap();
    let mut board = Board::new(&tests);
    board.apply(&Event::Host { name: "here".to_owned(), slots: Some(2) }, time(9));
    let run = board.add(&tests, NewRun { roster, records, rerun: Rerun::Plain, at_once: None }, time(9));
    let started = settle(&mut board, time(9));
    assert_eq!(started.len(), 1, "there is one place beside what still runs: {started:?}");
    let two = board.find(run, "t", "2").unwrap();
    let ending =
        Ending::Verdict(testruns::verdict::Verdict { status: Status::PASS, step: None, comment: String::new() });
    board.apply(&Event::Ended { item: two, attempt: 1, ending }, time(10));
    settle(&mut board, time(10));
    assert_eq!(board.record(two).attempts.len(), 1, "it was waited for");
    let three = board.record(board.find(run, "t", "3").unwrap());
    let attempts: Vec<String> = three.attempts.iter().map(|a| format!("{} {}", a.number, a.status)).collect();
    assert_eq!(attempts, ["1 INCOMPLETE", "2 n/a"]);
}

#[test]
fn what_ended_before_comes_first_in_no_run() {
    let tests = area(vec![test("a"), after("b", &["a"])]);
    let records =
        vec![record("b", "", Phase::Completed, Status::PASS), record("gone", "", Phase::Completed, Status::PASS)];
    let play = Play::asked(tests, 1, "%", records, Rerun::Plain).play();
    assert_eq!(play.started(), ["a"], "'b' has a verdict, and 'gone' is in no configuration any more");
}

#[test]
fn what_is_kept_is_not_let_go_by_what_is_kept_before_it() {
    let tests = area(vec![test("a"), after("b", &["a"]), after("c", &["b"])]);
    let of = |name: &str, status: Status| record(name, "", Phase::Completed, status);
    let records = vec![of("a", Status::PASS), of("b", Status::FAIL), of("c", Status::PREQ_FAIL)];
    let play = Play::asked(tests, 1, "%", records, Rerun::Plain).play();
    assert!(play.started().is_empty());
    assert_eq!(play.status("b"), "COMPLETED/FAIL");
}

//! Failures that count less: retries, waivers, quarantine.

use crate::play::{Goes, Play, after, area, over, record, test, time};
use model::area::{Area, Check, Quarantine, Retry, TestSpec, Waiver};
use testruns::{Event, Phase, RunVerdict, Status};

fn retried(failures: u32, losses: u32) -> Area {
    area(vec![TestSpec { retry: Retry { failures, losses }, ..test("t") }, after("next", &["t"])])
}

#[test]
fn a_pass_after_a_failure_is_flaky_and_every_attempt_is_kept() {
    let goes = [Goes::Ends("FAIL", 1), Goes::Ends("PASS", 1)];
    let play = Play::new(retried(2, 0), 1).goes("t", goes).play();
    insta::assert_snapshot!(play.list(), @r#"
    t COMPLETED/PASS flaky: step 'run' gave PASS
    next COMPLETED/PASS: step 'run' gave PASS
    "#);
    let attempts = play.records()[0].attempts.clone();
    let statuses: Vec<&str> = attempts.iter().map(|a| a.status.word()).collect();
    assert_eq!(statuses, ["FAIL", "PASS"]);
    let sum = play.board.sum(play.run);
    assert_eq!((sum.verdict, sum.weights.flaky), (RunVerdict::Green, 1));
}

#[test]
fn attempts_come_to_an_end() {
    let play = Play::new(retried(2, 0), 1).ends("t", "FAIL").play();
    assert_eq!(play.records()[0].attempts.len(), 3);
    assert_eq!(play.status("t"), "COMPLETED/FAIL");
    assert_eq!(play.status("next"), "COMPLETED/PREQ_FAIL");
}

#[test]
fn what_is_lost_is_tried_again_by_its_own_count() {
    let goes = [Goes::Lost(1), Goes::Ends("FAIL", 1), Goes::Ends("PASS", 1)];
    let play = Play::new(retried(1, 1), 1).goes("t", goes).play();
    let statuses: Vec<String> = play.records()[0].attempts.iter().map(|a| a.status.to_string()).collect();
    assert_eq!(statuses, ["DEAD", "FAIL", "PASS"]);
    let play = Play::new(retried(5, 1), 1).goes("t", [Goes::Lost(1)]).play();
    assert_eq!((play.status("t").as_str(), play.records()[0].attempts.len()), ("COMPLETED/DEAD", 2));
}

#[test]
fn a_loss_alone_does_not_make_a_test_flaky() {
    let play = Play::new(retried(0, 1), 1).goes("t", [Goes::Lost(1), Goes::Ends("PASS", 1)]).play();
    assert_eq!((play.status("t").as_str(), play.records()[0].flaky), ("COMPLETED/PASS", false));
}

fn waived(checks: Vec<Check>, expires: i64) -> Area {
    let waiver = Waiver {
        tests: "t/arm%".to_owned(),
        statuses: vec!["FAIL".to_owned()],
        owner: "ada".to_owned(),
        reason: "issue 12".to_owned(),
        expires: time(expires),
        checks,
    };
    let t = TestSpec { retry: Retry { failures: 1, losses: 0 }, ..over(test("t"), "CPU", ["arm", "x86"]) };
    Area { waivers: vec![waiver], ..area(vec![t, after("next", &["t"])]) }
}

fn at_run(comment: &str) -> Check {
    Check::Failure { step: "run".to_owned(), comment: comment.to_owned() }
}

#[test]
fn a_waiver_that_holds_lets_others_run() {
    let play = Play::new(waived(vec![at_run("gave FAIL")], 1_000), 4).ends("t(arm)", "FAIL").play();
    insta::assert_snapshot!(play.list(), @r#"
    t(arm) COMPLETED/WAIVED: ada answers for it: issue 12
    t(x86) COMPLETED/PASS: step 'run' gave PASS
    next COMPLETED/PASS: step 'run' gave PASS
    "#);
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Green);
}

#[test]
fn a_waiver_excuses_the_failure_that_it_was_for_and_no_other() {
    let files = Check::SameFiles { glob: "*.log".to_owned() };
    let table = [
        (vec![at_run("gave FAIL")], 1_000, "FAIL", None, "WAIVED"),
        (vec![at_run("segmentation")], 1_000, "FAIL", None, "FAIL"),
        (vec![at_run("gave FAIL")], 1_000, "ABORT", None, "ABORT"),
        (vec![at_run("gave FAIL")], 0, "FAIL", None, "FAIL"),
        (vec![files.clone()], 1_000, "FAIL", None, "WAIVED"),
        (vec![files.clone()], 1_000, "FAIL", Some("run.log is another"), "FAIL"),
        (vec![Check::Failure { step: "make".to_owned(), comment: String::new() }, files], 1_000, "FAIL", None, "FAIL"),
    ];
    let mut said = Vec::new();
    for (checks, expires, status, refuted, came) in table {
        let mut play = Play::new(waived(checks, expires), 4).ends("t(arm)", status);
        play.refutes.extend(refuted.map(|why| ("t(arm)".to_owned(), why.to_owned())));
        let play = play.play();
        let record = play.board.record(play.item("t(arm)"));
        assert_eq!(record.status.word(), came, "{record:?}");
        said.push(record.comment);
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    ada answers for it: issue 12
    step 'run' gave FAIL; the waiver of ada does not hold: it does not say 'segmentation'
    step 'run' gave ABORT
    step 'run' gave FAIL; the waiver of ada does not hold: it has expired
    ada answers for it: issue 12
    step 'run' gave FAIL; the waiver of ada does not hold: run.log is another
    step 'run' gave FAIL; the waiver of ada does not hold: it failed at run, and not at make
    "#);
    let other = Play::new(waived(vec![at_run("")], 1_000), 4).ends("t(x86)", "FAIL").play();
    assert_eq!(other.status("t(x86)"), "COMPLETED/FAIL", "it is for another item");
}

#[test]
fn the_checks_of_a_test_stand_in_for_those_of_a_waiver() {
    let mut area = waived(Vec::new(), 1_000);
    area.tests[0].waiver_checks = vec![at_run("gave FAIL")];
    assert_eq!(Play::new(area, 4).ends("t(arm)", "FAIL").play().status("t(arm)"), "COMPLETED/WAIVED");
}

#[test]
fn quarantine_counts_neither_a_failure_nor_what_it_holds_back() {
    let quarantined = |expires| Area {
        quarantine: vec![Quarantine {
            tests: "bad".to_owned(),
            owner: "bob".to_owned(),
            reason: "issue 9".to_owned(),
            expires: time(expires),
        }],
        ..area(vec![
            test("bad"),
            after("next", &["bad"]),
            after("last", &["next"]),
            test("worse"),
            after("both", &["bad", "worse"]),
        ])
    };
    let play = Play::new(quarantined(1_000), 4).ends("bad", "FAIL").play();
    insta::assert_snapshot!(play.list(), @r#"
    bad COMPLETED/FAIL quarantined: step 'run' gave FAIL
    next COMPLETED/PREQ_FAIL quarantined: bad is FAIL
    last COMPLETED/PREQ_DISCARDED quarantined: next was not run: bad is FAIL
    worse COMPLETED/PASS: step 'run' gave PASS
    both COMPLETED/PREQ_FAIL quarantined: bad is FAIL
    "#);
    let sum = play.board.sum(play.run);
    assert_eq!((sum.verdict, sum.weights.quarantined), (RunVerdict::Green, 4));
    let play = Play::new(quarantined(1_000), 4).ends("bad", "FAIL").ends("worse", "FAIL").play();
    let weights = play.board.sum(play.run).weights;
    assert_eq!(
        (weights.bad, weights.quarantined),
        (2, 3),
        "'worse' counts, and so does 'both', which it holds back too"
    );
}

#[test]
fn quarantine_ends() {
    let area = |expires| Area {
        quarantine: vec![Quarantine {
            tests: "bad/".to_owned(),
            owner: "bob".to_owned(),
            reason: String::new(),
            expires: time(expires),
        }],
        ..area(vec![test("bad")])
    };
    let play = Play::new(area(2), 4).ends("bad", "FAIL").play();
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Green);
    let play = Play::new(area(1), 4).ends("bad", "FAIL").play();
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Red, "it ended with the first second");
}

#[test]
fn somebody_may_say_what_an_item_is() {
    let mut play = Play::new(retried(0, 0), 1).ends("t", "FAIL").play();
    assert_eq!(play.board.sum(play.run).weights.bad, 2);
    let item = play.item("t");
    let event =
        Event::SetStatus { item, status: Status::PASS, by: "ada".to_owned(), comment: "the disk was full".to_owned() };
    play.board.apply(&event, play.now);
    insta::assert_snapshot!(play.list(), @r#"
    t COMPLETED/PASS: ada says so: the disk was full
    next COMPLETED/PREQ_FAIL: t is FAIL
    "#);
    assert_eq!(play.board.sum(play.run).weights.bad, 1);
    let records = play.records();
    let again = Play::asked(play.area.clone(), 1, "%", records, testruns::Rerun::Plain).play();
    assert_eq!(again.started(), ["next"], "asking again runs what could not be run");
    assert_eq!(again.status("t"), "COMPLETED/PASS");
}

#[test]
fn a_record_of_a_status_that_is_no_more_holds_back() {
    let mut gone = record("t", "", Phase::Completed, Status::PASS);
    let area = Area {
        statuses: vec![model::area::StatusSpec {
            word: "FINE".into(),
            rank: 5,
            class: model::area::Class::Good,
            satisfies: true,
        }],
        ..retried(0, 0)
    };
    gone.status = testruns::Statuses::of(&area).read("FINE").unwrap();
    let known = Play::asked(area, 1, "%", vec![gone.clone()], testruns::Rerun::Plain).play();
    assert_eq!(known.status("next"), "COMPLETED/PASS");
    let unknown = Play::asked(retried(0, 0), 1, "%", vec![gone], testruns::Rerun::Plain).play();
    assert_eq!(unknown.status("next"), "COMPLETED/PREQ_FAIL");
}

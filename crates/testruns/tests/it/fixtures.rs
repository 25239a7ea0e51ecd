//! What is set up is cleared away, whatever comes.

use crate::play::{Goes, Play, after, area, record, test};
use model::area::{Area, Fixture, TestSpec};
use testruns::{Event, Phase, Rerun, Roster, RunVerdict, Selection, Status};

fn with_db() -> Area {
    let uses = |name: &str| TestSpec { fixtures: vec!["db".to_owned()], ..test(name) };
    let tests = vec![test("make_db"), uses("one"), uses("two"), test("alone"), after("drop_db", &["alone"])];
    let db = Fixture { name: "db".to_owned(), setup: Some("make_db".to_owned()), cleanup: Some("drop_db".to_owned()) };
    Area { fixtures: vec![db], ..area(tests) }
}

#[test]
fn a_fixture_comes_along_with_those_who_need_it() {
    let play = Play::asked(with_db(), 1, "two", Vec::new(), Rerun::Plain).play();
    assert_eq!(play.started(), ["make_db", "alone", "two", "drop_db"]);
    let alone = Play::asked(with_db(), 1, "alone", Vec::new(), Rerun::Plain).play();
    assert_eq!(alone.started(), ["alone"]);
}

#[test]
fn cleaning_up_happens_after_every_failure() {
    for name in ["make_db", "one", "two", "alone"] {
        let play = Play::new(with_db(), 4).ends(name, "FAIL").play();
        assert_eq!(play.status("drop_db"), "COMPLETED/PASS", "{name} failed");
        assert_eq!(play.started().last(), Some(&"drop_db"));
    }
    let play = Play::new(with_db(), 4).ends("make_db", "FAIL").play();
    assert_eq!(play.status("one"), "COMPLETED/PREQ_FAIL");
}

#[test]
fn cleaning_up_happens_when_a_run_is_ended() {
    let mut play = Play::new(with_db(), 4).goes("one", [Goes::Hangs]);
    play.until(1);
    play.later(5, Event::Cancel { run: play.run, by: "ada".to_owned() });
    let play = play.play();
    insta::assert_snapshot!(play.list(), @r#"
    make_db COMPLETED/PASS: step 'run' gave PASS
    one KILLED/KILLED: ended by ada: the run was ended
    two COMPLETED/PASS: step 'run' gave PASS
    alone COMPLETED/PASS: step 'run' gave PASS
    drop_db COMPLETED/PASS: step 'run' gave PASS
    "#);
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Cancelled);
}

#[test]
fn what_was_never_made_is_not_cleared_away() {
    let mut play = Play::new(with_db(), 0);
    play.later(1, Event::Cancel { run: play.run, by: "ada".to_owned() });
    let play = play.play();
    assert_eq!(play.status("drop_db"), "COMPLETED/SKIP");
    assert!(play.started().is_empty());
}

#[test]
fn a_fixture_is_made_anew_for_what_is_run_again() {
    let of = |name: &str, status: Status| record(name, "", Phase::Completed, status);
    let records = vec![
        of("make_db", Status::PASS),
        of("one", Status::FAIL),
        of("two", Status::PASS),
        of("alone", Status::PASS),
        of("drop_db", Status::PASS),
    ];
    let failed = Rerun::listed("failed", &testruns::Statuses::default()).unwrap();
    let play = Play::asked(with_db(), 1, "%", records.clone(), failed).play();
    assert_eq!(play.started(), ["make_db", "one", "drop_db"]);
    let again = Play::asked(with_db(), 1, "%", records, Rerun::Plain).play();
    assert!(again.started().is_empty(), "nothing is to be done, so nothing is made");
}

#[test]
fn a_fixture_that_needs_itself_is_a_circle() {
    let mut area = with_db();
    area.tests[0].fixtures.push("db".to_owned());
    let wrong = Roster::new(&area, &Selection::of("%")).unwrap_err();
    assert!(matches!(wrong[..], [testruns::Problem::Circle { .. }]), "{wrong:?}");
}

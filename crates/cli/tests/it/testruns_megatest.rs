//! Areas in the shape of well-known ones, run as they are, with the outcomes that are known of them.

use crate::testruns::Area;
use std::path::Path;
use std::process::Command;

/// A copy of an area that the room `megatest` keeps for its tests.
fn copied(name: &str) -> Area {
    let area = Area::empty();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../megatest/tests/areas").join(name);
    let copy = Command::new("cp").arg("-r").arg(from).arg(area.dir()).status().expect("cp is there");
    assert!(copy.success());
    area
}

/// How many items have which status.
fn counts(area: &Area, arguments: &[&str]) -> String {
    let mut all = std::collections::BTreeMap::<(String, String), usize>::new();
    for (name, (_, status, _)) in area.items(arguments) {
        *all.entry((name.split('/').next().unwrap_or_default().to_owned(), status)).or_default() += 1;
    }
    all.iter().map(|((test, status), n)| format!("{n} {test} {status}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_chain_that_breaks_in_the_middle() {
    let area = copied("chain");
    area.run(&["run", "--target", "x", "-n", "all"]).ends(1);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    a PASS
    a1 PREQ_DISCARDED
    b PASS
    b1 PREQ_DISCARDED
    c PASS
    c1 PREQ_FAIL
    d PASS
    d1fail FAIL
    e PASS
    e1 PASS
    f PASS
    g ZERO_ITEMS
    h PASS
    i PASS
    j PASS
    k PASS
    l PASS
    "#);
    area.run(&["run", "--target", "x", "-n", "one", "d"]).passes();
    assert_eq!(area.outcome(&[]), "d PASS\ne PASS");
}

#[test]
fn items_of_one_test_over_those_of_another() {
    let area = copied("itemwait");
    area.run(&["run", "--target", "x"]).ends(1);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    first/1 PASS
    first/2 FAIL
    first/3 PASS
    second/1 PASS
    second/2 PREQ_FAIL
    second/3 PASS
    "#);
}

#[test]
fn a_test_that_is_skipped_since_a_file_is_there() {
    let area = copied("skip");
    area.run(&["run", "--target", "x", "-n", "week1"]).passes();
    assert_eq!(area.outcome(&[]), "closes PASS\nenters SKIP");
}

#[test]
fn a_simple_run() {
    let area = copied("simple");
    area.run(&["run", "--target", "linux/2.0"]).passes();
    insta::assert_snapshot!(counts(&area, &[]), @r#"
    5 fence PASS
    1 survey PASS
    "#);
}

#[test]
fn prerequisites_that_depend_on_the_target() {
    let area = copied("deps");
    area.run(&["run", "--target", "short/0", "check/%/ptran"]).passes();
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    check/layout/ptran PASS
    check/plan/ptran PASS
    draw/layout/ptran PASS
    draw/plan/ptran PASS
    setup PASS
    "#);
    area.run(&["run", "--target", "full/0"]).passes();
    insta::assert_snapshot!(counts(&area, &[]), @r#"
    6 check PASS
    1 collect PASS
    6 draw PASS
    2 library PASS
    1 report PASS
    1 setup PASS
    "#);
}

#[test]
fn a_long_chain_item_by_item() {
    let area = copied("long");
    area.run(&["run", "--target", "full/0", "link9/part.3"]).passes();
    let items = area.items(&[]);
    assert!(items.len() == 10 && items.keys().all(|name| name.ends_with("/part.3")), "{items:?}");
}

#[test]
fn what_is_not_clean_is_run_again() {
    let area = copied("rerun");
    area.run(&["run", "--target", "x", "-n", "r"]).passes();
    for (status, item) in
        [("FAIL", 1), ("WARN", 2), ("WAIVED", 3), ("SKIP", 4), ("CHECK", 5), ("ABORT", 6), ("DEAD", 7)]
    {
        area.run(&["set-status", status, &format!("items/{item}")]).passes();
    }
    area.run(&["rerun", "clean", "-n", "r"]).passes();
    let items = area.items(&[]);
    let of = |n: u32| (items[&format!("items/{n}")].1.as_str(), items[&format!("items/{n}")].2);
    let all: Vec<_> = (1..=8).map(of).collect();
    assert_eq!(
        all,
        [("PASS", 2), ("WARN", 1), ("WAIVED", 1), ("SKIP", 1), ("PASS", 2), ("PASS", 2), ("PASS", 2), ("PASS", 1)]
    );
}

#[test]
fn every_verdict_of_log_rules() {
    let area = copied("verdicts");
    area.run(&["run", "--target", "x"]).ends(1);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    example/ABORT ABORT
    example/CHECK CHECK
    example/FAIL FAIL
    example/PASS PASS
    example/SKIP SKIP
    example/WAIVED WAIVED
    example/WARN WARN
    "#);
    let listed = area.json(&["list", "--state", "COMPLETED", "--status", "FAIL,CHECK,ABORT"]);
    let statuses: Vec<&str> =
        listed[0]["items"].as_array().unwrap().iter().map(|i| i["status"].as_str().unwrap()).collect();
    assert!(statuses.iter().all(|s| ["FAIL", "CHECK", "ABORT"].contains(s)) && !statuses.is_empty(), "{statuses:?}");
}

#[test]
fn an_area_that_is_written_natively_runs_as_before() {
    let area = copied("simple");
    let dir = area.dir().display().to_string();
    // Nobody asks for a file to be replaced.
    area.run(&["migrate", "--target", "linux/2.0", "--target", "bsd/1.0", "-o", "tests.star"]).passes();
    area.run(&["migrate", &dir, "-o", "tests.star"]).ends(2).says("tests.star");
    let config = area.run(&["config", "--target", "bsd/1.0"]).passes();
    assert!(config.out.contains("LAND = meadow swamp\n"), "{}", config.out);
    area.run(&["run", "--target", "linux/2.0"]).passes();
    insta::assert_snapshot!(counts(&area, &[]), @r#"
    5 fence PASS
    1 survey PASS
    "#);
    assert!(area.dir().join("links/linux/2.0/r1/fence/reef").exists(), "the link tree is that of the area");
    area.run(&["run", "--target", "bsd/3.0"]).ends(2).says("was written for the targets linux/2.0, bsd/1.0");
    // What was left out is told.
    let chain = copied("rerun");
    let said = chain.run(&["migrate"]).ends(1);
    assert!(said.err.contains("not written: megatest.config:7: allow-auto-rerun"), "{}", said.err);
    assert!(said.out.contains("# Not said here: megatest.config:7: allow-auto-rerun"), "{}", said.out);
}

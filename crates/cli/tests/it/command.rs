//! The command line itself: help, usage, exit codes.

use crate::sealed::Sealed;

const VERBS: &[&[&str]] = &[
    &["up"],
    &["master", "init"],
    &["master", "check"],
    &["master", "run"],
    &["master", "start"],
    &["master", "stop"],
    &["master", "restart"],
    &["master", "reload"],
    &["worker", "init"],
    &["worker", "run"],
    &["worker", "start"],
    &["worker", "stop"],
    &["worker", "restart"],
    &["force"],
    &["stop"],
    &["rebuild"],
    &["log"],
    &["status"],
    &["why"],
    &["sendchange"],
];

#[test]
fn every_verb_helps_with_an_example_first_within_eighty_columns() {
    let place = Sealed::new();
    for verb in VERBS {
        let help = place.run(&[verb, &["--help"][..]].concat()).passes();
        assert!(help.out.starts_with("Example: sluice"), "{verb:?}:\n{}", help.out);
        for line in help.out.lines() {
            assert!(line.chars().count() <= 80, "{verb:?}: {line}");
        }
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let place = Sealed::new();
    place.run(&["frobnicate"]).ends(2).says("frobnicate");
    place.run(&["force"]).ends(2).says("BUILDER");
    place.run(&["master", "check", "nowhere"]).ends(2).says("is no master's base directory");
    place.run(&["stop", "1", "--master", "ftp://x"]).ends(2).says("is no address of a master");
}

#[test]
fn nobody_there_ends_with_three() {
    let place = Sealed::new();
    place.run(&["status", "--master", "http://127.0.0.1:9"]).ends(3).says("no Sluice answers at");
}

#[test]
fn the_version_is_told() {
    Sealed::new().run(&["--version"]).passes().says(concat!("sluice ", env!("CARGO_PKG_VERSION")));
}

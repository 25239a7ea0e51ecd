//! The variables of a target.

use crate::ground::{Memory, told};
use megatest::run_configs::{self, RunConfigs};

fn read(target: &str, text: &str) -> RunConfigs {
    let outside = Memory::with(&[("runconfigs.config", text), ("mine.config", "FROM mine")]).env("USER", "ann");
    run_configs::read(&outside.context().with_target(target))
}

fn vars(target: &str, text: &str) -> Vec<String> {
    read(target, text).vars.iter().map(|v| format!("{}={}", v.name, v.value)).collect()
}

#[test]
fn the_target_stands_against_default() {
    let text = "[default]\nA 1\nB 2\n[l/1]\nB 3\nC 4\n[l/2]\nA no\n";
    assert_eq!(vars("l/1", text), ["A=1", "B=3", "C=4"]);
    assert_eq!(vars("x/9", text), ["A=1", "B=2"]);
    assert_eq!(read("l/1", text).targets, ["l/1", "l/2"]);
    assert_eq!(vars("l/1", "A 1\n[include mine.config]"), ["A=1", "FROM=mine"], "before any section is default");
}

#[test]
fn a_pattern_is_laid_over_what_it_matches() {
    let text = "[a/b/c]\nX own\nY own\n[a/%/c]\nX pattern\n[/z.*/]\nX no\n[%/d]\nX no\n";
    assert_eq!(vars("a/b/c", text), ["Y=own", "X=pattern"], "a later pattern stands against the target's own");
    assert_eq!(vars("a/x/c", text), ["X=pattern"], "the wanted target is known from the start");
    assert_eq!(vars("a/b/c", "[a/%]\nX pattern\n[a/b/c]\nX own\n"), ["X=own"]);
    assert_eq!(vars("a/b", "[/a./b|a/./]\nX 1\n"), ["X=1"]);
    assert_eq!(vars("A/b", "[a/%]\nX 1\n"), [""; 0], "capital letters are other letters");
    assert_eq!(vars("a/b", "[%]\nX 1\n[default]\nX 2"), ["X=1"]);
    assert!(read("a/b", "[a/%]\nX 1\n").settings.section("a/%").is_none(), "the pattern is gone");
    insta::assert_snapshot!(told(&read("a/b", "[/(/]\nX 1\n").problems), @r#"
    warning: the regular expression is none: unclosed group; no target is meant by it
     --> runconfigs.config:1:1
      |
    1 | [/(/]
      | ^^^^^
    "#);
}

#[test]
fn values_find_each_other() {
    let text = "[default]\nA one\nB #{rget A} #{runconfigs-get C}\n[l/1]\nC #{get default A}!\n[default]\nD #{rget C} #{rget NO}\nE $D-$USER";
    let read = read("l/1", text);
    let found: Vec<_> = ["A", "B", "C", "D", "E"].map(|name| read.get(name).unwrap_or("none")).into();
    assert_eq!(found, ["one", "one ", "one!", "one! ", "one! -ann"]);
    insta::assert_snapshot!(told(&read.problems), @r#"
    warning: neither the target nor [default] has C; the value is empty
     --> runconfigs.config:3:13
      |
    3 | B #{rget A} #{runconfigs-get C}
      |             ^^^^^^^^^^^^^^^^^^^

    warning: neither the target nor [default] has NO; the value is empty
     --> runconfigs.config:7:13
      |
    7 | D #{rget C} #{rget NO}
      |             ^^^^^^^^^^
    "#);
}

#[test]
fn an_area_may_have_none() {
    let outside = Memory::with(&[]);
    let read = run_configs::read(&outside.context().with_target("l/1"));
    assert!(read.vars.is_empty() && read.problems.is_empty());
}

//! Lines, sections, includes: what every file has in common.

use crate::ground::{Memory, section, told};
use megatest::area::{self, Area};
use megatest::{Limits, Severity};

/// Reads `text` behind the fields that every area has.
fn read(text: &str) -> Area {
    let outside = Memory::with(&[("megatest.config", &format!("[fields]\nOS TEXT\n{text}"))]);
    area::read(&outside.context().with_target("l"))
}

fn values(text: &str, name: &str) -> Vec<String> {
    section(&read(text).settings, name)
}

#[test]
fn keys_values_and_comments() {
    let text = "[a]\none 1\ntwo   2  2\t\nempty\n # c\n#c two 3\nthree # no comment\n\n[b]\none x\n[a]\nfour 4";
    assert_eq!(values(text, "a"), ["one=1", "two=2  2", "empty=", "three=# no comment", "four=4"]);
    assert_eq!(values(text, "b"), ["one=x"]);
    assert!(read("[empty]\n").settings.section("empty").is_some_and(megatest::Section::is_empty));
}

#[test]
fn the_last_of_two_wins_and_moves_to_the_end() {
    assert_eq!(values("[a]\nx 1\ny 2\n[b]\n[a]\nx 3", "a"), ["y=2", "x=3"]);
}

#[test]
fn keys_before_any_section_are_in_default() {
    let outside = Memory::with(&[("megatest.config", "x 1\n[fields]\nOS TEXT")]);
    assert_eq!(section(&area::read(&outside.context()).settings, "default"), ["x=1"]);
}

#[test]
fn lines_go_on_behind_a_backslash() {
    assert_eq!(values("[a]\nx one \\\ntwo\\\n  three", "a"), ["x=one two  three"]);
    assert_eq!(values("[a]\n# c \\\nx 1\ny 2", "a"), ["y=2"], "a comment too");
}

#[test]
fn a_value_of_several_lines_loses_its_first_indent() {
    let text = "[a]\nx first\n  second\n    third\n fourth\n# end\n  lost\ny 1";
    assert_eq!(values(text, "a"), ["x=first\nsecond\n  third\nfourth", "y=1"]);
    assert_eq!(values("[a]\nx\n  1\n\n  lost", "a"), ["x=\n1"], "an empty line ends it");
    insta::assert_snapshot!(told(&read("[a]\nx 1\n\n  lost").problems), @r#"
    warning: the line begins with blanks and belongs to no key; it is ignored
     --> megatest.config:6:1
      |
    6 |   lost
      | ^^^^^^
    help: keys and sections begin in the first column
    "#);
}

#[test]
fn blanks_at_the_end_go_unless_they_are_asked_for() {
    assert_eq!(values("[a]\nx 1  \t", "a"), ["x=1"]);
    assert_eq!(values("[configf:settings trim-trailing-spaces no]\n[a]\nx 1  ", "a"), ["x=1  "]);
    assert_eq!(values("[a]\r\nx 1\r\n", "a"), ["x=1"]);
}

#[test]
fn includes_are_seen_from_the_file_that_has_them() {
    let outside = Memory::with(&[
        ("megatest.config", "[fields]\nOS TEXT\n[a]\nx 1\n[include sub/one.config]\ny 2\n[include gone.config]"),
        ("sub/one.config", "inner 3\n[b]\nz 4\n[include two.config]\nafter 5"),
        ("sub/two.config", "[c]\nw 6"),
    ]);
    let area = area::read(&outside.context());
    assert_eq!(section(&area.settings, "a"), ["x=1", "inner=3", "y=2"], "before its own sections it goes on in mine");
    assert_eq!(section(&area.settings, "b"), ["z=4", "after=5"]);
    assert_eq!(area.files, ["megatest.config", "sub/one.config", "sub/two.config"]);
    let z = area.settings.get("b", "z").unwrap();
    assert_eq!(z.spot.place().to_string(), "sub/one.config:3:1");
    let notes: Vec<_> = area.problems.iter().filter(|p| p.severity == Severity::Note).collect();
    assert_eq!(notes[0].message, "there is no gone.config; the include is passed over");
}

#[test]
fn an_include_that_includes_itself_is_an_error() {
    let outside = Memory::with(&[
        ("megatest.config", "[fields]\nOS TEXT\n[include a.config]"),
        ("a.config", "[a]\n[include b.config]"),
        ("b.config", "[include a.config]\nx 1"),
    ]);
    let area = area::read(&outside.context());
    assert_eq!(section(&area.settings, "a"), ["x=1"]);
    insta::assert_snapshot!(told(&area.problems), @r#"
    error: a.config includes itself
     --> b.config:1:1
      |
    1 | [include a.config]
      | ^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn what_a_script_writes_is_read_in_its_place() {
    let script = "./gen/list.sh a b";
    let text = "[a]\nx 1\n[scriptinc gen/list.sh a b]\nlast 2";
    let files = [("megatest.config", format!("[fields]\nOS TEXT\n{text}"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let outside = Memory::with(&files).answer(script, 0, "y 3\n[b]\nz #{getenv OS}\n");
    let area = area::read(&outside.context().with_target("l"));
    assert_eq!(section(&area.settings, "a"), ["x=1", "y=3", "last=2"]);
    assert_eq!(section(&area.settings, "b"), ["z=l"]);
    assert_eq!(*outside.asked.borrow(), [script]);
    assert!(outside.given.borrow().contains(&("x".to_owned(), "1".to_owned())), "the section's values are variables");
    let outside = Memory::with(&files).answer(script, 127, "");
    insta::assert_snapshot!(told(&area::read(&outside.context()).problems), @r#"
    error: ./gen/list.sh ends with exit code 127; what it wrote before is read
     --> megatest.config:5:1
      |
    5 | [scriptinc gen/list.sh a b]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_key_that_looks_like_a_section_is_told() {
    insta::assert_snapshot!(told(&read("[a] x\n").problems), @r#"
    warning: [a] is read as a key
     --> megatest.config:3:1
      |
    3 | [a] x
      | ^^^
    help: a section stands alone in its line, between brackets

    error: the target l does not have the parts OS/[a]
    "#);
}

#[test]
fn a_section_with_percent_is_one_outside_of_run_configs() {
    assert_eq!(values("[100%]\nx 1", "100%"), ["x=1"]);
}

#[test]
fn limits_are_told() {
    let with = |limits: Limits, text: &str| {
        let outside = Memory::with(&[("megatest.config", text), ("inc", "[a]\nx 1\n[include inc2]"), ("inc2", "y 1")]);
        let mut context = outside.context();
        context.limits = limits;
        let problems = area::read(&context).problems;
        problems.into_iter().filter(|p| p.severity == Severity::Error).map(|p| p.message).next().unwrap_or_default()
    };
    let fields = "[fields]\nOS TEXT\n";
    let limits = Limits::default();
    assert_eq!(with(Limits { file_bytes: 5, ..limits }, fields), "megatest.config has more than 5 bytes");
    assert_eq!(with(Limits { lines: 2, ..limits }, &format!("{fields}[a]\nx 1")), "more than 2 lines");
    assert_eq!(
        with(Limits { depth: 2, ..limits }, &format!("{fields}[include inc]")),
        "more than 2 files within files"
    );
    assert_eq!(
        with(Limits { files: 2, ..limits }, &format!("{fields}[include inc]")),
        "more than 2 files are included"
    );
    assert_eq!(
        with(Limits { commands: 1, ..limits }, &format!("{fields}[a]\nx #{{sh a}}#{{sh b}}")),
        "more than 1 commands are run"
    );
    assert_eq!(
        with(Limits { all_bytes: 11, ..limits }, &format!("{fields}[a]\nx 12345")),
        "the values have more than 11 bytes together"
    );
    assert_eq!(
        with(Limits { value_bytes: 4, ..limits }, &format!("{fields}[a]\nx #{{sh abcdef}}")),
        "the value has more than 4 bytes"
    );
    assert_eq!(with(limits, "[a]\nx \0"), "the line has a NUL character");
}

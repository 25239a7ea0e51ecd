//! Warnings of compilers: found, told by file, suppressed, bounded; and the list of those that do not matter.

use formats::warnings::{Counter, MOST, Rules, RulesSpec, Suppression, Warning, WarningLimits, Warnings, parse};
use proptest::prelude::*;
use std::error::Error;

fn count(spec: &RulesSpec, output: &[u8], chunk: usize, limits: WarningLimits) -> (Warnings, u64) {
    let mut told = 0;
    let mut counter = Counter::new(Rules::new(spec).expect("the rules are good"), limits);
    for chunk in output.chunks(chunk) {
        counter.push(chunk, &mut |_| told += 1);
    }
    (counter.finish(&mut |_| told += 1), told)
}

fn read(spec: &RulesSpec, output: &str) -> Warnings {
    count(spec, output.as_bytes(), 1 << 20, WarningLimits::default()).0
}

/// `file:line: text` of each.
fn shown(warnings: &Warnings) -> Vec<String> {
    let shown = |w: &Warning| {
        let line = w.line.map(|l| format!(":{l}")).unwrap_or_default();
        format!("{} {}{line} {}", w.at, w.file.as_deref().unwrap_or("-"), w.text)
    };
    warnings.kept.iter().map(shown).collect()
}

const OUTPUT: &str = "\
make: Entering directory '/src'
gcc -c a.c
a.c:12:5: warning: unused variable 'x' [-Wunused-variable]
In file included from a.c:1:
./b.h:3: Warning: old style
make[1]: Entering directory `/src/lib'
../c.c(40): warning C4996: unsafe
/abs/d.c:7:1: \x1b[35mwarning:\x1b[0m coloured\r
make[1]: Leaving directory `/src/lib'
a.c:13:5: warning: unused variable 'y' [-Wunused-variable]
make: Leaving directory '/src'
e.java:9: warning: [deprecation] f
ld: warning without a place
no warnings here
C:\\src\\f.c:8: warning: drive
";

#[test]
fn warnings_are_found_with_their_places() {
    let warnings = read(&RulesSpec::default(), OUTPUT);
    let expected = [
        "3 /src/a.c:12 warning: unused variable 'x' [-Wunused-variable]",
        "5 /src/b.h:3 Warning: old style",
        "7 /src/lib/../c.c:40 warning C4996: unsafe",
        "8 /abs/d.c:7 warning: coloured",
        "10 /src/a.c:13 warning: unused variable 'y' [-Wunused-variable]",
        "12 e.java:9 warning: [deprecation] f",
        "13 - ld: warning without a place",
        "15 C:\\src\\f.c:8 warning: drive",
    ];
    assert_eq!(shown(&warnings), expected);
    assert_eq!((warnings.count, warnings.suppressed), (8, 0));
    assert_eq!(warnings.worst_files()[..2], [("/src/a.c", 2), ("/abs/d.c", 1)]);
}

#[test]
fn a_list_says_what_does_not_matter() {
    let list = "# what we live with\n\n a\\.c : unused variable : 10-12 \nb.h:.*\n.* : C4996\n.*: without a place\n";
    let suppressions = parse(list).expect("the list is good");
    let warnings = read(&RulesSpec { suppressions, ..RulesSpec::default() }, OUTPUT);
    assert_eq!((warnings.count, warnings.suppressed), (4, 4));
    assert_eq!(warnings.by_file.keys().collect::<Vec<_>>(), ["/abs/d.c", "/src/a.c", "C:\\src\\f.c", "e.java"]);
    // A warning without a file or line is matched only by "any".
    let bare = Warning { at: 1, file: None, line: None, text: "x".into() };
    let covers = |file, lines| Suppression::new(file, Some("x"), lines).expect("it is good").covers(&bare);
    assert!(covers(None, None) && covers(Some(".*"), None));
    assert!(!covers(Some("a"), None) && !covers(None, Some(1..=9)));
}

#[test]
fn a_bad_list_says_where_and_what() {
    let mut many = "a : b\n".repeat(MOST);
    assert_eq!(parse(&many).expect("so many are fine").len(), MOST);
    many += "a : b\n";
    let table = [
        ("\nno colon", "line 2 is not 'FILE PATTERN : TEXT PATTERN' with or without ' : FIRST-LAST'"),
        ("a :", "line 1 is not 'FILE PATTERN : TEXT PATTERN' with or without ' : FIRST-LAST'"),
        ("a : (b", "the pattern '(b' in line 1 is not a regular expression"),
        ("a : b : 9-3", "the range 9-3 in line 1 ends before it begins"),
        (&many, "the list has more than 2000 entries"),
    ];
    for (list, expected) in table {
        assert_eq!(parse(list).expect_err("it is bad").to_string(), expected);
    }
    // What looks like no range belongs to the text.
    let odd = parse("a : b : c").expect("it is good");
    assert_eq!(odd, [Suppression::new(Some("a"), Some("b : c"), None).expect("it is good")]);
}

#[test]
fn patterns_of_ones_own() {
    let spec = RulesSpec {
        pattern: Some("^W ".into()),
        extract: Some("^W (?P<line>[0-9]+) in (?P<file>\\S+) says (?P<text>.*)$".into()),
        enter: Some("^cd (.*)$".into()),
        leave: Some("^back$".into()),
        ..RulesSpec::default()
    };
    let warnings = read(&spec, "cd x/\nW 3 in f says hm\nback\nback\nW 4 in f says hm\nW what\nwarning: not ours\n");
    assert_eq!(shown(&warnings), ["2 x/f:3 hm", "5 f:4 hm", "6 - W what"]);
    let table = [
        (RulesSpec { pattern: Some("(".into()), ..RulesSpec::default() }, "the warning pattern '(' cannot be used"),
        (
            RulesSpec { extract: Some("(a)(b)".into()), ..RulesSpec::default() },
            "the extract pattern '(a)(b)' has 2 groups in parentheses and needs 3",
        ),
        (
            RulesSpec { enter: Some("a".into()), ..RulesSpec::default() },
            "the enter pattern 'a' has 0 groups in parentheses and needs 1",
        ),
        (
            RulesSpec { leave: Some("a{99999}{999}".into()), ..RulesSpec::default() },
            "the leave pattern 'a{99999}{999}' cannot be used",
        ),
    ];
    for (spec, expected) in table {
        let error = Rules::new(&spec).expect_err("it is bad");
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.source().is_some(), expected.ends_with("cannot be used"));
    }
}

#[test]
fn what_is_not_kept_is_counted() {
    let mut output: Vec<u8> = Vec::new();
    for i in 0..5000 {
        output.extend(format!("f{i}.c:1: warning: x\nmake[1]: Entering directory '/d{i}'\n").into_bytes());
    }
    output.extend(b"warning: ".iter());
    output.extend(vec![b'x'; 1 << 20]);
    let limits = WarningLimits { line: 100, kept: 10, files: 20 };
    let (warnings, told) = count(&RulesSpec::default(), &output, 1000, limits);
    assert_eq!((warnings.count, told, warnings.kept.len(), warnings.by_file.len()), (5001, 5001, 10, 20));
    assert!(warnings.kept.iter().all(|w| w.text.len() <= 100));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn borders_of_chunks_do_not_matter(
        parts in proptest::collection::vec(prop_oneof![
            Just(b"a.c:1: warning: x\n".to_vec()),
            Just(b"make: Entering directory '/x'\n".to_vec()),
            Just(b"make: Leaving directory '/x'\n".to_vec()),
            any::<[u8; 6]>().prop_map(|b| b.to_vec()),
        ], 0..30),
        chunk in 1usize..40,
    ) {
        let bytes = parts.concat();
        let limits = WarningLimits { line: 30, kept: 3, files: 2 };
        let whole = count(&RulesSpec::default(), &bytes, bytes.len().max(1), limits);
        prop_assert_eq!(&whole, &count(&RulesSpec::default(), &bytes, chunk, limits));
        prop_assert_eq!(whole.0.count, whole.1);
    }

    #[test]
    fn any_list_is_read_or_refused(list in "[a-c:#0-9\\-(.*\n ]{0,60}") {
        if let Ok(entries) = parse(&list) {
            prop_assert!(entries.len() <= list.lines().count());
        }
    }
}

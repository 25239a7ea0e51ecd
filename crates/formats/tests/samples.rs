//! Real output of the real tools, read: what it comes to, and that it is recognised.

use formats::{Event, Format, Limits, Reader, Summary, TestCase, TestOutcome, Verdict};
use std::path::PathBuf;

fn sample(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read(format: Format, bytes: &[u8]) -> (Summary, Vec<TestCase>) {
    let mut tests = Vec::new();
    let mut take = |event| {
        if let Event::Test(test) = event {
            tests.push(test);
        }
    };
    let mut reader = Reader::new(format, Limits::default());
    reader.push(bytes, &mut take);
    let summary = reader.finish(&mut take);
    (summary, tests)
}

/// A summary in short.
fn shown(summary: &Summary) -> String {
    let verdict = match summary.verdict() {
        Verdict::Passed => "passed",
        Verdict::Incomplete => "incomplete",
        Verdict::Failed => "failed",
    };
    let mut text = format!("{verdict}: {}", summary.totals.words());
    if summary.flaky > 0 {
        text += &format!(", {} flaky", summary.flaky);
    }
    for test in &summary.totals.bad {
        text += &format!("\n{:?} {}", test.outcome, test.name);
    }
    for flaw in &summary.flaws {
        text += &format!("\n({flaw})");
    }
    text
}

/// Sample, the format it is in, and what it comes to. The numbers are those that the tools themselves tell.
const TABLE: &[(&str, Format, &str)] = &[
    (
        "bats.tap",
        Format::Tap,
        "failed: 3 tests, 1 failed, 1 skipped\n\
         Failed falls",
    ),
    (
        "broken.subunit2",
        Format::SubunitV2,
        "failed: 1 test, 1 failed\n\
         Failed unittest.loader._FailedTest.test_broken",
    ),
    ("cargo-fine.txt", Format::CargoTest, "passed: 2 tests"),
    (
        "cargo.jsonl",
        Format::CargoTestJson,
        "failed: 9 tests, 3 failed, 1 skipped\n\
         Failed tests::errs\n\
         Failed tests::falls\n\
         Failed tests::must_panic",
    ),
    (
        "cargo.txt",
        Format::CargoTest,
        "failed: 9 tests, 4 failed, 1 skipped\n\
         Failed river tests::errs\n\
         Failed river tests::falls\n\
         Failed river tests::must_panic\n\
         Failed bank flaky",
    ),
    ("ctest-fine.txt", Format::Ctest, "passed: 1 test"),
    (
        "ctest-none.txt",
        Format::Ctest,
        "incomplete: 0 tests\n\
         (the output holds no tests)",
    ),
    (
        "ctest-output.txt",
        Format::Ctest,
        "failed: 8 tests, 2 failed, 3 errors, 2 skipped\n\
         Failed falls\n\
         Error with\n\
         Error crash\n\
         Error missing\n\
         Failed slow",
    ),
    (
        "ctest.txt",
        Format::Ctest,
        "failed: 8 tests, 2 failed, 3 errors, 2 skipped\n\
         Failed falls\n\
         Failed slow\n\
         Error with\n\
         Error crash\n\
         Error missing",
    ),
    (
        "ctest.xml",
        Format::Junit,
        "failed: 8 tests, 3 failed, 2 errors, 2 skipped\n\
         Failed falls\n\
         Failed slow\n\
         Error with\n\
         Failed crash\n\
         Error missing",
    ),
    ("go-fine.txt", Format::GoTest, "passed: 1 test"),
    (
        "go-verbose.txt",
        Format::GoTest,
        "failed: 15 tests, 5 failed, 1 errors, 1 skipped\n\
         Failed example.org/river.TestFalls\n\
         Failed example.org/river.TestGauges\n\
         Failed example.org/river.TestGauges/gauge_1\n\
         Failed example.org/river.ExampleOk\n\
         Error example.org/river/bad\n\
         Failed example.org/river/bank.TestBreaks\n\
         (example.org/river/bad did not run: build failed)",
    ),
    (
        "go.jsonl",
        Format::GoTestJson,
        "failed: 15 tests, 5 failed, 1 errors, 1 skipped\n\
         Failed example.org/river/bank.TestBreaks\n\
         Failed example.org/river.TestFalls\n\
         Failed example.org/river.TestGauges/gauge_1\n\
         Failed example.org/river.TestGauges\n\
         Failed example.org/river.ExampleOk\n\
         Error example.org/river/bad\n\
         (example.org/river/bad did not run: build failed)",
    ),
    (
        "go.txt",
        Format::GoTest,
        "failed: 7 tests, 5 failed, 1 errors\n\
         Failed example.org/river.TestFalls\n\
         Failed example.org/river.TestGauges\n\
         Failed example.org/river.TestGauges/gauge_1\n\
         Failed example.org/river.ExampleOk\n\
         Error example.org/river/bad\n\
         Failed example.org/river/bank.TestBreaks\n\
         (example.org/river/bad did not run: build failed)",
    ),
    (
        "nextest-failfast.txt",
        Format::Nextest,
        "failed: 3 tests, 2 failed, 1 skipped\n\
         Failed river tests::falls\n\
         Failed river tests::errs\n\
         (7 tests were announced and 2 came)",
    ),
    (
        "nextest.txt",
        Format::Nextest,
        "failed: 8 tests, 3 failed, 1 skipped, 1 flaky\n\
         Failed river tests::errs\n\
         Failed river tests::falls\n\
         Failed river tests::must_panic",
    ),
    (
        "nextest.xml",
        Format::Junit,
        "failed: 7 tests, 3 failed, 1 flaky\n\
         Failed river tests::errs\n\
         Failed river tests::falls\n\
         Failed river tests::must_panic",
    ),
    (
        "node.tap",
        Format::Tap,
        "failed: 5 tests, 2 failed, 1 skipped, 1 failed as expected\n\
         Failed falls\n\
         Failed bank",
    ),
    (
        "node.xml",
        Format::Junit,
        "failed: 6 tests, 2 failed, 1 skipped, 1 failed as expected\n\
         Failed test.falls\n\
         Failed test: right # side",
    ),
    (
        "perl-bail.tap",
        Format::Tap,
        "incomplete: 1 test\n\
         (the tests were given up: the dam broke)",
    ),
    (
        "perl-dies.tap",
        Format::Tap,
        "incomplete: 1 test\n\
         (3 tests were announced and 1 came)",
    ),
    ("perl-fine.tap", Format::Tap, "passed: 2 tests"),
    (
        "perl-level.tap",
        Format::Tap,
        "failed: 5 tests, 1 failed, 1 skipped, 1 failed as expected\n\
         Failed falls",
    ),
    (
        "perl-short.tap",
        Format::Tap,
        "incomplete: 2 tests\n\
         (3 tests were announced and 2 came)",
    ),
    ("perl-skip.tap", Format::Tap, "passed: 0 tests"),
    (
        "perl-sub.tap",
        Format::Tap,
        "failed: 2 tests, 1 failed, 1 skipped\n\
         Failed bank # left",
    ),
    (
        "prove-bail.txt",
        Format::Prove,
        "failed: 4 tests, 1 errors\n\
         Error bail.t\n\
         (the tests were given up: Further testing stopped: the dam broke)",
    ),
    ("prove-fine.txt", Format::Prove, "passed: 3 tests, 1 skipped"),
    (
        "prove-jobs.txt",
        Format::Prove,
        "failed: 16 tests, 2 failed, 3 errors, 3 skipped\n\
         Error t/dies.t\n\
         Error t/none.t\n\
         Failed t/level.t test 2\n\
         Error t/short.t\n\
         Failed t/sub.t test 1",
    ),
    (
        "prove-verbose-names.txt",
        Format::Prove,
        "failed: 10 tests, 2 failed, 1 errors, 2 skipped, 1 failed as expected\n\
         Failed t/bad.t: one and one\n\
         Failed t/bad.t test 3\n\
         Error t/dies.t",
    ),
    (
        "prove-verbose.txt",
        Format::Prove,
        "failed: 7 tests, 2 failed, 2 skipped, 1 failed as expected\n\
         Failed t/level.t: falls\n\
         Failed t/sub.t: bank # left",
    ),
    (
        "prove.txt",
        Format::Prove,
        "failed: 16 tests, 2 failed, 3 errors, 3 skipped\n\
         Error t/dies.t\n\
         Failed t/level.t test 2\n\
         Error t/none.t\n\
         Error t/short.t\n\
         Failed t/sub.t test 1",
    ),
    (
        "pytest-collect.txt",
        Format::Pytest,
        "failed: 1 test, 1 errors\n\
         Error test_broken.py",
    ),
    ("pytest-fine.txt", Format::Pytest, "passed: 2 tests"),
    (
        "pytest-quiet.txt",
        Format::Pytest,
        "failed: 13 tests, 3 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Failed pt_river.py::test_falls\n\
         Failed pt_river.py::test_strict\n\
         Failed pt_river.py::test_many[c::d - e]\n\
         Error pt_river.py::test_well\n\
         Error pt_river.py::test_teardown",
    ),
    (
        "pytest-verbose.txt",
        Format::Pytest,
        "failed: 13 tests, 3 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Failed pt_river.py::test_falls\n\
         Error pt_river.py::test_well\n\
         Error pt_river.py::test_teardown\n\
         Failed pt_river.py::test_strict\n\
         Failed pt_river.py::test_many[c::d - e]",
    ),
    (
        "pytest.txt",
        Format::Pytest,
        "failed: 13 tests, 3 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Failed pt_river.py::test_falls\n\
         Failed pt_river.py::test_strict\n\
         Failed pt_river.py::test_many[c::d - e]\n\
         Error pt_river.py::test_well\n\
         Error pt_river.py::test_teardown",
    ),
    (
        "pytest.xml",
        Format::Junit,
        "failed: 12 tests, 3 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Failed pt_river.test_falls\n\
         Error pt_river.test_well\n\
         Error pt_river.test_teardown\n\
         Failed pt_river.test_strict\n\
         Failed pt_river.test_many[c::d - e]",
    ),
    (
        "river.subunit1",
        Format::SubunitV1,
        "failed: 11 tests, 4 failed, 1 unexpectedly passed, 2 skipped, 1 failed as expected\n\
         Failed test_river.Level.test_dries_up\n\
         Failed test_river.Level.test_falls\n\
         Failed test_river.Level.test_gauges\n\
         UnexpectedSuccess test_river.Level.test_mended_leak\n\
         Failed setUpClass (test_river.Lock)",
    ),
    (
        "river.subunit2",
        Format::SubunitV2,
        "failed: 11 tests, 4 failed, 1 unexpectedly passed, 2 skipped, 1 failed as expected\n\
         Failed test_river.Level.test_dries_up\n\
         Failed test_river.Level.test_falls\n\
         Failed test_river.Level.test_gauges\n\
         UnexpectedSuccess test_river.Level.test_mended_leak\n\
         Failed setUpClass (test_river.Lock)",
    ),
    (
        "trial-bw.txt",
        Format::Trial,
        "failed: 8 tests, 1 failed, 3 errors, 1 skipped, 1 failed as expected\n\
         Error trial_river.Level.test_dries_up\n\
         Failed trial_river.Level.test_falls\n\
         Error trial_river.Level.test_never\n\
         Error test_broken",
    ),
    ("trial-fine.txt", Format::Trial, "passed: 2 tests"),
    (
        "trial-jobs.txt",
        Format::Trial,
        "failed: 7 tests, 1 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Error trial_river.Level.test_dries_up\n\
         Failed trial_river.Level.test_falls\n\
         Error trial_river.Level.test_never\n\
         (the output is cut off: the line PASSED or FAILED at the end)",
    ),
    (
        "trial-text.txt",
        Format::Trial,
        "failed: 7 tests, 1 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Failed trial_river.Level.test_falls\n\
         Error trial_river.Level.test_dries_up\n\
         Error trial_river.Level.test_never",
    ),
    (
        "trial.subunit1",
        Format::SubunitV1,
        "failed: 7 tests, 1 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Error trial_river.Level.test_dries_up\n\
         Failed trial_river.Level.test_falls\n\
         Error trial_river.Level.test_never",
    ),
    (
        "trial.txt",
        Format::Trial,
        "failed: 7 tests, 1 failed, 2 errors, 1 skipped, 1 failed as expected\n\
         Error trial_river.Level.test_dries_up\n\
         Failed trial_river.Level.test_falls\n\
         Error trial_river.Level.test_never",
    ),
    ("unittest-fine.txt", Format::Unittest, "passed: 2 tests"),
    (
        "unittest-import.txt",
        Format::Unittest,
        "failed: 1 test, 1 errors\n\
         Error unittest.loader._FailedTest.nothing_here",
    ),
    (
        "unittest-verbose.txt",
        Format::Unittest,
        "failed: 10 tests, 2 failed, 3 errors, 1 unexpectedly passed, 2 skipped, 1 failed as expected\n\
         UnexpectedSuccess test_river.Level.test_mended_leak\n\
         Error test_river.Level.test_dries_up\n\
         Failed test_river.Level.test_falls\n\
         Failed test_river.Level.test_gauges (gauge=1)\n\
         Error test_river.Lock.setUpClass\n\
         Error unittest.loader._FailedTest.test_broken",
    ),
    (
        "unittest.txt",
        Format::Unittest,
        "failed: 10 tests, 2 failed, 3 errors, 1 unexpectedly passed, 2 skipped, 1 failed as expected\n\
         Error test_river.Level.test_dries_up\n\
         Error test_river.Lock.setUpClass\n\
         Error unittest.loader._FailedTest.test_broken\n\
         Failed test_river.Level.test_falls\n\
         Failed test_river.Level.test_gauges (gauge=1)\n\
         UnexpectedSuccess test_river.Level.test_mended_leak",
    ),
    (
        "xmlrunner.xml",
        Format::Junit,
        "failed: 8 tests, 2 failed, 2 errors, 3 skipped\n\
         Failed test_river.Level.test_falls\n\
         Failed test_river.Level.test_gauges (gauge=1)\n\
         Error test_river.Level.test_dries_up\n\
         Error test_river.Level.test_mended_leak",
    ),
];

#[test]
fn samples_come_to_what_their_tools_say() {
    for (name, format, expected) in TABLE {
        let bytes = sample(name);
        let (summary, tests) = read(*format, &bytes);
        assert_eq!(shown(&summary), *expected, "{name}");
        assert_eq!(summary.format, Some(*format), "{name}");
        let (recognised, same) = read(Format::Auto, &bytes);
        assert_eq!((recognised, same), (summary, tests), "{name} recognised");
    }
}

#[test]
fn every_sample_is_in_the_table() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    for entry in std::fs::read_dir(dir).expect("the samples are there") {
        let name = entry.expect("it can be read").file_name();
        assert!(TABLE.iter().any(|(known, ..)| name.to_str() == Some(known)), "{name:?}");
    }
}

#[test]
fn no_beginning_of_a_sample_passes_that_lacks_a_test() {
    // What a report in one of these formats lacks at its end is noticed wherever it ends.
    for (name, format) in [
        ("perl-fine.tap", Format::Tap),
        ("ctest-fine.txt", Format::Ctest),
        ("cargo-fine.txt", Format::CargoTest),
        ("unittest-fine.txt", Format::Unittest),
        ("trial-fine.txt", Format::Trial),
        ("pytest-fine.txt", Format::Pytest),
        ("prove-fine.txt", Format::Prove),
        ("pytest.xml", Format::Junit),
    ] {
        let bytes = sample(name);
        let (whole, _) = read(format, &bytes);
        for end in 0..bytes.len() {
            let (cut, _) = read(format, &bytes[..end]);
            let lacks = cut.totals.total() < whole.totals.total();
            let noticed = cut.verdict() != Verdict::Passed;
            assert!(noticed || !lacks, "{name} up to {end}: {}", shown(&cut));
        }
    }
}

#[test]
fn messages_and_durations_are_told() {
    let find = |name: &str, format, test: &str| {
        let (_, tests) = read(format, &sample(name));
        tests.into_iter().find(|t| t.name == test).unwrap_or_else(|| panic!("{name} has no {test}"))
    };
    let table = [
        ("perl-level.tap", Format::Tap, "test 3", "needs a flood"),
        ("node.tap", Format::Tap, "bank", "not ok 2 - right"),
        ("node.tap", Format::Tap, "falls", "failureType: 'testCodeFailure'"),
        ("river.subunit2", Format::SubunitV2, "test_river.Level.test_dries_up", "OSError: no water"),
        ("river.subunit1", Format::SubunitV1, "test_river.Level.test_dries_up", "OSError: no water"),
        ("river.subunit1", Format::Subunit, "test_river.Level.test_dries_up", "OSError: no water"),
        ("river.subunit2", Format::Subunit, "test_river.Level.test_dries_up", "OSError: no water"),
        ("river.subunit2", Format::SubunitV2, "test_river.Level.test_flood", "needs a flood"),
        ("trial.txt", Format::Trial, "trial_river.Level.test_dries_up", "OSError: no water"),
        ("trial.txt", Format::Trial, "trial_river.Level.test_todo", "Reason: 'will be mended'"),
        ("unittest.txt", Format::Unittest, "test_river.Level.test_falls", "First differing element 1"),
        ("unittest-verbose.txt", Format::Unittest, "test_river.Level.test_flood", "needs a flood"),
        ("pytest.txt", Format::Pytest, "pt_river.py::test_well", "OSError: no water"),
        ("pytest-verbose.txt", Format::Pytest, "pt_river.py::test_falls", "At index 1 diff"),
        ("pytest-verbose.txt", Format::Pytest, "pt_river.py::test_flood", "needs a flood"),
        ("pytest.xml", Format::Junit, "pt_river.test_falls", "At index 1 diff"),
        ("nextest.xml", Format::Junit, "river tests::falls", "panicked at src/lib.rs"),
        ("nextest.txt", Format::Nextest, "river tests::falls", "panicked at src/lib.rs"),
        ("cargo.txt", Format::CargoTest, "river tests::errs", "Error: \"no water\""),
        ("cargo.jsonl", Format::CargoTestJson, "tests::errs", "Error: \"no water\""),
        ("go.txt", Format::GoTest, "example.org/river.TestFalls", "river_test.go:4: got 2, want 3"),
        ("go-verbose.txt", Format::GoTest, "example.org/river.TestFalls", "river_test.go:4: got 2, want 3"),
        ("go.jsonl", Format::GoTestJson, "example.org/river.TestFalls", "river_test.go:4: got 2, want 3"),
        ("go-verbose.txt", Format::GoTest, "example.org/river.TestFlood", "needs a flood"),
        ("go.txt", Format::GoTest, "example.org/river/bank.TestBreaks", "nil pointer dereference"),
        ("ctest-output.txt", Format::Ctest, "falls", "measuring"),
        ("ctest.txt", Format::Ctest, "crash", "Exception: SegFault"),
        ("prove.txt", Format::Prove, "t/dies.t", "You planned 3 tests but ran 1"),
    ];
    for (name, format, test, expected) in table {
        let found = find(name, format, test);
        assert!(found.message.contains(expected), "{name}, {test}: {}", found.message);
    }
    let durations = [
        ("nextest.txt", Format::Nextest, "river tests::falls", 19_000),
        ("pytest.xml", Format::Junit, "pt_river.test_falls", 1_000),
        ("ctest.xml", Format::Junit, "slow", 1_004_900),
        ("ctest.txt", Format::Ctest, "slow", 1_000_000),
        ("node.tap", Format::Tap, "rises", 1_024),
    ];
    for (name, format, test, micros) in durations {
        assert_eq!(find(name, format, test).duration.map(|d| d.0), Some(micros), "{name}");
    }
    let flaky = find("nextest.xml", Format::Junit, "river::bank flaky");
    assert_eq!((flaky.outcome, flaky.message.as_str()), (TestOutcome::Passed, "it passed after 1 try that failed"));
}

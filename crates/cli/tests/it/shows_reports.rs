//! Reports of real test programs: totals and the names of failing tests in REST and on the page.

use crate::sealed::Sealed;
use crate::steps::{config, document};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python/bin");

const PYTEST: &str = "\
import pytest

def test_adds():
    assert 1 + 1 == 2

@pytest.mark.parametrize('n', [1, 2, 3])
def test_is_small(n):
    assert n < 3

@pytest.mark.skip(reason='not today')
def test_sleeps():
    pass

class TestSum:
    def test_is_right(self):
        assert sum([1, 2]) == 4
";

const UNITTEST: &str = "\
import unittest

class Sums(unittest.TestCase):
    def test_right(self):
        self.assertEqual(1 + 1, 2)

    def test_wrong(self):
        self.assertEqual(1 + 1, 3)

    def test_broken(self):
        raise OSError('no such sum')

    @unittest.skip('not today')
    def test_later(self):
        pass
";

const PERL: [(&str, &str); 2] = [
    ("t/good.t", "use Test::More tests => 2;\nok(1, 'adds');\nis(2, 2, 'takes away');\n"),
    (
        "t/bad.t",
        "use Test::More tests => 3;\nok(1, 'multiplies');\nis(1, 2, 'divides');\nSKIP: { skip 'not today', 1; }\n",
    ),
];

const CRATE: [(&str, &str); 3] = [
    ("Cargo.toml", "[package]\nname = \"sums\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
    (
        "src/lib.rs",
        "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(1 + 1, 2);\n    }\n\n    #[test]\n    \
         fn divides() {\n        assert_eq!(4 / 2, 3);\n    }\n\n    #[test]\n    #[ignore]\n    fn later() {}\n}\n",
    ),
    (".config/nextest.toml", "[profile.default.junit]\npath = \"junit.xml\"\n"),
];

/// Writes the files, runs a step over them, and tells its line, its totals and who failed.
fn report(files: &[(&str, &str)], step: &str) -> String {
    let mut place = Sealed::new();
    for (name, text) in files {
        let file = place.path("tree").join(name);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        std::fs::write(file, text).expect("written");
    }
    let tree = place.path("tree").display().to_string();
    let bring = format!("steps.shell(\"cp -R {tree}/. .\", name = \"bring\"),\n");
    let url = place.master(&config("", &format!("{bring}{step}")));
    place.run(&["force", "b", "--wait", "--master", &url]).ends(1);
    let found = document(&place, &url, "/api/v2/builds/1/steps");
    let step = &found["steps"][1];
    let log = || place.run(&["log", "b/1", "tests", "--master", &url]).out;
    assert!(step["tests"].is_object(), "{step:#}\n{}", log());
    let page = place.get(&url, "/builders/b/1");
    let bad: Vec<_> = step["tests"]["bad"].as_array().expect("a list").iter().collect();
    let mut out = vec![step["state_string"].as_str().unwrap_or_default().to_owned()];
    assert!(page.contains(&out[0]), "the page has the totals: {out:?}");
    let totals = step["tests"].as_object().expect("totals").iter().filter(|(_, count)| count.as_u64() > Some(0));
    out.push(totals.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", "));
    for one in bad {
        let name = one["name"].as_str().expect("a name");
        let shown = if page.contains(&name.replace('>', "&gt;")) { "on the page" } else { "not on the page" };
        out.push(format!("{name}: {}, {shown}", one["outcome"].as_str().unwrap_or_default()));
    }
    out.join("\n")
}

#[test]
fn pytest_as_junit() {
    let step = format!(
        "steps.test([\"{PYTHON}/python\", \"-m\", \"pytest\", \"-p\", \"no:cacheprovider\", \"--junitxml=report.xml\"], \
         name = \"tests\", report = \"junit\", report_file = \"report.xml\")"
    );
    insta::assert_snapshot!(report(&[("test_sums.py", PYTEST)], &step), @r"
    failed with exit code 1; 6 tests, 2 failed, 1 skipped
    failed 2, passed 3, skipped 1
    test_sums.test_is_small[3]: failed, on the page
    test_sums.TestSum.test_is_right: failed, on the page
    ");
}

/// The file of the build before stands in the same directory still, and the new one is as long.
#[test]
fn a_report_that_is_written_over_is_read_anew() {
    let mut place = Sealed::new();
    let script = r#"echo '<testsuite><testcase name="a"><failure/></testcase></testsuite>' > r.xml"#;
    let step = format!("steps.test({script:?}, name = \"tests\", report = \"junit\", report_file = \"r.xml\")");
    let url = place.master(&config("", &step));
    for build in 1..=2 {
        place.run(&["force", "b", "--wait", "--master", &url]).ends(1).says("1 test, 1 failed");
        let found = document(&place, &url, &format!("/api/v2/builds/{build}/steps"));
        assert_eq!(found["steps"][0]["tests"]["failed"], 1, "{found:#}");
    }
}

#[test]
fn prove_as_it_prints_and_as_tap() {
    let prove = "steps.test([\"prove\", \"t\"], name = \"tests\")";
    insta::assert_snapshot!(report(&PERL, prove), @r"
    failed with exit code 1; 5 tests, 1 failed, 1 skipped
    failed 1, passed 3, skipped 1
    t/bad.t test 2: failed, on the page
    ");
    let tap = "steps.test([\"prove\", \"--verbose\", \"t\"], name = \"tests\", report = \"prove\")";
    insta::assert_snapshot!(report(&PERL, tap), @r"
    failed with exit code 1; 5 tests, 1 failed, 1 skipped
    failed 1, passed 3, skipped 1
    t/bad.t: divides: failed, on the page
    ");
    let raw = "steps.test([\"perl\", \"t/bad.t\"], name = \"tests\", report = \"tap\")";
    insta::assert_snapshot!(report(&PERL, raw), @r"
    failed with exit code 1; 3 tests, 1 failed, 1 skipped
    failed 1, passed 1, skipped 1
    divides: failed, on the page
    ");
}

#[test]
fn python_as_subunit() {
    let step = format!(
        "steps.test([\"{PYTHON}/python\", \"-m\", \"subunit.run\", \"test_sums\"], name = \"tests\", report = \"subunit_v2\")"
    );
    insta::assert_snapshot!(report(&[("test_sums.py", UNITTEST)], &step), @r"
    4 tests, 2 failed, 1 skipped
    failed 2, passed 1, skipped 1
    test_sums.Sums.test_broken: failed, on the page
    test_sums.Sums.test_wrong: failed, on the page
    ");
    let lines = format!(
        "steps.test(\"{PYTHON}/python -m subunit.run test_sums | {PYTHON}/subunit-2to1; false\", name = \"tests\", report = \"subunit_v1\")"
    );
    insta::assert_snapshot!(report(&[("test_sums.py", UNITTEST)], &lines), @r"
    failed with exit code 1; 4 tests, 2 failed, 1 skipped
    failed 2, passed 1, skipped 1
    test_sums.Sums.test_broken: failed, on the page
    test_sums.Sums.test_wrong: failed, on the page
    ");
}

#[test]
fn cargo_nextest_as_junit() {
    let home = std::env::var("HOME").expect("a home");
    let rustup = std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{home}/.rustup"));
    let step = format!(
        "steps.test([\"cargo\", \"nextest\", \"run\", \"--offline\"], name = \"tests\", report = \"junit\", \
         report_file = \"target/nextest/default/junit.xml\", \
         env = {{\"RUSTUP_HOME\": \"{rustup}\", \"CARGO_TARGET_DIR\": \"target\", \"RUSTFLAGS\": \"\"}})"
    );
    insta::assert_snapshot!(report(&CRATE, &step), @r"
    failed with exit code 100; 2 tests, 1 failed
    failed 1, passed 1
    sums tests::divides: failed, on the page
    ");
}

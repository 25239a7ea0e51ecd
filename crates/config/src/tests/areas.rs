//! `tests.star`: the tests of an area, and what people read when something is wrong with them.

use super::Memory;
use crate::{Limits, load, load_pipeline, load_tests};
use model::area::{
    Area, Axis, Check, Class, Disk, ExitCodes, LogRules, Need, RulesSource, Scope, Skip, Tolerance, Until, Var,
};
use model::{CommandLine, Span};

fn read(text: &str) -> Result<Area, String> {
    let memory = Memory::default().file("tests.star", text);
    load_tests("tests.star", &memory, &Limits::default()).map_err(|e| e.to_string())
}

const WHOLE: &str = r#"
tests.area("zlib", fields = {"OS": "linux", "RELEASE": ""}, at_once = 8, job_groups = {"db": 2}, resources = {"gpu": 1},
    env = {"LANG": "C"}, max_time = "1h", dead_after = "10m")
tests.status("SLOW", rank = 35, meaning = "good")
tests.quarantine("net", owner = "bob", reason = "issue 9", expires = "2027-01-31")
tests.waiver("build/clang", step = "make", comment = "ended with 2", owner = "ada", reason = "issue 12",
    expires = "2027-01-31")
tests.fixture("db", setup = "start_db", cleanup = "stop_db")

test("start_db", steps = [("start", "./db start")])
test("stop_db", steps = [("stop", "./db stop")])
test("build", dir = "tests/build", items = {"CC": ["gcc", "clang"], "O": [0, 2]}, without = [{"CC": "gcc", "O": 0}],
    env = {"V": 1}, tags = ["fast"], owner = "ann", description = "makes it", retries = 2, priority = 5,
    steps = [
        ("configure", "./configure"),
        ("make", ["make", "-j2"], {"max_time": "10m", "rules": "make.logpro", "env": {"X": "y"}, "exit": [3, 4]}),
    ])
test("check", items_table = {"CC": ["gcc", "clang"]}, itemwait = ["build"], item_map = {"build": [("$", "/2")]},
    steps = [("check", "make check")], job_group = "db", resources = {"gpu": 1}, fixtures = ["db"], exclusive = True,
    expect = {"size/lib": (100, "<="), "time": (1.5, 0.25)}, skip_if_exists = ["no"], skip_within = "1h")
test("net", waiton = ["build"])
test("summary", toplevel = ["check"], steps = [("count", "./summary", {"exit": "verdict"})], retries_lost = 0)
"#;

#[test]
fn everything_that_a_test_may_have() {
    let area = read(WHOLE).unwrap();
    assert_eq!((area.name.as_str(), area.limits.run, area.tests.len()), ("zlib", Some(8), 6));
    assert_eq!(area.fields[0].default.as_deref(), Some("linux"));
    assert_eq!((area.limits.groups["db"], area.limits.resources["gpu"]), (2, 1));
    assert_eq!((area.max_time, area.dead_after), (Some(Span::seconds(3600)), Some(Span::seconds(600))));
    assert_eq!((area.statuses[0].class, area.statuses[0].satisfies), (Class::Good, true));
    assert_eq!((area.waivers[0].checks.len(), area.quarantine[0].owner.as_str()), (1, "bob"));
    let build = area.test("build").unwrap();
    assert_eq!(build.items.cross, [Axis::new("CC", ["gcc", "clang"]), Axis::new("O", ["0", "2"])]);
    assert_eq!(build.items.without, [vec![Var::new("CC", "gcc"), Var::new("O", "0")]]);
    assert_eq!((build.dir.as_str(), build.retry.failures, build.retry.losses), ("tests/build", 2, 1));
    assert_eq!(build.steps[0].command, CommandLine::Script("./configure".to_owned()));
    assert_eq!(build.steps[1].command, CommandLine::words(["make".to_owned(), "-j2".to_owned()]));
    assert_eq!(build.steps[1].exit, ExitCodes::Allowed(vec![3, 4]));
    assert_eq!(build.steps[1].max_time, Some(Span::seconds(600)));
    assert_eq!(build.defined_at.as_ref().map(|place| place.line), Some(12));
    let check = area.test("check").unwrap();
    assert!(matches!(&check.needs[0].scope, Scope::Item { map } if map[0].replacement == "/2"));
    assert_eq!(check.data[0].tolerance, Tolerance::AtMost);
    assert_eq!((check.data[1].category.as_str(), check.data[1].tolerance), ("", Tolerance::Within(0.25)));
    assert_eq!(check.skip, [Skip::FileExists("no".to_owned()), Skip::RanWithin(Span::seconds(3600))]);
    assert_eq!(area.test("net").unwrap().needs, [Need::normal("build")]);
    let summary = area.test("summary").unwrap();
    assert_eq!((summary.needs[0].until, summary.retry.losses), (Until::Ended, 0));
    assert_eq!(summary.steps[0].exit, ExitCodes::Verdict);
}

const MORE: &str = r#"
FIELDS = {"OS": None, "RELEASE": "new"}
tests.area("more", fields = FIELDS, env_override = {"LANG": "C"}, disks = {"one": "/disks/one"}, link_tree = "links",
    min_space = 1000)
tests.waiver("a", checks = ["*.log", ("out", "out.logpro")], owner = "ada", reason = "r", expires = "2027-01-31")
test("a", dir = "/elsewhere/a", disks = {"two": "two"}, skip_if_running = True, waiver_checks = ["*.txt"],
    steps = [("x", "true", {"rules_text": "(expect:error)"})])
test("b", items = {"N": [1]}, toplevel_items = ["a"], item_map = {"a": [("1", "2")]}, description = "|".join(
    [tests.target(), tests.target(["OS"]), tests.runname(), tests.directory()]))
"#;

#[test]
fn what_areas_of_megatest_may_say_too() {
    let asked = crate::Asked { target: "linux".to_owned(), run: "r7".to_owned(), directory: "/area".to_owned() };
    let memory = Memory { asked, ..Memory::default() }.file("tests.star", MORE);
    let area = load_tests("tests.star", &memory, &Limits::default()).unwrap();
    let defaults: Vec<Option<&str>> = area.fields.iter().map(|f| f.default.as_deref()).collect();
    assert_eq!(defaults, [None, Some("new")]);
    assert_eq!((area.env_override.len(), area.link_tree.as_deref(), area.min_space), (1, Some("links"), Some(1000)));
    assert_eq!(area.disks, [Disk::new("one", "/disks/one")]);
    let rules = |file: &str| LogRules { name: file.to_owned(), source: RulesSource::File(file.to_owned()) };
    let same = |glob: &str| Check::SameFiles { glob: glob.to_owned() };
    assert_eq!(
        area.waivers[0].checks,
        [same("*.log"), Check::Rules { glob: "out".into(), rules: rules("out.logpro") }]
    );
    let a = area.test("a").unwrap();
    assert_eq!(
        (a.dir.as_str(), &a.skip[..], &a.disks[..]),
        ("/elsewhere/a", &[Skip::PreviousRunning][..], &[Disk::new("two", "two")][..])
    );
    assert_eq!(a.waiver_checks, [same("*.txt")]);
    let text = RulesSource::Text("(expect:error)".to_owned());
    assert_eq!(a.steps[0].rules, Some(LogRules { name: "x.logpro".to_owned(), source: text }));
    let b = area.test("b").unwrap();
    assert_eq!((b.needs[0].until, b.description.as_str()), (Until::Ended, "linux/new|linux|r7|/area"));
    assert!(matches!(&b.needs[0].scope, Scope::Item { map } if map.len() == 1));
}

fn refusal(text: &str) -> String {
    read(text)
        .expect_err(text)
        .lines()
        .filter(|l| l.starts_with("error") || l.contains("help:"))
        .collect::<Vec<_>>()
        .join(" | ")
}

#[test]
fn what_cannot_be_is_told() {
    let table = [
        "x = 1",
        "test(\"a\", waiton = [\"b\"])",
        "test(\"build\")\ntest(\"b\", itemwait = [\"biuld\"])",
        "test(\"a\")\ntest(\"a\")",
        "test(\"a\", fixtures = [\"db\"])",
        "test(\"a\")\ntests.fixture(\"f\", setup = \"b\")",
        "test(\"a\")\ntests.fixture(\"f\")",
        "test(\"a\", steps = [(\"x\", \"true\"), (\"x\", \"true\")])",
        "test(\"a\", steps = [(\"x\",)])",
        "test(\"a\", steps = [(\"x\", \"true\", {\"timeout\": 1})])",
        "test(\"a\", steps = [(\"x\", \"true\", {\"rules\": \"../x\"})])",
        "test(\"a\", dir = \"../x\")",
        "test(\"a\", items = {\"V\": \"text\"})",
        "test(\"a\", items = {\"\": [1]})",
        "test(\"b\")\ntest(\"a\", itemwait = [\"b\"], item_map = {\"b\": [(\"(\", \"\")]})",
        "test(\"a\", item_map = {\"b\": []})",
        "test(\"a\", expect = {\"x\": (1, \"about\")})",
        "test(\"a\", resources = {\"gpu\": 0})",
        "tests.waiver(\"a\", step = \"s\", owner = \"o\", reason = \"r\", expires = \"soon\")",
        "tests.status(\"S\", rank = 1, meaning = \"so so\")",
        "tests.area(\"a\")\ntests.area(\"b\")",
        "worker(\"w\")",
        "test(\"a\", env = {\"A=B\": \"x\"})",
        "test(\"a\", steps = [(\"x\", \"true\", {\"rules\": \"x.logpro\", \"rules_text\": \"\"})])",
        "test(\"a\", waiver_checks = [(\"*.log\", \"../x.logpro\")])",
        "test(\"a\", dir = \"/a/../b\")",
        "test(\"a\", disks = {\"d\": \"\"})",
        "tests.waiver(\"a\", comment = \"c\", owner = \"o\", reason = \"r\", expires = \"2027-01-31\")",
        "tests.target(1)",
    ];
    let told: Vec<String> = table.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    error: tests.star defines no test | help: test("name", steps = [("run", "./run")])
    error: test "a" waits for "b", which is not defined | help: did you mean "a"?
    error: test "b" waits for "biuld", which is not defined | help: did you mean "build"?
    error: there are two tests named "a"
    error: test "a" needs the fixture "db", which is not defined | help: no tests.fixture is defined
    error: fixture "f" names "b", which is not defined | help: did you mean "a"?
    error: a fixture without setup and cleanup is none
    error: there is a step "x" already, or it has no name
    error: steps of test must be a list of (name, command) or (name, command, dict), not a list that begins with a text
    error: a step has no option "timeout" | help: it has exit, rules, rules_text, max_time and env
    error: steps of test must be rules in a file below the test's directory, not the text "../x"
    error: dir of test must be a relative directory without "..", not the text "../x"
    error: items of test must be a list of texts, not the text "text"
    error: items of test has a variable named ""
    error: "(" is no regular expression: unclosed group
    error: item_map has "b", which is not in itemwait
    error: expect of test must be a dict of "category/variable" and (value, tolerance), not a list that begins with a whole number
    error: resources of test must be a dict of names and whole numbers from 1 on, not the number 0
    error: expires of tests.waiver cannot be "soon" | help: it is a day such as "2027-01-31"
    error: meaning of tests.status cannot be "so so" | help: it is "good", "neutral" or "bad"
    error: there is a tests.area already
    error: worker does not belong into a tests.star | help: it has test(…) and tests.…
    error: env of test has a variable named "A=B"
    error: steps of test must be rules_text as a text, without rules beside it, not the text ""
    error: waiver_checks of test must be a list of patterns of files, and of (pattern, file of log rules), not a list that begins with a text
    error: dir of test must be a relative directory without "..", not the text "/a/../b"
    error: disks of test must be a dict of names and directories, not the text ""
    error: comment of tests.waiver needs step
    error: fields of tests.target must be a dict of names and defaults, not the number 1
    "#);
}

#[test]
fn tests_stand_nowhere_else() {
    let text = "test(\"a\")";
    let master = load("master.star", &Memory::master(text), &Limits::default()).unwrap_err().to_string();
    assert!(master.contains("test does not belong into the configuration of a master"), "{master}");
    let memory = Memory::default().file("sluice.star", text);
    let pipeline = load_pipeline("sluice.star", &memory, &Limits::default()).unwrap_err().to_string();
    assert!(pipeline.contains("test does not belong into a pipeline"), "{pipeline}");
}

//! Areas as they are and as they are written: both give the same nouns.

use crate::home::{Files, Home, Kind, NATIVE};
use crate::migrate::{MigrateError, Written, migrate};
use config::{Asked, Limits};
use megatest::migrate::{Left, Migrated};
use model::area::Area;
use std::path::Path;

fn home(name: &str) -> Home {
    let areas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../megatest/tests/areas").join(name);
    Home::find_kind(&areas, Kind::Megatest).unwrap()
}

fn made(files: &[(&str, &str)]) -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let home = Home::find_kind(dir.path(), Kind::Megatest).unwrap();
    (dir, home)
}

fn back(home: &Home, migrated: &Migrated, target: &str, run: &str) -> Result<Area, String> {
    let directory = home.dir.to_string_lossy().into_owned();
    let asked = Asked { target: target.to_owned(), run: run.to_owned(), directory };
    let written = Written { star: &migrated.star, files: Files { dir: &home.dir, asked } };
    config::load_tests(NATIVE, &written, &Limits::default()).map_err(|e| e.to_string())
}

fn placeless(area: &Area) -> Area {
    let mut area = area.clone();
    area.tests.iter_mut().for_each(|t| t.defined_at = None);
    area
}

fn told(left: &[Left]) -> Vec<String> {
    left.iter().map(Left::to_string).collect()
}

/// What is written of an area gives, for each target and a run of any name, what its files give.
fn is_the_same(name: &str, targets: &[&str], tried: &[&str]) -> Migrated {
    let migrated = is_the_same_but(name, targets, tried);
    assert_eq!(told(&migrated.left), [""; 0], "{}", migrated.star);
    migrated
}

fn is_the_same_but(name: &str, targets: &[&str], tried: &[&str]) -> Migrated {
    let home = home(name);
    let targets: Vec<String> = targets.iter().map(|t| (*t).to_owned()).collect();
    let migrated = migrate(&home, &targets).unwrap();
    for target in tried {
        let (_, nouns) = home.loaded(Some(target), Some("week7"));
        let got = back(&home, &migrated, target, "week7").unwrap_or_else(|e| panic!("{name}: {e}\n{}", migrated.star));
        assert_eq!(placeless(&got), placeless(&nouns.area), "{name} {target}\n{}", migrated.star);
        assert!(!got.tests.is_empty());
    }
    migrated
}

#[test]
fn areas_are_the_same_when_they_are_written() {
    is_the_same("chain", &[], &["x", "y"]);
    is_the_same("simple", &["bsd/1.0", "linux/2.0"], &["bsd/1.0", "linux/2.0"]);
    is_the_same("deps", &["short/0", "full/0"], &["short/0", "full/0"]);
    is_the_same("lines", &["full/0", "short/0"], &["full/0", "short/0"]);
    is_the_same("long", &[], &["full/0", "short/1"]);
    is_the_same("itemwait", &[], &["x"]);
    is_the_same("maps", &[], &["x"]);
    let rerun = is_the_same_but("rerun", &[], &["x"]);
    let keys = ["allow-auto-rerun", "cleanrerun-states", "cleanrerun-statuses"];
    let left = told(&rerun.left);
    assert!(left.len() == 3 && keys.iter().zip(&left).all(|(key, told)| told.contains(key)), "{left:?}");
    let variables = is_the_same("variables", &["north/1", "south/2"], &["north/1", "south/2"]);
    assert!(!variables.fixed.is_empty(), "what commands wrote");
    is_the_same("skip", &[], &["x", "y"]);
    is_the_same("verdicts", &[], &["x"]);
}

#[test]
fn what_is_written_reads_well() {
    let migrated = is_the_same("simple", &["bsd/1.0", "linux/2.0"], &[]);
    insta::assert_snapshot!(migrated.star, @r#"
    # The tests of an area of Megatest, written by sluice tests migrate.

    FIELDS = ["MACHINE", "RELEASE"]
    HERE = tests.directory()
    TARGETS = ["bsd/1.0", "linux/2.0"]
    TARGET = tests.target(FIELDS)

    if TARGET not in TARGETS:
        fail("this was written for the targets " + ", ".join(TARGETS) + ", and not for '" + TARGET + "'")

    def by_target(table):
        return table[TARGET]

    def sh(command):
        # By bash, and programs of the test itself are found behind the others.
        return ["bash", "-c", 'export PATH="$PATH:."\n' + command]

    tests.area(
        "simple",
        fields = FIELDS,
        at_once = 3,
        env = {"KINDS": by_target({"bsd/1.0": "meadow swamp", "linux/2.0": "meadow swamp desert tundra reef"})},
        disks = {"disk0": HERE + "/runs"},
        link_tree = HERE + "/links",
    )

    test(
        "fence",
        dir = "tests/fence",
        items = {
            "LAND": by_target({
                "bsd/1.0": ["meadow", "swamp"],
                "linux/2.0": ["meadow", "swamp", "desert", "tundra", "reef"],
            }),
        },
        waiton = ["survey"],
        steps = [
            ("posts", sh('echo "posts for $LAND"')),
            ("wire", sh('echo "a wire without warning"; echo "the wire is up"'), {"rules": "wire.logpro"}),
        ],
    )

    test(
        "survey",
        description = """A walk over all the land.
    It is short:
       two steps,
    and each says what it does.""",
        owner = "ann",
        tags = ["first", "land"],
        dir = "tests/survey",
        priority = 1,
        steps = [
            ("walk", sh('echo "walking over the $MACHINE"; echo "nothing in the way"')),
            ("write", sh('echo "all written down" > notes.txt')),
        ],
    )
    "#);
}

#[test]
fn a_target_that_was_not_written_is_refused() {
    let home = home("simple");
    let migrated = migrate(&home, &[]).unwrap();
    assert!(migrated.star.contains("TARGETS = [\"linux/2.0\"]"), "{}", migrated.star);
    let refused = back(&home, &migrated, "bsd/1.0", "r").unwrap_err();
    assert!(refused.contains("was written for the targets linux/2.0, and not for 'bsd/1.0'"), "{refused}");
    // Nobody says for which.
    assert!(matches!(migrate(&self::home("deps"), &[]), Err(MigrateError::NoTarget(_))));
}

#[test]
fn everything_that_an_area_may_say_is_written() {
    let (_dir, home) = made(&[
        (
            "megatest.config",
            "[fields]\nOS TEXT\nREL TEXT DEFAULT 'new'\n[setup]\narea-name every \"thing\"\nmax_concurrent_jobs 3\n\
             runtimelim 1h\ndeadtime 600\nreruns 3\nminspace 10\nlinktree #{mtrah links}\n[jobgroups]\ndb 2\n\
             [disks]\none #{mtrah disk one}\n[env-override]\nDATA #{mtrah data}/$REL\nQUOTE 'a \"b\" \\c'\n",
        ),
        ("runconfigs.config", "[default]\nFLAGS -O0\nMODE slow\n[linux/new]\nFLAGS -O0 -O2\n[bsd/9]\nMODE fast\n"),
        (
            "tests/first/testconfig",
            "[ezsteps]\nmake {A=1} make all\n[items]\nF #{rget FLAGS}\n[itemstable]\nP 1 2\nQ x\n",
        ),
        (
            "tests/second/testconfig",
            "[setup]\nrunscript main.sh -x\n[requirements]\nwaiton first\nmode itemwait toplevel exclusive\npriority 7\n\
             runtimelim 5m\njobgroup db\nitemmap (.*) \\1\\\\\n[items]\nF a/b c\n[test_meta]\nowner ann\ntags a, b\n\
             description one\n  two\n[skip]\nprevrunning yes\nfileexists #{mtrah no}.#{getenv MT_RUNNAME}\nrundelay 1h\n\
             [pre-launch-env-vars]\nX 1\nY 2\n[pre-launch-env-overrides]\nX 3\n[disks]\ntwo /two\n\
             [waivers]\nmake diff *.log\nother diff x.txt\n",
        ),
        ("tests/second/other.logpro", "(expect:error in \"LogFileBody\" = 0 \"none\" #/x/)\n"),
        (
            "tests/third/testconfig",
            "[ezsteps]\nsay echo \"a\\b\" 'c' #x\n[logpro]\nsay ;; rules\n  (expect:required in \"LogFileBody\" > 0 \"digits\" #/\\d+ \"x\"/)\n\
             [requirements]\nexit-code rules\n",
        ),
    ]);
    let migrated = migrate(&home, &[]).unwrap();
    assert_eq!(told(&migrated.left), [""; 0], "{}", migrated.star);
    for target in ["linux/new", "bsd/9"] {
        let (_, nouns) = home.loaded(Some(target), Some("week7"));
        let got = back(&home, &migrated, target, "week7").unwrap_or_else(|e| panic!("{e}\n{}", migrated.star));
        assert_eq!(placeless(&got), placeless(&nouns.area), "{target}\n{}", migrated.star);
        assert_eq!(got.test("second").unwrap().waiver_checks.len(), 2);
    }
    // Values that were left out have their defaults.
    assert_eq!(
        back(&home, &migrated, "linux", "r").unwrap().env,
        back(&home, &migrated, "linux/new", "r").unwrap().env
    );
}

#[test]
fn what_cannot_be_written_is_told_with_its_place() {
    let (_dir, home) = made(&[
        (
            "megatest.config",
            "[fields]\nT TEXT\n[setup]\narea-name mended\ntestcopycmd cp -r TEST_SRC_PATH TEST_TARG_PATH\nmax_concurrent_jobs 0\n",
        ),
        ("tests/broken/testconfig", "[ezsteps]\nx true\n[items]\nN #{scheme (+ 1 2)}\n"),
        ("tests/behind/testconfig", "[ezsteps]\nx true\n[requirements]\nwaiton broken\n"),
        ("tests/lost/testconfig", "[ezsteps]\nx true\n[requirements]\nwaiton nobody\n"),
        (
            "tests/now/testconfig",
            "[ezsteps]\nx echo #{shell echo 17}\n[waivers]\nx own *.log\n[waiver_rules]\nown cmp a b\n",
        ),
    ]);
    let migrated = migrate(&home, &[]).unwrap();
    insta::assert_snapshot!(told(&migrated.left).join("\n"), @r#"
    tests/behind/testconfig:4: behind is left out: it waits for broken, which is left out
    tests/broken/testconfig:4: broken is left out: #{scheme …} is not evaluated
    tests/lost/testconfig:4: lost is left out: it waits for nobody, and there is no such test
    megatest.config:5: testcopycmd of [setup]: the files of a test are copied in the usual way
    tests/now/testconfig:4: the waiver x has a command of its own, which is not run
    the area is not in all what it is in megatest.config
    "#);
    insta::assert_snapshot!(told(&migrated.fixed).join("\n"), @r#"tests/now/testconfig:2: x is what it was when this was written"#);
    insta::assert_snapshot!(migrated.star, @r#"
    # The tests of an area of Megatest, written by sluice tests migrate.
    # Not said here: the area is not in all what it is in megatest.config
    # Not said here: tests/behind/testconfig:4: behind is left out: it waits for broken, which is left out
    # Not said here: tests/broken/testconfig:4: broken is left out: #{scheme …} is not evaluated
    # Not said here: tests/lost/testconfig:4: lost is left out: it waits for nobody, and there is no such test
    # Not said here: megatest.config:5: testcopycmd of [setup]: the files of a test are copied in the usual way

    FIELDS = ["T"]

    def sh(command):
        # By bash, and programs of the test itself are found behind the others.
        return ["bash", "-c", 'export PATH="$PATH:."\n' + command]

    tests.area(
        "mended",
        fields = FIELDS,
    )

    # Not said here: tests/now/testconfig:4: the waiver x has a command of its own, which is not run
    # tests/now/testconfig:2: x is what it was when this was written
    test(
        "now",
        dir = "tests/now",
        steps = [("x", sh("echo 17"))],
    )
    "#);
}

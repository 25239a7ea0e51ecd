//! What a test is, and what it becomes.

use crate::ground::{Memory, told};
use megatest::load::{load, nouns, obstacles};
use megatest::test_config::{self, TestConfig};
use megatest::{area, dump};
use model::CommandLine;
use model::area::{Check, ExitCodes, MapRule, Need, RulesSource, Scope, Skip, TestSpec, Until};

fn read(text: &str) -> TestConfig {
    let outside = Memory::with(&[("tests/t/testconfig", text)]).env("HOME", "/home/ann");
    test_config::read(&outside.context(), "t", "tests/t")
}

/// The test as a noun, in an area that has `a`, `b` and files beside it.
fn spec(text: &str) -> TestSpec {
    let files = [
        ("megatest.config", "[fields]\nOS TEXT\n[setup]\nreruns 3"),
        ("tests/t/testconfig", text),
        ("tests/a/testconfig", "[ezsteps]\nx true"),
        ("tests/b/testconfig", "[ezsteps]\nx true"),
        ("tests/t/judged.logpro", "(expect:error in \"LogFileBody\" = 0 \"none\" #/ERROR/)"),
        ("tests/t/wv.logpro", ""),
    ];
    let outside = Memory::with(&files);
    let context = outside.context().with_target("l");
    let nouns = nouns(&load(&context), &context);
    nouns.area.test("t").cloned().expect("the test")
}

fn script(test: &TestSpec, step: usize) -> (String, ExitCodes) {
    let CommandLine::Words(words) = &test.steps[step].command else { panic!("words") };
    assert_eq!(words[..2], ["bash", "-c"]);
    (words[2].split_once('\n').expect("two lines").1.to_owned(), test.steps[step].exit.clone())
}

#[test]
fn steps_become_steps() {
    let text = "[ezsteps]\nbuild {A=1,B=x} make all; echo done\njudged ./look\nsaid cat log\n[logpro]\n\
                said ;; rules\n  (expect:required in \"LogFileBody\" > 0 \"there\" #/ok/)\n";
    let test = spec(text);
    let names: Vec<_> = test.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["build", "judged", "said"]);
    assert_eq!(script(&test, 0), ("make all; echo done".to_owned(), ExitCodes::Plain));
    assert_eq!(test.steps[0].env.len(), 2);
    let sources: Vec<_> = test.steps.iter().map(|s| s.rules.clone().map(|r| r.source)).collect();
    assert_eq!(sources[..2], [None, Some(RulesSource::File("judged.logpro".to_owned()))]);
    assert!(matches!(&sources[2], Some(RulesSource::Text(text)) if text.contains("#/ok/")));
    let test = spec("[ezsteps]\nx true\n[requirements]\nexit-code rules");
    assert_eq!(test.steps[0].exit, ExitCodes::Ignored);
}

#[test]
fn a_script_becomes_one_step() {
    let test = spec("[setup]\nrunscript main.sh fast\n");
    let (text, exit) = script(&test, 0);
    assert_eq!((test.steps[0].name.as_str(), exit), ("run", ExitCodes::Verdict));
    assert_eq!(text, "if [ -f ./main.sh ]; then chmod u+x ./main.sh && exec ./main.sh fast; fi\nexec main.sh fast");
    let test = spec("[setup]\nrunscript /opt/a'b.sh\n");
    assert!(script(&test, 0).0.starts_with("exec '/opt/a"), "{}", script(&test, 0).0);
}

#[test]
fn requirements_become_needs() {
    let needs = |text: &str| spec(&format!("[ezsteps]\nx true\n[requirements]\n{text}")).needs;
    assert_eq!(needs("waiton a b a"), [Need::normal("a"), Need::normal("b")]);
    assert_eq!(needs("waiton a\n  b"), [Need::normal("a"), Need::normal("b")]);
    assert_eq!(needs("waiton a\nmode toplevel"), [Need::toplevel("a")]);
    assert_eq!(needs("waiton a\nmode itemmatch"), [Need::itemwait("a", Vec::new())]);
    let map = MapRule::new(r"(\d+)/res", r"\1/aa");
    assert_eq!(
        needs(
            r"waiton a
mode itemwait
itemmap (\d+)/res \1/aa"
        ),
        [Need::itemwait("a", vec![map.clone()])]
    );
    let text = "waiton a b\nmode itemwait toplevel\nitemmap .*/\n[itemmap]\nb (\\d+)/res \\1/aa";
    let both = needs(text);
    assert_eq!(both[0].scope, Scope::Item { map: vec![MapRule::new(".*/", "")] });
    assert_eq!(both[1].scope, Scope::Item { map: vec![map] });
    assert!(both.iter().all(|n| n.until == Until::Ended));
    assert_eq!(needs("waiton"), []);
    assert_eq!(needs("waiton #f"), []);
    assert!(spec("[ezsteps]\nx true\n[requirements]\nmode exclusive normal").exclusive);
}

#[test]
fn the_rest_becomes_what_it_is() {
    let text = "[ezsteps]\nx true\n[requirements]\npriority 7\nruntimelim 1h 2m\n[skip]\nprevrunning x\n\
                fileexists #{mtrah stop}\nrundelay 10m 5s\n[test_meta]\nauthor ann\nowner bob\ndescription one\n  two\n\
                tags fast, slow\njobgroup g\n[pre-launch-env-vars]\nV $HOME/v\n[pre-launch-env-overrides]\nW w\n\
                [waivers]\nwv logpro_rule *.log\nwd diff out.txt\n[disks]\nd0 /disk\n";
    let test = spec(text);
    assert_eq!((test.priority, test.max_time), (7, Some(model::Span::seconds(3720))));
    assert_eq!(
        test.skip,
        [Skip::PreviousRunning, Skip::FileExists("/area/stop".to_owned()), Skip::RanWithin(model::Span::seconds(605))]
    );
    assert_eq!((test.owner.as_str(), test.description.as_str()), ("bob", "one\ntwo"));
    assert_eq!((test.tags, test.job_group), (vec!["fast".to_owned(), "slow".to_owned()], Some("g".to_owned())));
    assert_eq!(test.env.len(), 2);
    assert!(matches!(&test.waiver_checks[..], [Check::Rules { .. }, Check::SameFiles { glob }] if glob == "out.txt"));
    assert_eq!(test.retry.losses, 3);
    assert_eq!(test.dir, "tests/t");
}

#[test]
fn what_is_wrong_says_where() {
    let text = "[requirements]\nwaiton t gone\nmode itemwiat\npriority high\nruntimelim soon\nitemmap ( x\nwaitor a\n\
                waitonn b\nexit-code no\n[itemmap]\nother x y\n[skip]\nrundelay -1\n[logpro]\nnone (expect:error in)\n[ezsteps]\na/b true\nc\n";
    insta::assert_snapshot!(told(&read(text).problems), @r#"
    error: a step cannot be called 'a/b'
      --> tests/t/testconfig:17:1
       |
    17 | a/b true
       | ^^^
    help: its log is NAME.log in the run directory

    error: the step c has no command
      --> tests/t/testconfig:18:1
       |
    18 | c
       | ^

    error: a rule is written (expect:error in "Section" = 0 "description" #/regular expression/)
      --> tests/t/testconfig:15:6
       |
    15 | none (expect:error in)
       |      ^^^^^^^^^^^^^^^^^

    warning: there is no step none that these rules could be for
      --> tests/t/testconfig:15:1
       |
    15 | none (expect:error in)
       | ^^^^

    warning: t waits for itself; the word is passed over
     --> tests/t/testconfig:2:8
      |
    2 | waiton t gone
      |        ^

    error: waitor is not read: no order follows from it
     --> tests/t/testconfig:7:1
      |
    7 | waitor a
      | ^^^^^^
    help: write waiton t in the tests that have to wait

    error: there is no mode itemwiat
     --> tests/t/testconfig:3:6
      |
    3 | mode itemwiat
      |      ^^^^^^^^
    help: did you mean itemwait?

    error: the regular expression '(' is none: unclosed group
     --> tests/t/testconfig:6:9
      |
    6 | itemmap ( x
      |         ^^^

    warning: t does not wait for other
      --> tests/t/testconfig:11:1
       |
    11 | other x y
       | ^^^^^

    error: priority takes a whole number
     --> tests/t/testconfig:4:10
      |
    4 | priority high
      |          ^^^^

    error: runtimelim takes a time
     --> tests/t/testconfig:5:12
      |
    5 | runtimelim soon
      |            ^^^^
    help: 1d 2h 3m 4s, or a number of seconds

    error: exit-code is counts or rules
     --> tests/t/testconfig:9:11
      |
    9 | exit-code no
      |           ^^

    error: rundelay takes a time
      --> tests/t/testconfig:13:10
       |
    13 | rundelay -1
       |          ^^
    help: 1d 2h 3m 4s, or a number of seconds

    warning: waitonn of [requirements] means nothing here
     --> tests/t/testconfig:8:1
      |
    8 | waitonn b
      | ^^^^^^^
    help: did you mean waiton?
    "#);
}

#[test]
fn what_cannot_be_a_test_says_so() {
    insta::assert_snapshot!(told(&read("[requirements]\n").problems), @r#"
    warning: the test t has nothing to run; it passes
    --> tests/t/testconfig
    help: [ezsteps] lists steps, runscript of [setup] names a script
    "#);
    insta::assert_snapshot!(told(&read("[subrun]\nrun-area x\n").problems), @r#"
    error: a test cannot run another area as its step
     --> tests/t/testconfig:2:1
      |
    2 | run-area x
      | ^^^^^^^^
    help: a step with the command sluice tests run in that area does
    "#);
    let outside = Memory::with(&[]);
    insta::assert_snapshot!(told(&test_config::read(&outside.context(), "a b", "tests/a b").problems), @r#"
    error: there is no tests/a b/testconfig

    error: a test cannot be called 'a b'
    --> tests/a b
    help: a name has no blanks, no /, comma, %, * and parentheses, and does not begin with . ~ or -

    warning: the test a b has nothing to run; it passes
    --> tests/a b/testconfig
    help: [ezsteps] lists steps, runscript of [setup] names a script
    "#);
}

#[test]
fn an_area_says_what_it_is() {
    let text = "[fields]\nOS TEXT\nREL TEXT DEFAULT 'any'\n[setup]\nmax_concurrent_jobs 4\nruntimelim 20m\ndeadtime 600\n\
                linktree /lt\narea-name zoo\nlaunch-delay 1\nmaxconcurrentjobs 3\n[disks]\nd0 /disk/a\nd1 rel\n\
                [jobgroups]\ng 2\nh many\n[tests-paths]\n1 ../more/tests\n[runs]\npre-hook echo\n[validvalues]\nstate start end\n\
                [triggers]\nPASS/ echo\n/FAIL echo\n[server]\nport 8080\n[misc]\nx 1\n";
    let outside = Memory::with(&[("megatest.config", text)]);
    let area = area::read(&outside.context().with_target("l"));
    assert_eq!((area.max_jobs, area.run_time_limit, area.dead_time), (Some(4), Some(1200), Some(600)));
    assert_eq!((area.name.as_deref(), area.link_tree.as_deref()), (Some("zoo"), Some("/lt")));
    assert_eq!(area.disks, [("d0".to_owned(), "/disk/a".to_owned())]);
    assert_eq!(area.test_places, ["../more/tests", "tests"]);
    assert_eq!(area.job_groups.get("g"), Some(&2));
    assert_eq!(area.valid["state"], ["start", "end"]);
    assert_eq!(area.fields[1].default.as_deref(), Some("any"));
    assert_eq!((area.triggers[0].state.as_deref(), area.triggers[1].status.as_deref()), (Some("PASS"), Some("FAIL")));
    insta::assert_snapshot!(told(&area.problems), @r#"
    error: the disk d1 has no absolute path
      --> megatest.config:14:4
       |
    14 | d1 rel
       |    ^^^
    help: #{getenv PWD}/runs or #{mtrah runs} is one

    error: h takes a whole number
      --> megatest.config:17:3
       |
    17 | h many
       |   ^^^^

    warning: maxconcurrentjobs of [setup] means nothing here
      --> megatest.config:11:1
       |
    11 | maxconcurrentjobs 3
       | ^^^^^^^^^^^^^^^^^
    help: did you mean max_concurrent_jobs?

    warning: pre-hook of [runs] is not done
      --> megatest.config:21:1
       |
    21 | pre-hook echo
       | ^^^^^^^^
    help: a fixture has a test before and one after
    "#);
}

#[test]
fn an_area_of_another_target_says_so() {
    let outside = Memory::with(&[("megatest.config", "[fields]\nOS TEXT\nREL TEXT")]);
    for (target, good) in [("l/1", true), ("l", false), ("l/1/2", false), ("l/", false), ("l/..", false)] {
        assert_eq!(area::read(&outside.context().with_target(target)).problems.is_empty(), good, "{target}");
    }
    let outside = Memory::with(&[]);
    insta::assert_snapshot!(told(&area::read(&outside.context()).problems), @r#"
    error: there is no megatest.config

    error: the area has no [fields]
    --> megatest.config
    help: each line names one part of the target: RELEASE TEXT
    "#);
}

#[test]
fn the_dump_has_file_and_line_of_each_value() {
    let outside = Memory::with(&[
        ("megatest.config", "[fields]\nOS TEXT\n[include more.config]\n[env-override]\nHERE $OS/x\n"),
        ("more.config", "[setup]\nlinktree #{mtrah lt}\n"),
        ("runconfigs.config", "[default]\nA 1\n[%]\nB of #{getenv OS}\n"),
        ("tests/t/testconfig", "[ezsteps]\nx true\n[items]\nI #{getenv B}\n[test_meta]\ndescription one\n  two\n"),
    ]);
    let loaded = load(&outside.context().with_target("l"));
    insta::assert_snapshot!(dump::text(&dump::effective(&loaded)), @r#"
    # area

    [fields]
    OS TEXT                                          # megatest.config:2

    [setup]
    linktree /area/lt                                # more.config:2

    [env-override]
    HERE l/x                                         # megatest.config:5

    # target

    [default]
    A 1                                              # runconfigs.config:2
    B of l                                           # runconfigs.config:4

    # t

    [ezsteps]
    x true                                           # tests/t/testconfig:2

    [items]
    I #{getenv B}                                    # tests/t/testconfig:4, when the test starts

    [test_meta]
    description one                                  # tests/t/testconfig:6
      two
    "#);
}

#[test]
fn variables_have_their_order() {
    let outside = Memory::with(&[
        ("megatest.config", "[fields]\nOS TEXT\n[env-override]\nA override\nOS no\n"),
        ("runconfigs.config", "[default]\nA default\nB default\nC default\n[l]\nB target\nMT_TARGET no\n"),
        (
            "tests/t/testconfig",
            "[ezsteps]\nx #{getenv A} #{getenv B} #{getenv C} #{getenv OS} #{getenv MT_TARGET} #{rget A}",
        ),
        ("tests/u/testconfig", "[ezsteps]\nx true\n[requirements]\nwaiton tt\n"),
    ]);
    let loaded = load(&outside.context().with_target("l"));
    assert_eq!(loaded.tests[0].steps[0].command, "override target default l l default");
    insta::assert_snapshot!(told(&loaded.problems), @r#"
    warning: u waits for tt, and there is no such test
     --> tests/u/testconfig:4:8
      |
    4 | waiton tt
      |        ^^
    "#);
    assert_eq!(loaded.all_problems().count(), loaded.problems.len());
}

#[test]
fn a_test_that_nobody_asks_for_stops_nothing() {
    let outside = Memory::with(&[
        ("megatest.config", "[fields]\nOS TEXT\n"),
        ("tests/bad/testconfig", "[ezsteps]\nx true\n[requirements]\nmode odd\n"),
        ("tests/good/testconfig", "[ezsteps]\nx true\n"),
        (
            "tests/later/testconfig",
            "[ezsteps]\nx true\n[requirements]\nwaiton good\n[items]\nA [system list made by good]\n",
        ),
    ])
    .answer("list made by good", 1, "");
    let context = outside.context().with_target("l");
    let loaded = load(&context);
    let nouns = nouns(&loaded, &context);
    let of = |names: &[&str]| obstacles(&loaded, &nouns, |name| names.contains(&name)).len();
    assert_eq!((of(&["good"]), of(&["bad"]), of(&["bad", "later"])), (0, 1, 2));
    let wrong: Vec<_> = obstacles(&loaded, &nouns, |name| name == "later").into_iter().cloned().collect();
    insta::assert_snapshot!(told(&wrong), @r#"
    error: the command ends with exit code 1
     --> tests/later/testconfig:6:3
      |
    6 | A [system list made by good]
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: items are looked at when a run is planned: what a prerequisite makes is not there yet
    "#);
}

//! `@sluice//compat.star`: every configuration example of the 0.7.3 manual, and the errors of its names.

mod examples;

use super::Memory;
use examples::{EXAMPLES, Example, Fate};
use model::{BranchPlace, Condition, Config, LockAccess, SchedulerKind, StepAction, Vcs};

/// Builders of these names on one bot.
const BUILDERS: &str = r#"
c["bots"] = [("bot", "secret")]
def simple(name):
    f = factory.BuildFactory([s(step.ShellCommand, command = "make")])
    return {"name": name, "slavename": "bot", "builddir": name, "factory": f}
"#;

impl Example {
    fn memory(&self) -> Memory {
        let load = match self.imports {
            "" => "load(\"@sluice//compat.star\", \"s\")\n".to_owned(),
            names => format!("load(\"@sluice//compat.star\", {names})\n"),
        };
        let simple = if self.before.contains("simple(") { BUILDERS } else { "" };
        let begin = "c = {}\nBuildmasterConfig = c\n";
        Memory::master(&format!("{load}{begin}{simple}{}{}", self.before, self.text))
    }

    fn of(line: u32) -> Config {
        let example = EXAMPLES.iter().find(|e| e.line == line);
        match example.map(|e| e.memory().load()) {
            Some(Ok(config)) => config,
            other => panic!(
                "{line}: {}",
                other.map_or_else(String::new, |r| r.map_or_else(|e| e.to_string(), |_| String::new()))
            ),
        }
    }
}

#[test]
fn every_example_of_the_manual_loads_or_says_what_it_waits_for() {
    for example in EXAMPLES {
        match (&example.fate, example.memory().load()) {
            (Fate::Loads, Ok(_)) => {}
            (Fate::Waits(what), Err(error)) => {
                let expected = format!("{what} is not available in this version");
                assert!(error.message.starts_with(&expected), "{}: {error}", example.line);
                assert_eq!(error.place.as_ref().map(|p| p.file.as_str()), Some("master.star"), "{error}");
            }
            (fate, outcome) => {
                let outcome = outcome.map_or_else(|error| error.to_string(), |_| "it loads".to_owned());
                panic!("{} {fate:?}: {outcome}", example.line);
            }
        }
    }
}

#[test]
fn three_schedulers_with_three_timers() {
    let config = Example::of(1833);
    let kinds: Vec<_> = config.schedulers.iter().map(|s| (s.name.as_str(), s.kind.word(), s.builders.len())).collect();
    assert_eq!(kinds, [("quick", "single_branch", 2), ("full", "single_branch", 3), ("nightly", "periodic", 1)]);
    let Some(follow) = config.schedulers[0].kind.follows() else { panic!("it follows nothing") };
    assert_eq!(follow.tree_stable_timer, Some(model::Span::seconds(60)));
    assert_eq!(follow.filter.branch, model::Match::OneOf(vec![None]), "None is the default branch alone");
}

#[test]
fn a_dependent_scheduler_takes_its_upstream_as_an_object() {
    let config = Example::of(1944);
    assert_eq!(config.schedulers[1].kind, SchedulerKind::Dependent { upstream: "tests".to_owned() });
}

#[test]
fn the_branch_example_puts_the_branch_behind_the_base() {
    let config = Example::of(2876);
    assert_eq!(config.schedulers[0].kind.word(), "any_branch");
    let builder = &config.builders[0];
    let names: Vec<_> = builder.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["svn", "compile", "test"]);
    let StepAction::Vcs(svn) = &builder.steps[0].action else { panic!("no checkout") };
    assert_eq!((svn.vcs, svn.branch_place), (Vcs::Subversion, BranchPlace::Behind));
    let written = (svn.repository.plain(), svn.branch.as_ref().and_then(|b| b.plain()));
    assert_eq!(written, (Some("svn://svn.example.org/MyProject/"), Some("trunk")));
    assert!(builder.steps[0].flags.halt_on_failure);
    let place = builder.steps[0].defined_at.as_ref().map(|p| p.file.as_str());
    assert_eq!(place, Some("master.star"), "a step is written where the user wrote it");
}

#[test]
fn steps_of_twisted_and_debian_have_their_names() {
    let text = "load(\"@sluice//compat.star\", \"s\", \"step\")\nlocal_worker(\"here\")\nbuilder(\"b\", workers = [\"here\"], \
                steps = [s(step.TreeSize), s(step.RemovePYCs), s(step.HLint, python = \"python\"), s(step.ProcessDocs), \
                s(step.BuildDebs, haltOnFailure = False), s(step.Dummy), s(step.FailingDummy)])";
    let config = Memory::master(text).load().map_err(|e| e.to_string()).unwrap();
    let shown = config.builders[0].steps.iter().map(|step| {
        let StepAction::Shell(shell) = &step.action else { panic!("{} runs no command", step.name) };
        let pattern = shell.reading.warnings.as_ref().map_or("", |w| w.pattern.as_str());
        format!("{}: {}; [{pattern}]", step.name, shell.command.text())
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r"
    tree_size: du -s -k .; []
    remove_pyc: find . -type f -name *.py[co] -delete; []
    hlint: python bin/lore -p --output lint {changed_files:*.xhtml}; [^.+:\d+:\d+: ]
    process-docs: admin/process-docs; [^WARNING: ]
    debuild: debuild -us -uc; [^[EWIPX]: |warning: ]
    sleep: sleep 5; []
    sleep_1: sleep 1; false; []
    ");
}

#[test]
fn every_system_has_its_step() {
    let config = |text: &str| {
        let before = "load(\"@sluice//compat.star\", \"s\", \"step\")\nlocal_worker(\"here\")\n";
        Memory::master(&format!("{before}builder(\"b\", workers = [\"here\"], steps = [s({text})])")).load()
    };
    let made = |text: &str| {
        let config = config(text).map_err(|e| e.to_string()).unwrap();
        let StepAction::Vcs(spec) = config.builders[0].steps[0].action.clone() else { panic!("no checkout") };
        spec
    };
    let cvs = made(
        "step.CVS, cvsroot = ':pserver:anon@cvs.example.org:/cvsroot', cvsmodule = 'buildbot', login = 'pw', \
         branch = 'rel', checkoutDelay = 30, global_options = ['-z3'], mode = 'copy', retry = (10, 2)",
    );
    assert_eq!((cvs.vcs, cvs.mode), (Vcs::Cvs, model::GitMode::Copy));
    assert_eq!(cvs.repository.plain(), Some(":pserver:anon:pw@cvs.example.org:/cvsroot"));
    assert_eq!(cvs.module.as_ref().and_then(|m| m.plain()), Some("buildbot"));
    assert_eq!((cvs.checkout_delay, cvs.options.as_slice()), (Some(model::Span::seconds(30)), &["-z3".to_owned()][..]));
    assert_eq!(cvs.retry, Some((model::Span::seconds(10), 2)));
    for (text, vcs, place, repository, branch) in [
        ("step.Darcs, repourl = 'http://h/d'", Vcs::Darcs, BranchPlace::Address, "http://h/d", None),
        (
            "step.Darcs, baseURL = 'http://h/', defaultBranch = 'm'",
            Vcs::Darcs,
            BranchPlace::Behind,
            "http://h/",
            Some("m"),
        ),
        ("step.Mercurial, repourl = '/srv/hg'", Vcs::Mercurial, BranchPlace::Address, "/srv/hg", None),
        (
            "step.Bazaar, url = 'http://h/archive', version = 'p--dev--1.0', archive = 'a@h--arch'",
            Vcs::Bazaar,
            BranchPlace::Behind,
            "http://h/archive/",
            Some("p--dev--1.0"),
        ),
        (
            "step.SVN, svnurl = 'http://h/s', alwaysUseLatest = True",
            Vcs::Subversion,
            BranchPlace::Address,
            "http://h/s",
            None,
        ),
    ] {
        let spec = made(text);
        assert_eq!((spec.vcs, spec.branch_place, spec.repository.plain()), (vcs, place, Some(repository)), "{text}");
        assert_eq!(spec.branch.as_ref().and_then(|b| b.plain()), branch, "{text}");
        assert_eq!(spec.always_use_latest, text.contains("alwaysUseLatest"), "{text}");
    }
    for (text, expected) in [
        ("step.SVN", "step.SVN takes svnurl, or baseURL with defaultBranch"),
        ("step.Darcs, repourl = '/a', baseURL = '/b'", "step.Darcs takes repourl, or baseURL"),
        ("step.Mercurial, repourl = '/a', defaultBranch = 'b'", "takes defaultBranch with baseURL only"),
        ("step.CVS, cvsroot = '/a'", "cvsmodule"),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.message.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_lock_examples_hold_their_locks() {
    let counting = model::LockUse { lock: "database".to_owned(), access: LockAccess::Counting(1) };
    let one = Example::of(3370);
    assert_eq!(one.locks[0].scope, model::LockScope::Master);
    assert!(one.builders.iter().all(|b| b.steps[2].locks == [counting.clone()] && b.steps[1].locks.is_empty()));
    let two = Example::of(3395);
    assert_eq!(two.locks[0].scope, model::LockScope::Worker);
    assert!(two.builders.iter().all(|b| b.locks[0].lock == "cpu"));
    let three = Example::of(3421);
    let names = |builder: usize, step: usize| -> Vec<String> {
        three.builders[builder].steps[step].locks.iter().map(|l| l.lock.clone()).collect()
    };
    assert_eq!(
        (names(0, 3), names(2, 3), names(2, 1)),
        (vec!["database".into(), "cpu".into()], vec!["database".into()], vec![])
    );
}

#[test]
fn a_mail_notifier_becomes_a_reporter() {
    let config = Example::of(2113);
    let model::ReporterKind::Mail(mail) = &config.reporters[0].kind else { panic!("no mail") };
    assert_eq!(mail.from_addr, "buildbot@localhost");
    assert_eq!(mail.extra_recipients, ["builds@lists.example.com"]);
    assert!(!mail.send_to_interested_users);
    assert_eq!(config.reporters[0].occasions.modes.len(), model::ReportMode::ALL.len(), "all builds");
    let all = |text: &str| {
        let before =
            "load(\"@sluice//compat.star\", \"factory\", \"mail\", \"s\", \"step\")\nc = {}\nBuildmasterConfig = c\n";
        let text = text.replace("A", "fromaddr = \"a@b.example\"");
        Memory::master(&format!(
            "{before}{BUILDERS}c['builders'] = [dict(simple('b'), category = 'main')]\nc['status'] = [{text}]"
        ))
        .load()
    };
    let find =
        "mail.MailNotifier(A, lookup = lambda who: who + \"@x.example\", mode = \"problem\", builders = [\"b\"])";
    let two = all(&format!(
        "{find}, mail.MailNotifier(A, categories = [\"main\"], lookup = mail.Domain(\"x.example\"), subject = \"%(builder)s: %(result)s\")"
    ));
    let reporters = two.map_err(|e| e.to_string()).unwrap().reporters;
    let names: Vec<_> = reporters.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["mail", "mail-2"]);
    let mails = reporters.iter().filter_map(|r| match &r.kind {
        model::ReporterKind::Mail(mail) => Some(mail),
        model::ReporterKind::Http(_) => None,
    });
    let mails: Vec<_> = mails.collect();
    assert!(matches!(mails[0].lookup, Some(model::MailLookup::Function(_))));
    assert_eq!(mails[1].lookup, Some(model::MailLookup::Append("x.example".to_owned())));
    assert_eq!(mails[1].subject.as_deref(), Some("{builder}: {result}"));
    assert_eq!(reporters[1].occasions.tags, ["main"]);
    let bad = all("mail.MailNotifier(A, mode = \"sometimes\")").unwrap_err();
    assert!(bad.message.contains("it has all, failing and problem"), "{bad}");
    let bad = all("mail.MailNotifier(A, subject = \"%(slave)s\")").unwrap_err();
    assert!(bad.message.contains("it knows builder, projectName and result"), "{bad}");
}

#[test]
fn properties_are_put_into_commands() {
    let config = |text: &str| {
        let before =
            "load(\"@sluice//compat.star\", \"ShellCommand\", \"WithProperties\", \"s\")\nlocal_worker(\"here\")\n";
        Memory::master(&format!(
            "{before}builder(\"b\", workers = [\"here\"], steps = [s(ShellCommand, command = [\"tar\", {text}])])"
        ))
        .load()
    };
    let good = [
        (r#"WithProperties("build-%s.tar.gz", "revision")"#, "build-{revision}.tar.gz"),
        (r#"WithProperties("build-%(revision)s.tar.gz")"#, "build-{revision}.tar.gz"),
        (r#"WithProperties("%s-%d {x} 100%%", "branch", "buildnumber")"#, "{branch}-{buildnumber} {x} 100%"),
        (r#"WithProperties("%(a)s%(b)s")"#, "{a}{b}"),
        (r#"WithProperties("nothing")"#, "nothing"),
    ];
    for (text, written) in good {
        let config = config(text).map_err(|e| e.to_string()).expect(text);
        let StepAction::Shell(shell) = &config.builders[0].steps[0].action else { panic!("no command") };
        let model::CommandLine::Words(words) = &shell.command else { panic!("no words") };
        assert_eq!(words[1].written(), written, "{text}");
    }
    let bad = [
        (r#"WithProperties("foo-%(revision)s-%s", "branch")"#, "mixes"),
        (r#"WithProperties("%s")"#, "more marks"),
        (r#"WithProperties("x", "branch")"#, "fewer marks"),
        (r#"WithProperties("%(revision)")"#, "an s is missing"),
        (r#"WithProperties("%(revision).tar")"#, "has no s after"),
        (r#"WithProperties("%x", "branch")"#, "it knows"),
    ];
    for (text, expected) in bad {
        let error = config(text).expect_err(text);
        assert!(error.message.contains(expected), "{error}");
        assert_eq!(error.place.as_ref().map(|p| (p.file.as_str(), p.line)), Some(("master.star", 3)), "{error}");
    }
}

#[test]
fn the_dictionary_becomes_a_configuration() {
    let config = Example::of(1747);
    assert_eq!(
        (config.project.title.as_str(), config.project.public_url.as_str()),
        ("Buildbot", "http://localhost:8010/")
    );
    assert_eq!(Example::of(4000).web.listen, "0.0.0.0:8080");
    let workers: Vec<_> = Example::of(2006).workers.into_iter().map(|w| w.name).collect();
    assert_eq!(workers, ["bot-solaris", "bot-bsd"]);
}

#[test]
fn nights_are_counted_as_crontab_counts_them() {
    let text = r#"
load("@sluice//compat.star", "factory", "s", "scheduler", "step")
local_worker("here")
builder("b", workers = ["here"], steps = [steps.test()])
scheduler.Nightly("a", ["b"])
scheduler.Nightly("b", ["b"], minute = 30, hour = 3)
scheduler.Nightly("c", ["b"], minute = [0, 30], hour = [1, 13], dayOfMonth = 1, month = 6)
scheduler.Nightly("d", ["b"], hour = 3, dayOfWeek = 0)
scheduler.Nightly("e", ["b"], hour = 3, dayOfWeek = [5, 6], branch = "stable")
"#;
    let config = super::config(text);
    let crons = config.schedulers.iter().filter_map(|s| match &s.kind {
        SchedulerKind::Nightly { cron, .. } => Some(cron.as_str()),
        _ => None,
    });
    let crons: Vec<_> = crons.collect();
    assert_eq!(crons, ["0 * * * *", "30 3 * * *", "0,30 1,13 1 6 *", "0 3 * * 1", "0 3 * * 6,0"]);
}

#[test]
fn factories_have_the_steps_that_the_manual_says() {
    let text = r#"
load("@sluice//compat.star", "factory", "s", "step")
c = {}
c["bots"] = [("bot", "x")]
source = s(step.SVN, svnurl = "http://svn.example.org/Trunk/")
f = factory.BuildFactory(useProgress = False)
f.addStep(source)
f.addStep(step.ShellCommand, command = ["make"])
f.addStep(s(step.Test))
tuple_style = factory.BuildFactory([(step.Compile, {"command": ["make"], "haltOnFailure": False})])
def b(name, f):
    return {"name": name, "slavenames": ["bot"], "builddir": name, "factory": f, "category": "c"}
c["builders"] = [
    b("auto", factory.GNUAutoconf(source, configureEnv = {"CFLAGS": "-g"}, configureFlags = ["--x"], test = None)),
    b("cpan", factory.CPAN(source, perl = "perl5")),
    b("dist", factory.Distutils(source, test = "./t")),
    b("trial", factory.Trial(source, tests = "a.b", trialpython = ["python2", "-W"], randomly = True)),
    b("own", f),
    b("tuples", tuple_style),
    b("basic", factory.BasicSVN("http://svn.example.org/Trunk/")),
]
"#;
    let config = super::config(text);
    let commands = |name: &str| -> Vec<String> {
        let builder = config.builders.iter().find(|b| b.name == name);
        let steps = builder.map(|b| b.steps.as_slice()).unwrap_or_default();
        let shell = steps.iter().filter(|s| s.name != "svn").filter_map(|s| match &s.action {
            StepAction::Shell(shell) => Some(shell.command.text()),
            _ => None,
        });
        shell.collect()
    };
    let expected: [(&str, &[&str]); 7] = [
        ("auto", &["./configure '--x'", "make all"]),
        ("cpan", &["perl5 Makefile.PL", "make", "make test"]),
        ("dist", &["python ./setup.py build", "./t"]),
        ("trial", &["python ./setup.py build", "python2 -W trial --reporter=bwverbose --random=0 a.b"]),
        ("own", &["make", "make test"]),
        ("tuples", &["make"]),
        ("basic", &["make all", "make check"]),
    ];
    for (name, steps) in expected {
        assert_eq!(commands(name), steps, "{name}");
    }
    let by_name = |name: &str| config.builders.iter().find(|b| b.name == name);
    assert_eq!(by_name("own").map(|b| (b.use_progress, b.tags.clone())), Some((false, vec!["c".to_owned()])));
    assert_eq!(by_name("tuples").map(|b| b.steps[0].flags.halt_on_failure), Some(false));
}

#[test]
fn an_important_file_is_asked_of_a_function() {
    let text = r#"
load("@sluice//compat.star", "scheduler")
local_worker("here")
builder("b", workers = ["here"], steps = [steps.test()])
def important(change):
    return "Makefile" in change.files
scheduler.Scheduler("a", "trunk", 60, ["b"], fileIsImportant = important)
"#;
    let config = super::config(text);
    let follow = config.schedulers[0].kind.follows().and_then(|f| f.is_important.clone());
    assert_eq!(follow.map(|f| (f.name, f.place.line)), Some(("important".to_owned(), 5)));
    assert!(!matches!(config.builders[0].do_build_if, Some(Condition::Fixed(_))));
}

#[test]
fn errors_of_the_dictionary_point_at_it() {
    let bad = |text: &str| {
        let memory =
            Memory::master(&format!("load(\"@sluice//compat.star\", \"factory\", \"s\", \"step\")\nc = {{}}\n{text}"));
        memory.load().map_or_else(|e| e.to_string(), |_| String::new())
    };
    insta::assert_snapshot!(bad("c['bots'] = [('a', 'b')]\nc['bilders'] = []\n"), @r#"
    error: c["bilders"] is not known; is c["builders"] meant?
     --> master.star:4:1
      |
    4 | c['bilders'] = []
      | ^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(bad("c['builders'] = [{'name': 'x', 'slavename': 'nobody', 'builddir': 'x', 'factory': factory.BuildFactory([s(step.Compile)])}]\n"), @r#"
    error: builder "x" names worker "nobody", which is not defined
     --> master.star:3:1
      |
    3 | c['builders'] = [{'name': 'x', 'slavename': 'nobody', 'builddir': 'x'…
      | ^^^^^^^^^^^^^
    help: no worker is defined
    "#);
    insta::assert_snapshot!(bad("c['builders'] = [{'name': 'x', 'builddir': 'x'}]\n"), @r#"
    error: builder "x" takes slavename or slavenames: one of the two
     --> master.star:3:1
      |
    3 | c['builders'] = [{'name': 'x', 'builddir': 'x'}]
      | ^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(bad("s(step.Compile, haltOnFailur = True)\n"), @r#"
    error: steps.compile has no argument haltOnFailur
     --> master.star:3:17
      |
    3 | s(step.Compile, haltOnFailur = True)
      |                 ^^^^^^^^^^^^
    help: did you mean halt_on_failure?
    "#);
    insta::assert_snapshot!(bad("s(step.ShellCommand,\n  command = 3)\n"), @r#"
    error: command of steps.shell must be a list of texts, or a text for the shell, not the number 3
     --> master.star:4:13
      |
    4 |   command = 3)
      |             ^
    note: called in master.star:3:1
    "#);
}

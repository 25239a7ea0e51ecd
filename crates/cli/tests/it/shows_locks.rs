//! The three lock examples of the 0.7.3 manual under `compat.star`, with a real Subversion repository.

use crate::shows::Yard;
use crate::steps::document;

/// `make all`, `make test` and `make db-test` tell who they are and wait; so does `python ./setup.py build`.
const FILES: &[(&str, &str)] = &[
    ("Trunk/Makefile", "all test db-test:\n\twork $@\n"),
    ("Trunk/setup.py", "import subprocess, sys\nsys.exit(subprocess.call([\"work\", \"trial\"]))\n"),
];

/// The example between the bots, each of which takes `size` builds, and a way to force its builders.
fn start(yard: &mut Yard, bots: &[&str], size: u32, builders: &[&str], text: &str) -> String {
    yard.program("python", "exec python3 \"$@\"\n");
    let svn = yard.subversion(FILES);
    let text = text.replace("http://example.org/svn", &svn);
    let workers: String =
        bots.iter().map(|b| format!("worker(\"{b}\", password = \"x\", max_builds = {size})\n")).collect();
    let url = yard.place.master(&format!(
        r#"
load("@sluice//compat.star", "factory", "locks", "s", "step")
web(listen = "127.0.0.1:0")
{workers}
c = {{}}
BuildmasterConfig = c
{text}
schedulers.force("force", builders = {builders:?})
"#
    ));
    for bot in bots {
        yard.place.worker(&url, bot, "x");
    }
    url
}

const MASTER_LOCK: &str = r#"
db_lock = locks.MasterLock("database")
steps = [s(step.SVN, svnurl="http://example.org/svn/Trunk"),
         s(step.ShellCommand, command="make all"),
         s(step.ShellCommand, command="make test", locks=[db_lock]),
        ]
f = factory.BuildFactory(steps)
b1 = {'name': 'full1', 'slavename': 'bot-1', 'builddir': 'f1', 'factory': f}
b2 = {'name': 'full2', 'slavename': 'bot-2', 'builddir': 'f2', 'factory': f}
b3 = {'name': 'full3', 'slavename': 'bot-3', 'builddir': 'f3', 'factory': f}
c['builders'] = [b1, b2, b3]
"#;

#[test]
fn a_master_lock_lets_one_step_of_three_bots_run() {
    let mut yard = Yard::new();
    let builders = ["full1", "full2", "full3"];
    let url = start(&mut yard, &["bot-1", "bot-2", "bot-3"], 1, &builders, MASTER_LOCK);
    yard.force(&url, &builders);
    testkit::wait_until("all make at once", || yard.inside(&["all"]).len() == 3);
    for (n, who) in ["f2", "f3", "f1"].into_iter().enumerate() {
        yard.open(&format!("all-{who}"));
        let builder = who.replace('f', "full");
        testkit::wait_until("it has made all", || {
            yard.steps(&url, &builder, 1).iter().filter(|(_, results)| *results == Some(0)).count() == 2
        });
        if n == 0 {
            yard.wait_inside(&["test"], &["f2"]);
        }
    }
    let queue = yard.place.get(&url, "/queue");
    assert!(queue.contains("database") && queue.contains("full2"), "the page shows the lock and who has it: {queue}");
    for who in ["f2", "f3", "f1"] {
        yard.wait_inside(&["test"], &[who]);
        yard.open(&format!("test-{who}"));
    }
    let builds = yard.wait_passed(&url, 3);
    assert_eq!(builds.len(), 3);
    assert_eq!((yard.most(|m| m.kind == "all"), yard.most(|m| m.kind == "test")), (3, 1));
    let tests = yard.intervals("test");
    assert!(tests["f2"].1 <= tests["f3"].0 && tests["f3"].1 <= tests["f1"].0, "{tests:?}");
    let revision = document(&yard.place, &url, "/api/v2/builds/1/properties");
    assert_eq!(revision["properties"][0]["got_revision"][0], "1", "{revision}");
}

const SLAVE_LOCK: &str = r#"
slow_lock = locks.SlaveLock("cpu")
source = s(step.SVN, svnurl="http://example.org/svn/Trunk")
f22 = factory.Trial(source, trialpython=["python2.2"])
f23 = factory.Trial(source, trialpython=["python2.3"])
f24 = factory.Trial(source, trialpython=["python2.4"])
b1 = {'name': 'p22', 'slavename': 'bot-1', 'builddir': 'p22', 'factory': f22,
                     'locks': [slow_lock] }
b2 = {'name': 'p23', 'slavename': 'bot-1', 'builddir': 'p23', 'factory': f23,
                     'locks': [slow_lock] }
b3 = {'name': 'p24', 'slavename': 'bot-1', 'builddir': 'p24', 'factory': f24,
                     'locks': [slow_lock] }
c['builders'] = [b1, b2, b3]
"#;

#[test]
fn a_slave_lock_lets_one_build_of_a_bot_run() {
    let mut yard = Yard::new();
    // The bot would take all three: it is the lock that keeps them apart.
    let url = start(&mut yard, &["bot-1"], 3, &["p22", "p23", "p24"], SLAVE_LOCK);
    for builder in ["p23", "p22", "p24"] {
        yard.force(&url, &[builder]);
    }
    for (n, who) in ["p23", "p22", "p24"].into_iter().enumerate() {
        yard.wait_inside(&["trial"], &[who]);
        let running = document(&yard.place, &url, "/api/v2/builds?complete=false");
        assert_eq!(running["builds"].as_array().map(Vec::len), Some(1), "{running}");
        for request in n + 2..=3 {
            let why = yard.place.run(&["why", &request.to_string(), "--master", &url]).passes().out;
            assert!(why.contains("it waits for the lock cpu") && why.contains(&format!("held by {who} #1")), "{why}");
        }
        yard.open(&format!("trial-{who}"));
    }
    let builds = yard.wait_passed(&url, 3);
    assert_eq!((builds.len(), yard.most(|_| true)), (3, 1));
    let trials = yard.intervals("trial");
    assert!(trials["p23"].1 <= trials["p22"].0 && trials["p22"].1 <= trials["p24"].0, "{trials:?}");
}

const BOTH: &str = r#"
db_lock = locks.MasterLock("database")
cpu_lock = locks.SlaveLock("cpu")
slow_steps = [s(step.SVN, svnurl="http://example.org/svn/Trunk"),
              s(step.ShellCommand, command="make all", locks=[cpu_lock]),
              s(step.ShellCommand, command="make test", locks=[cpu_lock]),
              s(step.ShellCommand, command="make db-test",
                                   locks=[db_lock, cpu_lock]),
             ]
slow_factory = factory.BuildFactory(slow_steps)
fast_steps = [s(step.SVN, svnurl="http://example.org/svn/Trunk"),
              s(step.ShellCommand, command="make all", locks=[]),
              s(step.ShellCommand, command="make test", locks=[]),
              s(step.ShellCommand, command="make db-test",
                                   locks=[db_lock]),
             ]
fast_factory = factory.BuildFactory(fast_steps)
b1 = {'name': 'full1', 'slavename': 'bot-slow', 'builddir': 'full1',
                       'factory': slow_factory}
b2 = {'name': 'full2', 'slavename': 'bot-slow', 'builddir': 'full2',
                       'factory': slow_factory}
b3 = {'name': 'full3', 'slavename': 'bot-fast', 'builddir': 'full3',
                       'factory': fast_factory}
b4 = {'name': 'full4', 'slavename': 'bot-fast', 'builddir': 'full4',
                       'factory': fast_factory}
c['builders'] = [b1, b2, b3, b4]
"#;

#[test]
fn locks_of_master_and_bot_hold_together() {
    let mut yard = Yard::new();
    let builders = ["full1", "full2", "full3", "full4"];
    let url = start(&mut yard, &["bot-slow", "bot-fast"], 2, &builders, BOTH);
    let (slow, fast) = (["full1", "full2"], ["full3", "full4"]);
    let of = |them: [&'static str; 2]| move |who: &str| them.contains(&who);
    yard.force(&url, &builders);
    testkit::wait_until("the fast bot makes two at once, the slow one", || {
        let inside = yard.inside(&["all"]);
        inside.len() == 3 && inside.iter().filter(|who| of(fast)(who)).count() == 2
    });
    // One of the fast ones has the database; a slow one that waits for it leaves the slow bot's time to the other.
    for gate in ["all-full3", "test-full3"] {
        yard.open(gate);
    }
    yard.wait_inside(&["db-test"], &["full3"]);
    for gate in ["all-full1", "all-full2", "test-full1", "test-full2", "all-full4", "test-full4"] {
        yard.open(gate);
    }
    testkit::wait_until("all others wait for the database", || {
        ["full1", "full2", "full4"]
            .iter()
            .all(|builder| yard.steps(&url, builder, 1).iter().filter(|(_, results)| *results == Some(0)).count() == 3)
    });
    assert_eq!(yard.inside(&["db-test"]), ["full3"]);
    yard.open("all");
    yard.wait_passed(&url, 4);
    assert_eq!(yard.most(|m| m.kind == "db-test"), 1, "one in the database");
    assert_eq!(yard.most(|m| of(slow)(&m.who)), 1, "one at work on the slow bot");
    assert_eq!(yard.most(|m| m.kind == "all" && of(fast)(&m.who)), 2, "two on the fast one");
    assert_eq!(yard.trace().len(), 4 * 3 * 2);
}

//! Files of Python as people had them.

use super::import;
use crate::tests::Memory;

const OLD: &str = r##"#! /usr/bin/python
# -*- python -*-
import os.path
from buildbot.changes.freshcvs import FreshCVSSource
from buildbot.process import step, factory
from buildbot.process.factory import s
from buildbot.status import html
from buildbot import scheduler as sched, locks

c = BuildmasterConfig = {}
c['bots'] = [("bot1", u"secret"),
             ("bot2", 'other')]   # two of them

class MyStep(step.ShellCommand):
    def start(self):
        step.ShellCommand.start(self)

umask = 022
big = 10L
if umask <> 18:
    print "odd"
try:
    x = 1
except ValueError:
    x = 2

cpu = locks.SlaveLock("cpu")
f = factory.BuildFactory([
    s(step.SVN, svnurl="http://svn.example.org/trunk"),
    s(step.Compile, command=["make", "all"], locks=[cpu]),
    s(step.Test),
])
f.useProgress = False
home = os.path.expanduser("~")
c['builders'] = [{'name': 'full', 'slavename': 'bot1', 'builddir': 'full', 'factory': f}]
c['schedulers'] = [sched.Scheduler("all", None, 2*60, ["full"])]
c['status'] = []
c['status'].append(html.Waterfall(http_port="tcp:8010:interface=127.0.0.1"))
c['projectName'] = """Our
project"""
"##;

#[test]
fn the_easy_part_is_translated_and_the_rest_is_listed() {
    let imported = import(OLD);
    let left: Vec<String> = imported.left.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(left.join("\n"), @r#"
    line 3: os.path cannot be imported: nothing of the machine can be used
    line 14: there are no classes (MyStep); write a function that answers with a step: def name(**kwargs): return steps.shell(…, reader = …)
    line 21: print is a function: print(…)
    line 22: there are no exceptions
    line 24: there are no exceptions
    line 33: attributes cannot be set; write factory.BuildFactory(…, useProgress = False)
    line 34: os: a configuration sees nothing of the machine; secret("…") reads a file or a variable
    "#);
    insta::assert_snapshot!(imported.star, @r#"
    load("@sluice//compat.star", "FreshCVSSource", "factory", "html", "locks", "s", "step", sched = "scheduler")
    #! /usr/bin/python
    # -*- python -*-
    # import os.path
    # from buildbot.changes.freshcvs import FreshCVSSource
    # from buildbot.process import step, factory
    # from buildbot.process.factory import s
    # from buildbot.status import html
    # from buildbot import scheduler as sched, locks

    c = {}
    BuildmasterConfig = c
    c['bots'] = [("bot1", "secret"),
                 ("bot2", 'other')]   # two of them

    # class MyStep(step.ShellCommand):
        # def start(self):
            # step.ShellCommand.start(self)

    umask = 0o22
    big = 10
    if umask != 18:
        # print "odd"
        pass
    # try:
        # x = 1
    # except ValueError:
        # x = 2

    cpu = locks.SlaveLock("cpu")
    f = factory.BuildFactory([
        s(step.SVN, svnurl="http://svn.example.org/trunk"),
        s(step.Compile, command=["make", "all"], locks=[cpu]),
        s(step.Test),
    ])
    # f.useProgress = False
    home = os.path.expanduser("~")
    c['builders'] = [{'name': 'full', 'slavename': 'bot1', 'builddir': 'full', 'factory': f}]
    c['schedulers'] = [sched.Scheduler("all", None, 2*60, ["full"])]
    c['status'] = []
    c['status'].append(html.Waterfall(http_port="tcp:8010:interface=127.0.0.1"))
    c['projectName'] = """Our
    project"""
    "#);
}

#[test]
fn what_was_translated_loads_once_the_rest_is_done() {
    let imported = import(OLD);
    let star = imported.star.replace("home = os.path.expanduser(\"~\")\n", "");
    let config = Memory::master(&star).load().map_err(|e| e.to_string()).unwrap();
    assert_eq!(config.builders[0].steps.len(), 3);
    assert_eq!(config.web.listen, "127.0.0.1:8010");
    assert_eq!(config.project.title, "Our\nproject");
    assert_eq!(config.schedulers[0].name, "all");
    assert_eq!(config.workers.len(), 2);
}

#[test]
fn no_text_is_too_odd() {
    let texts = [
        "",
        "\n\n",
        "(((((",
        "'''never closed\nx",
        "\"open",
        "x = \\",
        "x = \\\n",
        "é = 'é' # é",
        "def f(:\n",
        "\tx = 1\n",
        "from x import (\n",
        "from buildbot.process import nothing_like_it\n",
        "import\n",
        "}}}}\n)",
        "0777 00 08 0x1F 1L u'a' ur'b' b'c'\n",
        "\u{0}\u{1}",
    ];
    for text in texts {
        let imported = import(text);
        assert!(super::parses(&imported.star).is_ok(), "{text}: {}", imported.star);
    }
    assert!(import(&"(".repeat(20_000)).left.len() < 10);
    assert!(!import(&"x = [\n".repeat(5_000)).left.is_empty());
    let many = import(&"x y z\n".repeat(1_000));
    assert!(super::parses(&many.star).is_ok());
    assert!(!import(&"x".repeat(5 << 20)).left.is_empty());
}

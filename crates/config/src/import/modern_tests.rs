//! A file of Buildbot 4 as its sample is made.

use super::import;
use crate::tests::Memory;

const SAMPLE: &str = r##"# -*- python -*-
from buildbot.plugins import *
import os

c = BuildmasterConfig = {}
c['workers'] = [worker.Worker("linux-1", "pass", max_builds=2, notify_on_missing="a@example.org"),
                worker.LocalWorker("here")]
c['protocols'] = {'pb': {'port': 9989}}
c['change_source'] = []
c['change_source'].append(changes.GitPoller(
    'https://github.com/madler/zlib',
    workdir='gitpoller-workdir', branch='develop',  # only this one
    pollInterval=300))

HOME = os.environ['HOME']
quick = schedulers.SingleBranchScheduler(name="quick", change_filter=util.ChangeFilter(branch='develop'),
                                         treeStableTimer=2*60, builderNames=["full"])
c['schedulers'] = [quick]
c['schedulers'].append(schedulers.Dependent(name="docs", upstream=quick, builderNames=["docs"]))
c['schedulers'].append(schedulers.Nightly(name="night", hour=[3, 15], minute=30, dayOfWeek=6, builderNames=["full"]))
c['schedulers'].append(schedulers.Triggerable(name="packages", builderNames=["docs"]))
c['schedulers'].append(schedulers.ForceScheduler(name="force", builderNames=["full"], properties=[
    util.StringParameter(name="version", label="Version", default="1.0", size=10),
    util.ChoiceStringParameter(name="mode", choices=["quick", "full"], default="quick")]))

cpu = util.WorkerLock("cpu", maxCount=1)
factory = util.BuildFactory()
factory.addStep(steps.Git(repourl='https://github.com/madler/zlib', mode='full', method='copy'))
factory.addStep(steps.Configure(command=["./configure"], haltOnFailure=True))
factory.addStep(steps.Compile(command=["make", util.Property('target', default='all')], locks=[cpu.access('exclusive')]))
factory.addStep(steps.Trial(tests="hello.test", testpath="."))
factory.addStep(steps.ShellCommand(command=["echo", util.Interpolate("%(prop:got_revision:-none)s {100%%}")], env={"A": "b"}))
factory.addStep(steps.FileUpload(workersrc="a.tar", masterdest=util.Interpolate("%(src::branch)s.tar")))
factory.addStep(steps.Trigger(schedulerNames=["packages"], waitForFinish=True))
factory.addStep(steps.MasterShellCommand(command="ls"))

class Lint(steps.ShellCommand):
    command = ["lint"]

    def describe(self):
        return "lint"

c['builders'] = []
c['builders'].append(util.BuilderConfig(name="full", workernames=["linux-1", "here"], factory=factory))
for name in ["docs"]:
    c['builders'].append(util.BuilderConfig(name=name, workername="here",
        factory=util.BuildFactory([steps.MakeDirectory(dir="out")])))
c['services'] = [reporters.MailNotifier(fromaddr="a@example.org")]
c['title'] = "Hello World CI"
c['titleURL'] = "https://buildbot.github.io/hello-world/"
c['buildbotURL'] = "http://localhost:8010/"
c['www'] = dict(port=8010, plugins={'waterfall_view': {}, 'console_view': {}})
c['db'] = {'db_url': "sqlite:///state.sqlite"}
c['bulders'] = [1]
"##;

#[test]
fn a_sample_of_today_becomes_calls_of_our_own() {
    let imported = import(SAMPLE);
    let left: Vec<String> = imported.left.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(left.join("\n"), @r#"
    line 3: os cannot be imported: nothing of the machine can be used
    line 6: worker has no argument like notify_on_missing = "a@example.org"
    line 8: c['protocols'] is left out: workers use the port of web(listen): sluice worker init DIR --master URL
    line 15: os: a configuration sees nothing of the machine; secret("…") reads a file or a variable
    line 37: there are no classes (Lint); write a function that answers with a step: def name(**kwargs): return steps.shell(…, reader = …)
    line 48: c['services'] is left out: reporters.mail(…) and reporters.http(…) have arguments of their own; write them anew
    line 54: c['bulders'] has no like and is left out; is builders meant?
    "#);
    insta::assert_snapshot!(imported.star, @r#"
    # -*- python -*-
    # import os

    worker("linux-1", password = "pass", max_builds = 2)
    local_worker("here")
    # c['protocols'] = {'pb': {'port': 9989}}
    # only this one
    changes.git_poller('https://github.com/madler/zlib', branch = 'develop', every = 300)

    # HOME = os.environ['HOME']
    schedulers.single_branch("quick", branch = 'develop', tree_stable_timer = 2*60, builders = ["full"])
    schedulers.dependent("docs", upstream = "quick", builders = ["docs"])
    schedulers.nightly("night", cron = "30 3,15 * * 0", builders = ["full"])
    schedulers.triggerable("packages", builders = ["docs"])
    schedulers.force(
        "force",
        builders = ["full"],
        parameters = [
            params.string("version", label = "Version", default = "1.0"),
            params.choice("mode", choices = ["quick", "full"], default = "quick")],
    )

    cpu = locks.worker("cpu", max_count = 1)
    factory = []
    factory.append(steps.git('https://github.com/madler/zlib', mode = "copy"))
    factory.append(steps.configure(command = ["./configure"], halt_on_failure = True))
    factory.append(steps.compile(command = ["make", prop('target', default = 'all')], locks = [cpu.exclusive()]))
    factory.append(steps.test(
        ["trial", "--reporter=bwverbose", "hello.test"],
        report = "trial",
        env = {"PYTHONPATH": "."},
    ))
    factory.append(steps.shell(command = ["echo", interpolate("{got_revision:-none} {{100%}}")], env = {"A": "b"}))
    factory.append(steps.upload(worker_src = "a.tar", master_dest = interpolate("{src::branch}.tar")))
    factory.append(steps.trigger(schedulers = ["packages"], wait_for_finish = True))
    factory.append(steps.master_shell(command = "ls"))

    # class Lint(steps.ShellCommand):
        # command = ["lint"]

        # def describe(self):
            # return "lint"

    builder("full", workers = ["linux-1", "here"], steps = factory)
    for name in ["docs"]:
        builder(name, workers = ["here"], steps = [steps.make_directory(path = "out")])
    # c['services'] = [reporters.MailNotifier(fromaddr="a@example.org")]
    web(listen = "0.0.0.0:8010")
    # c['bulders'] = [1]
    project(
        title = "Hello World CI",
        url = "https://buildbot.github.io/hello-world/",
        public_url = "http://localhost:8010/",
    )
    "#);
}

#[test]
fn what_it_became_loads_and_is_the_same() {
    let config = Memory::master(&import(SAMPLE).star).load().map_err(|e| e.to_string()).unwrap();
    insta::assert_snapshot!(crate::describe(&config), @r#"
    project     Hello World CI
    listens on  0.0.0.0:8010
    people use  http://localhost:8010/
    store       SQLite in the base directory
    may act     whoever has the token

    2 workers
      linux-1  2 builds  connects by itself
      here     1 build   on this machine

    2 builders
      full  on linux-1, here  git, configure, compile, test, echo, upload, trigger,…
      docs  on here           make_directory

    5 schedulers
      quick     single_branch  develop after 2 min of quiet: full
      docs      dependent      after quick: docs
      night     nightly        at 30 3,15 * * 0: full
      packages  triggerable    when triggered: docs
      force     force          when asked, with version, mode: full

    1 change source
      https://github.com/madler/zlib  develop  looks every 5 min

    1 lock
      cpu  of each worker  1 place
    "#);
}

#[test]
fn what_has_no_like_stays_as_a_comment_with_a_note() {
    let cases = [
        (
            "f.addStep(steps.GitLb(repourl='x'))",
            "# f.addStep(steps.GitLb(repourl='x'))",
            "steps.GitLb has no like yet; the nearest is steps.Git",
        ),
        (
            "x = util.Interpolate('%(kw:a)s')",
            "# x = util.Interpolate('%(kw:a)s')",
            "util.Interpolate has a mark with no like; see interpolate(…)",
        ),
        (
            "c['schedulers'] = [schedulers.Try_Userpass(name='t'),\n    schedulers.Triggerable('a', ['b'])]",
            "# schedulers.Try_Userpass(name='t')\nschedulers.triggerable(\"a\", builders = ['b'])",
            "schedulers.Try_Userpass has no like yet",
        ),
        (
            "c['db'] = {'db_url': 'mysql://h/d'}",
            "# c['db'] = {'db_url': 'mysql://h/d'}",
            "c['db']: there is no mysql; SQLite needs nothing, PostgreSQL database(\"postgres://…\")",
        ),
        ("c['db'] = {'db_url': 'postgresql+psycopg2://u@h/d'}", "database(\"postgres://u@h/d\")", ""),
        (
            "s = util.WorkerLock('a', maxCount=2).access('counting')",
            "s = locks.worker('a', max_count = 2).counting()",
            "",
        ),
        (
            "p = [util.Interpolate('%(src:lib:revision:~x)s%(secret:key)s'), util.Secret('b')]",
            "p = [interpolate(\"{src:lib:revision:~x}{secret:key}\"), secret('b')]",
            "",
        ),
    ];
    for (old, new, note) in cases {
        let imported = import(&format!("from buildbot.plugins import *\n{old}\n"));
        let new = new.replace("\"a\", builders", "'a', builders");
        assert_eq!(imported.star.trim_end(), new, "{old}");
        assert_eq!(imported.left.first().map_or("", |note| note.what.as_str()), note, "{old}");
    }
}

#[test]
fn no_text_of_today_is_too_odd() {
    let odd = [
        "c['workers']",
        "c['workers'] = ",
        "c[0] = 1",
        "c['www'] = 1",
        "c['www'] = dict(**x)",
        "c['db'] = util.X(1)",
        "c['schedulers'].append()",
        "c['builders'] += [1, 'é', *x]",
        "f.addStep(*x)",
        "schedulers.Nightly(1, 2, 3)",
        "util.Interpolate('%(')",
        "util.Interpolate('%(prop:é)s%')",
        "worker.Worker(**x)",
        "steps.Git('a', 'b', 'c')",
        "schedulers.SingleBranchScheduler(change_filter=util.ChangeFilter('x', y=1))",
        "é = steps.Trial(tests=é)",
        "x = [util.Property(",
        "    steps.Git('x')",
        "if x: c['builders'] = []",
        "c['www'] = {'port': 'tcp:80:interface=::1'}",
    ];
    for text in odd {
        let imported = import(&format!("from buildbot.plugins import *\n{text}\n"));
        assert!(super::parses(&imported.star).is_ok(), "{text}: {}", imported.star);
    }
    let deep = format!("from buildbot.plugins import *\nx = {}\n", "steps.Git(".repeat(20_000));
    assert!(super::parses(&import(&deep).star).is_ok());
}

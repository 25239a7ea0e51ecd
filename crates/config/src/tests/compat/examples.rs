//! The configuration examples of the Buildbot 0.7.3 manual: short fragments, held against the library of its names.

use Fate::{Loads, Waits};

/// What becomes of an example.
#[derive(Debug, PartialEq)]
pub(super) enum Fate {
    /// It is loaded and checked.
    Loads,
    /// It names something that comes later.
    Waits(&'static str),
}

/// An example of the manual: its line there, what must stand around it to be whole, and itself. Its import lines have
/// become one `load`, hosts and names are ours where they do not matter, and slips are mended.
pub(super) struct Example {
    pub(super) line: u32,
    pub(super) fate: Fate,
    pub(super) imports: &'static str,
    pub(super) before: &'static str,
    pub(super) text: &'static str,
}

/// All of them, in the order of the manual.
pub(super) const EXAMPLES: &[Example] = &[
    Example {
        line: 1747,
        fate: Loads,
        imports: "",
        before: "",
        text: r#"
c['projectName'] = "Buildbot"
c['projectURL'] = "http://buildbot.sourceforge.net/"
c['buildbotURL'] = "http://localhost:8010/"
"#,
    },
    Example {
        line: 1789,
        fate: Waits("PBChangeSource"),
        imports: r#""buildbot""#,
        before: "",
        text: "c['sources'] = [buildbot.changes.pb.PBChangeSource()]\n",
    },
    Example {
        line: 1833,
        fate: Loads,
        imports: r#""factory", "s", "scheduler", "step""#,
        before: r#"
c["builders"] = [simple(n) for n in ["quick-linux", "quick-netbsd", "full-linux", "full-netbsd", "full-OSX", "full-solaris"]]
"#,
        text: r#"
quick = scheduler.Scheduler("quick", None, 60,
                            ["quick-linux", "quick-netbsd"])
full = scheduler.Scheduler("full", None, 5*60,
                           ["full-linux", "full-netbsd", "full-OSX"])
nightly = scheduler.Periodic("nightly", ["full-solaris"], 24*60*60)
c['schedulers'] = [quick, full, nightly]
"#,
    },
    Example {
        line: 1944,
        fate: Loads,
        imports: r#""factory", "s", "scheduler", "step""#,
        before: r#"
c["builders"] = [simple(n) for n in ["full-linux", "full-netbsd", "full-OSX", "make-tarball", "make-deb", "make-rpm"]]
"#,
        text: r#"
tests = scheduler.Scheduler("tests", None, 5*60,
                            ["full-linux", "full-netbsd", "full-OSX"])
package = scheduler.Dependent("package",
                              tests, # upstream scheduler
                              ["make-tarball", "make-deb", "make-rpm"])
c['schedulers'] = [tests, package]
"#,
    },
    Example { line: 1977, fate: Loads, imports: "", before: "", text: "c['slavePortnum'] = 10000\n" },
    Example {
        line: 1987,
        fate: Loads,
        imports: "",
        before: "",
        text: "c['slavePortnum'] = \"tcp:10000:interface=127.0.0.1\"\n",
    },
    Example {
        line: 2006,
        fate: Loads,
        imports: "",
        before: "",
        text: r#"
c['bots'] = [('bot-solaris', 'solarispasswd'),
             ('bot-bsd', 'bsdpasswd'),
            ]
"#,
    },
    Example {
        line: 2112,
        fate: Waits("words.IRC"),
        imports: r#""html", "mail", "words""#,
        before: "",
        text: r##"
c['status'] = []

c['status'].append(html.Waterfall(http_port=8010))

m = mail.MailNotifier(fromaddr="buildbot@localhost",
                      extraRecipients=["builds@lists.example.com"],
                      sendToInterestedUsers=False)
c['status'].append(m)

c['status'].append(words.IRC(host="irc.example.com", nick="bb",
                             channels=["#example"]))
"##,
    },
    Example {
        line: 2113, // The same example without its last statement.
        fate: Loads,
        imports: r#""html", "mail""#,
        before: "",
        text: r##"
c['status'] = []

c['status'].append(html.Waterfall(http_port=8010))

m = mail.MailNotifier(fromaddr="buildbot@localhost",
                      extraRecipients=["builds@lists.example.com"],
                      sendToInterestedUsers=False)
c['status'].append(m)
"##,
    },
    Example { line: 2147, fate: Loads, imports: "", before: "", text: "c['debugPassword'] = \"debugpassword\"\n" },
    Example {
        line: 2165,
        fate: Waits("Manhole"),
        imports: r#""Manhole""#,
        before: "",
        text: "c['manhole'] = Manhole(\"tcp:9999:interface=127.0.0.1\", \"admin\", \"password\")\n",
    },
    Example {
        line: 2316,
        fate: Waits("FreshCVSSourceNewcred"),
        imports: r#""FreshCVSSourceNewcred""#,
        before: "",
        text: r#"
s = FreshCVSSourceNewcred(host="host", port=4519,
                          user="alice", passwd="secret",
                          prefix="Twisted")
BuildmasterConfig['sources'] = [s]
"#,
    },
    Example {
        line: 2389,
        fate: Waits("FreshCVSSource"),
        imports: r#""FreshCVSSource""#,
        before: "",
        text: r#"
BuildmasterConfig['sources'] = [FreshCVSSource("cvs.example.com", 4519,
                                "foo", "bar",
                                prefix="glib/")]
"#,
    },
    Example {
        line: 2548,
        fate: Loads,
        imports: r#""factory", "s", "step""#,
        before: "",
        text: r#"
steps = [s(step.SVN, svnurl="http://svn.example.org/Trunk/"),
         s(step.ShellCommand, command=["make", "all"]),
         s(step.ShellCommand, command=["make", "test"]),
        ]
f = factory.BuildFactory(steps)
"#,
    },
    Example {
        line: 2875,
        fate: Waits("PBChangeSource"),
        imports: r#""AnyBranchScheduler", "PBChangeSource", "factory", "s", "step""#,
        before: "",
        text: "c['sources'] = [PBChangeSource()]\n",
    },
    Example {
        line: 2876, // The same example without its first statement.
        fate: Loads,
        imports: r#""AnyBranchScheduler", "factory", "s", "step""#,
        before: "c['bots'] = [('bot-i386', 'x'), ('bot-ppc', 'y')]\n",
        text: r#"
s1 = AnyBranchScheduler('main',
                        ['trunk', 'features/newthing', 'features/otherthing'],
                        10*60, ['test-i386', 'test-ppc'])
c['schedulers'] = [s1]
source = s(step.SVN, mode='update',
           baseURL='svn://svn.example.org/MyProject/',
           defaultBranch='trunk')
f = factory.BuildFactory([source,
                          s(step.Compile, command="make all"),
                          s(step.Test, command="make test")])
c['builders'] = [
  {'name':'test-i386', 'slavename':'bot-i386', 'builddir':'test-i386',
                       'factory':f },
  {'name':'test-ppc', 'slavename':'bot-ppc', 'builddir':'test-ppc',
                      'factory':f },
 ]
"#,
    },
    Example {
        line: 3212, // In the place of the class of line 3196, which no Starlark can hold.
        fate: Loads,
        imports: r#""ShellCommand", "WithProperties", "s""#,
        before: "",
        text: r#"
s(ShellCommand,
  command=["tar", "czf",
           WithProperties("build-%s.tar.gz", "revision"),
           "source"],
 )
"#,
    },
    Example {
        line: 3237,
        fate: Loads,
        imports: r#""ShellCommand", "WithProperties", "s""#,
        before: "",
        text: r#"
s(ShellCommand,
  command=["tar", "czf",
           WithProperties("build-%(revision)s.tar.gz"),
           "source"],
 )
"#,
    },
    Example {
        line: 3370,
        fate: Loads,
        imports: r#""factory", "locks", "s", "step""#,
        before: "c['bots'] = [('bot-%d' % n, 'x') for n in [1, 2, 3]]\n",
        text: r#"
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
"#,
    },
    Example {
        line: 3395,
        fate: Loads,
        imports: r#""factory", "locks", "s", "step""#,
        before: "c['bots'] = [('bot-1', 'x')]\n",
        text: r#"
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
"#,
    },
    Example {
        line: 3421,
        fate: Loads,
        imports: r#""factory", "locks", "s", "step""#,
        before: "c['bots'] = [('bot-slow', 'x'), ('bot-fast', 'y')]\n",
        text: r#"
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
"#,
    },
    Example {
        line: 3544,
        fate: Loads,
        imports: r#""factory", "s", "step""#,
        before: "CVSROOT = ':pserver:anonymous@cvs.example.org:/cvsroot'\n",
        text: r#"
f = factory.BuildFactory([s(step.CVS,
                            cvsroot=CVSROOT, cvsmodule="project",
                            mode="update"),
                          s(step.Compile, command=["make", "build"])])
"#,
    },
    Example {
        line: 3689,
        fate: Loads,
        imports: r#""factory", "s", "step""#,
        before: "URL = 'http://svn.example.org/Trunk/'\n",
        text: r#"
f = factory.GNUAutoconf(source=s(step.SVN, svnurl=URL, mode="copy"),
                        configureFlags=["--disable-nls"])
"#,
    },
    Example {
        line: 3927,
        fate: Loads,
        imports: r#""factory", "s", "step""#,
        before: "source = s(step.SVN, svnurl='http://svn.example.org/Trunk/')\n",
        text: r#"
factory.Trial(source, tests="toplevel.test")
factory.Trial(source, tests=["toplevel.test", "other.test"])
factory.Trial(source, buildpython=["python2.3", "-Wall"], tests="foo.tests")
factory.Trial(source, trialpython="python2.3", trial="/usr/bin/trial",
              tests="foo.tests")
factory.Trial(source, trialpython=["python2.3", "-Wall"], trial="./bin/trial",
              tests="foo.tests")
factory.Trial(source,tests="toplevel.test",testpath='build/lib.linux-i686-2.3')
"#,
    },
    Example {
        line: 3932, // One of those of line 3927.
        fate: Loads,
        imports: r#""factory", "s", "step""#,
        before: "source = s(step.SVN, svnurl='http://svn.example.org/Trunk/')\n",
        text: "factory.Trial(source, useTestCaseNames=True)\n",
    },
    Example {
        line: 4000,
        fate: Loads,
        imports: r#""html""#,
        before: "c['status'] = []\n",
        text: "w = html.Waterfall(http_port=8080)\nc['status'].append(w)\n",
    },
    Example {
        line: 4086,
        fate: Waits("words.IRC"),
        imports: r#""words""#,
        before: "c['status'] = []\n",
        text: r##"
irc = words.IRC("irc.example.org", "botnickname", 
                channels=["channel1", "channel2"],
                password="mysecretpassword")
c['status'].append(irc)
"##,
    },
    Example {
        line: 4151,
        fate: Waits("client.PBListener"),
        imports: r#""buildbot""#,
        before: "c['status'] = []\n",
        text: r#"
pbl = buildbot.status.client.PBListener(port=9988, user="viewer",
                                        passwd="secret")
c['status'].append(pbl)
"#,
    },
    Example {
        line: 4394,
        fate: Loads,
        imports: r#""Try_Jobdir", "s", "step", "factory""#,
        before: "c['builders'] = [simple(n) for n in ('full-linux', 'full-netbsd', 'full-OSX')]\n",
        text: r#"
s = Try_Jobdir("try1", ["full-linux", "full-netbsd", "full-OSX"],
               jobdir="jobdir")
c['schedulers'] = [s]
"#,
    },
    Example {
        line: 4416,
        fate: Loads,
        imports: r#""Try_Userpass", "s", "step", "factory""#,
        before: "c['builders'] = [simple(n) for n in ('full-linux', 'full-netbsd', 'full-OSX')]\n",
        text: r#"
s = Try_Userpass("try2", ["full-linux", "full-netbsd", "full-OSX"],
                 port=8031, userpass=[("alice","pw1"), ("bob", "pw2")] )
c['schedulers'] = [s]
"#,
    },
];

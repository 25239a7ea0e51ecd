//! The branch example of the 0.7.3 manual under `compat.star`, with a real Subversion repository.

use crate::shows::{Yard, tool};
use crate::steps::document;

/// Its bots are native, its timer is one second, and its repository is here.
const EXAMPLE: &str = r#"
s1 = AnyBranchScheduler('main',
                        ['trunk', 'features/newthing', 'features/otherthing'],
                        1, ['test-i386', 'test-ppc'])
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
"#;

const BRANCHES: [&str; 3] = ["trunk", "features/newthing", "features/otherthing"];

#[test]
fn changes_of_three_branches_are_built_from_subversion() {
    let mut yard = Yard::new();
    let makefile = |branch: &str| format!("all:\n\t@echo made {branch} `cat state`\ntest:\n\t@echo ok\n");
    let texts: Vec<_> = BRANCHES.iter().map(|b| (format!("MyProject/{b}/Makefile"), makefile(b))).collect();
    let mut files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let states = BRANCHES.map(|b| format!("MyProject/{b}/state"));
    files.extend(states.iter().map(|name| (name.as_str(), "first\n")));
    let svn = yard.subversion(&files);
    let work = yard.place.path("work").display().to_string();
    tool("svn", &["checkout", "-q", &svn, &work]);
    let commit = |branch: &str, text: &str| {
        std::fs::write(format!("{work}/MyProject/{branch}/state"), format!("{text}\n")).expect("written");
        tool("svn", &["commit", "-q", "-m", text, &work]);
    };
    let example = EXAMPLE.replace("svn://svn.example.org", &svn);
    let url = yard.place.master(&format!(
        r#"
load("@sluice//compat.star", "AnyBranchScheduler", "factory", "s", "step")
web(listen = "127.0.0.1:0")
c = {{}}
BuildmasterConfig = c
c['bots'] = [('bot-i386', 'x'), ('bot-ppc', 'y')]
{example}
schedulers.force("force", builders = ["test-i386", "test-ppc"])
"#
    ));
    yard.place.worker(&url, "bot-i386", "x");
    yard.place.worker(&url, "bot-ppc", "y");

    // Revisions 2, 3 and 4, one of each branch; what is built is the revision of the change, not the newest.
    for branch in BRANCHES {
        commit(branch, "second");
    }
    commit("trunk", "third");
    for (revision, branch) in (2..).zip(BRANCHES) {
        let revision = revision.to_string();
        let file = format!("{branch}/state");
        let change =
            ["sendchange", "--master", &url, "--who", "ann", "--branch", branch, "--revision", &revision, &file];
        yard.place.run(&change).passes();
    }
    yard.place.run(&["sendchange", "--master", &url, "--branch", "vendor", "--revision", "9", "f"]).passes();
    let builds = yard.wait_passed(&url, 6);
    // Without a branch it is the default branch, and its newest revision.
    yard.force(&url, &["test-i386", "--wait"]);
    assert_eq!(builds.len(), 6, "nobody builds the branch vendor");
    let text = |path: String, name: &str| {
        let found = document(&yard.place, &url, &path);
        found["properties"][0][name][0].as_str().unwrap_or_default().to_owned()
    };
    let mut seen = Vec::new();
    for build in 1..=7 {
        let path = format!("/api/v2/builds/{build}");
        let properties = format!("{path}/properties");
        let made = yard.place.get(&url, &format!("{path}/steps/1/logs/stdio/raw"));
        let made = made.lines().find(|l| l.starts_with("made ")).unwrap_or_default().to_owned();
        let of = |name: &str| text(properties.clone(), name);
        seen.push([of("buildername"), of("branch"), of("revision"), of("got_revision"), made].join(" | "));
    }
    seen.sort();
    insta::assert_snapshot!(seen.join("\n"), @r"
    test-i386 |  |  | 5 | made trunk third
    test-i386 | features/newthing | 3 | 3 | made features/newthing second
    test-i386 | features/otherthing | 4 | 4 | made features/otherthing second
    test-i386 | trunk | 2 | 2 | made trunk second
    test-ppc | features/newthing | 3 | 3 | made features/newthing second
    test-ppc | features/otherthing | 4 | 4 | made features/otherthing second
    test-ppc | trunk | 2 | 2 | made trunk second
    ");
}

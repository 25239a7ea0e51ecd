//! A place whose steps tell when they begin and end, and end when the test says so.

use crate::sealed::Sealed;
use crate::steps::document;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The place. `work KIND [WHO]` in a step writes a line, waits for its gate, and writes another line.
pub(crate) struct Yard {
    pub(crate) place: Sealed,
}

/// One line of the trace: who began or ended which kind of work, and when, in hundredths since the machine's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) begins: bool,
    pub(crate) kind: String,
    pub(crate) who: String,
    pub(crate) at: u64,
}

impl Yard {
    pub(crate) fn new() -> Self {
        let place = Sealed::new();
        std::fs::create_dir_all(place.path("gates")).expect("made");
        std::fs::write(place.path("trace"), "").expect("written");
        let yard = Self { place };
        // A line is one write to a file opened for appending: the order of the lines is that of the moments.
        let here = yard.place.path("").display().to_string();
        yard.program(
            "work",
            &format!(
                r#"kind=$1 who=${{2:-$(basename "$(dirname "$PWD")")}}
stamp() {{ read -r up _ < /proc/uptime; echo "$1 $kind $who $up" >> {here}trace; }}
stamp begin
until [ -e {here}gates/all ] || [ -e "{here}gates/$kind-$who" ]; do sleep 0.01; done
stamp end
"#
            ),
        );
        yard
    }

    /// Puts a program on the path of everything that runs here.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let bin = self.place.path("bin");
        std::fs::create_dir_all(&bin).expect("made");
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}")).expect("written");
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).expect("set");
    }

    /// Lets one end, or with "all" whoever there is and comes.
    pub(crate) fn open(&self, gate: &str) {
        std::fs::write(self.place.path("gates").join(gate), "").expect("written");
    }

    /// What was done so far.
    pub(crate) fn trace(&self) -> Vec<Mark> {
        let text = std::fs::read_to_string(self.place.path("trace")).expect("it is there");
        let mark = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut word = || words.next().expect("four words");
            let (what, kind, who) = (word(), word(), word());
            let at = word().replace('.', "").parse().expect("hundredths");
            Mark { begins: what == "begin", kind, who, at }
        };
        text.split_inclusive('\n').filter_map(|l| l.strip_suffix('\n')).map(mark).collect()
    }

    /// Who is at work of these kinds, the longest first.
    pub(crate) fn inside(&self, kinds: &[&str]) -> Vec<String> {
        let mut inside = Vec::new();
        for mark in self.trace().into_iter().filter(|m| kinds.contains(&m.kind.as_str())) {
            if mark.begins {
                inside.push(mark.who);
            } else {
                inside.retain(|who| *who != mark.who);
            }
        }
        inside
    }

    /// Waits until exactly these are at work. Two that were let in together make their marks in any order.
    #[track_caller]
    pub(crate) fn wait_inside(&self, kinds: &[&str], expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|who| (*who).to_owned()).collect();
        let inside = || self.inside(kinds).into_iter().collect::<BTreeSet<_>>();
        testkit::wait_until(&format!("{expected:?} in {kinds:?}"), || inside() == expected);
    }

    /// How many were at work at the same time at most, of what a filter keeps.
    pub(crate) fn most(&self, keeps: impl Fn(&Mark) -> bool) -> usize {
        let (mut now, mut most) = (0_usize, 0);
        for mark in self.trace().into_iter().filter(keeps) {
            now = if mark.begins { now + 1 } else { now - 1 };
            most = most.max(now);
        }
        assert_eq!(now, 0, "all have ended");
        most
    }

    /// Begin and end of everybody's work of a kind.
    pub(crate) fn intervals(&self, kind: &str) -> BTreeMap<String, (u64, u64)> {
        let mut out = BTreeMap::new();
        for mark in self.trace().into_iter().filter(|m| m.kind == kind) {
            if mark.begins {
                out.insert(mark.who, (mark.at, 0));
            } else {
                out.get_mut(&mark.who).expect("it began").1 = mark.at;
            }
        }
        out
    }

    /// A Subversion repository with these files in its first revision. Its address.
    pub(crate) fn subversion(&self, files: &[(&str, &str)]) -> String {
        let (repo, tree) = (self.place.path("svn"), self.place.path("tree"));
        tool("svnadmin", &[Path::new("create"), &repo]);
        for (name, text) in files {
            let file = tree.join(name);
            std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
            std::fs::write(file, text).expect("written");
        }
        let url = format!("file://{}", repo.display());
        tool("svn", &["import", "-q", "-m", "first", &tree.display().to_string(), &url]);
        url
    }

    pub(crate) fn force(&self, url: &str, arguments: &[&str]) {
        self.place.run(&[&["force", "--master", url], arguments].concat()).passes();
    }

    /// The steps of a builder's build, by name: whether each has ended, and with what.
    pub(crate) fn steps(&self, url: &str, builder: &str, build: u32) -> Vec<(String, Option<i64>)> {
        let path = format!("/api/v2/builders/{builder}/builds/{build}/steps");
        let found = document(&self.place, url, &path);
        let Some(steps) = found["steps"].as_array() else { return Vec::new() };
        steps.iter().map(|s| (s["name"].as_str().unwrap_or_default().to_owned(), s["results"].as_i64())).collect()
    }

    /// Waits until so many builds have ended, and all of them well.
    #[track_caller]
    pub(crate) fn wait_passed(&self, url: &str, count: usize) -> Vec<Value> {
        testkit::wait_for("all builds end", || {
            let found = document(&self.place, url, "/api/v2/builds?limit=1000");
            let builds = found["builds"].as_array().expect("builds").clone();
            let ended = builds.iter().filter(|b| b["complete"] == true).count();
            if let Some(bad) = builds.iter().find(|b| b["complete"] == true && b["results"] != 0) {
                let steps = document(&self.place, url, &format!("/api/v2/builds/{}/steps", bad["buildid"]));
                panic!("{bad:#}\n{steps:#}");
            }
            (ended == count).then_some(builds)
        })
    }
}

/// Runs a program of the machine.
#[track_caller]
pub(crate) fn tool<T: AsRef<std::ffi::OsStr> + std::fmt::Debug>(program: &str, arguments: &[T]) {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

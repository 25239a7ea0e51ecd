//! The place in which stories of the gate are told: a bare repository that would take anything and logs what it took,
//! developers with clones of it, and what must hold whatever happened.

use crate::sealed::{Said, Sealed, said};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use testkit::{Repo, wait_for};

/// The place.
pub(crate) struct Land {
    pub(crate) place: Sealed,
    pub(crate) target: Repo,
    /// Commits that came into the target past the gate.
    elsewhere: Vec<String>,
}

impl Land {
    /// With this `sluice.star` in the target; `EV` in it becomes a directory for evidence.
    pub(crate) fn new(star: &str) -> Self {
        let place = Sealed::new();
        let target = Repo::bare(place.path("target.git"));
        target.git(["config", "receive.denyNonFastForwards", "false"]);
        target.git(["config", "receive.denyDeletes", "false"]);
        fs::create_dir_all(place.path("ev")).expect("the story can be told");
        let log = place.path("transitions");
        let land = Self { place, target, elsewhere: Vec::new() };
        land.hook("post-receive", &format!("cat >> {}", log.display()));
        let star = star.replace("EV", &land.place.path("ev").display().to_string());
        land.target
            .on("main")
            .message("begin")
            .file("sluice.star", star)
            .script("check", "#!/bin/sh\nexit 0\n")
            .file("shared.txt", "one\n")
            .commit();
        land
    }

    /// With one task, which notes the commit that it sees and asks the tree's own `check`.
    pub(crate) fn usual() -> Self {
        Self::new(USUAL)
    }

    /// A hook of the target.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        let path = self.target.path().join("hooks").join(name);
        fs::create_dir_all(path.parent().expect("the story can be told")).expect("the story can be told");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("the story can be told");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the story can be told");
    }

    /// A clone of the target for a developer.
    pub(crate) fn developer(&self, name: &str) -> Repo {
        let path = self.place.path(name);
        self.target.git(["clone", "-q", &self.target.address(), path.to_str().expect("the story can be told")]);
        let repo = Repo::with_work_tree(path);
        repo.git(["config", "user.name", name]);
        repo.git(["config", "user.email", &format!("{name}@example.org")]);
        repo
    }

    /// The gate in a checkout, ready to be started.
    pub(crate) fn command(&self, repo: &Repo, arguments: &[&str]) -> Command {
        let mut command = self.place.command(&["gate"]);
        command.args(arguments).current_dir(repo.path()).env("AUTOBUILD_TESTBASE", self.place.path("testbase"));
        command
    }

    /// Runs the gate to its end.
    pub(crate) fn gate(&self, repo: &Repo, arguments: &[&str]) -> Said {
        said(self.command(repo, arguments).output().expect("the story can be told"))
    }

    /// Rebases on the target and lands there, and gives the one document that it ends with.
    pub(crate) fn land(&self, repo: &Repo, arguments: &[&str]) -> Value {
        let target = self.target.address();
        let all = [&["--rebase", &target, "--pushto", &target, "--json"], arguments].concat();
        document(&self.gate(repo, &all))
    }

    /// Starts the gate so, and leaves it running.
    pub(crate) fn start(&self, repo: &Repo, arguments: &[&str]) -> Running {
        let target = self.target.address();
        let all = [&["--rebase", &target, "--pushto", &target, "--json"], arguments].concat();
        let mut command = self.command(repo, &all);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Running(Some(command.spawn().expect("the story can be told")))
    }

    /// Somebody pushes past the gate. The commit.
    pub(crate) fn push_elsewhere(&mut self, file: &str, content: &str) -> String {
        let repo = self.developer(&format!("other{}", self.elsewhere.len()));
        let commit = repo.commit("main", &format!("elsewhere: {file}"), file, content);
        self.elsewhere.push(commit.clone());
        repo.git(["push", "-q", "origin", "main"]);
        commit
    }

    /// What tasks wrote down, line by line.
    pub(crate) fn seen(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.place.path("ev").join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A pipe with a name, among the evidence.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.place.path("ev").join(name);
        assert!(Command::new("mkfifo").arg(&path).status().expect("the story can be told").success());
        path
    }

    /// Lets go whoever reads from a pipe, once somebody does.
    pub(crate) fn release(&self, name: &str) {
        let path = self.place.path("ev").join(name);
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut pipe = wait_for(&format!("a reader of {name}"), || {
            fs::OpenOptions::new().write(true).custom_flags(flags).open(&path).ok()
        });
        pipe.write_all(b"go\n").expect("the story can be told");
    }

    /// Waits until a task has written its line.
    pub(crate) fn wait_seen(&self, file: &str, lines: usize) {
        wait_for(&format!("{lines} lines in {file}"), || (self.seen(file).len() >= lines).then_some(()));
    }

    /// What must hold after every story: what landed was tested (or came past the gate), nothing was ever lost, all that
    /// is on the branch is good, no process, no directory and no note of a run is left.
    pub(crate) fn holds(&self) {
        let log = fs::read_to_string(self.place.path("transitions")).unwrap_or_default();
        let seen = self.seen("seen");
        for line in log.lines() {
            let [old, new, name] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert_eq!(name, "refs/heads/main");
            self.target.git(["merge-base", "--is-ancestor", old, new]);
            let known = self.elsewhere.iter().chain(&seen).any(|commit| commit == new);
            assert!(known, "{new} landed and was not tested; tested were {seen:?}");
        }
        for commit in self.target.git(["rev-list", "--first-parent", "main"]).lines() {
            let script = self.target.git(["show", &format!("{commit}:check")]);
            let passed = Command::new("/bin/sh")
                .args(["-c", &script])
                .current_dir(self.target.path())
                .status()
                .expect("the story can be told");
            assert!(passed.success(), "{commit} is on the branch and not good");
        }
        self.is_clean();
    }

    /// No process, no directory and no note of a run is left.
    pub(crate) fn is_clean(&self) {
        wait_for("no process is left", || self.processes().is_empty().then_some(()));
        let left: Vec<_> = fs::read_dir(self.place.path("testbase")).into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        let clones = fs::read_dir(self.place.path(".")).expect("the story can be told").flatten().map(|e| e.path());
        for clone in clones.filter(|path| path.join(".git/sluice/gate").is_dir()) {
            let notes = fs::read_dir(clone.join(".git/sluice/gate")).expect("the story can be told").flatten();
            let runs: Vec<_> = notes.map(|e| e.file_name()).filter(|n| n.to_string_lossy().starts_with('b')).collect();
            assert!(runs.is_empty(), "{runs:?}");
            assert!(
                !clone.join(".git/rebase-merge").exists() && !clone.join(".git/refs/sluice/gate").join("b").exists()
            );
        }
    }

    /// Processes whose environment was given here.
    pub(crate) fn processes(&self) -> Vec<String> {
        let home = format!("HOME={}\0", self.place.path("").display().to_string().trim_end_matches('/'));
        let entries = fs::read_dir("/proc").expect("the story can be told").flatten();
        let numbered = entries.filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
        let ours = numbered.filter(|e| {
            let environment = fs::read(e.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&home)
        });
        ours.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The names of what is in the archive of logs that a document tells of, and the manifest.
    pub(crate) fn archive(&self, document: &Value) -> (Vec<String>, Value) {
        let path = document["logs"].as_str().expect("an archive");
        let out = |arguments: &[&str]| {
            let out = Command::new("tar").args(arguments).output().expect("the story can be told");
            assert!(out.status.success());
            String::from_utf8(out.stdout).expect("the story can be told")
        };
        let names = out(&["-tzf", path]).lines().map(str::to_owned).collect();
        (names, serde_json::from_str(&out(&["-xzOf", path, "manifest.json"])).expect("the story can be told"))
    }
}

/// The usual task.
pub(crate) const USUAL: &str = "task(\"test\", stages = [\n\
    stage(\"note\", \"git rev-parse HEAD >> EV/seen\"),\n    stage(\"check\", \"./check\"),\n])\n";

/// A gate that runs.
pub(crate) struct Running(Option<std::process::Child>);

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.0.as_ref().expect("the story can be told").id()
    }

    /// What it says in the end.
    pub(crate) fn end(mut self) -> Said {
        said(self.0.take().expect("the story can be told").wait_with_output().expect("the story can be told"))
    }

    /// `kill -9`, and nothing else of it is ended.
    pub(crate) fn kill(mut self) {
        let mut child = self.0.take().expect("the story can be told");
        child.kill().expect("the story can be told");
        child.wait().expect("the story can be told");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The one document of a gate: one line, with the exit code in it.
#[track_caller]
pub(crate) fn document(said: &Said) -> Value {
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 1, "out:\n{}\nerr:\n{}", said.out, said.err);
    let document: Value = serde_json::from_str(lines[0]).expect("the story can be told");
    let code = document["exit"].as_i64().or(document["error"]["code"].as_i64());
    assert_eq!(code, said.code.map(i64::from), "{document}");
    document
}

/// What a task of a document came to: verdict and words.
#[track_caller]
pub(crate) fn task<'d>(document: &'d Value, name: &str) -> (&'d str, &'d str) {
    let tasks = document["tasks"].as_array().expect("tasks");
    let task = tasks.iter().find(|t| t["name"] == name).unwrap_or_else(|| panic!("no task {name} in {document}"));
    (task["verdict"].as_str().expect("the story can be told"), task["words"].as_str().expect("the story can be told"))
}

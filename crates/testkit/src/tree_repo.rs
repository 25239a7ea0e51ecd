//! Small repositories of version control systems other than git, made with the systems' own programs.
//!
//! All of them tell the same story to tests: a branch `main` and a branch `topic`, files, commits one after the other.

use model::{BranchPlace, Vcs};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository of a test, in a directory of its own.
#[derive(Debug)]
pub struct TreeRepo {
    vcs: Vcs,
    dir: PathBuf,
}

impl TreeRepo {
    /// A new repository below `dir`, with the branch `main` and no commit that tells of a file.
    pub fn new(vcs: Vcs, dir: impl Into<PathBuf>) -> Self {
        let repo = Self { vcs, dir: dir.into() };
        std::fs::create_dir_all(&repo.dir).expect("the directory is made");
        let place = text(&repo.dir.join("repo"));
        match vcs {
            Vcs::Subversion => {
                repo.run(".", "svnadmin", ["create", &place]);
                let url = |part: &str| format!("file://{place}/{part}");
                repo.run(".", "svn", ["mkdir", "-q", "-m", "The layout", &url("trunk"), &url("branches")]);
                repo.run(".", "svn", ["checkout", "-q", &url("trunk"), "main"]);
            }
            Vcs::Mercurial => repo.run(".", "hg", ["init", "repo"]),
            Vcs::Cvs => {
                repo.run(".", "cvs", ["-d", &place, "init"]);
                std::fs::create_dir_all(repo.dir.join("repo/project")).expect("the module is made");
                repo.run(".", "cvs", ["-Q", "-d", &place, "checkout", "-d", "main", "project"]);
            }
            Vcs::Darcs => repo.run(".", "darcs", ["init", "-q", "main"]),
            Vcs::Bazaar => repo.run(".", "brz", ["init", "-q", "main"]),
        }
        repo
    }

    /// What its address is, or what the addresses of its branches begin with.
    pub fn address(&self) -> String {
        match self.vcs {
            Vcs::Subversion => format!("file://{}/repo/", text(&self.dir)),
            Vcs::Mercurial | Vcs::Cvs => text(&self.dir.join("repo")),
            Vcs::Darcs | Vcs::Bazaar => format!("{}/", text(&self.dir)),
        }
    }

    /// The address of one branch, where a branch has one; else of the repository.
    pub fn address_of(&self, branch: &str) -> String {
        match self.branch_place() {
            BranchPlace::Address => self.address(),
            BranchPlace::Behind => self.address() + &self.branch(branch).unwrap_or_default(),
        }
    }

    /// Where its branches are.
    pub fn branch_place(&self) -> BranchPlace {
        if self.vcs.names_branches() { BranchPlace::Address } else { BranchPlace::Behind }
    }

    /// What `main` and `topic` are called there.
    pub fn branch(&self, branch: &str) -> Option<String> {
        let name = match (self.vcs, branch) {
            (Vcs::Subversion, "main") => "trunk".to_owned(),
            (Vcs::Subversion, other) => format!("branches/{other}"),
            (Vcs::Mercurial, "main") => "default".to_owned(),
            (Vcs::Cvs, "main") => return None,
            (_, other) => other.to_owned(),
        };
        Some(name)
    }

    /// The module to check out, where there are any.
    pub fn module(&self) -> Option<String> {
        (self.vcs == Vcs::Cvs).then(|| "project".to_owned())
    }

    /// Makes the branch `topic` from where `main` is.
    pub fn fork(&self) {
        match self.vcs {
            Vcs::Subversion => {
                let url = |b: &str| self.address_of(b);
                self.run(".", "svn", ["copy", "-q", "-m", "A branch", &url("main"), &url("topic")]);
                self.run(".", "svn", ["checkout", "-q", &url("topic"), "topic"]);
            }
            Vcs::Mercurial => {
                self.run("repo", "hg", ["update", "-q", "default"]);
                self.run("repo", "hg", ["branch", "-q", "topic"]);
            }
            Vcs::Cvs => {
                self.run("main", "cvs", ["-Q", "tag", "-b", "topic"]);
                let place = self.address();
                self.run(".", "cvs", ["-Q", "-d", &place, "checkout", "-r", "topic", "-d", "topic", "project"]);
            }
            Vcs::Darcs => self.run(".", "darcs", ["clone", "-q", "main", "topic"]),
            Vcs::Bazaar => self.run(".", "brz", ["branch", "-q", "main", "topic"]),
        }
    }

    /// A commit of one file by Ada; says its revision as a checkout would.
    pub fn commit(&self, branch: &str, message: &str, file: &str, content: &str) -> String {
        let place = if self.vcs == Vcs::Mercurial { "repo" } else { branch };
        if self.vcs == Vcs::Mercurial
            && self.ask(place, "hg", ["branch"]).trim() != self.branch(branch).unwrap_or_default()
        {
            self.run(place, "hg", ["update", "-q", "--clean", &self.branch(branch).unwrap_or_default()]);
        }
        let path = self.dir.join(place).join(file);
        std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory is made");
        let is_new = !path.exists();
        std::fs::write(&path, content).expect("the file is written");
        match self.vcs {
            Vcs::Subversion => {
                if is_new {
                    self.run(place, "svn", ["add", "-q", "--parents", file]);
                }
                self.run(place, "svn", ["commit", "-q", "--username", "ada", "-m", message]);
                self.run(place, "svn", ["update", "-q"]);
                self.ask(place, "svn", ["info", "--show-item", "revision"]).trim().to_owned()
            }
            Vcs::Mercurial => {
                self.run(place, "hg", ["commit", "-q", "-A", "-u", "ada", "-m", message]);
                self.ask(place, "hg", ["log", "-r", ".", "-T", "{node}"])
            }
            Vcs::Cvs => self.commit_cvs(place, message, file, is_new),
            Vcs::Darcs => {
                if is_new {
                    self.run(place, "darcs", ["add", "-q", "-r", file]);
                }
                let words = self.dir.join("message");
                std::fs::write(&words, message).expect("the message is written");
                let words = format!("--logfile={}", text(&words));
                self.run(place, "darcs", ["record", "-q", "-a", "-A", "ada", &words, "--ignore-times"]);
                let log = self.ask(place, "darcs", ["log", "--last=1", "--xml-output"]);
                let hash = log.split_once(" hash='").map(|(_, rest)| rest[..40].to_owned());
                hash.expect("a patch has a hash")
            }
            Vcs::Bazaar => {
                if is_new {
                    self.run(place, "brz", ["add", "-q", file]);
                }
                self.run(place, "brz", ["commit", "-q", "-m", message]);
                self.ask(place, "brz", ["revno"]).trim().to_owned()
            }
        }
    }

    /// CVS tells commits by the second; it waits itself until that of a commit is over. Says the moment.
    fn commit_cvs(&self, place: &str, message: &str, file: &str, is_new: bool) -> String {
        if is_new {
            let dirs: Vec<&Path> = Path::new(file).ancestors().skip(1).filter(|d| !d.as_os_str().is_empty()).collect();
            for dir in dirs.into_iter().rev().filter(|d| !self.dir.join(place).join(d).join("CVS").exists()) {
                self.run(place, "cvs", ["-Q", "add", &text(dir)]);
            }
            self.run(place, "cvs", ["-Q", "add", file]);
        }
        self.run(place, "cvs", ["-Q", "commit", "-f", "-m", message, file]);
        let log = self.ask(place, "cvs", ["-Q", "status", file]);
        let revision = log.lines().find_map(|l| l.trim().strip_prefix("Working revision:")).unwrap_or_default();
        let revision = format!("-r{}", revision.split_whitespace().next().unwrap_or_default());
        let log = self.ask(place, "cvs", ["-Q", "log", "-N", &revision, file]);
        let date = log.lines().find_map(|l| l.strip_prefix("date: ")).and_then(|l| l.split(';').next());
        date.expect("a commit has a date").to_owned()
    }

    fn run<const N: usize>(&self, place: &str, program: &str, words: [&str; N]) {
        drop(self.ask(place, program, words));
    }

    fn ask<const N: usize>(&self, place: &str, program: &str, words: [&str; N]) -> String {
        let mut command = Command::new(program);
        command.args(words.map(OsStr::new)).current_dir(self.dir.join(place)).stdin(Stdio::null());
        command.envs([("LC_ALL", "C.UTF-8"), ("HGPLAIN", "1"), ("HGUSER", "ada"), ("CVS_RSH", "false"), ("TZ", "UTC")]);
        command.envs([("BRZ_EMAIL", "ada"), ("LOGNAME", "ada"), ("BRZ_LOG", "/dev/null")]);
        let done = command.output().unwrap_or_else(|e| panic!("{program} cannot be started: {e}"));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program} {words:?} failed: {said}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a test's path is text").to_owned()
}

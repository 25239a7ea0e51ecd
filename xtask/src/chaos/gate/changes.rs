//! A repository, and changes to it of which is known beforehand what becomes of them.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a change truly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Good,
    /// Red in this task, always.
    Bad(&'static str),
    /// Red in this task the first time, wherever that is.
    Flaky(&'static str),
}

impl Truth {
    pub(super) fn lands(self) -> bool {
        !matches!(self, Truth::Bad(_))
    }

    /// In the words of the simulator.
    pub(super) fn verdict(self) -> Value {
        match self {
            Truth::Good => json!("good"),
            Truth::Bad(task) => json!({ "bad": { "task": task } }),
            Truth::Flaky(task) => json!({ "flaky": { "task": task, "times": 1 } }),
        }
    }
}

/// A change that is handed in.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Its branch, and its title.
    pub(super) name: String,
    pub(super) commit: String,
    pub(super) owner: &'static str,
    pub(super) truth: Truth,
}

/// So many are handed in.
pub(super) const CHANGES: usize = 20;

/// Which of them are not simply good, counted from nought.
const BAD: [(usize, Truth); 3] = [(5, Truth::Bad("unit")), (12, Truth::Bad("lint")), (8, Truth::Flaky("unit"))];

/// Each of these stands on the one before it.
const STACK: [usize; 2] = [15, 16];

/// Who hands them in.
const PEOPLE: [&str; 3] = ["ann", "bob", "cy"];

/// The repository that is landed in, and a work tree in which changes are made.
pub(super) struct Repository {
    pub(super) bare: PathBuf,
    tree: PathBuf,
    base: String,
}

impl Repository {
    /// With the branches `main` and `rehearsal` on one commit. Each move of a branch is written down.
    pub(super) fn new(dir: &Path) -> anyhow::Result<Self> {
        let (bare, tree) = (dir.join("target.git"), dir.join("tree"));
        git(dir, &["init", "-q", "--bare", "-b", "main", &bare.display().to_string()])?;
        git(&bare, &["config", "core.logAllRefUpdates", "always"])?;
        git(dir, &["init", "-q", "-b", "main", &tree.display().to_string()])?;
        let mut repository = Self { bare, tree, base: String::new() };
        repository.base = repository.commit("the beginning", "base")?;
        repository.push("main")?;
        repository.push("rehearsal")?;
        Ok(repository)
    }

    /// Those that are handed in at the gate, each on a branch of its own.
    pub(super) fn changes(&self) -> anyhow::Result<Vec<Change>> {
        let mut all: Vec<Change> = Vec::new();
        for number in 0..CHANGES {
            let truth = BAD.iter().find(|(bad, _)| *bad == number).map_or(Truth::Good, |(_, truth)| *truth);
            let on = if STACK.contains(&number) { all[number - 1].commit.clone() } else { self.base.clone() };
            let owner = PEOPLE[number % PEOPLE.len()];
            all.push(self.change(&format!("change-{}", number + 1), &on, owner, truth)?);
        }
        Ok(all)
    }

    /// Good ones, to learn how long things take.
    pub(super) fn rehearsal(&self, round: usize, many: usize) -> anyhow::Result<Vec<Change>> {
        let name = |number: usize| format!("rehearsal-{round}-{number}");
        (0..many).map(|number| self.change(&name(number), &self.base, PEOPLE[0], Truth::Good)).collect()
    }

    fn change(&self, name: &str, on: &str, owner: &'static str, truth: Truth) -> anyhow::Result<Change> {
        git(&self.tree, &["checkout", "-q", "--detach", on])?;
        let file = match truth {
            Truth::Good => name.to_owned(),
            Truth::Bad(task) => format!("bad-{task}"),
            Truth::Flaky(task) => format!("flaky-{task}"),
        };
        let commit = self.commit(name, &file)?;
        self.push(name)?;
        Ok(Change { name: name.to_owned(), commit, owner, truth })
    }

    fn commit(&self, title: &str, file: &str) -> anyhow::Result<String> {
        fs::write(self.tree.join(file), title)?;
        git(&self.tree, &["add", "--", file])?;
        git(&self.tree, &["commit", "-q", "-m", title])?;
        git(&self.tree, &["rev-parse", "HEAD"])
    }

    fn push(&self, branch: &str) -> anyhow::Result<()> {
        let to = format!("HEAD:refs/heads/{branch}");
        git(&self.tree, &["push", "-q", &self.bare.display().to_string(), &to]).map(drop)
    }

    /// What is wrong with the branch, of which these commits were found green: it only ever went forward, to what was
    /// tested, with nothing on it twice.
    pub(super) fn judge(&self, green: &[String], wanted: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut wrong = Vec::new();
        let log = git(&self.bare, &["reflog", "show", "--format=%H", "main"])?;
        let mut tips: Vec<&str> = log.lines().collect();
        tips.reverse();
        for pair in tips.windows(2) {
            if git(&self.bare, &["merge-base", "--is-ancestor", pair[0], pair[1]]).is_err() {
                wrong.push(format!("main went from {} to {}, which is not forward", pair[0], pair[1]));
            }
            if !green.iter().any(|commit| commit == pair[1]) {
                wrong.push(format!("main came to be {}, which no trial found green", pair[1]));
            }
        }
        let range = format!("{}..main", self.base);
        let log = git(&self.bare, &["log", "--format=%s", &range])?;
        let mut landed: Vec<&str> = log.lines().collect();
        let mut wanted = wanted.to_vec();
        landed.sort_unstable();
        wanted.sort_unstable();
        if landed != wanted {
            wrong.push(format!("on main are {landed:?}, and should be {wanted:?}"));
        }
        Ok(wrong)
    }

    /// References of trials that are still there.
    pub(super) fn trials(&self) -> anyhow::Result<String> {
        git(&self.bare, &["for-each-ref", "--format=%(refname)", "refs/sluice"])
    }
}

fn git(dir: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ann Dler", "-c", "user.email=ann@example.org", "-c", "gc.auto=0"]);
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR");
    let out = command.output().context("cannot start git")?;
    if !out.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

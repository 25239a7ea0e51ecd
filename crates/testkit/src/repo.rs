//! Small git repositories, built commit by commit, with fixed dates so that their hashes are always the same.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};

/// The date of the first commit: 2026-01-01T00:00:00Z. Each later one is a minute younger.
const FIRST_DATE: i64 = 1_767_225_600;

/// A git repository of a test. It lives as long as its directory does.
#[derive(Debug)]
pub struct Repo {
    path: PathBuf,
    bare: bool,
    commits: AtomicI64,
}

impl Repo {
    /// A new bare repository at `path` with no commit; its `HEAD` names `main`.
    pub fn bare(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        run(Path::new("/"), &[], ["init", "-q", "--bare", "-b", "main", "--", &text(&path)]);
        Self { path, bare: true, commits: AtomicI64::new(0) }
    }

    /// A new repository at `path` with a work tree and no commit; its `HEAD` names `main`.
    pub fn with_work_tree(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        run(Path::new("/"), &[], ["init", "-q", "-b", "main", "--", &text(&path)]);
        Self { path, bare: false, commits: AtomicI64::new(0) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path as the text that a configuration would hold.
    pub fn address(&self) -> String {
        text(&self.path)
    }

    /// Begins a commit on top of `branch`, which is made when it does not exist.
    pub fn on(&self, branch: &str) -> NewCommit<'_> {
        NewCommit {
            repo: self,
            branch: branch.to_owned(),
            author: "Ada Example <ada@example.org>".to_owned(),
            message: b"A change\n".to_vec(),
            merged: None,
            edits: Vec::new(),
        }
    }

    /// A commit of one file on `branch`; its message is `message`. Says its hash.
    pub fn commit(&self, branch: &str, message: &str, file: &str, content: &str) -> String {
        self.on(branch).message(message).file(file, content).commit()
    }

    /// Points `branch` at `revision`, whether it was there or not: also what a forced push does.
    pub fn point(&self, branch: &str, revision: &str) {
        self.git(["update-ref", &format!("refs/heads/{branch}"), revision]);
        self.refresh(branch);
    }

    /// Takes a branch away.
    pub fn delete_branch(&self, branch: &str) {
        self.git(["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }

    /// The hash that `branch` points at.
    pub fn head(&self, branch: &str) -> String {
        self.git(["rev-parse", "--verify", &format!("refs/heads/{branch}^{{commit}}")])
    }

    /// Runs git in the repository and says what it printed, without white space at the end.
    ///
    /// # Panics
    /// When git is missing or does not end with 0.
    pub fn git<const N: usize>(&self, arguments: [&str; N]) -> String {
        String::from_utf8_lossy(&run(&self.path, &[], arguments)).trim_end().to_owned()
    }

    /// The work tree follows when the branch that it shows was moved.
    fn refresh(&self, branch: &str) {
        if !self.bare && self.git(["symbolic-ref", "HEAD"]) == format!("refs/heads/{branch}") {
            self.git(["reset", "-q", "--hard"]);
        }
    }
}

/// A commit that is being put together.
#[derive(Debug)]
pub struct NewCommit<'a> {
    repo: &'a Repo,
    branch: String,
    author: String,
    message: Vec<u8>,
    merged: Option<String>,
    edits: Vec<u8>,
}

impl NewCommit<'_> {
    /// Who wrote it, as `Name <mail>`.
    pub fn author(mut self, author: &str) -> Self {
        author.clone_into(&mut self.author);
        self
    }

    /// Its message, byte for byte.
    pub fn message(mut self, message: impl AsRef<[u8]>) -> Self {
        message.as_ref().clone_into(&mut self.message);
        self
    }

    /// Writes a file; its name may hold anything that git allows.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry("100644", name, content.as_ref())
    }

    /// Writes a file that may be executed.
    pub fn script(self, name: &str, content: &str) -> Self {
        self.entry("100755", name, content.as_bytes())
    }

    /// Writes a symbolic link.
    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry("120000", name, target.as_bytes())
    }

    /// Takes a file away.
    pub fn remove(mut self, name: &str) -> Self {
        self.edits.extend_from_slice(format!("D {}\n", quoted(name)).as_bytes());
        self
    }

    /// Gives a file another name.
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        self.edits.extend_from_slice(format!("R {} {}\n", quoted(from), quoted(to)).as_bytes());
        self
    }

    /// Puts a commit of another repository in as a submodule at `name`; `.gitmodules` is the caller's to write.
    pub fn submodule(mut self, name: &str, revision: &str) -> Self {
        self.edits.extend_from_slice(format!("M 160000 {revision} {}\n", quoted(name)).as_bytes());
        self
    }

    /// Makes it a merge; `other` (a branch or a hash) becomes its second parent. Its files are those of the first parent
    /// with the edits of this commit: nothing is merged by itself.
    pub fn merging(mut self, other: &str) -> Self {
        let full = self.repo.git(["rev-parse", "--verify", &format!("{other}^{{commit}}")]);
        self.merged = Some(full);
        self
    }

    /// Makes it, and says its hash.
    pub fn commit(self) -> String {
        let refname = format!("refs/heads/{}", self.branch);
        let parent = self.repo.git(["for-each-ref", "--format=%(objectname)", &refname]);
        let date = FIRST_DATE + 60 * self.repo.commits.fetch_add(1, Ordering::SeqCst);
        let mut stream =
            format!("commit {refname}\nauthor {0} {date} +0000\ncommitter {0} {date} +0000\n", self.author)
                .into_bytes();
        data(&mut stream, &self.message);
        if !parent.is_empty() {
            stream.extend_from_slice(format!("from {parent}\n").as_bytes());
        }
        if let Some(other) = &self.merged {
            stream.extend_from_slice(format!("merge {other}\n").as_bytes());
        }
        stream.extend_from_slice(&self.edits);
        stream.push(b'\n');
        run(&self.repo.path, &stream, ["fast-import", "--quiet", "--date-format=raw"]);
        self.repo.refresh(&self.branch);
        self.repo.head(&self.branch)
    }

    fn entry(mut self, mode: &str, name: &str, content: &[u8]) -> Self {
        self.edits.extend_from_slice(format!("M {mode} inline {}\n", quoted(name)).as_bytes());
        data(&mut self.edits, content);
        self
    }
}

fn data(stream: &mut Vec<u8>, bytes: &[u8]) {
    stream.extend_from_slice(format!("data {}\n", bytes.len()).as_bytes());
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}

/// A path as `git fast-import` reads it: quoted as in C.
fn quoted(name: &str) -> String {
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs git apart from the user's configuration. Panics with what it said when it fails.
fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(dir: &Path, input: &[u8], arguments: I) -> Vec<u8> {
    let mut command = Command::new("git");
    command
        .args(["-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Ada Example")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_COMMITTER_NAME", "Ada Example")
        .env("GIT_COMMITTER_EMAIL", "ada@example.org")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) => panic!("this test needs git on the PATH: {e}"),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A git that ends early closes the pipe; its exit status tells why.
        let _ = stdin.write_all(input);
    }
    match child.wait_with_output() {
        Ok(out) if out.status.success() => out.stdout,
        Ok(out) => panic!("{command:?} failed: {}", String::from_utf8_lossy(&out.stderr)),
        Err(e) => panic!("{command:?} cannot be waited for: {e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_merges_and_moves_branches_with_fixed_hashes() {
        let dir = crate::temp_dir();
        let repo = Repo::bare(dir.path().join("r.git"));
        let first = repo.commit("main", "One", "a.txt", "1\n");
        repo.point("side", &first);
        let second = repo.on("side").message(b"Two \xff\n").file("b\nc", "2").commit();
        let merged = repo.on("main").message("Merge").merging("side").commit();
        assert_eq!(repo.git(["rev-parse", "main^2"]), second);
        repo.point("main", &first);
        assert_eq!(repo.head("main"), first);
        assert_ne!(merged, first);
        repo.delete_branch("side");
        assert_eq!(repo.git(["for-each-ref", "--format=%(refname)"]), "refs/heads/main");

        let again = Repo::bare(dir.path().join("again.git"));
        assert_eq!(again.commit("main", "One", "a.txt", "1\n"), first, "the same commit has the same hash");
    }

    #[test]
    fn a_work_tree_shows_its_branch() {
        let dir = crate::temp_dir();
        let repo = Repo::with_work_tree(dir.path().join("w"));
        repo.on("main").script("run.sh", "#!/bin/sh\n").link("l", "run.sh").commit();
        repo.on("main").rename("run.sh", "go.sh").remove("l").commit();
        assert!(repo.path().join("go.sh").is_file());
        assert!(!repo.path().join("l").exists());
    }
}

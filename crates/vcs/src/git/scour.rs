//! The configuration of a repository that strangers may have written into: all that is not needed is taken out of it.
//!
//! What is tested runs beside the clone that is pushed from, and can write into its `config`. An address that is
//! rewritten there, a program for ssh or a helper for passwords would act with the rights of whoever pushes.

use super::fault::GitError;
use super::line::Line;
use super::run::Git;
use std::path::{Path, PathBuf};

/// What a clone of ours needs. All else of git's own is the machine's and the user's, in their own files.
const NEEDED: [&str; 9] = [
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.ignorecase",
    "core.logallrefupdates",
    "extensions.objectformat",
    "extensions.refstorage",
    "user.name",
    "user.email",
];

/// Takes everything out of the configuration of the repository at `dir` that it does not need.
///
/// # Errors
/// It cannot be read or written.
pub(super) fn scour(git: &Git, dir: &Path) -> Result<(), GitError> {
    let path = config_of(dir);
    // A repository with this file has its configuration, and all but its index and head, where the file says.
    match std::fs::remove_file(path.with_file_name("commondir")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(GitError::machine("cannot remove", &path.with_file_name("commondir"), &e));
        }
        _ => {}
    }
    let line = Line::git(["config", "--list", "--null", "--no-includes", "--file"]).and(&path);
    let printed = git.ask(Path::new("/"), &line, &[])?;
    let text = String::from_utf8_lossy(&printed);
    // A key without a value stands for true; none of those that are needed is written so.
    let all: Vec<(&str, &str)> = text
        .split('\0')
        .filter(|row| !row.is_empty())
        .map(|row| row.split_once('\n').unwrap_or((row, "true")))
        .collect();
    let (needed, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(key, _)| NEEDED.contains(key));
    if others.is_empty() {
        return Ok(());
    }
    let clean: String = needed.iter().filter_map(|(key, value)| written(key, value)).collect();
    let beside = path.with_extension("clean");
    let replace = std::fs::write(&beside, clean).and_then(|()| std::fs::rename(&beside, &path));
    replace.map_err(|e| GitError::machine("cannot write", &path, &e))
}

fn config_of(dir: &Path) -> PathBuf {
    let inner = dir.join(".git");
    if inner.is_dir() { inner.join("config") } else { dir.join("config") }
}

/// A setting as it stands in a file of git's (git-config(1), "Syntax").
fn written(key: &str, value: &str) -> Option<String> {
    let (section, name) = key.split_once('.')?;
    let value: String = value
        .chars()
        .map(|c| match c {
            '\\' => "\\\\".to_owned(),
            '"' => "\\\"".to_owned(),
            '\n' => "\\n".to_owned(),
            other => other.to_string(),
        })
        .collect();
    Some(format!("[{section}]\n\t{name} = \"{value}\"\n"))
}

#[cfg(test)]
mod tests {
    use super::super::run::silent;
    use super::*;
    use testkit::Repo;

    #[test]
    fn only_what_a_clone_needs_stays() {
        let top = testkit::temp_dir();
        let repo = Repo::with_work_tree(top.path().join("r"));
        let head = repo.commit("main", "one", "a", "1");
        repo.git(["config", "user.name", "An \"odd\" \\ name # ; here"]);
        repo.git(["config", "url./elsewhere.insteadOf", "/there"]);
        repo.git(["config", "core.sshCommand", "evil"]);
        repo.git(["config", "include.path", "/evil"]);
        repo.git(["config", "alias.x", "!evil"]);
        let git = silent("");
        for _ in 0..2 {
            scour(&git, repo.path()).unwrap();
            let left = repo.git(["config", "--local", "--list", "--name-only"]);
            assert!(left.lines().all(|key| NEEDED.contains(&key)), "{left}");
            assert_eq!(repo.git(["config", "--local", "user.name"]), "An \"odd\" \\ name # ; here");
            assert_eq!(repo.git(["rev-parse", "HEAD"]), head);
        }
        let other = Repo::with_work_tree(top.path().join("other"));
        other.git(["config", "alias.x", "!evil"]);
        let elsewhere = other.path().join(".git").display().to_string();
        std::fs::write(repo.path().join(".git/commondir"), elsewhere).unwrap();
        assert_eq!(repo.git(["config", "alias.x"]), "!evil", "this is what such a file does");
        scour(&git, repo.path()).unwrap();
        assert_eq!(repo.git(["config", "--local", "--list", "--name-only"]).matches("alias.x").count(), 0);
        assert_eq!(repo.git(["rev-parse", "HEAD"]), head);
        std::fs::write(repo.path().join(".git/config"), "[[[").unwrap();
        assert!(scour(&git, repo.path()).is_err());
        assert!(scour(&git, &top.path().join("none")).is_err());
    }
}

//! A patch on top of a checkout: `git apply`, and where that is too strict, `patch`.

use super::fault::{Fault, GitError};
use super::line::Line;
use super::run::Git;
use crate::patch::{lenient, place};
use model::Patch;
use std::path::Path;

/// Applies `patch` to the tree at `dir`: whole, or not at all.
pub(crate) fn apply(git: &Git, dir: &Path, patch: &Patch, commit: &str) -> Result<(), GitError> {
    if patch.body.trim_ascii().is_empty() {
        git.say("the patch is empty");
        return Ok(());
    }
    let place = place(dir, patch)?;
    let subdir = Path::new(&patch.subdir);
    let level = format!("-p{}", patch.level);
    match git.act_on(dir, &strict(&level, subdir), &patch.body) {
        Err(e) if e.fault != Fault::Machine => {}
        done => return done,
    }
    git.say("git does not apply it; trying with patch, which is less strict");
    lenient(git, &place, patch, commit)
}

fn strict(level: &str, subdir: &Path) -> Line {
    let line = Line::git(["apply", "--whitespace=nowarn"]).and(level);
    if subdir.as_os_str().is_empty() { line } else { line.and(format!("--directory={}", subdir.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_typed() {
        assert_eq!(strict("-p1", Path::new("")).typed(), "git apply --whitespace=nowarn -p1");
        assert_eq!(
            strict("-p0", Path::new("src/a b")).typed(),
            "git apply --whitespace=nowarn -p0 '--directory=src/a b'"
        );
    }
}

//! A patch on top of a checkout: `git apply`, and where that is too strict, `patch`.

use super::fault::{Fault, GitError};
use super::line::Line;
use super::run::Git;
use model::Patch;
use std::path::{Component, Path};

/// Applies `patch` to the tree at `dir`: whole, or not at all.
pub(crate) fn apply(git: &Git, dir: &Path, patch: &Patch, commit: &str) -> Result<(), GitError> {
    if patch.body.trim_ascii().is_empty() {
        git.say("the patch is empty");
        return Ok(());
    }
    let subdir = Path::new(&patch.subdir);
    if !subdir.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(GitError::new(
            Fault::Asked,
            format!("the patch's directory {} is not below the tree", subdir.display()),
        ));
    }
    let place = dir.join(subdir);
    if !place.is_dir() {
        return Err(GitError::new(
            Fault::Patch,
            format!("the patch's directory {} is not in the tree", subdir.display()),
        ));
    }
    let level = format!("-p{}", patch.level);
    match git.act_on(dir, &strict(&level, subdir), &patch.body) {
        Err(e) if e.fault != Fault::Machine => {}
        done => return done,
    }
    git.say("git does not apply it; trying with patch, which is less strict");
    // Tried first, because a patch that fits in one half must not be applied at all.
    let line = lenient(&level);
    git.act_on(&place, &line.clone().and("--dry-run"), &patch.body).map_err(|e| unfit(&e, commit))?;
    git.act_on(&place, &line, &patch.body).map_err(|e| unfit(&e, commit))
}

fn strict(level: &str, subdir: &Path) -> Line {
    let line = Line::git(["apply", "--whitespace=nowarn"]).and(level);
    if subdir.as_os_str().is_empty() { line } else { line.and(format!("--directory={}", subdir.display())) }
}

fn lenient(level: &str) -> Line {
    Line::other(["patch", level, "--batch", "--forward"])
}

fn unfit(error: &GitError, commit: &str) -> GitError {
    match error.fault {
        Fault::Machine => error.clone(),
        _ => {
            let short = model::change::short_revision(commit);
            GitError::new(Fault::Patch, format!("the patch does not apply to {short}"))
        }
    }
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
        assert_eq!(lenient("-p2").typed(), "patch -p2 --batch --forward");
    }
}

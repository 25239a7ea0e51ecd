//! A patch on top of a tree, by `patch`.

use crate::fault::{Fault, VcsError};
use crate::line::Line;
use crate::run::Runner;
use model::Patch;
use std::path::{Component, Path, PathBuf};

/// The directory that a patch is for, below the tree at `dir`.
pub(crate) fn place(dir: &Path, patch: &Patch) -> Result<PathBuf, VcsError> {
    let subdir = Path::new(&patch.subdir);
    if !subdir.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        let reason = format!("the patch's directory {} is not below the tree", subdir.display());
        return Err(VcsError::new(Fault::Asked, reason));
    }
    let place = dir.join(subdir);
    if !place.is_dir() {
        let reason = format!("the patch's directory {} is not in the tree", subdir.display());
        return Err(VcsError::new(Fault::Patch, reason));
    }
    Ok(place)
}

/// Applies a patch in `place`: whole, or not at all. `at` is the revision that it is on.
pub(crate) fn lenient(run: &Runner, place: &Path, patch: &Patch, at: &str) -> Result<(), VcsError> {
    // Tried first, because a patch that fits in one half must not be applied at all.
    let line = line(patch.level);
    run.act_on(place, &line.clone().and("--dry-run"), &patch.body).map_err(|e| unfit(&e, at))?;
    run.act_on(place, &line, &patch.body).map_err(|e| unfit(&e, at))
}

fn line(level: u32) -> Line {
    Line::new(["patch"]).and(format!("-p{level}")).and("--batch").and("--forward")
}

fn unfit(error: &VcsError, at: &str) -> VcsError {
    match error.fault {
        Fault::Machine => error.clone(),
        _ => {
            let short = model::change::short_revision(at);
            VcsError::new(Fault::Patch, format!("the patch does not apply to {short}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_typed() {
        assert_eq!(line(2).typed(), "patch -p2 --batch --forward");
    }
}

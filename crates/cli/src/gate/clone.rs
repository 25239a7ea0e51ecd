//! The clone that an attempt puts together and pushes from. Each attempt has one of its own: what was tested before could
//! write into that of the last one, and must have no say in what is put together next.

use super::place;
use anyhow::Context;
use std::path::Path;
use vcs::git::{Landing, Leash, Standing};

/// Makes the clone in the directory of a run. Of that of an earlier attempt nothing is taken over but the commit
/// `before`, to be compared with.
pub(super) fn make(standing: &Standing, work: &Path, before: Option<&str>, leash: &Leash) -> anyhow::Result<Landing> {
    let (tree, old) = (work.join("tree"), work.join("tree.git"));
    if tree.exists() {
        place::remove(&old)?;
        std::fs::rename(tree.join(".git"), &old).with_context(|| format!("cannot move {}", tree.display()))?;
        place::remove(&tree)?;
    }
    let landing = Landing::clone(standing, &tree, leash)?;
    if let Some(before) = before
        && let Err(e) = landing.bring(&old, before)
    {
        // Without it everything is tested once more.
        tracing::info!("what was tested before is not there any more: {e}");
    }
    place::remove(&old)?;
    Ok(landing)
}

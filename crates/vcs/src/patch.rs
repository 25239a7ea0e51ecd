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
    harmless(&patch.body)?;
    // Tried first, because a patch that fits in one half must not be applied at all.
    let line = line(patch.level);
    run.act_on(place, &line.clone().and("--dry-run"), &patch.body).map_err(|e| unfit(&e, at))?;
    run.act_on(place, &line, &patch.body).map_err(|e| unfit(&e, at))
}

/// Refuses a patch of the files that a system keeps for itself: `patch` would write a hook or a setting that is still there
/// when the next build uses the tree.
fn harmless(body: &[u8]) -> Result<(), VcsError> {
    const HEADS: [&[u8]; 8] =
        [b"--- ", b"+++ ", b"*** ", b"Index: ", b"diff ", b"rename to ", b"rename from ", b"copy to "];
    for line in body.split(|b| *b == b'\n') {
        let Some(names) = HEADS.iter().find_map(|head| line.strip_prefix(*head)) else { continue };
        let names = unquoted(names);
        let parts = names.split(|b| b"/\t\r\"".contains(b));
        if let Some(part) = parts.into_iter().find(|part| OWN.iter().any(|own| own.as_bytes() == *part)) {
            let part = String::from_utf8_lossy(part);
            return Err(VcsError::new(
                Fault::Patch,
                format!("the patch has files of {part}, which are none of the source"),
            ));
        }
    }
    Ok(())
}

/// Where the systems keep what is their own.
const OWN: [&str; 6] = [".git", ".svn", ".hg", "_darcs", "CVS", ".bzr"];

/// A name in which `patch` reads an octal number as a byte.
fn unquoted(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { after };
    }
    out
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
    fn files_of_the_systems_are_none_of_the_source() {
        let bad = [
            "--- /dev/null\n+++ b/.git/hooks/post-checkout\n@@ -0,0 +1 @@\n+id\n",
            "+++ \"b/.g\\151t/config\"\n",
            "Index: .git/config\n",
            "diff --git a/x b/sub/.hg/hgrc\n",
            "rename to .svn/wc.db\n",
            "*** CVS/Root\t2026\n",
        ];
        for body in bad {
            let fault = harmless(body.as_bytes()).map_err(|e| e.fault);
            assert_eq!(fault, Err(Fault::Patch), "{body}");
        }
        for body in [
            "--- a/.gitignore\n+++ b/.github/x.git\n+see .git/config\n- CVS/Root\n .hg/hgrc\n",
            "+++ b/src/cvs/a.c\nrename to docs/CVS howto\n",
        ] {
            assert_eq!(harmless(body.as_bytes()), Ok(()), "{body}");
        }
    }

    #[test]
    fn lines_read_as_typed() {
        assert_eq!(line(2).typed(), "patch -p2 --batch --forward");
    }
}

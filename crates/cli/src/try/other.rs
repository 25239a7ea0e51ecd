//! Trees of the other systems. Each says its base in its own words, and what has changed since.

use super::source::{Source, Vcs, Wish, line, said};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// A tree of anything but git.
pub(super) fn source(vcs: Vcs, wish: &Wish) -> anyhow::Result<Source> {
    let source = match vcs {
        Vcs::Git => bail!("a tree of git has a file of its own"),
        Vcs::Svn => svn(wish)?,
        Vcs::Hg => hg(wish)?,
        Vcs::Cvs => cvs(wish)?,
        Vcs::Darcs => darcs(wish)?,
        Vcs::Bzr => bzr(wish)?,
    };
    Ok(Source { branch: source.branch.or_else(|| wish.branch.clone()), ..source })
}

fn made(revision: String, level: u32, patch: Vec<u8>) -> Source {
    Source { revision: Some(revision), level, patch, ..Source::default() }
}

/// Subversion: the newest revision, and what differs from it.
fn svn(wish: &Wish) -> anyhow::Result<Source> {
    let top = PathBuf::from(line(&wish.start, "svn", &["info", "--show-item", "wc-root"])?);
    let base = match &wish.base {
        Some(base) => base.clone(),
        None => {
            let status = line(&top, "svn", &["--non-interactive", "status", "-u"])?;
            let last = status.lines().find_map(|l| l.strip_prefix("Status against revision:"));
            last.context("svn status -u names no revision")?.trim().to_owned()
        }
    };
    let patch =
        said(&top, "svn", &["--non-interactive", "diff", "--internal-diff", "--patch-compatible", "-r", &base], &[0])?;
    let mut source = made(base, 0, patch);
    if find(&source.patch, b"Cannot display: file marked as a binary type.").is_some() {
        source.notes.push("svn puts no binary files into a patch; they stay as the base has them".to_owned());
    }
    Ok(source)
}

/// Mercurial: the last ancestor that is public, and what differs from it.
fn hg(wish: &Wish) -> anyhow::Result<Source> {
    let top = PathBuf::from(line(&wish.start, "hg", &["root"])?);
    let base = match &wish.base {
        Some(base) => base.clone(),
        None => {
            let public = line(&top, "hg", &["log", "-r", "max(ancestors(.) and public())", "-T", "{node}"])?;
            // Where nothing is public nobody else has this repository, and the master follows it itself.
            if public.is_empty() { line(&top, "hg", &["log", "-r", ".", "-T", "{node}"])? } else { public }
        }
    };
    let patch = said(&top, "hg", &["diff", "--git", "-r", &base], &[0])?;
    Ok(made(base, 1, patch))
}

/// CVS has no revisions of a tree: the base is now, and what differs from it.
fn cvs(wish: &Wish) -> anyhow::Result<Source> {
    // Every directory of a tree is marked; its top is the last that is.
    let marked = |dir: &&Path| dir.join("CVS").is_dir();
    let top = wish.start.ancestors().take_while(marked).last().unwrap_or(&wish.start).to_owned();
    let base = match &wish.base {
        Some(base) => base.clone(),
        None => jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S +0000").to_string(),
    };
    let of_branch = wish.branch.as_ref().map(|branch| format!("{branch}:{base}"));
    let against = of_branch.as_ref().map_or(["-D", &base], |both| ["-r", both]);
    let arguments = ["-q", "diff", "-N", "-u", against[0], against[1]];
    // It ends with 1 when something differs.
    let patch = said(&top, "cvs", &arguments, &[0, 1])?;
    Ok(made(base, 0, patch))
}

/// Darcs: the context of the tree is its revision.
fn darcs(wish: &Wish) -> anyhow::Result<Source> {
    let marked = |dir: &&Path| dir.join("_darcs").is_dir();
    let top = wish.start.ancestors().find(marked).context("there is no _darcs here or above")?;
    let base = match &wish.base {
        Some(base) => base.clone(),
        None => String::from_utf8_lossy(&said(top, "darcs", &["log", "--context"], &[0])?).into_owned(),
    };
    let patch = said(top, "darcs", &["diff", "-u"], &[0, 1])?;
    Ok(made(base, 1, patch))
}

/// Bazaar: the revision of the tree, and what differs from it.
fn bzr(wish: &Wish) -> anyhow::Result<Source> {
    let top = PathBuf::from(line(&wish.start, "bzr", &["root"])?);
    let base = match &wish.base {
        Some(base) => base.clone(),
        None => line(&top, "bzr", &["revno", "--tree"])?,
    };
    // It ends with 1 when something differs.
    let patch = said(&top, "bzr", &["diff", "--prefix=a/:b/", "-r", &base], &[0, 1])?;
    Ok(made(base, 1, patch))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

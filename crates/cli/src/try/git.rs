//! A tree of git: what lies between the last commit that others have too and the files as they are.

use super::source::{Source, Wish, line, said};
use anyhow::bail;
use std::path::{Path, PathBuf};

/// At most so many files are named in a note.
const NAMED: usize = 5;

pub(super) fn source(wish: &Wish) -> anyhow::Result<Source> {
    let top = PathBuf::from(line(&wish.start, "git", &["rev-parse", "--show-toplevel"])?);
    let (branch, base) = base(&top, wish)?;
    // The person's own settings for reading patches do not count. The index says which new files are meant.
    let patch = said(
        &top,
        "git",
        &[
            "-c",
            "core.quotePath=true",
            "diff",
            "--binary",
            "--full-index",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-relative",
            "--no-renames",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            &base,
            "--",
        ],
        &[0],
    )?;
    Ok(Source { branch, revision: Some(base), level: 1, patch, notes: unknown(&top)? })
}

/// The branch and the commit that the master can have: where the tree has left the branch that it follows.
fn base(top: &Path, wish: &Wish) -> anyhow::Result<(Option<String>, String)> {
    if let Some(base) = &wish.base {
        let commit = line(top, "git", &["rev-parse", "--verify", "--end-of-options", &format!("{base}^{{commit}}")])?;
        return Ok((wish.branch.clone().or_else(|| upstream(top).map(|u| u.branch)), commit));
    }
    let mut remotes = line(top, "git", &["remote"])?;
    remotes.truncate(remotes.find('\n').unwrap_or(remotes.len()));
    let followed = match (&wish.branch, upstream(top)) {
        (Some(wanted), Some(found)) if found.branch == *wanted => Some(found),
        (Some(wanted), _) => tracked(top, &remotes, wanted),
        (None, found) => found.or_else(|| tracked(top, &remotes, &head(top)?)).or_else(|| default(top, &remotes)),
    };
    if let Some(Upstream { branch, name }) = followed {
        let base = line(top, "git", &["merge-base", "HEAD", &name])?;
        return Ok((Some(branch), base));
    }
    if remotes.is_empty() {
        // Nobody else has this repository, so the master follows it itself.
        let branch = wish.branch.clone().or_else(|| head(top));
        return Ok((branch, line(top, "git", &["rev-parse", "HEAD"])?));
    }
    match &wish.branch {
        Some(branch) => bail!("nothing is known here of a branch {branch} of {remotes}\nhelp: git fetch {remotes}"),
        None => bail!(
            "this branch follows no branch of {remotes}, so nobody knows what it is based on\n\
             help: give --branch NAME, or --baserev REVISION, a commit that the master can fetch"
        ),
    }
}

/// A branch elsewhere that is followed here.
struct Upstream {
    /// Its name there.
    branch: String,
    /// Its name here.
    name: String,
}

/// What the branch that is checked out follows.
fn upstream(top: &Path) -> Option<Upstream> {
    let name = line(top, "git", &["rev-parse", "--symbolic-full-name", "@{upstream}"]).ok()?;
    let local = head(top)?;
    let merge = line(top, "git", &["config", &format!("branch.{local}.merge")]).ok()?;
    Some(Upstream { branch: merge.strip_prefix("refs/heads/")?.to_owned(), name })
}

/// The branch that is checked out.
fn head(top: &Path) -> Option<String> {
    line(top, "git", &["symbolic-ref", "--short", "-q", "HEAD"]).ok().filter(|name| !name.is_empty())
}

/// A branch of a remote, by its name there.
fn tracked(top: &Path, remote: &str, branch: &str) -> Option<Upstream> {
    let name = format!("refs/remotes/{remote}/{branch}");
    line(top, "git", &["rev-parse", "--verify", "-q", &name]).ok()?;
    Some(Upstream { branch: branch.to_owned(), name })
}

/// The default branch of a remote.
fn default(top: &Path, remote: &str) -> Option<Upstream> {
    let name = line(top, "git", &["symbolic-ref", "-q", &format!("refs/remotes/{remote}/HEAD")]).ok()?;
    let branch = name.strip_prefix(&format!("refs/remotes/{remote}/"))?.to_owned();
    Some(Upstream { branch, name })
}

/// Files that look as if they were forgotten.
fn unknown(top: &Path) -> anyhow::Result<Vec<String>> {
    let files = said(top, "git", &["ls-files", "--others", "--exclude-standard", "-z"], &[0])?;
    let names: Vec<_> = files.split(|b| *b == 0).filter(|n| !n.is_empty()).map(String::from_utf8_lossy).collect();
    let shown: Vec<String> = names.iter().take(NAMED).map(|n| n.escape_debug().to_string()).collect();
    Ok(match names.len() {
        0 => Vec::new(),
        1 => vec![format!("{} is not part of it; git add makes it so", shown[0])],
        n if n > NAMED => {
            vec![format!("{n} new files are not part of it, such as {}; git add makes them so", shown[0])]
        }
        _ => vec![format!("{} are not part of it; git add makes them so", shown.join(", "))],
    })
}

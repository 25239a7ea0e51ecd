//! What is to be tried: which tree, on top of which revision, with which patch.

use super::{Args, git, other};
use crate::exit::Trouble;
use anyhow::{Context, bail};
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A version control system that a tree may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Vcs {
    /// Git.
    Git,
    /// Subversion.
    Svn,
    /// Mercurial.
    Hg,
    /// CVS.
    Cvs,
    /// Darcs.
    Darcs,
    /// Bazaar, Breezy.
    Bzr,
}

/// A base and a patch.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The branch; `None` is the default branch.
    pub(super) branch: Option<String>,
    /// The base, as the master's own checkout can have it.
    pub(super) revision: Option<String>,
    /// How many leading directories of the patch are stripped.
    pub(super) level: u32,
    /// The patch.
    pub(super) patch: Vec<u8>,
    /// What the person may want to know.
    pub(super) notes: Vec<String>,
}

impl Vcs {
    /// The directory by which a tree of it is known.
    fn mark(self) -> &'static str {
        match self {
            Vcs::Git => ".git",
            Vcs::Svn => ".svn",
            Vcs::Hg => ".hg",
            Vcs::Cvs => "CVS",
            Vcs::Darcs => "_darcs",
            Vcs::Bzr => ".bzr",
        }
    }

    /// The system of the tree around a directory: that of the nearest mark, upwards.
    fn around(here: &Path) -> Option<Self> {
        use clap::ValueEnum as _;
        here.ancestors().find_map(|dir| {
            Self::value_variants().iter().copied().find(|vcs| dir.join(vcs.mark()).symlink_metadata().is_ok())
        })
    }
}

impl Source {
    /// What the command line and the tree say.
    pub(super) fn find(args: &Args) -> anyhow::Result<Self> {
        if let Some(file) = &args.diff {
            return Ok(Self {
                branch: args.branch.clone(),
                revision: args.baserev.clone(),
                level: args.patchlevel,
                patch: read(file)?,
                notes: Vec::new(),
            });
        }
        let here = std::env::current_dir().context("cannot tell where this is")?;
        let start = match (&args.topdir, &args.topfile) {
            (Some(dir), _) => dir.canonicalize().with_context(|| format!("cannot find the top {}", dir.display()))?,
            (None, Some(file)) => marked(&here, file)?,
            (None, None) => here,
        };
        let Some(vcs) = args.vc.or_else(|| Vcs::around(&start)) else {
            bail!(
                "{} is in no working tree of git, svn, hg, cvs, darcs or bzr\n\
                 help: go into one, or give a patch: sluice try --diff FILE --patchlevel N --baserev REVISION",
                start.display()
            );
        };
        let wish = Wish { start, branch: args.branch.clone(), base: args.baserev.clone() };
        let source = match vcs {
            Vcs::Git => git::source(&wish)?,
            other => other::source(other, &wish)?,
        };
        if source.patch.is_empty() {
            out_of(&source)?;
        }
        Ok(source)
    }
}

/// A tree without a change in it can be tried all the same where its base is known.
fn out_of(source: &Source) -> anyhow::Result<()> {
    match &source.revision {
        Some(_) => Ok(()),
        None => bail!("the tree has no change, and no revision is named, so there is nothing to try"),
    }
}

/// The nearest directory upwards that has the file.
fn marked(here: &Path, file: &str) -> anyhow::Result<PathBuf> {
    let top = here.ancestors().find(|dir| dir.join(file).is_file());
    top.map(Path::to_owned)
        .with_context(|| format!("neither {} nor any directory above it has a file {file}", here.display()))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let most = model::PATCH_LIMIT as u64 + 1;
    let mut patch = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().take(most).read_to_end(&mut patch),
        false => std::fs::File::open(file).and_then(|f| f.take(most).read_to_end(&mut patch)),
    };
    read.with_context(|| format!("cannot read the patch {}", file.display()))?;
    Ok(patch)
}

/// Where to look, and what is known already.
pub(super) struct Wish {
    /// A directory of the tree.
    pub(super) start: PathBuf,
    /// The branch, as it was given.
    pub(super) branch: Option<String>,
    /// The base, as it was given.
    pub(super) base: Option<String>,
}

/// What a program prints. It ends with one of the codes, in a language that can be read.
pub(super) fn said<A: AsRef<OsStr>>(
    dir: &Path,
    program: &str,
    arguments: &[A],
    codes: &[i32],
) -> anyhow::Result<Vec<u8>> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("HGPLAIN", "1")
        .env("PAGER", "cat")
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|e| Trouble(format!("{program} cannot be started: {e}")))?;
    if output.status.code().is_some_and(|code| codes.contains(&code)) {
        return Ok(output.stdout);
    }
    let words: Vec<_> = arguments.iter().map(|a| a.as_ref().to_string_lossy()).collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim();
    bail!("{program} {} does not succeed: {complaint}", words.join(" "))
}

/// The same as one line of text; nothing when it prints none.
pub(super) fn line<A: AsRef<OsStr>>(dir: &Path, program: &str, arguments: &[A]) -> anyhow::Result<String> {
    let bytes = said(dir, program, arguments, &[0])?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

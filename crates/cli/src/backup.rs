//! `sluice master backup` and `restore`: a copy of a base directory while the master works, and putting one back.

use crate::exit::{Exit, Trouble};
use crate::fsck::{Told, chain, look};
use crate::out;
use anyhow::bail;
use master::backup::{self, BackupError};
use master::base::BaseDir;
use master::fsck::Mode;
use master::fsck::store_of;
use std::path::{Path, PathBuf};
use store::Location;

#[derive(clap::Args)]
pub(crate) struct BackupArgs {
    /// The base directory; a master may run in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Where the copy goes: a directory that is new or empty
    #[arg(value_name = "TO")]
    to: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// A backup
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The base directory to make of it: one that is new or empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) async fn backup(args: BackupArgs) -> anyhow::Result<Exit> {
    let BackupArgs { dir, to } = args;
    let base = existing(&dir)?;
    let at = store_of(&base).map_err(|e| Trouble(format!("where the store is cannot be told: {e}")))?;
    let mut told = Told::new("builds are copied");
    let made = backup::backup(&base, &at, &to, &mut |done, count| told.tell(done, count)).await;
    told.end();
    let made = made.map_err(|e| refused(&e))?;
    let manifest = made.manifest;
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    let mark = if made.lacks.is_empty() { '✓' } else { '!' };
    let what = format!("{} builds, {} files with {bytes} bytes", manifest.builds, manifest.files.len());
    out::line(format!("  {mark} {} is copied to {}: {what}", dir.display(), to.display()))?;
    out::lines(made.lacks.iter().map(|lack| format!("  ! {lack}")))?;
    if let Location::Postgres(_) = at {
        out::line("    the database is not in it: it is on its server, and pg_dump copies it. A dump that is")?;
        out::line("    made before this copy goes with it: then no log lacks what the database tells of it")?;
    } else {
        out::line(format!("    sluice master restore {} DIR puts it back", to.display()))?;
    }
    Ok(if made.lacks.is_empty() { Exit::Passed } else { Exit::Failed })
}

pub(crate) async fn restore(args: RestoreArgs) -> anyhow::Result<Exit> {
    let RestoreArgs { from, dir } = args;
    let mut told = Told::new("files are copied");
    let restored = backup::restore(&from, &dir, &mut |done, count| told.tell(done, count));
    told.end();
    let manifest = restored.map_err(|e| refused(&e))?;
    let made = jiff::Timestamp::from_second(i64::try_from(manifest.made_at)?)?;
    out::line(format!("  ✓ {} is as it was at {made}: {} builds", dir.display(), manifest.builds))?;
    if manifest.schema.is_none() {
        out::line("    its database is on a server: put that back with pg_restore or psql, then")?;
        out::line(format!("    sluice fsck {}", dir.display()))?;
        return Ok(Exit::Passed);
    }
    let report = look(&dir, Mode::Look).await?;
    if !report.is_sound() {
        out::line("  ! something was wrong already when it was copied:")?;
        out::line(format!("    sluice fsck {}", dir.display()))?;
        return Ok(Exit::Failed);
    }
    out::line("    every file is as it was copied, and sluice fsck finds nothing wrong")?;
    out::line("    builds that ran then are tried again when the master starts; see to it that none runs")?;
    out::line(format!("    in the old directory, then: sluice master start {}", dir.display()))?;
    Ok(Exit::Passed)
}

fn existing(dir: &Path) -> anyhow::Result<BaseDir> {
    let base = BaseDir::at(dir);
    if !base.config().exists() {
        return Err(master::base::BaseError::NotABase { dir: dir.to_owned() }.into());
    }
    Ok(base)
}

/// Whose fault it is that there is none.
fn refused(e: &BackupError) -> anyhow::Error {
    let text = chain(e);
    match e {
        BackupError::Occupied(_) | BackupError::Within { .. } | BackupError::NotABackup { .. } => anyhow::anyhow!(text),
        _ => Trouble(text).into(),
    }
}

/// A directory in which nobody works, for what needs it alone.
pub(crate) fn alone(dir: &Path) -> anyhow::Result<(BaseDir, master::base::Hold)> {
    let base = existing(dir)?;
    match base.hold() {
        Ok(hold) => Ok((base, hold)),
        Err(e) => bail!(Trouble(chain(&e))),
    }
}

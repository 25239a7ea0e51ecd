//! Mending what can be mended without losing anything. What is cut off or moved lies in `lost+found` afterwards.

use super::kinds::*;
use super::{BaseDir, FsckError};
use ::logs::Logs;
use model::{BuildId, Finding, FindingKind, LogFacts, LogStatus};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use store::{Location, Look};

/// Mends a master's directory; nobody works in it.
pub(super) async fn master(base: &BaseDir, at: &Location, findings: &[Finding]) -> Result<Vec<String>, FsckError> {
    // Files first: what the rows are to say follows from them.
    let mut acts = files(base.root(), findings)?;
    let seals = seals(base, at, findings).await?;
    acts.extend(store::repair(at, findings, &seals).await?);
    acts.extend(finish(base, findings).await?);
    Ok(acts)
}

/// Mends what lies in files alone.
pub(super) fn files(root: &Path, findings: &[Finding]) -> Result<Vec<String>, FsckError> {
    let mut acts = Vec::new();
    for finding in findings {
        let Some(name) = &finding.file else { continue };
        let path = root.join(name);
        let is = |kind: &FindingKind| finding.kind == kind;
        if is(&LOG_TORN) || is(&SPOOL_TORN) {
            let at = finding.offset.unwrap_or_default();
            let kept = cut(root, &path, name, at)?;
            acts.push(format!("cut {name} at byte {at}; what was behind it is in {kept}"));
        } else if is(&LOG_ORPHAN) || is(&SPOOL_OF_NOBODY) {
            let kept = free(root, name)?;
            fs::rename(&path, &kept).map_err(FsckError::io("move", &path))?;
            acts.push(format!("moved {name} to {}", shown(root, &kept)));
        } else if is(&MODE_OPEN) {
            let meta = fs::metadata(&path).map_err(FsckError::io("look at", &path))?;
            let mode = meta.permissions().mode() & 0o7700;
            let set = fs::set_permissions(&path, fs::Permissions::from_mode(mode));
            set.map_err(FsckError::io("change the mode of", &path))?;
            acts.push(format!("gave {name} the mode {mode:04o}"));
        }
    }
    Ok(acts)
}

/// Cuts a file, and keeps what was behind.
fn cut(root: &Path, path: &Path, name: &str, at: u64) -> Result<String, FsckError> {
    let kept = free(root, &format!("{name}.from-{at}"))?;
    let copied = || -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&kept)?;
        file.seek(SeekFrom::Start(at))?;
        io::copy(&mut Read::by_ref(&mut file), &mut to)?;
        to.sync_all()?;
        file.set_len(at)?;
        file.sync_all()
    };
    copied().map_err(FsckError::io("cut", path))?;
    Ok(shown(root, &kept))
}

/// A free place in `lost+found` for what was at `name`.
fn free(root: &Path, name: &str) -> Result<PathBuf, FsckError> {
    let lost = root.join("lost+found");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&lost);
    made.map_err(FsckError::io("make", &lost))?;
    let flat = name.replace('/', "-");
    let names = std::iter::once(flat.clone()).chain((2..1_000_000).map(|n| format!("{flat}.{n}")));
    let place = names.map(|name| lost.join(name)).find(|place| place.symlink_metadata().is_err());
    place.ok_or_else(|| FsckError::io("find a free name in", &lost)(io::ErrorKind::AlreadyExists.into()))
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// How long the logs are that the store has as open though their steps have ended.
async fn seals(base: &BaseDir, at: &Location, findings: &[Finding]) -> Result<Vec<LogFacts>, FsckError> {
    let mut builds: Vec<BuildId> =
        findings.iter().filter(|f| f.kind.code == "log-unsealed").filter_map(|f| f.build.map(BuildId)).collect();
    builds.sort_unstable();
    builds.dedup();
    if builds.is_empty() {
        return Ok(Vec::new());
    }
    let mut look = Look::at(at).await?;
    let files = ::logs::files(&base.logs())?;
    let mut seals = Vec::new();
    for build in builds {
        // A file that is damaged says nothing for sure.
        let checked = files.builds.get(&build).map(|path| ::logs::check(path)).transpose();
        let Ok(checked) = checked else { continue };
        for row in look.builds_after(BuildId(build.0 - 1)).await?.into_iter().take(1).flat_map(|b| b.logs) {
            if row.step_runs || row.facts.status != LogStatus::Open {
                continue;
            }
            let there = checked.iter().flat_map(|c| c.logs.iter().zip(&c.crcs));
            let there = there.filter(|((log, _), _)| *log == row.facts.id).map(|((_, facts), crc)| (*facts, *crc));
            let (bytes, lines, crc32) = there.map(|(f, crc)| (f.bytes, f.lines, crc)).next().unwrap_or_default();
            seals.push(LogFacts { status: LogStatus::Sealed { lines, bytes, crc32 }, ..row.facts });
        }
    }
    Ok(seals)
}

/// Writes the indexes of builds that have ended.
async fn finish(base: &BaseDir, findings: &[Finding]) -> Result<Vec<String>, FsckError> {
    let mut acts = Vec::new();
    let unfinished = findings.iter().filter(|f| f.kind == &LOG_UNFINISHED);
    let builds: Vec<(BuildId, &String)> =
        unfinished.filter_map(|f| f.build.map(BuildId).zip(f.file.as_ref())).collect();
    if builds.is_empty() {
        return Ok(acts);
    }
    let logs = Logs::open(base.logs())?;
    for (build, name) in builds {
        let checked = ::logs::check(&base.root().join(name))?;
        let Some((log, _)) = checked.logs.first() else { continue };
        logs.begin(build, *log).await?;
        logs.finish(build).await?;
        acts.push(format!("wrote the index of {name}"));
    }
    logs.flush().await?;
    // Its threads write to the end before they go.
    tokio::task::spawn_blocking(move || drop(logs)).await.unwrap_or_default();
    Ok(acts)
}

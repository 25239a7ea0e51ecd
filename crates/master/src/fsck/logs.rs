//! Log files against the rows of the store that tell of them: every byte of every file is read.

use super::kinds::*;
use super::places::Places;
use super::{BaseDir, FsckError, Progress, Seen};
use ::logs::{Checked, LogError, State};
use model::{BuildId, Finding, LogStatus};
use std::path::Path;
use store::{BuildLogs, Look};

/// Looks through the files of all builds, or of these. `live`: a master writes meanwhile.
pub(super) async fn look(
    places: &Places<'_>,
    store: &mut Look,
    live: bool,
    only: Option<&[BuildId]>,
    progress: Progress<'_>,
    seen: &mut Seen,
) -> Result<Vec<Finding>, FsckError> {
    // The store first: what is in its moment is on its way to the files, or there.
    let (count, newest) = store.builds().await?;
    let mut files = ::logs::files(&BaseDir::at(places.root).logs())?;
    let mut found = Vec::new();
    let mut after = BuildId(i64::MIN);
    seen.looked.builds = count;
    let mut done = 0;
    loop {
        let builds = store.builds_after(after).await?;
        let Some(last) = builds.last() else { break };
        after = last.build;
        for build in builds {
            let path = files.builds.remove(&build.build);
            if only.is_none_or(|only| only.contains(&build.build)) {
                one(places, &build, path.as_deref(), live, seen, &mut found)?;
            }
            done += 1;
            progress(done, count);
        }
    }
    if only.is_some() {
        return Ok(found);
    }
    for (build, path) in files.builds {
        // A build that began after the store's moment.
        if live && newest.is_none_or(|newest| build > newest) {
            continue;
        }
        let what = format!("the store has no build {build}");
        found.push(Finding::new(&LOG_ORPHAN, what).of_build(build.0).in_file(places.name(&path), None));
    }
    for path in files.strange {
        found.push(Finding::new(&STRANGE_FILE, "it is no log file").in_file(places.name(&path), None));
    }
    Ok(found)
}

/// A build's file and its rows.
fn one(
    places: &Places<'_>,
    build: &BuildLogs,
    path: Option<&Path>,
    live: bool,
    seen: &mut Seen,
    found: &mut Vec<Finding>,
) -> Result<(), FsckError> {
    let id = build.build;
    for log in build.logs.iter().filter(|log| !log.step_runs && log.facts.status == LogStatus::Open) {
        found.push(store::unsealed(id, &log.facts));
    }
    let Some(path) = path else {
        let missing: Vec<_> = build
            .logs
            .iter()
            .filter(|log| matches!(log.facts.status, LogStatus::Sealed { bytes: 1.., .. }))
            .map(|log| log.facts.id.to_string())
            .collect();
        if !missing.is_empty() {
            let what = format!("there is no file with the output of log {}", missing.join(", "));
            found.push(Finding::new(&LOG_GONE, what).of_build(id.0));
        }
        return Ok(());
    };
    let name = places.name(path);
    let here = |kind, what: String| Finding::new(kind, what).of_build(id.0).in_file(name.clone(), None);
    let checked = match ::logs::check(path) {
        Ok(checked) => checked,
        Err(LogError::Damaged { offset, what, .. }) => {
            found.push(here(&LOG_DAMAGED, what.to_owned()).in_file(name.clone(), offset));
            return Ok(());
        }
        Err(LogError::Version { found: version, known, .. }) => {
            found.push(here(&LOG_VERSION, format!("it has version {version}, this Sluice reads up to {known}")));
            return Ok(());
        }
        Err(e) => return Err(e.into()),
    };
    seen.looked.log_files += 1;
    seen.looked.log_bytes += checked.length;
    if let Some(other) = checked.build.filter(|other| *other != id) {
        found.push(here(&LOG_MISNAMED, format!("it says that it is of build {other}")));
        return Ok(());
    }
    // The last bytes of a file that is being written may be on their way.
    let growing = live && build.complete_at.is_none();
    match checked.state {
        State::Torn(at) if !growing => {
            let what = format!("{} bytes were being written", checked.length.saturating_sub(at));
            found.push(here(&LOG_TORN, what).in_file(name.clone(), at));
        }
        State::Open if build.complete_at.is_some() => {
            found.push(here(&LOG_UNFINISHED, "it has no index".to_owned()));
        }
        _ => {}
    }
    compare(build, &checked, here, found);
    Ok(())
}

/// What the store was told of each log, against what the file has.
fn compare(
    build: &BuildLogs,
    checked: &Checked,
    here: impl Fn(&'static model::FindingKind, String) -> Finding,
    found: &mut Vec<Finding>,
) {
    for row in &build.logs {
        let id = row.facts.id;
        let LogStatus::Sealed { lines, bytes, crc32 } = row.facts.status else { continue };
        let there = checked.logs.iter().zip(&checked.crcs).find(|((log, _), _)| *log == id);
        match there {
            None if bytes == 0 => {}
            None => found.push(here(&LOG_SHORT, format!("log {id} has {bytes} bytes by the store, and none here"))),
            Some(((_, facts), _)) if facts.bytes < bytes => {
                let what = format!("log {id} has {bytes} bytes by the store, and {} here", facts.bytes);
                found.push(here(&LOG_SHORT, what));
            }
            Some(((_, facts), crc)) if (facts.bytes, facts.lines, *crc) != (bytes, lines, crc32) => {
                let what = format!(
                    "log {id} has {bytes} bytes, {lines} lines and CRC {crc32:08x} by the store, and {} bytes, {} lines \
                     and CRC {crc:08x} here",
                    facts.bytes, facts.lines
                );
                found.push(here(&LOG_DIFFERS, what));
            }
            Some(_) => {}
        }
    }
    for (log, _) in checked.logs.iter().filter(|(log, _)| !build.logs.iter().any(|row| row.facts.id == *log)) {
        found.push(here(&LOG_UNNAMED, format!("it holds a log {log} that the store does not know")));
    }
}

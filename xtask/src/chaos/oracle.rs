//! What must hold afterwards, seen from outside: by REST, by the notes of the steps, and by what is left on the machine.

use super::prf;
use super::town::{Api, Place};
use anyhow::Context;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The result numbers of Sluice.
pub(crate) const SUCCESS: i64 = 0;
pub(crate) const EXCEPTION: i64 = 4;
pub(crate) const RETRY: i64 = 5;

/// What is to be looked at.
pub(crate) struct Expected<'a> {
    /// Revisions of the changes that were acknowledged.
    pub(crate) changes: &'a [String],
    /// Steps of a build.
    pub(crate) steps: usize,
    /// Bytes that each step says.
    pub(crate) bytes: usize,
    /// So many builds may have ended as EXCEPTION: each needs a supervisor that was killed.
    pub(crate) exceptions: usize,
    /// Builds may have been lost with their worker and tried again.
    pub(crate) retries: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) changes: usize,
    pub(crate) builds: usize,
    pub(crate) passed: usize,
    pub(crate) exceptions: usize,
    pub(crate) retries: usize,
    pub(crate) logs: usize,
    pub(crate) whole: usize,
    pub(crate) bytes: u64,
    pub(crate) steps: usize,
    pub(crate) begun: usize,
    /// All that is not as it must be.
    pub(crate) wrong: Vec<String>,
}

/// How often a step noted that it began, and that it ended.
type Notes = BTreeMap<String, (usize, usize)>;

pub(crate) fn notes(place: &Place) -> Notes {
    let mut notes = Notes::new();
    for line in std::fs::read_to_string(place.notes()).unwrap_or_default().lines() {
        match line.split_once(' ') {
            Some(("begin", key)) => notes.entry(key.to_owned()).or_default().0 += 1,
            Some(("end", key)) => notes.entry(key.to_owned()).or_default().1 += 1,
            _ => {}
        }
    }
    notes
}

/// Looks at everything that the master tells.
pub(crate) fn look(place: &Place, expected: &Expected<'_>) -> anyhow::Result<Found> {
    look_at(place, expected, super::town::BRANCH)
}

/// Looks at what comes of the changes on a branch.
pub(crate) fn look_at(place: &Place, expected: &Expected<'_>, branch: &str) -> anyhow::Result<Found> {
    let mut api = place.api();
    let mut found = Found::default();
    changes(&mut api, expected, branch, &mut found)?;
    let (revisions, others) = revisions(&mut api, branch)?;
    let notes = notes(place);
    found.begun = notes.values().map(|(begun, _)| begun).sum();
    let mut of_request: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for build in api.list("builds?order=buildid", "builds")? {
        of_request.entry(build["buildrequestid"].as_i64().unwrap_or_default()).or_default().push(build);
    }
    let mut known = BTreeSet::new();
    for request in api.list("buildrequests", "buildrequests")? {
        let id = request["buildrequestid"].as_i64().context("a request has no id")?;
        let builds = of_request.remove(&id).unwrap_or_default();
        if request["buildsetid"].as_i64().is_some_and(|set| others.contains(&set)) {
            continue;
        }
        let Some(revision) = request["buildsetid"].as_i64().and_then(|set| revisions.get(&set)) else {
            found.wrong.push(format!("request {id} is of no set"));
            continue;
        };
        if !request["complete"].as_bool().unwrap_or_default() {
            found.wrong.push(format!("request {id} has not ended"));
        }
        let ended = builds.iter().filter(|b| b["complete"].as_bool().unwrap_or_default());
        let results: Vec<i64> = ended.filter_map(|b| b["results"].as_i64()).collect();
        let published: Vec<i64> = results.iter().copied().filter(|r| *r != RETRY).collect();
        found.retries += results.len() - published.len();
        if published.len() != 1 || results.len() != builds.len() || Some(published[0]) != request["results"].as_i64() {
            found.wrong.push(format!("request {id} has {} builds with results {results:?}", builds.len()));
        }
        if results.contains(&RETRY) && !expected.retries {
            found.wrong.push(format!("request {id} was tried again, though no worker was lost"));
        }
        for build in &builds {
            let alone = builds.len() == 1;
            self::build(&mut api, build, revision, expected, (&notes, alone), &mut found)?;
        }
        for step in 0..expected.steps {
            known.insert(format!("{revision}.{step}"));
        }
    }
    for (key, (begun, _)) in notes.iter().filter(|(key, _)| !known.contains(*key)) {
        found.wrong.push(format!("{key} ran {begun} times, and no request is for it"));
    }
    if found.exceptions > expected.exceptions {
        let (is, may) = (found.exceptions, expected.exceptions);
        found.wrong.push(format!("{is} builds ended as EXCEPTION, and {may} supervisors were killed"));
    }
    Ok(found)
}

/// Every change that was acknowledged is there once, and no other.
fn changes(api: &mut Api, expected: &Expected<'_>, branch: &str, found: &mut Found) -> anyhow::Result<()> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for change in api.list("changes", "changes")?.iter().filter(|c| c["branch"].as_str() == Some(branch)) {
        *times.entry(change["revision"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    found.changes = times.values().sum();
    let sent: BTreeSet<&String> = expected.changes.iter().collect();
    let lost = expected.changes.iter().filter(|r| !times.contains_key(*r));
    found.wrong.extend(lost.map(|r| format!("change {r} was acknowledged and is not there")));
    let twice = times.iter().filter(|(_, n)| **n > 1);
    found.wrong.extend(twice.map(|(r, n)| format!("change {r} is there {n} times")));
    let unknown = times.keys().filter(|r| !sent.contains(r));
    found.wrong.extend(unknown.map(|r| format!("change {r} is there and was never acknowledged")));
    Ok(())
}

/// The revision of each set for a branch, and the sets for others. Each change has one set.
fn revisions(api: &mut Api, branch: &str) -> anyhow::Result<(BTreeMap<i64, String>, BTreeSet<i64>)> {
    let (mut revisions, mut others) = (BTreeMap::new(), BTreeSet::new());
    for set in api.list("buildsets", "buildsets")? {
        let id = set["bsid"].as_i64().context("a set has no id")?;
        let stamp = &set["sourcestamps"][0];
        match stamp["revision"].as_str().filter(|_| stamp["branch"].as_str() == Some(branch)) {
            Some(revision) => drop(revisions.insert(id, revision.to_owned())),
            None => drop(others.insert(id)),
        }
    }
    Ok((revisions, others))
}

fn build(
    api: &mut Api,
    build: &Value,
    revision: &str,
    expected: &Expected<'_>,
    (notes, alone): (&Notes, bool),
    found: &mut Found,
) -> anyhow::Result<()> {
    let id = build["buildid"].as_i64().context("a build has no id")?;
    let results = build["results"].as_i64();
    found.builds += 1;
    match results {
        Some(SUCCESS) => found.passed += 1,
        Some(EXCEPTION) => found.exceptions += 1,
        Some(RETRY) => {}
        other => found.wrong.push(format!("build {id} has the result {other:?}")),
    }
    let steps = api.list(&format!("builds/{id}/steps"), "steps")?;
    if results == Some(SUCCESS) && steps.len() != expected.steps {
        found.wrong.push(format!("build {id} passed with {} steps", steps.len()));
    }
    for (number, step) in steps.iter().enumerate() {
        found.steps += 1;
        let key = format!("{revision}.{number}");
        let passed = step["results"].as_i64() == Some(SUCCESS);
        let last = number + 1 == steps.len();
        if !(passed || (last && step["results"].as_i64() == results && results != Some(SUCCESS))) {
            found.wrong.push(format!("step {number} of build {id} has the result {}", step["results"]));
        }
        // An attempt that another one follows may have run what the other one runs again.
        let (begun, ended) = notes.get(&key).copied().unwrap_or_default();
        let right = if passed { begun == 1 && ended == 1 } else { begun <= 1 && ended <= 1 };
        if alone && !right {
            let how = if passed { "passed" } else { "did not pass" };
            found
                .wrong
                .push(format!("step {number} of build {id} {how}; it ran {begun} times and ended {ended} times"));
        }
        for log in api.list(&format!("steps/{}/logs", step["stepid"]), "logs")? {
            self::log(api, &log, &key, (passed, expected.bytes), found)?;
        }
    }
    Ok(())
}

fn log(api: &mut Api, log: &Value, key: &str, (passed, bytes): (bool, usize), found: &mut Found) -> anyhow::Result<()> {
    let id = log["logid"].as_i64().context("a log has no id")?;
    found.logs += 1;
    if !log["complete"].as_bool().unwrap_or_default() {
        found.wrong.push(format!("log {id} of {key} is not sealed"));
    }
    let raw = api.bytes(&format!("logs/{id}/raw"))?;
    match prf::check(key, &raw, bytes) {
        Ok(n) if passed && n != bytes => found.wrong.push(format!("log {id} of {key} has {n} of {bytes} bytes")),
        Ok(n) => {
            found.whole += usize::from(n == bytes);
            found.bytes += n as u64;
        }
        Err(e) => found.wrong.push(format!("log {id}: {e}")),
    }
    Ok(())
}

/// What is left when everybody has been asked to end.
pub(crate) fn leftovers(place: &Place, workers: &[String], supervisors: &BTreeSet<u32>) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let gone = super::town::wait(std::time::Duration::from_secs(15), "the last process", || {
        Ok(place.processes().is_empty().then_some(()))
    });
    if gone.is_err() {
        wrong.extend(place.processes().iter().map(|(pid, line)| format!("process {pid} is left: {line}")));
    }
    wrong.extend(place.groups_of(supervisors).iter().map(|g| format!("the control group {g} is left")));
    for name in workers {
        let dir = place.worker_dir(name);
        for file in files(&dir) {
            let path = file.strip_prefix(&dir).unwrap_or(&file).display().to_string();
            if path.contains("/jobs/") || path.starts_with("work/") {
                wrong.push(format!("{name}/{path} is left"));
            }
        }
        wrong.extend(held(&dir.join("sluice.pid")).map(|e| format!("{name}: {e}")));
    }
    wrong.extend(held(&place.master_dir().join("sluice.pid")).map(|e| format!("master: {e}")));
    Ok(wrong)
}

/// A lock that somebody holds.
fn held(file: &std::path::Path) -> Option<String> {
    let open = std::fs::File::open(file).ok()?;
    let taken = rustix::fs::flock(&open, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    taken.is_err().then(|| format!("{} is locked", file.display()))
}

fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

/// What `sluice fsck` says, where this program has it.
pub(crate) fn fsck(place: &Place) -> anyhow::Result<(&'static str, Vec<String>)> {
    let dirs = [place.master_dir()];
    for dir in dirs {
        let (status, text) = place.ask(&["fsck", &dir.display().to_string()])?;
        match status.code() {
            Some(0) => {}
            Some(2) if text.contains("unrecognized subcommand") => return Ok(("not in this program", Vec::new())),
            _ => return Ok(("not clean", vec![format!("fsck of {}: {text}", dir.display())])),
        }
    }
    Ok(("clean", Vec::new()))
}

//! The logs of a gate's tasks: as files, and as one archive with a manifest.

use super::end;
use super::place::Entry;
use super::race::Verdict;
use anyhow::Context;
use client::Client;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many last lines of a stage are told.
const LAST: usize = 50;

/// Logs that were fetched, in order.
#[derive(Clone, Default)]
pub(super) struct Logs(Vec<Fetched>);

#[derive(Clone)]
struct Fetched {
    task: String,
    stage: String,
    /// Its name in the archive.
    name: String,
    path: PathBuf,
    bytes: u64,
}

impl Logs {
    /// Fetches the logs of all builds into files below `dir`: `TASK.STAGE.LOG.txt`.
    pub(super) async fn fetch(client: &Client, verdicts: &[Verdict], dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut all: Vec<Fetched> = Vec::new();
        for verdict in verdicts {
            // A verdict that stands from an earlier attempt has its logs already, or none.
            let Some(build) = verdict.build else { continue };
            for step in client.steps(build).await?.rows {
                for log in client.logs(step.stepid).await?.rows {
                    let parts = [&verdict.task, &step.name, &log.slug].map(|part| plain(part));
                    let name = format!("{}.txt", parts.join("."));
                    let name = match all.iter().any(|other| other.name == name) {
                        true => format!("{}.{}.txt", parts.join("."), log.logid),
                        false => name,
                    };
                    let path = dir.join(&name);
                    let bytes = copy(client, log.logid, &path).await?;
                    all.push(Fetched { task: verdict.task.clone(), stage: step.name.clone(), name, path, bytes });
                }
            }
        }
        Ok(Self(all))
    }

    /// These, and those of an earlier attempt by tasks whose verdict still stands.
    pub(super) fn with_earlier(mut self, earlier: &Self, verdicts: &[Verdict]) -> Self {
        let stands = |log: &&Fetched| verdicts.iter().any(|v| v.task == log.task && v.build.is_none());
        self.0.extend(earlier.0.iter().filter(stands).cloned());
        self
    }

    /// One more, which is no task's.
    pub(super) fn add(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let bytes = std::fs::metadata(path).map(|m| m.len()).unwrap_or_default();
        let name = name.to_owned();
        let file = format!("{name}.txt");
        self.0.push(Fetched { task: name.clone(), stage: name, name: file, path: path.to_owned(), bytes });
        Ok(())
    }

    /// The last lines of a stage.
    pub(super) fn last_lines(&self, task: &str, stage: &str) -> Vec<String> {
        let Some(log) = self.0.iter().find(|log| log.task == task && log.stage == stage) else { return Vec::new() };
        crate::last_lines::last_lines(&log.path, LAST, 500)
    }

    /// Packs them, with a manifest, what the gate said and what this machine is, into `logs-RUN.tar.gz` in the current directory.
    pub(super) async fn pack(self, entry: &Entry, verdicts: &[Verdict], said: String) -> anyhow::Result<PathBuf> {
        let path = std::env::current_dir()?.join(format!("logs-{}.tar.gz", entry.run));
        let manifest = self.manifest(entry, verdicts);
        let to = path.clone();
        super::blocking(move || {
            let packed = self.write(&to, &manifest, &said).with_context(|| format!("cannot write {}", to.display()));
            packed.map(|()| to)
        })
        .await
    }

    fn manifest(&self, entry: &Entry, verdicts: &[Verdict]) -> String {
        let logs = self
            .0
            .iter()
            .map(|log| json!({ "file": log.name, "task": log.task, "stage": log.stage, "bytes": log.bytes }));
        let manifest = json!({
            "version": 1,
            "run": entry.run,
            "attempt": entry.attempt,
            "target": entry.target.as_ref().map(|(_, branch)| branch),
            "base": entry.base,
            "tested": entry.tested,
            "tasks": verdicts.iter().map(end::task).collect::<Vec<_>>(),
            "logs": logs.collect::<Vec<_>>(),
        });
        format!("{manifest:#}\n")
    }

    fn write(&self, to: &Path, manifest: &str, said: &str) -> std::io::Result<()> {
        let new = to.with_extension("gz.new");
        let mut archive = tar::Builder::new(GzEncoder::new(File::create(&new)?, Compression::default()));
        add(&mut archive, "manifest.json", manifest.as_bytes())?;
        add(&mut archive, "gate.txt", said.as_bytes())?;
        add(&mut archive, "system.txt", system().as_bytes())?;
        for log in &self.0 {
            // One that cannot be read is missing; the rest is there.
            let Ok(mut file) = File::open(&log.path) else { continue };
            let mut header = header(file.metadata()?.len());
            archive.append_data(&mut header, &log.name, &mut file)?;
        }
        archive.into_inner()?.finish()?.sync_all()?;
        std::fs::rename(&new, to)
    }
}

fn add(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    archive.append_data(&mut header(bytes.len() as u64), name, bytes)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

/// What this machine is.
fn system() -> String {
    let name = rustix::system::uname();
    let parts = [name.sysname(), name.nodename(), name.release(), name.version(), name.machine()];
    let words: Vec<_> = parts.iter().map(|part| part.to_string_lossy()).collect();
    format!("{}\n{} processors\n", words.join(" "), crate::up::processors())
}

/// A name as a part of a file's name.
fn plain(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    name.trim_start_matches('.').to_owned()
}

async fn copy(client: &Client, log: i64, path: &Path) -> anyhow::Result<u64> {
    let mut file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut bytes = client.raw_log(log, 0).await?;
    let mut total = 0;
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        total += piece.len() as u64;
        file.write_all(&piece).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_an_archive() {
        for (name, safe) in [("a/b c", "a_b_c"), ("../x", "_x"), (".hidden", "hidden"), ("täst-1.0", "täst-1.0")] {
            assert_eq!(plain(name), safe);
        }
    }
}

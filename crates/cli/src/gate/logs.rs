//! The logs of a gate's tasks: as files, as one archive with a manifest, and on the terminal while they grow.

use super::end;
use super::place::Entry;
use super::race::Verdict;
use crate::out;
use anyhow::Context;
use client::{Client, Filter};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often growing logs are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Logs that were fetched, in order.
#[derive(Default)]
pub(super) struct Logs(Vec<Fetched>);

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
        let mut all = Vec::new();
        for verdict in verdicts {
            // A verdict that stands from an earlier attempt has its logs already, or none.
            let Some(build) = verdict.build else { continue };
            for step in client.steps(build).await?.rows {
                for log in client.logs(step.stepid).await?.rows {
                    let parts = [&verdict.task, &step.name, &log.slug].map(|part| plain(part));
                    let name = format!("{}.txt", parts.join("."));
                    let path = dir.join(&name);
                    let bytes = copy(client, log.logid, &path).await?;
                    all.push(Fetched { task: verdict.task.clone(), stage: step.name.clone(), name, path, bytes });
                }
            }
        }
        Ok(Self(all))
    }

    /// Packs them, with a manifest and what this machine is, into `logs-RUN.tar.gz` in the current directory.
    pub(super) async fn pack(self, entry: &Entry, verdicts: &[Verdict]) -> anyhow::Result<PathBuf> {
        let path = std::env::current_dir()?.join(format!("logs-{}.tar.gz", entry.run));
        let manifest = self.manifest(entry, verdicts);
        let to = path.clone();
        super::blocking(move || {
            let packed = self.write(&to, &manifest).with_context(|| format!("cannot write {}", to.display()));
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

    fn write(&self, to: &Path, manifest: &str) -> std::io::Result<()> {
        let new = to.with_extension("gz.new");
        let mut archive = tar::Builder::new(GzEncoder::new(File::create(&new)?, Compression::default()));
        add(&mut archive, "manifest.json", manifest.as_bytes())?;
        add(&mut archive, "system.txt", system().as_bytes())?;
        for log in &self.0 {
            let mut file = File::open(&log.path)?;
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

/// Prints what the tasks write, while they write it.
pub(super) struct Tail {
    over: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Tail {
    /// Prints the rest, and ends.
    pub(super) async fn end(self) {
        let _ = self.over.send(());
        let _ = self.task.await;
    }
}

/// Begins to print.
pub(super) fn tail(client: Client) -> Tail {
    let (over, mut ended) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut shown = BTreeMap::new();
        loop {
            let last = tokio::select! {
                _ = &mut ended => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if let Err(e) = print_new(&client, &mut shown).await {
                tracing::info!("the output of the tasks is not printed: {e}");
            }
            if last {
                return;
            }
        }
    });
    Tail { over, task }
}

/// How far a log was printed, and what of its last line has come so far.
#[derive(Default)]
struct Printed {
    offset: u64,
    begun: Vec<u8>,
}

async fn print_new(client: &Client, shown: &mut BTreeMap<i64, Printed>) -> anyhow::Result<()> {
    for build in client.builds(&Filter::all()).await?.rows {
        for step in client.steps(build.buildid).await?.rows {
            for log in client.logs(step.stepid).await?.rows {
                let printed = shown.entry(log.logid).or_default();
                let mut bytes = client.raw_log(log.logid, printed.offset).await?;
                while let Some(piece) = bytes.next().await {
                    let piece = piece?;
                    printed.offset += piece.len() as u64;
                    printed.begun.extend_from_slice(&piece);
                    let whole = printed.begun.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
                    let lines: Vec<u8> = printed.begun.drain(..whole).collect();
                    for line in String::from_utf8_lossy(&lines).lines() {
                        out::line(format!("{}: {}", step.name, crate::show::cut(line, 1000)))?;
                    }
                }
            }
        }
    }
    Ok(())
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

//! `--tail`: what the tasks write, on the terminal while they write it.

use crate::out;
use client::{Client, Filter};
use futures_util::StreamExt;
use model::TaskSpec;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often growing logs are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A line longer than this is cut; a line that is not ended is printed when it is so long.
const LONGEST: usize = 1000;

/// Where it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onto {
    /// Standard output.
    Out,
    /// Standard error: standard output belongs to a document.
    Aside,
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

/// Begins to print, each line with its task before it.
pub(super) fn tail(client: Client, tasks: &[TaskSpec], onto: Onto) -> Tail {
    let (over, mut ended) = oneshot::channel();
    let names: BTreeMap<String, String> = tasks.iter().map(|task| (task.tag(), task.name.clone())).collect();
    let task = tokio::spawn(async move {
        let mut printer = Printer { client, names, onto, builders: BTreeMap::new(), shown: BTreeMap::new() };
        loop {
            let last = tokio::select! {
                _ = &mut ended => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if let Err(e) = printer.print_new(last).await {
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

struct Printer {
    client: Client,
    /// Names of tasks by those of their builders.
    names: BTreeMap<String, String>,
    onto: Onto,
    builders: BTreeMap<i64, String>,
    shown: BTreeMap<i64, Printed>,
}

impl Printer {
    async fn print_new(&mut self, last: bool) -> anyhow::Result<()> {
        for build in self.client.builds(&Filter::all()).await?.rows {
            let task = self.task_of(build.builderid).await?;
            for step in self.client.steps(build.buildid).await?.rows {
                for log in self.client.logs(step.stepid).await?.rows {
                    self.print_log(log.logid, &task, last).await?;
                }
            }
        }
        Ok(())
    }

    async fn task_of(&mut self, builder: i64) -> anyhow::Result<String> {
        if !self.builders.contains_key(&builder) {
            let all = self.client.builders(&Filter::all()).await?.rows;
            self.builders.extend(all.into_iter().map(|b| (b.builderid, b.name)));
        }
        let tag = self.builders.get(&builder).cloned().unwrap_or_default();
        Ok(self.names.get(&tag).cloned().unwrap_or(tag))
    }

    async fn print_log(&mut self, log: i64, task: &str, last: bool) -> anyhow::Result<()> {
        let printed = self.shown.entry(log).or_default();
        let mut bytes = self.client.raw_log(log, printed.offset).await?;
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            printed.offset += piece.len() as u64;
            printed.begun.extend_from_slice(&piece);
            let whole = printed.begun.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            let lines: Vec<u8> = printed.begun.drain(..whole).collect();
            say(self.onto, task, &lines)?;
            if printed.begun.len() > LONGEST {
                say(self.onto, task, &std::mem::take(&mut printed.begun))?;
            }
        }
        if last {
            say(self.onto, task, &std::mem::take(&mut printed.begun))?;
        }
        Ok(())
    }
}

fn say(onto: Onto, task: &str, bytes: &[u8]) -> anyhow::Result<()> {
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = format!("{task}: {}", crate::show::cut(line, LONGEST));
        match onto {
            Onto::Out => out::line(line)?,
            Onto::Aside => out::aside(line),
        }
    }
    Ok(())
}

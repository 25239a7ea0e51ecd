//! How the end of a command becomes what the heart hears: logs sealed, read, and a pipeline taken from the tree.
//!
//! All of it may be done again: until the heart has written the end down, the worker keeps it.

use crate::hub::Hub;
use crate::input::CommandEnded;
use crate::order::Order;
use crate::session::command_end;
use crate::{pipeline, reading, test_result};
use engine::build::{CommandEnd, SealedLog};
use killpoint::fail_point;
use logs::Logs;
use model::property::Property;
use model::{BuildId, Findings, Results, StepSpec, Stream};
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;
use wire::{CommandId, Ending};

/// What ends are taken in with.
#[derive(Clone)]
pub(crate) struct Taker {
    pub(crate) hub: Arc<Hub>,
    pub(crate) logs: Logs,
    pub(crate) exe: PathBuf,
    pub(crate) store: Store,
}

impl Taker {
    /// A worker tells of an end; `bytes` is the length of the command's own output.
    pub(crate) async fn ended(self, command: CommandId, ending: Ending, bytes: u64) {
        if self.hub.is_rest(command) {
            return self.rest(command).await;
        }
        let build = BuildId(command.build);
        let end = command_end(&ending);
        let order = self.hub.order_of(command);
        let mut findings = Findings::default();
        let mut steps = None;
        if let Some(order) = &order {
            findings = said(order, &ending, &end);
            if end == CommandEnd::Exited(0) {
                steps = self.pipeline(command, order, &ending, bytes, &mut findings).await;
            }
        }
        fail_point!("end-heard");
        let logs = seal(&self.hub, &self.logs, command).await;
        fail_point!("log-sealed");
        if let Some(order) = order.filter(|order| !order.reading.is_nothing() && was_run(&end)) {
            let code = match end {
                CommandEnd::Exited(code) => Some(code),
                _ => None,
            };
            let mut read = reading::read(&self.logs, build, &order, code, &ending.files).await;
            if let Some((tests, roll)) = read.findings.tests.as_mut().zip(read.roll.take()) {
                test_result::compare(&self.store, build, &order.tests, tests, roll).await;
            }
            findings = merged(findings, read.findings);
        }
        let properties = ending.properties.into_iter().map(|(name, value)| {
            let source = "Source".to_owned();
            (name, Property { value, source })
        });
        let properties = properties.collect();
        self.hub.ended(CommandEnded { command, end, properties, logs, findings, steps });
    }

    /// A worker lost a command.
    pub(crate) async fn lost(self, command: CommandId, end: CommandEnd) {
        if self.hub.is_rest(command) {
            tracing::error!("the rest of the logs of command {command} is lost: its worker no longer has it");
            return self.rest(command).await;
        }
        let logs = seal(&self.hub, &self.logs, command).await;
        self.hub.ended(CommandEnded { logs, ..CommandEnded::of(command, end) });
    }

    /// What was cut short is there as far as it ever will be.
    async fn rest(self, command: CommandId) {
        seal(&self.hub, &self.logs, command).await;
        self.hub.rest_is_over(command).await;
    }

    /// The steps that the tree asks for. What is wrong with them is told in the step's log, and the step fails.
    async fn pipeline(
        &self,
        command: CommandId,
        order: &Order,
        ending: &Ending,
        bytes: u64,
        findings: &mut Findings,
    ) -> Option<Vec<StepSpec>> {
        let wanted = order.pipeline.as_ref()?;
        let file = ending.files.iter().find(|file| file.path.ends_with(&wanted.spec.file));
        let read = match file {
            Some(file) => pipeline::steps(&self.exe, wanted, &file.data).await,
            None => Err(format!("{} did not come back from the worker", wanted.spec.file)),
        };
        match read {
            Ok(steps) => {
                let count = if steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", steps.len()) };
                findings.summary = Some(format!("{count} in {}", wanted.spec.file));
                Some(steps)
            }
            Err(why) => {
                findings.results = Some(Results::Failure);
                findings.summary = Some(why.lines().next().unwrap_or_default().to_owned());
                self.say(command, bytes, why + "\n").await;
                None
            }
        }
    }

    /// Puts a text at the end of a command's own output. At the same place it is put there once.
    async fn say(&self, command: CommandId, at: u64, text: String) {
        let build = BuildId(command.build);
        let Some(log) = self.hub.logs_of(command).first().copied() else { return };
        let written = match self.hub.begin(&self.logs, build, log).await {
            Ok(()) => self.logs.append(build, log, at, Stream::Stderr, text.into()).await.map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        if let Err(e) = written {
            tracing::error!("log {log} of build {build} cannot be written: {e}");
        }
    }
}

/// The command came so far that its output says something.
fn was_run(end: &CommandEnd) -> bool {
    !matches!(end, CommandEnd::NotStarted(_) | CommandEnd::Broken(_) | CommandEnd::Lost(_))
}

/// What the program itself says of its end.
fn said(order: &Order, ending: &Ending, end: &CommandEnd) -> Findings {
    let good = ending.results.is_none_or(Results::is_good);
    let counts = matches!(end, CommandEnd::Exited(_));
    Findings {
        results: ending.results.filter(|_| counts),
        summary: ending.state.clone().filter(|_| counts && !(good && order.described)),
        urls: order.url.iter().filter(|_| counts && good).cloned().collect(),
        ..Findings::default()
    }
}

/// What was read from the logs, beside what the program said itself.
fn merged(said: Findings, read: Findings) -> Findings {
    Findings {
        results: read.results.or(said.results),
        summary: read.summary.or(said.summary),
        urls: said.urls.into_iter().chain(read.urls).collect(),
        ..read
    }
}

async fn seal(hub: &Hub, logs: &Logs, command: CommandId) -> Vec<SealedLog> {
    let build = BuildId(command.build);
    let mut sealed = Vec::new();
    for log in hub.logs_of(command) {
        let whole = match hub.begin(logs, build, log).await {
            Ok(()) => logs.seal(build, log).await,
            Err(e) => Err(e),
        };
        match whole {
            Ok(s) => sealed.push(SealedLog { log, lines: s.lines, bytes: s.bytes, crc32: s.crc32 }),
            Err(e) => tracing::error!("log {log} of build {build} cannot be sealed: {e}"),
        }
    }
    sealed
}

//! Steps that end at their first failing test: their reports are read while they are written.
//!
//! That a command was ended for this travels as the reason of its interruption, so that a master that was started anew
//! meanwhile understands it too.

use crate::hub::Hub;
use formats::{Event, Format, Limits, Reader};
use logs::{Growth, Logs, Visit};
use model::{BuildId, LogId, Stream};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use wire::CommandId;

/// How the reason of such an interruption begins; the test's name follows.
const REASON: &str = "first failing test: ";

/// Characters of a test's name in a reason.
const MOST_NAME: usize = 300;

/// The test of which a reason tells that it was the first to fail.
pub(crate) fn test_of(reason: &str) -> Option<&str> {
    reason.strip_prefix(REASON)
}

/// Reads along until the logs are closed.
pub(crate) async fn keep(logs: Logs, hub: Arc<Hub>) {
    let mut growth = logs.growth();
    let mut followed: HashMap<LogId, Followed> = HashMap::new();
    loop {
        let Growth { build, log, .. } = match growth.recv().await {
            Ok(grown) => grown,
            // What grew unheard is read when it grows again, and judged as a whole when the command has ended.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Some(report) = hub.report_in(log) else {
            followed.remove(&log);
            continue;
        };
        let one = followed.remove(&log).unwrap_or_else(|| Followed::new(report));
        if let Some(one) = one.read_on(&logs, (build, log), &hub).await {
            followed.insert(log, one);
        }
        followed.retain(|log, _| hub.report_in(*log).is_some());
    }
}

/// A report that somebody wants to be read along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) command: CommandId,
    pub(crate) format: Format,
}

/// A report, and how far it was read.
struct Followed {
    command: CommandId,
    at: u64,
    reader: Reader,
}

impl Followed {
    fn new(report: Report) -> Self {
        Self { command: report.command, at: 0, reader: Reader::new(report.format, Limits::default()) }
    }

    /// Reads what is new. `None`: it is known, or nothing more can be known.
    async fn read_on(self, logs: &Logs, (build, log): (BuildId, LogId), hub: &Hub) -> Option<Self> {
        let Self { command, at, reader } = self;
        let look = Look { reader, failed: None };
        // A log that cannot be read is told of when the command has ended.
        let (look, at) = logs.visit_from(build, log, at, look).await.ok()?;
        match look.failed {
            Some(test) => {
                let name: String = test.chars().take(MOST_NAME).collect();
                hub.interrupt(command, format!("{REASON}{name}"));
                None
            }
            None => Some(Self { command, at, reader: look.reader }),
        }
    }
}

/// Looks for a test that failed.
struct Look {
    reader: Reader,
    failed: Option<String>,
}

impl Visit for Look {
    fn piece(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Header || self.failed.is_some() {
            return;
        }
        let failed = &mut self.failed;
        self.reader.push(bytes, &mut |event| {
            if let Event::Test(case) = event
                && case.outcome.is_bad()
            {
                failed.get_or_insert(case.name);
            }
        });
    }
}

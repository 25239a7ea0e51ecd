//! `sluice __do KIND SPEC`: what steps run on a worker that are no command of the user's. Not for people.

mod attempt;
pub(crate) mod config;
mod download;
mod glob;
mod http;
mod upload;

use crate::out;
use client::{Client, TransferError};
use model::{Span, TransferSpec};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use worker::act::{self, MasterPlace, Report, Task};

/// How long a master that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The pause after the first time that it does not answer; each later one is longer,
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// up to this.
const LAST_PAUSE: Duration = Duration::from_secs(15);

pub(crate) fn main(spec: Option<OsString>) -> ExitCode {
    let Some(task) = spec.and_then(|path| Task::read(Path::new(&path)).ok()) else {
        out::aside("error: __do is given a file with what to do by the worker; it is not for people");
        return ExitCode::from(2);
    };
    let (report, code) = match task {
        Task::Sequence { parts, decode_rc } => act::sequence(&parts, &decode_rc),
        Task::File { dir, file } => (act::file(&dir, &file), 1),
        Task::Http(http) => (with_runtime(http::ask(&http)), 1),
        Task::Transfer { workdir, dir, transfer, token, master } => {
            let way = Way { token, master };
            let done = match transfer {
                TransferSpec::Upload { from, max_size, .. } => {
                    with_runtime(upload::run(&way, &workdir, &dir, &from, max_size))
                }
                TransferSpec::Download { to, max_size, mode, .. } => {
                    with_runtime(download::run(&way, &workdir, &dir, &to, max_size, mode))
                }
                TransferSpec::Attempt { key, max_size, .. } => with_runtime(attempt::run(&way, &dir, &key, max_size)),
                TransferSpec::DownloadText { text, to, mode, .. } => {
                    download::text(&workdir, &dir, &to, text.as_bytes(), mode)
                }
            };
            (done, 1)
        }
    };
    ExitCode::from(report.tell(code))
}

fn with_runtime(work: impl Future<Output = Report>) -> Report {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(e) => Report::trouble(format!("nothing can be begun here: {e}")),
    }
}

/// The way to the master.
struct Way {
    token: String,
    master: MasterPlace,
}

/// Why a transfer is not done, beside what the master says.
enum Stop {
    Transfer(TransferError),
    /// What was asked for cannot be.
    Asked(String),
    /// This machine cannot do it.
    Machine(String),
}

impl From<TransferError> for Stop {
    fn from(error: TransferError) -> Self {
        Stop::Transfer(error)
    }
}

impl Way {
    /// A client of the master as it is reached now.
    fn client(&self) -> Result<Client, TransferError> {
        let away = |e: String| TransferError::Away(e);
        let url = self.master.url().map_err(|e| away(format!("its address is not known: {e}")))?;
        Client::new(&url, None).map_err(|e| away(e.to_string()))
    }

    /// Tries until the master answers.
    async fn insist(&self, attempt: impl AsyncFn(&Client) -> Result<String, Stop>) -> Report {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let tried = match self.client() {
                Ok(client) => attempt(&client).await,
                Err(e) => Err(e.into()),
            };
            match tried {
                Ok(said) => {
                    say(&said);
                    return Report::done(said);
                }
                Err(Stop::Asked(why) | Stop::Transfer(TransferError::Refused(why))) => return Report::failed(why),
                Err(Stop::Machine(what) | Stop::Transfer(TransferError::Trouble(what))) => {
                    return Report::trouble(what);
                }
                Err(Stop::Transfer(away @ TransferError::Away(_))) if began.elapsed() < PATIENCE => {
                    say(&format!("{away}; trying again in {}", Span::from(pause)));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                Err(Stop::Transfer(away)) => return Report::trouble(away.to_string()),
            }
        }
    }
}

/// A line for the step's log.
fn say(line: &str) {
    // Nobody reads any more: the exit code tells.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// As people say it: `1 file`, `12 files`.
fn files(count: u64) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}

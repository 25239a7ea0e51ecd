//! Exit codes, and how an error ends the program.

use crate::hosted::HostedError;
use crate::out::{self, OutError};
use client::ClientError;
use master::StartError;
use master::base::BaseError;
use model::Results;
use runner::RunError;
use std::io::{self, Write};
use std::process::ExitCode;
use store::StoreError;

/// How the program ends. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The build passed, or the act was done.
    Passed = 0,
    /// The build failed.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// No master, a lost worker, a full disk.
    Infrastructure = 3,
    /// It passed, or was not tested, and could not land: it does not fit, or the target moved.
    CouldNotLand = 4,
    /// Somebody pressed Ctrl-C.
    Interrupted = 130,
    /// Whoever read standard output has gone: what a shell says of a program that SIGPIPE ended.
    Unread = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<Results> for Exit {
    fn from(results: Results) -> Self {
        match results {
            Results::Success | Results::Warnings | Results::Skipped => Exit::Passed,
            Results::Failure | Results::Cancelled => Exit::Failed,
            Results::Exception | Results::Retry => Exit::Infrastructure,
        }
    }
}

impl Exit {
    /// The word for it in JSON.
    fn word(self) -> &'static str {
        match self {
            Exit::Passed => "passed",
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Infrastructure => "infrastructure",
            Exit::CouldNotLand => "could_not_land",
            Exit::Interrupted => "interrupted",
            Exit::Unread => "unread",
        }
    }
}

/// The code for an error that ends the program.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    if let Some(e) = error.downcast_ref::<OutError>() {
        return if matches!(e, OutError::Closed) { Exit::Unread } else { Exit::Infrastructure };
    }
    let no_room = |cause: &(dyn std::error::Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    };
    match error.downcast_ref::<ClientError>() {
        Some(e) if e.is_connection() => Exit::Infrastructure,
        Some(ClientError::Foreign { .. } | ClientError::Strange { .. } | ClientError::Setup(_)) => Exit::Infrastructure,
        _ if error.downcast_ref::<NotTaken>().is_some() => Exit::CouldNotLand,
        _ if start_error(error).is_some_and(is_trouble) => Exit::Infrastructure,
        _ if is_trouble_of_tests(error) => Exit::Infrastructure,
        _ if error.downcast_ref::<Trouble>().is_some() || error.chain().any(no_room) => Exit::Infrastructure,
        _ => Exit::Usage,
    }
}

/// Why a master cannot start, also one that a command hosts.
fn start_error(error: &anyhow::Error) -> Option<&StartError> {
    let hosted = error.downcast_ref::<HostedError>().and_then(|e| match e {
        HostedError::Start(e) => Some(e),
        HostedError::Client(_) => None,
    });
    hosted.or_else(|| error.downcast_ref::<StartError>())
}

/// A master cannot start for a reason that is not in its configuration: the disk, the database, another program.
fn is_trouble(error: &StartError) -> bool {
    !matches!(error, StartError::Base(BaseError::NotABase { .. }) | StartError::Store(StoreError::Address(_)))
}

/// Neither the area nor what was asked of it is wrong: its state cannot be kept.
fn is_trouble_of_tests(error: &anyhow::Error) -> bool {
    let kept = error.is::<runner::base::BaseError>() || error.is::<runner::book::BookError>();
    kept || matches!(
        error.downcast_ref::<RunError>(),
        Some(RunError::Base(_) | RunError::Book(_) | RunError::Left { .. })
    )
}

/// Something that is neither the user's fault nor the code's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(pub(crate) String);

/// A gate does not take what is handed in.
#[derive(Debug, thiserror::Error)]
#[error("it cannot land: {0}")]
pub(crate) struct NotTaken(pub(crate) String);

/// To whom errors are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// To people, in words on standard error.
    Words,
    /// To a program, as a document on standard output.
    Json,
}

impl Voice {
    /// What the command line asks for; it is needed before the command line is understood.
    pub(crate) fn of_arguments() -> Self {
        let asked = std::env::args_os().skip(1).take_while(|a| a != "--").any(|a| a == "--json");
        if asked { Voice::Json } else { Voice::Words }
    }
}

/// Tells of an error, and gives the code to end with.
pub(crate) fn say(error: &anyhow::Error, voice: Voice) -> Exit {
    let exit = of_error(error);
    let about_output = error.downcast_ref::<OutError>().is_some();
    match voice {
        _ if exit == Exit::Unread => exit,
        Voice::Json if !about_output => {
            let because = error.chain().skip(1).map(plain).collect();
            say_json(exit, error.to_string().trim_start_matches("error: ").to_owned(), because, help(error))
        }
        _ => {
            out::aside(in_words(error));
            exit
        }
    }
}

/// Tells what is wrong with the command line, or the help that was asked for.
pub(crate) fn say_usage(error: &clap::Error, voice: Voice) -> Exit {
    if error.use_stderr() && voice == Voice::Json {
        let text = error.render().to_string();
        let text = text.trim_start_matches("error: ");
        let end = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more")).unwrap_or(text.len());
        return say_json(Exit::Usage, text[..end].trim_end().to_owned(), Vec::new(), None);
    }
    let printed = error.print();
    if error.use_stderr() {
        return Exit::Usage;
    }
    match printed.and_then(|()| io::stdout().flush()) {
        Ok(()) => Exit::Passed,
        Err(e) => say(&OutError::from(e).into(), voice),
    }
}

/// `{"error": {...}}`: what a program reads of an error.
fn say_json(exit: Exit, message: String, because: Vec<String>, help: Option<&str>) -> Exit {
    let mut error = serde_json::json!({
        "code": exit as u8,
        "kind": exit.word(),
        "message": message,
        "because": because,
    });
    if let Some(help) = help {
        error["help"] = help.into();
    }
    match out::json(&serde_json::json!({ "error": error })) {
        Ok(()) => exit,
        Err(e) => say(&e.into(), Voice::Words),
    }
}

/// The error as people read it: what is wrong, then each cause on a line of its own.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    if !text.starts_with("error:") {
        text.insert_str(0, "error: ");
    }
    for cause in error.chain().skip(1) {
        text.push_str("\n  because: ");
        text.push_str(&plain(cause));
    }
    if let Some(help) = help(error) {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    text
}

/// What a cause says without the number `(os error 28)` that the standard library adds, which nobody needs.
fn plain(cause: &(dyn std::error::Error + 'static)) -> String {
    let text = cause.to_string();
    match text.rsplit_once(" (os error ") {
        Some((text, number)) if number.trim_end_matches(')').parse::<i32>().is_ok() => text.to_owned(),
        _ => text,
    }
}

/// What to do about it, where the words of the master are those of HTTP.
fn help(error: &anyhow::Error) -> Option<&'static str> {
    match error.downcast_ref::<ClientError>()? {
        ClientError::Denied { .. } => {
            Some("give --basedir DIR, the master's base directory, or its token in SLUICE_TOKEN")
        }
        ClientError::Foreign { .. } => Some("the address of a master looks like http://127.0.0.1:8010"),
        _ => None,
    }
}

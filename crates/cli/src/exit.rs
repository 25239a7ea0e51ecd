//! Exit codes, and how an error ends the program.

use client::ClientError;
use model::Results;
use std::process::ExitCode;

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
    /// Somebody pressed Ctrl-C.
    Interrupted = 130,
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

/// The code for an error that ends the program.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<ClientError>() {
        Some(e) if e.is_connection() => Exit::Infrastructure,
        Some(ClientError::Strange { .. } | ClientError::Setup(_)) => Exit::Infrastructure,
        _ if error.downcast_ref::<Trouble>().is_some() => Exit::Infrastructure,
        _ => Exit::Usage,
    }
}

/// Something that is neither the user's fault nor the code's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(pub(crate) String);

/// The error as people read it: what is wrong, then each cause on a line of its own.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    if !text.starts_with("error:") {
        text.insert_str(0, "error: ");
    }
    for cause in error.chain().skip(1) {
        text.push_str("\n  because: ");
        text.push_str(&cause.to_string());
    }
    text
}

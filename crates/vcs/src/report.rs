//! How a checkout tells what became of it.

use crate::dirs::beside;
use crate::fault::VcsError;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::Path;

/// What a checkout tells its worker, as JSON, in the report file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutReport {
    /// The revision that the tree is at, for git the full hash; absent when there is no tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got_revision: Option<String>,
    /// Why there is none, in one line; absent when all went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The exit code of a checkout that fails by what was asked for: there is no such branch, the patch does not fit.
pub const FAILED: i32 = 1;

/// The exit code of a checkout that cannot be done for no fault of the code: the repository is out of reach, the disk is
/// full, a program is not installed.
pub const TROUBLE: i32 = 3;

/// Writes the report and says the exit code; the last line on standard error is the reason when there is one.
pub(crate) fn conclude(outcome: Result<String, VcsError>, report: Option<&Path>) -> i32 {
    let told = match &outcome {
        Ok(revision) => CheckoutReport { got_revision: Some(revision.clone()), reason: None },
        Err(e) => CheckoutReport { got_revision: None, reason: Some(e.reason.clone()) },
    };
    let written = report.map_or(Ok(()), |path| write(path, &told));
    let Err(error) = outcome.and(written) else { return 0 };
    // Nobody reads any more: the exit code tells.
    let _ = writeln!(std::io::stderr(), "checkout failed: {}", error.reason);
    if error.fault.is_of_the_code() { FAILED } else { TROUBLE }
}

fn write(path: &Path, report: &CheckoutReport) -> Result<(), VcsError> {
    let new = beside(path, ".new");
    let write = || -> std::io::Result<()> {
        fs::write(&new, serde_json::to_vec(report)?)?;
        fs::rename(&new, path)
    };
    write().map_err(|e| VcsError::machine("cannot write the report", path, &e))
}

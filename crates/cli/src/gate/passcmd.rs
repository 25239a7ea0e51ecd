//! The command that has the last word before a push.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a command for the shell in the tested tree. `Err`: it does not agree; its words.
pub(super) fn run(command: &str, dir: &Path) -> anyhow::Result<Result<(), String>> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = shell.output()?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let ended = match output.status.code() {
        Some(code) => format!("ended with code {code}"),
        None => output.status.to_string(),
    };
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok(Err(if last.is_empty() { ended } else { format!("{ended}: {}", crate::show::cut(last, 200)) }))
}

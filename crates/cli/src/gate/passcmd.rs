//! The command that has the last word before a push.

use super::race::Stop;
use anyhow::Context;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::watch;

/// How long it may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a command for the shell in the tested tree; what it says goes to the file `said`, which whatever it leaves behind
/// may hold open. `Err`: it does not agree; its words.
pub(super) async fn run(
    command: &str,
    dir: &Path,
    said: &Path,
    mut stopped: watch::Receiver<Stop>,
) -> anyhow::Result<Result<(), String>> {
    let file = File::create(said).with_context(|| format!("cannot write {}", said.display()))?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(dir).process_group(0).kill_on_drop(true);
    shell.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = shell.spawn().context("cannot start /bin/sh")?;
    let group = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    let signal = |signal| {
        if let Some(group) = group {
            // Whoever has ended is not there to hear it.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    };
    let status = tokio::select! {
        status = child.wait() => status?,
        () = told_to_stop(&mut stopped) => {
            signal(rustix::process::Signal::TERM);
            let ended = tokio::time::timeout(GRACE, child.wait()).await;
            signal(rustix::process::Signal::KILL);
            match ended {
                Ok(status) => status?,
                Err(_) => child.wait().await?,
            };
            return Ok(Err("was interrupted".to_owned()));
        }
    };
    if status.success() {
        return Ok(Ok(()));
    }
    let ended = match status.code() {
        Some(code) => format!("ended with code {code}"),
        None => status.to_string(),
    };
    let bytes = std::fs::read(said).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(10_000)..]).into_owned();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok(Err(if last.is_empty() { ended } else { format!("{ended}: {}", crate::show::cut(last, 200)) }))
}

async fn told_to_stop(stopped: &mut watch::Receiver<Stop>) {
    if stopped.wait_for(|stop| *stop != Stop::No).await.is_err() {
        std::future::pending::<()>().await;
    }
}

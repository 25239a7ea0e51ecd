//! Handing a job in through a directory of the master's machine: `ssh HOST sluice tryserver --jobdir DIR`.

use super::Args;
use crate::exit::Trouble;
use anyhow::{Context, bail};
use formats::try_job::TryJob;
use model::shell::quoted;
use std::io::Write;
use std::process::{Command, Stdio};

pub(super) fn deliver(args: &Args, job: &TryJob) -> anyhow::Result<()> {
    let missing = "help: give it on the command line, or as try_host and try_dir in ~/.sluice/options";
    let Some(host) = &args.tryhost else { bail!("--connect ssh needs --tryhost, the master's machine\n{missing}") };
    let Some(dir) = &args.trydir else { bail!("--connect ssh needs --trydir, the jobdir there\n{missing}") };
    if host.starts_with('-') {
        bail!("'{host}' is no name of a machine");
    }
    let mut command = Command::new(&args.ssh);
    for (option, value) in [("-l", &args.username), ("-p", &args.tryport)] {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
    let program = args.trybin.as_deref().unwrap_or("sluice");
    // The machine there gives one line to a shell.
    command.arg(host).arg(format!("{} tryserver --jobdir {}", at_home(program), at_home(dir)));
    let shown = args.ssh.display();
    let mut child =
        command.stdin(Stdio::piped()).spawn().map_err(|e| Trouble(format!("{shown} cannot be started: {e}")))?;
    let mut input = child.stdin.take().context("there is no way to the program")?;
    let written = input.write_all(&job.write());
    drop(input);
    let status = child.wait().with_context(|| format!("{shown} cannot be waited for"))?;
    if !status.success() {
        let what = status.code().map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
        return Err(Trouble(format!("the job is not handed in: {shown} to {host} ended {what}")).into());
    }
    written.with_context(|| format!("{shown} did not take the whole job"))
}

/// A word for a POSIX shell, in which `~/` is the home of the one who logs in.
fn at_home(word: &str) -> String {
    match word.strip_prefix("~/") {
        Some(rest) => format!("~/{}", quoted(rest)),
        None => quoted(word),
    }
}

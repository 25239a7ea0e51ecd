//! An attempt of a test run on a worker: what it needs is fetched, the agent carries it out, what came of it is brought back.

use super::{Way, download, say, upload};
use anyhow::Context as _;
use runner::agent::{Line, Said};
use runner::parcel::{self, Opened};
use runner::slot::How;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use testruns::verdict;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use worker::act::Report;

/// Where attempts are, below the directory of their builder.
const ATTEMPTS: &str = "attempts";
/// So long that of an attempt stays which could not all be brought back.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often it is packed: something may still write there.
const TRIES: u32 = 3;

/// Sees an attempt through. `dir` is the builder's directory.
pub(super) async fn run(way: &Way, dir: &Path, key: &str, most: u64) -> Report {
    if !model::is_attempt_key(key) {
        return Report::failed("this builder is asked by sluice tests run --master, which gives each build a key");
    }
    let all = dir.join(ATTEMPTS);
    sweep(&all, SystemTime::now());
    let order = all.join("order.tar");
    let fetched = way
        .insist(async |client| {
            let bytes = download::fetch(client, &way.token, &order, None, Some(0o600)).await?;
            Ok(format!("fetched what the attempt needs, {bytes} bytes"))
        })
        .await;
    if !is_good(&fetched) {
        return Report::trouble(fetched.state.unwrap_or_default());
    }
    let seen = see_through(&order, &all.join(key)).await;
    let _ = fs::remove_file(&order);
    let opened = match seen {
        Ok(opened) => opened,
        Err(e) => return Report::trouble(format!("{e:#}")),
    };
    let report = told(&opened);
    match bring(way, &opened, &all, most).await {
        Ok(0) => {
            // What cannot be removed now is swept away later.
            let _ = fs::remove_dir_all(all.join(key));
            report
        }
        Ok(_) => report,
        Err(trouble) => trouble,
    }
}

fn is_good(report: &Report) -> bool {
    report.results.is_none_or(model::Results::is_good)
}

/// Ends and removes what earlier attempts left here. No other build has this directory at this time.
fn sweep(all: &Path, now: SystemTime) {
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let facts = path.symlink_metadata();
        let is_dir = facts.as_ref().is_ok_and(fs::Metadata::is_dir);
        if !is_dir {
            let _ = fs::remove_file(&path);
            continue;
        }
        let _ = process::stray::clean_slot(&path.join("agent/slot"));
        let age = facts.and_then(|facts| facts.modified()).map(|at| now.duration_since(at));
        if matches!(age, Ok(Ok(age)) if age > KEPT) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Unpacks it and lets the agent carry it out. What the agent says is in its file, and in this step's log.
async fn see_through(order: &Path, top: &Path) -> anyhow::Result<Opened> {
    match fs::remove_dir_all(top) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).context("what was there cannot be removed")?,
        _ => fs::create_dir_all(top).with_context(|| format!("{} cannot be made", top.display()))?,
    }
    let exe = std::env::current_exe().context("this program is not found")?;
    let opened = parcel::open(order, top, &exe)?;
    let mut term = signal(SignalKind::terminate()).context("signals cannot be heard")?;
    let child = Command::new(&exe)
        .arg("__attempt")
        .arg(&opened.agent)
        .arg("--stdout")
        .env_remove("SLUICE_REPORT")
        .stdin(Stdio::null())
        .spawn();
    let mut child = child.context("the agent cannot be started")?;
    loop {
        tokio::select! {
            ended = child.wait() => {
                let ended = ended.context("the agent cannot be waited for")?;
                if !ended.success() {
                    say(&format!("the agent ended with {ended}"));
                }
                return Ok(opened);
            }
            _ = term.recv() => {
                // It ends what runs, says so, and ends; then what there is goes back.
                let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
                if let Some(pid) = pid {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
        }
    }
}

/// Sends what came of it. Answers with how many files stay here.
async fn bring(way: &Way, opened: &Opened, all: &Path, most: u64) -> Result<u64, Report> {
    let path = all.join("came.tar");
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut collected = parcel::collect(opened, &host, most, &path);
    for _ in 1..TRIES {
        if collected.is_err() {
            collected = parcel::collect(opened, &host, most, &path);
        }
    }
    let came = collected.map_err(|e| Report::trouble(format!("what came of the attempt cannot be packed: {e}")))?;
    if came.count > 0 {
        let (files, bytes, dir) = (super::files(came.count), came.bytes, came.dir.display());
        say(&format!("{files} with {bytes} bytes stay here, since no more than {most} may go back: {dir}"));
    }
    let sent = upload::run(way, all, all, &["came.tar".to_owned()], None).await;
    let _ = fs::remove_file(&path);
    match is_good(&sent) {
        true => Ok(came.count),
        false => Err(Report::trouble(sent.state.unwrap_or_default())),
    }
}

/// What the step is, by what the agent said.
fn told(opened: &Opened) -> Report {
    let lines = Said::default().look(&opened.agent).unwrap_or_default();
    let ended = lines.iter().rev().find_map(|line| match line {
        Line::Ended(how) => Some(how),
        _ => None,
    });
    let steps: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Step(step) => Some(step),
            _ => None,
        })
        .collect();
    match ended {
        Some(How::Came) => match steps.iter().find(|step| !verdict::goes_on(&step.verdict)) {
            Some(step) => {
                let verdict = &step.verdict;
                let comment = if verdict.comment.is_empty() { String::new() } else { format!(": {}", verdict.comment) };
                Report::failed(format!("{} is {}{comment}", step.end.name, verdict.status))
            }
            None => Report::done(format!("{} {}", steps.len(), if steps.len() == 1 { "step" } else { "steps" })),
        },
        Some(How::Stopped(verdict)) => Report::failed(verdict.comment.clone()),
        Some(How::NoPlace(why)) => Report::failed(why.clone()),
        Some(How::Lost(why)) => Report::trouble(why.clone()),
        None => Report::trouble("the agent said nothing of its end"),
    }
}

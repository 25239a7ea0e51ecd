//! `sluice tests log`: the log of a step.

use super::log_follow::Follow;
use super::{Place, find};
use crate::exit::Exit;
use crate::out;
use anyhow::{Context, bail};
use runner::files;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use tokio::sync::watch;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests log build/gcc\n         sluice tests log build/gcc make --attempt 1\n         \
                   sluice tests log -f build/gcc",
    after_help = "With --follow it prints the logs of all steps, or of STEP alone, as they come, further attempts too \
                  unless --attempt names one, until the item has ended; names of steps go to standard error. It ends with \
                  0, with 1 when the item ended badly, with 3 when nobody runs it, and with 130 after Ctrl-C, which ends nothing else."
)]
pub(crate) struct Args {
    /// The item, as TEST or TEST/ITEM
    #[arg(value_name = "ITEM")]
    item: String,
    /// The step; the one that failed, else the last, when absent
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// The attempt; the last when absent
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Go on printing until the item has ended
    #[arg(long, short, conflicts_with_all = ["path", "json"])]
    follow: bool,
    /// Print where the log is, and not what stands in it
    #[arg(long)]
    path: bool,
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Whether it goes on until somebody has enough.
    pub(super) fn follows(&self) -> bool {
        self.follow
    }
}

pub(super) fn run(args: &Args, stop: &watch::Receiver<bool>) -> anyhow::Result<Exit> {
    let (home, book) = args.place.open()?;
    let run = find::run(&book, &args.place)?;
    let item = find::item(&book, &run, &args.item)?;
    if args.follow {
        return Follow::new((&home, &book, &run), &item, args.step.as_deref(), args.attempt).go(&item, stop);
    }
    let name = find::name(&item);
    let wanted = args.attempt.or(item.attempts.last().map(|a| a.number));
    let Some(attempt) = item.attempts.iter().find(|a| Some(a.number) == wanted) else {
        match (args.attempt, item.comment.as_str()) {
            (Some(n), _) => bail!("{name} has no attempt {n}; there are {}", item.attempts.len()),
            (None, "") => bail!("{name} has not been run"),
            (None, why) => bail!("{name} has not been run: {why}"),
        }
    };
    let steps: Vec<_> = item.steps.iter().filter(|s| s.attempt == attempt.number).collect();
    let log = match &args.step {
        Some(step) => match steps.iter().find(|s| s.name == *step) {
            Some(step) => step.log.clone(),
            // It may be running.
            None => Some(runner::slot::log_name(step)),
        },
        None if wanted == item.attempts.last().map(|a| a.number) => item.log.clone(),
        None => steps.last().and_then(|s| s.log.clone()),
    };
    let Some(log) = log else { bail!("{name} has no log yet") };
    let dir = Path::new(&attempt.directory);
    let path = dir.join(&log);
    if args.place.json {
        out::json(&serde_json::json!({ "item": name, "attempt": attempt.number, "log": path }))?;
    } else if args.path {
        out::line(path.display().to_string())?;
    } else {
        let read = || format!("{} cannot be read", path.display());
        print(files::open(&files::within(dir, &log).with_context(read)?).with_context(read)?)?;
    }
    Ok(Exit::Passed)
}

fn print(mut file: File) -> anyhow::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            n => out::bytes(&piece[..n])?,
        }
    }
}

//! `sluice tryserver`: a try job on standard input is laid into a directory that a master watches. It is what `sluice try
//! --connect ssh`, and Buildbot's own client, start on the master's machine.

use crate::exit::{Exit, Trouble};
use anyhow::{Context, bail};
use formats::try_job::{JOB_LIMIT, TryJob};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(clap::Args)]
#[command(before_help = "Example: sluice tryserver --jobdir ~/ci/jobdir < job")]
pub(crate) struct Args {
    /// The directory that `schedulers.try_jobdir` names
    #[arg(long, value_name = "DIR")]
    jobdir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut job = Vec::new();
    std::io::stdin().lock().take(JOB_LIMIT as u64 + 1).read_to_end(&mut job).context("cannot read the job")?;
    // Whoever sends it is still there to be told.
    TryJob::read(&job).map_err(|e| anyhow::anyhow!("what stands on standard input is no try job: {e}"))?;
    let (tmp, new) = (args.jobdir.join("tmp"), args.jobdir.join("new"));
    if !tmp.is_dir() || !new.is_dir() {
        bail!(
            "{} is no jobdir: there is no tmp and new in it\n\
             help: a running master makes them where schedulers.try_jobdir(…, jobdir = \"…\") says",
            args.jobdir.display()
        );
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = format!("{}.{:09}-{}", since.as_secs(), since.subsec_nanos(), std::process::id());
    let (draft, place) = (tmp.join(&name), new.join(&name));
    let lay = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        file.write_all(&job)?;
        // The job is accepted when this program says so, and then it must be there whatever happens.
        file.sync_all()?;
        std::fs::rename(&draft, &place)?;
        File::open(&new)?.sync_all()
    };
    lay().map_err(|e| Trouble(format!("cannot lay the job into {}: {e}", place.display())))?;
    Ok(Exit::Passed)
}

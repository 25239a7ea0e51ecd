//! `sluice log`: print the log of a step.

use crate::exit::Exit;
use crate::live::LiveLines;
use crate::out;
use crate::patience::{LIMIT, Patience, wake};
use crate::show::{self, Paper};
use crate::target::Target;
use anyhow::bail;
use client::Client;
use futures_util::StreamExt;
use std::time::Duration;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice log linux/17 test\n         sluice log -f linux/17")]
pub(crate) struct Args {
    /// The build, as BUILDER/NUMBER or by its id
    #[arg(value_name = "BUILD")]
    build: String,
    /// The step; the one that failed, else the last, when absent
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// The log of the step
    #[arg(long, default_value = "stdio")]
    log: String,
    /// Go on while the log grows
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    target: Target,
}

/// How long to wait before looking whether a log has grown, when no event came.
const SWEEP: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    let build = show::find_build(&client, &args.build).await?;
    let step = find_step(&client, build.buildid, args.step.as_deref(), args.follow).await?;
    let logs = client.logs(step.stepid).await?.rows;
    let Some(log) = logs.iter().find(|l| l.slug == args.log || l.name == args.log) else {
        let names: Vec<&str> = logs.iter().map(|l| l.name.as_str()).collect();
        bail!("step {} has no log \"{}\"; it has {}", step.name, args.log, names.join(", "));
    };
    if args.target.json {
        out::json(log)?;
        return Ok(Exit::Passed);
    }
    print(&client, log.logid, args.follow).await
}

/// The step of that name; without one, the first that failed, else the last.
async fn find_step(client: &Client, build: i64, name: Option<&str>, wait: bool) -> anyhow::Result<api::Step> {
    let mut listeners = [client.listen("builds/*/steps/*/*")];
    loop {
        let steps = client.steps(build).await?.rows;
        let found = match name {
            Some(name) => steps.iter().find(|s| s.name == name),
            None => steps.iter().find(|s| s.results.is_some_and(|r| !r.is_good())).or(steps.last()),
        };
        if let Some(step) = found {
            return Ok(step.clone());
        }
        let over = client.build(build).await?.complete;
        if over || !wait {
            let names: Vec<&str> = steps.iter().map(|s| s.name.as_str()).collect();
            match name {
                Some(name) => bail!("build {build} has no step \"{name}\" so far; it has {}", names.join(", ")),
                None => bail!("build {build} has begun no step"),
            }
        }
        wake(&mut listeners, SWEEP).await?;
    }
}

async fn print(client: &Client, log: i64, follow: bool) -> anyhow::Result<Exit> {
    let mut offset = 0u64;
    if !follow {
        let copied = copy(client, log, &mut offset).await?;
        return Ok(exit(copied));
    }
    let mut listeners = [client.listen(&format!("logs/{log}/*"))];
    let mut patience = Patience::new(LIMIT);
    let mut nothing_floats = LiveLines::new(Paper::Plain);
    loop {
        let copied = copy(client, log, &mut offset).await;
        match patience.bear(copied, &mut nothing_floats).await? {
            Some(Copied::SoFar) => wake(&mut listeners, SWEEP).await?,
            Some(copied) => return Ok(exit(copied)),
            None => {}
        }
    }
}

/// How much of a log has been printed.
enum Copied {
    Whole,
    SoFar,
    /// All that is here of a log whose end is not; which it says.
    Short(String),
}

/// Says what is missing, for it cannot be seen in what was printed.
fn exit(copied: Copied) -> Exit {
    match copied {
        Copied::Whole | Copied::SoFar => Exit::Passed,
        Copied::Short(short) => {
            out::aside(format!("This log is cut short: {short}."));
            Exit::Infrastructure
        }
    }
}

/// Prints what the log has from byte `offset` on, which moves with it.
async fn copy(client: &Client, log: i64, offset: &mut u64) -> anyhow::Result<Copied> {
    // Asked before the bytes are fetched: what is whole now is fetched whole below.
    let known = client.log(log).await?;
    let mut bytes = client.raw_log(log, *offset).await?;
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        *offset += piece.len() as u64;
        out::bytes(&piece)?;
    }
    Ok(match known.short {
        Some(short) => Copied::Short(short),
        None if known.complete => Copied::Whole,
        None => Copied::SoFar,
    })
}

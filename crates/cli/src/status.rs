//! `sluice status`: what is broken, what runs and what waits.

use crate::exit::Exit;
use crate::follow::usually;
use crate::out;
use crate::show::{self, LiveLines, Paper};
use crate::target::Target;
use client::{Client, Filter};
use model::{Results, Span};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice status --follow",
    after_help = "Ends with 1 when the last build of a builder failed or is an exception, else with 0;\n\
                  also with --json. With --follow: only Ctrl-C ends it, with 130."
)]
pub(crate) struct Args {
    /// Go on and show what changes
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    target: Target,
}

/// How many waiting requests are listed.
const MOST_WAITING: usize = 10;

#[derive(serde::Serialize)]
struct Status {
    builders: Vec<BuilderStatus>,
    live: api::Live,
}

#[derive(serde::Serialize)]
struct BuilderStatus {
    builderid: i64,
    name: String,
    last: Option<api::Build>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    if !args.follow {
        let status = look(&client).await?;
        match args.target.json {
            true => out::json(&status)?,
            false => out::lines(lines(&status, Paper::of_stdout()))?,
        }
        return Ok(if status.broken().next().is_some() { Exit::Failed } else { Exit::Passed });
    }
    follow(&client, args.target.json).await
}

async fn look(client: &Client) -> anyhow::Result<Status> {
    let live = client.live().await?;
    let mut builders = Vec::new();
    for builder in client.builders(&Filter::all()).await?.rows.into_iter().filter(|b| !b.masterids.is_empty()) {
        let newest = Filter::all().with("complete", true).newest("number", 1);
        let path = format!("builders/{}/builds", builder.builderid);
        let last = client.list::<api::Build>(&path, &newest).await?.rows.into_iter().next();
        builders.push(BuilderStatus { builderid: builder.builderid, name: builder.name, last });
    }
    Ok(Status { builders, live })
}

impl Status {
    fn broken(&self) -> impl Iterator<Item = (&BuilderStatus, &api::Build, Results)> {
        let ended = self.builders.iter().filter_map(|b| b.last.as_ref().and_then(|l| l.results.map(|r| (b, l, r))));
        ended.filter(|(_, _, r)| matches!(r, Results::Failure | Results::Exception))
    }
}

/// The answer first, then what is broken, what runs, what waits.
fn lines(status: &Status, paper: Paper) -> Vec<String> {
    let names: BTreeMap<i64, &str> = status.builders.iter().map(|b| (b.builderid, b.name.as_str())).collect();
    let width = names.values().map(|n| n.chars().count()).max().unwrap_or(0).clamp(4, 24);
    let mut out = vec![sentence(status)];
    let now = status.live.now;
    for (builder, build, results) in status.broken() {
        let ago = Span::seconds(now - build.complete_at.unwrap_or(now));
        let said = show::cut(&build.state_string, 34);
        let name = show::pad(&builder.name, width);
        out.push(format!("  {} {name}  build {}, {said}, {ago} ago", paper.symbol(Some(results)), build.number));
    }
    for build in &status.live.running {
        let name = show::pad(names.get(&build.builderid).unwrap_or(&"?"), width);
        let running = show::clock(Span::seconds(now - build.started_at));
        let step = build.step.as_ref();
        let usual = step.and_then(|s| s.usual_s).map(|s| Span::millis((s * 1000.0) as i64));
        let doing = step.map_or("starting", |s| s.name.as_str());
        let line = format!("  {} {name}  {running}  {}  {}", paper.symbol(None), show::cut(doing, 24), usually(usual));
        out.push(line.trim_end().to_owned());
    }
    for request in status.live.waiting.iter().take(MOST_WAITING) {
        let name = show::pad(names.get(&request.builderid).unwrap_or(&"?"), width);
        let room = show::WIDTH.saturating_sub(width + 22);
        out.push(format!("  ○ {name}  request {}: {}", request.buildrequestid, show::cut(&request.why, room)));
    }
    let more = status.live.waiting_total.saturating_sub(status.live.waiting.len().min(MOST_WAITING));
    if more > 0 {
        out.push(format!("    and {more} more requests wait"));
    }
    for source in status.live.sources.iter().filter(|s| s.failing) {
        out.push(format!("  ⚡ {}", show::cut(&format!("{}: {}", source.name, source.state), show::WIDTH - 4)));
    }
    out
}

fn sentence(status: &Status) -> String {
    let broken = match status.broken().count() {
        0 if status.builders.is_empty() => "No builder is configured".to_owned(),
        0 if status.builders.iter().all(|b| b.last.is_none()) => "No build yet".to_owned(),
        0 => "Nothing is broken".to_owned(),
        1 => "1 builder is broken".to_owned(),
        n => format!("{n} builders are broken"),
    };
    format!("{broken}, {} running, {} waiting.", status.live.running.len(), status.live.waiting_total)
}

/// On a terminal the whole is shown anew with each change; elsewhere a line is added for each build that ends.
async fn follow(client: &Client, json: bool) -> anyhow::Result<Exit> {
    let paper = Paper::of_stdout();
    let mut live = LiveLines::new(paper);
    let mut builds = client.listen("builds/*/*");
    let mut steps = client.listen("builds/*/steps/*/*");
    let mut told: BTreeMap<i64, i64> = BTreeMap::new();
    let mut first = true;
    loop {
        let status = look(client).await?;
        if paper == Paper::Terminal && !json {
            live.float(&lines(&status, paper))?;
        } else {
            for builder in &status.builders {
                let Some(last) = &builder.last else { continue };
                let new = told.insert(builder.builderid, last.buildid) != Some(last.buildid);
                if !new || first {
                    continue;
                }
                match json {
                    true => out::json(last)?,
                    false => out::line(format!(
                        "  {} {} build {}: {}",
                        paper.symbol(last.results),
                        builder.name,
                        last.number,
                        last.state_string
                    ))?,
                }
            }
            if first && !json {
                out::lines(lines(&status, paper))?;
            }
        }
        first = false;
        tokio::select! {
            heard = builds.next() => drop(heard?),
            heard = steps.next() => drop(heard?),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        }
    }
}

//! `sluice status`: what is broken, what runs and what waits.

use crate::exit::Exit;
use crate::follow::usually;
use crate::live::LiveLines;
use crate::out;
use crate::patience::{LIMIT, Patience, wake};
use crate::show::{self, Paper};
use crate::target::Target;
use client::{Client, Filter, Listener};
use model::{Results, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice status --follow",
    after_help = "Ends with 1 when the last build of a builder failed or is an exception, else with 0, \
                  also with --json. With --follow only Ctrl-C ends it, with 130."
)]
pub(crate) struct Args {
    /// Go on and show what changes
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    target: Target,
}

/// How long nothing may be heard before the present is looked at all the same.
const SWEEP: Duration = Duration::from_secs(1);

/// How many waiting requests are listed.
const MOST_WAITING: usize = 10;

#[derive(serde::Serialize)]
struct Status {
    builders: Vec<BuilderStatus>,
    live: api::Live,
    /// Names of all builders, also of those that are configured no more and may still run.
    #[serde(skip)]
    names: BTreeMap<i64, String>,
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
    let all = client.builders(&Filter::all()).await?.rows;
    let names = names(&all);
    let mut builders = Vec::new();
    for builder in all.into_iter().filter(|b| !b.masterids.is_empty()) {
        let newest = Filter::all().with("complete", true).newest("number", 1);
        let path = format!("builders/{}/builds", builder.builderid);
        let last = client.list::<api::Build>(&path, &newest).await?.rows.into_iter().next();
        builders.push(BuilderStatus { builderid: builder.builderid, name: builder.name, last });
    }
    Ok(Status { builders, live, names })
}

impl Status {
    /// How wide the names of the builders that are told of are.
    fn width(&self) -> usize {
        let broken = self.broken().map(|(builder, ..)| builder.builderid);
        let running = self.live.running.iter().map(|b| b.builderid);
        let waiting = self.live.waiting.iter().take(MOST_WAITING).map(|r| r.builderid);
        let names = broken.chain(running).chain(waiting).filter_map(|id| self.names.get(&id));
        names.map(|n| n.chars().count()).max().unwrap_or(0).clamp(4, 24)
    }

    /// The newest build of each builder that has one.
    fn newest(&self) -> impl Iterator<Item = (&BuilderStatus, &api::Build)> {
        self.builders.iter().filter_map(|b| b.last.as_ref().map(|l| (b, l)))
    }

    fn broken(&self) -> impl Iterator<Item = (&BuilderStatus, &api::Build, Results)> {
        let ended = self.newest().filter_map(|(b, l)| l.results.map(|r| (b, l, r)));
        ended.filter(|(_, _, r)| matches!(r, Results::Failure | Results::Exception))
    }
}

/// The answer first, then what is broken, what runs, what waits.
fn lines(status: &Status, paper: Paper) -> Vec<String> {
    let width = status.width();
    let name = |builder: i64| show::pad(status.names.get(&builder).map_or("?", String::as_str), width);
    let mut out = vec![sentence(status)];
    let now = status.live.now;
    for obstacle in &status.live.obstacles {
        out.push(format!("  ⚡ {}", obstacle.sentence));
        out.push(format!("    {}", obstacle.advice));
    }
    for (builder, build, results) in status.broken() {
        let ago = show::ago(Span::seconds(now - build.complete_at.unwrap_or(now)));
        let head = format!("{}  build {}, ", show::pad(&builder.name, width), build.number);
        let room = show::WIDTH.saturating_sub(4 + head.chars().count() + ago.chars().count() + 2).max(8);
        let said = show::cut(&build.state_string, room);
        out.push(format!("  {} {head}{said}, {ago}", paper.symbol(Some(results))));
    }
    for build in &status.live.running {
        let name = name(build.builderid);
        let running = show::clock(Span::seconds(now - build.started_at));
        let step = build.step.as_ref();
        let usual = step.and_then(|s| s.usual_s).map(|s| Span::millis((s * 1000.0) as i64));
        let doing = step.map_or("starting", |s| s.name.as_str());
        let line = format!("  {} {name}  {running}  {}  {}", paper.symbol(None), show::cut(doing, 24), usually(usual));
        out.push(line.trim_end().to_owned());
    }
    for request in status.live.waiting.iter().take(MOST_WAITING) {
        let head = format!("  ○ {}  request {}: ", name(request.builderid), request.buildrequestid);
        let room = show::WIDTH.saturating_sub(head.chars().count()).max(8);
        out.push(head + &show::cut(&request.why, room));
    }
    let more = status.live.waiting_total.saturating_sub(status.live.waiting.len().min(MOST_WAITING));
    if more > 0 {
        out.push(format!("    and {more} more requests wait"));
    }
    for source in status.live.sources.iter().filter(|s| s.failing) {
        out.push(format!("  ⚡ {}", show::cut(&format!("{}: {}", source.name, source.state), show::WIDTH - 4)));
    }
    let away = status.live.outbox.iter().filter(|sum| sum.open > 0);
    for (sum, trouble) in away.filter_map(|sum| Some((sum, sum.trouble.as_ref()?))) {
        let waits = if sum.open == 1 { "message waits" } else { "messages wait" };
        out.push(format!(
            "  ⚡ {}",
            show::cut(&format!("{}: {} {waits}: {trouble}", sum.target, sum.open), show::WIDTH - 4)
        ));
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
    tokio::select! {
        never = watch(client, json) => never.map(|()| Exit::Passed),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    }
}

async fn watch(client: &Client, json: bool) -> anyhow::Result<()> {
    // Nobody there to begin with is a mistake in the address rather than a restart.
    let status = look(client).await?;
    match Paper::of_stdout() {
        Paper::Terminal if !json => redraw(client, status).await,
        _ => append(client, status, json).await,
    }
}

fn listeners(client: &Client) -> [Listener; 2] {
    [client.listen("builds/*/*"), client.listen("builds/*/steps/*/*")]
}

async fn redraw(client: &Client, mut status: Status) -> anyhow::Result<()> {
    let mut live = LiveLines::new(Paper::Terminal);
    let (mut listeners, mut patience) = (listeners(client), Patience::new(LIMIT));
    loop {
        live.float(&lines(&status, Paper::Terminal))?;
        wake(&mut listeners, SWEEP).await?;
        status = loop {
            let seen = look(client).await;
            if let Some(status) = patience.bear(seen, &mut live).await? {
                break status;
            }
        };
    }
}

async fn append(client: &Client, status: Status, json: bool) -> anyhow::Result<()> {
    let mut live = LiveLines::new(Paper::Plain);
    let (mut listeners, mut patience) = (listeners(client), Patience::new(LIMIT));
    let mut ended = Ended::after(&status);
    if !json {
        out::lines(lines(&status, Paper::Plain))?;
    }
    loop {
        let new = ended.look(client).await;
        let Some(new) = patience.bear(new, &mut live).await? else { continue };
        for build in &new {
            match json {
                true => out::json(build)?,
                false => out::line(ended.line(build))?,
            }
        }
        wake(&mut listeners, SWEEP).await?;
    }
}

/// The builds that end while one looks, each told once.
struct Ended {
    /// All that ended before this second are told.
    since: i64,
    /// Told, of those that ended in that second or later.
    told: BTreeSet<i64>,
    names: BTreeMap<i64, String>,
}

/// How many builds that have ended are fetched at once.
const MOST_ENDED: u64 = 5_000;

impl Ended {
    fn after(status: &Status) -> Self {
        let told = status.newest().map(|(_, build)| build.buildid).collect();
        Self { since: status.live.now, told, names: status.names.clone() }
    }

    async fn look(&mut self, client: &Client) -> anyhow::Result<Vec<api::Build>> {
        let filter = Filter::all().with("complete", true).with("complete_at__ge", self.since);
        let filter = filter.with("order", "complete_at").with("order", "buildid").with("limit", MOST_ENDED);
        let mut builds = client.builds(&filter).await?.rows;
        builds.retain(|b| !self.told.contains(&b.buildid));
        if builds.iter().any(|b| !self.names.contains_key(&b.builderid)) {
            self.names = names(&client.builders(&Filter::all()).await?.rows);
        }
        if let Some(last) = builds.last().and_then(|b| b.complete_at).filter(|at| *at > self.since) {
            self.since = last;
            self.told.clear();
        }
        self.told.extend(builds.iter().filter(|b| b.complete_at >= Some(self.since)).map(|b| b.buildid));
        Ok(builds)
    }

    fn line(&self, build: &api::Build) -> String {
        let name = self.names.get(&build.builderid).map_or("?", String::as_str);
        let head = format!("{name} build {}: ", build.number);
        let room = show::WIDTH.saturating_sub(head.chars().count() + 4).max(20);
        format!("  {} {head}{}", Paper::Plain.symbol(build.results), show::cut(&build.state_string, room))
    }
}

fn names(builders: &[api::Builder]) -> BTreeMap<i64, String> {
    builders.iter().map(|b| (b.builderid, b.name.clone())).collect()
}

//! What the list of builders and the page of one builder show.

use super::{Names, Trouble, among, below, newest, past, running, running_builds, waiting};
use crate::Web;
use crate::pages::bars::Bar;
use crate::pages::builder::{Builder as View, Builders, Listed};
use crate::pages::clock::Clock;
use crate::pages::force;
use crate::pages::mark::Mark;
use model::{Build, Builder, BuilderId, Config, SchedulerKind, Step};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How many builders are listed.
const MOST: usize = 1000;
/// How many bars a row of the list has.
const BARS: u32 = 12;
/// How many builds a builder's page lists, and how many have bars.
const BUILDS: u64 = 50;

pub(in crate::pages) async fn list(web: &Web, clock: &Clock, only: Option<String>) -> Result<Builders, Trouble> {
    let names = Names::load(web).await?;
    let latest = web.store.latest_builds(BARS).await?;
    let live = web.control.live().await?;
    let mut by_builder: HashMap<BuilderId, Vec<&Build>> = HashMap::new();
    for build in &latest {
        by_builder.entry(build.builder).or_default().push(build);
    }
    let mut waiting: HashMap<BuilderId, usize> = HashMap::new();
    for w in &live.waiting {
        *waiting.entry(w.builder).or_default() += 1;
    }
    let mut busy: HashMap<BuilderId, usize> = HashMap::new();
    for r in &live.running {
        *busy.entry(r.builder).or_default() += 1;
    }
    let tags: BTreeSet<String> =
        names.builders.values().filter(|b| b.configured).flat_map(|b| b.tags.clone()).collect();
    let mut rows: Vec<(BuilderId, Listed)> = names
        .builders
        .values()
        .filter(|b| b.configured)
        .map(|b| (b.id, listed(b, by_builder.get(&b.id), &busy, &waiting, clock)))
        .filter(|(_, row)| match only.as_deref() {
            None => true,
            Some("broken") => row.last.is_bad(),
            Some("running") => row.running > 0,
            Some(tag) => row.tags.iter().any(|t| t == tag),
        })
        .collect();
    rows.sort_by_key(|(id, row)| (std::cmp::Reverse(row.last.is_bad()), *id));
    let left_out = rows.len().saturating_sub(MOST);
    let rows = rows.into_iter().take(MOST).map(|(_, row)| row).collect();
    Ok(Builders { rows, only, tags: tags.into_iter().collect(), left_out })
}

fn listed(
    b: &Builder,
    builds: Option<&Vec<&Build>>,
    busy: &HashMap<BuilderId, usize>,
    waiting: &HashMap<BuilderId, usize>,
    clock: &Clock,
) -> Listed {
    let none = Vec::new();
    let builds = builds.unwrap_or(&none);
    let last = builds.iter().find(|b| b.status.results().is_some());
    let bars = builds.iter().rev().map(|b| Bar {
        number: b.number,
        mark: Mark::of(b.status.results()),
        took: b.status.complete_at().unwrap_or(clock.now).since(b.started_at),
    });
    Listed {
        name: b.name.clone(),
        description: b.description.clone(),
        tags: b.tags.clone(),
        last: last.map_or(Mark::Absent, |l| Mark::of(l.status.results())),
        last_at: last.and_then(|l| l.status.complete_at()),
        builds: bars.collect(),
        running: busy.get(&b.id).copied().unwrap_or(0),
        waiting: waiting.get(&b.id).copied().unwrap_or(0),
        usual: b.usual.build,
    }
}

/// The builder of a name, or that there is none.
pub(in crate::pages) async fn named(web: &Web, name: &str) -> Result<Builder, Trouble> {
    let missing = || Trouble::Missing(format!("builder {name}"));
    web.store.builder_by_name(name).await?.ok_or_else(missing)
}

pub(in crate::pages) async fn one(web: &Web, clock: &Clock, name: &str, before: Option<i64>) -> Result<View, Trouble> {
    let builder = named(web, name).await?;
    let query = below(newest("number", BUILDS).eq("builderid", builder.id.0), "number", before);
    let (names, builds, broken) =
        tokio::try_join!(Names::load(web), async { Ok(web.store.builds(&query).await?) }, async {
            Ok(web.store.broken().await?)
        })?;
    let live = web.control.live().await?;
    let config = web.control.config();
    let builds = builds.rows;
    let steps = steps(web, &builder, &builds).await?;
    let open = running_builds(web).await?;
    let own: Vec<_> = live.running.iter().filter(|r| r.builder == builder.id).collect();
    let broken = broken.into_iter().find(|b| b.builder == builder.id);
    Ok(View {
        name: builder.name.clone(),
        description: builder.description.clone(),
        tags: builder.tags.clone(),
        configured: builder.configured,
        defined_at: builder.defined_at.as_ref().map(ToString::to_string),
        workers: workers(&config, &names, &builder, &live),
        usual: builder.usual.build,
        running: running(&own, &open, &names),
        waiting: waiting(&live, &names, clock.now, Some(builder.id)),
        broken: broken.map(|b| (b.since.number, b.since.status.complete_at().unwrap_or(b.since.started_at))),
        forces: forces(&config, &builder.name),
        older: builds.last().map(|b| b.number).filter(|n| *n > 1),
        builds: builds.iter().map(|b| past(b, names.worker(b.worker))).collect(),
        steps,
    })
}

fn workers(
    config: &Config,
    names: &Names,
    builder: &Builder,
    live: &crate::control::Live,
) -> Vec<(String, &'static str)> {
    let Some(spec) = config.builders.iter().find(|b| b.name == builder.name) else { return Vec::new() };
    let busy: HashSet<_> = live.running.iter().map(|r| r.worker).collect();
    let word = |name: &String| match names.workers.values().find(|w| w.name == *name) {
        Some(w) if !w.connected => "away",
        Some(w) if w.paused.is_some() => "paused",
        Some(w) if busy.contains(&w.id) => "busy",
        Some(_) => "free",
        None => "not seen yet",
    };
    spec.workers.iter().map(|w| (w.clone(), word(w))).collect()
}

fn forces(config: &Config, builder: &str) -> Vec<force::Form> {
    let has = |s: &&model::SchedulerSpec| s.builders.iter().any(|b| b == builder);
    let workers = config.builders.iter().find(|b| b.name == builder).map_or(&[][..], |b| &b.workers);
    let form = |s: &model::SchedulerSpec| match &s.kind {
        SchedulerKind::Force(spec) => {
            Some(force::Form { scheduler: s.name.clone(), spec: spec.clone(), workers: workers.to_vec() })
        }
        _ => None,
    };
    config.schedulers.iter().filter(has).filter_map(form).collect()
}

/// What each step took in the last builds, in the order in which the newest build has them.
async fn steps(
    web: &Web,
    builder: &Builder,
    builds: &[Build],
) -> Result<Vec<(String, Vec<Bar>, Option<model::Span>)>, Trouble> {
    let ended: Vec<&Build> = builds.iter().filter(|b| b.status.results().is_some()).take(30).collect();
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let steps = web.store.steps(&among("buildid", ended.iter().map(|b| b.id.0))).await?.rows;
    let numbers: HashMap<_, _> = ended.iter().map(|b| (b.id, b.number)).collect();
    let mut order: Vec<(i64, String)> = Vec::new();
    let mut by_name: HashMap<&str, Vec<Bar>> = HashMap::new();
    for s in &steps {
        if !by_name.contains_key(s.name.as_str()) {
            order.push((s.number, s.name.clone()));
        }
        by_name.entry(&s.name).or_default().extend(bar(s, &numbers));
    }
    order.sort();
    let row = |(_, name): (i64, String)| {
        let mut bars = by_name.remove(name.as_str()).unwrap_or_default();
        bars.sort_by_key(|b| b.number);
        let usual = builder.usual.steps.get(&name).copied();
        (name, bars, usual)
    };
    Ok(order.into_iter().take(24).map(row).collect())
}

fn bar(s: &Step, numbers: &HashMap<model::BuildId, i64>) -> Option<Bar> {
    let took = s.status.complete_at()?.since(s.started_at);
    Some(Bar { number: *numbers.get(&s.build)?, mark: Mark::of(s.status.results()), took })
}

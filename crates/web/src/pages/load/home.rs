//! What the first page shows.

use super::{Names, Trouble, among, excerpt, feeds, newest, property, running, running_builds, waiting};
use crate::Web;
use crate::pages::clock::Clock;
use crate::pages::home::{Broken, Ended, Home, MOST, Suspect};
use crate::pages::mark::Mark;
use crate::pages::strip::{DAYS, Day, Strip};
use model::{Build, BuildId, BuilderId, Change, Config, Filter, FilterOp, Results, Step};
use std::collections::{HashMap, HashSet};

/// How many builders have a strip on the first page.
const STRIPS: usize = 16;
/// How many builds the strips are made of.
const STRIP_BUILDS: u64 = 4000;

pub(in crate::pages) async fn home(web: &Web, clock: &Clock) -> Result<Home, Trouble> {
    let names = Names::load(web).await?;
    let (last, mut broken) = tokio::try_join!(web.store.last_finished(), web.store.broken())?;
    let live = web.control.live().await?;
    let open = running_builds(web).await?;
    let config = web.control.config();
    let configured = names.builders.values().filter(|b| b.configured).count();
    broken.sort_by_key(|b| std::cmp::Reverse(b.since.status.complete_at()));
    let last: HashMap<BuilderId, Build> = last.into_iter().map(|b| (b.builder, b)).collect();
    let busy: HashMap<BuilderId, i64> = open.iter().map(|b| (b.builder, b.number)).collect();
    let broken = cases(web, &names, &config, &last, &busy, broken).await?;
    let (strips, strips_left_out) = strips(web, &names, &last, &broken, clock).await?;
    let mut away: Vec<_> = names
        .workers
        .values()
        .filter(|w| w.configured && !w.connected)
        .map(|w| (w.name.clone(), w.changed_at))
        .collect();
    away.sort();
    Ok(Home {
        builders: configured,
        fresh: names.builders.values().filter(|b| b.configured && !last.contains_key(&b.id)).count(),
        running: running(&live.running.iter().collect::<Vec<_>>(), &open, &names),
        waiting: waiting(&live, &names, clock.now, None),
        waiting_total: live.waiting_total,
        feeds: feeds(&live),
        obstacles: live.obstacles,
        ended: ended(web, &names).await?,
        any_build: !last.is_empty(),
        broken,
        away,
        strips,
        strips_left_out,
    })
}

/// The builds that ended last, each with its newest change.
async fn ended(web: &Web, names: &Names) -> Result<Vec<Ended>, Trouble> {
    let builds = web.store.builds_bare(&newest("complete_at", MOST as u64).eq("complete", true)).await?.rows;
    let ids: Vec<BuildId> = builds.iter().map(|b| b.id).collect();
    let changes: HashMap<BuildId, Change> = web.store.changes_of_builds(&ids).await?.into_iter().collect();
    let row = |b: Build| {
        let at = b.status.complete_at().unwrap_or(b.started_at);
        Ended {
            builder: names.builder(b.builder),
            number: b.number,
            mark: Mark::of(b.status.results()),
            at,
            took: at.since(b.started_at),
            change: changes.get(&b.id).map(|c| (c.facts.title().to_owned(), c.facts.author_name().to_owned())),
            state: b.state,
        }
    };
    Ok(builds.into_iter().map(row).collect())
}

/// The newest build of a broken builder that tells anything.
fn telling<'a>(b: &'a store::Broken, last: &'a HashMap<BuilderId, Build>) -> &'a Build {
    let bad = |x: &&Build| matches!(x.status.results(), Some(Results::Failure | Results::Exception));
    last.get(&b.builder).filter(bad).unwrap_or(&b.since)
}

async fn cases(
    web: &Web,
    names: &Names,
    config: &Config,
    last: &HashMap<BuilderId, Build>,
    busy: &HashMap<BuilderId, i64>,
    broken: Vec<store::Broken>,
) -> Result<Vec<Broken>, Trouble> {
    let told: Vec<BuildId> = broken.iter().take(MOST).map(|b| telling(b, last).id).collect();
    let firsts: Vec<BuildId> = broken.iter().take(MOST).map(|b| b.since.id).collect();
    let (steps, changes) = if told.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        let query = among("buildid", told.iter().map(|b| b.0));
        let (steps, changes) = tokio::try_join!(web.store.steps(&query), web.store.changes_of_builds(&firsts))?;
        (steps.rows, changes)
    };
    let mut out = Vec::with_capacity(broken.len());
    for (i, b) in broken.into_iter().enumerate() {
        let build = telling(&b, last);
        let name = names.builder(b.builder);
        let failing = steps
            .iter()
            .filter(|s| {
                s.build == build.id && matches!(s.status.results(), Some(Results::Failure | Results::Exception))
            })
            .min_by_key(|s| s.number);
        let error = match failing {
            Some(step) if i < MOST => first_line(web, step).await?,
            _ => None,
        };
        out.push(Broken {
            number: build.number,
            results: build.status.results().unwrap_or(Results::Failure),
            step: failing.map(|s| s.name.clone()),
            error,
            since: b.since.status.complete_at().unwrap_or(b.since.started_at),
            builds: build.number - b.since.number + 1,
            first: b.since.number,
            suspects: changes.iter().filter(|(id, _)| *id == b.since.id).map(|(_, c)| suspect(c)).collect(),
            last_good: b.last_good.as_ref().map(|g| (g.number, g.status.complete_at().unwrap_or(g.started_at))),
            owner: owner(config, &name, build),
            running: busy.get(&b.builder).copied(),
            builder: name,
        });
    }
    Ok(out)
}

async fn first_line(web: &Web, step: &Step) -> Result<Option<(String, String, u64)>, Trouble> {
    let logs = web.store.logs_of_step(step.id).await?;
    let Some(log) = logs.first() else { return Ok(None) };
    let found = excerpt::find(web, step.build, log).await;
    Ok(found.filter(|f| !f.error.trim().is_empty()).map(|f| (f.error.trim().to_owned(), f.slug, f.at)))
}

fn suspect(change: &Change) -> Suspect {
    Suspect {
        change: change.id.0,
        revision: change.facts.short_revision().unwrap_or("no revision").to_owned(),
        author: change.facts.author_name().to_owned(),
        title: change.facts.title().to_owned(),
    }
}

/// A builder's owner is its property of that name, else whoever asked for the build.
fn owner(config: &Config, builder: &str, build: &Build) -> Option<String> {
    let spec = config.builders.iter().find(|b| b.name == builder);
    let named = spec.map(|s| property(&s.properties, "owner")).unwrap_or_default();
    let named = if named.is_empty() { property(&build.properties, "owner") } else { named };
    (!named.is_empty()).then_some(named)
}

async fn strips(
    web: &Web,
    names: &Names,
    last: &HashMap<BuilderId, Build>,
    broken: &[Broken],
    clock: &Clock,
) -> Result<(Vec<Strip>, usize), Trouble> {
    let red: HashSet<&str> = broken.iter().map(|b| b.builder.as_str()).collect();
    let mut shown: Vec<_> = names.builders.values().filter(|b| b.configured && last.contains_key(&b.id)).collect();
    let total = shown.len();
    shown.sort_by_key(|b| {
        let at = last.get(&b.id).and_then(|l| l.status.complete_at());
        (!red.contains(b.name.as_str()), std::cmp::Reverse(at), b.id)
    });
    shown.truncate(STRIPS);
    if shown.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let today = clock.zoned(clock.now).date();
    let first = clock.now - model::Span::seconds(86_400 * DAYS as i64);
    let mut query = among("builderid", shown.iter().map(|b| b.id.0)).newest_first("complete_at").limit(STRIP_BUILDS);
    let values = vec![model::query::Operand::Int(first.as_seconds())];
    query.filters.push(Filter { field: "complete_at".to_owned(), op: FilterOp::Ge, values });
    let builds = web.store.builds_bare(&query).await?.rows;
    let mut days: HashMap<BuilderId, [Day; DAYS]> = HashMap::new();
    for build in builds {
        let (Some(at), Some(results)) = (build.status.complete_at(), build.status.results()) else { continue };
        let age = today.since(clock.zoned(at).date()).map_or(0, |s| s.get_days());
        let Some(index) = usize::try_from(age).ok().and_then(|a| (DAYS - 1).checked_sub(a)) else { continue };
        let day = &mut days.entry(build.builder).or_default()[index];
        match results {
            Results::Success => day.good += 1,
            Results::Warnings => day.warned += 1,
            Results::Failure => day.bad += 1,
            Results::Exception => day.exception += 1,
            Results::Skipped | Results::Retry | Results::Cancelled => {}
        }
    }
    let left_out = total - shown.len();
    let strips = shown.into_iter().map(|b| Strip {
        builder: b.name.clone(),
        mark: last.get(&b.id).map_or(Mark::Absent, |l| Mark::of(l.status.results())),
        days: days.remove(&b.id).unwrap_or_default(),
    });
    Ok((strips.collect(), left_out))
}

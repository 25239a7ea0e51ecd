//! What the waterfall shows.

use super::{Names, Trouble, among};
use crate::Web;
use crate::control::Live;
use crate::pages::clock::Clock;
use crate::pages::mark::Mark;
use crate::pages::waterfall::{Block, ChangeMark, Column, Filter, Piece, Waterfall};
use model::{
    Build, BuildId, Builder, BuilderId, Change, Config, Filter as Condition, FilterOp, Query, Span, Step, Time,
};
use std::collections::{BTreeSet, HashMap};

/// At most so many builds are drawn.
const BUILDS: u64 = 240;
/// At most so many columns.
const COLUMNS: usize = 60;
/// How far back one page goes.
const REACH: Span = Span::seconds(7 * 86_400);
/// At most so many steps are drawn.
const STEPS: u64 = 10_000;

pub(in crate::pages) async fn waterfall(
    web: &Web,
    clock: &Clock,
    filter: Filter,
    before: Option<Time>,
) -> Result<Waterfall, Trouble> {
    let late = before.filter(|t| *t < clock.now).unwrap_or(clock.now);
    let names = Names::load(web).await?;
    let (builds, last) = tokio::try_join!(
        web.store.builds_between(late - REACH, late + Span::seconds(1), BUILDS),
        web.store.last_finished()
    )?;
    let live = web.control.live().await?;
    let config = web.control.config();
    let mut shown: Vec<&Builder> = names.builders.values().filter(|b| wanted(b, &filter)).collect();
    shown.sort_by(|a, b| (a.tags.first(), a.id).cmp(&(b.tags.first(), b.id)));
    let left_out = shown.len().saturating_sub(COLUMNS);
    shown.truncate(COLUMNS);
    let ids: BTreeSet<BuilderId> = shown.iter().map(|b| b.id).collect();
    let full = builds.len() as u64 >= BUILDS;
    let builds: Vec<Build> = builds.into_iter().filter(|b| ids.contains(&b.builder)).collect();
    let begun = builds.iter().map(|b| b.started_at).min();
    let early = begun.unwrap_or(late - Span::seconds(3600)).max(late - REACH).min(late);
    let early = early - Span::seconds(late.since(early).0 / 1_000_000 / 50 + 1);
    let (steps, changes) = parts(web, &builds, early, late).await?;
    let more = full || older(web, &ids, early).await?;
    let last: HashMap<BuilderId, &Build> = last.iter().map(|b| (b.builder, b)).collect();
    let tags: BTreeSet<String> =
        names.builders.values().filter(|b| b.configured).flat_map(|b| b.tags.clone()).collect();
    let columns = shown
        .into_iter()
        .map(|b| Column {
            builder: b.name.clone(),
            group: b.tags.first().cloned().unwrap_or_default(),
            last: last.get(&b.id).map_or(Mark::Absent, |l| Mark::of(l.status.results())),
            last_at: last.get(&b.id).and_then(|l| l.status.complete_at()),
            builds: blocks(&builds, b.id, &steps, late),
            waiting: if late < clock.now { Vec::new() } else { waiting(&live, b.id, clock.now) },
            away_since: away(&config, &names, b).filter(|_| late >= clock.now),
        })
        .collect();
    let changes = changes.iter().map(change_mark).collect();
    let tags = tags.into_iter().collect();
    Ok(Waterfall { columns, changes, late, early, live: late >= clock.now, more, tags, filter, left_out })
}

fn wanted(b: &Builder, filter: &Filter) -> bool {
    let named = filter.builders.is_empty() || filter.builders.contains(&b.name);
    let tagged = filter.tags.is_empty() || filter.tags.iter().any(|t| b.tags.contains(t));
    // A builder that is gone is shown to those who ask for it by name.
    named && tagged && (b.configured || !filter.builders.is_empty())
}

async fn parts(
    web: &Web,
    builds: &[Build],
    early: Time,
    late: Time,
) -> Result<(HashMap<BuildId, Vec<Step>>, Vec<Change>), Trouble> {
    let steps = among("buildid", builds.iter().map(|b| b.id.0)).limit(STEPS);
    let mut by_build: HashMap<BuildId, Vec<Step>> = HashMap::new();
    if !builds.is_empty() {
        for step in web.store.steps(&steps).await?.rows {
            by_build.entry(step.build).or_default().push(step);
        }
    }
    // The newest ones, built or not, and those of the builds that are shown.
    let ids: Vec<BuildId> = builds.iter().map(|b| b.id).collect();
    let mut changes = web.store.changes(&super::newest("changeid", 200)).await?.rows;
    if !ids.is_empty() {
        changes.extend(web.store.changes_of_builds(&ids).await?.into_iter().map(|(_, c)| c));
    }
    changes.retain(|c| c.received_at >= early && c.received_at <= late);
    changes.sort_by_key(|c| std::cmp::Reverse((c.received_at, c.id)));
    changes.dedup_by_key(|c| c.id);
    Ok((by_build, changes))
}

async fn older(web: &Web, ids: &BTreeSet<BuilderId>, early: Time) -> Result<bool, Trouble> {
    if ids.is_empty() {
        return Ok(false);
    }
    let mut query: Query = among("builderid", ids.iter().map(|b| b.0)).limit(1);
    let values = vec![model::query::Operand::Int(early.as_seconds())];
    query.filters.push(Condition { field: "started_at".to_owned(), op: FilterOp::Lt, values });
    Ok(!web.store.builds_bare(&query).await?.rows.is_empty())
}

fn blocks(builds: &[Build], builder: BuilderId, steps: &HashMap<BuildId, Vec<Step>>, late: Time) -> Vec<Block> {
    let mut own: Vec<&Build> = builds.iter().filter(|b| b.builder == builder).collect();
    own.sort_by_key(|b| std::cmp::Reverse(b.number));
    own.into_iter()
        .map(|b| Block {
            number: b.number,
            mark: Mark::of(b.status.results()),
            from: b.started_at,
            to: b.status.complete_at().unwrap_or(late).max(b.started_at),
            steps: steps.get(&b.id).into_iter().flatten().map(|s| piece(s, late)).collect(),
        })
        .collect()
}

fn piece(s: &Step, late: Time) -> Piece {
    Piece {
        name: s.name.clone(),
        mark: Mark::of(s.status.results()),
        from: s.started_at,
        to: s.status.complete_at().unwrap_or(late).max(s.started_at),
    }
}

fn waiting(live: &Live, builder: BuilderId, now: Time) -> Vec<(i64, String)> {
    live.waiting.iter().filter(|w| w.builder == builder).map(|w| (w.request.0, w.why.sentence(now))).collect()
}

/// Since when none of a builder's workers is connected.
fn away(config: &Config, names: &Names, builder: &Builder) -> Option<Time> {
    let spec = config.builders.iter().find(|b| b.name == builder.name)?;
    let own = names.workers.values().filter(|w| spec.workers.contains(&w.name));
    let since: Option<Vec<Time>> =
        own.map(|w| if w.connected { None } else { Some(w.changed_at.unwrap_or(Time(0))) }).collect();
    since?.into_iter().max()
}

fn change_mark(c: &Change) -> ChangeMark {
    ChangeMark {
        id: c.id.0,
        at: c.received_at,
        author: c.facts.author_name().to_owned(),
        revision: c.facts.short_revision().unwrap_or_default().to_owned(),
        title: c.facts.title().to_owned(),
    }
}

//! What the page of a build shows.

use super::{Trouble, builder, change_view, excerpt, revision, said};
use crate::Web;
use crate::control::LiveBuild;
use crate::pages::build::{Build as View, Excerpt, Source, Step as StepView};
use crate::pages::clock::Clock;
use crate::pages::mark::Mark;
use crate::pages::patch::Patch;
use model::render::{self, Sight};
use model::shell::quoted;
use model::{
    Build, BuildId, BuildSet, Builder, Config, LogFacts, LogStatus, SourceStamp, Step, StepAction, StepId, StepSpec,
    Text,
};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt::Write as _;

/// Lines of a log before and after the first error.
const AROUND: usize = 10;

/// The build of a builder's name and a number, or that there is none.
pub(in crate::pages) async fn numbered(web: &Web, name: &str, number: i64) -> Result<(Builder, Build), Trouble> {
    let of = builder::named(web, name).await?;
    let missing = || Trouble::Missing(format!("build {number} of {name}"));
    let build = web.store.build_by_number(of.id, number).await?.ok_or_else(missing)?;
    Ok((of, build))
}

pub(in crate::pages) async fn build(web: &Web, clock: &Clock, name: &str, number: i64) -> Result<View, Trouble> {
    let (of, build) = numbered(web, name, number).await?;
    let id = build.id;
    let (steps, logs, plan, stamps, changes, refused) = tokio::try_join!(
        web.store.steps_of_build(id),
        web.store.logs_of_build(id),
        web.store.plan_of_build(id),
        web.store.stamps_of_build(id),
        web.store.changes_of_build(id),
        web.store.refusals_of_build(id),
    )?;
    let (request, worker) = tokio::try_join!(web.store.request(build.request), web.store.worker(build.worker))?;
    let set = match &request {
        Some(r) => web.store.set(r.set).await?,
        None => None,
    };
    let (live, obstacles) = match build.status.results() {
        Some(_) => (None, Vec::new()),
        None => {
            let mut live = web.control.live().await?;
            live.obstacles.retain(|o| o.keeps(id));
            (live.running.into_iter().find(|l| l.build == id), live.obstacles)
        }
    };
    let config = web.control.config();
    let mut by_step: HashMap<StepId, Vec<LogFacts>> = HashMap::new();
    for log in logs {
        by_step.entry(log.step).or_default().push(log);
    }
    let also = web.store.requests_of_build(id).await?.into_iter().map(|r| r.id.0).filter(|r| *r != build.request.0);
    Ok(View {
        id: id.0,
        also: also.collect(),
        triggered: triggered(web, &build).await?,
        parent: parent(web, set.as_ref()).await?,
        mark: Mark::of(build.status.results()),
        state: told(&build),
        from: build.started_at,
        to: build.status.complete_at(),
        usual: of.usual.build,
        ends: live.as_ref().and_then(|l| l.ends),
        away: live.as_ref().and_then(|l| l.worker_away),
        worker: worker.map_or_else(|| format!("worker {}", build.worker), |w| w.name),
        excerpt: lines(web, id, &steps, &by_step).await,
        steps: step_views(&of, &build, &steps, &plan, &by_step, live.as_ref()),
        sources: stamps.iter().map(|s| source(s, &build)).collect(),
        changes: changes.iter().map(change_view).collect(),
        properties: build.properties.iter().map(|(n, p)| (n.clone(), said(&p.value), p.source.clone())).collect(),
        reason: set.map_or_else(String::new, |s| s.reason),
        request: build.request.0,
        reproduce: reproduce(&of, &config, &plan, &stamps, &build),
        attempts: attempts(web, &build, &stamps).await?,
        refused: refused.into_iter().map(|r| (r.at, r.what)).collect(),
        previous: (number > 1).then_some(number - 1),
        next: (number + 1 < of.next_number).then_some(number + 1),
        builder: of.name,
        number,
        obstacles,
    })
    .map(|view| if clock.now < view.from { View { from: clock.now, ..view } } else { view })
}

/// The build's own line, unless it only repeats its result.
fn told(build: &Build) -> String {
    match build.state.as_str() {
        "build successful" | "passed" | "running" | "failed" | "starting" => String::new(),
        other => other.to_owned(),
    }
}

async fn lines(web: &Web, build: BuildId, steps: &[Step], logs: &HashMap<StepId, Vec<LogFacts>>) -> Option<Excerpt> {
    let failing = steps.iter().find(|s| Mark::of(s.status.results()).is_bad())?;
    let log = logs.get(&failing.id)?.first()?;
    let found = excerpt::find(web, build, log).await?;
    let index = found.tail.iter().position(|r| r.number == found.at)?;
    let end = (index + AROUND + 1).min(found.tail.len());
    let rows = found.tail[index.saturating_sub(AROUND)..end].to_vec();
    Some(Excerpt {
        step: failing.name.clone(),
        slug: found.slug,
        error: found.error,
        at: found.at,
        rows,
        lines: found.lines,
    })
}

fn step_views(
    of: &Builder,
    build: &Build,
    steps: &[Step],
    plan: &[StepSpec],
    logs: &HashMap<StepId, Vec<LogFacts>>,
    live: Option<&LiveBuild>,
) -> Vec<StepView> {
    let place =
        |name: &str| plan.iter().find(|s| s.name == name).and_then(|s| s.defined_at.as_ref()).map(ToString::to_string);
    let begun = steps.iter().map(|s| StepView {
        name: s.name.clone(),
        mark: Mark::of(s.status.results()),
        state: s.state.clone(),
        from: Some(s.started_at),
        to: s.status.complete_at(),
        usual: of.usual.steps.get(&s.name).copied(),
        logs: logs.get(&s.id).into_iter().flatten().map(log_link).collect(),
        defined_at: place(&s.name),
        hidden: s.facts.hidden,
        urls: s.facts.urls.clone(),
        warnings: s.facts.warnings,
        tests: s.facts.tests.clone(),
    });
    let names: Vec<String> = match (build.status.results(), live) {
        (Some(_), _) => Vec::new(),
        (None, Some(live)) => live.to_come.clone(),
        (None, None) => plan.iter().map(|s| s.name.clone()).collect(),
    };
    let to_come = names.into_iter().filter(|n| steps.iter().all(|s| s.name != *n)).map(|name| StepView {
        mark: Mark::Absent,
        state: String::new(),
        from: None,
        to: None,
        usual: of.usual.steps.get(&name).copied(),
        logs: Vec::new(),
        defined_at: place(&name),
        hidden: false,
        urls: Vec::new(),
        warnings: None,
        tests: None,
        name,
    });
    begun.chain(to_come).collect()
}

fn log_link(log: &LogFacts) -> (String, String, Option<u64>) {
    let lines = match log.status {
        LogStatus::Open => None,
        LogStatus::Sealed { lines, .. } => Some(lines),
    };
    (log.name.clone(), log.slug.clone(), lines)
}

fn source(stamp: &SourceStamp, build: &Build) -> Source {
    let built = if stamp.codebase.is_empty() { revision(&build.properties) } else { String::new() };
    let asked = stamp.revision.clone().unwrap_or_default();
    Source {
        repository: stamp.repository.clone(),
        branch: stamp.branch.clone().unwrap_or_default(),
        revision: if built.is_empty() { asked } else { built },
        patch: Patch::of(stamp),
    }
}

/// A build by its builder's name and its number, with its state.
async fn named(web: &Web, build: &Build) -> Result<(String, i64, Mark), Trouble> {
    let builder = web.store.builder(build.builder).await?;
    let name = builder.map_or_else(|| format!("builder {}", build.builder), |b| b.name);
    Ok((name, build.number, Mark::of(build.status.results())))
}

/// Builds that steps of this one asked for, at most a hundred.
async fn triggered(web: &Web, build: &Build) -> Result<Vec<(String, i64, Mark)>, Trouble> {
    let mut rows = Vec::new();
    for child in web.store.builds_triggered_by(build.id).await?.iter().take(100) {
        rows.push(named(web, child).await?);
    }
    Ok(rows)
}

/// The build whose step asked for this one.
async fn parent(web: &Web, set: Option<&BuildSet>) -> Result<Option<(String, i64, Mark)>, Trouble> {
    let Some(id) = set.and_then(|s| s.parent).map(|p| p.build) else { return Ok(None) };
    match web.store.build(id).await? {
        Some(build) => named(web, &build).await.map(Some),
        None => Ok(None),
    }
}

/// Other builds of the same request, and of the same revision.
async fn attempts(web: &Web, build: &Build, stamps: &[SourceStamp]) -> Result<Vec<(i64, Mark, model::Time)>, Trouble> {
    let mut found = web.store.builds_of_request(build.request).await?;
    if let Some(change) = stamps.iter().filter_map(|s| s.changes.last()).max() {
        found.extend(web.store.builds_of_change(*change).await?);
    }
    found.retain(|b| b.builder == build.builder && b.id != build.id);
    found.sort_by_key(|b| std::cmp::Reverse(b.number));
    found.dedup_by_key(|b| b.id);
    found.truncate(20);
    Ok(found.into_iter().map(|b| (b.number, Mark::of(b.status.results()), b.started_at)).collect())
}

/// Commands for a shell that do what the build did.
fn reproduce(of: &Builder, config: &Config, plan: &[StepSpec], stamps: &[SourceStamp], build: &Build) -> String {
    let mut out = String::new();
    let spec = config.builders.iter().find(|b| b.name == of.name);
    let secrets = BTreeMap::new();
    let sight = Sight { properties: &build.properties, stamps, worker: None, secrets: &secrets };
    // What cannot be put in here, a secret above all, is shown as it was written.
    let mut finished = |text: &Text| Ok::<_, Infallible>(render::text(text, &sight).unwrap_or_else(|_| text.written()));
    for (name, value) in spec.into_iter().flat_map(|s| &s.env) {
        let Ok(value) = finished(value);
        let _ = writeln!(out, "export {name}={}", quoted(&value));
    }
    for step in plan {
        let Ok(action) = step.action.try_map(&mut finished);
        match &action {
            StepAction::Git(git) => {
                let stamp = stamps.iter().find(|s| s.codebase == git.codebase);
                let branch = stamp.and_then(|s| s.branch.clone()).or_else(|| git.branch.clone());
                let wanted = stamp.map(|s| source(s, build).revision).filter(|r| !r.is_empty());
                let branch = branch.map_or_else(String::new, |b| format!("-b {} ", quoted(&b)));
                let _ = writeln!(
                    out,
                    "git clone {branch}{} {}",
                    quoted(&model::source::shown(&git.repository)),
                    quoted(&git.workdir)
                );
                if let Some(revision) = wanted {
                    let _ = writeln!(out, "git -C {} checkout {}", quoted(&git.workdir), quoted(&revision));
                }
            }
            StepAction::Shell(shell) => {
                let env: String = shell.env.iter().map(|(n, v)| format!("{n}={} ", quoted(v))).collect();
                let command = match &shell.command {
                    model::CommandLine::Words(words) => words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" "),
                    model::CommandLine::Script(script) if env.is_empty() => script.clone(),
                    model::CommandLine::Script(script) => format!("sh -c {}", quoted(script)),
                };
                let _ = writeln!(out, "(cd {} && {env}{command})", quoted(&shell.workdir));
            }
            _ => {}
        }
    }
    if let Some(patch) = stamps.iter().find_map(|s| s.patch.as_ref()) {
        let _ = writeln!(out, "# a patch by {} was applied with -p{}", one_comment(&patch.author), patch.level);
    }
    out.truncate(out.trim_end().len());
    out
}

/// A comment stays one line.
fn one_comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

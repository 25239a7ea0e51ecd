//! What the page of a log shows: a window of it, never more.

use super::{Trouble, build as builds, excerpt};
use crate::Web;
use crate::pages::layout::log_at;
use crate::pages::line::Row;
use crate::pages::log::{Log, MOST_BYTES, PAGE};
use crate::pages::mark::Mark;
use crate::short::short;
use model::{Build, Builder, LogFacts, LogStatus, Step};

/// The lines before a window that are looked at for colours that they leave switched on.
const COLOURS: u64 = 60;

/// A log and everything above it.
pub(in crate::pages) struct Place {
    pub(in crate::pages) builder: Builder,
    pub(in crate::pages) build: Build,
    pub(in crate::pages) step: Step,
    pub(in crate::pages) log: LogFacts,
    others: Vec<LogFacts>,
}

/// The log of an address. A step is found by its name, else by its number.
pub(in crate::pages) async fn place(
    web: &Web,
    name: &str,
    number: i64,
    step: &str,
    slug: &str,
) -> Result<Place, Trouble> {
    let (builder, build) = builds::numbered(web, name, number).await?;
    let steps = web.store.steps_of_build(build.id).await?;
    let found = steps.iter().find(|s| s.name == step);
    let found = found.or_else(|| steps.iter().find(|s| step.parse() == Ok(s.number))).cloned();
    let step = found.ok_or_else(|| Trouble::Missing(format!("step {step} in build {number} of {name}")))?;
    let mut logs = web.store.logs_of_step(step.id).await?;
    let at = logs.iter().position(|l| l.slug == slug);
    let at = at.ok_or_else(|| Trouble::Missing(format!("log {slug} of step {}", step.name)))?;
    let log = logs.remove(at);
    Ok(Place { builder, build, step, log, others: logs })
}

pub(in crate::pages) async fn log(web: &Web, at: Place, from: Option<u64>) -> Result<Log, Trouble> {
    let Place { builder, build, step, log, others } = at;
    let facts = web.logs.facts(build.id, log.id).await;
    let short = short(web, build.id, &log, facts.as_ref()).await;
    let (lines, bytes, sealed) = match (log.status, facts) {
        (LogStatus::Sealed { .. }, Some(f)) if short.is_some() => (f.lines, f.bytes, true),
        (LogStatus::Sealed { lines, bytes, .. }, _) => (lines, bytes, true),
        (LogStatus::Open, Some(f)) => (f.lines, f.bytes, f.sealed.is_some()),
        (LogStatus::Open, None) => (0, 0, false),
    };
    let mark = Mark::of(step.status.results());
    let error = match mark.is_bad() {
        true => excerpt::find(web, build.id, &log).await.map(|f| f.at),
        false => None,
    };
    // Without a wish a growing log shows its end and a finished one its beginning.
    let from = from.unwrap_or(if sealed { 0 } else { lines.saturating_sub(PAGE) }).min(lines.saturating_sub(1));
    let (rows, trouble) = match lines {
        0 => (Vec::new(), None),
        _ => match window(web, &build, &log, from, PAGE).await {
            Ok((rows, _)) => (rows, None),
            Err(e) => (Vec::new(), Some(format!("The text of this log cannot be read: {e}"))),
        },
    };
    let link = |l: &LogFacts| log_at(&builder.name, build.number, &step.name, &l.slug);
    Ok(Log {
        id: log.id.0,
        build: build.id.0,
        number: build.number,
        mark,
        from: step.started_at,
        to: step.status.complete_at(),
        name: log.name.clone(),
        here: link(&log),
        lines,
        bytes,
        sealed,
        others: others.iter().map(|l| (l.name.clone(), link(l))).collect(),
        rows,
        error,
        trouble,
        short,
        step: step.name.clone(),
        builder: builder.name.clone(),
    })
}

/// Lines from `from` on, and the few before them whose colours reach into them.
pub(in crate::pages) async fn window(
    web: &Web,
    build: &Build,
    log: &LogFacts,
    from: u64,
    count: u64,
) -> Result<(Vec<Row>, Vec<Row>), logs::LogError> {
    let lead = from.min(COLOURS);
    let before = match lead {
        0 => Vec::new(),
        n => web.logs.lines(build.id, log.id, from - n, n, MOST_BYTES / 4).await?,
    };
    let lines = web.logs.lines(build.id, log.id, from, count, MOST_BYTES).await?;
    Ok((lines.into_iter().map(Row::from).collect(), before.into_iter().map(Row::from).collect()))
}

//! From store, logs and master to what each page shows. A page costs a handful of questions, whatever its length.

pub(super) mod build;
pub(super) mod builder;
pub(super) mod change;
pub(super) mod excerpt;
pub(super) mod gate;
pub(super) mod home;
pub(super) mod log;
pub(super) mod outbox;
pub(super) mod queue;
pub(super) mod scheduler;
pub(super) mod testrun;
pub(super) mod waterfall;
pub(super) mod worker;

use super::build::Change as ChangeView;
use super::builder::Past;
use super::home::{Running, Waiting};
use super::mark::Mark;
use super::source::Feed;
use crate::Web;
use crate::control::{ControlError, Live, LiveBuild};
use model::query::Operand;
use model::{
    Build, Builder, BuilderId, Change, Filter, FilterOp, Order, Properties, Query, Time, Value, Worker, WorkerId,
};
use std::collections::HashMap;
use store::StoreError;

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There is no such thing; what was asked for, in words.
    #[error("there is no {0}")]
    Missing(String),
    /// The store does not answer.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    /// The master does not answer.
    #[error("the master does not answer")]
    Control(#[from] ControlError),
}

/// The rows whose `field` is one of these.
fn among(field: &str, values: impl IntoIterator<Item = i64>) -> Query {
    let values = values.into_iter().map(Operand::Int).collect();
    Query { filters: vec![Filter { field: field.to_owned(), op: FilterOp::Eq, values }], ..Query::default() }
}

/// As `query`, and `field` is less than `value`.
fn below(mut query: Query, field: &str, value: Option<i64>) -> Query {
    if let Some(value) = value {
        let values = vec![Operand::Int(value)];
        query.filters.push(Filter { field: field.to_owned(), op: FilterOp::Lt, values });
    }
    query
}

/// Newest first by `field`, at most `limit`.
fn newest(field: &str, limit: u64) -> Query {
    Query { order: vec![Order { field: field.to_owned(), descending: true }], limit: Some(limit), ..Query::default() }
}

/// Builders and workers by id.
pub(super) struct Names {
    pub(super) builders: HashMap<BuilderId, Builder>,
    pub(super) workers: HashMap<WorkerId, Worker>,
}

impl Names {
    pub(super) async fn load(web: &Web) -> Result<Self, Trouble> {
        let all = Query::default();
        let (builders, workers) = tokio::try_join!(web.store.builders(&all), web.store.workers(&all))?;
        Ok(Self {
            builders: builders.rows.into_iter().map(|b| (b.id, b)).collect(),
            workers: workers.rows.into_iter().map(|w| (w.id, w)).collect(),
        })
    }

    pub(super) fn builder(&self, id: BuilderId) -> String {
        self.builders.get(&id).map_or_else(|| format!("builder {id}"), |b| b.name.clone())
    }

    pub(super) fn worker(&self, id: WorkerId) -> String {
        self.workers.get(&id).map_or_else(|| format!("worker {id}"), |w| w.name.clone())
    }
}

/// A property as text; empty when it is not there.
fn property(properties: &Properties, name: &str) -> String {
    properties.get(name).map_or_else(String::new, |p| said(&p.value))
}

/// A value as a reader wants it.
fn said(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => text.clone(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::List(_) | Value::Map(_) => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// The revision that was built, else the one asked for.
fn revision(properties: &Properties) -> String {
    ["got_revision", "revision"].iter().map(|n| property(properties, n)).find(|r| !r.is_empty()).unwrap_or_default()
}

fn past(build: &Build, worker: String) -> Past {
    Past {
        number: build.number,
        mark: Mark::of(build.status.results()),
        state: build.state.clone(),
        from: build.started_at,
        to: build.status.complete_at(),
        revision: model::change::short_revision(&revision(&build.properties)).to_owned(),
        branch: property(&build.properties, "branch"),
        worker,
    }
}

fn change_view(change: &Change) -> ChangeView {
    ChangeView {
        id: change.id.0,
        revision: change.facts.short_revision().unwrap_or_default().to_owned(),
        revlink: change.facts.revlink.clone(),
        author: change.facts.author_name().to_owned(),
        title: change.facts.title().to_owned(),
        at: change.received_at,
        files: change.facts.files.len(),
    }
}

/// Running builds as rows. `builds` has the numbers; one that is not among them has just begun and comes next time.
fn running(live: &[&LiveBuild], builds: &[Build], names: &Names) -> Vec<Running> {
    let by_id: HashMap<_, _> = builds.iter().map(|b| (b.id, b)).collect();
    live.iter()
        .filter_map(|l| {
            let build = by_id.get(&l.build)?;
            let revision = revision(&build.properties);
            let branch = property(&build.properties, "branch");
            let source = match (model::change::short_revision(&revision), branch.as_str()) {
                ("", "") => String::new(),
                ("", branch) => branch.to_owned(),
                (revision, "") => revision.to_owned(),
                (revision, branch) => format!("{branch} {revision}"),
            };
            Some(Running {
                builder: names.builder(l.builder),
                number: build.number,
                worker: names.worker(l.worker),
                since: l.started_at,
                step: l.step.as_ref().map(|(_, name, _)| name.clone()),
                ends: l.ends,
                away: l.worker_away,
                source,
            })
        })
        .collect()
}

/// The builds that run, as the store has them: they have the numbers.
async fn running_builds(web: &Web) -> Result<Vec<Build>, Trouble> {
    Ok(web.store.builds(&Query::default().eq("complete", false).limit(500)).await?.rows)
}

fn waiting(live: &Live, names: &Names, now: Time, only: Option<BuilderId>) -> Vec<Waiting> {
    live.waiting
        .iter()
        .filter(|w| only.is_none_or(|b| b == w.builder))
        .map(|w| Waiting {
            request: w.request.0,
            builder: names.builder(w.builder),
            since: w.submitted_at,
            why: w.why.sentence(now),
        })
        .collect()
}

fn feeds(live: &Live) -> Vec<Feed> {
    live.sources
        .iter()
        .map(|s| Feed { name: s.name.clone(), state: s.state.clone(), failing: s.failing, next_at: s.next_at })
        .collect()
}

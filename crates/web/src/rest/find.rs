//! From what a path names to the thing itself.

use super::reply::Failure;
use crate::Web;
use api::{BuildRef, BuilderRef, LogRef, StepRef, WorkerRef};
use model::{Build, BuildId, Builder, BuilderId, LogId, Query, Step, StepId, Worker, WorkerId};
use store::LogPlace;

pub(super) type Found<T> = Result<T, Failure>;

/// The thing, or what to say when there is none.
pub(super) fn there<T>(found: Option<T>, what: impl FnOnce() -> String) -> Found<T> {
    found.ok_or_else(|| Failure::NotFound(format!("there is no {}", what())))
}

pub(super) async fn builder(web: &Web, which: &BuilderRef) -> Found<Builder> {
    match which {
        BuilderRef::Id(id) => there(web.store.builder(BuilderId(*id)).await?, || format!("builder {id}")),
        BuilderRef::Name(name) => there(web.store.builder_by_name(name).await?, || format!("builder '{name}'")),
    }
}

pub(super) async fn worker(web: &Web, which: &WorkerRef) -> Found<Worker> {
    match which {
        WorkerRef::Id(id) => there(web.store.worker(WorkerId(*id)).await?, || format!("worker {id}")),
        WorkerRef::Name(name) => there(web.store.worker_by_name(name).await?, || format!("worker '{name}'")),
    }
}

pub(super) async fn build(web: &Web, which: &BuildRef) -> Found<Build> {
    match which {
        BuildRef::Id(id) => there(web.store.build(BuildId(*id)).await?, || format!("build {id}")),
        BuildRef::Number(of, number) => {
            let of = builder(web, of).await?;
            let found = web.store.build_by_number(of.id, *number).await?;
            there(found, || format!("build {number} of builder '{}'", of.name))
        }
    }
}

pub(super) async fn step(web: &Web, which: &StepRef) -> Found<Step> {
    match which {
        StepRef::Id(id) => there(web.store.step(StepId(*id)).await?, || format!("step {id}")),
        StepRef::Number(of, number) => {
            let of = build(web, of).await?;
            let query = Query::default().eq("buildid", of.id.0).eq("number", *number);
            let found = web.store.steps(&query).await?.rows.into_iter().next();
            there(found, || format!("step {number} in build {}", of.id))
        }
        StepRef::Name(of, name) => {
            let of = build(web, of).await?;
            let query = Query::default().eq("buildid", of.id.0).eq("name", name.as_str());
            let found = web.store.steps(&query).await?.rows.into_iter().next();
            there(found, || format!("step '{name}' in build {}", of.id))
        }
    }
}

pub(super) async fn log(web: &Web, which: &LogRef) -> Found<LogPlace> {
    match which {
        LogRef::Id(id) => there(web.store.log_place(LogId(*id)).await?, || format!("log {id}")),
        LogRef::Slug(of, slug) => {
            let step = step(web, of).await?;
            let found = web.store.logs_of_step(step.id).await?.into_iter().find(|l| l.slug == *slug);
            let log = there(found, || format!("log '{slug}' of step {}", step.id))?;
            Ok(LogPlace { log, build: step.build, step })
        }
    }
}

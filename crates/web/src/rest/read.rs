//! Questions: a path and a query string become documents.

use super::find::{self, Found, there};
use super::live;
use super::log::{self, Raw};
use super::reply::{self, Failure};
use super::worker::Staff;
use crate::Web;
use api::property::PropertyMap;
use api::{Answer, Ask, BuildRef, Document, Layout, Route, query};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use model::query::Operand;
use model::{BuildSetId, ChangeId, Filter, FilterOp, Page, Query, RequestId, SchedulerId, SourceStampId};
use std::sync::atomic::Ordering;

/// Where the interface lives.
pub const API: &str = "/api/v2";

/// A text, and whether it stands as long as nothing is committed.
enum Text {
    Kept(Vec<u8>),
    Fresh(Vec<u8>),
}

/// `GET /api/v2/…`
pub(super) async fn get(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    let layout = reply::layout(&headers);
    let version = web.version.load(Ordering::Acquire);
    let question = format!("{layout:?} {}", uri.path_and_query().map_or(uri.path(), |p| p.as_str()));
    if let Some(body) = web.rest.cache.get(version, &question) {
        return reply::json(body, layout);
    }
    let query = uri.query().unwrap_or_default();
    let route = match route(uri.path()) {
        Ok(route) => route,
        Err(e) => return e.respond(layout),
    };
    let raw = match &route {
        Route::Raw(which) => Some(log::raw(&web, which, query, Raw::Attachment).await),
        Route::RawInline(which) => Some(log::raw(&web, which, query, Raw::Inline).await),
        _ => None,
    };
    if let Some(raw) = raw {
        return raw.unwrap_or_else(|e| e.respond(layout));
    }
    match answer(&web, &route, query, layout).await {
        Ok(Text::Kept(text)) => {
            let body = Bytes::from(text);
            web.rest.cache.keep(version, question, body.clone());
            reply::json(body, layout)
        }
        Ok(Text::Fresh(text)) => reply::json(Bytes::from(text), layout),
        Err(e) => e.respond(layout),
    }
}

/// What a path means.
pub(super) fn route(path: &str) -> Found<Route> {
    let below = path.strip_prefix(API).map(|p| p.strip_prefix('/').unwrap_or(p));
    let route = below.and_then(api::route::segments).and_then(|segments| {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        api::route::parse(&segments)
    });
    route.ok_or_else(|| Failure::NotFound(format!("there is no path {path}; {API}/application.spec lists all")))
}

async fn answer(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Text> {
    match route {
        Route::Builds
        | Route::BuildsOfBuilder(_)
        | Route::BuildsOfRequest(_)
        | Route::BuildsOfWorker(_)
        | Route::BuildsOfChange(_)
        | Route::TriggeredBuilds(_)
        | Route::Build(_)
        | Route::BuildProperties(_)
        | Route::BuildPropertyList(_) => builds(web, route, query, layout).await.map(Text::Kept),
        Route::Steps(_) | Route::Step(_) => steps(web, route, query, layout).await.map(Text::Kept),
        Route::Logs(_) | Route::Log(_) | Route::Contents(_) | Route::Raw(_) | Route::RawInline(_) => {
            logs(web, route, query, layout).await.map(Text::Fresh)
        }
        Route::Requests | Route::RequestsOf(_) | Route::Request(_) => {
            requests(web, route, query, layout).await.map(Text::Kept)
        }
        Route::Sets | Route::Set(_) | Route::SetProperties(_) | Route::SetPropertyList(_) | Route::StampsOfSet(_) => {
            sets(web, route, query, layout).await.map(Text::Kept)
        }
        Route::Stamps | Route::Stamp(_) | Route::ChangesOfStamp(_) => {
            stamps(web, route, query, layout).await.map(Text::Kept)
        }
        Route::Changes | Route::Change(_) | Route::ChangesOfBuild(_) => {
            changes(web, route, query, layout).await.map(Text::Kept)
        }
        Route::Builders | Route::Builder(_) => builders(web, route, query, layout).await.map(Text::Kept),
        Route::BuildersOf(_) | Route::Workers | Route::WorkersOf(_) | Route::Worker(_) => {
            workers(web, route, query, layout).await.map(Text::Fresh)
        }
        Route::Schedulers
        | Route::Scheduler(_)
        | Route::ForceSchedulers
        | Route::ForceSchedulersOf(_)
        | Route::ForceScheduler(_) => schedulers(web, route, query, layout).await.map(Text::Fresh),
        Route::Root
        | Route::Spec
        | Route::Masters
        | Route::Master(_)
        | Route::ChangeSources
        | Route::ChangeSource(_) => master(web, route, query, layout).map(Text::Fresh),
        Route::Live => Ok(Text::Fresh(api::answer::text(&live::live(web).await?, layout)?)),
        Route::Why(id) => Ok(Text::Fresh(api::answer::text(&live::why(web, *id).await?, layout)?)),
    }
}

/// Rows of the store as an answer.
fn page<M, T: Document>(page: &Page<M>, of: impl Fn(&M) -> T, ask: &Ask, layout: Layout) -> Found<Vec<u8>> {
    let answer = Answer { rows: page.rows.iter().map(of).collect(), total: Some(page.total) };
    Ok(api::answer::write(&answer, &ask.fields, layout)?)
}

/// Documents at hand as an answer.
fn list<T: Document>(rows: Vec<T>, ask: &Ask, layout: Layout) -> Found<Vec<u8>> {
    Ok(api::answer::write(&api::select(rows, &ask.query), &ask.fields, layout)?)
}

/// One document as an answer.
fn one<T: Document>(row: T, ask: &Ask, layout: Layout) -> Found<Vec<u8>> {
    Ok(api::answer::write(&Answer { rows: vec![row], total: None }, &ask.fields, layout)?)
}

async fn builders(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    if let Route::Builder(which) = route {
        let ask = query::single::<api::Builder>(query)?;
        return one(api::Builder::of(&find::builder(web, which).await?), &ask, layout);
    }
    let ask = query::collection::<api::Builder>(query)?;
    page(&web.store.builders(&ask.query).await?, api::Builder::of, &ask, layout)
}

async fn builds(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    match route {
        Route::Build(which) => {
            let ask = query::single::<api::Build>(query)?;
            let build = find::build(web, which).await?;
            return one(api::Build::with_properties(&build, &ask.properties), &ask, layout);
        }
        Route::BuildProperties(which) => {
            let ask = query::single::<PropertyMap>(query)?;
            let build = find::build(web, which).await?;
            return one(PropertyMap(api::property::all(&build.properties)), &ask, layout);
        }
        Route::BuildPropertyList(which) => {
            let ask = query::collection::<api::PropertyRow>(query)?;
            let build = find::build(web, which).await?;
            return list(api::property::rows(&build.properties), &ask, layout);
        }
        _ => {}
    }
    let ask = query::collection::<api::Build>(query)?;
    let within = match route {
        Route::BuildsOfBuilder(which) => ask.query.clone().eq("builderid", find::builder(web, which).await?.id.0),
        // A build may answer several requests, and names one of them.
        Route::BuildsOfRequest(id) => {
            let found = web.store.builds_of_request(RequestId(*id)).await?;
            let rows = found.iter().map(|b| api::Build::with_properties(b, &ask.properties)).collect();
            return list(rows, &ask, layout);
        }
        Route::BuildsOfWorker(which) => ask.query.clone().eq("workerid", find::worker(web, which).await?.id.0),
        Route::BuildsOfChange(id) => {
            there(web.store.change(ChangeId(*id)).await?, || format!("change {id}"))?;
            let found = web.store.builds_of_change(ChangeId(*id)).await?;
            let rows = found.iter().map(|b| api::Build::with_properties(b, &ask.properties)).collect();
            return list(rows, &ask, layout);
        }
        Route::TriggeredBuilds(which) => {
            let parent = find::build(web, which).await?;
            let found = web.store.builds_triggered_by(parent.id).await?;
            let rows = found.iter().map(|b| api::Build::with_properties(b, &ask.properties)).collect();
            return list(rows, &ask, layout);
        }
        _ => ask.query.clone(),
    };
    if ask.properties.is_empty() {
        return page(&web.store.builds_bare(&within).await?, api::Build::of, &ask, layout);
    }
    let with = |b: &model::Build| api::Build::with_properties(b, &ask.properties);
    page(&web.store.builds(&within).await?, with, &ask, layout)
}

async fn steps(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    if let Route::Step(which) = route {
        let ask = query::single::<api::Step>(query)?;
        return one(api::Step::of(&find::step(web, which).await?), &ask, layout);
    }
    let Route::Steps(which) = route else { return Err(astray()) };
    let ask = query::collection::<api::Step>(query)?;
    let within = ask.query.clone().eq("buildid", build_id(web, which).await?);
    page(&web.store.steps(&within).await?, api::Step::of, &ask, layout)
}

async fn build_id(web: &Web, which: &BuildRef) -> Found<i64> {
    find::build(web, which).await.map(|b| b.id.0)
}

async fn logs(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    match route {
        Route::Log(which) => {
            let ask = query::single::<api::Log>(query)?;
            let place = find::log(web, which).await?;
            one(log::document(web, place.build, &place.log).await, &ask, layout)
        }
        Route::Logs(which) => {
            let ask = query::collection::<api::Log>(query)?;
            let step = find::step(web, which).await?;
            let mut rows = Vec::new();
            for log in web.store.logs_of_step(step.id).await? {
                rows.push(log::document(web, step.build, &log).await);
            }
            list(rows, &ask, layout)
        }
        Route::Contents(which) => Ok(api::answer::write(&log::contents(web, which, query).await?, &[], layout)?),
        _ => Err(astray()),
    }
}

async fn requests(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    let (ask, found, total) = match route {
        Route::Request(id) => {
            let ask = query::single::<api::BuildRequest>(query)?;
            let request = web.store.request(RequestId(*id)).await?;
            (ask, vec![there(request, || format!("build request {id}"))?], None)
        }
        _ => {
            let ask = query::collection::<api::BuildRequest>(query)?;
            let within = match route {
                Route::RequestsOf(which) => ask.query.clone().eq("builderid", find::builder(web, which).await?.id.0),
                _ => ask.query.clone(),
            };
            let page = web.store.requests(&within).await?;
            (ask, page.rows, Some(page.total))
        }
    };
    let mut rows: Vec<api::BuildRequest> = found.iter().map(api::BuildRequest::of).collect();
    if !ask.properties.is_empty() {
        let mut ids: Vec<i64> = found.iter().map(|r| r.set.0).collect();
        ids.sort_unstable();
        ids.dedup();
        let sets = web.store.sets(&any_of("bsid", &ids)).await?.rows;
        for (row, request) in rows.iter_mut().zip(&found) {
            if let Some(set) = sets.iter().find(|s| s.id == request.set) {
                *row = api::BuildRequest::with_properties(request, set, &ask.properties);
            }
        }
    }
    Ok(api::answer::write(&Answer { rows, total }, &ask.fields, layout)?)
}

/// Rows whose `field` is one of `ids`.
fn any_of(field: &str, ids: &[i64]) -> Query {
    let values = ids.iter().copied().map(Operand::Int).collect();
    Query { filters: vec![Filter { field: field.to_owned(), op: FilterOp::Eq, values }], ..Query::default() }
}

async fn sets(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    let set = async |id: &i64| there(web.store.set(BuildSetId(*id)).await?, || format!("build set {id}"));
    match route {
        Route::Set(id) => {
            let ask = query::single::<api::BuildSet>(query)?;
            one(api::BuildSet::of(&set(id).await?), &ask, layout)
        }
        Route::SetProperties(id) => {
            let ask = query::single::<PropertyMap>(query)?;
            one(PropertyMap(api::property::all(&set(id).await?.properties)), &ask, layout)
        }
        Route::SetPropertyList(id) => {
            let ask = query::collection::<api::PropertyRow>(query)?;
            list(api::property::rows(&set(id).await?.properties), &ask, layout)
        }
        Route::StampsOfSet(id) => {
            let ask = query::collection::<api::SourceStamp>(query)?;
            list(set(id).await?.stamps.iter().map(api::SourceStamp::of).collect(), &ask, layout)
        }
        _ => {
            let ask = query::collection::<api::BuildSet>(query)?;
            page(&web.store.sets(&ask.query).await?, api::BuildSet::of, &ask, layout)
        }
    }
}

async fn stamps(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    let stamp = async |id: &i64| there(web.store.stamp(SourceStampId(*id)).await?, || format!("source stamp {id}"));
    match route {
        Route::Stamp(id) => {
            let ask = query::single::<api::SourceStamp>(query)?;
            one(api::SourceStamp::of(&stamp(id).await?), &ask, layout)
        }
        Route::ChangesOfStamp(id) => {
            let ask = query::collection::<api::Change>(query)?;
            let ids: Vec<i64> = stamp(id).await?.changes.iter().map(|c| c.0).collect();
            let found = match ids.as_slice() {
                [] => Vec::new(),
                ids => web.store.changes(&any_of("changeid", ids)).await?.rows,
            };
            list(found.iter().map(api::Change::of).collect(), &ask, layout)
        }
        _ => {
            let ask = query::collection::<api::SourceStamp>(query)?;
            page(&web.store.stamps(&ask.query).await?, api::SourceStamp::of, &ask, layout)
        }
    }
}

async fn changes(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    match route {
        Route::Change(id) => {
            let ask = query::single::<api::Change>(query)?;
            let change = there(web.store.change(ChangeId(*id)).await?, || format!("change {id}"))?;
            one(api::Change::of(&change), &ask, layout)
        }
        Route::ChangesOfBuild(which) => {
            let ask = query::collection::<api::Change>(query)?;
            let build = find::build(web, which).await?;
            let found = web.store.changes_of_build(build.id).await?;
            list(found.iter().map(api::Change::of).collect(), &ask, layout)
        }
        _ => {
            let ask = query::collection::<api::Change>(query)?;
            page(&web.store.changes(&ask.query).await?, api::Change::of, &ask, layout)
        }
    }
}

async fn workers(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    let staff = Staff::of(web).await?;
    match route {
        Route::BuildersOf(which) => {
            let ask = query::collection::<api::Builder>(query)?;
            list(staff.builders(&find::worker(web, which).await?), &ask, layout)
        }
        Route::Worker(which) => {
            let ask = query::single::<api::Worker>(query)?;
            one(staff.document(&find::worker(web, which).await?), &ask, layout)
        }
        Route::WorkersOf(which) => {
            let ask = query::collection::<api::Worker>(query)?;
            let builder = find::builder(web, which).await?;
            let all = web.store.workers(&Query::default()).await?.rows;
            let rows = all.iter().filter(|w| staff.has(w, builder.id)).map(|w| staff.document(w)).collect();
            list(rows, &ask, layout)
        }
        _ => {
            let ask = query::collection::<api::Worker>(query)?;
            page(&web.store.workers(&ask.query).await?, |w| staff.document(w), &ask, layout)
        }
    }
}

async fn schedulers(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    let here = api::Master::here(web.control.now());
    match route {
        Route::Scheduler(id) => {
            let ask = query::single::<api::Scheduler>(query)?;
            let found = web.store.scheduler(SchedulerId(*id)).await?;
            one(api::Scheduler::of(&there(found, || format!("scheduler {id}"))?, &here), &ask, layout)
        }
        Route::ForceScheduler(name) => {
            let ask = query::single::<api::ForceScheduler>(query)?;
            let found = force_schedulers(web).await?.into_iter().find(|s| s.name == *name);
            one(there(found, || format!("force scheduler '{name}'"))?, &ask, layout)
        }
        Route::ForceSchedulers | Route::ForceSchedulersOf(_) => {
            let ask = query::collection::<api::ForceScheduler>(query)?;
            let mut rows = force_schedulers(web).await?;
            if let Route::ForceSchedulersOf(which) = route {
                let builder = find::builder(web, which).await?;
                rows.retain(|s| s.builder_names.contains(&builder.name));
            }
            list(rows, &ask, layout)
        }
        _ => {
            let ask = query::collection::<api::Scheduler>(query)?;
            page(&web.store.schedulers(&ask.query).await?, |s| api::Scheduler::of(s, &here), &ask, layout)
        }
    }
}

/// The force schedulers of the configuration.
pub(super) async fn force_schedulers(web: &Web) -> Found<Vec<api::ForceScheduler>> {
    let known = web.store.schedulers(&Query::default()).await?.rows;
    let enabled = |name: &str| known.iter().find(|s| s.name == name).is_none_or(|s| s.state.enabled);
    let config = web.control.config();
    Ok(config.schedulers.iter().filter_map(|s| api::ForceScheduler::of(s, enabled(&s.name))).collect())
}

fn master(web: &Web, route: &Route, query: &str, layout: Layout) -> Found<Vec<u8>> {
    let here = api::Master::here(web.control.now());
    let sources = || -> Vec<api::ChangeSource> {
        let config = web.control.config();
        let numbered = (1_i64..).zip(&config.sources);
        let of = |(id, s): (i64, &model::ChangeSourceSpec)| api::ChangeSource {
            changesourceid: id,
            name: s.name().to_owned(),
            master: Some(here.clone()),
        };
        numbered.map(of).collect()
    };
    match route {
        Route::Spec => Ok(api::answer::text(&api::spec::document(), layout)?),
        Route::Root => Ok(api::answer::text(&api::spec::root(), layout)?),
        Route::Masters => list(vec![here], &query::collection::<api::Master>(query)?, layout),
        Route::Master(id) => {
            let ask = query::single::<api::Master>(query)?;
            let found = (*id == here.masterid).then_some(here);
            one(there(found, || format!("master {id}"))?, &ask, layout)
        }
        Route::ChangeSources => list(sources(), &query::collection::<api::ChangeSource>(query)?, layout),
        Route::ChangeSource(id) => {
            let ask = query::single::<api::ChangeSource>(query)?;
            let found = sources().into_iter().find(|s| s.changesourceid == *id);
            one(there(found, || format!("change source {id}"))?, &ask, layout)
        }
        _ => Err(astray()),
    }
}

/// A route that came to the wrong hand.
fn astray() -> Failure {
    Failure::Broken("nobody answers this path".to_owned())
}

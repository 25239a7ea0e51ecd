//! Runs of tests: `GET` below `/api/v2/testruns`, and `/api/v2/testhistory`.

use super::find::{Found, there};
use super::reply::{self, Failure};
use crate::Web;
use crate::verdict;
use api::{Answer, Document, TestDiff, TestItem, TestPast, TestRun, query};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use model::{Span, TestRunId};

/// So much of a history is answered, and so much where nobody says how much.
const HISTORY: (u64, u64) = (1000, 50);

/// `GET /api/v2/testruns`
pub(super) async fn list(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    let found = async {
        let ask = query::collection::<TestRun>(uri.query().unwrap_or_default())?;
        let page = web.store.test_runs(&ask.query).await?;
        written(page.rows.iter().map(TestRun::of).collect(), Some(page.total), &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/testruns/ID`
pub(super) async fn one(State(web): State<Web>, Path(id): Path<i64>, uri: Uri, headers: HeaderMap) -> Response {
    let found = async {
        let ask = query::single::<TestRun>(uri.query().unwrap_or_default())?;
        let run = run(&web, id).await?;
        written(vec![TestRun::of(&run)], None, &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/testruns/ID/items`
pub(super) async fn items(State(web): State<Web>, Path(id): Path<i64>, uri: Uri, headers: HeaderMap) -> Response {
    let found = async {
        let mut ask = query::collection::<TestItem>(uri.query().unwrap_or_default())?;
        run(&web, id).await?;
        ask.query = ask.query.eq("testrunid", id);
        let page = web.store.test_items(&ask.query).await?;
        written(page.rows.iter().map(TestItem::of).collect(), Some(page.total), &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/testruns/ID/diff/ID2`
pub(super) async fn diff(
    State(web): State<Web>,
    Path((src, dest)): Path<(i64, i64)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let ask = query::single::<TestDiff>(uri.query().unwrap_or_default())?;
        run(&web, src).await?;
        let after = run(&web, dest).await?;
        let lines = verdict::diff(&web.store, TestRunId(src), &after).await?;
        let rows: Vec<TestDiff> = lines.into_iter().map(|line| line.document()).collect();
        let total = Some(rows.len() as u64);
        written(rows, total, &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// What is asked of a history.
#[derive(Default)]
struct Wish {
    area: String,
    target: Option<String>,
    test: String,
    path: String,
    limit: Option<u64>,
}

impl Wish {
    fn read(raw: &str) -> Found<Self> {
        let mut wish = Wish::default();
        for (name, value) in query::parts(raw)? {
            match name.as_str() {
                "area" => wish.area = value,
                "target" => wish.target = Some(value),
                "test" => wish.test = value,
                "path" => wish.path = value,
                "limit" => {
                    let wrong = || Failure::Bad(format!("limit: '{value}' is no number"));
                    wish.limit = Some(value.parse().map_err(|_| wrong())?);
                }
                _ => return Err(api::QueryError::Unknown(name).into()),
            }
        }
        if wish.area.is_empty() || wish.test.is_empty() {
            return Err(Failure::Bad("area and test must be there: /api/v2/testhistory?area=A&test=T".to_owned()));
        }
        Ok(wish)
    }
}

/// `GET /api/v2/testhistory?area=A&target=T&test=X&path=P`
pub(super) async fn history(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    let found = async {
        let wish = Wish::read(uri.query().unwrap_or_default())?;
        let (most, usual) = HISTORY;
        let limit = wish.limit.unwrap_or(usual).min(most);
        let item = (wish.test.as_str(), wish.path.as_str());
        let past = web.store.test_history(&wish.area, wish.target.as_deref(), item, limit).await?;
        let rows: Vec<TestPast> = past.iter().map(document).collect();
        let total = Some(rows.len() as u64);
        written(rows, total, &[], &headers)
    };
    respond(&headers, found.await)
}

fn document(past: &store::TestPast) -> TestPast {
    TestPast {
        testrunid: past.cell.run.0,
        target: past.target.clone(),
        name: past.name.clone(),
        run_started_at: past.run_started_at.as_seconds(),
        test: past.cell.test.clone(),
        path: past.cell.path.clone(),
        phase: past.cell.phase.word().to_owned(),
        status: past.cell.status.clone(),
        class: past.cell.class.word().to_owned(),
        flaky: past.cell.flaky,
        quarantined: past.cell.quarantined,
        duration: past.cell.duration.map(Span::as_secs_f64),
    }
}

async fn run(web: &Web, id: i64) -> Found<model::TestRun> {
    there(web.store.test_run(TestRunId(id)).await?, || format!("run of tests {id}"))
}

fn written<T: Document>(rows: Vec<T>, total: Option<u64>, fields: &[String], headers: &HeaderMap) -> Found<Vec<u8>> {
    Ok(api::answer::write(&Answer { rows, total }, fields, reply::layout(headers))?)
}

fn respond(headers: &HeaderMap, found: Found<Vec<u8>>) -> Response {
    let layout = reply::layout(headers);
    match found {
        Ok(text) => reply::json(Bytes::from(text), layout),
        Err(failure) => failure.respond(layout),
    }
}

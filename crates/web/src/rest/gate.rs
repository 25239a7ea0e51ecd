//! Gates: `GET` and `POST` below `/api/v2/gates`.
//!
//! What a gate is at this moment comes from the master; what it was and decided comes from the store. Acts are JSON-RPC
//! calls as everywhere: `land` and `resume` of a gate, `approve`, `withdraw` and `prioritise` of a candidate.

use super::act::{self, Trouble, Who};
use super::find::{Found, there};
use super::reply::{self, Failure};
use crate::Web;
use crate::control::{ControlError, GateAct, Land};
use api::{Answer, Call, Document, Gate, GateCandidate, GateDecision, GateTrial, Layout, RpcError, limit, query};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use model::{GateView, Query};
use serde_json::Value;

/// So many candidates may be named as needed.
const NEEDS: usize = 100;

/// `GET /api/v2/gates`
pub(super) async fn list(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    respond(&headers, all(&web, &uri, reply::layout(&headers)).await)
}

/// `GET /api/v2/gates/NAME`
pub(super) async fn one(State(web): State<Web>, Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    respond(&headers, single(&web, &name, &uri, reply::layout(&headers)).await)
}

/// `GET /api/v2/gates/NAME/candidates`
pub(super) async fn candidates(
    State(web): State<Web>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let ask = asked::<GateCandidate>(&web, &name, &uri).await?;
        let page = web.store.gate_candidates(&ask.query).await?;
        written(page.rows.iter().map(GateCandidate::of).collect(), Some(page.total), &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/gates/NAME/candidates/ID`
pub(super) async fn candidate(
    State(web): State<Web>,
    Path((name, id)): Path<(String, i64)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let ask = query::single::<GateCandidate>(uri.query().unwrap_or_default())?;
        let query = Query::default().eq("gate", name.as_str()).eq("candidateid", id);
        let row = web.store.gate_candidates(&query).await?.rows.pop();
        let row = there(row, || format!("candidate {id} of gate '{name}'"))?;
        written(vec![GateCandidate::of(&row)], None, &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/gates/NAME/trials`
pub(super) async fn trials(State(web): State<Web>, Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let found = async {
        let ask = asked::<GateTrial>(&web, &name, &uri).await?;
        let page = web.store.gate_trials(&ask.query).await?;
        written(page.rows.iter().map(GateTrial::of).collect(), Some(page.total), &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/gates/NAME/trials/ID`
pub(super) async fn trial(
    State(web): State<Web>,
    Path((name, id)): Path<(String, i64)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let ask = query::single::<GateTrial>(uri.query().unwrap_or_default())?;
        let query = Query::default().eq("gate", name.as_str()).eq("trialid", id);
        let row = web.store.gate_trials(&query).await?.rows.pop();
        let row = there(row, || format!("trial {id} of gate '{name}'"))?;
        written(vec![GateTrial::of(&row)], None, &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `GET /api/v2/gates/NAME/decisions`
pub(super) async fn decisions(
    State(web): State<Web>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let ask = asked::<GateDecision>(&web, &name, &uri).await?;
        let page = web.store.gate_decisions(&ask.query).await?;
        written(page.rows.iter().map(GateDecision::of).collect(), Some(page.total), &ask.fields, &headers)
    };
    respond(&headers, found.await)
}

/// `POST /api/v2/gates/NAME`
pub(super) async fn post(
    State(web): State<Web>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let mut id = Value::Null;
    let result = of_gate(&web, name, &headers, body, &mut id).await;
    act::answer(&uri, id, result)
}

/// `POST /api/v2/gates/NAME/candidates/ID`
pub(super) async fn post_candidate(
    State(web): State<Web>,
    Path((name, candidate)): Path<(String, i64)>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let mut id = Value::Null;
    let result = of_candidate(&web, name, candidate, &headers, body, &mut id).await;
    act::answer(&uri, id, result)
}

async fn of_gate(
    web: &Web,
    gate: String,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    id: &mut Value,
) -> Result<Value, Trouble> {
    let (call, who) = caller(web, headers, body, id)?;
    match call.method.as_str() {
        "land" => {
            let land = land(gate, &call, who)?;
            let candidate = web.control.land(land).await?;
            Ok(serde_json::to_value(GateCandidate::of(&candidate)).unwrap_or_default())
        }
        "resume" => Ok(Value::from(web.control.gate_act(gate, GateAct::Resume, who.name).await?)),
        method => Err(no_method(method)),
    }
}

async fn of_candidate(
    web: &Web,
    gate: String,
    candidate: i64,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    id: &mut Value,
) -> Result<Value, Trouble> {
    let (call, who) = caller(web, headers, body, id)?;
    let act = match call.method.as_str() {
        "approve" => GateAct::Approve(candidate),
        "withdraw" => GateAct::Withdraw(candidate),
        "prioritise" => GateAct::Prioritise(candidate, priority(&call)?.unwrap_or_default()),
        method => return Err(no_method(method)),
    };
    Ok(Value::from(web.control.gate_act(gate, act, who.name).await?))
}

fn caller(
    web: &Web,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    id: &mut Value,
) -> Result<(Call, Who), Trouble> {
    let user = web.auth.may_act(headers, &web.control.public_url()).map_err(Failure::Denied)?;
    let call = act::call(headers, body, id)?;
    let who = Who::of(user, &call)?;
    Ok((call, who))
}

/// The parameters of a land: `commit`, `reference`, `priority`, `needs`; `owner` says who, for whoever has the token.
fn land(gate: String, call: &Call, who: Who) -> Result<Land, Trouble> {
    const KNOWN: [&str; 6] = ["commit", "reference", "priority", "needs", "owner", "username"];
    let wrong = |name: &str, what: &str| Trouble::fields(&[(name.to_owned(), what.to_owned())]);
    if let Some(name) = call.params.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(wrong(name, "is no part of a wish to land"));
    }
    let commit = call.text("commit")?;
    let is_hash = |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if commit.as_deref().is_some_and(|text| !is_hash(text)) {
        return Err(wrong("commit", "must be a full commit name: 40 or 64 hexadecimal digits"));
    }
    let reference = call.text("reference")?;
    if let Some(Err(what)) = reference.as_deref().map(limit::handed_on) {
        return Err(wrong("reference", &what));
    }
    if commit.is_none() && reference.is_none() {
        return Err(wrong("commit", "is missing, and so is reference; one of them must be there"));
    }
    let needs: Option<Vec<i64>> = match call.params.get("needs") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(list)) if list.len() <= NEEDS => list.iter().map(Value::as_i64).collect(),
        Some(_) => None,
    };
    let needs = needs.ok_or_else(|| wrong("needs", "must be a list of at most 100 numbers of candidates"))?;
    let priority = priority(call)?.unwrap_or_default();
    let commit = commit.map(|text| text.to_ascii_lowercase());
    Ok(Land { gate, commit, reference, owner: who.name, priority, needs })
}

fn priority(call: &Call) -> Result<Option<i64>, Trouble> {
    let wrong = |what: &str| Trouble::fields(&[("priority".to_owned(), what.to_owned())]);
    match call.params.get("priority") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let asked = value.as_i64().ok_or_else(|| wrong("must be a whole number"))?;
            limit::priority(asked).map(Some).map_err(|what| wrong(&what))
        }
    }
}

fn no_method(method: &str) -> Trouble {
    let text = format!("there is no method '{method}' at this path");
    Trouble::new(StatusCode::NOT_IMPLEMENTED, RpcError::METHOD_NOT_FOUND, text)
}

async fn all(web: &Web, uri: &Uri, layout: Layout) -> Found<Vec<u8>> {
    let ask = query::single::<Gate>(uri.query().unwrap_or_default())?;
    let rows: Vec<Gate> = gates(web).await?.iter().map(Gate::of).collect();
    let total = Some(rows.len() as u64);
    Ok(api::answer::write(&Answer { rows, total }, &ask.fields, layout)?)
}

async fn single(web: &Web, name: &str, uri: &Uri, layout: Layout) -> Found<Vec<u8>> {
    let ask = query::single::<Gate>(uri.query().unwrap_or_default())?;
    let gate = gates(web).await?.into_iter().find(|gate| gate.spec.name == name);
    let gate = there(gate, || format!("gate '{name}'"))?;
    Ok(api::answer::write(&Answer { rows: vec![Gate::of(&gate)], total: None }, &ask.fields, layout)?)
}

async fn gates(web: &Web) -> Found<Vec<GateView>> {
    web.control.gates().await.map_err(|e| match e {
        ControlError::Unknown(text) => Failure::NotFound(text),
        other => Failure::Unavailable(other.to_string()),
    })
}

/// What is asked of a gate's past: of one that is or was.
async fn asked<T: Document>(web: &Web, name: &str, uri: &Uri) -> Found<query::Ask> {
    let mut ask = query::collection::<T>(uri.query().unwrap_or_default())?;
    if !web.control.config().gates.iter().any(|gate| gate.name == name) {
        there(web.store.gate(name).await?, || format!("gate '{name}'"))?;
    }
    ask.query = ask.query.eq("gate", name);
    Ok(ask)
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

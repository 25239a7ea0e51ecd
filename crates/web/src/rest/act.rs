//! Acts: `POST` of a JSON-RPC call to the thing that is meant.

use super::find::{self, there};
use super::read;
use super::reply::{self, Failure};
use crate::Web;
use crate::control::{ControlError, Enabled, Force, Forced};
use api::{AddChange, Call, ForceParams, Reply, Route, RpcError, limit};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use model::{BuildSetId, BuilderId, RequestId, SchedulerId};
use serde_json::Value;

/// Why an act was not done.
pub(super) struct Trouble {
    status: StatusCode,
    error: RpcError,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, code: i64, text: impl Into<String>) -> Self {
        Self { status, error: RpcError::new(code, text) }
    }

    pub(super) fn fields(wrong: &[(String, String)]) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: RpcError::fields(wrong) }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let code = match failure.status() {
            StatusCode::BAD_REQUEST => RpcError::INVALID_PARAMS,
            status if status.is_server_error() => RpcError::INTERNAL,
            _ => RpcError::INVALID_REQUEST,
        };
        Self::new(failure.status(), code, failure.text())
    }
}

impl From<store::StoreError> for Trouble {
    fn from(e: store::StoreError) -> Self {
        Failure::from(e).into()
    }
}

impl From<RpcError> for Trouble {
    fn from(error: RpcError) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error }
    }
}

impl From<ControlError> for Trouble {
    fn from(e: ControlError) -> Self {
        match e {
            ControlError::Unknown(text) => Self::new(StatusCode::NOT_FOUND, RpcError::INVALID_REQUEST, text),
            ControlError::Refused(text) => Self::new(StatusCode::CONFLICT, RpcError::INVALID_PARAMS, text),
            ControlError::Fields(wrong) => Self::fields(&wrong),
            ControlError::Unavailable(text) => Self::new(StatusCode::SERVICE_UNAVAILABLE, RpcError::INTERNAL, text),
        }
    }
}

/// `POST /api/v2/…`
pub(super) async fn post(
    State(web): State<Web>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let mut id = Value::Null;
    let result = handle(&web, &uri, &headers, body, &mut id).await;
    answer(&uri, id, result)
}

/// The answer to the call with this id.
pub(super) fn answer(uri: &Uri, id: Value, result: Result<Value, Trouble>) -> Response {
    let (status, answer) = match result {
        Ok(result) => (StatusCode::OK, Reply::result(id, result)),
        Err(Trouble { status, error }) => {
            if status.is_server_error() {
                tracing::error!("an act at {} was not done: {}", uri.path(), error.text());
            }
            (status, Reply::error(id, error))
        }
    };
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    let mut response = reply::json(Bytes::from(text), api::Layout::Compact);
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}

async fn handle(
    web: &Web,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    id: &mut Value,
) -> Result<Value, Trouble> {
    let user = web.auth.may_act(headers, &web.control.public_url()).map_err(Failure::Denied)?;
    let call = call(headers, body, id)?;
    let route = read::route(uri.path())?;
    let who = Who::of(user, &call)?;
    act(web, &route, &call, &who).await
}

/// The call in a body; `id` becomes that of the call as soon as it is known.
pub(super) fn call(headers: &HeaderMap, body: Result<Bytes, BytesRejection>, id: &mut Value) -> Result<Call, Trouble> {
    // Forms of other sites can send text and form types, but not this one.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let text = "the content type must be application/json";
        return Err(Trouble::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, RpcError::INVALID_REQUEST, text));
    }
    let body = body.map_err(|e| Trouble::new(e.status(), RpcError::INVALID_REQUEST, e.body_text()))?;
    let call = api::rpc::parse(&body)?;
    id.clone_from(&call.id);
    Ok(call)
}

/// For whom an act is done.
pub(super) struct Who {
    pub(super) name: String,
}

impl Who {
    /// A login speaks for itself; whoever has the token, or needs none, may say who they are.
    pub(super) fn of(user: Option<super::auth::User>, call: &Call) -> Result<Self, RpcError> {
        use super::auth::Proof;
        let said = match call.short_text("owner", limit::NAME)? {
            Some(owner) => Some(owner),
            None => call.short_text("username", limit::NAME)?,
        };
        let name = match user {
            Some(user) if user.proof == Proof::Session => user.name,
            Some(user) => said.unwrap_or(user.name),
            None => said.unwrap_or_else(|| "anonymous".to_owned()),
        };
        Ok(Self { name })
    }

    fn reason(&self, call: &Call, verb: &str) -> Result<String, RpcError> {
        Ok(call.short_text("reason", limit::REASON)?.unwrap_or_else(|| format!("{verb} by {}", self.name)))
    }
}

async fn act(web: &Web, route: &Route, call: &Call, who: &Who) -> Result<Value, Trouble> {
    let control = &web.control;
    let done = |()| Value::Null;
    match (route, call.method.as_str()) {
        (Route::ForceSchedulers, "force") => force(web, None, call, who).await,
        (Route::ForceScheduler(name), "force") => force(web, Some(name.clone()), call, who).await,
        (Route::Build(which), "stop") => {
            let build = find::build(web, which).await?;
            Ok(control.stop_build(build.id, who.reason(call, "stopped")?).await.map(done)?)
        }
        (Route::Build(which), "rebuild") => {
            let build = find::build(web, which).await?;
            Ok(forced(&control.rebuild(build.id, who.reason(call, "rebuilt")?).await?))
        }
        (Route::Request(id), "cancel") => {
            let id = RequestId(*id);
            there(web.store.request(id).await?, || format!("build request {id}"))?;
            Ok(control.cancel_request(id, who.reason(call, "cancelled")?).await.map(done)?)
        }
        (Route::Set(id), "cancel") => {
            let id = BuildSetId(*id);
            there(web.store.set(id).await?, || format!("build set {id}"))?;
            Ok(control.cancel_set(id, who.reason(call, "cancelled")?).await.map(done)?)
        }
        (Route::Worker(which), "pause") => {
            let worker = find::worker(web, which).await?;
            Ok(control.pause_worker(worker.id, Some(who.reason(call, "paused")?)).await.map(done)?)
        }
        (Route::Worker(which), "unpause") => {
            let worker = find::worker(web, which).await?;
            Ok(control.pause_worker(worker.id, None).await.map(done)?)
        }
        (Route::Scheduler(id), "enable") => {
            let id = SchedulerId(*id);
            there(web.store.scheduler(id).await?, || format!("scheduler {id}"))?;
            let enabled = if call.truth("enabled")? { Enabled::Yes } else { Enabled::No };
            Ok(control.enable_scheduler(id, enabled).await.map(done)?)
        }
        (Route::Changes, "add") => {
            let change = call.form::<AddChange>()?.into_change(control.now());
            let change = change.map_err(|wrong| Trouble::fields(&wrong))?;
            Ok(control.add_change(change).await?.map_or(Value::Null, |id| Value::from(id.0)))
        }
        (Route::Master(api::master::MASTER), "reload") => Ok(Value::from(control.reload().await?)),
        (_, method) => {
            let text = format!("there is no method '{method}' at this path");
            Err(Trouble::new(StatusCode::NOT_IMPLEMENTED, RpcError::METHOD_NOT_FOUND, text))
        }
    }
}

pub(super) fn forced(forced: &Forced) -> Value {
    serde_json::to_value(api::Forced::of(forced.set, &forced.requests)).unwrap_or_default()
}

async fn force(web: &Web, scheduler: Option<String>, call: &Call, who: &Who) -> Result<Value, Trouble> {
    let params = ForceParams::parse(&call.params).map_err(|wrong| Trouble::fields(&wrong))?;
    let mut builders: Vec<BuilderId> = Vec::new();
    let mut wrong = Vec::new();
    for id in &params.builder_ids {
        match web.store.builder(*id).await? {
            Some(builder) => builders.push(builder.id),
            None => wrong.push(("builderid".to_owned(), format!("there is no builder {id}"))),
        }
    }
    for name in &params.builder_names {
        match web.store.builder_by_name(name).await? {
            Some(builder) => builders.push(builder.id),
            None => wrong.push(("builderNames".to_owned(), format!("there is no builder '{name}'"))),
        }
    }
    if !wrong.is_empty() {
        return Err(Trouble::fields(&wrong));
    }
    let mut seen = std::collections::BTreeSet::new();
    builders.retain(|id| seen.insert(*id));
    let force = Force {
        scheduler,
        builders,
        owner: who.name.clone(),
        reason: params.reason,
        branch: params.branch,
        revision: params.revision,
        repository: params.repository,
        project: params.project,
        priority: params.priority,
        fields: params.fields,
        properties: params.properties,
    };
    Ok(forced(&web.control.force(force).await?))
}

//! Attempts of test runs that workers carry out, below `/api/v2/sluice/attempts`.
//!
//! Whoever runs the tests puts what an attempt needs here, under a key of its own, and files a try whose builds have the
//! key as a property. The worker fetches it, and leaves what came of it under the same key. Who may: whoever may try.

use super::act::{self, Trouble};
use super::guess::Origin;
use super::tried;
use crate::Web;
use api::RpcError;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use model::{BuildSet, Query, StepAction, TransferSpec};
use serde_json::{Value, json};
use std::fmt::Display;
use std::io;
use std::path::{self, PathBuf};
use std::time::Duration;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

/// The file with what an attempt needs, in the directory of its key.
pub const ORDER: &str = "order.tar";

/// The file with what came of it.
pub const CAME: &str = "came.tar";

/// Bytes of an [`ORDER`].
pub const MOST_ORDER: u64 = 256 << 20;

/// How long whoever sends may take between two pieces.
const SILENCE: Duration = Duration::from_secs(60);

/// `GET /api/v2/sluice/attempts`: the builders that carry attempts out, with the try schedulers by which they are asked.
pub(super) async fn list(State(web): State<Web>) -> Response {
    let config = web.control.config();
    let most = |steps: &[model::StepSpec]| {
        steps.iter().find_map(|step| match &step.action {
            StepAction::Transfer(TransferSpec::Attempt { max_size, .. }) => Some(*max_size),
            _ => None,
        })
    };
    let all: Vec<Value> = config
        .builders
        .iter()
        .filter_map(|builder| {
            let most = most(&builder.steps)?;
            let asked = tried::tries(&config).filter(|s| s.builders.contains(&builder.name));
            let schedulers: Vec<&str> = asked.map(|s| s.name.as_str()).collect();
            Some(json!({ "name": builder.name, "schedulers": schedulers, "max_came": most }))
        })
        .collect();
    axum::Json(json!({ "builders": all, "max_order": MOST_ORDER })).into_response()
}

/// `PUT /api/v2/sluice/attempts/KEY`: what it needs, a tar stream.
pub(super) async fn take(
    State(web): State<Web>,
    uri: Uri,
    from: Origin,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let taken = async {
        let dir = allowed(&web, &key, (&headers, from))?;
        written(&dir, body).await.map(|bytes| json!({ "bytes": bytes }))
    };
    act::answer(&uri, Value::Null, taken.await)
}

async fn written(dir: &path::Path, body: Body) -> Result<u64, Trouble> {
    let failed = |e: io::Error| {
        let text = format!("{} cannot be written: {e}", dir.display());
        Trouble::new(StatusCode::INSUFFICIENT_STORAGE, RpcError::INTERNAL, text)
    };
    fs::create_dir_all(dir).await.map_err(failed)?;
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).map_err(|e| failed(io::Error::other(e)))?;
    let part = dir.join(format!(".{:016x}.part", u64::from_ne_bytes(bits)));
    let kept = async {
        let bytes = copied(&part, body).await?;
        fs::rename(&part, dir.join(ORDER)).await.map_err(failed)?;
        Ok(bytes)
    };
    let kept = kept.await;
    if kept.is_err() {
        // What is left is swept away with its directory.
        let _ = fs::remove_file(&part).await;
    }
    kept
}

async fn copied(part: &path::Path, body: Body) -> Result<u64, Trouble> {
    let failed = |e: io::Error| {
        let text = format!("{} cannot be written: {e}", part.display());
        Trouble::new(StatusCode::INSUFFICIENT_STORAGE, RpcError::INTERNAL, text)
    };
    let cut = |e: &dyn Display| {
        let text = format!("what the attempt needs was cut off: {e}");
        Trouble::new(StatusCode::REQUEST_TIMEOUT, RpcError::INVALID_REQUEST, text)
    };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).await.map_err(failed)?;
    let mut body = body.into_data_stream();
    let mut bytes = 0;
    loop {
        let piece = match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(None) => break,
            Ok(Some(piece)) => piece.map_err(|e| cut(&e))?,
            Err(e) => return Err(cut(&e)),
        };
        bytes += piece.len() as u64;
        if bytes > MOST_ORDER {
            let text = format!("an attempt may need {MOST_ORDER} bytes, and these are more");
            return Err(Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, RpcError::INVALID_PARAMS, text));
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.sync_all().await.map_err(failed)?;
    Ok(bytes)
}

/// `GET /api/v2/sluice/attempts/KEY/came`: what came of it, a tar stream.
pub(super) async fn give(
    State(web): State<Web>,
    uri: Uri,
    from: Origin,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let opened = async {
        let path = allowed(&web, &key, (&headers, from))?.join(CAME);
        match fs::File::open(&path).await {
            Ok(file) => Ok(file),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(nothing(&key)),
            Err(e) => {
                let text = format!("{} cannot be read: {e}", path.display());
                Err(Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, RpcError::INTERNAL, text))
            }
        }
    };
    let file = match opened.await {
        Ok(file) => file,
        Err(trouble) => return act::answer(&uri, Value::Null, Err(trouble)),
    };
    let length = file.metadata().await.map(|facts| facts.len());
    let body = Body::from_stream(ReaderStream::with_capacity(file, 256 << 10));
    let mut response = ([(header::CONTENT_TYPE, "application/x-tar")], body).into_response();
    if let Ok(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

/// `POST /api/v2/sluice/attempts/KEY`: the call `stop` ends its build, or takes it out of the queue.
pub(super) async fn post(
    State(web): State<Web>,
    uri: Uri,
    from: Origin,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let mut id = Value::Null;
    let stopped = async {
        allowed(&web, &key, (&headers, from))?;
        let call = act::call(&headers, body, &mut id)?;
        if call.method != "stop" {
            let text = format!("there is no method '{}' at this path", call.method);
            return Err(Trouble::new(StatusCode::NOT_IMPLEMENTED, RpcError::METHOD_NOT_FOUND, text));
        }
        let reason = call.short_text("reason", api::limit::REASON)?.unwrap_or_default();
        let set = set(&web, &key).await?.ok_or_else(|| nothing(&key))?;
        if set.status.complete_at().is_none() {
            web.control.cancel_set(set.id, reason).await?;
        }
        Ok(Value::Null)
    };
    let stopped = stopped.await;
    act::answer(&uri, id, stopped)
}

/// `DELETE /api/v2/sluice/attempts/KEY`: whoever runs the tests has everything. An attempt that has not ended stays.
pub(super) async fn forget(
    State(web): State<Web>,
    uri: Uri,
    from: Origin,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let forgotten = async {
        let dir = allowed(&web, &key, (&headers, from))?;
        if set(&web, &key).await?.is_some_and(|set| set.status.complete_at().is_none()) {
            let text = format!("the attempt {key} has not ended");
            return Err(Trouble::new(StatusCode::CONFLICT, RpcError::INVALID_REQUEST, text));
        }
        match fs::remove_dir_all(&dir).await {
            Ok(()) => Ok(Value::Null),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
            Err(e) => {
                let text = format!("{} cannot be removed: {e}", dir.display());
                Err(Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, RpcError::INTERNAL, text))
            }
        }
    };
    act::answer(&uri, Value::Null, forgotten.await)
}

fn nothing(key: &str) -> Trouble {
    let text = format!("nothing is known of the attempt '{}'", key.escape_debug());
    Trouble::new(StatusCode::NOT_FOUND, RpcError::INVALID_REQUEST, text)
}

/// The directory of a key, for somebody who may try.
fn allowed(web: &Web, key: &str, (headers, from): (&HeaderMap, Origin)) -> Result<PathBuf, Trouble> {
    tried::asker(web, &web.control.config(), headers, from)?;
    let all = web.control.attempts().filter(|_| model::is_attempt_key(key));
    Ok(all.ok_or_else(|| nothing(key))?.join(key))
}

/// The set that was filed for it.
async fn set(web: &Web, key: &str) -> Result<Option<BuildSet>, Trouble> {
    let query = Query::default().eq("external_idstring", key).limit(1);
    Ok(web.store.sets(&query).await?.rows.into_iter().next())
}

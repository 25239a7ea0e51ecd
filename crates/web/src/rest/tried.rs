//! Patches from outside: `GET /api/v2/sluice/try` says which try schedulers there are, `POST` hands a patch in.
//!
//! Who may: the master's token for any of them, and for a `schedulers.try_userpass` whoever has one of its names with the
//! password, as HTTP's basic authentication. A login on the pages is not enough: a patch is a program that the workers
//! run. Browsers send neither by themselves, so no page of another site can.

use super::act::{self, Trouble};
use super::auth::{self, Proof};
use super::guess::Origin;
use super::reply;
use super::session::LoginError;
use crate::Web;
use crate::tried::Try;
use api::{RpcError, limit};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use formats::try_job::{JOB_LIMIT, NAMES, TryJob};
use model::{Query, SchedulerKind, SchedulerSpec, SourceStampId, TrySpec};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

/// The longest call: a job of the longest kind, with what is around it.
pub(super) const MOST_BODY: usize = JOB_LIMIT + (64 << 10);

/// `GET /api/v2/sluice/try`
pub(super) async fn list(State(web): State<Web>) -> Response {
    let config = web.control.config();
    let stored = match web.store.schedulers(&Query::default()).await {
        Ok(page) => page.rows,
        Err(e) => return reply::Failure::from(e).respond(api::Layout::Compact),
    };
    let off = |spec: &SchedulerSpec| stored.iter().any(|s| s.name == spec.name && !s.state.enabled);
    let all: Vec<Value> = tries(&config)
        .map(|spec| {
            json!({
                "name": spec.name,
                "kind": spec.kind.word(),
                "builder_names": spec.builders,
                "enabled": !off(spec),
            })
        })
        .collect();
    axum::Json(json!({ "tryschedulers": all })).into_response()
}

/// `POST /api/v2/sluice/try`
pub(super) async fn post(
    State(web): State<Web>,
    uri: Uri,
    from: Origin,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let mut id = Value::Null;
    let result = hand_in(&web, (&headers, from), body, &mut id).await;
    let mut response = act::answer(&uri, id, result);
    if response.status() == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic realm=\"try\""));
    }
    response
}

async fn hand_in(
    web: &Web,
    (headers, from): (&HeaderMap, Origin),
    body: Result<Bytes, BytesRejection>,
    id: &mut Value,
) -> Result<Value, Trouble> {
    // Who it is comes first: a stranger's eight megabytes are not even read into a job.
    let config = web.control.config();
    let asker = asker(web, &config, headers, from)?;
    let call = act::call(headers, body, id)?;
    if call.method != "try" {
        let text = format!("there is no method '{}' at this path", call.method);
        return Err(Trouble::new(StatusCode::NOT_IMPLEMENTED, RpcError::METHOD_NOT_FOUND, text));
    }
    let mut params = call.params.clone();
    let wanted = call.short_text("scheduler", limit::NAME)?;
    params.remove("scheduler");
    if let Some(name) = params.keys().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(Trouble::fields(&[(name.clone(), format!("is no part of a job; it has {}", NAMES.join(", ")))]));
    }
    let job = TryJob::from_json(&params).map_err(|wrong| Trouble::fields(&wrong))?;
    let spec = choose(&config, &asker, wanted.as_deref(), &job.builders)?;
    let owner = match asker {
        Asker::Token => job.who.clone().unwrap_or_else(|| "token".to_owned()),
        // A login speaks for itself.
        Asker::User { name, .. } => name,
    };
    let tried = Try::of(job, spec.name.clone(), owner).map_err(|wrong| Trouble::fields(&wrong))?;
    Ok(act::forced(&web.control.try_patch(tried).await?))
}

/// Who hands a patch in.
pub(super) enum Asker {
    /// Somebody with the master's token.
    Token,
    /// Somebody with a name and a password of these schedulers.
    User { name: String, schedulers: Vec<String> },
}

pub(super) fn asker(web: &Web, config: &model::Config, headers: &HeaderMap, from: Origin) -> Result<Asker, Trouble> {
    let denied = |status, text: &str| Err(Trouble::new(status, RpcError::INVALID_REQUEST, text));
    if let Some(user) = web.auth.who(headers).filter(|user| user.proof == Proof::Token) {
        let _ = user;
        return Ok(Asker::Token);
    }
    let Some((name, password)) = basic(headers) else {
        return match headers.contains_key(header::AUTHORIZATION) {
            true => denied(StatusCode::FORBIDDEN, "the token is not valid"),
            false => denied(
                StatusCode::UNAUTHORIZED,
                "a try needs a name and a password of schedulers.try_userpass(…), or the master's token",
            ),
        };
    };
    let given = auth::sum(&password);
    let mine = |spec: &&SchedulerSpec| match &spec.kind {
        SchedulerKind::Try(TrySpec::Userpass { users }) => {
            // Every password is looked at, so that the time says nothing.
            users.iter().fold(false, |found, (user, right)| {
                found | (*user == name && bool::from(auth::sum(right.reveal()).ct_eq(&given)))
            })
        }
        _ => false,
    };
    let check = || {
        let schedulers: Vec<String> = tries(config).filter(mine).map(|s| s.name.clone()).collect();
        (!schedulers.is_empty()).then_some(schedulers)
    };
    match web.auth.guess(&name, from, check) {
        Ok(schedulers) => Ok(Asker::User { name, schedulers }),
        Err(LoginError::Wrong) => denied(StatusCode::FORBIDDEN, "no try scheduler knows this user with this password"),
        Err(e) => denied(StatusCode::TOO_MANY_REQUESTS, &e.to_string()),
    }
}

/// Name and password of basic authentication (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, word) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let word = scheme.eq_ignore_ascii_case("basic").then_some(word.trim())?;
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(word).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

pub(super) fn tries(config: &model::Config) -> impl Iterator<Item = &SchedulerSpec> {
    config.schedulers.iter().filter(|s| matches!(s.kind, SchedulerKind::Try(_)))
}

/// The scheduler that is meant: the one that is named, else the first that has all the builders.
fn choose<'c>(
    config: &'c model::Config,
    asker: &Asker,
    wanted: Option<&str>,
    builders: &[String],
) -> Result<&'c SchedulerSpec, Trouble> {
    let mine = |spec: &&SchedulerSpec| match asker {
        Asker::Token => true,
        Asker::User { schedulers, .. } => schedulers.contains(&spec.name),
    };
    let all: Vec<&SchedulerSpec> = tries(config).filter(mine).collect();
    if let Some(wanted) = wanted {
        let known = || all.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
        return all.iter().find(|s| s.name == wanted).copied().ok_or_else(|| {
            let what = format!("there is no try scheduler '{wanted}' for this user; there is {}", known());
            Trouble::fields(&[("scheduler".to_owned(), what)])
        });
    }
    let has_all = |spec: &&&SchedulerSpec| builders.iter().all(|b| spec.builders.contains(b));
    if let Some(spec) = all.iter().find(has_all) {
        return Ok(spec);
    }
    let what = match all.first() {
        None => {
            return Err(Trouble::fields(&[(
                "scheduler".to_owned(),
                "the configuration has no try scheduler; \
            schedulers.try_userpass(\"try\", users = {…}, builders = […]) is one"
                    .to_owned(),
            )]));
        }
        Some(first) => {
            let has: Vec<&str> = all.iter().flat_map(|s| &s.builders).map(String::as_str).collect();
            let unknown = builders.iter().find(|b| !has.contains(&b.as_str()));
            match unknown {
                Some(unknown) => {
                    format!("no try scheduler has a builder '{unknown}'; tries may ask {}", has.join(", "))
                }
                None => format!("no try scheduler has them all; '{}' has {}", first.name, first.builders.join(", ")),
            }
        }
    };
    Err(Trouble::fields(&[("builderNames".to_owned(), what)]))
}

/// `GET /api/v2/sluice/patches/ID`: the bytes of the patch of a source stamp. They are plain text whatever they hold.
pub(super) async fn patch(State(web): State<Web>, Path(id): Path<i64>) -> Response {
    let stamp = match web.store.stamp(SourceStampId(id)).await {
        Ok(stamp) => stamp,
        Err(e) => return reply::Failure::from(e).respond(api::Layout::Compact),
    };
    let Some(patch) = stamp.and_then(|s| s.patch) else {
        let text = format!("there is no source stamp {id} with a patch");
        return reply::Failure::NotFound(text).respond(api::Layout::Compact);
    };
    let name = format!("attachment; filename=\"{id}.patch\"");
    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (head, patch.body).into_response()
}

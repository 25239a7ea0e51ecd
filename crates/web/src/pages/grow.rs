//! What the script of a log asks for: rows of a window, and how the log grows.

use super::load::{self, Trouble};
use super::log::MOST_PIECE;
use super::{LogPath, line, number};
use crate::Web;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::LogStatus;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Without tidings for so long the log is looked at anyway: a tiding may be lost, the truth is not.
const LOOK: Duration = Duration::from_secs(2);

/// Which rows.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    #[serde(default)]
    from: u64,
    count: Option<u64>,
}

/// `GET …/lines?from=N&count=M`: rows as a piece of a page.
pub(super) async fn lines(
    State(web): State<Web>,
    Path((name, text, step, slug)): LogPath,
    Query(window): Query<Window>,
) -> Response {
    let place = async { load::log::place(&web, &name, number(&text, "build")?, &step, &slug).await };
    let place = match place.await {
        Ok(place) => place,
        Err(trouble) => return plain(&trouble),
    };
    let count = window.count.unwrap_or(MOST_PIECE).min(MOST_PIECE);
    match load::log::window(&web, &place.build, &place.log, window.from, count).await {
        Ok((rows, before)) => {
            let sealed = matches!(place.log.status, LogStatus::Sealed { .. });
            let cache = if sealed { "private, max-age=3600" } else { "no-store" };
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
            ];
            (headers, line::rows_after(&before, &rows, None).into_string()).into_response()
        }
        Err(e) => (StatusCode::NOT_FOUND, format!("{e}\n")).into_response(),
    }
}

fn plain(trouble: &Trouble) -> Response {
    let status = match trouble {
        Trouble::Missing(_) => StatusCode::NOT_FOUND,
        Trouble::Store(_) | Trouble::Control(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{trouble}\n")).into_response()
}

/// `GET …/growth`: an event with the length each time the log has grown, and a last one when it is whole.
pub(super) async fn growth(State(web): State<Web>, Path((name, text, step, slug)): LogPath) -> Response {
    let place = async { load::log::place(&web, &name, number(&text, "build")?, &step, &slug).await };
    let place = match place.await {
        Ok(place) => place,
        Err(trouble) => return plain(&trouble),
    };
    // Heard before the first look, so that nothing falls between the two.
    let news = web.logs.growth();
    let (build, log) = (place.build.id, place.log.id);
    let told = stream::unfold((web, news, None::<(u64, bool)>), move |(web, mut news, last)| async move {
        if last.is_some_and(|(_, sealed)| sealed) {
            return None;
        }
        loop {
            let facts = web.logs.facts(build, log).await;
            let (lines, bytes, mut sealed) = facts.map_or((0, 0, false), |f| (f.lines, f.bytes, f.sealed.is_some()));
            if !sealed && facts.is_none() {
                let known = web.store.log(log).await.ok().flatten();
                sealed = known.is_none_or(|l| matches!(l.status, LogStatus::Sealed { .. }));
            }
            if last != Some((bytes, sealed)) {
                let size = super::text::bytes(bytes);
                let data = format!("{{\"lines\":{lines},\"bytes\":{bytes},\"size\":\"{size}\",\"sealed\":{sealed}}}");
                let event = Event::default().event("growth").data(data);
                return Some((Ok::<_, Infallible>(event), (web, news, Some((bytes, sealed)))));
            }
            tokio::select! {
                () = web.shutdown.cancelled() => return None,
                () = until_grown(&mut news, build, log) => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    });
    let mut response = Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn until_grown(
    news: &mut tokio::sync::broadcast::Receiver<logs::Growth>,
    build: model::BuildId,
    log: model::LogId,
) {
    loop {
        match news.recv().await {
            Ok(g) if g.build == build && g.log == log => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

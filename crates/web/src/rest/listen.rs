//! Events over HTTP (server-sent events): who listens to which keys, and the streams.
//!
//! `GET /sse/listen/builds/*/*` opens a stream. Its first event, `handshake`, has the listener's id, with which
//! `/sse/add/ID/PATH` and `/sse/remove/ID/PATH` change what it hears. A listener that is too slow hears `reload`:
//! events were lost, and it should look anew.

use crate::Web;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::Event;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

/// A comment is sent after this long without an event, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// At most so many streams are open.
const MOST_LISTENERS: usize = 1_000;

/// At most so many paths has a listener.
pub(super) const MOST_PATHS: usize = 100;

/// At most so many words has a path; our keys have seven at most.
const MOST_WORDS: usize = 16;

/// What somebody listens to: words, `*` for any one.
pub(super) type Words = Vec<String>;

/// Who listens.
#[derive(Default)]
pub(super) struct Listeners {
    inner: Arc<Mutex<HashMap<String, Vec<Words>>>>,
}

/// A listener's place in the list, which it gives up when its stream ends.
struct Seat {
    id: String,
    all: Arc<Mutex<HashMap<String, Vec<Words>>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.id);
    }
}

impl Seat {
    fn hears(&self, event: &Event) -> bool {
        lock(&self.all).get(&self.id).is_some_and(|paths| paths.iter().any(|p| api::event::matches(p, &event.key)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a listener is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Full,
    Unknown,
    NotListening,
    TooMuch,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many streams are open"),
            Refusal::Unknown => (StatusCode::BAD_REQUEST, "unknown uuid"),
            Refusal::NotListening => (StatusCode::NOT_FOUND, "consumer is not listening to this event"),
            Refusal::TooMuch => (StatusCode::BAD_REQUEST, "too many paths, or too long a path"),
        };
        (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
    }
}

impl Listeners {
    fn sit(&self, paths: Vec<Words>) -> Result<Seat, Refusal> {
        let id = uuid().ok_or(Refusal::Full)?;
        let mut all = lock(&self.inner);
        if all.len() >= MOST_LISTENERS {
            return Err(Refusal::Full);
        }
        all.insert(id.clone(), paths);
        Ok(Seat { id, all: Arc::clone(&self.inner) })
    }

    fn add(&self, id: &str, path: Words) -> Result<(), Refusal> {
        let mut all = lock(&self.inner);
        let paths = all.get_mut(id).ok_or(Refusal::Unknown)?;
        if paths.contains(&path) {
            return Ok(());
        }
        if paths.len() >= MOST_PATHS {
            return Err(Refusal::TooMuch);
        }
        paths.push(path);
        Ok(())
    }

    fn remove(&self, id: &str, path: &Words) -> Result<(), Refusal> {
        let mut all = lock(&self.inner);
        let paths = all.get_mut(id).ok_or(Refusal::Unknown)?;
        let before = paths.len();
        paths.retain(|p| p != path);
        if paths.len() < before { Ok(()) } else { Err(Refusal::NotListening) }
    }
}

/// 122 random bits in the form of a UUID (RFC 9562, version 4).
fn uuid() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let n = u128::from_be_bytes(bytes);
    let group = |shift: u32, digits: usize| format!("{:0digits$x}", (n >> shift) & ((1 << (4 * digits)) - 1));
    Some([group(96, 8), group(80, 4), group(64, 4), group(48, 4), group(0, 12)].join("-"))
}

/// The words of a path; `None`: there are too many.
pub(super) fn words(path: &str) -> Option<Words> {
    let words: Words = path.trim_matches('/').split('/').map(str::to_owned).collect();
    (words.len() <= MOST_WORDS && path.len() <= 1_000).then_some(words)
}

/// `GET /sse/listen/PATH`, with more paths as `?also=PATH&also=PATH`.
pub(super) async fn listen(State(web): State<Web>, Path(path): Path<String>, RawQuery(query): RawQuery) -> Response {
    let also = api::query::parts(query.as_deref().unwrap_or_default()).unwrap_or_default();
    let also = also.into_iter().filter(|(name, _)| name == "also").map(|(_, path)| path);
    let paths: Option<Vec<Words>> = std::iter::once(path).chain(also).map(|p| words(&p)).collect();
    match paths.filter(|p| p.len() <= MOST_PATHS) {
        Some(paths) => stream(&web, paths),
        None => Refusal::TooMuch.into_response(),
    }
}

/// `GET /sse/listen`: a stream that hears nothing until something is added.
pub(super) async fn listen_to_nothing(State(web): State<Web>) -> Response {
    stream(&web, Vec::new())
}

/// `GET /sse`: says how it is used.
pub(super) async fn nothing() -> Response {
    let text = "listen with /sse/listen/PATH, for instance /sse/listen/builds/*/*\n";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// `GET /sse/add/ID/PATH`
pub(super) async fn add(State(web): State<Web>, Path((id, path)): Path<(String, String)>) -> Response {
    let Some(path) = words(&path) else { return Refusal::TooMuch.into_response() };
    web.rest.listeners.add(&id, path).map_or_else(Refusal::into_response, |()| done())
}

/// `GET /sse/remove/ID/PATH`
pub(super) async fn remove(State(web): State<Web>, Path((id, path)): Path<(String, String)>) -> Response {
    let Some(path) = words(&path) else { return Refusal::TooMuch.into_response() };
    web.rest.listeners.remove(&id, &path).map_or_else(Refusal::into_response, |()| done())
}

fn done() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok").into_response()
}

fn stream(web: &Web, paths: Vec<Words>) -> Response {
    // Heard from here on: the handshake comes after it, so whoever has it misses nothing.
    let events = web.events.subscribe();
    let seat = match web.rest.listeners.sit(paths) {
        Ok(seat) => seat,
        Err(refusal) => return refusal.into_response(),
    };
    let shutdown = web.shutdown.clone();
    let hello = Sent::default().event("handshake").data(&seat.id);
    let first = stream::once(async move { Ok::<_, Infallible>(hello) });
    let rest = stream::unfold((events, seat), move |(mut events, seat)| {
        let shutdown = shutdown.clone();
        async move {
            let sent = tokio::select! {
                () = shutdown.cancelled() => None,
                sent = next(&mut events, &seat) => sent,
            }?;
            Some((Ok(sent), (events, seat)))
        }
    });
    let body = futures_util::StreamExt::chain(first, rest);
    let mut response = Sse::new(body).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that gather answers would hold events back.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}

async fn next(events: &mut broadcast::Receiver<Arc<Event>>, seat: &Seat) -> Option<Sent> {
    loop {
        match events.recv().await {
            Ok(event) if seat.hears(&event) => return Some(Sent::default().event("event").data(text(&event))),
            Ok(_) => {}
            Err(RecvError::Lagged(lost)) => return Some(Sent::default().event("reload").data(lost.to_string())),
            Err(RecvError::Closed) => return None,
        }
    }
}

/// `{"key": […], "message": {…}}`; the message is JSON text already.
fn text(event: &Event) -> String {
    let key = serde_json::to_string(&event.key).unwrap_or_default();
    format!("{{\"key\":{key},\"message\":{}}}", event.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_hear_what_they_asked_for() {
        let cases = [
            ("builds/*/*", "builds/9/finished", true),
            ("builds/9/*", "builds/9/finished", true),
            ("builds/9/*", "builds/8/finished", false),
            ("builds/*/new", "builds/9/finished", false),
            ("builds/*", "builds/9/finished", false),
            ("builds/*/*/*", "builds/9/finished", false),
            ("builds/*/steps/*/*", "builds/9/steps/0/new", true),
            ("*/*/*", "workers/1/connected", true),
            ("/builds/*/*/", "builds/9/new", true),
            ("", "builds/9/new", false),
            ("builds/**/*", "builds/9/new", false),
        ];
        let listeners = Listeners::default();
        for (path, key, heard) in cases {
            let seat = listeners.sit(vec![words(path).unwrap()]).unwrap();
            let event = Event { key: words(key).unwrap(), message: "{}".to_owned() };
            assert_eq!(seat.hears(&event), heard, "{path} and {key}");
        }
        assert!(lock(&listeners.inner).is_empty(), "a seat is given up");
    }

    #[test]
    fn paths_come_and_go() {
        let listeners = Listeners::default();
        let seat = listeners.sit(Vec::new()).unwrap();
        let path = || words("builds/*/*").unwrap();
        let event = Event { key: words("builds/1/new").unwrap(), message: String::new() };
        assert!(!seat.hears(&event));
        assert_eq!(listeners.add(&seat.id, path()), Ok(()));
        assert_eq!(listeners.add(&seat.id, path()), Ok(()));
        assert!(seat.hears(&event));
        assert_eq!(listeners.remove(&seat.id, &path()), Ok(()));
        assert_eq!(listeners.remove(&seat.id, &path()), Err(Refusal::NotListening));
        assert!(!seat.hears(&event));
        assert_eq!(listeners.add("nobody", path()), Err(Refusal::Unknown));
        for n in 0..MOST_PATHS {
            assert_eq!(listeners.add(&seat.id, vec![n.to_string()]), Ok(()));
        }
        assert_eq!(listeners.add(&seat.id, path()), Err(Refusal::TooMuch));
        assert_eq!(words(&"a/".repeat(40)), None);
    }

    #[test]
    fn the_number_of_listeners_is_bounded() {
        let listeners = Listeners::default();
        let seats: Vec<_> = (0..MOST_LISTENERS).map(|_| listeners.sit(Vec::new()).unwrap()).collect();
        assert!(matches!(listeners.sit(Vec::new()), Err(Refusal::Full)));
        drop(seats);
        assert!(listeners.sit(Vec::new()).is_ok());
    }

    #[test]
    fn ids_have_the_form_of_a_uuid() {
        let id = uuid().unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.as_bytes()[14], b'4');
    }
}

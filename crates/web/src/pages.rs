//! Pages rendered on the server: documents without a script, live with one.
//!
//! Each page is a pure function from a plain struct to markup (`pages/NOUN.rs`), and a loader that fills the struct
//! (`pages/load/NOUN.rs`). Colours, sizes and breaks are in `assets/sluice.css` alone.

mod acts;
mod assets;
mod bars;
mod build;
mod builder;
mod change;
mod clock;
mod force;
mod gate;
mod grow;
mod home;
mod layout;
mod line;
mod load;
mod lock;
mod log;
mod login;
mod mark;
mod notice;
mod obstacle;
mod outbox;
mod patch;
mod queue;
mod scheduler;
mod source;
mod strip;
mod testrun;
mod text;
mod waterfall;
mod worker;

use crate::Web;
use crate::rest::auth::Anonymous;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clock::Clock;
use layout::{Frame, Html, Page};
use load::Trouble;
use model::Time;
use serde::Deserialize;

/// The longest body of a form.
const MOST_FORM: usize = 64 * 1024;

/// All pages, what they load, and what their buttons do.
pub fn router() -> Router<Web> {
    let log = "/builders/{name}/{number}/steps/{step}/logs/{slug}";
    Router::new()
        .route("/", get(home))
        .route("/waterfall", get(fall))
        .route("/builders", get(builders))
        .route("/builders/{name}", get(one_builder))
        .route("/builders/{name}/force", post(acts::force))
        .route("/builders/{name}/{number}", get(one_build))
        .route("/builders/{name}/{number}/{act}", post(acts::build))
        .route(log, get(one_log))
        .route(&format!("{log}/lines"), get(grow::lines))
        .route(&format!("{log}/growth"), get(grow::growth))
        .route("/changes", get(changes))
        .route("/changes/{id}", get(one_change))
        .route("/workers", get(workers))
        .route("/workers/{name}", get(one_worker))
        .route("/workers/{name}/{act}", post(acts::worker))
        .route("/queue", get(queued))
        .merge(testrun::routes())
        .route("/gates", get(gates))
        .route("/gates/{name}", get(one_gate))
        .route("/gates/{name}/resume", post(acts::resume_gate))
        .route("/gates/{name}/candidates/{id}/{act}", post(acts::candidate))
        .route("/outbox", get(told))
        .route("/schedulers", get(schedulers))
        .route("/schedulers/{name}/{act}", post(acts::scheduler))
        .route("/requests/{id}", get(one_request))
        .route("/requests/{id}/cancel", post(acts::cancel))
        .route("/login", get(login_page))
        .route("/assets/{hash}/{name}", get(assets::route))
        .route("/favicon.ico", get(favicon))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(MOST_FORM))
}

fn clock(web: &Web) -> Clock {
    Clock::system(web.control.now())
}

fn frame(web: &Web, headers: &HeaderMap, uri: &Uri) -> Frame {
    let config = web.control.config();
    Frame {
        project: config.project.title.clone(),
        gates: config.gates.len(),
        is_master: web.control.is_master(),
        user: web.auth.who(headers).map(|u| u.name),
        open: web.auth.anonymous() == Anonymous::Acts,
        here: uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
    }
}

fn answer(frame: &Frame, page: &Page, status: StatusCode) -> Response {
    Html(status, layout::document(frame, page)).into_response()
}

fn refusal(frame: &Frame, trouble: &Trouble) -> Response {
    match trouble {
        Trouble::Missing(what) => answer(frame, &notice::missing(what), StatusCode::NOT_FOUND),
        Trouble::Store(e) => {
            tracing::error!("a page could not be made: {e}");
            answer(
                frame,
                &notice::trouble(&trouble.to_string(), &[e.to_string()], "/"),
                StatusCode::SERVICE_UNAVAILABLE,
            )
        }
        Trouble::Control(e) => answer(
            frame,
            &notice::trouble(&trouble.to_string(), &[e.to_string()], "/"),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    }
}

/// The page, or what kept it from being made.
fn shown(frame: &Frame, page: Result<Page, Trouble>) -> Response {
    match page {
        Ok(page) => answer(frame, &page, StatusCode::OK),
        Err(trouble) => refusal(frame, &trouble),
    }
}

async fn nowhere(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let missing = Trouble::Missing(format!("page {}", uri.path()));
    refusal(&frame(&web, &headers, &uri), &missing)
}

async fn favicon() -> Response {
    let home = assets::icon(mark::Mark::Absent);
    axum::response::Redirect::to(home).into_response()
}

async fn home(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    if !web.control.is_master() {
        return axum::response::Redirect::to("/tests").into_response();
    }
    let clock = clock(&web);
    let page = load::home::home(&web, &clock).await.map(|v| home::page(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

/// The repeated fields of the waterfall's query.
async fn fall(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let mut filter = waterfall::Filter::default();
    let mut before = None;
    for (name, value) in api::query::parts(uri.query().unwrap_or_default()).unwrap_or_default() {
        match name.as_str() {
            "builder" => filter.builders.push(value),
            "tag" | "category" => filter.tags.push(value),
            "before" => before = value.parse().ok().map(Time::from_seconds),
            _ => {}
        }
    }
    let page = load::waterfall::waterfall(&web, &clock, filter, before).await.map(|v| waterfall::page(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

/// Which part of a list.
#[derive(Debug, Deserialize)]
struct Part {
    only: Option<String>,
    before: Option<i64>,
    from: Option<u64>,
}

async fn builders(State(web): State<Web>, Query(part): Query<Part>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let only = part.only.filter(|o| !o.is_empty());
    let page = load::builder::list(&web, &clock, only).await.map(|v| builder::list(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

async fn one_builder(
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(part): Query<Part>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = load::builder::one(&web, &clock, &name, part.before).await;
    shown(&frame, page.map(|v| builder::page(&v, &frame, &clock)))
}

/// A number of an address, or that there is nothing of the kind.
fn number(text: &str, what: &str) -> Result<i64, Trouble> {
    text.parse().map_err(|_| Trouble::Missing(format!("{what} {text}")))
}

async fn one_build(
    State(web): State<Web>,
    Path((name, text)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = async { load::build::build(&web, &clock, &name, number(&text, "build")?).await };
    shown(&frame, page.await.map(|v| build::page(&v, &frame, &clock)))
}

/// Builder, number, step, slug.
type LogPath = Path<(String, String, String, String)>;

async fn one_log(
    State(web): State<Web>,
    Path((name, text, step, slug)): LogPath,
    Query(part): Query<Part>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = async {
        let place = load::log::place(&web, &name, number(&text, "build")?, &step, &slug).await?;
        load::log::log(&web, place, part.from).await
    };
    shown(&frame, page.await.map(|v| log::page(&v, &clock)))
}

async fn changes(State(web): State<Web>, Query(part): Query<Part>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = load::change::list(&web, part.before).await.map(|v| change::list(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

async fn one_change(State(web): State<Web>, Path(text): Path<String>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = async { load::change::one(&web, number(&text, "change")?).await };
    shown(&frame(&web, &headers, &uri), page.await.map(|v| change::page(&v, &clock)))
}

async fn workers(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = load::worker::list(&web).await.map(|v| worker::list(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

async fn one_worker(State(web): State<Web>, Path(name): Path<String>, headers: HeaderMap, uri: Uri) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = load::worker::one(&web, &name).await;
    shown(&frame, page.map(|v| worker::page(&v, &frame, &clock)))
}

async fn queued(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = load::queue::queue(&web, &clock).await;
    shown(&frame, page.map(|v| queue::page(&v, &frame, &clock)))
}

async fn gates(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = load::gate::list(&web).await.map(|v| gate::list(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

async fn one_gate(State(web): State<Web>, Path(name): Path<String>, headers: HeaderMap, uri: Uri) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = load::gate::one(&web, &name).await.map(|v| gate::page(&v, &frame, &clock));
    shown(&frame, page)
}

async fn schedulers(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = load::scheduler::schedulers(&web).await;
    shown(&frame, page.map(|v| scheduler::page(&v, &frame, &clock)))
}

async fn told(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = load::outbox::outbox(&web, crate::rest::outbox::addresses(&web, &headers)).await;
    shown(&frame(&web, &headers, &uri), page.map(|v| outbox::page(&v, &clock)))
}

async fn one_request(State(web): State<Web>, Path(text): Path<String>, headers: HeaderMap, uri: Uri) -> Response {
    let (clock, frame) = (clock(&web), frame(&web, &headers, &uri));
    let page = async { load::queue::request(&web, &clock, number(&text, "request")?).await };
    shown(&frame, page.await.map(|v| queue::request(&v, &frame, &clock)))
}

/// What the login page is told in its address.
#[derive(Debug, Deserialize)]
struct LoginQuery {
    #[serde(default)]
    next: String,
    error: Option<String>,
}

async fn login_page(State(web): State<Web>, Query(query): Query<LoginQuery>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = frame(&web, &headers, &uri);
    let view =
        login::Login { next: query.next, error: query.error, users: web.auth.has_users(), user: frame.user.clone() };
    // Logging in leads on to where the reader came from, not back to this page.
    let frame = Frame { here: "/".to_owned(), ..frame };
    answer(&frame, &login::page(&view), StatusCode::OK)
}

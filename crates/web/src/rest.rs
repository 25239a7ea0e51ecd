//! The REST interface and its events, in the shapes of Buildbot 4.3; who may act; the headers of every answer.

mod act;
pub mod attempt;
pub mod auth;
mod badge;
mod cache;
mod find;
mod gate;
pub(crate) mod guard;
pub(crate) mod guess;
mod listen;
mod live;
mod log;
mod login;
pub(crate) mod outbox;
mod read;
mod reply;
pub mod session;
mod socket;
mod story;
mod testrun;
mod tried;
mod worker;

use crate::Web;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

pub use read::API;

/// What the interface keeps between requests: answers of the present version, and who listens.
#[derive(Default)]
pub struct Shared {
    cache: cache::Cache,
    listeners: listen::Listeners,
}

/// The longest body of an act.
const MOST_BODY: usize = 4 * 1024 * 1024;

/// `/api/v2/…`, `/sse/…`, `/ws`, `/auth/login`, `/auth/logout`, `/healthz`, `/cc.xml`, `/badges/BUILDER.svg`.
pub fn router() -> axum::Router<Web> {
    axum::Router::new()
        .route("/api/v2", get(read::get).post(act::post))
        .route("/api/v2/", get(read::get).post(act::post))
        .route("/api/v2/sluice/builds/{id}", get(story::get))
        .route("/api/v2/sluice/patches/{id}", get(tried::patch))
        .route("/api/v2/sluice/try", get(tried::list).post(tried::post).layer(DefaultBodyLimit::max(tried::MOST_BODY)))
        .route("/api/v2/sluice/attempts", get(attempt::list))
        .route("/api/v2/sluice/attempts/{key}", put(attempt::take).post(attempt::post).delete(attempt::forget))
        .route("/api/v2/sluice/attempts/{key}/came", get(attempt::give))
        .route("/api/v2/sluice/outbox", get(outbox::get))
        .route("/api/v2/gates", get(gate::list))
        .route("/api/v2/gates/{gate}", get(gate::one).post(gate::post))
        .route("/api/v2/gates/{gate}/candidates", get(gate::candidates))
        .route("/api/v2/gates/{gate}/candidates/{id}", get(gate::candidate).post(gate::post_candidate))
        .route("/api/v2/gates/{gate}/trials", get(gate::trials))
        .route("/api/v2/gates/{gate}/trials/{id}", get(gate::trial))
        .route("/api/v2/gates/{gate}/decisions", get(gate::decisions))
        .route("/api/v2/testruns", get(testrun::list))
        .route("/api/v2/testruns/{id}", get(testrun::one))
        .route("/api/v2/testruns/{id}/items", get(testrun::items))
        .route("/api/v2/testruns/{id}/diff/{other}", get(testrun::diff))
        .route("/api/v2/testhistory", get(testrun::history))
        .route("/api/v2/{*path}", get(read::get).post(act::post))
        .route("/sse", get(listen::nothing))
        .route("/sse/listen", get(listen::listen_to_nothing))
        .route("/sse/listen/{*path}", get(listen::listen))
        .route("/sse/add/{listener}/{*path}", get(listen::add))
        .route("/sse/remove/{listener}/{*path}", get(listen::remove))
        .route("/ws", get(socket::open))
        .route("/auth/login", post(login::login))
        .route("/auth/logout", post(login::logout))
        .route("/healthz", get(live::healthz))
        .route("/cc.xml", get(badge::cc))
        .route("/badges/{name}", get(badge::badge))
        .layer(DefaultBodyLimit::max(MOST_BODY))
}

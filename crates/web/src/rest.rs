//! The REST interface and its events, in the shapes of Buildbot 4.3; who may act; the headers of every answer.

pub mod auth;
pub(crate) mod guard;
pub mod session;

use crate::Web;

/// What the interface keeps between requests: answers of the present version, and who listens.
#[derive(Default)]
pub struct Shared {}

/// `/api/v2/…`, `/sse/…`, `/ws`, `/auth/login`, `/auth/logout`, `/healthz`, `/cc.xml`, `/badges/…`.
pub fn router() -> axum::Router<Web> {
    axum::Router::new()
}

//! Pages, REST and events: what a browser, a script and a person see.
//!
//! Reads `store` and `logs`; every act goes through [`Control`], which the master implements.

pub mod control;
pub mod local;
pub mod obstacle;
pub mod pages;
pub mod public;
pub mod rest;
mod short;
pub mod tried;
mod verdict;

use control::Control;
use model::Event;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// What every handler may use.
#[derive(Clone)]
pub struct Web {
    /// History and the present, as it is durable.
    pub store: store::Store,
    /// Log bytes.
    pub logs: logs::Logs,
    /// Acts, and what only the master knows.
    pub control: Arc<dyn Control>,
    /// What happened, after it is durable.
    pub events: broadcast::Sender<Arc<Event>>,
    /// Ends every stream when the master stops.
    pub shutdown: CancellationToken,
    /// Who may act.
    pub auth: Arc<rest::auth::Auth>,
    /// Rises with each commit, once that is durable and before its events are sent: answers are kept while it stands.
    pub version: Arc<AtomicU64>,
    /// What REST keeps between requests; begins empty (`Arc::default()`).
    pub rest: Arc<rest::Shared>,
}

/// All routes of the one port but the workers'.
pub fn router(web: Web) -> axum::Router {
    dressed(pages::router().merge(rest::router())).with_state(web)
}

/// What every answer gets, whoever gives it: a panic becomes a 500, text is compressed (streams of events are not),
/// and the headers say what a browser may do with it.
fn dressed(router: axum::Router<Web>) -> axum::Router<Web> {
    router
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new())
        .layer(axum::middleware::map_response(rest::guard::headed))
}

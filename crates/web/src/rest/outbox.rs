//! What targets are told, were told, and could not be told: `GET /api/v2/sluice/outbox`.

use super::find::Found;
use super::reply;
use crate::Web;
use crate::rest::auth::Anonymous;
use api::outbox::{Addresses, OutboxMessage};
use api::{Answer, Layout, query};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

pub(super) async fn get(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    let layout = reply::layout(&headers);
    match list(&web, uri.query().unwrap_or_default(), addresses(&web, &headers), layout).await {
        Ok(text) => reply::json(Bytes::from(text), layout),
        Err(failure) => failure.respond(layout),
    }
}

/// Whether whoever asks sees whole addresses.
pub(crate) fn addresses(web: &Web, headers: &HeaderMap) -> Addresses {
    match web.auth.who(headers).is_some() || web.auth.anonymous() == Anonymous::Acts {
        true => Addresses::Whole,
        false => Addresses::Veiled,
    }
}

async fn list(web: &Web, query: &str, addresses: Addresses, layout: Layout) -> Found<Vec<u8>> {
    let mut ask = query::collection::<OutboxMessage>(query)?;
    if addresses == Addresses::Veiled {
        // Who may not see an address may not find it out by asking for it either.
        ask.query.filters.retain(|f| !matches!(f.field.as_str(), "person" | "trouble"));
        ask.query.order.retain(|o| !matches!(o.field.as_str(), "person" | "trouble"));
    }
    let page = web.store.outbox(&ask.query).await?;
    let rows = page.rows.iter().map(|m| OutboxMessage::of(m, addresses)).collect();
    Ok(api::answer::write(&Answer { rows, total: Some(page.total) }, &ask.fields, layout)?)
}

//! Answers on the way out: text in a layout, or what went wrong as a status and words.

use super::auth::Denied;
use api::Layout;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A parameter is not right.
    Bad(String),
    /// There is no such path, or no such thing.
    NotFound(String),
    /// Not for this asker.
    Denied(Denied),
    /// The store or the logs cannot answer now.
    Unavailable(String),
    /// Not the asker's fault, and no use in asking again.
    Broken(String),
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Failure::Bad(_) => StatusCode::BAD_REQUEST,
            Failure::NotFound(_) => StatusCode::NOT_FOUND,
            Failure::Denied(Denied::NoLogin) => StatusCode::UNAUTHORIZED,
            Failure::Denied(_) => StatusCode::FORBIDDEN,
            Failure::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Failure::Bad(text) | Failure::NotFound(text) | Failure::Unavailable(text) | Failure::Broken(text) => {
                text.clone()
            }
            Failure::Denied(denied) => denied.to_string(),
        }
    }

    /// The answer that says so: `{"error": text}`.
    pub(super) fn respond(&self, layout: Layout) -> Response {
        if self.status().is_server_error() {
            tracing::error!("a question was not answered: {}", self.text());
        }
        let body = api::answer::text(&api::Problem::new(self.text()), layout).unwrap_or_default();
        let mut response = (self.status(), json(Bytes::from(body), layout)).into_response();
        if self.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<api::QueryError> for Failure {
    fn from(e: api::QueryError) -> Self {
        Failure::Bad(e.to_string())
    }
}

impl From<store::StoreError> for Failure {
    fn from(e: store::StoreError) -> Self {
        use store::StoreError as E;
        match e {
            E::UnknownField { .. } | E::BadFilter { .. } => Failure::Bad(e.to_string()),
            E::Unavailable(_) | E::InUse => Failure::Unavailable(e.to_string()),
            _ => Failure::Broken(e.to_string()),
        }
    }
}

impl From<logs::LogError> for Failure {
    fn from(e: logs::LogError) -> Self {
        match e {
            logs::LogError::Unknown { .. } => Failure::NotFound(e.to_string()),
            logs::LogError::Closed => Failure::Unavailable(e.to_string()),
            _ => Failure::Broken(e.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(e: serde_json::Error) -> Self {
        Failure::Broken(format!("the answer cannot be written as JSON: {e}"))
    }
}

/// Programs that ask for JSON get it compact; everybody else gets it so that it can be read.
pub(super) fn layout(headers: &HeaderMap) -> Layout {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    let mut wanted = accepts.flat_map(|v| v.split(','));
    if wanted.any(|v| v.trim().starts_with("application/json")) { Layout::Compact } else { Layout::Indented }
}

/// JSON text as an answer. For people it is plain text, as Buildbot has it, so that browsers show it as it stands.
pub(super) fn json(body: Bytes, layout: Layout) -> Response {
    let kind = match layout {
        Layout::Compact => "application/json; charset=utf-8",
        Layout::Indented => "text/plain; charset=utf-8",
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], Body::from(body)).into_response()
}

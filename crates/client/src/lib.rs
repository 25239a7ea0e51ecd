//! A typed client of the HTTP interface: what the command line and tests speak to a master with.

mod act;
mod address;
pub mod ask;
mod attempt;
mod error;
mod events;
mod gate;
mod read;
mod transfer;

pub use act::TryScheduler;
pub use api::Forced;
pub use attempt::{AttemptBuilder, AttemptPlaces, Login};
pub use error::ClientError;
pub use events::{Heard, Listener};
pub use gate::Wish;
pub use read::Filter;
pub use transfer::{Shape, TransferError};

use error::Said;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A client of one master. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a peer may say nothing before it counts as gone. Event streams have a comment every fifteen seconds.
const QUIET: Duration = Duration::from_secs(60);

/// The longest answer that is read whole; logs are streamed and have no limit.
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Client {
    /// A client of the master at `url`: `http://127.0.0.1:8010`, or the address of any of its pages, as a browser shows
    /// it. `token` is what acts need; reading needs none.
    ///
    /// # Errors
    /// When `url` is no http or https address, or TLS cannot be set up.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, ClientError> {
        let parsed = address::of_master(url).ok_or_else(|| ClientError::Address(url.to_owned()))?;
        // Twice is once: whoever was first has installed the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder();
        if matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            // The environment's proxy is on another machine, whose own localhost is not meant.
            builder = builder.no_proxy();
        }
        let http = builder
            .connect_timeout(CONNECT)
            .read_timeout(QUIET)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| ClientError::Setup(error::chain(&e)))?;
        Ok(Self { http, url: parsed.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// The same client with this token.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// The master's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|e| error::connection(&self.url, &e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = self.url.clone();
        let what = match error::said(response).await {
            Said::BySluice(what) => what,
            Said::ByOther(what) if status.is_server_error() => return Err(ClientError::Away { url, what }),
            Said::ByOther(what) => return Err(ClientError::Foreign { url, what }),
        };
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ClientError::Denied { url, what },
            StatusCode::NOT_FOUND => ClientError::NotFound { what },
            status => ClientError::Refused { status: status.as_u16(), what },
        })
    }

    /// The document of an answer.
    async fn document<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let url = self.url.clone();
        if !error::is_json(&response) {
            return Err(ClientError::Foreign { url, what: error::head(&response) });
        }
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Strange { url, what: e.to_string() })
    }

    /// The whole body, if it is not too long.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| error::connection(&self.url, &e))? {
            if body.len() + piece.len() > MOST_BYTES {
                return Err(ClientError::TooLong { most: MOST_BYTES });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

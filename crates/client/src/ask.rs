//! One question to any web server, as a step asks it.

use crate::{CONNECT, error};
use model::{HttpMethod, HttpSpec};
use reqwest::Method;

/// Bytes of an answer that are told, at most.
pub const MOST_TOLD: usize = 4 << 20;

/// What is told of an answer, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// The status: its number and its word.
    Status(u16, &'a str),
    /// A header.
    Header(&'a str, &'a [u8]),
    /// A piece of the body.
    Body(&'a [u8]),
    /// The body is longer than is told.
    Cut,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The question itself is not right.
    #[error("this cannot be asked: {0}")]
    Question(String),
    /// Nobody answers, or not in time.
    #[error("no answer: {0}")]
    Away(String),
}

/// Asks, and answers with the status.
///
/// # Errors
/// See [`AskError`]. An answer that is an error by its status is none here.
pub async fn ask(spec: &HttpSpec<String>, tell: &mut (dyn FnMut(Told<'_>) + Send)) -> Result<u16, AskError> {
    let question = |e: String| AskError::Question(e);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT.min(spec.timeout.to_std()))
        .timeout(spec.timeout.to_std())
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| question(error::chain(&e)))?;
    let mut request = http.request(method(spec.method), &spec.url);
    for (name, value) in &spec.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &spec.body {
        request = request.body(body.clone());
    }
    let request = request.build().map_err(|e| question(error::chain(&e)))?;
    if !matches!(request.url().scheme(), "http" | "https") {
        return Err(question("the address begins with neither http:// nor https://".to_owned()));
    }
    let away = |e: reqwest::Error| AskError::Away(error::chain(&e));
    let mut response = http.execute(request).await.map_err(away)?;
    let status = response.status();
    tell(Told::Status(status.as_u16(), status.canonical_reason().unwrap_or_default()));
    for (name, value) in response.headers() {
        tell(Told::Header(name.as_str(), value.as_bytes()));
    }
    let mut told = 0;
    while let Some(piece) = response.chunk().await.map_err(away)? {
        let part = &piece[..piece.len().min(MOST_TOLD - told)];
        tell(Told::Body(part));
        told += part.len();
        if part.len() < piece.len() {
            tell(Told::Cut);
            break;
        }
    }
    Ok(status.as_u16())
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
    }
}

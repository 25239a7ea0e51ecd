//! Why a question was not answered.

use reqwest::Response;
use std::error::Error;

/// Why a question was not answered, or an act not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be one of a master.
    #[error("'{0}' is no address of a master; it looks like http://127.0.0.1:8010")]
    Address(String),
    /// TLS or the client itself could not be set up.
    #[error("no connection can be made from here: {0}")]
    Setup(String),
    /// Nobody is there.
    #[error("no Sluice answers at {url}: {what}")]
    Away {
        /// The master's address.
        url: String,
        /// What the system says.
        what: String,
    },
    /// The connection broke while an answer was on its way.
    #[error("the connection to {url} broke: {what}")]
    Broken {
        /// The master's address.
        url: String,
        /// What the system says.
        what: String,
    },
    /// The act is not allowed.
    #[error("{url} does not allow it: {what}")]
    Denied {
        /// The master's address.
        url: String,
        /// What the master says: what would be needed.
        what: String,
    },
    /// There is no such thing.
    #[error("{what}")]
    NotFound {
        /// What the master says.
        what: String,
    },
    /// The master does not take the question or the act.
    #[error("{what}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the master says.
        what: String,
    },
    /// What answers is no Sluice.
    #[error("what answers at {url} is no Sluice: {what}")]
    Foreign {
        /// The address.
        url: String,
        /// What came in place of a document: the status and the kind of content.
        what: String,
    },
    /// What answers is a Sluice that speaks otherwise.
    #[error("{url} gives an answer that is not understood: {what}")]
    Strange {
        /// The master's address.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The answer is longer than is read.
    #[error("the answer is longer than {most} bytes; ask for less with a limit")]
    TooLong {
        /// The limit.
        most: usize,
    },
}

impl ClientError {
    /// Nobody answers or the connection broke: the same question may be asked again.
    pub fn is_connection(&self) -> bool {
        matches!(self, ClientError::Away { .. } | ClientError::Broken { .. })
    }
}

/// What an error and its sources say, the last one only: it is the one that tells the cause.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    // The standard library adds `(os error 111)`, which nobody needs.
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

pub(crate) fn connection(url: &str, error: &reqwest::Error) -> ClientError {
    let (url, what) = (url.to_owned(), chain(error));
    if error.is_connect() { ClientError::Away { url, what } } else { ClientError::Broken { url, what } }
}

/// What an answer that is an error says, and who says it.
pub(crate) enum Said {
    /// The text of a document as Sluice writes it.
    BySluice(String),
    /// A web server or a proxy: the head of its answer.
    ByOther(String),
}

/// Whether an answer says that it is JSON.
pub(crate) fn is_json(response: &Response) -> bool {
    kind(response).starts_with("application/json")
}

/// `HTTP 404 Not Found, text/html`.
pub(crate) fn head(response: &Response) -> String {
    match kind(response).split(';').next() {
        Some(kind) if !kind.is_empty() => format!("HTTP {}, {kind}", response.status()),
        _ => format!("HTTP {}", response.status()),
    }
}

fn kind(response: &Response) -> &str {
    response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

pub(crate) async fn said(mut response: Response) -> Said {
    const MOST: usize = 64 * 1024;
    let mut head = head(&response);
    let plain = kind(&response).starts_with("text/plain");
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > MOST {
            break;
        }
    }
    if let Ok(problem) = serde_json::from_slice::<api::Problem>(&body) {
        return Said::BySluice(problem.error);
    }
    if let Ok(api::Reply { error: Some(error), .. }) = serde_json::from_slice(&body) {
        return Said::BySluice(error.text());
    }
    let line: String = String::from_utf8_lossy(&body).lines().next().unwrap_or("").chars().take(200).collect();
    if plain && !line.is_empty() {
        head = format!("{head}: {line}");
    }
    Said::ByOther(head)
}

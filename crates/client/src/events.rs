//! Events: what happens at the master, as it happens. The stream comes back by itself after a lost connection.

use crate::read::encode;
use crate::{Client, ClientError, error};
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use std::pin::Pin;
use std::time::Duration;

/// What a listener hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The stream is open. What happened before is not told: look at what interests you now. Also after each
    /// reconnection, and when the master has said that events were lost.
    Open,
    /// Something happened.
    Event {
        /// Its key, joined by slashes: `builds/9/finished`.
        key: String,
        /// The document.
        message: serde_json::Value,
    },
}

/// Listens to events.
#[derive(Debug)]
pub struct Listener {
    client: Client,
    path: String,
    stream: Option<Parser>,
    wait: Duration,
    opened: Opened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Never,
    Before,
}

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>;

/// The longest event that is read.
const MOST_EVENT: usize = 4 * 1024 * 1024;

/// The shortest and the longest wait before the next attempt to connect.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

impl Client {
    /// Listens to events under a path with `*` for any one word: `builds/*/*`.
    pub fn listen(&self, path: &str) -> Listener {
        let mut encoded = String::new();
        for (n, word) in path.trim_matches('/').split('/').enumerate() {
            if n > 0 {
                encoded.push('/');
            }
            if word == "*" { encoded.push('*') } else { encode(word, &mut encoded) }
        }
        Listener { client: self.clone(), path: encoded, stream: None, wait: WAITS.0, opened: Opened::Never }
    }
}

impl Listener {
    /// What happens next. After a lost connection it connects again and says [`Heard::Open`].
    /// It may be dropped at any await and asked again: nothing is lost by that.
    ///
    /// # Errors
    /// When the first connection cannot be made, or the master refuses; a later loss of the connection is no error.
    pub async fn next(&mut self) -> Result<Heard, ClientError> {
        loop {
            let Some(parser) = &mut self.stream else {
                match self.connect().await {
                    Ok(parser) => {
                        self.stream = Some(parser);
                        self.opened = Opened::Before;
                        self.wait = WAITS.0;
                        continue;
                    }
                    Err(e) if self.opened == Opened::Before && e.is_connection() => {
                        tokio::time::sleep(self.wait).await;
                        self.wait = (self.wait * 2).min(WAITS.1);
                        continue;
                    }
                    Err(e) => return Err(e),
                }
            };
            match parser.next().await {
                Some(event) => {
                    if let Some(heard) = event.heard() {
                        return Ok(heard);
                    }
                }
                None => {
                    self.stream = None;
                    tokio::time::sleep(self.wait).await;
                    self.wait = (self.wait * 2).min(WAITS.1);
                }
            }
        }
    }

    async fn connect(&self) -> Result<Parser, ClientError> {
        let url = format!("{}/sse/listen/{}", self.client.url, self.path);
        let response = self.client.send(self.client.http.get(url).header("accept", "text/event-stream")).await?;
        let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            let what = format!("its events come as '{kind}'");
            return Err(ClientError::Strange { url: self.client.url.clone(), what });
        }
        Ok(Parser { pieces: Box::pin(response.bytes_stream()), rest: Vec::new(), event: Raw::default() })
    }
}

/// An event of the stream before it is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Raw {
    name: String,
    data: String,
}

#[derive(Deserialize)]
struct Message {
    key: Vec<String>,
    message: serde_json::Value,
}

impl Raw {
    fn heard(self) -> Option<Heard> {
        match self.name.as_str() {
            "handshake" | "reload" => Some(Heard::Open),
            "event" => {
                let message: Message = serde_json::from_str(&self.data).ok()?;
                Some(Heard::Event { key: message.key.join("/"), message: message.message })
            }
            _ => None,
        }
    }
}

/// Reads a stream of server-sent events (WHATWG HTML, section 9.2.6).
struct Parser {
    pieces: Pieces,
    rest: Vec<u8>,
    event: Raw,
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").field("event", &self.event).finish_non_exhaustive()
    }
}

impl Parser {
    /// The next event; `None`: the stream has ended, or is no stream of events.
    async fn next(&mut self) -> Option<Raw> {
        loop {
            while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if let Some(event) = self.line(&line) {
                    return Some(event);
                }
            }
            if self.rest.len() + self.event.data.len() > MOST_EVENT {
                return None;
            }
            let piece = self.pieces.next().await?;
            match piece {
                Ok(bytes) => self.rest.extend_from_slice(&bytes),
                Err(e) => {
                    let _ = error::chain(&e);
                    return None;
                }
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<Raw> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.name.is_empty() || !event.data.is_empty()).then_some(event);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

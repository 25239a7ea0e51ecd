//! One connection: whole frames in both directions, over a WebSocket or inside this process.

use crate::WorkerError;
use crate::setup::Master;
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

/// Frames that wait in a direction, at most.
const FRAMES: usize = 4;

/// How long making a connection may take.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// How long the last frames may take to leave.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The master's end of a connection inside its own process: each item is one frame of [`wire`]. Dropping it ends the
/// connection.
#[derive(Debug)]
pub struct Pipe {
    /// What the worker says.
    pub from_worker: mpsc::Receiver<Vec<u8>>,
    /// What the worker hears.
    pub to_worker: mpsc::Sender<Vec<u8>>,
}

/// Why there is no connection, or no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// Nothing answers, or it is no WebSocket.
    #[error("{address} does not answer as a master: {what}")]
    Dial { address: String, what: String },
    /// It takes too long.
    #[error("{address} does not answer within {} s", DIAL_LIMIT.as_secs())]
    Slow { address: String },
    /// The master in this process has ended.
    #[error("the master has ended")]
    Ended,
    /// The other side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Something else than a binary message came.
    #[error("the master sent a message that is no frame")]
    NoFrame,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    incoming: Incoming,
    outgoing: mpsc::Sender<Vec<u8>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Incoming {
    Pipe(mpsc::Receiver<Vec<u8>>),
    Socket(futures_util::stream::SplitStream<Socket>),
}

impl Link {
    /// Makes a connection.
    pub(crate) async fn dial(master: Master) -> Result<Self, LinkError> {
        match master {
            Master::InProcess(door) => {
                let (outgoing, from_worker) = mpsc::channel(FRAMES);
                let (to_worker, incoming) = mpsc::channel(FRAMES);
                door.send(Pipe { from_worker, to_worker }).await.map_err(|_| LinkError::Ended)?;
                Ok(Self { incoming: Incoming::Pipe(incoming), outgoing, writer: None })
            }
            Master::Url(url) => {
                let address = address(&url).unwrap_or(url);
                match tokio::time::timeout(DIAL_LIMIT, socket(&address)).await {
                    Err(_) => Err(LinkError::Slow { address }),
                    Ok(Err(e)) => Err(LinkError::Dial { address, what: explain(&e) }),
                    Ok(Ok(socket)) => Ok(Self::over(socket)),
                }
            }
        }
    }

    fn over(socket: Socket) -> Self {
        let (mut sink, stream) = socket.split();
        let (outgoing, mut frames) = mpsc::channel::<Vec<u8>>(FRAMES);
        let writer = tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                let mut sent = sink.feed(Message::binary(frame)).await;
                while let (Ok(()), Ok(more)) = (&sent, frames.try_recv()) {
                    sent = sink.feed(Message::binary(more)).await;
                }
                if sent.is_err() || sink.flush().await.is_err() {
                    return;
                }
            }
            let _ = sink.close().await;
        });
        Self { incoming: Incoming::Socket(stream), outgoing, writer: Some(writer) }
    }

    /// The next frame. May be dropped while it waits; nothing is lost then.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>, LinkError> {
        match &mut self.incoming {
            Incoming::Pipe(frames) => frames.recv().await.ok_or(LinkError::Closed),
            Incoming::Socket(stream) => loop {
                match stream.next().await {
                    Some(Ok(Message::Binary(frame))) => return Ok(frame.into()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | None => return Err(LinkError::Closed),
                    Some(Ok(Message::Text(_) | Message::Frame(_))) => return Err(LinkError::NoFrame),
                    Some(Err(e)) => return Err(LinkError::Broken(e.to_string())),
                }
            },
        }
    }

    /// Room for a frame, if there is some now.
    pub(crate) fn room(&self) -> Option<mpsc::Permit<'_, Vec<u8>>> {
        self.outgoing.try_reserve().ok()
    }

    /// Whether nobody takes frames any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.outgoing.is_closed()
    }

    /// Waits until there is room for a frame, or the connection is over.
    pub(crate) fn until_room(&self) -> impl Future<Output = ()> + Send + 'static {
        let outgoing = self.outgoing.clone();
        async move {
            let _ = outgoing.reserve().await;
        }
    }

    /// Lets the last frames go, and closes.
    pub(crate) async fn close(self) {
        drop(self.outgoing);
        drop(self.incoming);
        if let Some(writer) = self.writer {
            let abort = writer.abort_handle();
            if tokio::time::timeout(CLOSE_LIMIT, writer).await.is_err() {
                abort.abort();
            }
        }
    }
}

/// The WebSocket address of a master: `http://host:port/` becomes `ws://host:port/worker`.
///
/// # Errors
/// It is no address.
pub(crate) fn address(url: &str) -> Result<String, WorkerError> {
    let wrong = |why: &str| WorkerError::Address { address: url.to_owned(), why: why.to_owned() };
    let parsed: Uri = url.parse().map_err(|_| wrong("it cannot be read"))?;
    let scheme = match parsed.scheme_str() {
        Some("http" | "ws") => "ws",
        Some("https" | "wss") => "wss",
        Some(_) => return Err(wrong("it begins neither with http:// nor with https://")),
        None => return Err(wrong("it does not begin with http:// or https://")),
    };
    let host = parsed.authority().map(|a| a.as_str()).filter(|a| !a.is_empty() && !a.contains('@'));
    let host = host.ok_or_else(|| wrong("it names no host, or a user"))?;
    // A port that is no number from 1 to 65535 is none.
    let after_host = host.rsplit(']').next().unwrap_or(host);
    if after_host.contains(':') && parsed.port_u16().is_none_or(|port| port == 0) {
        return Err(wrong("its port is no number from 1 to 65535"));
    }
    if parsed.query().is_some() {
        return Err(wrong("it has a `?`"));
    }
    Ok(format!("{scheme}://{host}{}/worker", parsed.path().trim_end_matches('/')))
}

async fn socket(address: &str) -> Result<Socket, tungstenite::Error> {
    let config = WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .max_message_size(Some(wire::FRAME_LIMIT))
        .max_frame_size(Some(wire::FRAME_LIMIT))
        .max_write_buffer_size(4 << 20);
    let connector: Option<Connector> = if address.starts_with("wss:") {
        // Another room may have installed a provider already; both are ring.
        let _ = rustls::crypto::ring::default_provider().install_default();
        None
    } else {
        Some(Connector::Plain)
    };
    let (socket, _) = tokio_tungstenite::connect_async_tls_with_config(address, Some(config), true, connector).await?;
    Ok(socket)
}

fn explain(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => format!("it says {}", response.status()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_a_browser() {
        let good = [
            ("http://ci.example.org:8010/", "ws://ci.example.org:8010/worker"),
            ("http://ci.example.org", "ws://ci.example.org/worker"),
            ("https://example.org/ci/", "wss://example.org/ci/worker"),
            ("ws://[::1]:8010", "ws://[::1]:8010/worker"),
        ];
        for (url, expected) in good {
            assert_eq!(address(url).unwrap(), expected);
        }
        for bad in [
            "",
            "ci.example.org:8010",
            "ftp://x/",
            "http://",
            "http://a:b@c/",
            "http://x/?y",
            "http://x y/",
            "http://x:99999",
            "http://x:0",
            "http://[::1]:70000",
        ] {
            assert!(matches!(address(bad), Err(WorkerError::Address { .. })), "{bad}");
        }
    }
}

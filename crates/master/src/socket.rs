//! Workers over the network: WebSocket at `/worker` on the one port.

use crate::admission::Via;
use crate::session::{Doorway, Transport, serve};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::FRAME_LIMIT;

/// How much may wait to be written on one connection.
const WRITE_LIMIT: usize = 4 << 20;

/// What is read at once; a thousand idle workers must not cost a thousand large buffers.
const READ_BUFFER: usize = 8 << 10;

/// The route that workers connect to.
pub(crate) fn router(door: Arc<Doorway>) -> Router {
    Router::new().route("/worker", any(connect)).with_state(door)
}

async fn connect(
    State(door): State<Arc<Doorway>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(FRAME_LIMIT)
        .max_frame_size(FRAME_LIMIT)
        .max_write_buffer_size(WRITE_LIMIT)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| async move { serve(&door, Via::Network(from), Socket(socket)).await })
}

struct Socket(WebSocket);

impl Transport for Socket {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.recv().await? {
                Ok(Message::Binary(frame)) => return Some(frame.into()),
                // Text is no frame; the session says so.
                Ok(Message::Text(text)) => return Some(text.as_bytes().to_vec()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) => return None,
                Err(e) => {
                    tracing::debug!("a worker's connection broke: {e}");
                    return None;
                }
            }
        }
    }

    async fn send(&mut self, frame: Vec<u8>) -> bool {
        self.0.send(Message::Binary(Bytes::from(frame))).await.is_ok()
    }
}

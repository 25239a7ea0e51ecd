//! The door `/transfer/TOKEN`: files from workers and to them.
//!
//! A token opens it for one step of one lease, and only while that step runs. It is made of the command's name and a key
//! that lies in the base directory, so that it still opens after the master was started anew.

mod place;
mod unpack;

use crate::base::BaseDir;
use crate::input::Input;
use crate::session::lock;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use engine::World;
use futures_util::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{BuildId, StepAction, TransferSpec};
use serde::Deserialize;
use sha2::Sha256;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::io::ReaderStream;
use unpack::{Shape, Unpack, UnpackError};
use web::rest::attempt::{CAME, ORDER};
use wire::CommandId;

/// How long a worker may take between two pieces.
const SILENCE: Duration = Duration::from_secs(60);

/// Pieces that wait to be written.
const WAITING: usize = 16;

/// Bytes that come of an attempt beside its directory.
const BESIDE: u64 = 8 << 20;

/// Makes and knows tokens.
#[derive(Clone)]
pub(crate) struct Keys {
    secret: Arc<str>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    pub(crate) fn new(secret: &str) -> Self {
        Self { secret: secret.into() }
    }

    /// The token of a command: `BUILD.EPOCH.STEP.SUM`.
    pub(crate) fn token(&self, command: CommandId) -> String {
        let sum: String = match self.sum(command) {
            Some(mac) => mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect(),
            None => String::new(),
        };
        format!("{command}.{sum}")
    }

    /// The command that a token speaks for.
    fn command(&self, token: &str) -> Option<CommandId> {
        let (command, sum) = token.rsplit_once('.')?;
        let command: CommandId = command.parse().ok()?;
        let bytes: Option<Vec<u8>> = (0..sum.len() / 2)
            .map(|i| sum.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        self.sum(command)?.verify_slice(&bytes.filter(|b| b.len() * 2 == sum.len())?).ok()?;
        Some(command)
    }

    fn sum(&self, command: CommandId) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).ok()?;
        mac.update(format!("transfer {command}").as_bytes());
        Some(mac)
    }
}

/// What a running step wants to bring, with the place on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransferOrder {
    pub(crate) transfer: TransferSpec<String>,
    /// The directory that nothing leads out of, and the path below it; `None`: below the public directory.
    pub(crate) place: Result<place::Place, String>,
}

/// What the step of this command wants to bring, if it runs.
pub(crate) fn order(world: &World, command: CommandId) -> Option<TransferOrder> {
    let running = world.build(BuildId(command.build)).filter(|b| b.build.lease.epoch == command.epoch)?;
    let step = running.current().filter(|s| s.id.0 == command.step)?;
    let spec = running.plan.get(usize::try_from(step.number).ok()?)?;
    let StepAction::Transfer(written) = &spec.action else { return None };
    let rendered = model::render::action(&spec.action, &engine::build::sight(world, running)).ok()?;
    let StepAction::Transfer(transfer) = rendered.action else { return None };
    let place = match (written, &transfer) {
        (TransferSpec::Upload { to: text, .. }, TransferSpec::Upload { to: path, .. })
        | (TransferSpec::Download { from: text, .. }, TransferSpec::Download { from: path, .. }) => {
            place::Place::of(text, path)
        }
        // Both its files have places of their own.
        (TransferSpec::Attempt { .. }, TransferSpec::Attempt { .. }) => Err("an attempt has no path".to_owned()),
        _ => return None,
    };
    Some(TransferOrder { transfer, place })
}

/// What the door works with.
pub(crate) struct TransferDoor {
    keys: Keys,
    base: BaseDir,
    inbox: mpsc::Sender<Input>,
    /// Commands whose files are being written.
    busy: Mutex<BTreeSet<CommandId>>,
}

/// The route of transfers.
pub(crate) fn router(keys: Keys, base: BaseDir, inbox: mpsc::Sender<Input>) -> Router {
    let door = Arc::new(TransferDoor { keys, base, inbox, busy: Mutex::default() });
    Router::new().route("/transfer/{token}", get(give).put(take)).with_state(door)
}

fn say(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.into() + "\n").into_response()
}

impl TransferDoor {
    async fn order(&self, token: &str) -> Result<(CommandId, TransferOrder), (StatusCode, &'static str)> {
        let command = self.keys.command(token).ok_or((StatusCode::FORBIDDEN, "this token opens nothing"))?;
        let (reply, answer) = oneshot::channel();
        let away = (StatusCode::SERVICE_UNAVAILABLE, "the master is starting or stopping");
        self.inbox.send(Input::Transfer { command, reply }).await.map_err(|_| away)?;
        match answer.await {
            Ok(Ok(Some(order))) => Ok((command, order)),
            Ok(Ok(None)) => Err((StatusCode::GONE, "the step that this token is for does not run")),
            _ => Err(away),
        }
    }

    fn find(&self, order: &TransferOrder, of_attempt: &str) -> Result<PathBuf, String> {
        match &order.transfer {
            TransferSpec::Attempt { key, .. } if model::is_attempt_key(key) => {
                Ok(self.base.attempts().join(key).join(of_attempt))
            }
            TransferSpec::Attempt { key, .. } => Err(format!("'{}' is no key of an attempt", key.escape_debug())),
            _ => order.place.clone().and_then(|place| place.resolve(&self.base.public())),
        }
    }
}

/// Gives a file of the master.
async fn give(State(door): State<Arc<TransferDoor>>, UrlPath(token): UrlPath<String>) -> Response {
    let order = match door.order(&token).await {
        Ok((_, order)) => order,
        Err((status, why)) => return say(status, why),
    };
    let (from, max_size) = match &order.transfer {
        TransferSpec::Download { from, max_size, .. } => (from.as_str(), *max_size),
        TransferSpec::Attempt { .. } => ("with what this attempt needs", None),
        _ => return say(StatusCode::BAD_REQUEST, "this step brings nothing to its worker"),
    };
    let path = match door.find(&order, ORDER) {
        Ok(path) => path,
        Err(why) => return say(StatusCode::BAD_REQUEST, why),
    };
    let opened = async {
        let file = tokio::fs::File::open(&path).await?;
        let facts = file.metadata().await?;
        Ok::<_, io::Error>((file, facts))
    };
    match opened.await {
        Ok((_, facts)) if !facts.is_file() => say(StatusCode::BAD_REQUEST, format!("{from} is no file")),
        Ok((_, facts)) if max_size.is_some_and(|most| facts.len() > most) => {
            say(StatusCode::PAYLOAD_TOO_LARGE, format!("{from} has {} bytes, which is more than may come", facts.len()))
        }
        Ok((file, facts)) => {
            let length = facts.len();
            let exact = tokio::io::AsyncReadExt::take(file, length);
            let body = Body::from_stream(ReaderStream::with_capacity(exact, 256 << 10));
            ([(header::CONTENT_LENGTH, length.to_string())], body).into_response()
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            say(StatusCode::NOT_FOUND, format!("the master has no file {from}"))
        }
        Err(e) => say(StatusCode::INTERNAL_SERVER_ERROR, format!("{from} cannot be read: {e}")),
    }
}

#[derive(Deserialize)]
struct Sent {
    shape: String,
}

/// A command whose files are being written; others wait until it is gone.
struct Busy<'a>(&'a TransferDoor, CommandId);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.busy).remove(&self.1);
    }
}

/// Takes files of a worker.
async fn take(
    State(door): State<Arc<TransferDoor>>,
    UrlPath(token): UrlPath<String>,
    Query(sent): Query<Sent>,
    body: Body,
) -> Response {
    let (command, order) = match door.order(&token).await {
        Ok(found) => found,
        Err((status, why)) => return say(status, why),
    };
    let (to, most, mode, shape) = match (&order.transfer, Shape::from_word(&sent.shape)) {
        (TransferSpec::Upload { to, max_size, mode, .. }, Some(shape)) => (to.as_str(), *max_size, *mode, shape),
        (TransferSpec::Attempt { max_size, .. }, Some(Shape::File)) => {
            (CAME, Some(max_size.saturating_add(BESIDE)), Some(0o600), Shape::File)
        }
        _ => return say(StatusCode::BAD_REQUEST, "this step brings nothing to the master in this way"),
    };
    let target = match door.find(&order, CAME) {
        Ok(target) => target,
        Err(why) => return say(StatusCode::BAD_REQUEST, why),
    };
    if !lock(&door.busy).insert(command) {
        return say(StatusCode::CONFLICT, "an earlier attempt is still being written");
    }
    let busy = Busy(&door, command);
    let into_directory = to.ends_with('/');
    let job = Unpack { target, shape, into_directory, most, mode };
    let (pieces, reader) = mpsc::channel(WAITING);
    let unpacking = tokio::task::spawn_blocking(move || job.run(Pieces { pieces: reader, piece: Bytes::new() }));
    feed(body, pieces).await;
    let unpacked = unpacking.await;
    drop(busy);
    match unpacked {
        Ok(Ok((files, bytes))) => {
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            say(StatusCode::OK, format!("{files}, {bytes} bytes, are {to} on the master"))
        }
        Ok(Err(UnpackError::Refused(why))) => say(StatusCode::UNPROCESSABLE_ENTITY, why),
        Ok(Err(UnpackError::Cut)) => say(StatusCode::SERVICE_UNAVAILABLE, "the transfer was cut off"),
        Ok(Err(UnpackError::Machine(what))) => say(StatusCode::INSUFFICIENT_STORAGE, what),
        Err(e) => say(StatusCode::INTERNAL_SERVER_ERROR, format!("the files cannot be written: {e}")),
    }
}

/// Hands the pieces of a body on. What ends before its end, ends with an error.
async fn feed(body: Body, pieces: mpsc::Sender<io::Result<Bytes>>) {
    let mut body = body.into_data_stream();
    loop {
        let piece = match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(None) => return,
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(e))) => Err(io::Error::other(e)),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let over = piece.is_err();
        if pieces.send(piece).await.is_err() || over {
            return;
        }
    }
}

/// Pieces as a file that is read on a thread.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.piece = piece?,
            }
        }
        let n = buffer.len().min(self.piece.len());
        buffer[..n].copy_from_slice(&self.piece.split_to(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_for_its_own_command_only() {
        let keys = Keys::new("0123456789abcdef");
        let command = CommandId { build: 7, epoch: 2, step: 31 };
        let token = keys.token(command);
        assert!(token.starts_with("7.2.31.") && token.len() > 70);
        assert_eq!(keys.command(&token), Some(command));
        assert_eq!(Keys::new("another").command(&token), None);
        let sum = token.rsplit_once('.').unwrap().1;
        for bad in [format!("7.2.32.{sum}"), format!("7.2.31.{}", &sum[2..]), format!("{token}0"), "7.2.31.".into()] {
            assert_eq!(keys.command(&bad), None, "{bad}");
        }
        for bad in ["", ".", "7.2.31", "7.2.31.zz", "7.2.31.ü"] {
            assert_eq!(keys.command(bad), None, "{bad}");
        }
        assert_eq!(format!("{keys:?}"), "Keys(…)");
    }
}

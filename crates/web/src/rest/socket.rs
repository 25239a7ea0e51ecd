//! Events over a WebSocket: `{"cmd": "startConsuming", "path": "builds/*/*", "_id": 1}` and its kin.

use super::listen::{MOST_PATHS, Words, words};
use crate::Web;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use model::Event;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

/// The longest message that is taken.
const MOST_BYTES: usize = 64 * 1024;

/// `GET /ws`
pub(super) async fn open(State(web): State<Web>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(MOST_BYTES).max_frame_size(MOST_BYTES).on_upgrade(|socket| talk(web, socket))
}

async fn talk(web: Web, mut socket: WebSocket) {
    let mut events = web.events.subscribe();
    let mut paths: Vec<Words> = Vec::new();
    loop {
        let text = tokio::select! {
            () = web.shutdown.cancelled() => break,
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => Some(command(&text, &mut paths)),
                Some(Ok(Message::Binary(_))) => Some(problem(400, "commands are text", &Value::Null)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            event = events.recv() => match event {
                Ok(event) if paths.iter().any(|p| api::event::matches(p, &event.key)) => Some(told(&event)),
                Ok(_) => None,
                Err(RecvError::Lagged(lost)) => Some(json!({ "k": "reload", "m": { "lost": lost } }).to_string()),
                Err(RecvError::Closed) => break,
            },
        };
        if let Some(text) = text
            && socket.send(Message::Text(text.into())).await.is_err()
        {
            break;
        }
    }
}

/// `{"k": "builds/9/finished", "m": {…}}`; the message is JSON text already.
fn told(event: &Event) -> String {
    let key = Value::from(event.key.join("/"));
    format!("{{\"k\":{key},\"m\":{}}}", event.message)
}

fn problem(code: u16, text: &str, id: &Value) -> String {
    json!({ "error": text, "code": code, "_id": id }).to_string()
}

/// Obeys a command and says so.
fn command(text: &str, paths: &mut Vec<Words>) -> String {
    let Ok(Value::Object(frame)) = serde_json::from_str(text) else {
        return problem(400, "a command is a JSON object", &Value::Null);
    };
    let id = match frame.get("_id") {
        None | Some(Value::Null) => return problem(400, "no '_id' in websocket frame", &Value::Null),
        Some(id) => id,
    };
    let Some(cmd) = frame.get("cmd").and_then(Value::as_str) else {
        return problem(400, "no 'cmd' in websocket frame", &Value::Null);
    };
    let ok = |word: &str| json!({ "msg": word, "code": 200, "_id": id }).to_string();
    let path = || frame.get("path").and_then(Value::as_str).and_then(words);
    match cmd {
        "ping" => ok("pong"),
        "startConsuming" => match path() {
            None => problem(400, "invalid path format", id),
            Some(path) if paths.contains(&path) => ok("OK"),
            Some(_) if paths.len() >= MOST_PATHS => problem(400, "too many paths", id),
            Some(path) => {
                paths.push(path);
                ok("OK")
            }
        },
        "stopConsuming" => match path() {
            None => problem(400, "invalid path format", id),
            Some(path) => match paths.iter().position(|p| *p == path) {
                None => problem(400, "path was not consumed", id),
                Some(n) => {
                    paths.remove(n);
                    ok("OK")
                }
            },
        },
        _ => problem(404, &format!("no such command '{cmd}'"), id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_answered() {
        let mut paths = Vec::new();
        let cases = [
            (r#"{"cmd":"ping","_id":1}"#, r#"{"_id":1,"code":200,"msg":"pong"}"#),
            (r#"{"cmd":"startConsuming","path":"builds/*/*","_id":"a"}"#, r#"{"_id":"a","code":200,"msg":"OK"}"#),
            (r#"{"cmd":"startConsuming","path":"builds/*/*","_id":3}"#, r#"{"_id":3,"code":200,"msg":"OK"}"#),
            (r#"{"cmd":"startConsuming","path":7,"_id":4}"#, r#"{"_id":4,"code":400,"error":"invalid path format"}"#),
            (r#"{"cmd":"stopConsuming","path":"builds/*/*","_id":5}"#, r#"{"_id":5,"code":200,"msg":"OK"}"#),
            (
                r#"{"cmd":"stopConsuming","path":"builds/*/*","_id":6}"#,
                r#"{"_id":6,"code":400,"error":"path was not consumed"}"#,
            ),
            (r#"{"cmd":"shout","_id":7}"#, r#"{"_id":7,"code":404,"error":"no such command 'shout'"}"#),
            (r#"{"cmd":"ping"}"#, r#"{"_id":null,"code":400,"error":"no '_id' in websocket frame"}"#),
            (r#"{"_id":9}"#, r#"{"_id":null,"code":400,"error":"no 'cmd' in websocket frame"}"#),
            ("[[[[", r#"{"_id":null,"code":400,"error":"a command is a JSON object"}"#),
        ];
        for (sent, wanted) in cases {
            let answer: Value = serde_json::from_str(&command(sent, &mut paths)).unwrap();
            assert_eq!(answer, serde_json::from_str::<Value>(wanted).unwrap(), "{sent}");
        }
        assert!(paths.is_empty());
    }
}

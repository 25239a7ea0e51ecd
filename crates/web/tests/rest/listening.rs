//! Events: streams over HTTP, what they hear, what a slow one hears, and how they end.

use crate::town::Town;
use axum::body::Body;
use axum::http::{Request as Ask, StatusCode};
use futures_util::StreamExt as _;
use model::Event;
use std::sync::Arc;
use std::time::Duration;

/// A stream that is read piece by piece.
struct Ear {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Ear {
    async fn at(town: &Town, path: &str) -> Self {
        let response = town.send(Ask::get(path).header("accept-encoding", "gzip").body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-encoding"), "events are not held back by compression");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event: its name and its data. `None`: the stream has ended.
    async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().to_owned();
                let event = (field("event: "), field("data: "));
                self.text = rest.to_owned();
                return Some(event);
            }
            let piece = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }
}

fn say(town: &Town, key: &str) {
    let key: Vec<String> = key.split('/').map(str::to_owned).collect();
    let message = format!("{{\"said\":\"{}\"}}", key.join("/"));
    town.web.events.send(Arc::new(Event { key, message })).unwrap();
}

fn heard(key: &str) -> Option<(String, String)> {
    let words: Vec<&str> = key.split('/').collect();
    let key = serde_json::to_string(&words).unwrap();
    Some(("event".to_owned(), format!("{{\"key\":{key},\"message\":{{\"said\":\"{}\"}}}}", words.join("/"))))
}

#[tokio::test]
async fn a_stream_hears_what_it_listens_to() {
    let town = Town::new().await;
    let mut ear = Ear::at(&town, "/sse/listen/builds/*/*?also=workers/1/connected").await;
    let (name, id) = ear.next().await.unwrap();
    assert_eq!((name.as_str(), id.len()), ("handshake", 36));
    for key in ["steps/1/new", "builds/9/new", "workers/2/connected", "workers/1/connected", "builds/9/steps/0/new"] {
        say(&town, key);
    }
    assert_eq!(ear.next().await, heard("builds/9/new"));
    assert_eq!(ear.next().await, heard("workers/1/connected"));

    assert_eq!(town.get(&format!("/sse/add/{id}/steps/*/*")).await.text(), "ok");
    assert_eq!(town.get(&format!("/sse/remove/{id}/builds/*/*")).await.text(), "ok");
    assert_eq!(town.get(&format!("/sse/remove/{id}/builds/*/*")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(town.get("/sse/add/nobody/steps/*/*").await.status, StatusCode::BAD_REQUEST);
    for key in ["builds/9/finished", "steps/1/finished"] {
        say(&town, key);
    }
    assert_eq!(ear.next().await, heard("steps/1/finished"));
}

#[tokio::test]
async fn a_slow_listener_is_told_to_look_anew() {
    let town = Town::new().await;
    let mut ear = Ear::at(&town, "/sse/listen/builds/*/*").await;
    ear.next().await.unwrap();
    for n in 0..40 {
        say(&town, &format!("builds/{n}/new"));
    }
    assert_eq!(ear.next().await, Some(("reload".to_owned(), "24".to_owned())));
    assert_eq!(ear.next().await, heard("builds/24/new"));
}

#[tokio::test]
async fn streams_end_with_the_master() {
    let town = Town::new().await;
    let mut ear = Ear::at(&town, "/sse/listen").await;
    ear.next().await.unwrap();
    town.web.shutdown.cancel();
    assert_eq!(ear.next().await, None);
}

#[tokio::test]
async fn a_socket_hears_what_it_consumes() {
    use futures_util::SinkExt as _;
    use tokio_tungstenite::tungstenite::Message;
    let town = Town::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    let router = web::router(town.web.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    let next = async |socket: &mut tokio_tungstenite::WebSocketStream<_>| {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap();
        message.map(|m| m.unwrap().into_text().unwrap().to_string())
    };
    socket.send(Message::text(r#"{"cmd":"startConsuming","path":"builds/*/*","_id":1}"#)).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), r#"{"_id":1,"code":200,"msg":"OK"}"#);
    say(&town, "steps/1/new");
    say(&town, "builds/9/finished");
    let event = r#"{"k":"builds/9/finished","m":{"said":"builds/9/finished"}}"#;
    assert_eq!(next(&mut socket).await.unwrap(), event);
    socket.send(Message::binary(vec![0xff, 0xfe])).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), r#"{"_id":null,"code":400,"error":"commands are text"}"#);
    town.web.shutdown.cancel();
    assert!(matches!(socket.next().await, None | Some(Err(_) | Ok(Message::Close(_)))));
    server.abort();
}

#[tokio::test]
async fn hostile_paths_are_refused() {
    let town = Town::new().await;
    let deep = format!("/sse/listen/{}", "a/".repeat(60));
    assert_eq!(town.get(&deep).await.status, StatusCode::BAD_REQUEST);
    let many = format!("/sse/listen/a?{}", "also=b&".repeat(200));
    assert_eq!(town.get(&many).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(town.get("/sse").await.status, StatusCode::NOT_FOUND);
    assert_eq!(town.get("/ws").await.status.as_u16() / 100, 4);
}

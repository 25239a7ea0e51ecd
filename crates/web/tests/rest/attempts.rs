//! Attempts of test runs: what they need comes here, what came of them is fetched, and who may.

use crate::town::{Said, TOKEN, Town};
use axum::body::Body;
use axum::http::{Method, Request as Ask, StatusCode};
use base64::Engine as _;
use serde_json::json;
use std::fs;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

async fn ask(town: &Town, method: Method, path: &str, proof: Option<&str>, body: &[u8]) -> Said {
    let mut ask = Ask::builder().method(method).uri(format!("/api/v2/sluice/attempts/{path}"));
    if let Some(proof) = proof {
        ask = ask.header("authorization", proof);
    }
    town.ask(ask.body(Body::from(body.to_vec())).unwrap()).await
}

#[tokio::test]
async fn what_an_attempt_needs_is_kept_until_it_is_forgotten() {
    let town = Town::new().await;
    let listed = town.json("/api/v2/sluice/attempts").await;
    let linux = json!([{ "name": "linux", "schedulers": ["tries"], "max_came": 1000 }]);
    assert_eq!(listed["builders"], linux, "only by a try scheduler it is asked");
    assert_eq!(listed["max_order"], json!(web::rest::attempt::MOST_ORDER));
    let token = format!("Bearer {TOKEN}");
    let ann = basic("ann", "sesame");
    let dir = town.notes.attempts.join(KEY);
    for (proof, body) in [(&token, "one"), (&ann, "two")] {
        let said = ask(&town, Method::PUT, KEY, Some(proof), body.as_bytes()).await;
        assert_eq!(
            (said.status, said.json()["result"]["bytes"].clone()),
            (StatusCode::OK, json!(3)),
            "{}",
            said.text()
        );
        assert_eq!(fs::read_to_string(dir.join("order.tar")).unwrap(), body);
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing is left of the first");
    let came = format!("{KEY}/came");
    assert_eq!(ask(&town, Method::GET, &came, Some(&ann), b"").await.status, StatusCode::NOT_FOUND);
    fs::write(dir.join("came.tar"), "what came").unwrap();
    let said = ask(&town, Method::GET, &came, Some(&ann), b"").await;
    assert_eq!((said.status, said.text().as_str(), said.header("content-length")), (StatusCode::OK, "what came", "9"));
    for _ in 0..2 {
        assert_eq!(ask(&town, Method::DELETE, KEY, Some(&ann), b"").await.status, StatusCode::OK, "twice is once");
    }
    assert!(!dir.exists());
}

#[tokio::test]
async fn nobody_else_may_and_keys_name_nothing_else() {
    let town = Town::new().await;
    let wrong = basic("ann", "barley");
    for (method, path) in [
        (Method::PUT, KEY.to_owned()),
        (Method::GET, format!("{KEY}/came")),
        (Method::DELETE, KEY.to_owned()),
        (Method::POST, KEY.to_owned()),
    ] {
        let said = ask(&town, method.clone(), &path, None, b"x").await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let said = ask(&town, method.clone(), &path, Some(&wrong), b"x").await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let token = format!("Bearer {TOKEN}");
    for key in ["short", "..", "0123456789ABCDEF0123456789ABCDEF", "%2e%2e%2f0123456789abcdef0123456789abcdef"] {
        for method in [Method::PUT, Method::DELETE] {
            let said = ask(&town, method.clone(), key, Some(&token), b"x").await;
            assert_eq!(said.status, StatusCode::NOT_FOUND, "{method} {key}: {}", said.text());
        }
    }
    assert!(!town.notes.attempts.exists(), "nothing was written");
    let bearer = [("content-type", "application/json"), ("authorization", token.as_str())];
    let path = format!("/api/v2/sluice/attempts/{KEY}");
    for (method, status) in [("stop", StatusCode::NOT_FOUND), ("frobnicate", StatusCode::NOT_IMPLEMENTED)] {
        let body = api::rpc::call(method, &json!({})).to_string();
        assert_eq!(town.call(&path, &body, &bearer).await.status, status, "{method}");
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_leaves_nothing() {
    let town = Town::new().await;
    let token = format!("Bearer {TOKEN}");
    let piece = bytes::Bytes::from(vec![0; 1 << 20]);
    let pieces = (0..=256).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let put = Ask::put(format!("/api/v2/sluice/attempts/{KEY}")).header("authorization", token);
    let said = town.ask(put.body(body).unwrap()).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", said.text());
    assert!(said.text().contains("268435456 bytes"), "{}", said.text());
    assert_eq!(fs::read_dir(town.notes.attempts.join(KEY)).unwrap().count(), 0);
}

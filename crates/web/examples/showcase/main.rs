//! Serves the pages over a made-up project, for looking at them: `cargo run -p web --example showcase -- PORT [BUILDERS]`.
//!
//! A running build goes on talking, so that live pages have something to show. With port 0 it takes a free one; what it
//! prints is its address.

#![expect(clippy::unwrap_used, reason = "an example for looking at: what fails is to be seen")]

#[path = "../../tests/pages/facts.rs"]
mod facts;
#[path = "../../tests/pages/fake.rs"]
mod fake;
#[path = "../../tests/pages/history.rs"]
mod history;
#[path = "../../tests/pages/testruns.rs"]
mod testruns;
#[path = "../../tests/pages/train.rs"]
mod train;

use bytes::Bytes;
use model::{BuildId, Event, LogId, Query, Stream, Time};
use std::sync::Arc;
use std::time::Duration;
use web::rest::auth::Anonymous;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let port = args.next().unwrap_or_else(|| "8017".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let (web, _) = history::project(dir.path(), wall, Anonymous::Acts).await;
    let crowd = args.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    history::crowd(&web, crowd, wall()).await;
    testruns::fill(&web, &dir.path().join("tests"), wall()).await;
    testruns::many(&web.store, 100, 10_000, wall()).await;
    tokio::spawn(talk(web.clone()));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    println!("http://{}/", listener.local_addr().unwrap());
    axum::serve(listener, web::router(web)).await.unwrap();
}

/// The machine's clock.
fn wall() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The running test says a line now and then, after very many at the beginning.
async fn talk(web: web::Web) {
    let open = web.store.builds(&Query::default().eq("complete", false).eq("builderid", 1)).await.unwrap().rows;
    let Some(build) = open.first() else { return };
    let logs = web.store.logs_of_build(build.id).await.unwrap();
    let Some(log) = logs.last() else { return };
    let mut said = 0_u64;
    let first: String = (0..1_200_000).map(|i| format!("ok {i} - a test with a name of some length\n")).collect();
    say(&web, build.id, log.id, Bytes::from(first)).await;
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        said += 1;
        let text = format!(
            "ok {said} - live \x1b[32mgreen\x1b[0m \x1b[1;33mamber\x1b[0m {}\n",
            "word ".repeat(said as usize % 12)
        );
        say(&web, build.id, log.id, Bytes::from(text)).await;
        if said.is_multiple_of(10) {
            let key = ["builds", &build.id.to_string(), "update"].map(str::to_owned).to_vec();
            let _ = web.events.send(Arc::new(Event { key, message: "{}".to_owned() }));
        }
    }
}

async fn say(web: &web::Web, build: BuildId, log: LogId, text: Bytes) {
    let at = web.logs.facts(build, log).await.map_or(0, |f| f.bytes);
    web.logs.append(build, log, at, Stream::Stdout, text).await.unwrap();
}

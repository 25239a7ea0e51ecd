//! The pages of an area without a master: runs of tests, and nothing that is not there.

use crate::NOW;
use crate::testruns::many;
use model::testrun::TestRunState;
use model::{Query, Transition};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use web::local::{Local, serve};

/// The status line and the rest of an answer.
async fn get(address: std::net::SocketAddr, path: &str) -> (String, String) {
    let mut line = TcpStream::connect(address).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    line.write_all(ask.as_bytes()).await.unwrap();
    let mut said = String::new();
    line.read_to_string(&mut said).await.unwrap();
    let (first, rest) = said.split_once("\r\n").unwrap();
    (first.to_owned(), rest.to_owned())
}

#[tokio::test]
async fn the_runs_of_an_area_are_shown_without_a_master() {
    let dir = tempfile::tempdir().unwrap();
    let at = store::Location::Sqlite(dir.path().join("store.sqlite"));
    let store = store::Store::open(&at).await.unwrap();
    many(&store, 1, 300, NOW).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let local = Local {
        store: store::Store::open(&at).await.unwrap(),
        directory: dir.path().join("logs"),
        title: "zlib".to_owned(),
        address: format!("http://{address}/"),
        clock: || NOW,
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(serve(local, listener, async {
        let _ = stopped.await;
    }));
    let (status, rest) = get(address, "/").await;
    assert!(status.contains("303") && rest.contains("location: /tests\r\n"), "{status}\n{rest}");
    let (_, page) = get(address, "/tests").await;
    assert!(page.contains("many/items") && page.contains("href=\"/tests\" aria-current=\"page\""), "{page}");
    assert!(!page.contains("href=\"/builders\"") && !page.contains("Log in"), "{page}");
    // Another process goes on writing.
    let mut run = store.test_run(model::TestRunId(1)).await.unwrap().unwrap();
    run.state = TestRunState::Running;
    store.commit(vec![Transition::TestRunSaved(Box::new(run))]).await.unwrap();
    assert_eq!(store.test_runs(&Query::default()).await.unwrap().total, 1);
    let (_, page) = get(address, "/tests/1").await;
    assert!(page.contains("of 300 items to go"), "{page}");
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}

//! The one port: nobody holds a connection without going on, and who waits for us may wait.

use master::base::BaseDir;
use master::{Master, Reload, ServerLimits, Setup};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use testkit::wait::PATIENCE;

const SHORT: Duration = Duration::from_millis(300);

const LIMITS: ServerLimits = ServerLimits { head: SHORT, body: SHORT, connections: 64 };

struct Served {
    master: Master,
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

impl Served {
    fn with(limits: ServerLimits) -> Self {
        let dir = testkit::temp_dir();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let config = model::Config {
            web: model::WebSpec { listen: "127.0.0.1:0".into(), ..Default::default() },
            ..Default::default()
        };
        let base = BaseDir::at(dir.path());
        let setup = Setup { reload: Reload::Never, limits, ..Setup::of(base, config) };
        let master = runtime.block_on(Master::start(setup)).expect("the master starts");
        Self { master, runtime, dir }
    }

    fn address(&self) -> SocketAddr {
        self.master.address()
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("token")).expect("a token").trim().to_owned()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    fn say(&self, text: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).expect("it is taken");
        stream
    }

    fn stop(self) {
        self.runtime.block_on(self.master.stop());
    }
}

/// All that comes until the other side closes, and how long that took.
fn to_the_end(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
        Err(e) => panic!("the connection is not closed: {e}"),
    }
    (String::from_utf8_lossy(&all).into_owned(), begun.elapsed())
}

/// Reads until the text has come.
fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = String::new();
    let mut buffer = [0; 4096];
    while !all.contains(text) {
        let n = stream.read(&mut buffer).expect("an answer");
        assert!(n > 0, "'{text}' did not come, but: {all}");
        all.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    all
}

#[test]
fn half_a_head_is_not_waited_for() {
    let served = Served::with(LIMITS);
    for half in ["", "GET /heal", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let (answer, took) = to_the_end(served.say(half));
        assert!(took >= SHORT / 2 && !answer.contains("200 OK"), "{half:?}: {answer} after {took:?}");
    }
    // A connection that stays open after an answer is one that has yet to send the next head.
    let mut idle = served.say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    until(&mut idle, "200 OK");
    to_the_end(idle);
    served.stop();
}

#[test]
fn half_a_body_is_not_waited_for_however_slowly_it_drips() {
    let served = Served::with(LIMITS);
    let head = format!(
        "POST /api/v2/changes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n{{",
        served.token()
    );
    let (answer, _) = to_the_end(served.say(&head));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("the body of the request did not come within 0.3 s"), "{answer}");

    let mut drip = served.say(&head);
    drip.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let answer = testkit::wait_for("an answer to the drops", || {
        let _ = drip.write(b" ");
        drip.read(&mut buffer).ok()
    });
    let answer = String::from_utf8_lossy(&buffer[..answer]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    served.stop();
}

#[test]
fn streams_outlive_every_limit_of_requests() {
    let served = Served::with(LIMITS);
    let mut events = served.say("GET /sse/listen/changes/*/* HTTP/1.1\r\nHost: x\r\n\r\n");
    until(&mut events, "200 OK");
    let mut worker = served.say(
        "GET /worker HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    until(&mut worker, "101 Switching Protocols");
    for _ in 0..3 {
        // Each of these takes as long as a head may.
        to_the_end(served.connect());
    }
    let body =
        r#"{"jsonrpc":"2.0","method":"add","id":1,"params":{"author":"ann","comments":"a mend","branch":"main"}}"#;
    let add = format!(
        "POST /api/v2/changes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        served.token(),
        body.len()
    );
    until(&mut served.say(&add), "200 OK");
    until(&mut events, "a mend");
    worker.set_nonblocking(true).unwrap();
    let open = worker.read(&mut [0; 16]).unwrap_err();
    assert_eq!(open.kind(), ErrorKind::WouldBlock, "the worker's connection is still open");
    drop((events, worker));
    served.stop();
}

#[test]
fn one_connection_too_many_is_told_so() {
    let served = Served::with(ServerLimits { head: PATIENCE, body: PATIENCE, connections: 2 });
    let held = [served.connect(), served.connect()];
    let (answer, _) = to_the_end(served.say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("has 2 connections open, which is all that it takes"), "{answer}");
    drop(held);
    testkit::wait_until("there is room again", || {
        let mut stream = served.say("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200 ")
    });
    served.stop();
}

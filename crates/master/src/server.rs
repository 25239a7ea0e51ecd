//! The one port: takes connections, and lets nobody hold one without going on.
//!
//! A request's head and body have to come in time, so many connections may be open and no more, and what is sent has to
//! be taken some time. Streams of events and workers stay as long as they like: what they wait for is ours to say.

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long open requests may take to end when the master stops.
const DRAIN: Duration = Duration::from_secs(10);

/// How long to wait when no connection can be taken, for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How long bytes may wait for the other side to take them, in milliseconds. A machine that is gone is noticed by it,
/// and a reader that stands still; one that is slow is not.
const UNTAKEN: u32 = 600_000;

/// How many of those that are turned away are told why at once.
const TOLD: usize = 64;

/// How long telling it may take.
const TELL: Duration = Duration::from_secs(1);

/// How long others may take on the one port, and how many they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// For the head of a request to come, and for the next request on a connection that stays open.
    pub head: Duration,
    /// For the body of a request to come.
    pub body: Duration,
    /// Connections open at once: requests, streams of events, workers.
    pub connections: usize,
}

impl Default for ServerLimits {
    /// 30 s for a head, 60 s for a body; three quarters of the file descriptors that this process may have, between 64
    /// and 16,384.
    fn default() -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let connections = (files / 4).saturating_mul(3).clamp(64, 16_384);
        Self { head: Duration::from_secs(30), body: Duration::from_secs(60), connections }
    }
}

/// Serves until the shutdown, and then until what is open has ended, or for [`DRAIN`].
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: ServerLimits, shutdown: CancellationToken) {
    let router = router.layer(from_fn_with_state(limits.body, body_in_time));
    let places = Arc::new(Semaphore::new(limits.connections));
    let told = Arc::new(Semaphore::new(TOLD));
    let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, from)) => match places.clone().try_acquire_owned() {
                Ok(place) => {
                    prepare(&stream);
                    let visitor = Visitor { router: router.clone(), from };
                    let (shutdown, cut) = (shutdown.clone(), cut.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            () = connection(Held { stream, _place: place }, visitor, limits.head, shutdown) => {}
                            () = cut.cancelled() => {}
                        }
                    });
                }
                Err(_) => {
                    tracing::warn!("{from} is turned away: {} connections are open already", limits.connections);
                    if let Ok(turn) = told.clone().try_acquire_owned() {
                        tasks.spawn(turn_away(stream, limits.connections, turn));
                    }
                }
            },
            Err(e) => tokio::select! {
                () = after(&e) => {}
                () = shutdown.cancelled() => break,
            },
        }
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("some connections were still open and are cut");
        cut.cancel();
    }
}

/// What to wait for when a connection could not be taken: nothing, if it was only that one.
async fn after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!("no connection can be taken: {error}; trying again in {} s", ACCEPT_PAUSE.as_secs());
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Frames to workers and events are small and wanted at once: none waits for the acknowledgement of the one before.
fn prepare(stream: &TcpStream) {
    let set = stream.set_nodelay(true);
    let set = set.and_then(|()| Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, UNTAKEN)?));
    if let Err(e) = set {
        tracing::debug!("a connection stays as the system made it: {e}");
    }
}

async fn connection(io: Held, visitor: Visitor, head: Duration, shutdown: CancellationToken) {
    // The time of a head that has not even begun is counted by nobody else.
    let mut first = [0];
    let begun = tokio::select! {
        begun = tokio::time::timeout(head, io.stream.peek(&mut first)) => matches!(begun, Ok(Ok(_))),
        () = shutdown.cancelled() => false,
    };
    if !begun {
        return;
    }
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(io), TowerToHyperService::new(visitor));
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!("a connection ended: {e}");
    }
}

/// Says why, and closes in a way that lets the other side read it.
async fn turn_away(mut stream: TcpStream, connections: usize, _turn: OwnedSemaphorePermit) {
    let text = format!("this master has {connections} connections open, which is all that it takes; try again later\n");
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Bytes that nobody reads would make the system throw the answer away.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    let _ = tokio::time::timeout(TELL, told).await;
}

/// The routes as one connection sees them: each request knows where it comes from.
#[derive(Clone)]
struct Visitor {
    router: Router,
    from: SocketAddr,
}

impl<B> tower::Service<axum::http::Request<B>> for Visitor
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: axum::http::Request<B>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.from));
        tower::Service::call(&mut self.router, request)
    }
}

/// A body that does not come in time is an error for whoever reads it, and 408 for whoever sends it.
async fn body_in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    // A transfer takes as long as it takes; its door watches that it goes on.
    let path = request.uri().path();
    let is_transfer = path.starts_with("/transfer/") || path.starts_with("/api/v2/sluice/attempts/");
    if request.body().is_end_stream() || is_transfer {
        return next.run(request).await;
    }
    let late = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| Body::from_stream(until(body, Instant::now() + limit, late.clone())));
    let response = next.run(request).await;
    if !late.load(Ordering::Relaxed) {
        return response;
    }
    let text = format!("the body of the request did not come within {} s\n", limit.as_secs_f32());
    let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
    (StatusCode::REQUEST_TIMEOUT, close, text).into_response()
}

fn until(body: Body, end: Instant, late: Arc<AtomicBool>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    stream::unfold(Some(body.into_data_stream()), move |body| {
        let late = late.clone();
        async move {
            let mut body = body?;
            match tokio::time::timeout_at(end, body.next()).await {
                Ok(piece) => piece.map(|piece| (piece, Some(body))),
                Err(too_late) => {
                    late.store(true, Ordering::Relaxed);
                    Some((Err(axum::Error::new(too_late)), None))
                }
            }
        }
    })
}

/// A connection with its place among those that may be open. It keeps the place when it becomes a worker's.
struct Held {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! One client's connection: which protocol it speaks, and how long it may do nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::client::{HEADER_BYTES, HEADER_COUNT};
use super::exchange::{Origin, Shared};
use super::guard::Guard;
use super::patience::Patience;
use super::server::State;
use crate::context::Connection;

/// Between two looks at the first bytes of a connection: a client that sends its first line byte by byte gets this.
const LOOK: Duration = Duration::from_millis(5);

/// What a client announces HTTP/2 with. No method of HTTP/1.1 begins so.
const PREFACE: &[u8] = b"PRI ";

/// How much HTTP/2 takes of all streams of a connection together, unread.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Serves a connection to its end; after the state has changed, what is under way on it.
pub(super) async fn serve(
    connection: TcpStream,
    origin: Origin,
    shared: Arc<Shared>,
    mut state: watch::Receiver<State>,
) {
    // Only about speed.
    let _ = connection.set_nodelay(true);
    let limit = shared.limits.client;
    let http2 = tokio::select! {
        spoken = timeout(limit, speaks_http2(&connection)) => spoken,
        _ = state.wait_for(|state| *state != State::Running) => return,
    };
    // A client that says nothing, or has gone.
    let Ok(Some(http2)) = http2 else { return };
    let connection = Patience::new(connection, limit);
    if http2 {
        serve_http2(TokioIo::new(connection), origin, shared, state).await;
    } else {
        serve_http1(TokioIo::new(Guard::new(connection)), origin, shared, state).await;
    }
}

async fn serve_http1(io: TokioIo<Guard>, origin: Origin, shared: Arc<Shared>, mut state: watch::Receiver<State>) {
    let limit = shared.limits.client;
    let service = service_fn(|request| shared.clone().answer(origin.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(2 * HEADER_BYTES)
        .max_headers(HEADER_COUNT)
        // Only what came from the upstream goes to the client.
        .auto_date_header(false)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    // An error is the client's, or a filter's wish to close, and both know.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = state.wait_for(|state| *state != State::Running) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn serve_http2(io: TokioIo<Patience>, origin: Origin, shared: Arc<Shared>, mut state: watch::Receiver<State>) {
    let limit = shared.limits.client;
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        let (shared, origin, ongoing) = (shared.clone(), origin.clone(), Activity::begin(&activity));
        async move {
            let answer = shared.answer(origin, request).await;
            answer.map(|answer| answer.map(|body| body.lasting(ongoing)))
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(shared.limits.streams_per_connection)
        .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
        .initial_connection_window_size(CONNECTION_WINDOW)
        .auto_date_header(false)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = state.wait_for(|state| *state != State::Running) => {}
        () = activity.none_for(limit) => {}
    }
    connection.as_mut().graceful_shutdown();
    // The other side has to confirm it, and may not. What still goes on is what there is time for.
    tokio::select! {
        _ = connection => {}
        () = activity.none_for(limit) => {}
    }
}

/// Whether the client speaks HTTP/2, from its first bytes, which stay where they are; nothing when it has gone.
async fn speaks_http2(connection: &TcpStream) -> Option<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let came = match connection.peek(&mut first).await {
            Ok(0) | Err(_) => return None,
            Ok(came) => first.get(..came)?,
        };
        if came == PREFACE {
            return Some(true);
        }
        if !PREFACE.starts_with(came) {
            return Some(false);
        }
        sleep(LOOK).await;
    }
}

/// How many requests of a connection are under way.
#[derive(Debug, Default)]
pub(super) struct Activity {
    under_way: AtomicUsize,
    changed: Notify,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct Ongoing(Arc<Activity>);

impl Activity {
    fn begin(this: &Arc<Self>) -> Ongoing {
        this.under_way.fetch_add(1, Ordering::AcqRel);
        this.changed.notify_one();
        Ongoing(this.clone())
    }

    /// Waits until there has been no request for so long.
    async fn none_for(&self, limit: Duration) {
        loop {
            let change = self.changed.notified();
            if self.under_way.load(Ordering::Acquire) > 0 {
                change.await;
            } else if timeout(limit, change).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_one();
    }
}

impl Origin {
    /// The connection of this number. They go to the proxy's workers in turn.
    pub(super) fn new(client: SocketAddr, number: usize, workers: usize) -> Self {
        let connection = Connection { id: number as u64, ..Connection::default() };
        let worker = number.checked_rem(workers).unwrap_or_default();
        Self { client, worker, connection: Arc::new(connection) }
    }
}

//! The listening side: connections, and how it starts and stops.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{HEADER_BYTES, HEADER_COUNT};
use super::exchange::Shared;
use super::worker::Worker;
use crate::context::LogLevel;
use crate::stream::Proxy;

/// How long [`Gateway::shutdown`] waits for exchanges that are under way.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// How long no connection is accepted after one could not be: most often for want of file descriptors.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a gateway listens, and for whom.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// Where it listens: a loopback address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where requests go: host and port. Names are looked up for every request.
    pub upstream: (String, u16),
    /// What it takes.
    pub limits: Limits,
}

/// What a gateway takes from either side. A message's headers are bounded as in Envoy, by 60 KiB and 100 headers: a
/// request above gets a 431, a response above becomes a 502.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, 1 MiB. A request above gets a 413, a response above becomes a 502.
    pub body_bytes: usize,
    /// Connections at a time, 1024. Others wait to be accepted.
    pub connections: usize,
    /// How long a client may take for its headers and between requests (then the connection is closed), and again for a
    /// body (then it gets a 408): 30 s.
    pub client: Duration,
    /// How long the upstream may take for its whole answer, 15 s. Then the client gets a 504.
    pub upstream: Duration,
    /// How long a whole exchange may take, waiting for the filters included, 60 s. Then the client gets a 504.
    pub exchange: Duration,
}

/// A running gateway. Dropping it stops it at once.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    state: watch::Sender<State>,
    thread: Option<JoinHandle<()>>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// Others than this machine could reach it.
    #[error(
        "the gateway listens on loopback addresses only, and {0} is none: it has no TLS and asks nobody who they are; \
         use 127.0.0.1:{port}", port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// Somebody else listens there.
    #[error("port {port} on {ip} is in use: stop what listens there, or choose another port (0 takes a free one)", port = .0.port(), ip = .0.ip())]
    InUse(SocketAddr),
    /// It cannot listen there.
    #[error("cannot listen on {listen}: {error}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The machine gives no thread or timer.
    #[error("cannot start the gateway: {0}")]
    Start(std::io::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// Nothing new; what is under way may end.
    Closing,
    Stopped,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            connections: 1024,
            client: Duration::from_secs(30),
            upstream: Duration::from_secs(15),
            exchange: Duration::from_secs(60),
        }
    }
}

impl Gateway {
    /// Listens, and takes every request through the proxy's filters to the upstream and back, on threads of its own. When
    /// it returns, connections are accepted.
    ///
    /// # Errors
    ///
    /// [`GatewayError`]; nothing runs then.
    pub fn start(options: GatewayOptions, proxy: Proxy) -> Result<Self, GatewayError> {
        let listen = options.listen;
        if !listen.ip().is_loopback() {
            return Err(GatewayError::NotLoopback(listen));
        }
        let listener = TcpListener::bind(listen).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => GatewayError::InUse(listen),
            _ => GatewayError::Listen { listen, error },
        })?;
        let address = listener.local_addr().map_err(GatewayError::Start)?;
        listener.set_nonblocking(true).map_err(GatewayError::Start)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GatewayError::Start)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(GatewayError::Start)?
        };
        let process = proxy.process().clone();
        let (worker, worker_ended) = Worker::start(proxy).map_err(GatewayError::Start)?;
        let shared = Shared { address, upstream: options.upstream, limits: options.limits, worker, process };
        let (state, changes) = watch::channel(State::Running);
        let thread = std::thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, Arc::new(shared), changes, worker_ended));
                // A look-up of a name cannot be interrupted; nothing else is left.
                runtime.shutdown_background();
            })
            .map_err(GatewayError::Start)?;
        Ok(Self { address, state, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, lets exchanges that are under way end, the filters' log callbacks included, for at most
    /// [`SHUTDOWN_LIMIT`], and closes what is left.
    pub fn shutdown(mut self) {
        self.stop(State::Closing);
    }

    fn stop(&mut self, state: State) {
        self.state.send_replace(state);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop(State::Stopped);
    }
}

/// Until the state changes. What is not over when this returns is dropped with the set.
async fn serve(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    mut state: watch::Receiver<State>,
    worker_ended: oneshot::Receiver<Infallible>,
) {
    let mut connections = JoinSet::new();
    let changes = state.clone();
    let accepting = async {
        loop {
            tokio::select! {
                _ = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if connections.len() < shared.limits.connections => match accepted {
                    Ok((connection, client)) => {
                        connections.spawn(serve_connection(connection, client, shared.clone(), changes.clone()));
                    }
                    Err(error) => {
                        shared.log(LogLevel::Warn, &format!("cannot accept a connection: {error}"));
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    };
    let stopped = tokio::select! {
        never = accepting => { let _: Infallible = never; true }
        state = state.wait_for(|state| *state != State::Running) => state.map_or(true, |state| *state == State::Stopped),
    };
    drop(listener);
    if !stopped {
        let _ = timeout(SHUTDOWN_LIMIT, async {
            while connections.join_next().await.is_some() {}
            drop(shared);
            let _ = worker_ended.await;
        })
        .await;
    }
}

async fn serve_connection(
    connection: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared>,
    mut state: watch::Receiver<State>,
) {
    // Only about speed.
    let _ = connection.set_nodelay(true);
    let limit = shared.limits.client;
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { shared.answer(client, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(2 * HEADER_BYTES)
        .max_headers(HEADER_COUNT)
        // Only what came from the upstream goes to the client.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(connection), service);
    let mut connection = std::pin::pin!(connection);
    // An error is the client's, or a filter's wish to close, and both know.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = state.wait_for(|state| *state != State::Running) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

//! The listening side: connections, and how it starts and stops.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::exchange::{Origin, Shared};
use super::options::GatewayOptions;
use super::pool::Pool;
use super::worker::Worker;
use super::{callouts, connection, grpc};
use crate::context::{ClusterState, LogLevel};
use crate::stream::{FilterSpec, LoadError, Proxy};

/// How long [`Gateway::shutdown`] waits for exchanges that are under way.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// How long no connection is accepted after one could not be: most often for want of file descriptors.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running gateway. Dropping it stops it at once.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    state: watch::Sender<State>,
    /// Until it stops: the thread of the filters lasts as long as somebody can talk to it.
    worker: Option<Worker>,
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

/// Why a new chain is not in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// A filter of it cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The thread of the filters has died.
    #[error("the thread of the filters has died")]
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// Nothing new; what is under way may end.
    Closing,
    Stopped,
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
        for name in options.clusters.keys() {
            process.add_cluster(name, ClusterState::Up);
        }
        let workers = proxy.worker_count();
        let limits = options.limits;
        let (worker, (callouts, grpc_asked), ended) = Worker::start(proxy).map_err(GatewayError::Start)?;
        let shared = Shared {
            address,
            upstream_attributes: Arc::new(options.upstream.attributes()),
            upstream: Pool::new(options.upstream, limits.upstream),
            http1_trailers: options.http1_trailers,
            limits,
            worker: worker.clone(),
            process,
            streams: Arc::new(Semaphore::new(limits.streams)),
        };
        let clusters = options.clusters.into_iter();
        let clusters = clusters
            .map(|(name, upstream)| (name, Arc::new(Pool::new(upstream, limits.upstream))))
            .collect::<BTreeMap<_, _>>();
        let (state, changes) = watch::channel(State::Running);
        let serving = Serving { listener, shared: Arc::new(shared), workers, state: changes };
        let http = callouts::run(callouts, clusters.clone(), worker.clone(), limits.idle);
        let grpc = grpc::run(grpc_asked, clusters, worker.clone(), limits.idle);
        let talking = async {
            tokio::select! {
                never = http => never,
                never = grpc => never,
            }
        };
        let thread = std::thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || {
                runtime.block_on(serve(serving, talking, ended));
                // A look-up of a name cannot be interrupted; nothing else is left.
                runtime.shutdown_background();
            })
            .map_err(GatewayError::Start)?;
        Ok(Self { address, state, worker: Some(worker), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes over a new chain of filters, if every one of them accepts its configuration. Streams that are under way end on
    /// the one that they began with. Blocks until it is done: filters do nothing else meanwhile.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]; the old chain goes on then.
    pub fn reload(&self, filters: Vec<FilterSpec>) -> Result<(), ReloadError> {
        let outcome = self.worker.as_ref().and_then(|worker| worker.reload(filters));
        Ok(outcome.ok_or(ReloadError::Gone)??)
    }

    /// How many streams the filters have now.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.worker.as_ref().map_or(0, Worker::streams)
    }

    /// Stops listening, lets exchanges that are under way end, the filters' log callbacks included, for at most
    /// [`SHUTDOWN_LIMIT`], and closes what is left.
    pub fn shutdown(mut self) {
        self.stop(State::Closing);
    }

    fn stop(&mut self, state: State) {
        self.state.send_replace(state);
        drop(self.worker.take());
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

/// What the listening side needs.
struct Serving {
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    workers: usize,
    state: watch::Receiver<State>,
}

/// Until the state changes, and what is under way has ended or had its time. What is left is dropped with the runtime.
async fn serve(serving: Serving, talking: impl Future<Output = Infallible>, ended: oneshot::Receiver<Infallible>) {
    let mut state = serving.state.clone();
    let stopped = async move { drop(state.wait_for(|state| *state == State::Stopped).await) };
    let ending = async {
        {
            let accepting = accept(serving);
            tokio::select! {
                never = talking => { let _: Infallible = never; }
                () = accepting => {}
            }
        }
        // Nobody can talk to the filters any more: their thread ends when the last stream is closed.
        let _ = timeout(SHUTDOWN_LIMIT, ended).await;
    };
    tokio::select! {
        () = ending => {}
        () = stopped => {}
    }
}

/// Accepts until the state changes; then waits for what is under way, for at most [`SHUTDOWN_LIMIT`].
async fn accept(serving: Serving) {
    let Serving { listener, shared, workers, mut state } = serving;
    let mut connections = JoinSet::new();
    let mut count = 0_usize;
    let changes = state.clone();
    loop {
        tokio::select! {
            _ = connections.join_next(), if !connections.is_empty() => {}
            _ = state.wait_for(|state| *state != State::Running) => break,
            accepted = listener.accept(), if connections.len() < shared.limits.connections => match accepted {
                Ok((connection, client)) => {
                    let origin = Origin::new(client, count, workers);
                    count = count.wrapping_add(1);
                    connections.spawn(connection::serve(connection, origin, shared.clone(), changes.clone()));
                }
                Err(error) => {
                    shared.log(LogLevel::Warn, &format!("cannot accept a connection: {error}"));
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = timeout(SHUTDOWN_LIMIT, async { while connections.join_next().await.is_some() {} }).await;
}

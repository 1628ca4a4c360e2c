//! The clusters that a scenario's filters call, as servers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bootstrap::CalloutCluster;
use super::grpc::GrpcServer;
use super::server::{Reply, Responder, Server, What};
use crate::scenario::book::{Book, GrpcBegun, GrpcDone, GrpcEntry};
use crate::scenario::callout::{Callout, CalloutKind, Cluster, Failure, GrpcReply, HttpAnswer, HttpOutcome};
use crate::scenario::model::Step;
use crate::scenario::{Difference, Seen, SeenCallout};

/// How long a callout that is expected may take to come, after the client has its answer.
const LATE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(5);

/// A server for each cluster of a scenario that has an endpoint.
#[derive(Debug)]
pub(super) struct Clusters {
    servers: BTreeMap<String, (Server, Arc<Called>)>,
    /// Those that are asked by gRPC.
    grpc: BTreeMap<String, GrpcServer>,
    unhealthy: Vec<String>,
    book: Arc<Mutex<Book>>,
    /// How many steps have begun.
    steps: u64,
}

/// One cluster: it looks up in the book what to answer.
#[derive(Debug)]
pub(super) struct Called {
    cluster: String,
    book: Arc<Mutex<Book>>,
}

impl Clusters {
    /// Starts them. Until [`begin`](Self::begin) every callout is unexpected. A cluster that a step asks by gRPC speaks HTTP/2.
    pub(super) fn start(clusters: &[Cluster], steps: &[Step]) -> io::Result<Self> {
        let book = Arc::<Mutex<Book>>::default();
        let (mut servers, mut grpc, mut unhealthy) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let is_grpc = |name: &str| {
            let asks = |callout: &Callout| callout.cluster == name && matches!(callout.kind, CalloutKind::Grpc(_));
            steps.iter().any(|step| step.callouts().iter().any(asks))
        };
        for Cluster { name, healthy } in clusters {
            let called = Arc::new(Called { cluster: name.clone(), book: book.clone() });
            if *healthy && is_grpc(name) {
                grpc.insert(name.clone(), GrpcServer::start(called)?);
            } else if *healthy {
                servers.insert(name.clone(), (Server::start(called.clone())?, called));
            } else {
                unhealthy.push(name.clone());
            }
        }
        Ok(Self { servers, grpc, unhealthy, book, steps: 0 })
    }

    /// What the proxy is told of them.
    pub(super) fn told(&self) -> Vec<CalloutCluster> {
        let cluster = |name: &String, endpoint, http2| CalloutCluster { name: name.clone(), endpoint, http2 };
        let http = self.servers.iter().map(|(name, (server, _))| cluster(name, Some(server.address()), false));
        let grpc = self.grpc.iter().map(|(name, server)| cluster(name, Some(server.address()), true));
        let nowhere = self.unhealthy.iter().map(|name| cluster(name, None, false));
        http.chain(grpc).chain(nowhere).collect()
    }

    /// Why a step's callouts cannot be answered, if that is so.
    pub(super) fn cannot(&self, step: &Step) -> Option<&'static str> {
        let broken = |callout: &Callout| match &callout.kind {
            CalloutKind::Http { answer, .. } => matches!(answer.outcome, HttpOutcome::Failure(_)),
            CalloutKind::Grpc(_) => false,
        };
        let on_http2 = |callout: &Callout| broken(callout) && self.grpc.contains_key(&callout.cluster);
        let any = step.callouts().iter().any(on_http2);
        any.then_some("a cluster that is asked by gRPC breaks no connections off there")
    }

    /// Begins a step: what is expected from now on. A cluster whose callouts are to be refused has no open port.
    pub(super) fn begin(&mut self, callouts: &[Callout]) -> io::Result<()> {
        let refused = callouts.iter().filter(|callout| callout.is_refused());
        let refusing = refused.map(|callout| callout.cluster.as_str()).collect::<BTreeSet<_>>();
        // What nobody sees cannot be held against anything.
        let seen = callouts.iter().filter(|callout| !refusing.contains(callout.cluster.as_str()));
        self.steps += 1;
        *lock(&self.book) = Book::new(seen).of_step(self.steps);
        for (name, (server, called)) in &mut self.servers {
            if refusing.contains(name.as_str()) {
                server.close();
            } else {
                server.open(called.clone())?;
            }
        }
        Ok(())
    }

    /// Ends a step, once what is expected has come: the callouts that were made, and what differs.
    pub(super) fn finish(&self) -> (Vec<SeenCallout>, Vec<Difference>) {
        let limit = Instant::now() + LATE;
        while !lock(&self.book).is_complete() && Instant::now() < limit {
            std::thread::sleep(TICK);
        }
        std::mem::take(&mut *lock(&self.book)).finish()
    }
}

impl Called {
    /// A gRPC call or stream that was begun: its name, and what to answer.
    pub(super) fn grpc(&self, begun: &GrpcBegun<'_>) -> (Option<GrpcEntry>, GrpcReply) {
        lock(&self.book).grpc(&self.cluster, begun)
    }

    /// What a filter does on it.
    pub(super) fn grpc_done(&self, entry: GrpcEntry, done: GrpcDone) {
        lock(&self.book).grpc_done(entry, done);
    }
}

impl Responder for Called {
    fn respond(&self, request: Seen) -> Reply {
        let HttpAnswer { after, outcome } = lock(&self.book).http(&self.cluster, request);
        let what = match outcome {
            // The next connection may be one that is to be refused: none is kept for it.
            HttpOutcome::Response(answer) => What::Last(answer),
            HttpOutcome::Failure(Failure::Refused | Failure::Closed) => What::Close,
            HttpOutcome::Failure(Failure::Reset) => What::Break,
            HttpOutcome::Never => What::Nothing,
        };
        Reply { after: after.0, what }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

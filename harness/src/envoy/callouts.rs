//! The clusters that a scenario's filters call, as servers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::server::{Reply, Responder, Server, What};
use crate::scenario::book::Book;
use crate::scenario::callout::{Callout, Cluster, Failure, HttpAnswer, HttpOutcome};
use crate::scenario::{Difference, Seen, SeenCallout};

/// How long a callout that is expected may take to come, after the client has its answer.
const LATE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(5);

/// A server for each cluster of a scenario that has an endpoint.
#[derive(Debug)]
pub(super) struct Clusters {
    servers: BTreeMap<String, (Server, Arc<Called>)>,
    unhealthy: Vec<String>,
    book: Arc<Mutex<Book>>,
}

/// One cluster: it looks up in the book what to answer.
#[derive(Debug)]
struct Called {
    cluster: String,
    book: Arc<Mutex<Book>>,
}

impl Clusters {
    /// Starts them. Until [`begin`](Self::begin) every callout is unexpected.
    pub(super) fn start(clusters: &[Cluster]) -> io::Result<Self> {
        let book = Arc::<Mutex<Book>>::default();
        let (mut servers, mut unhealthy) = (BTreeMap::new(), Vec::new());
        for Cluster { name, healthy } in clusters {
            if *healthy {
                let called = Arc::new(Called { cluster: name.clone(), book: book.clone() });
                servers.insert(name.clone(), (Server::start(called.clone())?, called));
            } else {
                unhealthy.push(name.clone());
            }
        }
        Ok(Self { servers, unhealthy, book })
    }

    /// Their names, and where they are.
    pub(super) fn addresses(&self) -> Vec<(String, Option<SocketAddr>)> {
        let there = self.servers.iter().map(|(name, (server, _))| (name.clone(), Some(server.address())));
        there.chain(self.unhealthy.iter().map(|name| (name.clone(), None))).collect()
    }

    /// Begins a step: what is expected from now on. A cluster whose callouts are to be refused has no open port.
    pub(super) fn begin(&mut self, callouts: &[Callout]) -> io::Result<()> {
        let refused = callouts.iter().filter(|callout| callout.is_refused());
        let refusing = refused.map(|callout| callout.cluster.as_str()).collect::<BTreeSet<_>>();
        // What nobody sees cannot be held against anything.
        let seen = callouts.iter().filter(|callout| !refusing.contains(callout.cluster.as_str()));
        *lock(&self.book) = Book::new(seen);
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

//! The thread on which filters run.
//!
//! A call into a guest blocks, so no filter runs on the thread that serves connections. The proxy has one worker, and a
//! stream has it to itself from the request to the response: exchanges pass the filters one after the other.

use std::convert::Infallible;

use tokio::sync::{mpsc, oneshot};

use crate::context::Attributes;
use crate::stream::{Passed, Proxy, WireMessage};

/// Hands exchanges to the worker. The worker ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Worker(mpsc::Sender<Job>);

/// How far the request came.
#[derive(Debug)]
pub(super) enum Sent {
    /// Through all filters: the upstream is next.
    On(WireMessage, Return),
    /// No further.
    Ended(Passed),
}

/// The way back through the filters. The worker waits until it is used or dropped.
#[derive(Debug)]
pub(super) struct Return {
    response: oneshot::Sender<WireMessage>,
    passed: oneshot::Receiver<Passed>,
}

/// The worker has died.
#[derive(Debug)]
pub(super) struct Gone;

#[derive(Debug)]
struct Job {
    request: WireMessage,
    attributes: Attributes,
    sent: oneshot::Sender<Sent>,
}

impl Worker {
    /// Starts the thread. At most `queue` exchanges wait for it; more wait for a place in the queue. The receiver hears when
    /// the thread has ended.
    pub(super) fn start(mut proxy: Proxy, queue: usize) -> std::io::Result<(Self, oneshot::Receiver<Infallible>)> {
        let (jobs, mut incoming) = mpsc::channel(queue.max(1));
        let (alive, ended) = oneshot::channel();
        std::thread::Builder::new().name("filters".to_owned()).spawn(move || {
            let _alive = alive;
            while let Some(job) = incoming.blocking_recv() {
                run(&mut proxy, job);
            }
        })?;
        Ok((Self(jobs), ended))
    }

    /// Takes a request through the filters. Dropping the future gives the exchange up.
    pub(super) async fn request(&self, request: WireMessage, attributes: Attributes) -> Result<Sent, Gone> {
        let (sent, outcome) = oneshot::channel();
        self.0.send(Job { request, attributes, sent }).await.map_err(|_| Gone)?;
        outcome.await.map_err(|_| Gone)
    }
}

impl Return {
    /// Takes the response back through the filters.
    pub(super) async fn response(self, response: WireMessage) -> Result<Passed, Gone> {
        self.response.send(response).map_err(|_| Gone)?;
        self.passed.await.map_err(|_| Gone)
    }
}

fn run(proxy: &mut Proxy, job: Job) {
    // The client left while the request was waiting: no filter has to see it.
    if job.sent.is_closed() {
        return;
    }
    let mut stream = proxy.open(job.attributes);
    match stream.request(job.request) {
        Passed::On(message) => {
            let (response, incoming) = oneshot::channel();
            let (done, passed) = oneshot::channel();
            let left = job.sent.send(Sent::On(message, Return { response, passed })).is_err();
            // Without a response the exchange was given up; the filters are told by the stream's end.
            if !left && let Ok(response) = incoming.blocking_recv() {
                let _ = done.send(stream.response(response));
            }
        }
        other => {
            let _ = job.sent.send(Sent::Ended(other));
        }
    }
    stream.close();
}

//! The filters' own requests, really sent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::Request;
use hyper::body::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::body::Outgoing;
use super::message;
use super::pool::{NoAnswer, Pool};
use super::worker::{Callouts, Worker};
use crate::stream::{Callout, CalloutAnswer, WireMessage, router_reply};

/// How many bytes of an answer's body are taken (rule `HC-6`).
const ANSWER: usize = 32 << 20;

/// How many requests are on their way at a time; others wait.
const AT_A_TIME: usize = 64;

/// How many wait. Above that one fails at once, as in an Envoy whose cluster has too many.
const WAITING: usize = 1024;

/// How much longer than a filter a request of its own may take here.
const AFTER: Duration = Duration::from_secs(1);

/// Sends what the filters ask for, and hands back what comes, for ever. Dropping the future gives all of it up.
pub(super) async fn run(
    mut asked: Callouts,
    clusters: BTreeMap<String, Arc<Pool>>,
    worker: Worker,
    longest: Duration,
) -> Infallible {
    let mut on_their_way = JoinSet::new();
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        tokio::select! {
            _ = on_their_way.join_next(), if !on_their_way.is_empty() => {}
            callout = asked.recv() => match callout {
                // The thread of the filters has died; whoever waits for it hears that.
                None => std::future::pending().await,
                Some(callout) => match clusters.get(&callout.cluster).cloned() {
                    Some(pool) if on_their_way.len() < WAITING => {
                        let (worker, permits) = (worker.clone(), permits.clone());
                        on_their_way.spawn(async move {
                            let _permit = permits.acquire_owned().await;
                            let id = callout.id;
                            // The filter hears of the end of its own time from the proxy (rule `HC-5`), not from here.
                            let limit = callout.timeout.map_or(longest, |timeout| timeout.saturating_add(AFTER));
                            let answer = timeout(limit, exchange(&pool, callout)).await;
                            worker.answer(id, answer.unwrap_or(CalloutAnswer::Reset));
                        });
                    }
                    _ => worker.answer(callout.id, CalloutAnswer::Unreachable),
                },
            },
        }
    }
}

async fn exchange(pool: &Pool, callout: Callout) -> CalloutAnswer {
    let body = callout.request.body();
    let Ok((head, _)) = message::request_out(&callout.request.headers, body.is_empty(), pool.protocol()) else {
        return CalloutAnswer::Reset;
    };
    let request = Request::from_parts(head, Outgoing::text(Bytes::from(body)));
    let mut answer = match pool.send(request).await {
        Ok(answer) => answer,
        Err(NoAnswer::Connect(_)) => return CalloutAnswer::Unreachable,
        Err(error) => return CalloutAnswer::Response(router_reply("503", &error.text())),
    };
    let headers = message::response_in(&answer.head);
    let Ok(collected) = Limited::new(&mut answer.body, ANSWER).collect().await else { return CalloutAnswer::Reset };
    let trailers = collected.trailers().map(message::trailers_in);
    let body = collected.to_bytes().into();
    pool.give_back(answer);
    CalloutAnswer::Response(WireMessage { trailers, ..WireMessage::new(headers, body) })
}

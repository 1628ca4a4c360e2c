//! A request that is sent in two parts, with something that happens between.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::oneshot;

use super::client::{ClientError, TIME_LIMIT, answered, to_http};
use crate::scenario::Seen;
use crate::scenario::model::Request;

/// How long the first part is given to get where it goes.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// Sends a request's head and so many bytes of its body; then `meanwhile` happens, and then the rest follows.
///
/// # Errors
///
/// Those of [`send`](super::client::send).
pub(crate) fn send_in_two(
    address: SocketAddr,
    request: &Request,
    bytes: usize,
    meanwhile: impl FnOnce(),
) -> Result<Seen, ClientError> {
    let (go_on, wait) = oneshot::channel();
    let body = Bytes::copy_from_slice(request.body.as_bytes());
    let (first, rest) = (body.slice(..bytes.min(body.len())), body.slice(bytes.min(body.len())..));
    let body = InTwo { first: Some(first), wait: Some(wait), rest: Some(rest) };
    // The length of the whole stands in its head.
    let (head, _) = to_http(request)?.into_parts();
    let request = hyper::Request::from_parts(head, body);
    std::thread::scope(|scope| {
        let client = std::thread::Builder::new().name("client".to_owned()).spawn_scoped(scope, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(ClientError::Start)?.block_on(answered(TIME_LIMIT, address, request))
        });
        let client = client.map_err(ClientError::Start)?;
        std::thread::sleep(ON_ITS_WAY);
        meanwhile();
        // A client that has given up, or was answered before, does not listen any more.
        let _ = go_on.send(());
        client.join().map_err(|_| ClientError::Start(std::io::Error::other("its thread stopped")))?
    })
}

/// A body whose second part waits.
#[derive(Debug)]
struct InTwo {
    first: Option<Bytes>,
    wait: Option<oneshot::Receiver<()>>,
    rest: Option<Bytes>,
}

impl Body for InTwo {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Some(wait) = &mut self.wait {
            if Pin::new(wait).poll(context).is_pending() {
                return Poll::Pending;
            }
            self.wait = None;
        }
        Poll::Ready(self.rest.take().map(|rest| Ok(Frame::data(rest))))
    }
}

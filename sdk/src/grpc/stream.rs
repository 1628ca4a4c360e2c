//! A stream under way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::call::{Cancelling, cancel, message};
use super::{GrpcError, GrpcFailure, GrpcRequest};
use crate::callouts::{CallId, Current, Event, Executor, Inbox, Received};
use crate::sys::{self, HostError, MapType, Status};

/// A stream on which both sides send messages. Dropped, it is cancelled.
///
/// One client's messages and one answer (client streaming), one message and many answers (server streaming), and both at once
/// are used alike: [`send`](Self::send) what there is, [`finish`](Self::finish) when there is no more, and read with
/// [`next`](Self::next) until there is nothing.
///
/// ```
/// # use tamis::grpc::{GrpcError, GrpcRequest};
/// # async fn f() -> Result<(), GrpcError> {
/// let mut events = GrpcRequest::new("events", "events.v1.Events", "Watch").open()?;
/// events.send(b"from the beginning")?;
/// events.finish()?;
/// while let Some(event) = events.next().await? {
///     tamis::log::info(format_args!("{} bytes", event.len()));
/// }
/// # Ok(())
/// # }
/// ```
pub struct GrpcStream {
    grpc: Cancelling,
    inbox: Rc<StreamInbox>,
    /// Nothing more is sent.
    finished: bool,
}

impl GrpcStream {
    pub(super) fn open(request: &GrpcRequest) -> Result<Self, GrpcError> {
        let current = Current::get().ok_or(GrpcError::Undeclared)?;
        let inbox = Rc::new(StreamInbox::new(request));
        let make = || request.with_parts(sys::grpc_stream)?.map(CallId::grpc).map_err(GrpcError::refused);
        let ticket = Executor::call(&current, make, inbox.clone()).map_err(|_| GrpcError::TooMany)??;
        inbox.token.set(ticket.token());
        Ok(Self { grpc: Cancelling(ticket), inbox, finished: false })
    }

    /// Sends a message. It does not wait: the proxy keeps what its peer is too slow for.
    ///
    /// # Errors
    ///
    /// [`GrpcError::Over`] when the stream is over, or after [`finish`](Self::finish).
    pub fn send(&mut self, message: impl AsRef<[u8]>) -> Result<(), GrpcError> {
        if self.finished || self.inbox.is_over() {
            return Err(GrpcError::Over);
        }
        sys::grpc_send(self.grpc.0.token(), message.as_ref(), false).map_err(over)
    }

    /// Says that nothing more is sent. Messages still come.
    ///
    /// # Errors
    ///
    /// [`GrpcError::Over`] when the stream is over, or when it was said before.
    pub fn finish(&mut self) -> Result<(), GrpcError> {
        if self.finished || self.inbox.is_over() {
            return Err(GrpcError::Over);
        }
        self.finished = true;
        sys::grpc_close(self.grpc.0.token()).map_err(over)
    }

    /// The next message, when there is one; nothing when the stream has ended well.
    ///
    /// # Errors
    ///
    /// [`GrpcError::Status`] when it has ended otherwise, [`GrpcError::TooLong`] when more came than it may, which ends it.
    /// Messages that came before are read first.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, GrpcError> {
        poll_fn(|context| {
            if let Some(message) = self.inbox.read() {
                return Poll::Ready(Ok(Some(message)));
            }
            if let Some(end) = self.inbox.end.borrow().clone() {
                return Poll::Ready(end.map(|()| None));
            }
            self.inbox.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// The metadata that the service sent first; empty until it came. Messages come after it.
    #[must_use]
    pub fn initial_metadata(&self) -> Received {
        self.inbox.initial.borrow().clone()
    }

    /// The metadata that the service sent last; empty until the stream has ended.
    #[must_use]
    pub fn trailing_metadata(&self) -> Received {
        self.inbox.trailing.borrow().clone()
    }
}

/// Whether a call on a stream failed because that is over.
fn over(error: HostError) -> GrpcError {
    if error.status() == Status::NOT_FOUND { GrpcError::Over } else { GrpcError::Host(error) }
}

impl fmt::Debug for GrpcStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcStream").field("finished", &self.finished).finish_non_exhaustive()
    }
}

/// What came and is not read yet.
struct StreamInbox {
    token: Cell<u32>,
    max_message: usize,
    max_unread: usize,
    unread: RefCell<VecDeque<Vec<u8>>>,
    unread_bytes: Cell<usize>,
    initial: RefCell<Received>,
    trailing: RefCell<Received>,
    end: RefCell<Option<Result<(), GrpcError>>>,
    waker: RefCell<Option<Waker>>,
}

impl StreamInbox {
    /// What a message costs besides its bytes, so that empty ones are bounded too.
    const MESSAGE: usize = 32;

    fn new(request: &GrpcRequest) -> Self {
        Self {
            token: Cell::new(0),
            max_message: request.max_message,
            max_unread: request.max_unread,
            unread: RefCell::default(),
            unread_bytes: Cell::new(0),
            initial: RefCell::default(),
            trailing: RefCell::default(),
            end: RefCell::default(),
            waker: RefCell::default(),
        }
    }

    fn is_over(&self) -> bool {
        self.end.borrow().is_some()
    }

    fn read(&self) -> Option<Vec<u8>> {
        let message = self.unread.borrow_mut().pop_front()?;
        self.unread_bytes.set(self.unread_bytes.get().saturating_sub(message.len() + Self::MESSAGE));
        Some(message)
    }

    /// Keeps the message that the host tells of.
    fn keep(&self, bytes: u32) -> Result<(), GrpcError> {
        let cost = (bytes as usize).saturating_add(Self::MESSAGE).saturating_add(self.unread_bytes.get());
        if cost > self.max_unread {
            return Err(GrpcError::TooLong);
        }
        let message = message(bytes, self.max_message)?;
        self.unread_bytes.set(cost);
        self.unread.borrow_mut().push_back(message);
        Ok(())
    }

    /// Whether it is the end.
    fn take(&self, event: Event) -> Option<Result<(), GrpcError>> {
        let kept =
            match event {
                Event::GrpcMessage(bytes) => self.keep(bytes),
                Event::GrpcInitialMetadata(entries) => metadata(entries, MapType::GRPC_INITIAL_METADATA)
                    .map(|metadata| drop(self.initial.replace(metadata))),
                Event::GrpcTrailingMetadata(entries) => metadata(entries, MapType::GRPC_TRAILING_METADATA)
                    .map(|metadata| drop(self.trailing.replace(metadata))),
                Event::GrpcClose(status) => {
                    return Some(GrpcFailure::take(status).map_or(Ok(()), |failure| Err(GrpcError::Status(failure))));
                }
                Event::Http { .. } => Ok(()),
            };
        // What cannot be taken would be a gap: the stream ends.
        let error = kept.err()?;
        cancel(self.token.get());
        Some(Err(error))
    }
}

impl Inbox for StreamInbox {
    fn deliver(&self, event: Event) -> bool {
        let end = self.take(event);
        let is_over = end.is_some();
        if is_over {
            self.end.replace(end);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        is_over
    }
}

fn metadata(entries: u32, map: MapType) -> Result<Received, GrpcError> {
    if entries == 0 {
        return Ok(Received::default());
    }
    Received::new(sys::header_map_pairs(map)?).map_err(GrpcError::Host)
}

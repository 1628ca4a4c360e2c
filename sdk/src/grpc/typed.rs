//! Messages of the crate `prost`.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use prost::Message;

use super::{GrpcCall, GrpcError, GrpcRequest, GrpcStream};
use crate::callouts::Received;

/// A call whose answer is a message of this type: see [`GrpcCall`].
#[must_use = "the answer comes to whoever awaits it"]
pub struct TypedCall<A> {
    call: GrpcCall,
    answer: PhantomData<fn() -> A>,
}

/// A stream of messages of these types: see [`GrpcStream`].
pub struct TypedStream<Q, A> {
    stream: GrpcStream,
    types: PhantomData<fn(Q) -> A>,
}

impl GrpcRequest {
    /// Makes a call with one message and one answer, of types that the service's description has.
    ///
    /// ```
    /// # use tamis::grpc::{GrpcError, GrpcRequest};
    /// #[derive(prost::Message)]
    /// struct CheckRequest {
    ///     #[prost(string, tag = "1")]
    ///     path: String,
    /// }
    ///
    /// #[derive(prost::Message)]
    /// struct CheckResponse {
    ///     #[prost(bool, tag = "1")]
    ///     allowed: bool,
    /// }
    ///
    /// async fn is_allowed(path: String) -> Result<bool, GrpcError> {
    ///     let check = GrpcRequest::new("auth", "auth.v1.Auth", "Check");
    ///     let answer: CheckResponse = check.call_message(&CheckRequest { path }).await?;
    ///     Ok(answer.allowed)
    /// }
    /// ```
    pub fn call_message<Q: Message, A: Message + Default>(&self, message: &Q) -> TypedCall<A> {
        TypedCall { call: self.call(message.encode_to_vec()), answer: PhantomData }
    }

    /// Opens a stream of messages of these types.
    ///
    /// # Errors
    ///
    /// [`GrpcError`] when it is not begun.
    pub fn open_messages<Q: Message, A: Message + Default>(&self) -> Result<TypedStream<Q, A>, GrpcError> {
        Ok(TypedStream { stream: self.open()?, types: PhantomData })
    }
}

impl<A: Message + Default> Future for TypedCall<A> {
    type Output = Result<A, GrpcError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.call).poll(context).map(|answer| decode(&answer?))
    }
}

impl<Q: Message, A: Message + Default> TypedStream<Q, A> {
    /// Sends a message: see [`GrpcStream::send`].
    ///
    /// # Errors
    ///
    /// [`GrpcError::Over`] when the stream is over, or after [`finish`](Self::finish).
    pub fn send(&mut self, message: &Q) -> Result<(), GrpcError> {
        self.stream.send(message.encode_to_vec())
    }

    /// Says that nothing more is sent: see [`GrpcStream::finish`].
    ///
    /// # Errors
    ///
    /// [`GrpcError::Over`] when the stream is over, or when it was said before.
    pub fn finish(&mut self) -> Result<(), GrpcError> {
        self.stream.finish()
    }

    /// The next message: see [`GrpcStream::next`].
    ///
    /// # Errors
    ///
    /// [`GrpcError::Decode`] for one of another type, which does not end the stream; else as there.
    pub async fn next(&mut self) -> Result<Option<A>, GrpcError> {
        self.stream.next().await?.map(|message| decode(&message)).transpose()
    }

    /// See [`GrpcStream::initial_metadata`].
    #[must_use]
    pub fn initial_metadata(&self) -> Received {
        self.stream.initial_metadata()
    }

    /// See [`GrpcStream::trailing_metadata`].
    #[must_use]
    pub fn trailing_metadata(&self) -> Received {
        self.stream.trailing_metadata()
    }
}

fn decode<A: Message + Default>(message: &[u8]) -> Result<A, GrpcError> {
    A::decode(message).map_err(|_| GrpcError::Decode)
}

impl<A> fmt::Debug for TypedCall<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedCall").finish_non_exhaustive()
    }
}

impl<Q, A> fmt::Debug for TypedStream<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedStream").finish_non_exhaustive()
    }
}

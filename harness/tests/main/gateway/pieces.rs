//! HTTP/2 clients and upstreams whose bodies the test sends piece by piece.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// A body; it ends when its sender is dropped.
#[derive(Debug)]
pub struct Pieces(mpsc::UnboundedReceiver<Frame<Bytes>>);

pub type Sender = mpsc::UnboundedSender<Frame<Bytes>>;

impl Pieces {
    pub fn new() -> (Sender, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self(receiver))
    }

    /// All of a body, and trailers.
    pub fn whole(body: &str, trailers: &[(&'static str, &str)]) -> Self {
        let (sender, pieces) = Self::new();
        if !body.is_empty() {
            sender.send(Frame::data(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        }
        if !trailers.is_empty() {
            sender.send(Frame::trailers(map(trailers))).unwrap();
        }
        pieces
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_closed() && self.0.is_empty()
    }
}

pub fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// A connection to the gateway.
pub async fn connect(address: SocketAddr) -> SendRequest<Pieces> {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub fn request(method: &str, path: &str, body: Pieces) -> Request<Pieces> {
    let uri = format!("http://example.com{path}");
    Request::builder().method(method).uri(uri).body(body).unwrap()
}

/// What a test does, on a runtime of its own, bounded in time.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(super::PATIENCE, test).await.expect("it takes too long") })
}

/// An HTTP/2 upstream; ends with the test's process.
pub fn upstream<F, A>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Pieces>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let io = TokioIo::new(listener.accept().await.unwrap().0);
                let answer = answer.clone();
                let service = hyper::service::service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                tokio::spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service),
                );
            }
        });
    });
    address
}

//! A server on loopback that speaks HTTP/2: for clusters that are asked by gRPC.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::http::{HeaderName, HeaderValue, request::Parts};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::oneshot;

use super::callouts::Called;
use super::server::{Reply, Responder as _, What};
use crate::grpc::{Messages, framed};
use crate::scenario::Seen;
use crate::scenario::book::{GrpcBegun, GrpcDone, GrpcEntry};
use crate::scenario::callout::GrpcReply;
use crate::scenario::model::{Answer, Fields};
use crate::stream::percent_encoded;

/// The longest message and body that are read, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// What a client of gRPC or a proxy adds to a filter's own metadata. Names that end in `*` are beginnings.
const NOT_METADATA: &[&str] =
    &["te", "content-type", "grpc-timeout", "grpc-accept-encoding", "user-agent", "x-envoy-*", "x-forwarded-*"];

/// A server on a free port of 127.0.0.1. Dropped, it closes everything.
#[derive(Debug)]
pub(super) struct GrpcServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GrpcServer {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When there is no port or no thread to be had.
    pub(super) fn start(called: Arc<Called>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                // It fails only without a runtime.
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = accept(listener, called) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("grpc".to_owned()).spawn(serve)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, called: Arc<Called>) {
    while let Ok((connection, _)) = listener.accept().await {
        let called = called.clone();
        let service = service_fn(move |request| respond(called.clone(), request));
        // A connection that fails is seen by the proxy.
        tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(connection), service));
    }
}

async fn respond(called: Arc<Called>, request: Request<Incoming>) -> Result<Response<Said>, Infallible> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get("content-type").map(HeaderValue::as_bytes).unwrap_or_default();
    Ok(if kind.starts_with(b"application/grpc") {
        grpc(called, &head, body).await
    } else {
        http(&called, head, body).await
    })
}

/// A callout that is not gRPC.
async fn http(called: &Called, head: Parts, body: Incoming) -> Response<Said> {
    let body = Limited::new(body, MAX_BYTES).collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let pseudo = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = vec![pseudo(":path", path), pseudo(":method", head.method.as_str())];
    if let Some(authority) = head.uri.authority() {
        headers.insert(0, pseudo(":authority", authority.as_str()));
    }
    headers.extend(named(&head.headers));
    let Reply { after, what } = called.respond(Seen { headers, body, ..Seen::default() });
    tokio::time::sleep(after).await;
    match what {
        What::Answer(answer) | What::Last(answer) => {
            let Answer { status, headers, body, .. } = answer;
            let data = (!body.is_empty()).then(|| Frame::data(Bytes::copy_from_slice(body.as_bytes())));
            response(status, &headers, Said::all(data))
        }
        // Steps that ask for a broken connection are not run here.
        What::Close | What::Break | What::Nothing => std::future::pending().await,
    }
}

/// A call or a stream: on the wire both are the same.
async fn grpc(called: Arc<Called>, head: &Parts, body: Incoming) -> Response<Said> {
    let mut path = head.uri.path().trim_start_matches('/').splitn(2, '/');
    let (service, method) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
    let metadata = named(&head.headers).filter(|(name, _)| !is_added(name)).collect();
    let (entry, reply) = called.grpc(&GrpcBegun { service, method, metadata });
    let told = Arc::new(Told { called, entry, over: AtomicBool::default() });
    tokio::spawn(listen(body, told.clone()));
    let GrpcReply { after, metadata, messages, trailers, status, status_message, open, never, trailers_only } = reply;
    tokio::time::sleep(after.0).await;
    if never {
        // Until the other side gives up.
        let _nobody_wants_it = Unwanted(told);
        return std::future::pending().await;
    }
    let mut end = Fields(vec![("grpc-status".to_owned(), status.to_string().into_bytes())]);
    if !status_message.is_empty() {
        end.0.push(("grpc-message".to_owned(), percent_encoded(status_message.as_bytes()).into_bytes()));
    }
    end.0.extend(trailers.0);
    let mut headers = Fields(vec![("content-type".to_owned(), b"application/grpc".to_vec())]);
    headers.0.extend(metadata.0);
    if trailers_only {
        told.over.store(true, Ordering::Release);
        headers.0.extend(end.0);
        return response(200, &headers, Said::all(None));
    }
    let mut frames = messages.iter().map(|message| Frame::data(framed(&message.0).into())).collect::<VecDeque<_>>();
    if !open {
        frames.push_back(Frame::trailers(map(&end)));
    }
    response(200, &headers, Said { frames, open, unwanted: Some(Unwanted(told)) })
}

/// Writes down what the filter sends, until it ends its side or gives up.
async fn listen(mut body: Incoming, told: Arc<Told>) {
    let mut messages = Messages::up_to(MAX_BYTES);
    while let Some(frame) = body.frame().await {
        let data = frame.ok().and_then(|frame| frame.into_data().ok());
        let Some(Ok(read)) = data.map(|data| messages.more(&data)) else { return told.cancelled() };
        read.into_iter().for_each(|message| told.done(GrpcDone::Sent(message)));
    }
    told.done(GrpcDone::Closed);
}

/// A call or stream in the book.
struct Told {
    called: Arc<Called>,
    entry: Option<GrpcEntry>,
    /// All that is answered is on its way: what is broken off now is not given up.
    over: AtomicBool,
}

impl Told {
    fn done(&self, done: GrpcDone) {
        if let Some(entry) = self.entry {
            self.called.grpc_done(entry, done);
        }
    }

    fn cancelled(&self) {
        if !self.over.load(Ordering::Acquire) {
            self.done(GrpcDone::Cancelled);
        }
    }
}

/// Says, when it is dropped, that nobody wants the answer any more.
struct Unwanted(Arc<Told>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.cancelled();
    }
}

/// What is answered, frame by frame.
struct Said {
    frames: VecDeque<Frame<Bytes>>,
    /// Nothing comes after them, and no end either.
    open: bool,
    unwanted: Option<Unwanted>,
}

impl Said {
    fn all(frame: Option<Frame<Bytes>>) -> Self {
        Self { frames: frame.into_iter().collect(), open: false, unwanted: None }
    }
}

impl Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.pop_front();
        if self.frames.is_empty() && !self.open {
            self.unwanted.iter().for_each(|unwanted| unwanted.0.over.store(true, Ordering::Release));
        }
        match frame {
            None if self.open => Poll::Pending,
            frame => Poll::Ready(frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && !self.open
    }
}

fn response(status: u16, headers: &Fields, body: Said) -> Response<Said> {
    let mut response = Response::new(body);
    // A scenario's statuses are in the range.
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    *response.headers_mut() = map(headers);
    response
}

/// What HTTP can carry; the rest was refused before anything began.
fn map(fields: &Fields) -> HeaderMap {
    let pair = |(name, value): &(String, Vec<u8>)| {
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value).ok()?))
    };
    let mut map = HeaderMap::new();
    fields.0.iter().filter_map(pair).for_each(|(name, value)| {
        map.append(name, value);
    });
    map
}

fn named(headers: &HeaderMap) -> impl Iterator<Item = (String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
}

fn is_added(name: &str) -> bool {
    let is = |own: &&str| own.strip_suffix('*').map_or(name == *own, |begin| name.starts_with(begin));
    NOT_METADATA.iter().any(is)
}

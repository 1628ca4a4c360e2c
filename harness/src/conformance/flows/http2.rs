//! A client over HTTP/2 without TLS, with prior knowledge: several streams on one connection, each sent part by part.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Version};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::Message;
use super::message::Part;
use super::server::lock;

/// A connection.
pub(super) struct Http2 {
    runtime: Arc<Runtime>,
    send: SendRequest<Bytes>,
}

/// One request on it.
pub(super) struct Stream {
    runtime: Arc<Runtime>,
    send: SendRequest<Bytes>,
    message: Message,
    path: String,
    steps: std::vec::IntoIter<Vec<Part>>,
    sending: Option<SendStream<Bytes>>,
    response: Arc<Mutex<Response>>,
}

/// What has come of a response.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// Its end has come.
    pub ended: bool,
    /// Nothing more comes: that was the end, or the stream was reset.
    pub over: bool,
}

impl Http2 {
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let send = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (send, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
            // Its end is seen by the streams.
            tokio::spawn(async move { drop(connection.await) });
            Ok::<_, io::Error>(send)
        })?;
        Ok(Self { runtime: Arc::new(runtime), send })
    }

    /// A stream; nothing is sent yet.
    pub(super) fn open(&self, message: &Message, path: &str) -> Stream {
        Stream {
            runtime: self.runtime.clone(),
            send: self.send.clone(),
            message: message.clone(),
            path: path.to_owned(),
            steps: message.frames().into_iter(),
            sending: None,
            response: Arc::default(),
        }
    }
}

impl Stream {
    pub(super) fn send_part(&mut self) -> bool {
        let Some(parts) = self.steps.next() else { return false };
        parts.into_iter().all(|part| match part {
            Part::Head(end) => self.head(end).is_ok(),
            Part::Data(bytes, end) => self.sending.as_mut().is_some_and(|to| to.send_data(bytes.into(), end).is_ok()),
            Part::Trailers => {
                let trailers = self.message.trailers().unwrap_or_default();
                let mut map = HeaderMap::new();
                for (name, value) in trailers.iter() {
                    if let (Ok(name), Ok(value)) = (name.try_into(), HeaderValue::from_bytes(value)) {
                        let _: bool = map.append::<hyper::header::HeaderName>(name, value);
                    }
                }
                self.sending.as_mut().is_some_and(|to| to.send_trailers(map).is_ok())
            }
        })
    }

    pub(super) fn response(&self) -> MutexGuard<'_, Response> {
        lock(&self.response)
    }

    /// Tells the proxy that nobody wants the answer any more. After its end that says nothing.
    pub(super) fn reset(&mut self) {
        if let Some(stream) = &mut self.sending {
            stream.send_reset(Reason::CANCEL);
        }
    }

    fn head(&mut self, end: bool) -> io::Result<()> {
        let mut head = Request::builder()
            .method(self.message.method())
            .uri(format!("http://example.com{}", self.path))
            .version(Version::HTTP_2);
        // What stands between pseudo headers and what the proxy adds.
        let seen = self.message.request_headers(&self.path, super::Wire::Http2);
        let own = seen.iter().filter(|(name, _)| !name.starts_with(b":") && *name != b"x-forwarded-proto");
        for (name, value) in own {
            head = head.header(name, value);
        }
        let head = head.body(()).map_err(io::Error::other)?;
        let send = self.send.clone();
        let begun = self.runtime.block_on(async move { send.ready().await?.send_request(head, end) });
        let (response, sending) = begun.map_err(io::Error::other)?;
        self.sending = Some(sending);
        let into = self.response.clone();
        self.runtime.spawn(async move {
            // What is there counts; an error is the stream's end.
            let _ = read(response, &into).await;
            lock(&into).over = true;
        });
        Ok(())
    }
}

async fn read(response: ResponseFuture, into: &Mutex<Response>) -> Result<(), h2::Error> {
    let (head, mut body) = response.await?.into_parts();
    {
        let mut got = lock(into);
        got.status = Some(head.status.as_u16());
        got.headers = pairs(&head.headers);
        got.ended = body.is_end_stream();
    }
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        lock(into).body.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await?;
    let mut got = lock(into);
    got.trailers = trailers.as_ref().map(pairs).unwrap_or_default();
    got.ended = true;
    Ok(())
}

fn pairs(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.to_string(), value.as_bytes().escape_ascii().to_string())).collect()
}

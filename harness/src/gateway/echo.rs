//! An upstream that shows what came.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, SERVER};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::server::ACCEPT_PAUSE;
use crate::context::lock;
use crate::scenario::Seen;

/// How many bytes of a request's body it takes; above that it answers 413 and shows nothing.
pub const BODY_LIMIT: usize = 4 << 20;

/// How many connections it serves at a time; others wait.
const CONNECTIONS: usize = 1024;

/// How long a client may take for its headers, and between requests.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// A running upstream on 127.0.0.1 that answers every request with a text of what came: request line, headers, an empty
/// line, the body. Dropping it stops it at once.
///
/// Its answers have `server: echo` and `x-powered-by: echo/0.1`, so that filters have something to take away.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    last: Last,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

type Last = Arc<Mutex<Option<Seen>>>;

impl Echo {
    /// Listens on a free port, on a thread of its own. When it returns, connections are accepted.
    ///
    /// # Errors
    ///
    /// The machine gives no port, thread or timer.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let last = Last::default();
        let (stop, stopped) = oneshot::channel();
        let seen = last.clone();
        let thread = std::thread::Builder::new().name("echo".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, seen) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, last, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last request that came whole: pseudo headers first, the others in the order in which each name first came.
    #[must_use]
    pub fn last(&self) -> Option<Seen> {
        lock(&self.last).clone()
    }

    /// [`Echo::last`], which is forgotten: what a later call gives came after this one.
    pub fn take_last(&self) -> Option<Seen> {
        lock(&self.last).take()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, last: Last) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => {
                let Ok((connection, _)) = accepted else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let last = last.clone();
                let service = service_fn(move |request| answer(request, last.clone()));
                connections.spawn(
                    http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(CLIENT_TIMEOUT)
                        .auto_date_header(false)
                        .serve_connection(TokioIo::new(connection), service),
                );
            }
        }
    }
}

/// A request whose body breaks off ends its connection.
async fn answer(request: Request<Incoming>, last: Last) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => return Err(*error),
            Err(_) => return Ok(response(StatusCode::PAYLOAD_TOO_LARGE, b"the body is too large\n".to_vec())),
        },
    };
    let shown = text(&head, &body);
    *lock(&last) = Some(seen(&head, &body));
    Ok(response(StatusCode::OK, shown))
}

fn response(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("echo"));
    headers.insert("x-powered-by", HeaderValue::from_static("echo/0.1"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn text(head: &Parts, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version).into_bytes();
    for (name, value) in &head.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(body);
    text
}

fn seen(head: &Parts, body: &[u8]) -> Seen {
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut headers = vec![
        (":authority".to_owned(), host.to_vec()),
        (":path".to_owned(), path.into()),
        (":method".to_owned(), head.method.as_str().into()),
    ];
    let regular = head.headers.iter().filter(|(name, _)| **name != HOST);
    headers.extend(regular.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())));
    Seen { headers, body: body.to_vec(), ..Seen::default() }
}

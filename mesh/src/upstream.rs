//! A server behind the proxies: it says who it is and what has reached it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};

use crate::failure::{Failure, cannot};

/// What a request may bring.
const MOST: usize = 1 << 20;

/// A running server; it ends with this value.
pub struct Upstream {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Upstream {
    /// Starts one that calls itself `name`.
    pub fn start(name: &'static str) -> Result<Self, Failure> {
        Self::with(move |request| answer(name, request))
    }

    fn with<F, A>(answer: F) -> Result<Self, Failure>
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
        A: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(cannot("start an upstream"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot("find a port for an upstream"))?;
        listener.set_nonblocking(true).map_err(cannot("prepare a port"))?;
        let address = listener.local_addr().map_err(cannot("ask for a port"))?;
        runtime.spawn(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(answer.clone());
                tokio::spawn(async move {
                    let server = hyper::server::conn::http1::Builder::new();
                    // An error is a client that went away.
                    let _gone = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, _runtime: runtime })
    }

    /// Starts one that answers everything with a file's bytes.
    pub fn serving(bytes: Vec<u8>) -> Result<Self, Failure> {
        let bytes = Bytes::from(bytes);
        Self::with(move |_| {
            let bytes = bytes.clone();
            async move { Ok(Response::new(Full::new(bytes))) }
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// The body that came for a POST; else a description of the request.
async fn answer(name: &'static str, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MOST).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())));
    let seen = json!({
        "upstream": name,
        "path": parts.uri.to_string(),
        "headers": headers.collect::<Map<_, _>>(),
    });
    let text = if body.is_empty() { Bytes::from(seen.to_string()) } else { body };
    let mut response = Response::new(Full::new(text));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-upstream", HeaderValue::from_static(name));
    headers.insert("x-powered-by", HeaderValue::from_static("an upstream"));
    Ok(response)
}

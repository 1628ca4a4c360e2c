//! The HTTP side: list, get, watch.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::Shared;
use super::objects::Resource;

type Body = BoxBody<Bytes, Infallible>;

/// How long a watch lasts whose client names no time, as Kubernetes has it.
const WATCH_SECONDS: u64 = 600;

/// What a path asks for.
struct Asked {
    resource: Resource,
    api_version: String,
    namespace: String,
    name: String,
    /// Only the objects' metadata is wanted.
    partial: bool,
    query: Vec<(String, String)>,
}

/// Serves until the runtime ends.
pub(super) async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(answer(&request, &shared)) }
        });
        tokio::spawn(async move {
            // An error is a client that went away.
            let _gone =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(request: &Request<Incoming>, shared: &Arc<Shared>) -> Response<Body> {
    if request.method() != Method::GET {
        return status(StatusCode::FORBIDDEN, "Forbidden");
    }
    if request.uri().path() == "/version" {
        return reply(StatusCode::OK, &json!({ "major": "1", "minor": "33", "gitVersion": "v1.33.0" }));
    }
    let Some(asked) = Asked::read(request) else { return status(StatusCode::NOT_FOUND, "NotFound") };
    if !asked.name.is_empty() {
        let objects = shared.lock();
        let found = objects.list(&asked.resource).find(|object| asked.wants(object));
        return match found {
            Some(object) => reply(StatusCode::OK, &asked.shown(object)),
            None => status(StatusCode::NOT_FOUND, "NotFound"),
        };
    }
    if matches!(asked.query("watch"), Some("true" | "1")) {
        return watch(asked, Arc::clone(shared));
    }
    let objects = shared.lock();
    let items = objects.list(&asked.resource).filter(|object| asked.wants(object));
    let items = items.map(|object| asked.shown(object)).collect::<Vec<_>>();
    let (kind, api_version) = if asked.partial {
        ("PartialObjectMetadata", "meta.k8s.io/v1")
    } else {
        (objects.kind(&asked.resource), asked.api_version.as_str())
    };
    let list = json!({
        "kind": format!("{kind}List"),
        "apiVersion": api_version,
        "metadata": { "resourceVersion": objects.version().to_string() },
        "items": items,
    });
    reply(StatusCode::OK, &list)
}

/// Tells changes as they come, a line each.
fn watch(asked: Asked, shared: Arc<Shared>) -> Response<Body> {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(16);
    let seconds = asked.query("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(WATCH_SECONDS);
    let mut version = asked.query("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
    tokio::spawn(async move {
        let mut changed = shared.changed.subscribe();
        let tell = async {
            loop {
                changed.mark_unchanged();
                let mut lines = Vec::new();
                {
                    let objects = shared.lock();
                    for event in objects.since(&asked.resource, version) {
                        version = event.version;
                        if asked.wants(&event.object) {
                            lines.push(json!({ "type": event.kind, "object": asked.shown(&event.object) }));
                        }
                    }
                }
                for line in lines {
                    if sender.send(Bytes::from(format!("{line}\n"))).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    change = changed.changed() => if change.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        };
        // Its end is the end of the answer.
        let _ended = tokio::time::timeout(Duration::from_secs(seconds), tell).await;
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), receiver))
    });
    response(StatusCode::OK, StreamBody::new(stream).boxed())
}

impl Asked {
    fn read(request: &Request<Incoming>) -> Option<Self> {
        let path = request.uri().path().trim_matches('/');
        let parts = path.split('/').collect::<Vec<_>>();
        let (group, version, mut rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let mut namespace = "";
        if let ["namespaces", name, inner @ ..] = rest
            && !inner.is_empty()
        {
            (namespace, rest) = (name, inner);
        }
        let (plural, name) = match rest {
            [plural] => (*plural, ""),
            [plural, name] => (*plural, *name),
            _ => return None,
        };
        let accept = request.headers().get(ACCEPT).map_or(&b""[..], |value| value.as_bytes());
        let query = request.uri().query().unwrap_or_default();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), unescape(value))
        };
        Some(Self {
            resource: Resource { group: group.to_owned(), plural: plural.to_owned() },
            api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            partial: String::from_utf8_lossy(accept).contains("as=PartialObjectMetadata"),
            query: query.split('&').map(pair).collect(),
        })
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether an object of the resource is one of those that were asked for.
    fn wants(&self, object: &Value) -> bool {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let name = text("/metadata/name");
        let terms = |selector| self.query(selector).unwrap_or_default().split(',');
        let named = |term: &str| match term.strip_prefix("metadata.name=") {
            Some(wanted) => wanted.trim_start_matches('=') == name,
            None => true,
        };
        // Equality alone: other terms let everything through, and who asks looks again.
        let labelled = |term: &str| match term.split_once('=') {
            Some((label, value)) if !label.ends_with('!') => {
                let labels = object.pointer("/metadata/labels");
                labels.and_then(|labels| labels.get(label)).and_then(Value::as_str)
                    == Some(value.trim_start_matches('='))
            }
            _ => true,
        };
        (self.name.is_empty() || name == self.name)
            && (self.namespace.is_empty() || text("/metadata/namespace") == self.namespace)
            && terms("fieldSelector").all(named)
            && terms("labelSelector").all(labelled)
    }

    /// The object as it was asked for.
    fn shown(&self, object: &Value) -> Value {
        if self.partial {
            return json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadata",
                "metadata": object.get("metadata"),
            });
        }
        let mut shown = object.clone();
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(self.api_version));
        }
        shown
    }
}

fn status(code: StatusCode, reason: &str) -> Response<Body> {
    let failure = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": reason,
        "code": code.as_u16(),
    });
    reply(code, &failure)
}

fn reply(code: StatusCode, value: &Value) -> Response<Body> {
    response(code, Full::new(Bytes::from(value.to_string())).boxed())
}

fn response(code: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

/// Takes the percent signs out of a query's value.
fn unescape(text: &str) -> String {
    let mut plain = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

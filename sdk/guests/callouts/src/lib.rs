//! A filter that asks others: the guest of the SDK's own tests. The path says what a request is for.
//!
//! | path | what is asked |
//! |---|---|
//! | `/ask/CLUSTER/MS` | one; the answer becomes the request's header `x-answer` |
//! | `/refuse/CLUSTER` | one; the answer's body becomes the client's answer |
//! | `/copy/CLUSTER` | one; its header `x-why` becomes the request's, byte by byte |
//! | `/close/CLUSTER` | one; then the stream is reset |
//! | `/after/CLUSTER` | one, then another with the first one's answer |
//! | `/join`, `/join-all/N`, `/race` | several together |
//! | `/long/CLUSTER` | one, of whose body 4 bytes are taken |
//! | `/forget/CLUSTER` | one, whose answer nobody waits for |
//! | `/malformed` | one that cannot be sent |
//! | `/body` | at the end of the request's body, with the body |
//! | `/sleep/MS` | nobody; time passes |
//! | `/timeout/CLUSTER/MS` | one after the other, as long as the time lasts |
//! | `/grpc/CLUSTER/MS` | one over gRPC, of whose answer 4 bytes are taken |
//! | `/grpc-gives-up` | one over gRPC, and one over HTTP; whichever is first |
//! | `/stream/N` | a stream: N messages are sent, all that come are read |
//! | `/stream-gives-up/N` | a stream, of which N messages are read |
//! | `/stream-long` | a stream with a message that is too long |
//! | `/stream-unread` | a stream that has too much unread |
//! | `/late`, `/late-body`, `/late-trailers` | when the response is there |
//!
//! The plugin asks the cluster `start`, where there is one, when it starts.

use std::time::Duration;

use tamis::callouts::{HttpError, HttpRequest, HttpResponse, WaitingRequest, join, join_all, race, sleep, timeout};
use tamis::grpc::{GrpcError, GrpcRequest};
use tamis::{
    BodyMode, ConfigError, Filter, HeaderMap, HeaderName, LastOutcome, LateOutcome, NoConfig, Outcome, PluginContext,
    RequestBody, RequestHeaders, Response, ResponseBody, ResponseHeaders, ResponseTrailers,
};

const X_A: HeaderName = HeaderName::from_static("x-a");
const X_ANSWER: HeaderName = HeaderName::from_static("x-answer");
const X_WHY: HeaderName = HeaderName::from_static("x-why");

/// The filter.
#[derive(Debug)]
pub struct Asks;

/// What the path said.
#[derive(Debug, Default)]
pub struct Wish(Vec<String>);

#[tamis::filter(callouts)]
impl Filter for Asks {
    type Config = NoConfig;
    type Stream = Wish;

    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn started(&self, plugin: &PluginContext) {
        let spawned = plugin.spawn(self, async |_| {
            let said = told(&get("start", "/started").send().await);
            tamis::log::info(format_args!("start: {said}"));
        });
        if let Err(error) = spawned {
            tamis::log::error(format_args!("{error}"));
        }
    }

    fn request_headers(&self, wish: &mut Wish, request: &mut RequestHeaders) -> Outcome {
        let path = request.path().map(|path| String::from_utf8_lossy(path.unwrap_or_default()).into_owned());
        let path = path.unwrap_or_default();
        wish.0 = path.split('/').skip(1).map(str::to_owned).collect();
        let mut words = wish.0.clone().into_iter();
        let (what, cluster, number) = (words.next().unwrap_or_default(), words.next(), words.next());
        let cluster = cluster.unwrap_or_default();
        let number = number.and_then(|number| number.parse().ok()).unwrap_or(1000);
        if what == "body" {
            request.body(BodyMode::in_host(1 << 20));
        }
        match what.as_str() {
            "ask" => request.wait(self, async move |_, request| {
                let asked = get(&cluster, "/ask").timeout(Duration::from_millis(number)).send();
                answered(&request, &told(&asked.await))
            }),
            "refuse" => request.wait(self, async move |_, _| match get(&cluster, "/ask").send().await {
                Ok(answer) => Response::new(403).body(answer.body().unwrap_or_default()).into(),
                Err(error) => Err(error).into(),
            }),
            "copy" => request.wait(self, async move |_, request| match get(&cluster, "/ask").send().await {
                Ok(answer) => {
                    let why = answer.headers().get(&X_WHY).unwrap_or_default();
                    request.headers(|headers| headers.set(&X_WHY, why)).into()
                }
                Err(error) => Err(error).into(),
            }),
            "close" => request.wait(self, async move |_, _| {
                let _ = get(&cluster, "/ask").send().await;
                Outcome::Close
            }),
            "after" => request.wait(self, async move |_, request| {
                let first = get(&cluster, "/first").send().await;
                let path = format!("/second/{}", first.as_ref().map_or(0, HttpResponse::status));
                let second = get(&cluster, &path).send().await;
                answered(&request, &format!("{}, then {}", told(&first), told(&second)))
            }),
            "join" => request.wait(self, async |_, request| {
                let (a, b) = join(get("a", "/").send(), get("b", "/").send()).await;
                answered(&request, &format!("{} and {}", told(&a), told(&b)))
            }),
            "join-all" => request.wait(self, async move |_, request| {
                let count = cluster.parse().unwrap_or(0_usize);
                let answers = join_all((0..count).map(|_| get("a", "/").send())).await;
                let answers = answers.iter().map(told).collect::<Vec<_>>();
                answered(&request, &answers.join(", "))
            }),
            "race" => request.wait(self, async |_, request| {
                let first = race(get("a", "/").send(), get("b", "/").send()).await;
                answered(&request, &told(&first))
            }),
            "long" => request.wait(self, async move |_, request| {
                let answer = get(&cluster, "/ask").max_body(4).send().await;
                answered(&request, &told(&answer))
            }),
            "forget" => {
                drop(get(&cluster, "/ask").send());
                Outcome::Continue
            }
            "sleep" => request.wait(self, async move |_, request| {
                sleep(Duration::from_millis(cluster.parse().unwrap_or(0))).await;
                answered(&request, "slept")
            }),
            "timeout" => request.wait(self, async move |_, request| {
                let both = async {
                    let first = told(&get(&cluster, "/first").send().await);
                    format!("{first}, then {}", told(&get(&cluster, "/second").send().await))
                };
                let both = timeout(Duration::from_millis(number), both).await;
                answered(&request, &both.unwrap_or_else(|error| error.to_string()))
            }),
            "malformed" => request.wait(self, async |_, request| {
                let value = get("a", "/").header(X_WHY, "a\r\nb: c").send().await;
                let path = get("a", "/ a").send().await;
                answered(&request, &format!("{} and {}", told(&value), told(&path)))
            }),
            "grpc" => request.wait(self, async move |_, request| {
                let call = grpc(&cluster).metadata(X_WHY, "because").timeout(Duration::from_millis(number));
                answered(&request, &said(&call.call(b"what").await))
            }),
            "grpc-gives-up" => request.wait(self, async |_, request| {
                let slow = async { said(&grpc("a").call(b"what").await) };
                let fast = async { told(&get("b", "/").send().await) };
                answered(&request, &race(slow, fast).await)
            }),
            "stream" => request.wait(self, async move |_, request| {
                let read = stream(cluster.parse().unwrap_or(0), usize::MAX, &grpc("a")).await;
                answered(&request, &read)
            }),
            "stream-gives-up" => request.wait(self, async move |_, request| {
                let read = stream(1, cluster.parse().unwrap_or(0), &grpc("a")).await;
                answered(&request, &read)
            }),
            "stream-long" => request.wait(self, async |_, request| {
                answered(&request, &stream(1, usize::MAX, &grpc("a").max_message(3)).await)
            }),
            "stream-unread" => request.wait(self, async |_, request| {
                let stream = stream(1, usize::MAX, &grpc("a").max_unread(80)).await;
                answered(&request, &stream)
            }),
            _ => Outcome::Continue,
        }
    }

    fn request_body(&self, _: &mut Wish, body: &mut RequestBody<'_>) -> Outcome {
        let bytes = match body.bytes() {
            Ok(bytes) => bytes.to_vec(),
            Err(error) => return Err(error).into(),
        };
        let waits = body.wait(self, async move |_, _| {
            match HttpRequest::post("a", "a.internal", "/body", bytes).send().await {
                Ok(answer) if answer.status() == 200 => Outcome::Continue,
                Ok(answer) => Response::new(answer.status()).into(),
                Err(error) => Err(error).into(),
            }
        });
        waits.unwrap_or_else(|error| Err(error).into())
    }

    fn response_headers(&self, wish: &mut Wish, response: &mut ResponseHeaders) -> Outcome {
        match wish.0.first().map(String::as_str) {
            Some("late") => response.wait(self, async |_, response| {
                let answer = get("a", "/late").send().await;
                response.headers(|headers| headers.set(&X_ANSWER, told(&answer).as_bytes())).into()
            }),
            Some("late-body") => {
                response.body(BodyMode::in_host(1 << 20));
                Outcome::Continue
            }
            _ => Outcome::Continue,
        }
    }

    fn response_body(&self, _: &mut Wish, body: &mut ResponseBody<'_>) -> LateOutcome {
        let waits = body.wait(self, async |_, response| {
            let answer = get("a", "/late").send().await;
            let headers = response.headers(|_| Ok(()));
            let headers = headers.map_or_else(|error| error.to_string(), |()| "headers".to_owned());
            tamis::log::info(format_args!("late body: {}, {headers}", told(&answer)));
            LateOutcome::Continue
        });
        waits.unwrap_or(LateOutcome::Close)
    }

    fn response_trailers(&self, wish: &mut Wish, trailers: &mut ResponseTrailers) -> LastOutcome {
        if wish.0.first().is_none_or(|what| what != "late-trailers") {
            return LastOutcome::Continue;
        }
        trailers.wait(self, async |_, _| {
            tamis::log::info(format_args!("late trailers: {}", told(&get("a", "/late").send().await)));
            LastOutcome::Continue
        })
    }

    fn max_callouts(&self) -> usize {
        4
    }
}

fn get(cluster: &str, path: &str) -> HttpRequest {
    HttpRequest::get(cluster, format!("{cluster}.internal"), path)
}

fn grpc(cluster: &str) -> GrpcRequest {
    GrpcRequest::new(cluster, "test.Service", "Method").max_message(4)
}

/// Sends so many messages, and reads at most so many: what they say, and how it ends.
async fn stream(send: usize, read: usize, request: &GrpcRequest) -> String {
    let mut words = Vec::new();
    match talk(send, read, request, &mut words).await {
        Ok(()) => {}
        Err(error) => words.push(failed(&error)),
    }
    words.join(" ")
}

async fn talk(send: usize, read: usize, request: &GrpcRequest, words: &mut Vec<String>) -> Result<(), GrpcError> {
    let mut stream = request.open()?;
    for i in 0..send {
        stream.send(format!("m{i}"))?;
    }
    stream.finish()?;
    words.push(stream.send("no").map_or_else(|error| error.to_string(), |()| "sent".to_owned()));
    // What comes meanwhile waits to be read.
    let _ = get("b", "/").send().await;
    for _ in 0..read {
        let Some(message) = stream.next().await? else {
            let (first, last) = (stream.initial_metadata(), stream.trailing_metadata());
            let texts =
                [first.get(&X_A), last.get(&X_WHY)].map(|value| value.unwrap_or(b"none")).map(String::from_utf8_lossy);
            words.push(texts.join(" why "));
            break;
        };
        words.push(String::from_utf8_lossy(&message).into_owned());
    }
    Ok(())
}

fn said(answer: &Result<Vec<u8>, GrpcError>) -> String {
    match answer {
        Ok(message) => format!("{:?}", String::from_utf8_lossy(message)),
        Err(error) => failed(error),
    }
}

fn failed(error: &GrpcError) -> String {
    match error {
        GrpcError::Status(failure) => format!("{error}: {}", String::from_utf8_lossy(&failure.message)),
        error => error.to_string(),
    }
}

/// An answer in words.
fn told(answer: &Result<HttpResponse, HttpError>) -> String {
    match answer {
        Ok(answer) => {
            let body = answer.body().map(String::from_utf8_lossy);
            let body = body.unwrap_or_else(|error| format!("{} bytes", error.bytes).into());
            let why = String::from_utf8_lossy(answer.headers().get(&X_WHY).unwrap_or_default());
            let trailers = answer.trailers().iter().count();
            format!("{} {body} {why} {trailers}", answer.status())
        }
        Err(error) => error.to_string(),
    }
}

fn answered(request: &WaitingRequest, answer: &str) -> Outcome {
    request.headers(|headers| headers.set(&X_ANSWER, answer.as_bytes())).into()
}

//! The requests that filters make of their own: what they must be, and what comes back.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::duration::Span;
use super::matcher::{ExpectFields, ValueMatch};
use super::model::Answer;
use super::split::Split;
use super::value::{Body, Fields};

/// The most callouts that an entry may stand for by `times`.
const MAX_TIMES: u32 = 1000;

/// A cluster that filters can call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its name, as filters know it.
    pub name: String,
    /// Whether it has an endpoint. Without one a callout fails at once, in the call itself.
    #[serde(default = "yes")]
    pub healthy: bool,
}

/// A request that a filter must make of its own, and what comes back. One that is not listed is an error, and so is one
/// that is listed and not made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Callout {
    /// The cluster that is called.
    pub cluster: String,
    /// How often it is called so.
    pub times: u32,
    /// What is asked, and answered.
    pub kind: CalloutKind,
}

/// What is asked, and answered.
#[derive(Debug, Clone)]
pub enum CalloutKind {
    /// An HTTP request.
    Http {
        /// What it must be.
        expect: ExpectCallout,
        /// What comes back.
        answer: HttpAnswer,
    },
    /// A gRPC call or stream.
    Grpc(GrpcCallout),
}

/// A callout as it is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The cluster that is called.
    cluster: String,
    /// How often it is called so.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 1000))]
    times: u32,
    /// What the request must be. What is not named is not looked at.
    expect: Option<ExpectCallout>,
    /// What comes back: a 200 with nothing, when it is left out.
    answer: Option<HttpAnswer>,
    /// For a gRPC call or stream: what is asked and answered.
    grpc: Option<GrpcCallout>,
}

/// What a callout's request must be.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectCallout {
    /// The method.
    pub method: Option<ValueMatch>,
    /// The path with its query.
    pub path: Option<ValueMatch>,
    /// The host.
    pub authority: Option<ValueMatch>,
    /// Headers.
    pub headers: ExpectFields,
    /// The body.
    pub body: Option<ValueMatch>,
}

/// What comes back for a callout, and when.
#[derive(Debug, Clone, Default)]
pub struct HttpAnswer {
    /// How long after the request. Less than the filter's own timeout, or it comes too late.
    pub after: Span,
    /// What it is.
    pub outcome: HttpOutcome,
}

/// What comes back for a callout.
#[derive(Debug, Clone)]
pub enum HttpOutcome {
    /// A response.
    Response(Answer),
    /// There is no response.
    Failure(Failure),
    /// Nothing at all: the filter's timeout decides.
    Never,
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The connection is refused: the proxy answers 503.
    Refused,
    /// The connection is closed before the response's headers: the proxy answers 503.
    Closed,
    /// The connection breaks after the response's headers: the filter hears of an end without a response.
    Reset,
}

/// A response as it is written.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WrittenAnswer {
    /// How long after the request it comes.
    after: Span,
    /// The status.
    #[schemars(schema_with = "super::model::status")]
    status: Option<u16>,
    /// Headers, in this order; a list of values sends the header that many times.
    headers: Fields,
    /// The body.
    body: Body,
    /// Trailers, in this order. Only the harness can send them.
    trailers: Fields,
    /// Instead of a response: why there is none.
    failure: Option<Failure>,
}

/// A gRPC call or stream that a filter must begin, and what comes back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcCallout {
    /// The service, as `package.Service`.
    pub service: Option<ValueMatch>,
    /// The method.
    pub method: Option<ValueMatch>,
    /// What the filter must send. What is not named is not looked at.
    #[serde(default)]
    pub expect: ExpectGrpc,
    /// What comes back: the status 0, when it is left out.
    #[serde(default)]
    pub answer: GrpcReply,
}

/// What a filter must send on a gRPC call or stream.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectGrpc {
    /// Metadata that is sent first.
    pub metadata: ExpectFields,
    /// All messages, in order: one for a call, any number on a stream.
    pub messages: Option<Vec<ValueMatch>>,
    /// Whether the filter must have ended its side of a stream, or not.
    pub closed: Option<bool>,
    /// Whether the filter must have given up the call or stream, or not.
    pub cancelled: Option<bool>,
}

/// What comes back for a gRPC call or stream. A call gets one message, or a status that is not 0.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcReply {
    /// How long after the beginning it comes.
    pub after: Span,
    /// Metadata before the first message.
    pub metadata: Fields,
    /// Messages.
    pub messages: Vec<Message>,
    /// Metadata after the last message.
    pub trailers: Fields,
    /// The gRPC status at the end.
    pub status: u32,
    /// Its message.
    pub status_message: String,
    /// The stream stays open: no trailers and no status come.
    pub open: bool,
    /// Nothing at all comes.
    pub never: bool,
    /// The status comes alone, in the place of the first metadata: "trailers only", as servers answer that have nothing to
    /// say before.
    pub trailers_only: bool,
}

/// A gRPC message's bytes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(try_from = "Body")]
#[schemars(with = "Body")]
pub struct Message(pub Vec<u8>);

impl Callout {
    /// Whether the connection is to be refused: nobody sees the request then.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match &self.kind {
            CalloutKind::Http { answer, .. } => matches!(answer.outcome, HttpOutcome::Failure(Failure::Refused)),
            CalloutKind::Grpc(_) => false,
        }
    }
}

impl GrpcReply {
    fn check(&self) -> Result<(), String> {
        let more = !self.messages.is_empty() || !self.metadata.0.is_empty() || self.open;
        match (self.trailers_only && more, self.never && (more || self.trailers_only)) {
            (true, _) => {
                Err("an answer that is `trailers_only` has no `messages` and no `metadata`, and is not `open`"
                    .to_owned())
            }
            (_, true) => Err("there is either an answer or `never`".to_owned()),
            (false, false) => Ok(()),
        }
    }
}

impl Default for HttpOutcome {
    fn default() -> Self {
        Self::Response(Answer::default())
    }
}

impl TryFrom<Written> for Callout {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { cluster, times, expect, answer, grpc } = written;
        if !(1..=MAX_TIMES).contains(&times) {
            return Err(format!("`times` is a number from 1 to {MAX_TIMES}"));
        }
        let kind = match grpc {
            Some(_) if expect.is_some() || answer.is_some() => {
                return Err("`expect` and `answer` of a gRPC callout stand inside of `grpc`".to_owned());
            }
            Some(grpc) => {
                grpc.answer.check()?;
                CalloutKind::Grpc(grpc)
            }
            None => CalloutKind::Http { expect: expect.unwrap_or_default(), answer: answer.unwrap_or_default() },
        };
        Ok(Self { cluster, times, kind })
    }
}

impl TryFrom<WrittenAnswer> for HttpAnswer {
    type Error = &'static str;

    fn try_from(written: WrittenAnswer) -> Result<Self, &'static str> {
        let WrittenAnswer { after, status, headers, body, trailers, failure } = written;
        if *body.split() != Split::Whole {
            return Err("a filter gets the body of a callout's answer whole: leave out `split`");
        }
        let bare = status.is_none() && headers.0.is_empty() && body.is_empty() && trailers.0.is_empty();
        let outcome = match failure {
            Some(_) if !bare => return Err("there is either a response or a `failure`"),
            Some(failure) => HttpOutcome::Failure(failure),
            None => HttpOutcome::Response(Answer { status: status.unwrap_or(200), headers, body, trailers }),
        };
        Ok(Self { after, outcome })
    }
}

impl TryFrom<Body> for Message {
    type Error = &'static str;

    fn try_from(body: Body) -> Result<Self, &'static str> {
        match body.split() {
            Split::Whole => Ok(Self(body.as_bytes().to_vec())),
            _ => Err("a gRPC message comes whole: leave out `split`"),
        }
    }
}

impl<'de> Deserialize<'de> for HttpAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnswerVisitor)
    }
}

struct AnswerVisitor;

impl<'de> Visitor<'de> for AnswerVisitor {
    type Value = HttpAnswer;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a response, or `never`")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<HttpAnswer, E> {
        match word {
            "never" => Ok(HttpAnswer { after: Span::default(), outcome: HttpOutcome::Never }),
            _ => Err(E::custom("expected a response, or `never`")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HttpAnswer, A::Error> {
        let written = WrittenAnswer::deserialize(MapAccessDeserializer::new(map))?;
        HttpAnswer::try_from(written).map_err(A::Error::custom)
    }
}

impl JsonSchema for HttpAnswer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CalloutAnswer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let answer = generator.subschema_for::<WrittenAnswer>();
        json_schema!({ "anyOf": [
            answer,
            { "const": "never", "description": "Nothing comes: the filter's own timeout decides." },
        ] })
    }
}

fn yes() -> bool {
    true
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    fn error(text: &str) -> String {
        parse_as::<Callout>(text).unwrap_err().message
    }

    #[test]
    fn an_answer_is_a_response_a_failure_or_nothing() {
        let outcome = |text: &str| match parse_as::<Callout>(text).unwrap().kind {
            CalloutKind::Http { answer, .. } => (answer.after.0.as_millis(), answer.outcome),
            CalloutKind::Grpc(_) => panic!("{text}"),
        };
        assert!(matches!(outcome("{cluster: a}"), (0, HttpOutcome::Response(answer)) if answer.status == 200));
        let late = outcome("{cluster: a, answer: {status: 403, after: 5ms}}");
        assert!(matches!(late, (5, HttpOutcome::Response(answer)) if answer.status == 403));
        let refused = outcome("{cluster: a, answer: {failure: refused, after: 1s}}");
        assert!(matches!(refused, (1000, HttpOutcome::Failure(Failure::Refused))));
        assert!(matches!(outcome("{cluster: a, answer: never}"), (0, HttpOutcome::Never)));
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        assert_eq!(
            error("{cluster: a, answer: {failure: reset, status: 200}}"),
            "there is either a response or a `failure`"
        );
        assert_eq!(
            error("{cluster: a, answer: {body: {text: ab, split: every-byte}}}"),
            "a filter gets the body of a callout's answer whole: leave out `split`"
        );
        assert_eq!(error("{cluster: a, answer: sometimes}"), "expected a response, or `never`");
        assert_eq!(error("{cluster: a, times: 0}"), "`times` is a number from 1 to 1000");
        assert_eq!(
            error("{cluster: a, answer: {status: 200}, grpc: {}}"),
            "`expect` and `answer` of a gRPC callout stand inside of `grpc`"
        );
    }
}

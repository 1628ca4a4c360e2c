//! What a filter does about its own errors.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tamis_core::config::{Fault, Node, ReadConfig};

use crate::sys::LogLevel;
use crate::{LateOutcome, Outcome, Response, ResponseBody};

/// What a filter does when an edit of its own fails: the field `on_error` of a filter's configuration.
///
/// Not to be confused with the proxy's failure policy, which is about a module that has died.
///
/// ```yaml
/// on_error: pass                                    # the message goes on as it is by then
/// on_error: skip_edit                               # the other edits are still made
/// on_error: { respond: { status: 503, body: busy } }
/// ```
///
/// Without it the filter answers 500. Every error is a line in the proxy's log.
///
/// ```
/// # use tamis::{HeaderMap, HeaderName, OnError, Outcome, RequestHeaders};
/// # const X_A: HeaderName = HeaderName::from_static("x-a");
/// # struct Filter { on_error: OnError, values: Vec<Vec<u8>> }
/// # impl Filter {
/// fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
///     self.on_error.over(self.values.iter().map(|value| request.headers().add(&X_A, value)))
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Let the message go on as it is by then; the edits that follow are not made.
    Pass,
    /// Leave out the edit that has failed, and make the others.
    SkipEdit,
    /// Answer the request. A response whose headers have left is cut short instead.
    Respond(ErrorResponse),
}

/// The answer to give when an edit fails.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErrorResponse {
    /// The status: 400 to 599.
    pub status: ErrorStatus,
    /// The body, as text. Empty when it is left out.
    #[schemars(default)]
    pub body: String,
}

/// A status that says that something went wrong: 400 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorStatus(u16);

/// What stops the edits.
enum Stop<'e> {
    Pass,
    Respond(&'e ErrorResponse),
}

impl OnError {
    /// Makes edits one after the other, as far as they are to be made, and says what becomes of the message. The iterator is
    /// to be lazy: an edit that is not to be made is not asked for.
    pub fn over<E: fmt::Display>(&self, edits: impl IntoIterator<Item = Result<(), E>>) -> Outcome {
        match self.stop(edits) {
            None | Some(Stop::Pass) => Outcome::Continue,
            Some(Stop::Respond(answer)) => answer.response().into(),
        }
    }

    /// The same in the body of a response: it is answered while its headers are held, and cut short when they have left.
    pub fn over_body<E: fmt::Display>(
        &self,
        body: &mut ResponseBody<'_>,
        edit: impl FnOnce(&mut ResponseBody<'_>) -> Result<(), E>,
    ) -> LateOutcome {
        let result = edit(body);
        match self.stop([result]) {
            None | Some(Stop::Pass) => LateOutcome::Continue,
            Some(Stop::Respond(answer)) => body.respond(answer.response()).unwrap_or(LateOutcome::Close),
        }
    }

    fn stop<E: fmt::Display>(&self, edits: impl IntoIterator<Item = Result<(), E>>) -> Option<Stop<'_>> {
        for error in edits.into_iter().filter_map(Result::err) {
            let error = error.to_string();
            let done = match self {
                Self::Pass => "; the message goes on",
                Self::SkipEdit => "; this edit is left out",
                Self::Respond(_) => "; answering with an error",
            };
            crate::log::parts(LogLevel::ERROR, &[&error, done]);
            match self {
                Self::Pass => return Some(Stop::Pass),
                Self::SkipEdit => {}
                Self::Respond(answer) => return Some(Stop::Respond(answer)),
            }
        }
        None
    }
}

/// Answers 500.
impl Default for OnError {
    fn default() -> Self {
        Self::Respond(ErrorResponse { status: ErrorStatus(500), body: String::new() })
    }
}

impl ErrorResponse {
    fn response(&self) -> Response {
        Response::new(self.status.0).body(self.body.as_str()).details("tamis_on_error")
    }
}

impl ErrorStatus {
    /// The status, for filters' own answers.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// A status from 400 to 599; nothing for another number.
    #[must_use]
    pub const fn new(status: u16) -> Option<Self> {
        if status >= 400 && status < 600 { Some(Self(status)) } else { None }
    }
}

impl ReadConfig for ErrorStatus {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match u16::read_config(node)? {
            status @ 400..=599 => Ok(Self(status)),
            _ => Err(node.refused(&"expected a status from 400 to 599, found another number")),
        }
    }
}

tamis_core::deserialize_by_node!(ErrorStatus);

impl JsonSchema for ErrorStatus {
    fn schema_name() -> Cow<'static, str> {
        "ErrorStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 400, "maximum": 599 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    /// Which of three edits are made when the second fails, and what comes of it.
    fn made(on_error: &str) -> (Vec<u32>, Outcome) {
        let on_error = parse::<OnError>(on_error.as_bytes()).unwrap();
        let mut made = Vec::new();
        let outcome = on_error.over([1, 2, 3].into_iter().map(|edit| {
            made.push(edit);
            if edit == 2 { Err("no") } else { Ok(()) }
        }));
        (made, outcome)
    }

    #[test]
    fn an_error_stops_the_edits_or_only_itself() {
        assert_eq!(made(r#""pass""#), (vec![1, 2], Outcome::Continue));
        assert_eq!(made(r#""skip_edit""#), (vec![1, 2, 3], Outcome::Continue));
        let answer = Response::new(503).body("busy").details("tamis_on_error");
        assert_eq!(made(r#"{"respond": {"status": 503, "body": "busy"}}"#), (vec![1, 2], answer.into()));
    }

    #[test]
    fn only_errors_can_be_answered() {
        let error = parse::<OnError>(br#"{"respond": {"status": 200}}"#).unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid configuration at `respond.status`: expected a status from 400 to 599, found another number"
        );
        assert_eq!(OnError::default(), parse(br#"{"respond": {"status": 500}}"#).unwrap());
    }
}

//! The phases.

mod messages;

use tamis::json::Edit;
use tamis::views::ContentType;
use tamis::{
    BodyMode, ConfigError, Filter, HeaderMap, HeaderName, Headers, HostError, LateOutcome, OnError, Outcome, OverLimit,
    PluginContext, RequestBody, RequestHeaders, Response, ResponseBody, ResponseHeaders,
};

use crate::config::{Bodies, Config, Unedited};
use crate::json::{JsonError, edited};
use crate::rules::{self, Answer, Rule, Seen, Set};
use crate::status::is_bodiless;

const CONTENT_ENCODING: HeaderName = HeaderName::from_static("content-encoding");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const ETAG: HeaderName = HeaderName::from_static("etag");
const UPGRADE: HeaderName = HeaderName::from_static("upgrade");
/// What says something of a body's bytes, and would be wrong of other bytes.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// The filter.
#[derive(Debug)]
pub struct Transformation {
    rules: Vec<Rule>,
    bodies: Bodies,
    on_error: OnError,
    /// Whether the user has said it.
    has_on_error: bool,
    /// Whether some rule asks who made a response.
    asks_for_local_reply: bool,
}

/// Which rules are for a stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// None when the request never came here.
    request: Option<Set>,
    response: Set,
}

#[tamis::filter]
impl Filter for Transformation {
    type Config = Config;
    type Stream = Stream;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        if !(1..=67_108_864).contains(&config.bodies.max_bytes) {
            return Err(ConfigError::new("bodies.max_bytes", "expected a number from 1 to 67108864"));
        }
        let rules = rules::rules(config.rules)?;
        let asks_for_local_reply = rules.iter().any(Rule::asks_for_local_reply);
        Ok(Self {
            rules,
            bodies: config.bodies,
            has_on_error: config.on_error.is_some(),
            on_error: config.on_error.unwrap_or_default(),
            asks_for_local_reply,
        })
    }

    fn request_headers(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Outcome {
        let set = match rules::matching(&self.rules, request.headers()) {
            Ok(set) => set,
            Err(error) => return self.on_error.over([Err(error)]),
        };
        stream.request = Some(set);
        let mut answer = None;
        let edits = set.of(&self.rules).map(|(_, rule)| match &rule.answer {
            Some(what) => answered(what, request.headers()).map(|response| answer = Some(response)),
            None => rule.request.apply(request),
        });
        let outcome = self.on_error.over(edits);
        match (outcome, answer) {
            (Outcome::Continue, Some(response)) => response.into(),
            (Outcome::Continue, None) if set.of(&self.rules).any(|(_, rule)| !rule.request_json.is_empty()) => {
                self.look_at_request(request)
            }
            (outcome, _) => outcome,
        }
    }

    fn request_body(&self, stream: &mut Stream, body: &mut RequestBody<'_>) -> Outcome {
        let edits = self.edits(stream.request.unwrap_or_default(), |rule| &rule.request_json);
        let result = body.bytes().map(|bytes| edited(bytes, edits, self.limit()));
        let result = match result {
            Ok(Ok(Some(bytes))) => body.replace(bytes).map_err(|error| error.to_string()),
            Ok(Ok(None)) => Ok(()),
            Ok(Err(JsonError::Invalid(_))) if !self.has_on_error => {
                return Response::new(400).body("the body is not JSON\n").details("tamis_invalid_json").into();
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.on_error.over([result])
    }

    fn response_headers(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Outcome {
        match self.edit_response(stream, response) {
            Ok(outcome) => outcome,
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn response_body(&self, stream: &mut Stream, body: &mut ResponseBody<'_>) -> LateOutcome {
        let edits = self.edits(stream.response, |rule| &rule.response_json);
        self.on_error.over_body(body, |body| {
            let edited = edited(body.bytes().map_err(|error| error.to_string())?, edits, self.limit());
            match edited.map_err(|error| error.to_string())? {
                Some(bytes) => body.replace(bytes).map_err(|error| error.to_string()),
                None => Ok(()),
            }
        })
    }
}

impl Transformation {
    fn edit_response(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Result<Outcome, HostError> {
        let candidates = stream.request.unwrap_or_else(|| rules::unconditional(&self.rules));
        if candidates.is_empty() {
            return Ok(Outcome::Continue);
        }
        // Looking at the status costs a copy of the whole map; a rule that never asks does not pay for it.
        let asks = candidates.of(&self.rules).any(|(_, rule)| rule.asks_for_status());
        let status = if asks { response.status()? } else { 200 };
        let seen = Seen { status, local_reply: self.asks_for_local_reply && is_local_reply()? };
        for (place, rule) in candidates.of(&self.rules) {
            if rule.is_for(seen, response.headers())? {
                stream.response.insert(place);
            }
        }
        let edits = stream.response.of(&self.rules).map(|(_, rule)| rule.response.apply(response, status));
        let outcome = self.on_error.over(edits);
        let has_json = stream.response.of(&self.rules).any(|(_, rule)| !rule.response_json.is_empty());
        if outcome != Outcome::Continue || !has_json || response.end_of_stream() || is_bodiless(status) || status == 206
        {
            return Ok(outcome);
        }
        self.look_at_response(response)
    }

    /// Has the body come, if it is one that can be edited.
    fn look_at_request(&self, request: &mut RequestHeaders) -> Outcome {
        if request.end_of_stream() {
            return Outcome::Continue;
        }
        match editable(request.headers()) {
            Ok(Editable::Yes) => request.body(self.mode()),
            Ok(Editable::Compressed) if self.bodies.compressed == Unedited::Refuse => {
                return Response::new(415).details("tamis_compressed").into();
            }
            Ok(Editable::Compressed | Editable::No) => {}
            Err(error) => return self.on_error.over([Err(error)]),
        }
        Outcome::Continue
    }

    fn look_at_response(&self, response: &mut ResponseHeaders) -> Result<Outcome, HostError> {
        match editable(response.headers())? {
            Editable::Yes => {
                // Headers leave before the body is there, so what might become wrong goes now.
                for name in &DIGESTS {
                    if response.headers().get(name)?.is_some() {
                        response.headers().remove(name)?;
                    }
                }
                let tag = response.headers().get(&ETAG)?.filter(|tag| !tag.starts_with(b"W/"));
                if let Some(weak) = tag.map(|tag| [b"W/", tag].concat()) {
                    response.headers().set(&ETAG, &weak)?;
                }
                response.body(self.mode());
            }
            Editable::Compressed if self.bodies.compressed == Unedited::Refuse => {
                return Ok(Response::new(502).details("tamis_compressed").into());
            }
            Editable::Compressed | Editable::No => {}
        }
        Ok(Outcome::Continue)
    }

    fn mode(&self) -> BodyMode {
        let over = match self.bodies.over_limit {
            Unedited::Pass => OverLimit::Pass,
            Unedited::Refuse => OverLimit::Refuse,
        };
        BodyMode::in_guest(self.limit(), over)
    }

    fn limit(&self) -> usize {
        usize::try_from(self.bodies.max_bytes).unwrap_or(usize::MAX)
    }

    fn edits(&self, set: Set, of: fn(&Rule) -> &[Edit]) -> impl Iterator<Item = &Edit> {
        set.of(&self.rules).flat_map(move |(_, rule)| of(rule))
    }
}

/// Whether a body is one that edits of JSON are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Editable {
    Yes,
    Compressed,
    No,
}

fn editable(headers: &Headers) -> Result<Editable, HostError> {
    let kind = headers.get(&CONTENT_TYPE)?.and_then(|value| ContentType::parse(value).ok());
    // A stream of messages, whatever is in them.
    let is_grpc = |kind: &ContentType<'_>| kind.essence().to_ascii_lowercase().starts_with(b"application/grpc");
    if !kind.is_some_and(|kind| kind.is_json() && !is_grpc(&kind)) || headers.get(&UPGRADE)?.is_some() {
        return Ok(Editable::No);
    }
    let encoding = CONTENT_ENCODING;
    let is_plain = headers
        .get_all(&encoding)?
        .all(|coding| coding.trim_ascii().is_empty() || coding.eq_ignore_ascii_case(b"identity"));
    Ok(if is_plain { Editable::Yes } else { Editable::Compressed })
}

fn answered(answer: &Answer, request: &Headers) -> Result<Response, HostError> {
    match answer {
        Answer::Redirect(redirect) => redirect.response(request),
        Answer::Direct(response) => Ok(response.response()),
    }
}

/// Envoy says `via_upstream` of all that it did not make itself.
fn is_local_reply() -> Result<bool, HostError> {
    Ok(tamis::attributes::raw(&["response", "code_details"])?.is_none_or(|details| details != b"via_upstream"))
}

//! The phases.

mod bodies;
mod messages;

use std::sync::Arc;

use tamis::metrics::{Counter, Metric as _};
use tamis::views::ContentType;
use tamis::{
    BodyError, BodyMode, ConfigError, Filter, HeaderMap, HeaderName, Headers, HostError, LateOutcome, OnError, Outcome,
    OverLimit, PluginContext, RequestBody, RequestHeaders, Response, ResponseBody, ResponseHeaders,
};

use crate::config::{Bodies, Config, Unedited};
use crate::extractors::Extractor;
use crate::json::JsonError;
use crate::made::{Around, Made, MakeError};
use crate::rules::{self, Answer, Rule, Seen, Set};
use crate::status::is_bodiless;
use crate::templates::facts::{Facts, Fields};
use crate::templates::{RenderError, Undefined};

use self::bodies::Side;

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

/// The longest body of an answer that a template makes, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

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
    extractors: Arc<[Extractor]>,
    environment: Arc<[(String, Vec<u8>)]>,
    undefined: Undefined,
    held_headers: bool,
    /// How often an extractor has found nothing.
    misses: Option<Counter>,
}

/// Which rules are for a stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// None when the request never came here.
    request: Option<Set>,
    response: Set,
    /// The request as it came, where a template looks at it later.
    request_fields: Option<Arc<Fields>>,
    /// The response as it came, where a template of its body looks at it.
    response_fields: Option<Arc<Fields>>,
    /// Whether the body that is buffered is JSON.
    is_json: bool,
}

#[tamis::filter(held_headers)]
impl Filter for Transformation {
    type Config = Config;
    type Stream = Stream;

    fn new(config: Config, plugin: &PluginContext) -> Result<Self, ConfigError> {
        if !(1..=67_108_864).contains(&config.bodies.max_bytes) {
            return Err(ConfigError::new("bodies.max_bytes", "expected a number from 1 to 67108864"));
        }
        check_extractors(&config.extractors)?;
        let around = Around { extractors: &config.extractors, held_headers: config.held_headers };
        let rules = rules::rules(config.rules, &around)?;
        let asks_for_local_reply = rules.iter().any(Rule::asks_for_local_reply);
        Ok(Self {
            environment: environment(&rules, plugin).into(),
            rules,
            bodies: config.bodies,
            has_on_error: config.on_error.is_some(),
            on_error: config.on_error.unwrap_or_default(),
            asks_for_local_reply,
            misses: misses(&config.extractors)?,
            extractors: config.extractors.into(),
            undefined: config.undefined,
            held_headers: config.held_headers,
        })
    }

    fn request_headers(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Outcome {
        let set = match rules::matching(&self.rules, request.headers()) {
            Ok(set) => set,
            Err(error) => return self.on_error.over([Err(error)]),
        };
        stream.request = Some(set);
        let facts = match self.request_facts(set, stream, request) {
            Ok(facts) => facts,
            Err(error) => return self.on_error.over([Err(error)]),
        };
        let facts = facts.as_ref();
        let mut answer = None;
        let edits = set.of(&self.rules).map(|(_, rule)| match &rule.answer {
            Some(what) => answered(what, request.headers(), facts).map(|response| answer = Some(response)),
            None => rule.request.apply(request, facts).and_then(|()| clear(&rule.request_late, request.headers())),
        });
        let outcome = self.on_error.over(edits);
        self.count(facts);
        match (outcome, answer) {
            (Outcome::Continue, Some(response)) => response.into(),
            (Outcome::Continue, None) if set.of(&self.rules).any(|(_, rule)| rule.looks_at_request_body()) => {
                self.look_at_request(set, stream, request)
            }
            (outcome, _) => outcome,
        }
    }

    fn request_body(&self, stream: &mut Stream, body: &mut RequestBody<'_>) -> Outcome {
        let set = stream.request.unwrap_or_default();
        let result = body.bytes().map(|bytes| self.edited(Side::Request, set, stream, bytes));
        let result = match result {
            Ok(Ok(edited)) => {
                let put = if edited.headers.is_empty() { Ok(()) } else { put(&edited.headers, body.headers()) };
                put.and_then(|()| edited.body.map_or(Ok(()), |bytes| body.replace(bytes))).map_err(told)
            }
            Ok(Err(JsonError::Invalid(_) | JsonError::Template(RenderError::NotJson))) if !self.has_on_error => {
                return Response::new(400).body("the body is not JSON\n").details("tamis_invalid_json").into();
            }
            Ok(Err(error)) => Err(told(error)),
            Err(error) => Err(told(error)),
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
        self.on_error.over_body(body, |body| {
            let bytes = body.bytes().map_err(told)?;
            let edited = self.edited(Side::Response, stream.response, stream, bytes).map_err(told)?;
            if !edited.headers.is_empty() {
                put(&edited.headers, body.headers()).map_err(told)?;
            }
            edited.body.map_or(Ok(()), |bytes| body.replace(bytes)).map_err(told)
        })
    }

    fn held_headers(&self) -> bool {
        self.held_headers
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
        let facts = self.response_facts(stream, response)?;
        let facts = facts.as_ref();
        let edits = stream.response.of(&self.rules).map(|(_, rule)| {
            let applied = rule.response.apply(response, status, facts);
            applied.and_then(|()| clear(&rule.response_late, response.headers()))
        });
        let outcome = self.on_error.over(edits);
        self.count(facts);
        let looks = stream.response.of(&self.rules).any(|(_, rule)| rule.looks_at_response_body());
        if outcome != Outcome::Continue || !looks || response.end_of_stream() || is_bodiless(status) || status == 206 {
            return Ok(outcome);
        }
        self.look_at_response(stream, response)
    }

    /// Has the body come, if it is one that can be edited.
    fn look_at_request(&self, set: Set, stream: &mut Stream, request: &mut RequestHeaders) -> Outcome {
        if request.end_of_stream() {
            return Outcome::Continue;
        }
        let made = || set.of(&self.rules).flat_map(|(_, rule)| &rule.request.templates);
        let late = set.of(&self.rules).any(|(_, rule)| !rule.request_late.is_empty());
        match editable(request.headers(), late || made().any(Made::is_whole_body)) {
            Ok(Editable::Yes { is_json }) => {
                stream.is_json = is_json;
                if let Err(error) = set_type(made(), request.headers()) {
                    return self.on_error.over([Err(error)]);
                }
                request.body(self.mode(set.of(&self.rules).any(|(_, rule)| rule.edits_request_body())));
            }
            Ok(Editable::Compressed) if self.bodies.compressed == Unedited::Refuse => {
                return Response::new(415).details("tamis_compressed").into();
            }
            Ok(Editable::Compressed | Editable::No) => {}
            Err(error) => return self.on_error.over([Err(error)]),
        }
        Outcome::Continue
    }

    fn look_at_response(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Result<Outcome, HostError> {
        let made = || stream.response.of(&self.rules).flat_map(|(_, rule)| &rule.response.templates);
        let late = stream.response.of(&self.rules).any(|(_, rule)| !rule.response_late.is_empty());
        match editable(response.headers(), late || made().any(Made::is_whole_body))? {
            Editable::Yes { is_json } => {
                set_type(made(), response.headers())?;
                stream.is_json = is_json;
                let edits = stream.response.of(&self.rules).any(|(_, rule)| rule.edits_response_body());
                if edits {
                    said_of_another_body(response.headers())?;
                }
                response.body(self.mode(edits));
            }
            Editable::Compressed if self.bodies.compressed == Unedited::Refuse => {
                return Ok(Response::new(502).details("tamis_compressed").into());
            }
            Editable::Compressed | Editable::No => {}
        }
        Ok(Outcome::Continue)
    }

    /// `edits` says that the body may change.
    fn mode(&self, edits: bool) -> BodyMode {
        let over = match self.bodies.over_limit {
            Unedited::Pass => OverLimit::Pass,
            Unedited::Refuse => OverLimit::Refuse,
        };
        let mode = BodyMode::in_guest(self.limit(), over);
        if edits { mode } else { mode.read_only() }
    }

    fn limit(&self) -> usize {
        usize::try_from(self.bodies.max_bytes).unwrap_or(usize::MAX)
    }

    /// What templates of this request look at; nothing when there are none.
    fn request_facts(
        &self,
        set: Set,
        stream: &mut Stream,
        request: &mut RequestHeaders,
    ) -> Result<Option<Facts>, HostError> {
        let now = |rule: &Rule| !rule.request.templates.is_empty() || rule.answer.as_ref().is_some_and(Answer::is_made);
        let later = set.of(&self.rules).any(|(_, rule)| rule.looks_back());
        if !later && !set.of(&self.rules).any(|(_, rule)| now(rule)) {
            return Ok(None);
        }
        let fields = Arc::new(fields(request.headers())?);
        stream.request_fields = later.then(|| Arc::clone(&fields));
        Ok(Some(self.facts(fields, None)))
    }

    fn response_facts(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Result<Option<Facts>, HostError> {
        let looks = |rule: &Rule| !rule.response.templates.is_empty() || !rule.response_late.is_empty();
        if !stream.response.of(&self.rules).any(|(_, rule)| looks(rule)) {
            return Ok(None);
        }
        let fields = Arc::new(fields(response.headers())?);
        stream.response_fields = Some(Arc::clone(&fields));
        Ok(Some(self.facts(stream.request_fields.clone().unwrap_or_default(), Some(fields))))
    }

    fn facts(&self, request: Arc<Fields>, response: Option<Arc<Fields>>) -> Facts {
        Facts {
            request,
            response,
            body: None,
            environment: Arc::clone(&self.environment),
            extractors: Arc::clone(&self.extractors),
            undefined: self.undefined,
            escape_json: false,
            misses: Arc::default(),
        }
    }

    /// Counts what extractors have not found.
    fn count(&self, facts: Option<&Facts>) {
        if let (Some(counter), Some(facts)) = (&self.misses, facts) {
            let misses = facts.misses.load(std::sync::atomic::Ordering::Relaxed);
            // A counter that the proxy refuses is not worth a request.
            let _ = counter.add(u64::from(misses));
        }
    }
}

/// The variables of the VM's environment that templates name, as they are now; what is not set is left out.
#[cfg(feature = "full")]
fn environment(rules: &[Rule], plugin: &PluginContext) -> Vec<(String, Vec<u8>)> {
    let mut variables: Vec<(String, Vec<u8>)> = Vec::new();
    for name in rules.iter().flat_map(Rule::templates).flat_map(|template| &template.uses().variables) {
        let is_new = !variables.iter().any(|(other, _)| other == name);
        if let (true, Ok(Some(value))) = (is_new, plugin.environment(name)) {
            variables.push((name.clone(), value));
        }
    }
    variables
}

#[cfg(not(feature = "full"))]
fn environment(_: &[Rule], _: &PluginContext) -> Vec<(String, Vec<u8>)> {
    Vec::new()
}

/// The counter of extractors that find nothing; there is none without extractors.
fn misses(extractors: &[Extractor]) -> Result<Option<Counter>, ConfigError> {
    if extractors.is_empty() {
        return Ok(None);
    }
    let counter = Counter::define("transformation.extractor_misses");
    counter.map(Some).map_err(|error| ConfigError::new("extractors", error.to_string()))
}

fn check_extractors(extractors: &[Extractor]) -> Result<(), ConfigError> {
    if extractors.len() > 64 {
        return Err(ConfigError::new("extractors", "expected at most 64 extractors"));
    }
    for (i, extractor) in extractors.iter().enumerate() {
        let place = |field: &str| format!("extractors[{i}].{field}");
        extractor.check().map_err(|message| ConfigError::new(place("group"), message))?;
        if extractors.iter().take(i).any(|other| other.name == extractor.name) {
            return Err(ConfigError::new(place("name"), "there is an extractor of this name already"));
        }
    }
    Ok(())
}

fn clear(late: &[Made], headers: &mut Headers) -> Result<(), MakeError<HostError>> {
    late.iter().try_for_each(|made| made.clear(headers)).map_err(MakeError::Message)
}

/// Gives headers that have waited for the body what was made of it.
fn put(made: &[(&Made, Vec<u8>)], headers: Result<&mut Headers, BodyError>) -> Result<(), BodyError> {
    let headers = headers?;
    made.iter().try_for_each(|(made, value)| made.put(headers, value)).map_err(BodyError::from)
}

fn told(error: impl ToString) -> String {
    error.to_string()
}

/// Takes away what is said of the bytes of a body, before it is another one. At once: headers may leave before the body is there.
fn said_of_another_body(headers: &mut Headers) -> Result<(), HostError> {
    for name in &DIGESTS {
        if headers.get(name)?.is_some() {
            headers.remove(name)?;
        }
    }
    let tag = headers.get(&ETAG)?.filter(|tag| !tag.starts_with(b"W/"));
    tag.map(|tag| [b"W/", tag].concat()).map_or(Ok(()), |weak| headers.set(&ETAG, &weak))
}

/// All of a message's headers, as they are now.
fn fields(headers: &Headers) -> Result<Fields, HostError> {
    Ok(headers.iter()?.map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
}

/// Says the type of a body that a template makes.
fn set_type<'m>(made: impl Iterator<Item = &'m Made>, headers: &mut Headers) -> Result<(), HostError> {
    let given = made.filter_map(|made| match made {
        Made::Body(body) => body.content_type.as_ref(),
        _ => None,
    });
    given.last().map_or(Ok(()), |value| headers.set_value(&CONTENT_TYPE, value))
}

/// Whether a body is one that edits of JSON are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Editable {
    Yes { is_json: bool },
    Compressed,
    No,
}

/// `whole` says that the body is replaced, whatever its type.
fn editable(headers: &Headers, whole: bool) -> Result<Editable, HostError> {
    let kind = headers.get(&CONTENT_TYPE)?.and_then(|value| ContentType::parse(value).ok());
    // Streams of messages, whatever is in them.
    let is_stream = |kind: &ContentType<'_>| {
        kind.is("text/event-stream") || kind.essence().to_ascii_lowercase().starts_with(b"application/grpc")
    };
    let is_json = kind.as_ref().is_some_and(ContentType::is_json);
    if !(is_json || whole) || kind.as_ref().is_some_and(is_stream) || headers.get(&UPGRADE)?.is_some() {
        return Ok(Editable::No);
    }
    let encoding = CONTENT_ENCODING;
    let is_plain = headers
        .get_all(&encoding)?
        .all(|coding| coding.trim_ascii().is_empty() || coding.eq_ignore_ascii_case(b"identity"));
    Ok(if is_plain { Editable::Yes { is_json } } else { Editable::Compressed })
}

fn answered(answer: &Answer, request: &Headers, facts: Option<&Facts>) -> Result<Response, MakeError<HostError>> {
    match answer {
        Answer::Redirect(redirect) => redirect.response(request).map_err(MakeError::Message),
        Answer::Direct(response, None) => Ok(response.response()),
        Answer::Direct(response, Some(body)) => {
            let facts = facts.ok_or(RenderError::TooMuch)?;
            Ok(response.response().body(body.render(facts, MAX_ANSWER_BYTES)?))
        }
    }
}

/// Envoy says `via_upstream` of all that it did not make itself.
fn is_local_reply() -> Result<bool, HostError> {
    Ok(tamis::attributes::raw(&["response", "code_details"])?.is_none_or(|details| details != b"via_upstream"))
}

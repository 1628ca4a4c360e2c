//! The phases.

use tamis::attributes::filter_state;
use tamis::matching::Match;
use tamis::metrics::{Counter, Label, Labelled};
use tamis::{
    Body, BodyError, BodyMode, ConfigError, Filter, HeaderMap, HeaderName, Headers, HostError, LateOutcome, OnError,
    Outcome, OverLimit, PluginContext, RequestBody, RequestHeaders, Response, ResponseBody, ResponseHeaders,
};

use crate::compile::{compile, rule_names};
use crate::config::{AccessLog, BodyChoice, Config, OtherTypes, Side, Unread};
use crate::engine::Engine;
use crate::format::Machine;
use crate::format::json::MAX_HELD;
use crate::kind::{self, Kind};
use crate::mask::Mask;

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const CONTENT_ENCODING: HeaderName = HeaderName::from_static("content-encoding");
const ETAG: HeaderName = HeaderName::from_static("etag");
/// What a body's bytes were summed up in before they changed.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
];
/// With these an upstream may send what cannot be looked at, or a part.
const PLAIN: [HeaderName; 3] =
    [HeaderName::from_static("accept-encoding"), HeaderName::from_static("range"), HeaderName::from_static("if-range")];

/// The filter.
#[derive(Debug)]
pub struct DlpMasking {
    engine: Engine,
    matches: Match,
    request: Side,
    response: Side,
    encoded: Unread,
    other_types: OtherTypes,
    ask_for_plain: bool,
    access_log: AccessLog,
    shadow: bool,
    held_headers: bool,
    on_error: OnError,
    finds: Labelled<Counter, 2>,
    /// Bodies that were not looked at, because of how they are written.
    unread: Counter,
    rules: Vec<String>,
}

/// A message and its answer under way.
#[derive(Debug, Default)]
pub struct Stream {
    /// It is one that is looked at.
    is_meant: bool,
    request: Option<Box<Machine>>,
    response: Option<Box<Machine>>,
}

#[tamis::filter(held_headers)]
impl Filter for DlpMasking {
    type Config = Config;
    type Stream = Stream;

    fn new(config: Config, plugin: &PluginContext) -> Result<Self, ConfigError> {
        let engine = compile(&config, |name| plugin.environment(name).ok().flatten())
            .map_err(|refused| ConfigError::new(refused.path, refused.message))?;
        let rules = rule_names(&engine);
        let labels = [
            Label::new("rule", rules.iter().map(String::as_str))?,
            Label::new("action", ["masked", "blocked", "shadow"])?,
        ];
        Ok(Self {
            finds: Labelled::define("dlp", labels)?,
            unread: tamis::metrics::Metric::define("dlp_unread")?,
            engine,
            rules,
            matches: config.matches,
            request: config.request,
            response: config.response,
            encoded: config.encoded,
            other_types: config.other_types,
            ask_for_plain: config.ask_for_plain,
            access_log: config.access_log,
            shadow: config.shadow,
            held_headers: config.held_headers,
            on_error: config.on_error,
        })
    }

    fn request_headers(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Outcome {
        match self.begin_request(stream, request) {
            Ok(outcome) => outcome,
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn request_body(&self, stream: &mut Stream, body: &mut RequestBody<'_>) -> Outcome {
        match self.pass(&mut stream.request, body) {
            Ok(false) => Outcome::Continue,
            Ok(true) => Response::new(403).body("refused\n").details("dlp_blocked").into(),
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn response_headers(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Outcome {
        match self.begin_response(stream, response) {
            Ok(outcome) => outcome,
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn response_body(&self, stream: &mut Stream, body: &mut ResponseBody<'_>) -> LateOutcome {
        let mut blocked = false;
        let outcome = self.on_error.over_body(body, |body| {
            blocked = self.pass(&mut stream.response, body)?;
            Ok::<_, BodyError>(())
        });
        if !blocked {
            return outcome;
        }
        let refusal = Response::new(502).body("refused\n").details("dlp_blocked");
        body.respond(refusal).unwrap_or(LateOutcome::Close)
    }

    fn held_headers(&self) -> bool {
        self.held_headers
    }
}

impl DlpMasking {
    fn begin_request(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Result<Outcome, HostError> {
        stream.is_meant = self.matches.holds(request.headers())?;
        if !stream.is_meant {
            return Ok(Outcome::Continue);
        }
        self.describe(request)?;
        if self.ask_for_plain && self.response.body != BodyChoice::Skip && !self.shadow {
            PLAIN.iter().try_for_each(|name| request.headers().remove(name))?;
        }
        if request.end_of_stream() || self.request.body == BodyChoice::Skip {
            return Ok(Outcome::Continue);
        }
        match self.kind(request.headers())? {
            Kind::Refuse => {
                Ok(Response::new(415).body("this content cannot be inspected\n").details("dlp_unread").into())
            }
            Kind::Pass => Ok(Outcome::Continue),
            Kind::Read(machine) => {
                self.changes(request.headers())?;
                request.body(self.mode(&self.request, &machine));
                stream.request = Some(machine);
                Ok(Outcome::Continue)
            }
        }
    }

    fn begin_response(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Result<Outcome, HostError> {
        if !stream.is_meant || response.end_of_stream() || self.response.body == BodyChoice::Skip {
            return Ok(Outcome::Continue);
        }
        match self.kind(response.headers())? {
            Kind::Refuse => {
                Ok(Response::new(502).body("this content cannot be inspected\n").details("dlp_unread").into())
            }
            Kind::Pass => Ok(Outcome::Continue),
            Kind::Read(machine) => {
                self.changes(response.headers())?;
                response.body(self.mode(&self.response, &machine));
                stream.response = Some(machine);
                Ok(Outcome::Continue)
            }
        }
    }

    fn kind(&self, headers: &Headers) -> Result<Kind, HostError> {
        let kind =
            kind::of(headers.get(&CONTENT_TYPE)?, headers.get(&CONTENT_ENCODING)?, self.encoded, self.other_types);
        if !matches!(kind, Kind::Read(_)) {
            self.unread.add(1)?;
        }
        Ok(kind)
    }

    /// A body that may change has no digest, and its tag is a weak one.
    fn changes(&self, headers: &mut Headers) -> Result<(), HostError> {
        if self.shadow {
            return Ok(());
        }
        DIGESTS.iter().try_for_each(|name| headers.remove(name))?;
        let strong = headers.get(&ETAG)?.filter(|tag| tag.starts_with(b"\"")).map(<[u8]>::to_vec);
        strong.map_or(Ok(()), |tag| headers.set(&ETAG, &[b"W/", tag.as_slice()].concat()))
    }

    fn mode(&self, side: &Side, machine: &Machine) -> BodyMode {
        let limit = usize::try_from(side.max_bytes).unwrap_or(usize::MAX);
        let mode = match side.body {
            BodyChoice::Buffer if !matches!(machine, Machine::Events(_)) => {
                BodyMode::in_guest(limit, OverLimit::Refuse)
            }
            _ => BodyMode::stream(MAX_HELD),
        };
        if self.shadow { mode.read_only() } else { mode }
    }

    /// Takes what is here of a body through its machine; whether it is to be refused.
    fn pass(&self, machine: &mut Option<Box<Machine>>, body: &mut Body) -> Result<bool, BodyError> {
        let Some(machine) = machine else { return Ok(false) };
        let last = body.is_last();
        let window = body.bytes()?;
        let (decided, output) = machine.push(&self.engine, window, last);
        let held = window.get(decided..).unwrap_or_default();
        let length = held.len();
        // What is held back comes after what replaces the window.
        let replaced = output.changed;
        let blocks = |rule: &usize| matches!(self.engine.masks.get(*rule), Some(Mask::Block));
        let blocked = !self.shadow && output.finds.iter().any(blocks);
        // One call for many finds of a rule in a row.
        for finds in output.finds.chunk_by(|one, next| one == next) {
            let Some(rule) = finds.first() else { continue };
            let action: &[u8] = match (self.shadow, blocks(rule)) {
                (true, _) => b"shadow",
                (false, true) => b"blocked",
                (false, false) => b"masked",
            };
            let name = self.rules.get(*rule).map_or(&b""[..], |name| name.as_bytes());
            self.finds.with([name, action]).add(finds.len() as u64)?;
        }
        if let (Some(bytes), false) = (replaced, self.shadow) {
            body.replace(bytes)?;
        }
        if length > 0 {
            body.hold_back(length)?;
        }
        Ok(blocked)
    }

    /// Leaves for access logs what they may print.
    fn describe(&self, request: &mut RequestHeaders) -> Result<(), HostError> {
        if self.access_log.path
            && let Some(path) = request.path()?
        {
            filter_state::set("dlp.path", &self.masked_path(path))?;
        }
        for name in &self.access_log.headers {
            let values = request.headers().get_all(name)?.collect::<Vec<_>>().join(&b", "[..]);
            if !values.is_empty() {
                filter_state::set(
                    &format!("dlp.{}", name.as_str()),
                    &self.masked(Machine::named(&self.engine, name.as_str().as_bytes()), &values),
                )?;
            }
        }
        Ok(())
    }

    fn masked_path(&self, path: &[u8]) -> Vec<u8> {
        let (path, query) = match path.iter().position(|byte| *byte == b'?') {
            Some(at) => path.split_at(at + 1),
            None => (path, &[][..]),
        };
        let mut out = self.masked(Machine::text(), path);
        out.extend(self.masked(Machine::form(), query));
        out
    }

    fn masked(&self, mut machine: Machine, text: &[u8]) -> Vec<u8> {
        let (_, output) = machine.push(&self.engine, text, true);
        output.changed.unwrap_or_else(|| text.to_vec())
    }
}

//! A filter that wants bodies in every way there is: the guest of the SDK's own tests.

use schemars::JsonSchema;
use serde::Deserialize;
use tamis::{
    Body, BodyError, BodyMode, ConfigError, Filter, HeaderMap, HeaderName, LateOutcome, Outcome, OverLimit,
    PluginContext, RequestBody, RequestHeaders, Response, ResponseBody, ResponseHeaders,
};

const X_LENGTH: HeaderName = HeaderName::from_static("x-length");

/// What a scenario chooses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is wanted of requests; nothing when it is left out.
    pub request: Option<Wish>,
    /// What is wanted of responses; nothing when it is left out.
    pub response: Option<Wish>,
    /// Whether headers are held until a buffered body is there. The proxy needs `allow_on_headers_stop_iteration`.
    #[serde(default)]
    pub held_headers: bool,
    /// The ceiling of all bodies together.
    #[serde(default = "ceiling")]
    pub max_total_bytes: u32,
}

/// What is wanted of a message's body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// How it is wanted.
    pub mode: Mode,
    /// The most bytes: held back of a stream, or of the whole.
    pub limit: u32,
    /// What is done with it.
    #[serde(default)]
    pub edit: Edit,
    /// The mode holds for any message, whatever its headers say.
    #[serde(default)]
    pub any_message: bool,
    /// Trailers may come unannounced.
    #[serde(default)]
    pub expect_trailers: bool,
}

/// How a body is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Piece by piece.
    Stream,
    /// Whole, in the proxy.
    Host,
    /// Whole, in the module; what is too long is refused.
    Guest,
    /// Whole, in the module; what is too long goes on.
    GuestOrPass,
}

/// What is done with a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Nothing is read or changed.
    #[default]
    Leave,
    /// It is only looked at.
    Look,
    /// Every `a` becomes `<a>`.
    Lengthen,
    /// Brackets around all of it: `[` before the first byte, `]` behind the last, without a copy.
    Wrap,
    /// It becomes empty.
    Empty,
    /// It is refused when it contains `no`.
    Refuse,
}

/// The filter.
#[derive(Debug)]
pub struct Bodies(Config);

/// Whether anything of this stream's messages has been seen.
#[derive(Debug, Default)]
pub struct Seen {
    request: bool,
    response: bool,
}

#[tamis::filter(held_headers)]
impl Filter for Bodies {
    type Config = Config;
    type Stream = Seen;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn held_headers(&self) -> bool {
        self.0.held_headers
    }

    fn max_total_bytes(&self) -> usize {
        self.0.max_total_bytes as usize
    }

    fn request_headers(&self, _: &mut Seen, request: &mut RequestHeaders) -> Outcome {
        if let Some(wish) = &self.0.request {
            request.body(wish.mode());
        }
        Outcome::Continue
    }

    fn request_body(&self, seen: &mut Seen, body: &mut RequestBody) -> Outcome {
        let Some(wish) = &self.0.request else { return Outcome::Continue };
        if wish.refuses(body) {
            return Response::new(422).body("no\n").into();
        }
        if let Ok(headers) = body.headers()
            && let Err(error) = headers.set(&X_LENGTH, b"held")
        {
            return Err(error).into();
        }
        wish.apply(body, &mut seen.request).into()
    }

    fn response_headers(&self, _: &mut Seen, response: &mut ResponseHeaders) -> Outcome {
        if let Some(wish) = &self.0.response {
            response.body(wish.mode());
        }
        Outcome::Continue
    }

    fn response_body(&self, seen: &mut Seen, body: &mut ResponseBody) -> LateOutcome {
        let Some(wish) = &self.0.response else { return LateOutcome::Continue };
        if wish.refuses(body) {
            return body.respond(Response::new(422).body("no\n")).unwrap_or(LateOutcome::Close);
        }
        if let Ok(headers) = body.headers()
            && let Err(error) = headers.set(&X_LENGTH, b"held")
        {
            return Err(error).into();
        }
        wish.apply(body, &mut seen.response).into()
    }
}

impl Wish {
    fn mode(&self) -> BodyMode {
        let limit = self.limit as usize;
        let mut mode = match self.mode {
            Mode::Stream => BodyMode::stream(limit),
            Mode::Host => BodyMode::in_host(limit),
            Mode::Guest => BodyMode::in_guest(limit, OverLimit::Refuse),
            Mode::GuestOrPass => BodyMode::in_guest(limit, OverLimit::Pass),
        };
        if matches!(self.edit, Edit::Look) {
            mode = mode.read_only();
        }
        if self.any_message {
            mode = mode.any_message();
        }
        if self.expect_trailers { mode.expect_trailers() } else { mode }
    }

    fn refuses(&self, body: &mut Body) -> bool {
        self.edit == Edit::Refuse && body.bytes().is_ok_and(|bytes| bytes.windows(2).any(|two| two == b"no"))
    }

    fn apply(&self, body: &mut Body, seen: &mut bool) -> Result<(), BodyError> {
        let first = !std::mem::replace(seen, true);
        match self.edit {
            Edit::Leave | Edit::Refuse => Ok(()),
            Edit::Look => body.bytes().map(|_| ()),
            Edit::Lengthen => {
                let longer = body
                    .bytes()?
                    .iter()
                    .flat_map(|byte| if *byte == b'a' { b"<a>" } else { std::slice::from_ref(byte) });
                let longer = longer.copied().collect::<Vec<_>>();
                body.replace(longer)
            }
            Edit::Wrap => {
                if first {
                    body.prepend(b"[")?;
                }
                if body.is_last() { body.append(b"]") } else { Ok(()) }
            }
            Edit::Empty => body.replace(Vec::new()),
        }
    }
}

fn ceiling() -> u32 {
    64 << 20
}

//! Changes fields of JSON responses and leaves every other byte as it was: numbers, order, white space.

use schemars::JsonSchema;
use tamis::json::{Document, Edit, Path, Text};
use tamis::matching::Match;
use tamis::views::ContentType;
use tamis::{
    BodyMode, ConfigError, Configuration, Filter, HeaderName, LateOutcome, Outcome, OverLimit, PluginContext,
    RequestHeaders, ResponseBody, ResponseHeaders,
};

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
/// In bytes; a longer body passes as it is.
const LIMIT: usize = 1 << 20;

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The requests whose responses are changed.
    pub when: Match,
    /// The values that are replaced by `"****"`.
    pub mask: Vec<Path>,
}

/// The filter.
#[derive(Debug)]
pub struct EditJson(Match, Vec<Edit>);

#[tamis::filter]
impl Filter for EditJson {
    type Config = Config;
    type Stream = bool;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        let edits = config.mask.into_iter().map(|path| Edit::replace(path, Text::string("****")));
        Ok(Self(config.when, edits.collect()))
    }

    fn request_headers(&self, meant: &mut bool, request: &mut RequestHeaders) -> Outcome {
        self.0.holds(request.headers()).map(|holds| *meant = holds).into()
    }

    fn response_headers(&self, meant: &mut bool, response: &mut ResponseHeaders) -> Outcome {
        let value = response.headers().get(&CONTENT_TYPE);
        let json = value.map(|value| ContentType::parse(value.unwrap_or_default()).is_ok_and(|it| it.is_json()));
        if *meant && json == Ok(true) {
            response.body(BodyMode::in_guest(LIMIT, OverLimit::Pass));
        }
        json.map(|_| ()).into()
    }

    fn response_body(&self, _: &mut bool, body: &mut ResponseBody) -> LateOutcome {
        let edited = body.bytes().map(|bytes| Document::parse(bytes).ok()?.edit(&self.1, LIMIT).ok()?.changed());
        edited.and_then(|edited| edited.map_or(Ok(()), |edited| body.replace(edited))).into()
    }
}

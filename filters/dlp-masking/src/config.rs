//! What the user writes.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
#[cfg(not(feature = "full"))]
use tamis::config::{Fault, Node};
use tamis::json::Path;
use tamis::matching::Match;
use tamis::{Configuration, HeaderName, OnError};

use crate::entity::Entity;

/// The whole configuration. Something must be looked for: `entities`, `names`, `words` or `patterns`.
#[derive(Debug, Clone, PartialEq, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Things that have a form: cards, accounts, addresses, tokens.
    #[serde(default)]
    pub entities: Vec<Entities>,
    /// Values that their names make secret: `password`.
    #[serde(default)]
    pub names: Option<Named>,
    /// Words.
    #[serde(default)]
    pub words: Vec<Words>,
    /// Regular expressions. For the full image of the filter.
    #[serde(default)]
    pub patterns: Vec<Expression>,
    /// What stands in the place of what is found, where nothing else is said.
    #[serde(default)]
    pub mask: MaskChoice,
    /// The key for `hmac`.
    #[serde(default)]
    pub hmac_key: Option<KeySource>,
    /// The requests that are looked at, with their responses. All, without it.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// How bodies of requests are looked at.
    #[serde(default)]
    pub request: Side,
    /// How bodies of responses are looked at.
    #[serde(default)]
    pub response: Side,
    /// Which values of JSON are looked at.
    #[serde(default)]
    pub json: JsonScope,
    /// What becomes of bodies that are compressed, in frames (gRPC), or in another character set than UTF-8 or a part of it.
    #[serde(default)]
    pub encoded: Unread,
    /// What becomes of bodies that say of themselves neither that they are text, JSON, a form or events, or nothing at all.
    #[serde(default)]
    pub other_types: OtherTypes,
    /// Whether upstreams are asked for whole responses that are not compressed: `accept-encoding`, `range` and `if-range` are
    /// taken off requests. Without it what they compress is not looked at, and what they send in parts is cut anywhere.
    #[serde(default = "yes")]
    pub ask_for_plain: bool,
    /// What access logs can print, masked.
    #[serde(default)]
    pub access_log: AccessLog,
    /// Whether what is found is only counted. Nothing is changed then, `accept-encoding` neither: what upstreams compress is
    /// not counted.
    #[serde(default)]
    pub shadow: bool,
    /// Whether headers are held until a buffered body was looked at, so that `block` can answer in the place of a response.
    /// The proxy must do its part (`allow_on_headers_stop_iteration`).
    #[serde(default)]
    pub held_headers: bool,
    /// What happens when the proxy refuses what the filter asks. Without it: 500.
    #[serde(default)]
    pub on_error: OnError,
}

/// Things with a form, and what is done with them.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entities {
    /// Which. At least one; each of them in one place only.
    #[schemars(length(min = 1))]
    pub find: Vec<Entity>,
    /// What stands in their place.
    #[serde(default)]
    pub mask: Option<MaskChoice>,
    /// How sure the form and the words nearby must make it, from 1 to 100.
    #[serde(default = "threshold")]
    #[schemars(range(min = 1, max = 100))]
    pub threshold: u8,
    /// Values that stay: test numbers, addresses of one's own. Only their letters and digits count, and no case.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Values behind names.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The names: of each only letters and digits count, and for ASCII no case; a longer name that ends with it is one as
    /// well. Without it, the usual ones: `password`, `secret`, `apikey`, `accesstoken` and the like.
    #[serde(default)]
    pub list: Option<Vec<String>>,
    /// What stands in the values' place.
    #[serde(default)]
    pub mask: Option<MaskChoice>,
}

/// A list of words.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What labels and metrics call it: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// The words, of at most 64 bytes each; capital letters of ASCII or not.
    #[schemars(length(min = 1))]
    pub list: Vec<String>,
    /// What stands in their place.
    #[serde(default)]
    pub mask: Option<MaskChoice>,
}

/// A regular expression. For the full image of the filter.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// What labels and metrics call it: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// The expression. A match has at most 127 bytes, and the expression must say so: `{1,20}` and not `+`.
    pub regex: String,
    /// What stands in its place.
    #[serde(default)]
    pub mask: Option<MaskChoice>,
    /// Values that stay. Only their letters and digits count, and no case.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// The lean image has no engine for them.
#[cfg(not(feature = "full"))]
impl ReadConfig for Expression {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Err(node
            .refused(&"this module was built without expressions: use the full image of the filter, dlp-masking-full"))
    }
}

/// What stands in the place of what is found. In a number of JSON there are always digits.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskChoice {
    /// The first part is replaced, letter by letter; punctuation stays.
    Percent(Percent),
    /// The first and the last letters stay.
    Keep(Keep),
    /// A text.
    Constant(String),
    /// What it was: `[card]`.
    Label,
    /// What it was, and a keyed hash of it, 32 hexadecimal digits: `[card:...]`. Needs `hmac_key`.
    Hmac,
    /// Nothing.
    Remove,
    /// The message is refused: a request with 403, a response with 502 while its headers are held, and else cut short. Needs
    /// `body: buffer`.
    Block,
}

/// A share to replace.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Percent {
    /// How much, from 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub share: u8,
    /// The character that stands for each.
    pub with: char,
}

/// Letters to keep.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// How many at the beginning, at most 64.
    #[schemars(range(max = 64))]
    pub first: u8,
    /// How many at the end, at most 64.
    #[schemars(range(max = 64))]
    pub last: u8,
    /// The character that stands for each of the others.
    pub with: char,
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// Here: at least 16 bytes.
    Value(String),
    /// In a variable of the VM's environment: at least 16 bytes.
    Environment(String),
}

/// How bodies are looked at.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Side {
    /// In which way.
    pub body: BodyChoice,
    /// With `buffer`: the longest body, in bytes. A longer one is refused.
    #[schemars(range(min = 1))]
    pub max_bytes: u32,
}

/// How a body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyChoice {
    /// Not at all.
    Skip,
    /// Piece by piece: a few hundred bytes wait, and nothing else. If trailers come that were not announced (`trailer`), and
    /// bytes wait, the message is refused or cut short.
    #[default]
    Stream,
    /// As a whole. Server-sent events stream nevertheless.
    Buffer,
}

/// Which values of JSON are looked at, by JSONPath or JSON Pointer, without indices from the end: what is at a path, and
/// everything in it.
#[derive(Debug, Clone, Default, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonScope {
    /// These alone; all, when there is none.
    pub include: Vec<Path>,
    /// These not, whatever is included.
    pub exclude: Vec<Path>,
}

/// What becomes of a body that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// It goes on as it is.
    #[default]
    Pass,
    /// A request is answered with 415, a response with 502.
    Refuse,
}

/// What becomes of a body of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherTypes {
    /// It goes on as it is.
    #[default]
    Pass,
    /// It is looked at as text.
    Text,
    /// A request is answered with 415, a response with 502.
    Refuse,
}

/// What access logs can print. Everything is masked as bodies are.
#[derive(Debug, Clone, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// The path with its query, as `%FILTER_STATE(wasm.dlp.path:PLAIN)%`.
    pub path: bool,
    /// Headers of requests, each as `%FILTER_STATE(wasm.dlp.NAME:PLAIN)%`; several values with a comma between them.
    pub headers: Vec<HeaderName>,
}

fn yes() -> bool {
    true
}

fn threshold() -> u8 {
    50
}

impl Default for MaskChoice {
    fn default() -> Self {
        Self::Percent(Percent::default())
    }
}

impl Default for Percent {
    fn default() -> Self {
        Self { share: 75, with: 'X' }
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self { first: 0, last: 4, with: '*' }
    }
}

impl Default for Side {
    fn default() -> Self {
        Self { body: BodyChoice::default(), max_bytes: 1 << 20 }
    }
}

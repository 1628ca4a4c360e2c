//! What the user writes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tamis::config::{Fault, Node, ReadConfig};
use tamis::matching::{Match, Statuses};
use tamis::views::Prefixes;
use tamis::{ConfigError, Configuration, ErrorStatus, HeaderName, OnError, RuleName};

use crate::key::{Part, Repeated};
use crate::set::{MAX_WINDOWS, SLOTS};
use crate::window::Window;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The rules. Each one that is for a request must admit it; what is refused is charged to none. From 1 to 100.
    #[schemars(length(min = 1, max = 100))]
    pub rules: Vec<Rule>,
    /// What a refused client gets.
    #[serde(default)]
    pub refusal: Refusal,
    /// Whether admitted requests' responses too say in `RateLimit` and `RateLimit-Policy` what is left.
    #[serde(default)]
    pub headers: bool,
    /// What happens when the proxy refuses what the filter asks, so that nobody can count. Without it: 500.
    #[serde(default)]
    pub on_error: OnError,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, in metrics, in `RateLimit` and in the names of its shared values: letters, digits, `_` and `-`, at most 64.
    /// Who renames a rule starts it afresh.
    pub name: RuleName,
    /// The requests that it is for. All, without it.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Whose requests are counted together: those in which all these parts are the same. Without it, all are counted together.
    #[serde(default)]
    pub key: Vec<KeyPart>,
    /// The limits; all must admit. From 1 to 3.
    #[schemars(length(min = 1, max = 3))]
    pub limits: Vec<Limit>,
    /// Other limits for some: the first tier that matches has its own limits and its own counters.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// How much one request counts.
    #[serde(default)]
    pub cost: Cost,
    /// Only responses with these statuses count: a number, or `5xx`. A request is charged before, and is given back what it
    /// was charged when the response has another status; one that never gets a response stays charged.
    #[serde(default)]
    pub statuses: Vec<Statuses>,
    /// How many keys can be counted apart at once, about: a place for each is kept in sets of 8. From 8 to 8388608. What is beyond
    /// shares the overflow counter. Who changes it starts afresh.
    #[serde(default = "default_keys")]
    #[schemars(range(min = 8, max = 8_388_608))]
    pub max_keys: u32,
    /// The limits that all keys without a place share. The rule's own limits, without it.
    #[serde(default)]
    pub overflow: Vec<Limit>,
    /// How many requests a worker takes from a counter at once, to admit them without asking again. Faster where many share
    /// a key, and less exact: up to `workers · lease` more than the limit can pass. Without it, none.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// Only count what would be refused.
    #[serde(default)]
    pub shadow: bool,
}

/// Limits of their own for some of a rule's requests.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name: letters, digits, `_` and `-`, at most 64.
    pub name: RuleName,
    /// The requests that it is for.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Its limits. From 1 to 3.
    #[schemars(length(min = 1, max = 3))]
    pub limits: Vec<Limit>,
}

/// So many requests in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many, 1 to 16777215.
    #[schemars(range(min = 1, max = 16_777_215))]
    pub requests: u64,
    /// In how long.
    pub per: Period,
    /// How many at once, when nothing was used for a while. As many as `requests`, without it. With `gcra` only.
    #[serde(default)]
    pub burst: Option<u64>,
    /// How it is counted.
    #[serde(default)]
    pub algorithm: Algorithm,
}

/// How a limit is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Evenly: one more every `per / requests`, up to `burst` at once. In any time `t` at most `burst + requests · t / per`.
    #[default]
    Gcra,
    /// Exactly `requests` in each window of the clock, `12:00:00` to `12:00:59` for a minute.
    FixedWindow,
}

/// `second`, `minute`, `hour`, `day`, or a number of seconds, minutes or hours: `30s`, `5m`, `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(u64);

/// Part of a key. Exactly one of `header`, `cookie`, `query`, `source_address`, `request` and `constant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPart(pub Part);

/// How much one request counts.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cost {
    /// A number that stands for each request, and for one whose header has none.
    #[schemars(range(min = 1))]
    pub constant: u32,
    /// A header that says it, as a number. Of several, the largest counts.
    pub header: Option<HeaderName>,
    /// The most that the header can say; more is that much. With `header`, it must be there.
    pub max: Option<u32>,
}

/// How many requests a worker takes at once: 2 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub u16);

/// What a refused client gets.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Refusal {
    /// The status: 400 to 599. 429, without it.
    pub status: ErrorStatus,
    /// The body, as text. Without it: `application/problem+json` of the type `quota-exceeded`.
    pub body: Option<String>,
    /// What a client of gRPC is told.
    pub grpc_status: RefusalGrpcStatus,
}

/// What a refused client of gRPC is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalGrpcStatus {
    /// 8, for which clients wait.
    #[default]
    ResourceExhausted,
    /// 14, which clients try again at once.
    Unavailable,
}

/// RFC 6585.
const TOO_MANY_REQUESTS: ErrorStatus = match ErrorStatus::new(429) {
    Some(status) => status,
    None => unreachable!(),
};

fn default_keys() -> u32 {
    16_384
}

impl Default for Cost {
    fn default() -> Self {
        Self { constant: 1, header: None, max: None }
    }
}

impl Default for Refusal {
    fn default() -> Self {
        Self { status: TOO_MANY_REQUESTS, body: None, grpc_status: RefusalGrpcStatus::default() }
    }
}

impl Limit {
    /// The limit, as it is counted.
    ///
    /// # Errors
    ///
    /// What is out of its bounds.
    pub fn window(&self) -> Result<Window, String> {
        let window = match (self.algorithm, self.burst) {
            (Algorithm::FixedWindow, Some(_)) => {
                return Err("a fixed window has no `burst`: it admits `requests` at once".to_owned());
            }
            (Algorithm::FixedWindow, None) => Window::fixed(self.requests, self.per.0),
            (Algorithm::Gcra, burst) => Window::gcra(self.requests, self.per.0, burst.unwrap_or(self.requests)),
        };
        window.map_err(|error| error.to_string())
    }
}

/// The limits at a place of the configuration.
///
/// # Errors
///
/// When there are none, or more than three, or one of them cannot be.
pub fn windows(limits: &[Limit], path: &str) -> Result<Vec<Window>, ConfigError> {
    if !(1..=MAX_WINDOWS).contains(&limits.len()) {
        return Err(ConfigError::new(path, "expected one, two or three limits"));
    }
    let window = |(i, limit): (usize, &Limit)| {
        limit.window().map_err(|message| ConfigError::new(format!("{path}[{i}]"), message))
    };
    limits.iter().enumerate().map(window).collect()
}

impl Rule {
    /// How many sets its keys need: so many that one in fifty keys finds its set full when all are there.
    #[must_use]
    pub fn sets(&self) -> u32 {
        // Half full on average. A rule without a key has one counter for each tier.
        if self.key.is_empty() { 1 } else { (self.max_keys / (SLOTS as u32 / 2)).max(1) }
    }
}

impl ReadConfig for Period {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let text = node.text()?;
        period(text).map(Self).ok_or_else(|| {
            node.refused(&"expected `second`, `minute`, `hour`, `day` or a time such as `30s`, `5m`, `2h`")
        })
    }
}

tamis::deserialize_by_node!(Period);

fn period(text: &str) -> Option<u64> {
    let (digits, unit) = match text {
        "second" => return Some(1),
        "minute" => return Some(60),
        "hour" => return Some(3600),
        "day" => return Some(86_400),
        _ => text.split_at_checked(text.len().checked_sub(1)?)?,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_number)?;
    number.checked_mul(match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    })
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`second`, `minute`, `hour`, `day`, or a number of seconds, minutes or hours: `30s`, `5m`, `2h`. At most 366 days.",
            "type": "string",
            "pattern": "^(second|minute|hour|day|[0-9]+[smh])$"
        })
    }
}

impl ReadConfig for Lease {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match u16::read_config(node)? {
            0 | 1 => Err(node.refused(&"expected a lease from 2 to 65535: leave it out to ask each time")),
            lease => Ok(Self(lease)),
        }
    }
}

tamis::deserialize_by_node!(Lease);

impl JsonSchema for Lease {
    fn schema_name() -> Cow<'static, str> {
        "Lease".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 2, "maximum": 65535 })
    }
}

/// A part as it is written.
#[derive(ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeyPart")]
struct WrittenPart {
    /// The value of this header.
    #[serde(default)]
    header: Option<HeaderName>,
    /// The value of this cookie.
    #[serde(default)]
    cookie: Option<String>,
    /// The value of this query parameter, decoded.
    #[serde(default)]
    query: Option<String>,
    /// The client's address, as the proxy was told to trust it: of IPv6 the first 64 bits, of which a customer has at least so many.
    #[serde(default)]
    source_address: Option<Prefixes<32, 64>>,
    /// What the request is for.
    #[serde(default)]
    request: Option<RequestPart>,
    /// A text that is the same for all requests: who changes it starts the rule's counters afresh.
    #[serde(default)]
    constant: Option<String>,
    /// What a part is that a request has more than once. Only with `header`, `cookie`, `query`.
    #[serde(default)]
    repeated: Option<WrittenRepeated>,
}

#[derive(ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RequestPart {
    /// The method.
    Method,
    /// The host, without the port, in lower case.
    Host,
    /// The path without the query, as the client wrote it and as the proxy has normalised it.
    Path,
}

#[derive(ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WrittenRepeated {
    /// All requests that have it more than once are counted together.
    Together,
    /// The values in their order are one value.
    Joined,
}

impl ReadConfig for KeyPart {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let written = WrittenPart::read_config(node)?;
        let is_repeated = written.repeated.is_some();
        let repeated = match written.repeated {
            Some(WrittenRepeated::Joined) => Repeated::Joined,
            Some(WrittenRepeated::Together) | None => Repeated::Together,
        };
        let parts = [
            written.header.map(|name| Part::Header(name, repeated)),
            written.cookie.map(|name| Part::Cookie(name, repeated)),
            written.query.map(|name| Part::Query(name, repeated)),
            written.source_address.map(Part::SourceAddress),
            written.request.map(|part| match part {
                RequestPart::Method => Part::Method,
                RequestPart::Host => Part::Host,
                RequestPart::Path => Part::Path,
            }),
            written.constant.map(Part::Constant),
        ];
        let mut parts = parts.into_iter().flatten();
        match (parts.next(), parts.next()) {
            (Some(Part::SourceAddress(..) | Part::Method | Part::Host | Part::Path | Part::Constant(_)), None)
                if is_repeated =>
            {
                Err(node.refused(&"`repeated` is for `header`, `cookie` and `query`: the others come once"))
            }
            (Some(part), None) => Ok(Self(part)),
            _ => Err(node.refused(
                &"expected exactly one of `header`, `cookie`, `query`, `source_address`, `request`, `constant`",
            )),
        }
    }
}

tamis::deserialize_by_node!(KeyPart);

impl JsonSchema for KeyPart {
    fn schema_name() -> Cow<'static, str> {
        WrittenPart::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WrittenPart::json_schema(generator)
    }
}

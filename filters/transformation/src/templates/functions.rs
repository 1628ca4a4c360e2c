//! What templates can call. Every text that a function makes is counted: a template that makes too much fails.

use std::borrow::Cow;

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, tests};
use tamis::json::quoted;
use tamis::number;

use super::Undefined;
use super::encode::{base64, from_base64};
use super::engine::with_call;
use super::facts::Facts;
use super::form;

/// The functions.
pub const NAMES: [&str; 32] = [
    "header",
    "header_values",
    "request_header",
    "query",
    "cookie",
    "path",
    "method",
    "status",
    "extraction",
    "body",
    "context",
    "env",
    "trim",
    "upper",
    "lower",
    "replace",
    "substring",
    "word_count",
    "raw_string",
    "tojson",
    "urlencode",
    "base64_encode",
    "base64_decode",
    "base64url_encode",
    "base64url_decode",
    "form_encode",
    "form_decode",
    "replace_with_random",
    "product",
    "length",
    "default",
    "join",
];

/// The filters: `a|upper` is `upper(a)`.
pub const FILTERS: [&str; 23] = [
    "trim",
    "upper",
    "lower",
    "replace",
    "substring",
    "word_count",
    "raw_string",
    "tojson",
    "urlencode",
    "base64_encode",
    "base64_decode",
    "base64url_encode",
    "base64url_decode",
    "form_encode",
    "form_decode",
    "replace_with_random",
    "product",
    "length",
    "default",
    "join",
    "first",
    "last",
    "int",
];

/// The tests: `a is defined`.
pub const TESTS: [&str; 3] = ["defined", "undefined", "none"];

/// How deep a list that a template has made is written.
const MAX_DEPTH: u32 = 32;

/// The most patterns of a message that random texts stand for.
const MAX_RANDOM: usize = 256;

/// A template that runs.
#[derive(Debug)]
pub struct Call {
    facts: Facts,
    json: Option<Value>,
    /// Bytes that may still be made.
    left: usize,
    over: bool,
    /// What stands for a text in this run, for each pattern. Not a map: its code is long.
    random: Vec<(String, String)>,
}

pub(super) type Made = Result<Value, Error>;

/// Adds all of them to an environment. One closure for all, so that the engine's machinery for arguments is there once.
pub fn register(environment: &mut Environment<'static>) {
    for name in NAMES {
        environment.add_function(name, move |arguments: Rest<Value>| with_call(|call| call.call(name, &arguments)));
    }
    for name in FILTERS {
        environment.add_filter(name, move |arguments: Rest<Value>| with_call(|call| call.call(name, &arguments)));
    }
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
}

/// Whether a function only looks something up, given how many arguments it has.
pub fn is_lookup(name: &str, arguments: usize) -> bool {
    match name {
        "header" | "request_header" | "query" | "cookie" | "env" => arguments == 1,
        "path" | "method" | "status" | "body" => arguments == 0,
        "extraction" => matches!(arguments, 1 | 2),
        _ => false,
    }
}

/// Looks something up, without the engine.
pub fn look_up(facts: &Facts, name: &str, arguments: &[String]) -> Option<Vec<u8>> {
    let first = arguments.first().map_or("", String::as_str);
    match name {
        "header" => facts.header(first).map(<[u8]>::to_vec),
        "request_header" => facts.request_header(first).map(<[u8]>::to_vec),
        "query" => facts.query(first),
        "cookie" => facts.cookie(first).map(<[u8]>::to_vec),
        "path" => facts.path().map(<[u8]>::to_vec),
        "method" => facts.request_header(":method").map(<[u8]>::to_vec),
        "status" => facts.response.as_ref().and_then(|_| facts.header(":status")).map(<[u8]>::to_vec),
        "body" => facts.body.as_deref().cloned(),
        "extraction" => extraction(facts, first, arguments.get(1).map(String::as_str)),
        "env" => facts.variable(first).map(<[u8]>::to_vec),
        _ => None,
    }
}

/// What an extractor finds, or its default; what it misses is counted.
fn extraction(facts: &Facts, name: &str, group: Option<&str>) -> Option<Vec<u8>> {
    let extractor = facts.extractor(name)?;
    extractor.find(facts, group).or_else(|| {
        facts.missed(extractor);
        extractor.default.as_ref().map(|text| text.clone().into_bytes())
    })
}

/// A text as it stands in a string of JSON, without the quotes.
pub fn escaped(text: &[u8]) -> Result<Vec<u8>, Error> {
    let text = std::str::from_utf8(text).map_err(|_| Error::from(ErrorKind::InvalidOperation))?;
    let quoted = quoted(text);
    Ok(quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().as_bytes().to_vec())
}

impl Call {
    /// A run that may make so many bytes.
    pub fn new(facts: Facts, json: Option<Value>, left: usize) -> Self {
        Self { facts, json, left, over: false, random: Vec::new() }
    }

    /// Whether it has made too much.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// A value as it is written.
    pub fn shown(&mut self, value: &Value) -> Result<String, Error> {
        let mut out = String::new();
        match value.as_str() {
            Some(text) if self.facts.escape_json => {
                self.spend(text.len())?;
                out.push_str(std::str::from_utf8(&escaped(text.as_bytes())?).unwrap_or_default());
            }
            _ => self.write(value, &mut out, 0)?,
        }
        Ok(out)
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.over = true;
                Err(ErrorKind::OutOfFuel.into())
            }
        }
    }

    /// Writes a value: texts as they are, and as JSON what stands in a list.
    pub(super) fn write(&mut self, value: &Value, out: &mut String, depth: u32) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(ErrorKind::InvalidOperation.into());
        }
        self.spend(8)?;
        if value.is_undefined() {
            return self.missing().map(drop);
        }
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => match i64::try_from(value.clone()) {
                Ok(whole) if value.is_integer() => out.push_str(&whole.to_string()),
                _ => out.push_str(&number::decimal(f64::try_from(value.clone())?)),
            },
            ValueKind::String | ValueKind::Bytes => {
                let text = value.as_bytes().and_then(|text| std::str::from_utf8(text).ok());
                let text = text.ok_or_else(|| Error::from(ErrorKind::InvalidOperation))?;
                self.spend(text.len())?;
                if depth > 0 { out.push_str(&quoted(text)) } else { out.push_str(text) }
            }
            _ if super::json::is_from_body(value) => {
                let text = value.to_string();
                self.spend(text.len())?;
                out.push_str(&text);
            }
            ValueKind::Map => {
                out.push('{');
                for (place, key) in value.try_iter()?.enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    let name = key.as_str().ok_or_else(|| Error::from(ErrorKind::NonKey))?;
                    self.spend(name.len())?;
                    out.push_str(&quoted(name));
                    out.push(':');
                    self.write(&value.get_item(&key)?, out, depth + 1)?;
                }
                out.push('}');
            }
            _ => {
                out.push('[');
                for (place, item) in value.try_iter()?.enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    self.write(&item, out, depth + 1)?;
                }
                out.push(']');
            }
        }
        Ok(())
    }

    /// What a name without a value is.
    pub(super) fn missing(&self) -> Made {
        match self.facts.undefined {
            Undefined::Strict => Err(ErrorKind::UndefinedError.into()),
            Undefined::Empty => Ok(Value::from("")),
        }
    }

    fn bytes<'v>(&mut self, value: Option<&'v Value>) -> Result<Cow<'v, [u8]>, Error> {
        let value = value.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        match value.as_bytes() {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => {
                let mut out = String::new();
                self.write(value, &mut out, 0)?;
                Ok(Cow::Owned(out.into_bytes()))
            }
        }
    }

    fn text(&mut self, value: Option<&Value>) -> Result<String, Error> {
        let bytes = self.bytes(value)?.into_owned();
        String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidOperation.into())
    }

    /// A value of bytes that a function has made.
    fn made(&mut self, bytes: Vec<u8>) -> Made {
        self.spend(bytes.len())?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(error) => Value::from_bytes(error.into_bytes()),
        })
    }

    fn call(&mut self, name: &'static str, arguments: &[Value]) -> Made {
        let (first, second, third) = (arguments.first(), arguments.get(1), arguments.get(2));
        if arguments.len() > 3 {
            return Err(ErrorKind::TooManyArguments.into());
        }
        self.spend(16)?;
        match name {
            "header" | "request_header" | "query" | "cookie" | "path" | "method" | "status" | "extraction" | "body"
            | "env" => {
                let names = arguments.iter().map(|name| self.text(Some(name))).collect::<Result<Vec<_>, _>>()?;
                if !is_lookup(name, names.len()) {
                    return Err(ErrorKind::MissingArgument.into());
                }
                match look_up(&self.facts, name, &names) {
                    Some(found) => self.made(found),
                    None => Ok(Value::UNDEFINED),
                }
            }
            "header_values" => {
                let name = self.text(first)?;
                let fields = self.facts.response.as_ref().unwrap_or(&self.facts.request).clone();
                let mut values = Vec::new();
                for (_, value) in fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())) {
                    values.push(self.made(value.clone())?);
                }
                Ok(Value::from(values))
            }
            "context" => self.json.clone().map_or_else(|| self.missing(), Ok),
            "default" => match first {
                Some(value) if !value.is_undefined() => Ok(value.clone()),
                _ => Ok(second.cloned().unwrap_or_else(|| Value::from(""))),
            },
            "length" => match first {
                Some(value) if value.as_str().is_some() => {
                    Ok(Value::from(value.as_str().map_or(0, |text| text.chars().count())))
                }
                Some(value) => value.len().map(Value::from).ok_or_else(|| ErrorKind::InvalidOperation.into()),
                None => Err(ErrorKind::MissingArgument.into()),
            },
            "first" => first.map_or(Err(ErrorKind::MissingArgument.into()), |list| {
                Ok(list.try_iter()?.next().unwrap_or(Value::UNDEFINED))
            }),
            "last" => {
                let list = first.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
                let place = list.len().and_then(|length| length.checked_sub(1));
                place.map_or(Ok(Value::UNDEFINED), |place| list.get_item_by_index(place))
            }
            "join" => self.join(first, second),
            "product" => {
                let (a, b) = (first.cloned().unwrap_or_default(), second.cloned().unwrap_or_default());
                match (i64::try_from(a.clone()), i64::try_from(b.clone())) {
                    (Ok(a), Ok(b)) => Ok(a.checked_mul(b).map(Value::from).ok_or(ErrorKind::InvalidOperation)?),
                    _ => Ok(Value::from(f64::try_from(a)? * f64::try_from(b)?)),
                }
            }
            "int" => {
                let text = self.text(first)?;
                text.trim().parse::<i64>().map(Value::from).map_err(|_| ErrorKind::InvalidOperation.into())
            }
            "tojson" => {
                let mut out = String::new();
                let value = first.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
                self.write(value, &mut out, 1)?;
                self.made(out.into_bytes())
            }
            "base64_encode" | "base64url_encode" => {
                let encoded = base64(&self.bytes(first)?, name == "base64url_encode");
                self.made(encoded.into_bytes())
            }
            "base64_decode" | "base64url_decode" => match from_base64(&self.bytes(first)?) {
                Some(bytes) => self.made(bytes),
                None => Ok(Value::UNDEFINED),
            },
            "form_encode" => self.form(first),
            "form_decode" => {
                let form = self.bytes(first)?.into_owned();
                // A parameter takes some 100 bytes, however short it is.
                let parameters = form.split(|byte| *byte == b'&').count();
                self.spend(form.len().saturating_add(parameters.saturating_mul(64)))?;
                form::decoded(&form).ok_or_else(|| ErrorKind::InvalidOperation.into())
            }
            "replace_with_random" => {
                let (text, pattern) = (self.text(first)?, self.text(second)?);
                let random = self.random(&pattern)?;
                self.replace(&text, &pattern, &random)
            }
            "replace" => {
                let (text, pattern, with) = (self.text(first)?, self.text(second)?, self.text(third)?);
                self.replace(&text, &pattern, &with)
            }
            _ => {
                let text = self.text(first)?;
                let changed = match name {
                    "trim" => text.trim().to_owned(),
                    "upper" => text.to_uppercase(),
                    "lower" => text.to_lowercase(),
                    "raw_string" => String::from_utf8(escaped(text.as_bytes())?).unwrap_or_default(),
                    "urlencode" => crate::query::encoded(&text),
                    "word_count" => return Ok(Value::from(text.split_whitespace().count())),
                    "substring" => substring(&text, second, third),
                    _ => return Err(ErrorKind::UnknownFunction.into()),
                };
                self.made(changed.into_bytes())
            }
        }
    }

    fn join(&mut self, list: Option<&Value>, separator: Option<&Value>) -> Made {
        let list = list.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        let separator = separator.map_or(Ok(String::new()), |value| self.text(Some(value)))?;
        let mut out = String::new();
        for (place, item) in list.try_iter()?.enumerate() {
            if place > 0 {
                self.spend(separator.len())?;
                out.push_str(&separator);
            }
            self.write(&item, &mut out, 0)?;
        }
        Ok(Value::from(out))
    }

    /// Counted before it is made: a short pattern with a long text in its place grows by their product.
    fn replace(&mut self, text: &str, pattern: &str, with: &str) -> Made {
        if pattern.is_empty() {
            return Ok(Value::from(text));
        }
        let times = text.matches(pattern).count();
        self.spend(text.len().saturating_add(times.saturating_mul(with.len())))?;
        Ok(Value::from(text.replace(pattern, with)))
    }

    /// 128 random bits for a pattern, new for each message, the same within it.
    fn random(&mut self, pattern: &str) -> Result<String, Error> {
        if let Some((_, random)) = self.random.iter().find(|(other, _)| other == pattern) {
            return Ok(random.clone());
        }
        if self.random.len() == MAX_RANDOM {
            self.over = true;
            return Err(ErrorKind::OutOfFuel.into());
        }
        let bytes = tamis::random::bytes::<16>().map_err(|_| Error::from(ErrorKind::InvalidOperation))?;
        let random = base64(&bytes, true);
        self.spend(pattern.len() + random.len())?;
        self.random.push((pattern.to_owned(), random.clone()));
        Ok(random)
    }
}

/// Counted in characters. A start that is no number or behind the end gives nothing; a length that is none, or none above 0, the rest.
fn substring(text: &str, start: Option<&Value>, length: Option<&Value>) -> String {
    let number = |value: Option<&Value>| value.filter(|value| value.is_integer()).and_then(Value::as_usize);
    let Some(start) = number(start) else { return String::new() };
    let length = number(length).filter(|length| *length > 0).unwrap_or(usize::MAX);
    text.chars().skip(start).take(length).collect()
}

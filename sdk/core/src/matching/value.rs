//! Conditions on a value: of a header, a cookie, a query parameter, an attribute.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Pattern;
use super::needle::Needle;
use crate::config::{Fault, Node, ReadConfig};
use crate::views;

/// What must be true of a value. Exactly one condition is given, and how to compare.
///
/// ```
/// use tamis_core::matching::ValueMatch;
///
/// let gold: ValueMatch = serde_json::from_str(r#"{"exact": "gold", "of": "all"}"#)?;
/// assert!(gold.holds([b"gold".as_slice()]));
/// assert!(!gold.holds([b"gold".as_slice(), b"admin"]));
/// assert!(!gold.holds([b""; 0]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ValueMatch {
    test: Test,
    ignore_case: bool,
    of: Of,
    comma_separated: bool,
}

/// Which of several values decide.
///
/// A client can send a name twice. A rule that keeps somebody out is safe with `any`, one that lets somebody in with
/// `all`; under a `not` it is the other way round. Without any value none of them holds.
///
/// ```
/// use tamis_core::matching::ValueMatch;
///
/// let of = |of: &str| -> ValueMatch {
///     serde_json::from_value(serde_json::json!({"exact": "admin", "of": of})).unwrap()
/// };
/// let values = ["user", "admin"];
/// assert!(of("any").holds(values));
/// assert!(!of("all").holds(values) && !of("first").holds(values));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// One value that meets the condition is enough.
    #[default]
    Any,
    /// There is a value, and each one meets the condition.
    All,
    /// The first value meets it, the others do not matter: what Envoy's router does with cookies and query parameters.
    First,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Present(bool),
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(Needle),
    Regex(Pattern),
}

/// A condition on a value. Exactly one of `exact`, `prefix`, `suffix`, `contains`, `regex` and `present` is given.
#[derive(Default, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ValueMatch", default)]
struct Written {
    /// The value is this one.
    exact: Option<String>,
    /// The value begins with this.
    #[schemars(length(min = 1))]
    prefix: Option<String>,
    /// The value ends with this.
    #[schemars(length(min = 1))]
    suffix: Option<String>,
    /// This is somewhere in the value.
    #[schemars(length(min = 1))]
    contains: Option<String>,
    /// The whole value matches this regular expression.
    regex: Option<Pattern>,
    /// Whether there is a value at all, be it empty.
    present: Option<bool>,
    /// Whether ASCII letters are the same in both cases. Without it they are not.
    ignore_case: bool,
    /// Which values decide when there are several.
    of: Of,
    /// Whether each part between commas is a value of its own: for headers that are lists, which proxies on the way may
    /// have joined. Quotes mean nothing.
    comma_separated: bool,
}

impl ReadConfig for ValueMatch {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Self::try_from(Written::read_config(node)?).map_err(|error| node.refused(&error))
    }
}

crate::deserialize_by_node!(ValueMatch);

impl TryFrom<Written> for ValueMatch {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let Written { ignore_case, of, comma_separated, .. } = written;
        let modified = ignore_case || comma_separated || of != Of::Any;
        let test = written.test()?;
        match &test {
            Test::Present(_) if modified => Err("`present` stands alone: there is nothing to compare"),
            Test::Regex(_) if ignore_case => {
                Err("`ignore_case` does not go with `regex`: begin the expression with (?i)")
            }
            _ => Ok(Self { test, ignore_case, of, comma_separated }),
        }
    }
}

impl Written {
    fn test(self) -> Result<Test, &'static str> {
        let part = [&self.prefix, &self.suffix, &self.contains];
        if part.into_iter().flatten().any(String::is_empty) {
            return Err("every value has an empty text in it: use `present`");
        }
        let ignore_case = self.ignore_case;
        let tests = [
            self.exact.map(Test::Exact),
            self.prefix.map(Test::Prefix),
            self.suffix.map(Test::Suffix),
            self.contains.map(|text| Test::Contains(Needle::new(text, ignore_case))),
            self.regex.map(Test::Regex),
            self.present.map(Test::Present),
        ];
        let mut given = tests.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(test), None) => Ok(test),
            (None, _) => {
                Err("expected one of `exact`, `prefix`, `suffix`, `contains`, `regex` and `present`, found none")
            }
            _ => Err("expected one of `exact`, `prefix`, `suffix`, `contains`, `regex` and `present`, found several"),
        }
    }
}

impl ValueMatch {
    /// Whether the values of a name meet the condition.
    pub fn holds<V: AsRef<[u8]>>(&self, values: impl IntoIterator<Item = V>) -> bool {
        let mut values = values.into_iter();
        if let Test::Present(present) = self.test {
            return values.next().is_some() == present;
        }
        let mut some = false;
        for value in values {
            let holds = self.line(value.as_ref());
            match (self.of, holds) {
                (Of::First, holds) => return holds,
                (Of::Any, true) => return true,
                (Of::All, false) => return false,
                _ => some = true,
            }
        }
        some && self.of == Of::All
    }

    /// One line, which may have several values in it.
    fn line(&self, line: &[u8]) -> bool {
        if !self.comma_separated {
            return self.value(line);
        }
        let mut parts = line.split(|byte| *byte == b',').map(views::trim);
        match self.of {
            Of::Any => parts.any(|part| self.value(part)),
            Of::All => parts.all(|part| self.value(part)),
            Of::First => parts.next().is_some_and(|part| self.value(part)),
        }
    }

    fn value(&self, value: &[u8]) -> bool {
        let same = |part: Option<&[u8]>, text: &str| {
            part.is_some_and(|part| {
                if self.ignore_case { part.eq_ignore_ascii_case(text.as_bytes()) } else { part == text.as_bytes() }
            })
        };
        match &self.test {
            Test::Present(present) => *present,
            Test::Exact(text) => same(Some(value), text),
            Test::Prefix(text) => same(value.get(..text.len()), text),
            Test::Suffix(text) => same(value.len().checked_sub(text.len()).and_then(|at| value.get(at..)), text),
            Test::Contains(needle) => needle.is_in(value),
            Test::Regex(pattern) => pattern.is_match(value),
        }
    }
}

impl JsonSchema for ValueMatch {
    fn schema_name() -> Cow<'static, str> {
        Written::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Written::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

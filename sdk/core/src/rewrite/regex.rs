//! Parts of a path, found by a regular expression, become others.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Unfit;
use crate::config::{Fault, Node, ReadConfig};
#[cfg(not(feature = "regex"))]
use crate::matching::InvalidPattern;
use crate::matching::Search;

/// The longest substitution, in bytes.
pub const MAX_SUBSTITUTION_BYTES: usize = 1024;

/// The longest path that a regular expression makes, and the longest in which it looks, in bytes.
pub const MAX_PATH_BYTES: usize = 64 * 1024;

/// The most bytes of a path that are looked at for all of its matches: each match may look at all that follows it.
#[cfg(feature = "regex")]
const MAX_LOOKED_AT_BYTES: usize = 4 * MAX_PATH_BYTES;

/// Each part of the path that matches becomes something else, as with Envoy's `regex_rewrite`. A path without a match stays as
/// it is.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RegexRewrite {
    /// What to look for, in the syntax of `match`. Every place that it matches is taken, from left to right, none of them twice;
    /// `^` and `$` are the ends of the path.
    pub pattern: Search,
    /// What each place becomes: `\1` to `\9` are the groups of the pattern, `\0` is all of the match, `\\` is a backslash.
    pub substitution: Substitution,
}

/// What stands for a match: text, and what groups have found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitution {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
}

impl Substitution {
    /// Reads a substitution as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidSubstitution`].
    pub fn parse(text: &str) -> Result<Self, InvalidSubstitution> {
        if text.len() > MAX_SUBSTITUTION_BYTES {
            return Err(InvalidSubstitution::TooLong);
        }
        let (mut parts, mut plain) = (Vec::new(), Vec::new());
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match (byte, if byte == b'\\' { bytes.next() } else { None }) {
                (b'\\', Some(b'\\')) => plain.push(b'\\'),
                (b'\\', Some(digit @ b'0'..=b'9')) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Group(usize::from(digit - b'0')));
                }
                (b'\\', _) => return Err(InvalidSubstitution::Escape),
                (b'?' | b'#' | 0..=b' ' | 0x7f, _) => return Err(InvalidSubstitution::Character),
                _ => plain.push(byte),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The highest group that it names.
    #[cfg(feature = "regex")]
    fn highest(&self) -> usize {
        let groups = self.parts.iter().map(|part| if let Part::Group(group) = part { *group } else { 0 });
        groups.max().unwrap_or(0)
    }
}

/// Why a text is no substitution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSubstitution {
    /// It is too long.
    #[error("a substitution has at most 1024 bytes")]
    TooLong,
    /// A backslash stands before something else.
    #[error("behind a backslash a substitution has a digit, for a group, or another backslash")]
    Escape,
    /// It has a character that no path has.
    #[error("a path has no `?`, `#`, white space and control characters: they are percent-encoded")]
    Character,
    /// It names a group that the pattern has not.
    #[error("the substitution names a group that the pattern does not have")]
    Group,
}

#[cfg(feature = "regex")]
impl RegexRewrite {
    /// The new path; nothing when no part of it matches.
    ///
    /// # Errors
    ///
    /// [`Unfit`]: what has become of it is no path, or it took too much to find out.
    pub fn apply(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Unfit> {
        if path.len() > MAX_PATH_BYTES {
            return Err(Unfit::TooLong);
        }
        let (mut out, mut last, mut met) = (Vec::new(), 0, false);
        let mut left = MAX_LOOKED_AT_BYTES.saturating_sub(path.len());
        self.pattern.for_each(path, |groups| {
            let whole = groups.get(0).unwrap_or_default();
            out.extend_from_slice(path.get(last..whole.start).unwrap_or_default());
            (last, met) = (whole.end, true);
            for part in &self.substitution.parts {
                match part {
                    Part::Text(text) => out.extend_from_slice(text),
                    Part::Group(group) => {
                        let span = groups.get(*group).unwrap_or_default();
                        out.extend_from_slice(path.get(span).unwrap_or_default());
                    }
                }
                // A group may be as long as the path, and stand in it many times.
                if out.len() > MAX_PATH_BYTES {
                    return Err(Unfit::TooLong);
                }
            }
            left = left.checked_sub(path.len().saturating_sub(last)).ok_or(Unfit::TooManyMatches)?;
            Ok(())
        })?;
        if !met {
            return Ok(None);
        }
        out.extend_from_slice(path.get(last..).unwrap_or_default());
        super::fit(&out)?;
        Ok(Some(out))
    }
}

#[cfg(not(feature = "regex"))]
impl RegexRewrite {
    /// The new path. There is no `RegexRewrite` in a module without the engine.
    ///
    /// # Errors
    ///
    /// None.
    pub fn apply(&self, _: &[u8]) -> Result<Option<Vec<u8>>, Unfit> {
        Ok(None)
    }
}

#[cfg(feature = "regex")]
impl ReadConfig for RegexRewrite {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        #[derive(ReadConfig)]
        struct Read {
            pattern: Search,
            substitution: Substitution,
        }
        let Read { pattern, substitution } = Read::read_config(node)?;
        if !pattern.has_group(substitution.highest()) {
            return Err(node.refused(&InvalidSubstitution::Group));
        }
        Ok(Self { pattern, substitution })
    }
}

#[cfg(not(feature = "regex"))]
impl ReadConfig for RegexRewrite {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Err(node.refused(&InvalidPattern::NoEngine))
    }
}

crate::deserialize_by_node!(RegexRewrite);

crate::config::from_text!(Substitution);

impl JsonSchema for Substitution {
    fn schema_name() -> Cow<'static, str> {
        "Substitution".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Text of a path, with `\\1` to `\\9` for the groups of a regular expression.",
            "maxLength": MAX_SUBSTITUTION_BYTES,
            "pattern": r"^(?:[^\\?#\s]|\\[0-9\\])*$",
        })
    }
}

#[cfg(all(test, feature = "regex"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn rewritten(pattern: &str, substitution: &str, path: &[u8]) -> Result<Option<String>, Unfit> {
        let rewrite = serde_json::json!({"pattern": pattern, "substitution": substitution});
        let rewrite: RegexRewrite = serde_json::from_value(rewrite).unwrap();
        let latin1 = |path: Vec<u8>| path.into_iter().map(char::from).collect();
        rewrite.apply(path).map(|path| path.map(latin1))
    }

    /// What Envoy makes of `regex_rewrite`.
    #[test]
    fn every_match_becomes_something_else() {
        for (pattern, substitution, path, expected) in [
            ("^/service/([^/]+)(/.*)$", r"\2/instance/\1", &b"/service/foo/v1/api"[..], Some("/v1/api/instance/foo")),
            ("one", "two", b"/xxx/one/yyy/one/zzz", Some("/xxx/two/yyy/two/zzz")),
            ("^(.*?)one(.*)$", r"\1two\2", b"/xxx/one/yyy/one/zzz", Some("/xxx/two/yyy/one/zzz")),
            ("(?i)/xxx/", "/yyy/", b"/aaa/XxX/bbb", Some("/aaa/yyy/bbb")),
            ("/(a)|/(b)", r"/<\1\2>", b"/a/b/c", Some("/<a>/<b>/c")),
            ("$", "/end", b"/a", Some("/a/end")),
            ("/a", r"\0\\\0", b"/a", Some(r"/a\/a")),
            ("[0-9]*", "", b"/a1b2", Some("/ab")),
            ("b", "c", b"/a", None),
            // Bytes, as Latin-1 here.
            (r"\xe4", "ae", b"/\xe4\xff/\xe4", Some("/ae\u{ff}/ae")),
            ("(ä)", r"\1\1", "/ä".as_bytes(), Some("/\u{c3}\u{a4}\u{c3}\u{a4}")),
        ] {
            assert_eq!(rewritten(pattern, substitution, path).unwrap().as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_path_is_none() {
        assert_eq!(rewritten("^/", "", b"/a"), Err(Unfit::Start));
        assert_eq!(rewritten("/a", "/", b"/x/a../b"), Err(Unfit::Dots));
        assert_eq!(rewritten("/a", "/%2", b"/x/ae%2E/b"), Err(Unfit::Dots));
        assert_eq!(rewritten("a", "b", &[b'/'; MAX_PATH_BYTES + 1]), Err(Unfit::TooLong));
    }

    #[test]
    fn no_path_takes_long_or_becomes_long() {
        let long = [b"/", "a".repeat(MAX_PATH_BYTES - 1).as_bytes()].concat();
        assert_eq!(rewritten("(.*)", &r"\1".repeat(500), &long), Err(Unfit::TooLong));
        // Each `a` is looked for a `z` behind it, to the end.
        assert_eq!(rewritten("a.*z|a", "b", &long), Err(Unfit::TooManyMatches));
        assert!(rewritten("a", "b", &long.as_slice()[..600]).unwrap().is_some());
    }

    #[test]
    fn substitutions_that_mean_nothing_are_refused() {
        for (text, error) in [
            ("a\\", InvalidSubstitution::Escape),
            (r"\n", InvalidSubstitution::Escape),
            ("a?b", InvalidSubstitution::Character),
            ("a b", InvalidSubstitution::Character),
            ("a\nb", InvalidSubstitution::Character),
        ] {
            assert_eq!(Substitution::parse(text), Err(error), "{text}");
        }
        assert_eq!(Substitution::parse(&"a".repeat(1025)), Err(InvalidSubstitution::TooLong));
        let error = serde_json::from_str::<RegexRewrite>(r#"{"pattern": "(a)", "substitution": "\\2"}"#);
        assert!(error.unwrap_err().to_string().contains("a group that the pattern does not have"));
    }
}

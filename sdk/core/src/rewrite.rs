//! Another path for a request.

mod regex;

use schemars::JsonSchema;

use crate::config::ReadConfig;
use crate::matching::PathPattern;
use crate::views::RequestPath;

pub use self::regex::{InvalidSubstitution, MAX_PATH_BYTES, MAX_SUBSTITUTION_BYTES, RegexRewrite, Substitution};

/// How a path is changed; the query stays as it is. The Gateway API's `ReplaceFullPath` and `ReplacePrefixMatch`, and Envoy's
/// `regex_rewrite`.
///
/// ```
/// use tamis_core::{rewrite::PathRewrite, views::RequestPath};
///
/// let rewrite: PathRewrite = serde_json::from_str(r#"{"prefix": {"from": "/v1", "to": "/"}}"#)?;
/// assert_eq!(rewrite.apply(&RequestPath::new(b"/v1/items?page=2"))?.as_deref(), Some(&b"/items?page=2"[..]));
/// assert_eq!(rewrite.apply(&RequestPath::new(b"/v10"))?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathRewrite {
    /// The whole path becomes this one.
    Full(PathPattern),
    /// The first segments become others.
    Prefix(PrefixRewrite),
    /// What a regular expression finds becomes something else. For the full image of a filter.
    Regex(RegexRewrite),
}

/// First segments, and what they become. A path that does not begin with them stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PrefixRewrite {
    /// The first segments, whole ones: `/v1` are those of `/v1/a` and not those of `/v10`.
    pub from: PathPattern,
    /// What they become. `/` takes them away.
    pub to: PathPattern,
}

/// Why a request cannot have a path that was made for it. Nothing of the path is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It begins with something else.
    #[error("a path begins with `/`")]
    Start,
    /// A segment leads elsewhere, also when it is encoded.
    #[error("a path has no segments `.` and `..`")]
    Dots,
    /// It is longer than [`MAX_PATH_BYTES`], or was before.
    #[error("a path that is rewritten has at most 65536 bytes")]
    TooLong,
    /// The more matches a path has, the shorter it must be.
    #[error("a path that is rewritten has fewer matches")]
    TooManyMatches,
}

/// Whether a request can have this path, which has no query.
///
/// # Errors
///
/// [`Unfit`].
pub fn fit(path: &[u8]) -> Result<(), Unfit> {
    let is_dots = |segment: &[u8]| {
        let plain = segment.to_ascii_lowercase();
        matches!(plain.as_slice(), b"." | b".." | b"%2e" | b"%2e%2e" | b".%2e" | b"%2e.")
    };
    if !path.starts_with(b"/") {
        return Err(Unfit::Start);
    }
    if path.split(|byte| *byte == b'/').any(is_dots) { Err(Unfit::Dots) } else { Ok(()) }
}

impl PathRewrite {
    /// The new path with the old query; nothing when the path stays as it is.
    ///
    /// # Errors
    ///
    /// [`Unfit`], for regular expressions only.
    pub fn apply(&self, path: &RequestPath<'_>) -> Result<Option<Vec<u8>>, Unfit> {
        let mut new = match self {
            Self::Full(full) => full.as_bytes().to_vec(),
            Self::Prefix(PrefixRewrite { from, to }) => {
                let Some(rest) = path.below(from.as_bytes()) else { return Ok(None) };
                let rest = rest.strip_prefix(b"/").unwrap_or(rest);
                let to = to.as_bytes();
                let to = to.strip_suffix(b"/").unwrap_or(to);
                // A path that is only the prefix becomes only the new one; `/` at its end stays.
                let ends = path.path().ends_with(b"/") && !path.path().is_empty();
                let slash: &[u8] = if to.is_empty() || !rest.is_empty() || ends { b"/" } else { b"" };
                [to, slash, rest].concat()
            }
            Self::Regex(rewrite) => match rewrite.apply(path.path())? {
                Some(new) => new,
                None => return Ok(None),
            },
        };
        // What follows the path: the query, and a fragment that no client should send.
        new.extend_from_slice(path.raw().get(path.path().len()..).unwrap_or_default());
        Ok(Some(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(from: &str, to: &str, path: &str) -> Option<String> {
        let rewrite = serde_json::json!({"prefix": {"from": from, "to": to}});
        let rewrite: PathRewrite = serde_json::from_value(rewrite).unwrap();
        rewrite.apply(&RequestPath::new(path.as_bytes())).unwrap().map(|path| String::from_utf8(path).unwrap())
    }

    /// The table of the Gateway API's `ReplacePrefixMatch`, and what it leaves open.
    #[test]
    fn prefixes_become_others_by_whole_segments() {
        let cases = [
            ("/foo", "/xyz", "/foo/bar", Some("/xyz/bar")),
            ("/foo", "/xyz/", "/foo/bar", Some("/xyz/bar")),
            ("/foo/", "/xyz", "/foo/bar", Some("/xyz/bar")),
            ("/foo/", "/xyz/", "/foo/bar", Some("/xyz/bar")),
            ("/foo", "/xyz", "/foo", Some("/xyz")),
            ("/foo/", "/xyz", "/foo/", Some("/xyz/")),
            ("/foo", "/", "/foo/bar", Some("/bar")),
            ("/foo", "/", "/foo/", Some("/")),
            ("/foo", "/", "/foo", Some("/")),
            ("/", "/xyz", "/foo", Some("/xyz/foo")),
            ("/foo", "/xyz", "/foo?a=/foo", Some("/xyz?a=/foo")),
            ("/foo", "/xyz", "/food", None),
            ("/foo", "/xyz", "/FOO", None),
        ];
        for (from, to, path, expected) in cases {
            assert_eq!(rewritten(from, to, path).as_deref(), expected, "{path}: {from} to {to}");
        }
    }

    #[test]
    fn a_full_path_keeps_the_query() {
        let rewrite: PathRewrite = serde_json::from_str(r#"{"full": "/new"}"#).unwrap();
        assert_eq!(rewrite.apply(&RequestPath::new(b"/a/b?c=1")).unwrap().unwrap(), b"/new?c=1");
        assert_eq!(rewrite.apply(&RequestPath::new(b"*")).unwrap().unwrap(), b"/new");
    }
}

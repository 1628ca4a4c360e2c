//! Another path for a request.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::matching::PathPattern;
use crate::record;
use crate::views::RequestPath;

/// How a path is changed; the query stays as it is. The Gateway API's `ReplaceFullPath` and `ReplacePrefixMatch`.
///
/// ```
/// use tamis_core::{rewrite::PathRewrite, views::RequestPath};
///
/// let rewrite: PathRewrite = serde_json::from_str(r#"{"prefix": {"from": "/v1", "to": "/"}}"#)?;
/// assert_eq!(rewrite.apply(&RequestPath::new(b"/v1/items?page=2")).as_deref(), Some(&b"/items?page=2"[..]));
/// assert_eq!(rewrite.apply(&RequestPath::new(b"/v10")), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathRewrite {
    /// The whole path becomes this one.
    Full(PathPattern),
    /// The first segments become others.
    Prefix(PrefixRewrite),
}

/// First segments, and what they become. A path that does not begin with them stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PrefixRewrite {
    /// The first segments, whole ones: `/v1` are those of `/v1/a` and not those of `/v10`.
    pub from: PathPattern,
    /// What they become. `/` takes them away.
    pub to: PathPattern,
}

record!(PrefixRewrite { from, to });

impl PathRewrite {
    /// The new path with the old query; nothing when the path stays as it is.
    #[must_use]
    pub fn apply(&self, path: &RequestPath<'_>) -> Option<Vec<u8>> {
        let mut new = match self {
            Self::Full(full) => full.as_bytes().to_vec(),
            Self::Prefix(PrefixRewrite { from, to }) => {
                let rest = path.below(from.as_bytes())?;
                let rest = rest.strip_prefix(b"/").unwrap_or(rest);
                let to = to.as_bytes();
                let to = to.strip_suffix(b"/").unwrap_or(to);
                // A path that is only the prefix becomes only the new one; `/` at its end stays.
                let ends = path.path().ends_with(b"/") && !path.path().is_empty();
                let slash: &[u8] = if to.is_empty() || !rest.is_empty() || ends { b"/" } else { b"" };
                [to, slash, rest].concat()
            }
        };
        // What follows the path: the query, and a fragment that no client should send.
        new.extend_from_slice(path.raw().get(path.path().len()..).unwrap_or_default());
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(from: &str, to: &str, path: &str) -> Option<String> {
        let rewrite = serde_json::json!({"prefix": {"from": from, "to": to}});
        let rewrite: PathRewrite = serde_json::from_value(rewrite).unwrap();
        rewrite.apply(&RequestPath::new(path.as_bytes())).map(|path| String::from_utf8(path).unwrap())
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
        assert_eq!(rewrite.apply(&RequestPath::new(b"/a/b?c=1")).unwrap(), b"/new?c=1");
        assert_eq!(rewrite.apply(&RequestPath::new(b"*")).unwrap(), b"/new");
    }
}

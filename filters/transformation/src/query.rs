//! What an edit does to a query.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
use tamis::views::{Query, RequestPath};

/// Edits of a query. Whatever order they are written in, they apply as: rename, remove, set, add. Every parameter that no
/// edit names stays as it is, to the byte. Names are compared decoded: `%76=1` is `v=1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct QueryEdits {
    /// Parameters to give another name, with all their values. What the new name had before is dropped.
    pub rename: Vec<RenameParameter>,
    /// Parameters to take away, all their values.
    pub remove: Vec<String>,
    /// Parameters to give exactly one value.
    pub set: Vec<Parameter>,
    /// Values to add after those that are there.
    pub add: Vec<Parameter>,
}

/// A parameter with a value, neither of them encoded.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Gives a parameter another name.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RenameParameter {
    /// The name to look for.
    pub from: String,
    /// The name to give.
    pub to: String,
}

impl QueryEdits {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rename.is_empty() && self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// The path with another query; nothing when all stays as it is. A query that becomes empty goes with its `?`.
    #[must_use]
    pub fn apply(&self, raw: &[u8]) -> Option<Vec<u8>> {
        let path = RequestPath::new(raw);
        let query = path.query().unwrap_or(Query::new(b""));
        // What follows the query is a fragment, which no client should send; it goes.
        let mut parts: Vec<Vec<u8>> = query.raw().split(|byte| *byte == b'&').map(<[u8]>::to_vec).collect();
        let before = parts.clone();
        for RenameParameter { from, to } in &self.rename {
            rename(&mut parts, from, to);
        }
        for name in &self.remove {
            parts.retain(|part| !is_named(part, name));
        }
        for Parameter { name, value } in &self.set {
            let place = parts.iter().position(|part| is_named(part, name)).unwrap_or(parts.len());
            parts.retain(|part| !is_named(part, name));
            parts.insert(place.min(parts.len()), written(name, value));
        }
        parts.extend(self.add.iter().map(|Parameter { name, value }| written(name, value)));
        if parts == before {
            return None;
        }
        let query = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b'&');
        let mark: &[u8] = if query.is_empty() { b"" } else { b"?" };
        Some([path.path(), mark, &query].concat())
    }
}

fn rename(parts: &mut Vec<Vec<u8>>, from: &str, to: &str) {
    if from == to || !parts.iter().any(|part| is_named(part, from)) {
        return;
    }
    parts.retain(|part| !is_named(part, to));
    for part in parts.iter_mut().filter(|part| is_named(part, from)) {
        let value = part.iter().position(|byte| *byte == b'=').and_then(|at| part.get(at..)).unwrap_or_default();
        *part = [encoded(to).as_bytes(), value].concat();
    }
}

fn is_named(part: &[u8], name: &str) -> bool {
    let pair = Query::new(part).pairs().next();
    pair.is_some_and(|pair| *pair.decoded_name() == *name.as_bytes())
}

fn written(name: &str, value: &str) -> Vec<u8> {
    [encoded(name).as_bytes(), b"=", encoded(value).as_bytes()].concat()
}

/// Everything but what RFC 3986 calls unreserved is encoded, so that it means the same to everybody.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(percent(byte).map(char::from));
        }
    }
    out
}

/// A byte, encoded.
pub(crate) fn percent(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    [b'%', digit(byte >> 4), digit(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(edits: &str, path: &str) -> Option<String> {
        let edits: QueryEdits = tamis::config::parse(edits.as_bytes()).unwrap();
        edits.apply(path.as_bytes()).map(|path| String::from_utf8(path).unwrap())
    }

    #[test]
    fn what_no_edit_names_stays_to_the_byte() {
        let set = r#"{"set": [{"name": "v", "value": "2"}]}"#;
        assert_eq!(edited(set, "/a?x=%2f+&v=1&y&&z=%zz").as_deref(), Some("/a?x=%2f+&v=2&y&z=%zz"));
        assert_eq!(edited(set, "/a").as_deref(), Some("/a?v=2"));
        assert_eq!(edited(set, "/a?%76=1&v=3").as_deref(), Some("/a?v=2"));
        assert_eq!(edited(set, "/a?v=2"), None);
        assert_eq!(edited(r#"{"remove": ["x"]}"#, "/a?y&&z=%zz"), None);
    }

    #[test]
    fn every_kind_of_edit() {
        let all = r#"{
            "rename": [{"from": "old", "to": "new"}], "remove": ["debug"],
            "set": [{"name": "a b", "value": "c&d=\u00e9"}], "add": [{"name": "tag", "value": "2"}]
        }"#;
        assert_eq!(
            edited(all, "/p?new=forged&old=1&debug&tag=1&old=%32#f").as_deref(),
            Some("/p?new=1&tag=1&new=%32&a%20b=c%26d%3D%C3%A9&tag=2")
        );
        assert_eq!(edited(r#"{"remove": ["x"]}"#, "/p?x=1&%78").as_deref(), Some("/p"));
    }
}

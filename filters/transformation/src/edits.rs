//! What an edit does to a header map.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
use tamis::{EditableName, HeaderMap, HeaderName, NameValue};

/// Edits of headers. Whatever order they are written in, they apply as: copy, rename, remove, remove by prefix, set, add.
#[derive(Debug, Clone, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct HeaderEdits {
    /// Headers to have under another name too, with all their values. What the new name had before is dropped.
    pub copy: Vec<Rename>,
    /// Headers to give another name, with all their values. What the new name had before is dropped.
    pub rename: Vec<Rename>,
    /// Headers to take away, all their values. An absent one is fine.
    pub remove: Vec<EditableName>,
    /// Beginnings of names of headers to take away: `x-internal-`. Headers that say where a message ends or whom it is for stay.
    pub remove_prefix: Vec<HeaderName>,
    /// Headers to give exactly one value, whatever they had.
    pub set: Vec<NameValue>,
    /// Values to add after those that a header has.
    pub add: Vec<NameValue>,
}

/// A header and another name for it: all its values, in order. What `to` had before is dropped, so that nobody can add to it
/// from outside; when `from` is absent, nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Rename {
    /// The name to look for.
    pub from: EditableName,
    /// The name to give.
    pub to: EditableName,
}

impl HeaderEdits {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.copy.is_empty()
            && self.rename.is_empty()
            && self.remove.is_empty()
            && self.remove_prefix.is_empty()
            && self.set.is_empty()
            && self.add.is_empty()
    }

    /// Applies the edits.
    ///
    /// # Errors
    ///
    /// The first error of the map; edits before it are in effect.
    pub fn apply<M: HeaderMap>(&self, headers: &mut M) -> Result<(), M::Error> {
        for Rename { from, to } in &self.copy {
            copy(headers, from.name(), to.name())?;
        }
        for Rename { from, to } in &self.rename {
            if copy(headers, from.name(), to.name())? {
                headers.remove(from.name())?;
            }
        }
        for name in &self.remove {
            headers.remove(name.name())?;
        }
        for prefix in &self.remove_prefix {
            for name in headers.names_with(prefix)?.into_iter().filter_map(EditableName::new) {
                headers.remove(name.name())?;
            }
        }
        for NameValue { name, value } in &self.set {
            headers.set_value(name.name(), value)?;
        }
        for NameValue { name, value } in &self.add {
            headers.add_value(name.name(), value)?;
        }
        Ok(())
    }
}

/// Gives `to` the values of `from`, and says whether there were any that it did not have.
fn copy<M: HeaderMap>(headers: &mut M, from: &HeaderName, to: &HeaderName) -> Result<bool, M::Error> {
    let values = headers.get_all(from)?.map(<[u8]>::to_vec).collect::<Vec<_>>();
    if values.is_empty() || from == to {
        return Ok(false);
    }
    headers.remove(to)?;
    values.iter().try_for_each(|value| headers.add(to, value))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tamis::MemoryHeaders;

    use super::*;

    fn edits(json: serde_json::Value) -> HeaderEdits {
        serde_json::from_value(json).unwrap()
    }

    fn applied(edits: &HeaderEdits, headers: &[(&str, &str)]) -> MemoryHeaders {
        let mut map = headers.iter().copied().collect();
        edits.apply(&mut map).unwrap();
        map
    }

    fn map(headers: &[(&str, &str)]) -> MemoryHeaders {
        headers.iter().copied().collect()
    }

    #[test]
    fn rename_keeps_every_value_and_drops_what_was_there() {
        let edits = edits(json!({"rename": [{"from": "X-A", "to": "x-b"}]}));
        let before = [("x-a", "1"), ("x-b", "forged"), ("x-a", "2")];
        assert_eq!(applied(&edits, &before), map(&[("x-b", "1"), ("x-b", "2")]));
        assert_eq!(applied(&edits, &[("x-b", "kept")]), map(&[("x-b", "kept")]));
    }

    #[test]
    fn rename_to_itself_changes_nothing() {
        let edits = edits(json!({"rename": [{"from": "x-a", "to": "X-A"}]}));
        assert_eq!(applied(&edits, &[("x-a", "1"), ("c", "2")]), map(&[("x-a", "1"), ("c", "2")]));
    }

    #[test]
    fn copies_stay_and_prefixes_spare_what_the_proxy_owns() {
        let edits =
            edits(json!({"copy": [{"from": "x-a", "to": "x-b"}], "remove_prefix": ["x-internal-", "content-", "h"]}));
        let before = [
            ("x-a", "1"),
            ("x-b", "old"),
            ("x-internal-id", "7"),
            ("content-length", "3"),
            ("content-type", "t"),
            ("host", "h"),
        ];
        let after = [("x-a", "1"), ("content-length", "3"), ("host", "h"), ("x-b", "1")];
        assert_eq!(applied(&edits, &before), map(&after));
    }

    #[test]
    fn the_order_is_rename_remove_set_add() {
        let edits = edits(json!({
            "add": [{"name": "x", "value": "added"}],
            "set": [{"name": "x", "value": "set"}],
            "remove": ["x"],
            "rename": [{"from": "old", "to": "x"}],
        }));
        assert_eq!(applied(&edits, &[("old", "1"), ("x", "0")]), map(&[("x", "set"), ("x", "added")]));
    }

    #[test]
    fn framing_headers_are_refused() {
        for name in ["content-length", "Transfer-Encoding", "HOST"] {
            let error = serde_json::from_value::<HeaderEdits>(json!({"remove": [name]})).unwrap_err().to_string();
            assert!(error.contains("cannot be edited"), "{error}");
        }
    }
}

//! JSON Merge Patch.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::cursor::Cursor;
use super::{Text, decoded, quoted};
use crate::config::{Fault, Node, ReadConfig};

/// A patch that looks like what it makes ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): members are set, those that
/// are `null` are removed, objects are merged in the same way, and everything else replaces what is there.
///
/// In a configuration it is any value. Of members that come twice the last one counts. A patch is the configuration's or
/// the author's: making one takes time for its members squared.
///
/// ```
/// use tamis_core::json::{Document, Edit, MergePatch, Path};
///
/// let patch: MergePatch = serde_json::from_str(r#"{"secret": null, "meta": {"version": 2}}"#)?;
/// let body = Document::parse(br#"{"id": 1.0, "secret": "x"}"#)?;
/// let edited = body.edit(&[Edit::merge(Path::parse("$")?, patch)], 100)?;
/// assert_eq!(&*edited.body, br#"{"id": 1.0,"meta":{"version":2}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePatch(pub(super) Patch);

/// A patch for one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Patch {
    Remove,
    Members(Vec<(String, Patch)>),
    Replace(Vec<u8>),
}

impl From<&Text> for MergePatch {
    fn from(text: &Text) -> Self {
        Self(read(&mut Cursor::new(text.as_bytes(), 0)))
    }
}

impl Patch {
    /// What it makes of nothing: itself, without the members that are `null`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Remove => out.extend_from_slice(b"null"),
            Self::Replace(text) => out.extend_from_slice(text),
            Self::Members(members) => {
                out.push(b'{');
                let mut first = true;
                for (name, patch) in members.iter().filter(|(_, patch)| *patch != Self::Remove) {
                    if !first {
                        out.push(b',');
                    }
                    first = false;
                    out.extend_from_slice(quoted(name).as_bytes());
                    out.push(b':');
                    patch.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// As deep as a [`Text`] is at most.
fn read(cursor: &mut Cursor<'_>) -> Patch {
    match cursor.peek() {
        Some(b'n') => {
            cursor.value();
            Patch::Remove
        }
        Some(b'{') => {
            cursor.at += 1;
            let mut members: Vec<(String, Patch)> = Vec::new();
            loop {
                cursor.blank();
                if cursor.peek() != Some(b'"') {
                    cursor.at += 1;
                    return Patch::Members(members);
                }
                let key = cursor.key();
                let name = decoded(cursor.bytes.get(key).unwrap_or_default()).into_owned();
                let patch = read(cursor);
                members.retain(|(other, _)| *other != name);
                members.push((name, patch));
                cursor.blank();
                cursor.take(b',');
            }
        }
        _ => {
            let span = cursor.value();
            Patch::Replace(cursor.bytes.get(span).unwrap_or_default().to_vec())
        }
    }
}

impl ReadConfig for MergePatch {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Ok(Self::from(&Text::read_config(node)?))
    }
}

crate::deserialize_by_node!(MergePatch);

impl JsonSchema for MergePatch {
    fn schema_name() -> Cow<'static, str> {
        Text::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Text::json_schema(generator)
    }
}

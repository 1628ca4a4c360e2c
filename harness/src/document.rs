//! A configuration file as a person wrote it: YAML or JSON, with the line and column of every value.
//!
//! A module only ever reads JSON ([`Document::to_json`]); what it says about a value (`rules[2].name`) is turned back into
//! a place in the file ([`Document::place`]). JSON is read by the same parser: it is YAML.

mod words;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Options, Spanned};

/// A value with its places.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    value: Value,
    places: Places,
}

/// The places of all values, and of the names of all fields, by path.
#[derive(Debug, Clone, Default, PartialEq)]
struct Places {
    values: BTreeMap<String, Place>,
    names: BTreeMap<String, Place>,
}

/// Where something is: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// A value that knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// Where, if that is known.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

impl Document {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] for what is not YAML, for a key that comes twice or is no text, and for nothing at all.
    ///
    /// ```
    /// use tamis_harness::document::Document;
    ///
    /// let document = Document::parse("rules:\n  - name: first\n").unwrap();
    /// assert_eq!(document.to_json(), r#"{"rules":[{"name":"first"}]}"#);
    /// assert_eq!(document.place("rules[0].name").unwrap().to_string(), "2:11");
    /// ```
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let document = parse_as::<Self>(text)?;
        if document.value.is_null() {
            return Err(DocumentError { place: None, message: "it is empty".to_owned() });
        }
        Ok(document)
    }

    /// A part of a file that was read already.
    pub(crate) fn of(node: &Spanned<Node>) -> Self {
        let mut places = Places::default();
        let value = flatten(node.clone(), String::new(), &mut places);
        Self { value, places }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value as the module reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.value.to_string()
    }

    /// The value as a plugin's configuration: a text as it is, anything else as JSON.
    #[must_use]
    pub fn to_configuration(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        }
    }

    /// Where a path points (`rules[2].headers.set[0].name`), or the nearest value around it that exists.
    #[must_use]
    pub fn place(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.values.get(path) {
                return Some(*place);
            }
            path = path.get(..path.rfind(['.', '['])?)?;
        }
    }

    /// Where the name of the field is that a path points to: the place of a field that should not be there.
    #[must_use]
    pub fn name_place(&self, path: &str) -> Option<Place> {
        self.places.names.get(path).copied()
    }
}

impl schemars::JsonSchema for Document {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Configuration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["object", "string"],
            "description": "A filter's configuration; the module says what is in it.",
        })
    }
}

/// Reads YAML or JSON into a type of one's own.
///
/// # Errors
///
/// [`DocumentError`] with the place of the first value that does not fit.
pub fn parse_as<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, DocumentError> {
    let mut options = Options::default();
    options.with_snippet = false;
    // As YAML 1.2 has it: `no` is a country, not a truth value.
    options.strict_booleans = true;
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        if text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#')) {
            return DocumentError { place: None, message: "it is empty".to_owned() };
        }
        let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
        let mut message = error.render_with_formatter(&words::Words);
        if let Some(at) = message.rfind(" at line ") {
            message.truncate(at);
        }
        DocumentError { place, message }
    })
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let root = Spanned::<Node>::deserialize(deserializer)?;
        let mut places = Places::default();
        let value = flatten(root, String::new(), &mut places);
        Ok(Self { value, places })
    }
}

impl<T> std::ops::Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { place: at(&spanned.referenced), value: spanned.value })
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for DocumentError {}

/// A value whose parts know their places.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

fn flatten(node: Spanned<Node>, path: String, places: &mut Places) -> Value {
    places.values.insert(path.clone(), at(&node.referenced));
    match node.value {
        Node::Scalar(value) => value,
        Node::List(items) => {
            let items = items.into_iter().enumerate();
            Value::Array(items.map(|(i, item)| flatten(item, format!("{path}[{i}]"), places)).collect())
        }
        Node::Map(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, field)| {
                    let path = if path.is_empty() { key.value.clone() } else { format!("{path}.{}", key.value) };
                    places.names.insert(path.clone(), at(&key.referenced));
                    (key.value, flatten(field, path, places))
                })
                .collect(),
        ),
    }
}

pub(crate) fn at(location: &serde_saphyr::Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| E::custom("the number is not finite"))?;
        Ok(Node::Scalar(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut map: Vec<(Spanned<String>, Spanned<Node>)> = Vec::new();
        while let Some((key, value)) = fields.next_entry::<Spanned<String>, _>()? {
            if map.iter().any(|(other, _)| other.value == key.value) {
                return Err(A::Error::custom(format_args!("the key `{}` comes twice", key.value)));
            }
            map.push((key, value));
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(document: &Document, path: &str) -> String {
        document.place(path).map_or_else(|| "nowhere".to_owned(), |place| place.to_string())
    }

    #[test]
    fn every_value_has_its_place() {
        let document = Document::parse("a:\n  b: [1, {c: true}]\n  d: ~\n  e: 1.5\n").unwrap();
        assert_eq!(document.to_json(), r#"{"a":{"b":[1,{"c":true}],"d":null,"e":1.5}}"#);
        assert_eq!(place(&document, "a.b[1].c"), "2:14");
        assert_eq!(place(&document, "a.b[0]"), "2:7");
        // What is not there is looked for around the place where it should be.
        assert_eq!(place(&document, "a.b[1].missing"), "2:10");
        assert_eq!(place(&document, "nothing"), "nowhere");
        assert_eq!(document.name_place("a.d").unwrap().to_string(), "3:3");
    }

    #[test]
    fn json_is_read_too() {
        let document = Document::parse("{\n  \"a\": [\"x\"]\n}").unwrap();
        assert_eq!(document.to_json(), r#"{"a":["x"]}"#);
        assert_eq!(place(&document, "a[0]"), "2:9");
    }

    #[test]
    fn errors_have_a_place() {
        for (text, error) in [
            ("", "it is empty"),
            ("# only a comment\n", "it is empty"),
            ("a: 1\na: 2\n", "2:1: the key `a` comes twice; leave one of them out"),
            ("a: [1\nb: 2\n", "2:2: illegal placement of ':' indicator"),
        ] {
            let found = Document::parse(text).unwrap_err().to_string();
            assert_eq!(found, error, "{text:?}");
        }
    }

    #[test]
    fn strings_stay_strings() {
        assert_eq!(Document::parse("a: \"1\"\nb: yes\nc: 0x10\n").unwrap().to_json(), r#"{"a":"1","b":"yes","c":16}"#);
    }
}

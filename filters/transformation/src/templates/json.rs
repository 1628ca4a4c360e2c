//! Values of a body of JSON, for templates: written again they are the bytes that they were.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use tamis::json::{Document, decoded};
use tamis::number;

use super::members::Members;
use super::touched;

/// The most values that a body may have for a template: each takes some 100 bytes.
const MAX_VALUES: usize = 65_536;

/// A body's value as the engine knows it; nothing when the body is no JSON, or has too many values.
pub fn value(body: &[u8]) -> Option<Value> {
    let document = Document::parse(body).ok()?;
    let text: Arc<str> = std::str::from_utf8(document.value()).ok()?.into();
    let mut reader = Reader { text, at: 0, left: MAX_VALUES };
    reader.value()
}

/// Whether a value is a part of a body, so that it is written as it was.
pub fn is_from_body(value: &Value) -> bool {
    value.downcast_object_ref::<Json>().is_some()
}

/// An object, an array, or a number that the engine's own would change.
#[derive(Debug)]
struct Json {
    text: Arc<str>,
    span: Range<usize>,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Object(Members),
    Array(Vec<Value>),
    Number,
}

impl Object for Json {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.inner {
            Inner::Object(_) => ObjectRepr::Map,
            Inner::Array(_) => ObjectRepr::Seq,
            Inner::Number => ObjectRepr::Plain,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match &self.inner {
            _ if !touched::more(1) => None,
            Inner::Object(members) => members.get(key.as_str()?).cloned(),
            Inner::Array(items) => items.get(key.as_usize()?).cloned(),
            Inner::Number => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.inner {
            Inner::Object(members) if touched::more(members.len()) => members.names(),
            Inner::Array(items) if touched::more(1) => Enumerator::Seq(items.len()),
            Inner::Object(_) | Inner::Array(_) => Enumerator::Empty,
            Inner::Number => Enumerator::NonEnumerable,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match &self.inner {
            Inner::Object(members) => Some(members.len()),
            Inner::Array(items) => Some(items.len()),
            Inner::Number => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.get(self.span.clone()).unwrap_or_default())
    }
}

/// Reads a text that is known to be JSON.
struct Reader {
    text: Arc<str>,
    at: usize,
    left: usize,
}

impl Reader {
    /// As deep as a document is.
    fn value(&mut self) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        self.blank();
        let start = self.at;
        let inner = match self.peek()? {
            b'{' => Inner::Object(Members::new(self.object()?)),
            b'[' => Inner::Array(self.array()?),
            b'"' => return Some(Value::from(self.string()?)),
            b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
                let rest = self.text.get(start..)?;
                let length = rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                let word = rest.get(..length)?;
                self.at += length;
                match word {
                    "true" => return Some(Value::from(true)),
                    "false" => return Some(Value::from(false)),
                    "null" => return Some(Value::from(())),
                    _ => {}
                }
                match plain(word) {
                    Some(number) => return Some(number),
                    None => Inner::Number,
                }
            }
            _ => return None,
        };
        Some(Value::from_object(Json { text: Arc::clone(&self.text), span: start..self.at, inner }))
    }

    fn object(&mut self) -> Option<Vec<(Value, Value)>> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            self.blank();
            match self.peek()? {
                b'"' => {
                    let name = Value::from(self.string()?);
                    self.blank();
                    self.at += 1;
                    members.push((name, self.value()?));
                }
                b',' => self.at += 1,
                _ => break,
            }
        }
        self.at += 1;
        Some(members)
    }

    fn array(&mut self) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.blank();
            match self.peek()? {
                b']' => break,
                b',' => self.at += 1,
                _ => items.push(self.value()?),
            }
        }
        self.at += 1;
        Some(items)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let inner = decoded(self.text.as_bytes().get(start..self.at)?).into_owned();
        self.at += 1;
        Some(inner)
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The number as the engine computes with it, when writing it gives the same text.
fn plain(word: &str) -> Option<Value> {
    if let Ok(number) = word.parse::<i64>() {
        return (number.to_string() == word).then(|| Value::from(number));
    }
    let number = word.parse::<f64>().ok()?;
    (number::decimal(number) == word).then(|| Value::from(number))
}

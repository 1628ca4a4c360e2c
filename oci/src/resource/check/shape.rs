//! Shapes of resources, as tables: which fields there are, and what may stand in them.
//!
//! They say what the published schemas say, their rules in CEL included, and a test holds the two against each other. A schema
//! itself would need a reader of CEL, and a file that belongs to others.

use serde_json::{Map, Value};

use super::Faults;

/// What a value has to look like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Anything; somebody else's to judge.
    Any,
    /// True or false.
    Bool,
    /// A whole number.
    Int(i64, i64),
    /// One of some words.
    Word(&'static [&'static str]),
    /// A text.
    Text(Text),
    /// A list, of so many items at most, whose items differ in a field.
    List { item: &'static Shape, most: usize, key: Option<&'static str> },
    /// Fields with any names.
    Map { value: &'static Shape, most: usize },
    /// Fields with these names.
    Object(Object),
}

/// A text's bounds and form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) least: usize,
    pub(super) most: usize,
    /// Says what is wrong with it, if something is.
    pub(super) form: Option<fn(&str) -> Option<String>>,
}

/// An object's fields, and rules over several of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    pub(super) fields: &'static [Field],
    pub(super) rules: &'static [Rule],
    /// Of Envoy's API: a field may be written `like_this` or `likeThis`, and numbers may be texts.
    pub(super) proto: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    pub(super) required: bool,
}

/// What is wrong with an object, and at which of its fields.
pub(super) type Rule = fn(&Map<String, Value>) -> Option<(&'static str, String)>;

/// Any text.
pub(super) const TEXT: Shape = text(0, usize::MAX);
pub(super) const BOOL: Shape = Shape::Bool;
pub(super) const ANY: Shape = Shape::Any;

pub(super) const fn text(least: usize, most: usize) -> Shape {
    Shape::Text(Text { least, most, form: None })
}

pub(super) const fn formed(least: usize, most: usize, form: fn(&str) -> Option<String>) -> Shape {
    Shape::Text(Text { least, most, form: Some(form) })
}

pub(super) const fn may(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, required: false }
}

pub(super) const fn must(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, required: true }
}

pub(super) const fn object(fields: &'static [Field], rules: &'static [Rule]) -> Shape {
    Shape::Object(Object { fields, rules, proto: false })
}

/// A message of Envoy's API.
pub(super) const fn message(fields: &'static [Field], rules: &'static [Rule]) -> Shape {
    Shape::Object(Object { fields, rules, proto: true })
}

pub(super) const fn list(item: &'static Shape, most: usize) -> Shape {
    Shape::List { item, most, key: None }
}

/// Finds what of a value is not as its shape says.
pub(super) fn hold(shape: &Shape, value: &Value, path: &str, faults: &mut Faults) {
    match (shape, value) {
        (Shape::Any, _) | (Shape::Bool, Value::Bool(_)) => {}
        (Shape::Int(least, most), value) => match whole(value) {
            Some(number) if (*least..=*most).contains(&number) => {}
            Some(number) => faults.error(path, format!("{number} is not between {least} and {most}")),
            None => faults.error(path, format!("{} is no whole number", kind(value))),
        },
        (Shape::Word(words), Value::String(text)) => {
            if !words.contains(&text.as_str()) {
                faults.error(path, format!("`{text}` is not known here: {}{}", words.join(", "), nearest(text, words)));
            }
        }
        (Shape::Text(bounds), Value::String(text)) => hold_text(bounds, text, path, faults),
        (Shape::List { item, most, key }, Value::Array(items)) => {
            if items.len() > *most {
                faults.error(path, format!("{} items, where {most} are allowed", items.len()));
            }
            let mut seen: Vec<&Value> = Vec::new();
            for (number, value) in items.iter().enumerate() {
                let path = format!("{path}[{number}]");
                if let Some(value) = key.and_then(|key| value.get(key)) {
                    if seen.contains(&value) {
                        faults.error(&path, format!("a second item with {value}"));
                    }
                    seen.push(value);
                }
                hold(item, value, &path, faults);
            }
        }
        (Shape::Map { value: shape, most }, Value::Object(fields)) => {
            if fields.len() > *most {
                faults.error(path, format!("{} fields, where {most} are allowed", fields.len()));
            }
            for (name, value) in fields {
                hold(shape, value, &format!("{path}.{name}"), faults);
            }
        }
        (Shape::Object(object), Value::Object(fields)) => hold_object(object, fields, path, faults),
        (_, value) => faults.error(path, format!("{} where {} belongs", kind(value), wanted(shape))),
    }
}

fn hold_text(bounds: &Text, text: &str, path: &str, faults: &mut Faults) {
    let length = text.chars().count();
    if length < bounds.least {
        faults.error(path, "it is empty".to_owned());
    } else if length > bounds.most {
        faults.error(path, format!("it has {length} characters, where {} are allowed", bounds.most));
    } else if let Some(fault) = bounds.form.and_then(|form| form(text)) {
        faults.error(path, fault);
    }
}

fn hold_object(object: &Object, fields: &Map<String, Value>, path: &str, faults: &mut Faults) {
    let known = |name: &str| {
        object.fields.iter().find(|field| field.name == name || (object.proto && camel(field.name) == name))
    };
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        match known(name) {
            Some(field) => hold(field.shape, value, &path, faults),
            // The type of a message stands beside its fields.
            None if object.proto && name == "@type" => {}
            None => {
                let names = object.fields.iter().map(|field| field.name).collect::<Vec<_>>();
                faults.unknown(&path, format!("there is no field `{name}` here{}", nearest(name, &names)));
            }
        }
    }
    for field in object.fields.iter().filter(|field| field.required) {
        if get(fields, field.name, object.proto).is_none() {
            faults.error(path, format!("`{}` is missing", field.name));
        }
    }
    for rule in object.rules {
        if let Some((at, what)) = rule(fields) {
            let path = if at.is_empty() { path.to_owned() } else { format!("{path}.{at}") };
            faults.error(&path, what);
        }
    }
}

/// A field of a message, in either spelling.
pub(super) fn get<'a>(fields: &'a Map<String, Value>, name: &str, proto: bool) -> Option<&'a Value> {
    fields.get(name).or_else(|| proto.then(|| fields.get(&camel(name))).flatten())
}

pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|number| number as i64)
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "anything",
        Shape::Bool => "true or false",
        Shape::Int(..) => "a whole number",
        Shape::Word(_) | Shape::Text(_) => "a text",
        Shape::List { .. } => "a list",
        Shape::Map { .. } | Shape::Object(_) => "an object",
    }
}

/// `; did you mean ...?`, when one of the words is not far.
pub(super) fn nearest(text: &str, words: &[&str]) -> String {
    let near = words.iter().map(|word| (distance(text, word), word)).min();
    match near {
        Some((steps, word)) if steps <= 2 && steps < word.len() => format!("; did you mean `{word}`?"),
        _ => String::new(),
    }
}

/// How many letters have to be changed, added or left out, or to change places; capitals do not count.
fn distance(one: &str, other: &str) -> usize {
    // A name that is longer is no misspelling of any.
    const LONGEST: usize = 64;
    let letters = |text: &str| text.chars().take(LONGEST).map(|letter| letter.to_ascii_lowercase()).collect::<Vec<_>>();
    let (one, other) = (letters(one), letters(other));
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, wanted) in other.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(LONGEST);
            let change = at(&row, j) + usize::from(letter != wanted);
            let mut least = change.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && one.get(i - 1) == Some(wanted) && other.get(j - 1) == Some(letter);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(LONGEST)
}

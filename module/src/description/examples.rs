//! Which configurations show which fields: each named type of the schema, as it was met in what people wrote.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Value, json};
use serde_saphyr::{FlowMap, FlowSeq};

use super::Example;
use super::schema::{Schema, array, choices, is_null, lookup, reference, short};

/// How deep values are followed.
const MAX_DEPTH: usize = 64;

/// How many examples of a type are shown.
const MAX_SHOWN: usize = 6;

/// Lines of an example that readers take in; a longer one is shown when nothing shorter shows the same.
const SHORT: usize = 24;

/// Values of one type, and what of the type each one shows.
#[derive(Default)]
pub(super) struct Met<'a>(BTreeMap<&'a str, Vec<Instance<'a>>>);

/// One value of a type.
struct Instance<'a> {
    place: Place<'a>,
    value: &'a Value,
    source: &'a str,
    shows: BTreeSet<String>,
}

/// What stands before a value, so that it can be shown as one would write it.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// It is the whole configuration.
    Root,
    /// It is the value of a field.
    Field(&'a str),
    /// It is one of a field's list.
    Item(&'a str),
}

/// The name of the type that a whole configuration has.
pub(super) const ROOT: &str = "";

impl<'a> Met<'a> {
    /// Walks through all configurations along the schema.
    pub(super) fn collect(root: &'a Schema, examples: &'a [Example]) -> Self {
        let mut met = Self::default();
        for example in examples {
            let mut walk = Walk { root, source: &example.source, met: &mut met };
            walk.instance(ROOT, root, Place::Root, &example.configuration, 0);
        }
        met
    }

    /// As few short values as show all that was met of a type, each with where it stands; as YAML.
    pub(super) fn shown(&self, name: &str) -> Vec<(String, &'a str)> {
        let Some(instances) = self.0.get(name) else {
            return Vec::new();
        };
        let written: Vec<(String, &Instance<'_>)> =
            instances.iter().filter_map(|instance| Some((instance.yaml()?, instance))).collect();
        let mut missing: BTreeSet<&str> =
            instances.iter().flat_map(|instance| &instance.shows).map(String::as_str).collect();
        let mut chosen = Vec::new();
        while !missing.is_empty() && chosen.len() < MAX_SHOWN {
            let new = |instance: &Instance<'_>| {
                instance.shows.iter().filter(|shown| missing.contains(shown.as_str())).count()
            };
            // What shows the most a line: a few lines are worth a field less. Of equals the first is taken.
            let worth = |(yaml, instance): &&(String, &Instance<'_>)| {
                let lines = yaml.lines().count();
                (new(instance) > 0, lines <= SHORT, new(instance) * 1_000 / (lines + 3))
            };
            let Some(best) = written.iter().rev().max_by_key(worth).filter(|best| new(best.1) > 0) else { break };
            for shown in &best.1.shows {
                missing.remove(shown.as_str());
            }
            chosen.push((best.0.clone(), best.1.source));
        }
        chosen
    }

    /// The parts of a type that no configuration shows.
    pub(super) fn missing(&self, name: &str, schema: &Schema) -> Vec<String> {
        let instances = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let shown = |part: &String| instances.iter().any(|instance| instance.shows.contains(part));
        parts(schema).into_iter().filter(|part| !shown(part)).collect()
    }
}

/// What there is to show of a type: its fields and its described fixed values.
fn parts(schema: &Schema) -> Vec<String> {
    let fields =
        |schema: &Schema| schema.get("properties").and_then(Value::as_object).map(|it| it.keys().cloned().collect());
    let mut parts: Vec<String> = fields(schema).unwrap_or_default();
    for choice in choices(schema).filter_map(Value::as_object) {
        parts.extend(choice.get("const").map(short));
        parts.extend(fields(choice).unwrap_or_default());
    }
    parts
}

struct Walk<'a, 'm> {
    root: &'a Schema,
    source: &'a str,
    met: &'m mut Met<'a>,
}

impl<'a> Walk<'a, '_> {
    fn instance(&mut self, name: &'a str, schema: &'a Schema, place: Place<'a>, value: &'a Value, depth: usize) {
        let mut shows = BTreeSet::new();
        let all = parts(schema);
        if let Value::Object(fields) = value {
            shows.extend(fields.keys().filter(|field| all.contains(field)).cloned());
        } else {
            shows.extend(Some(short(value)).filter(|value| all.contains(value)));
        }
        self.met.0.entry(name).or_default().push(Instance { place, value, source: self.source, shows });
        self.inside(schema, place, value, depth + 1);
    }

    /// A value for which the schema may only be a reference to another one.
    fn value(&mut self, schema: &'a Value, place: Place<'a>, value: &'a Value, depth: usize) {
        let Value::Object(schema) = schema else { return };
        if depth >= MAX_DEPTH || value.is_null() {
            return;
        }
        match reference(schema).and_then(|name| Some((name, lookup(self.root, name)?))) {
            Some((name, target)) => self.instance(short_name(name), target, place, value, depth),
            None => self.inside(schema, place, value, depth + 1),
        }
    }

    /// What a value holds.
    fn inside(&mut self, schema: &'a Schema, place: Place<'a>, value: &'a Value, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        match value {
            Value::Object(fields) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                for (name, value) in fields {
                    let known = properties.and_then(|properties| properties.get(name));
                    if let Some(schema) = known.or_else(|| schema.get("additionalProperties")) {
                        self.value(schema, Place::Field(name), value, depth);
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    let place = match place {
                        Place::Field(name) | Place::Item(name) => Place::Item(name),
                        Place::Root => Place::Root,
                    };
                    schema.get("items").into_iter().for_each(|schema| self.value(schema, place, item, depth));
                }
            }
            _ => {}
        }
        for choice in choices(schema).filter(|choice| !is_null(choice)) {
            let Value::Object(choice) = choice else { continue };
            if fits(choice, value) {
                self.inside(choice, place, value, depth + 1);
            }
        }
    }
}

impl Instance<'_> {
    /// The value with what stands before it.
    fn yaml(&self) -> Option<String> {
        let whole = match self.place {
            Place::Root => self.value.clone(),
            Place::Field(name) => json!({ name: self.value }),
            Place::Item(name) => json!({ name: [self.value] }),
        };
        serde_saphyr::to_string(&InOrder::new(&whole)).ok()
    }
}

/// Whether an object has the fields that a choice needs.
fn fits(choice: &Schema, value: &Value) -> bool {
    value.is_object()
        && choice.contains_key("properties")
        && array(choice, "required").iter().filter_map(Value::as_str).all(|name| value.get(name).is_some())
}

/// `#/$defs/Match` is `Match`.
pub(super) fn short_name(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// A value as people write it: its fields in the order of what it is called, what it is for, the rest; and what is short on one
/// line.
struct InOrder<'a> {
    value: &'a Value,
    form: Form,
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It is the whole text, whose fields have lines of their own.
    Whole,
    /// It can have lines of its own.
    Block,
    /// It is on the line of what is around it.
    Line,
}

/// Characters of JSON for which one line is enough.
const LINE: usize = 90;

impl<'a> InOrder<'a> {
    fn new(value: &'a Value) -> Self {
        Self { value, form: Form::Whole }
    }

    fn inside(&self, value: &'a Value) -> Self {
        Self { value, form: if self.form == Form::Line { Form::Line } else { Form::Block } }
    }

    /// Whether it begins a line of its own: what is empty does not need one.
    fn begins_line(&self) -> bool {
        let holds = match self.value {
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        holds && self.form == Form::Block && self.value.to_string().len() <= LINE
    }
}

impl Serialize for InOrder<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let in_line = Self { value: self.value, form: Form::Line };
        match self.value {
            Value::Object(_) if self.begins_line() => FlowMap(in_line).serialize(serializer),
            Value::Array(_) if self.begins_line() => FlowSeq(in_line).serialize(serializer),
            Value::Object(fields) => {
                const FIRST: [&str; 4] = ["name", "match", "match_response", "from"];
                let rank = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| rank(name));
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, &self.inside(value))?;
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(|item| self.inside(item))),
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn short_things_stand_on_one_line_and_what_they_are_called_comes_first() {
        let long = "x".repeat(LINE);
        let value = json!({"rules": [{"to": {"a": [1, "2", {}]}, "name": "r"}], "body": long, "none": []});
        let yaml = serde_saphyr::to_string(&InOrder::new(&value)).unwrap();
        let expected = format!("body: >-\n  {long}\nnone: []\nrules: [{{name: r, to: {{a: [1, \"2\", {{}}]}}}}]\n");
        assert_eq!(yaml, expected);
        assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), value);
        assert_eq!(serde_saphyr::to_string(&InOrder::new(&json!({"a": {"b": 1}}))).unwrap(), "a: {b: 1}\n");
    }
}

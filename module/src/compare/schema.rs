//! Whether a schema takes all that another one took.
//!
//! The answer errs to one side: where two schemas differ in a way that is not understood here, a configuration may be refused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Change;

/// Deeper, and in more places than this, schemas are not compared: they come from strangers.
const MAX_DEPTH: usize = 64;
const MAX_PLACES: usize = 20_000;
/// Members that say something to people and refuse nothing.
const PROSE: [&str; 8] = ["title", "description", "examples", "$schema", "$id", "$comment", "format", "deprecated"];
/// Bounds from below, where more refuses more, and from above, where less does.
const LOWER: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

/// What differs between two schemas of a configuration, the old one first.
#[must_use]
pub fn schemas(before: &Value, after: &Value) -> Vec<Change> {
    let mut walk = Walk { before, after, changes: Vec::new(), places: 0, open: BTreeSet::new() };
    walk.compare(before, after, String::new(), 0);
    // Types that are used in several places differ in each of them.
    let mut seen = BTreeSet::new();
    walk.changes.retain(|change| seen.insert((change.at.clone(), change.what.clone())));
    walk.changes
}

struct Walk<'a> {
    before: &'a Value,
    after: &'a Value,
    changes: Vec<Change>,
    places: usize,
    /// Pairs of definitions that are being compared: types may hold themselves.
    open: BTreeSet<(String, String)>,
}

impl<'a> Walk<'a> {
    fn compare(&mut self, old: &'a Value, new: &'a Value, at: String, depth: usize) {
        self.places += 1;
        if depth > MAX_DEPTH || self.places > MAX_PLACES {
            return self.tell(&at, "is too deep to be compared".to_owned(), true);
        }
        let pair = (reference(old), reference(new));
        let (Some(old), Some(new)) = (resolved(self.before, old), resolved(self.after, new)) else {
            return self.tell(&at, "refers to a definition that there is not".to_owned(), true);
        };
        if let (Some(one), Some(other)) = pair {
            let pair = (one.to_owned(), other.to_owned());
            if !self.open.insert(pair.clone()) {
                return;
            }
            self.members(old, new, &at, depth);
            self.open.remove(&pair);
        } else {
            self.members(old, new, &at, depth);
        }
    }

    fn members(&mut self, old: &'a Value, new: &'a Value, at: &str, depth: usize) {
        if plain(old) == plain(new) && !has_reference(old) && !has_reference(new) {
            return;
        }
        let (before, after) = match (old, new) {
            (Value::Object(before), Value::Object(after)) => (before, after),
            (_, Value::Bool(true)) => return,
            (Value::Bool(true) | Value::Null, _) => {
                return self.tell(at, "took anything before, and does not now".to_owned(), true);
            }
            _ => return self.tell(at, "cannot be compared".to_owned(), true),
        };
        self.types(before, after, at);
        self.values(before, after, at);
        self.bounds(before, after, at);
        self.fields(before, after, at, depth);
        for keyword in ["oneOf", "anyOf"] {
            self.variants(list(before, keyword), list(after, keyword), at, depth);
        }
        match (before.get("items"), after.get("items")) {
            (Some(old), Some(new)) => self.compare(old, new, format!("{at}[]"), depth + 1),
            (None, Some(_)) if before.get("type") == Some(&json!("array")) => {
                self.tell(&format!("{at}[]"), "took anything before, and does not now".to_owned(), true);
            }
            _ => {}
        }
        if before.get("default") != after.get("default") && before.contains_key("default") {
            let now = after.get("default").map_or_else(|| "none".to_owned(), short);
            self.tell(
                at,
                format!(
                    "has another default: {now} instead of {}",
                    short(before.get("default").unwrap_or(&Value::Null))
                ),
                false,
            );
        }
        let known = [
            "type",
            "enum",
            "const",
            "properties",
            "required",
            "additionalProperties",
            "oneOf",
            "anyOf",
            "items",
            "default",
            "$defs",
            "$ref",
        ];
        let is_other = |name: &&String| {
            let name = name.as_str();
            !known.contains(&name) && !PROSE.contains(&name) && !LOWER.contains(&name) && !UPPER.contains(&name)
        };
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).filter(is_other).collect();
        for name in names {
            match (before.get(name), after.get(name)) {
                (one, other) if one == other => {}
                (Some(_), None) => self.tell(at, format!("has no `{name}` any more"), false),
                (_, Some(now)) => self.tell(at, format!("has another `{name}`: {}", short(now)), true),
                (None, None) => {}
            }
        }
    }

    fn types(&mut self, before: &Map<String, Value>, after: &Map<String, Value>, at: &str) {
        let (Some(old), new) = (types(before), types(after)) else {
            if let (None, Some(new)) = (types(before), types(after))
                && !before.contains_key("oneOf")
                && !before.contains_key("anyOf")
                && !before.contains_key("const")
                && !before.contains_key("enum")
            {
                self.tell(at, format!("must be {} now", joined(&new)), true);
            }
            return;
        };
        let Some(new) = new else { return };
        // Every integer is a number.
        let fits = |kind: &&str| new.contains(*kind) || (**kind == *"integer" && new.contains("number"));
        let gone: Vec<&str> = old.iter().copied().filter(|kind| !fits(kind)).collect();
        if !gone.is_empty() {
            self.tell(at, format!("takes no {} any more, only {}", gone.join(" or "), joined(&new)), true);
        } else if new.iter().any(|kind| !old.contains(kind)) {
            self.tell(at, format!("takes {} too", joined(&new.difference(&old).copied().collect())), false);
        }
    }

    fn values(&mut self, before: &Map<String, Value>, after: &Map<String, Value>, at: &str) {
        let (old, new) = (values(before), values(after));
        match (old, new) {
            (Some(old), Some(new)) => {
                for value in old.iter().filter(|value| !new.contains(value)) {
                    self.tell(at, format!("takes {} no more", short(value)), true);
                }
                for value in new.iter().filter(|value| !old.contains(value)) {
                    self.tell(at, format!("takes {} too", short(value)), false);
                }
            }
            (None, Some(_)) if !before.contains_key("oneOf") && !before.contains_key("anyOf") => {
                self.tell(at, "takes only certain values now".to_owned(), true);
            }
            _ => {}
        }
    }

    fn bounds(&mut self, before: &Map<String, Value>, after: &Map<String, Value>, at: &str) {
        for (names, is_stricter) in
            [(LOWER, (|old, new| new > old) as fn(f64, f64) -> bool), (UPPER, |old, new| new < old)]
        {
            for name in names {
                let number = |schema: &Map<String, Value>| schema.get(name).and_then(Value::as_f64);
                let (old, new) = (number(before), number(after));
                let breaking = match (old, new) {
                    (old, new) if old == new => continue,
                    (Some(old), Some(new)) => is_stricter(old, new),
                    (None, _) => true,
                    (_, None) => false,
                };
                let shown = |schema: &Map<String, Value>| schema.get(name).map_or_else(|| "none".to_owned(), short);
                self.tell(at, format!("has {name} {} instead of {}", shown(after), shown(before)), breaking);
            }
        }
    }

    fn fields(&mut self, before: &'a Map<String, Value>, after: &'a Map<String, Value>, at: &str, depth: usize) {
        let fields = |schema: &'a Map<String, Value>| -> BTreeMap<&'a str, &'a Value> {
            let members = schema.get("properties").and_then(Value::as_object);
            members.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)).collect()
        };
        let required = |schema: &'a Map<String, Value>| -> BTreeSet<&'a str> {
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let (old, new) = (fields(before), fields(after));
        let (needed_before, needed) = (required(before), required(after));
        let is_closed = after.get("additionalProperties") == Some(&Value::Bool(false));
        let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        for (name, schema) in &old {
            match new.get(name) {
                Some(now) => self.compare(schema, now, below(name), depth + 1),
                None => self.tell(&below(name), "is no field any more".to_owned(), is_closed),
            }
        }
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            let is_needed = needed.contains(name);
            self.tell(&below(name), format!("is new{}", if is_needed { ", and must be there" } else { "" }), is_needed);
        }
        for name in needed.difference(&needed_before).filter(|name| old.contains_key(**name)) {
            self.tell(&below(name), "must be there now".to_owned(), true);
        }
        for name in needed_before.difference(&needed).filter(|name| new.contains_key(**name)) {
            self.tell(&below(name), "may be left out now".to_owned(), false);
        }
        match (before.get("additionalProperties"), after.get("additionalProperties")) {
            (Some(old), Some(new)) if old.is_object() && new.is_object() => {
                self.compare(old, new, below("*"), depth + 1);
            }
            (old, Some(Value::Bool(false)))
                if old != Some(&Value::Bool(false)) && types(before).is_some_and(|types| types.contains("object")) =>
            {
                self.tell(at, "takes no other fields any more".to_owned(), true);
            }
            _ => {}
        }
    }

    /// Variants are the same that have the same tag: a constant, a field that must be there, a definition, a type.
    fn variants(&mut self, before: &'a [Value], after: &'a [Value], at: &str, depth: usize) {
        let tags = |root: &'a Value, variants: &'a [Value]| -> BTreeMap<String, &'a Value> {
            variants.iter().map(|variant| (tag(root, variant), variant)).collect()
        };
        let (old, new) = (tags(self.before, before), tags(self.after, after));
        if old.is_empty() && !new.is_empty() {
            return self.tell(at, "takes only certain forms now".to_owned(), true);
        }
        if new.is_empty() {
            return;
        }
        for (tag, schema) in &old {
            match new.get(tag) {
                Some(now) => self.compare(schema, now, at.to_owned(), depth + 1),
                None => self.tell(at, format!("takes the form {tag} no more"), true),
            }
        }
        for tag in new.keys().filter(|tag| !old.contains_key(*tag)) {
            self.tell(at, format!("takes the form {tag} too"), false);
        }
    }

    fn tell(&mut self, at: &str, what: String, breaking: bool) {
        let at = if at.is_empty() { "(the whole)".to_owned() } else { at.to_owned() };
        self.changes.push(Change { about: "configuration", at, what, breaking });
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()
}

fn has_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(has_reference),
        Value::Array(items) => items.iter().any(has_reference),
        _ => false,
    }
}

/// What a chain of references leads to.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut found = schema;
    for _ in 0..MAX_DEPTH {
        match reference(found) {
            Some(path) => found = root.pointer(path.strip_prefix('#')?)?,
            None => return Some(found),
        }
    }
    None
}

fn tag(root: &Value, variant: &Value) -> String {
    let Some(schema) = resolved(root, variant) else { return "?".to_owned() };
    if let Some(value) = schema.get("const") {
        return short(value);
    }
    let fields = schema.get("required").and_then(Value::as_array);
    let fields: Vec<&str> = fields.into_iter().flatten().filter_map(Value::as_str).collect();
    let constant = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let constant = constant.filter_map(|(name, schema)| Some(format!("{name}={}", short(schema.get("const")?)))).next();
    let kind = schema.get("type").map(short);
    constant
        .or_else(|| (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(","))))
        .or_else(|| reference(variant).map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()))
        .or(kind)
        .unwrap_or_else(|| "?".to_owned())
}

fn types(schema: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some([one.as_str()].into()),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => Some(values.iter().collect()),
        (_, Some(value)) => Some(vec![value]),
        _ => None,
    }
}

fn list<'a>(schema: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The schema without what is only said to people.
fn plain(schema: &Value) -> Value {
    match schema {
        // The names of fields are members of `properties`, and may be words of prose.
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !PROSE.contains(&name.as_str()));
            Value::Object(
                kept.map(|(name, value)| {
                    (name.clone(), if name == "properties" { value.clone() } else { plain(value) })
                })
                .collect(),
            )
        }
        other => other.clone(),
    }
}

fn joined(types: &BTreeSet<&str>) -> String {
    types.iter().copied().collect::<Vec<_>>().join(" or ")
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change, and whether it breaks; nothing where nothing is told.
    fn told(before: Value, after: Value) -> Vec<(String, bool)> {
        schemas(&before, &after)
            .into_iter()
            .map(|change| (format!("{} {}", change.at, change.what), change.breaking))
            .collect()
    }

    fn object(fields: Value, required: &[&str]) -> Value {
        json!({ "type": "object", "additionalProperties": false, "properties": fields, "required": required })
    }

    #[test]
    fn every_kind_of_change_is_told_with_what_it_means() {
        let text = || json!({ "type": "string" });
        for (before, after, wanted, breaking) in [
            (object(json!({"a": text()}), &[]), object(json!({}), &[]), "a is no field any more", true),
            (object(json!({}), &[]), object(json!({"a": text()}), &[]), "a is new", false),
            (object(json!({}), &[]), object(json!({"a": text()}), &["a"]), "a is new, and must be there", true),
            (object(json!({"a": text()}), &[]), object(json!({"a": text()}), &["a"]), "a must be there now", true),
            (object(json!({"a": text()}), &["a"]), object(json!({"a": text()}), &[]), "a may be left out now", false),
            (json!({"type": ["string", "null"]}), text(), "(the whole) takes no null any more, only string", true),
            (json!({"type": "integer"}), json!({"type": "number"}), "(the whole) takes number too", false),
            (json!({"enum": ["a", "b"]}), json!({"enum": ["a"]}), "(the whole) takes \"b\" no more", true),
            (json!({"enum": ["a"]}), json!({"enum": ["a", "b"]}), "(the whole) takes \"b\" too", false),
            (json!({"minimum": 1}), json!({"minimum": 2}), "(the whole) has minimum 2 instead of 1", true),
            (json!({"minimum": 2}), json!({"minimum": 1}), "(the whole) has minimum 1 instead of 2", false),
            (json!({"maxLength": 9}), json!({"maxLength": 8}), "(the whole) has maxLength 8 instead of 9", true),
            (json!({}), json!({"maxItems": 8}), "(the whole) has maxItems 8 instead of none", true),
            (json!({"pattern": "a"}), json!({"pattern": "b"}), "(the whole) has another `pattern`: \"b\"", true),
            (json!({"pattern": "a"}), json!({}), "(the whole) has no `pattern` any more", false),
            (json!({"default": 1}), json!({"default": 2}), "(the whole) has another default: 2 instead of 1", false),
            (
                json!({"oneOf": [{"const": "a"}, {"const": "b"}]}),
                json!({"oneOf": [{"const": "a"}]}),
                "(the whole) takes the form \"b\" no more",
                true,
            ),
            (
                json!({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "string"}}}),
                json!({"items": {"$ref": "#/$defs/B"}, "$defs": {"B": {"type": "integer"}}}),
                "[] takes no string any more, only integer",
                true,
            ),
            (json!({"frobnicate": 1}), json!({"frobnicate": 2}), "(the whole) has another `frobnicate`: 2", true),
        ] {
            assert_eq!(told(before.clone(), after.clone()), [(wanted.to_owned(), breaking)], "{before} {after}");
            assert!(told(before.clone(), before).is_empty());
        }
    }

    #[test]
    fn prose_is_no_change_and_a_field_called_title_is() {
        assert!(
            told(json!({"type": "string", "description": "a"}), json!({"type": "string", "description": "b"}))
                .is_empty()
        );
        let (before, after) = (object(json!({"title": {"type": "string"}}), &[]), object(json!({}), &[]));
        assert_eq!(told(before, after), [("title is no field any more".to_owned(), true)]);
    }

    #[test]
    fn a_type_that_holds_itself_ends() {
        let schema = |kind: &str| {
            json!({"$ref": "#/$defs/N", "$defs": {"N": {
            "type": "object", "additionalProperties": false,
            "properties": { "next": {"$ref": "#/$defs/N"}, "value": {"type": kind} } }}})
        };
        let changes = told(schema("string"), schema("integer"));
        assert_eq!(changes, [("value takes no string any more, only integer".to_owned(), true)]);
        assert!(told(schema("string"), schema("string")).is_empty());
    }

    #[test]
    fn what_leads_nowhere_and_what_is_deep_ends() {
        let circle = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert!(told(circle.clone(), circle)[0].1);
        let deep =
            |kind: &str| (0..200).fold(json!({"type": kind}), |inner, _| json!({"type": "array", "items": inner}));
        assert!(
            told(deep("string"), deep("integer")).iter().any(|(what, breaking)| what.contains("too deep") && *breaking)
        );
    }
}

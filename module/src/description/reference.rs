//! A JSON Schema as text for people: one entry per field.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::Description;
use super::schema::{
    MAX_TEXT, MAX_VALUES, Schema, array, choices, fixed_values, is_map, limits, lookup, reference, short, types,
};
use crate::text::{shown, shown_lines};

/// How deep fields nest before the rest is left out; a schema from an untrusted module can be any tree.
const MAX_DEPTH: usize = 24;

/// How many subschemas, names of required fields and choices are looked at in all: `$ref`s can make a small schema
/// stand for an endless one.
const MAX_STEPS: usize = 200_000;

pub(super) fn render(schema: &Value) -> String {
    let Value::Object(root) = schema else {
        return "The module does not describe its configuration.\n".to_owned();
    };
    let mut page = Page { root, out: String::new(), entries: 0, steps: 0, open_refs: Vec::new() };
    if let Some(text) = root.get("description").and_then(Value::as_str) {
        page.paragraph(text, "");
        page.out.push('\n');
    }
    page.fields("", root, 0);
    if page.entries == 0 {
        page.out.push_str("The configuration has no fields.\n");
    }
    if page.is_full() {
        page.out.push_str("(more fields are left out)\n");
    }
    page.out
}

/// The text so far and where in the schema it is.
struct Page<'a> {
    root: &'a Schema,
    out: String,
    entries: usize,
    steps: usize,
    /// The `$ref`s on the way from the root to here, to notice a type that contains itself.
    open_refs: Vec<&'a str>,
}

impl<'a> Page<'a> {
    fn is_full(&self) -> bool {
        self.entries >= Description::MAX_REFERENCE_ENTRIES || self.steps >= MAX_STEPS
    }

    /// The entries for everything inside an object, array or choice.
    fn fields(&mut self, path: &str, schema: &'a Schema, depth: usize) {
        let named = array(schema, "required");
        self.steps = self.steps.saturating_add(1 + named.len() + choices(schema).count());
        if depth >= MAX_DEPTH || self.is_full() {
            return;
        }
        let required: HashSet<&str> = named.iter().filter_map(Value::as_str).collect();
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (name, field) in properties {
                let path = if path.is_empty() { shown(name) } else { format!("{path}.{}", shown(name)) };
                self.field(&path, field, required.contains(name.as_str()), depth);
            }
        }
        if let Some(items) = schema.get("items") {
            self.inside(&format!("{path}[]"), items, depth);
        }
        if let Some(values @ Value::Object(_)) = schema.get("additionalProperties") {
            self.inside(&format!("{path}.*"), values, depth);
        }
        for choice in choices(schema) {
            self.inside(path, choice, depth);
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            self.follow(path, name, depth);
        }
    }

    /// One field's entry, then those inside it.
    fn field(&mut self, path: &str, field: &'a Value, required: bool, depth: usize) {
        if self.is_full() {
            return;
        }
        self.entries += 1;
        let Value::Object(schema) = field else {
            let _ = writeln!(self.out, "{path}\n    any value");
            return;
        };
        let target = self.target(schema);
        let mut facts = vec![self.words(schema, 0)];
        match schema.get("default").or_else(|| target.and_then(|target| target.get("default"))) {
            Some(default) if !default.is_null() => facts.push(format!("default {}", short(default))),
            _ if required => facts.push("required".into()),
            _ => facts.push("optional".into()),
        }
        let in_words = |(words, value)| format!("{words} {value}");
        facts.extend(limits(schema).map(in_words));
        if let Some(target) = target {
            facts.extend(limits(target).map(in_words));
        }
        let _ = writeln!(self.out, "{path}\n    {}", facts.join(", "));
        let text = schema.get("description").or_else(|| target.and_then(|target| target.get("description")));
        if let Some(text) = text.and_then(Value::as_str) {
            self.paragraph(text, "    ");
        }
        for choice in choices(schema).chain(target.into_iter().flat_map(choices)).take(MAX_VALUES) {
            self.constant(choice);
        }
        self.fields(path, schema, depth + 1);
    }

    /// The type in words: `string`, `list of string`, `one of "a", "b"`.
    fn words(&self, schema: &'a Schema, nested: usize) -> String {
        const MAX_NESTED: usize = 3;
        let own = fixed_values(schema).or_else(|| {
            let names = types(schema);
            if names.is_empty() {
                return None;
            }
            let of = |key: &str, link: &str| match schema.get(key) {
                Some(Value::Object(inner)) if nested < MAX_NESTED => format!("{link}{}", self.words(inner, nested + 1)),
                _ => String::new(),
            };
            let words = names.into_iter().map(|name| match name {
                "array" => format!("list{}", of("items", " of ")),
                "object" if is_map(schema) => {
                    format!("map{}", of("additionalProperties", " to "))
                }
                name => shown(name),
            });
            Some(words.collect::<Vec<_>>().join(" or "))
        });
        match (own, self.target(schema)) {
            (Some(words), _) => words,
            (None, Some(target)) if nested < MAX_NESTED => self.words(target, nested + 1),
            _ => "any value".into(),
        }
    }

    /// What stands inside a list, a map or a choice: its fields, without an entry of its own.
    fn inside(&mut self, path: &str, schema: &'a Value, depth: usize) {
        if let Value::Object(schema) = schema {
            self.fields(path, schema, depth + 1);
        }
    }

    /// One of several fixed values that has a description of its own.
    fn constant(&mut self, choice: &'a Value) {
        let (Some(value), Some(text)) = (choice.get("const"), choice.get("description").and_then(Value::as_str)) else {
            return;
        };
        let _ = write!(self.out, "    {}: ", short(value));
        self.paragraph(text, "");
    }

    fn follow(&mut self, path: &str, name: &'a str, depth: usize) {
        if self.open_refs.contains(&name) {
            if !self.is_full() {
                self.entries += 1;
                let _ =
                    writeln!(self.out, "{path}.…\n    again as in {}", shown(name.rsplit('/').next().unwrap_or(name)));
            }
            return;
        }
        let Some(target) = self.lookup(name) else {
            return;
        };
        self.open_refs.push(name);
        self.fields(path, target, depth + 1);
        self.open_refs.pop();
    }

    /// What a schema's `$ref` points to, also when it is the one non-null choice, as for optional fields.
    fn target(&self, schema: &'a Schema) -> Option<&'a Schema> {
        self.lookup(reference(schema)?)
    }

    fn lookup(&self, name: &str) -> Option<&'a Schema> {
        lookup(self.root, name)
    }

    fn paragraph(&mut self, text: &str, indent: &str) {
        let text: String = text.chars().take(MAX_TEXT).collect();
        for line in shown_lines(&text).lines() {
            if line.trim().is_empty() {
                self.out.push('\n');
            } else {
                let _ = writeln!(self.out, "{indent}{}", line.trim_end());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn lists_each_field_with_type_default_and_text() {
        let schema = json!({
            "type": "object",
            "required": ["on_error"],
            "properties": {
                "limit": {"type": "integer", "minimum": 0, "default": 10, "description": "How many."},
                "on_error": {"oneOf": [
                    {"const": "pass", "description": "Let it through."},
                    {"const": "respond", "description": "Answer."}
                ]},
                "rules": {"type": "array", "items": {"$ref": "#/$defs/Rule"}},
                "set": {"type": "object", "default": null, "additionalProperties": {"$ref": "#/$defs/Name"}},
            },
            "$defs": {"Name": {"type": "string", "pattern": "^[a-z]+$"}, "Rule": {"type": "object", "properties": {
                "name": {"type": ["string", "null"]},
                "then": {"anyOf": [{"$ref": "#/$defs/Rule"}, {"type": "null"}]},
            }}},
        });
        let expected = "\
limit
    integer, default 10, at least 0
    How many.
on_error
    one of \"pass\", \"respond\", required
    \"pass\": Let it through.
    \"respond\": Answer.
rules
    list of object, optional
rules[].name
    string, optional
rules[].then
    object, optional
rules[].then.…
    again as in Rule
set
    map to string, optional
";
        assert_eq!(render(&schema), expected);
    }

    #[test]
    fn a_hostile_schema_is_bounded_and_escaped() {
        let mut schema = json!({"type": "string"});
        for _ in 0..60 {
            schema = json!({"properties": {"a": schema.clone(), "b\u{1b}[2J": schema}});
            if schema.to_string().len() > 200_000 {
                break;
            }
        }
        let text = render(&schema);
        assert!(text.contains("(more fields are left out)"));
        assert!(!text.contains('\u{1b}'));
        let recursive = json!({"properties": {"x": {"$ref": "#"}, "y": {"$ref": "#/properties/y"}}});
        assert!(render(&recursive).len() < 1_000);
    }

    #[test]
    fn a_small_schema_that_stands_for_an_endless_one_is_cut() {
        let mut definitions = Map::new();
        for level in 0..20 {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            definitions.insert(format!("l{level}"), json!({"allOf": vec![next; 30]}));
        }
        let schema = json!({"allOf": [{"$ref": "#/$defs/l0"}], "$defs": definitions});
        assert!(render(&schema).contains("(more fields are left out)"));
        let values: Vec<usize> = (0..1_000).collect();
        let schema = json!({"properties": {"a": {"enum": values}}});
        assert!(render(&schema).contains("48, 49, and more, optional"));
    }

    #[test]
    fn without_a_schema_it_says_so() {
        assert!(render(&Value::Null).contains("does not describe"));
        assert!(render(&json!({"type": "object"})).contains("no fields"));
    }
}

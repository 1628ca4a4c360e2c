//! A JSON Schema as text for people: one entry per field.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Description;
use crate::text::{shown, shown_lines};

/// How deep fields nest before the rest is left out; a schema from an untrusted module can be any tree.
const MAX_DEPTH: usize = 24;

/// How many subschemas, names of required fields and choices are looked at in all: `$ref`s can make a small schema
/// stand for an endless one.
const MAX_STEPS: usize = 200_000;

/// How many fixed values of a field are listed.
const MAX_VALUES: usize = 50;

/// Characters of description shown per field.
const MAX_TEXT: usize = 4_000;

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
    root: &'a Map<String, Value>,
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
    fn fields(&mut self, path: &str, schema: &'a Map<String, Value>, depth: usize) {
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
        facts.extend(limits(schema));
        if let Some(target) = target {
            facts.extend(limits(target));
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
    fn words(&self, schema: &'a Map<String, Value>, nested: usize) -> String {
        const MAX_NESTED: usize = 3;
        let own = fixed_values(schema).or_else(|| {
            let names = match schema.get("type")? {
                Value::String(name) => vec![name.as_str()],
                Value::Array(names) => {
                    names.iter().take(7).filter_map(Value::as_str).filter(|name| *name != "null").collect()
                }
                _ => return None,
            };
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
    fn target(&self, schema: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
        let direct = schema.get("$ref").and_then(Value::as_str);
        let name = direct.or_else(|| {
            let mut others = choices(schema).filter(|choice| !is_null(choice));
            match (others.next(), others.next()) {
                (Some(only), None) => only.get("$ref").and_then(Value::as_str),
                _ => None,
            }
        });
        self.lookup(name?)
    }

    /// Resolves `#/a/b` from the root of the schema; nothing else is followed.
    fn lookup(&self, name: &str) -> Option<&'a Map<String, Value>> {
        let mut steps = name.strip_prefix("#/")?.split('/');
        let first = self.root.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))?.as_object()
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

fn array<'a>(schema: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn choices(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|key| array(schema, key))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// Whether the names of its fields are the user's.
fn is_map(schema: &Map<String, Value>) -> bool {
    let open = matches!(schema.get("additionalProperties"), Some(Value::Object(_) | Value::Bool(true)));
    open && !schema.contains_key("properties")
}

/// The values of which a field must have one, if it is so.
fn fixed_values(schema: &Map<String, Value>) -> Option<String> {
    if let Some(value) = schema.get("const") {
        return Some(short(value));
    }
    let constants = choices(schema).filter_map(|choice| choice.get("const"));
    let lists = choices(schema).filter_map(|choice| choice.get("enum")?.as_array()).flatten();
    let mut values = array(schema, "enum").iter().chain(constants).chain(lists);
    let mut fixed: Vec<String> = values.by_ref().take(MAX_VALUES).map(short).collect();
    if values.next().is_some() {
        fixed.push("and more".into());
    }
    if fixed.is_empty() { None } else { Some(format!("one of {}", fixed.join(", "))) }
}

fn limits(schema: &Map<String, Value>) -> impl Iterator<Item = String> {
    const NAMES: [(&str, &str); 7] = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("minItems", "entries at least"),
        ("maxItems", "entries at most"),
        ("pattern", "matching"),
    ];
    NAMES.into_iter().filter_map(|(key, words)| schema.get(key).map(|value| format!("{words} {}", short(value))))
}

/// The value as JSON, cut; no more of it is written out than is shown, since many fields can point to one large value.
fn short(value: &Value) -> String {
    struct Head(Vec<u8>);
    impl std::io::Write for Head {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.len() > 1_000 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.0.extend(bytes.iter().take(1_000));
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut head = Head(Vec::new());
    // The only error is that it is long enough.
    let _ = serde_json::to_writer(&mut head, value);
    shown(&String::from_utf8_lossy(&head.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

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

//! A JSON Schema as a page of Markdown: a section for each named type, with examples of it.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::examples::{Met, ROOT, short_name};
use super::schema::{
    MAX_TEXT, Schema, array, choices, fixed_values, is_map, is_null, limits, lookup, reference, short, types,
};
use super::{Description, Example};
use crate::text::shown_lines;

/// The text, and the parts that no example shows, as `Type.part`.
pub(super) fn render(schema: &Value, examples: &[Example]) -> (String, Vec<String>) {
    let empty = Map::new();
    let root = schema.as_object().unwrap_or(&empty);
    let met = Met::collect(root, examples);
    let mut page = Page { root, out: String::new() };
    let mut missing = Vec::new();
    for (name, schema) in page.sections() {
        page.section(name, schema);
        page.examples(&met.shown(name));
        let title = if name == ROOT { "configuration" } else { name };
        missing.extend(met.missing(name, schema).into_iter().map(|part| format!("{title}.{part}")));
    }
    (page.out, missing)
}

struct Page<'a> {
    root: &'a Schema,
    out: String,
}

impl<'a> Page<'a> {
    /// The types that a configuration can have in it, in the order in which a reader meets them.
    fn sections(&self) -> Vec<(&'a str, &'a Schema)> {
        let mut sections = vec![(ROOT, self.root)];
        let mut known = BTreeSet::from([ROOT]);
        let mut open: VecDeque<&Value> = self.root.values_but_definitions().collect();
        let mut steps = 0;
        while let Some(value) = open.pop_front() {
            steps += 1;
            if steps > MAX_STEPS || sections.len() > Description::MAX_REFERENCE_ENTRIES {
                break;
            }
            match value {
                Value::Object(schema) => {
                    let name = schema.get("$ref").and_then(Value::as_str);
                    if let Some((name, target)) =
                        name.and_then(|name| Some((short_name(name), lookup(self.root, name)?)))
                        && known.insert(name)
                    {
                        sections.push((name, target));
                        open.extend(target.values());
                    }
                    open.extend(schema.values());
                }
                Value::Array(values) => open.extend(values),
                _ => {}
            }
        }
        sections
    }

    fn section(&mut self, name: &str, schema: &'a Schema) {
        let title = if name == ROOT { "The configuration".to_owned() } else { format!("`{}`", shown_lines(name)) };
        let _ = writeln!(self.out, "\n### {title}\n");
        if let Some(text) = schema.get("description").and_then(Value::as_str) {
            self.text(text, "");
            self.out.push('\n');
        }
        let mut facts = Vec::new();
        if !schema.contains_key("properties") && choices(schema).next().is_none() {
            facts.push(self.words(schema, 0));
            facts.extend(bounds(schema));
            let examples: Vec<String> = array(schema, "examples").iter().map(short).collect();
            if !examples.is_empty() {
                facts
                    .push(format!("for example {}", examples.iter().map(|it| code(it)).collect::<Vec<_>>().join(", ")));
            }
            let _ = writeln!(self.out, "{}\n", capital(&facts.join(", ")));
        }
        self.fields(schema);
        if choices(schema).any(|choice| !is_null(choice)) {
            self.out.push_str("One of:\n\n");
            for choice in choices(schema).filter_map(Value::as_object) {
                self.choice(choice);
            }
        }
    }

    fn fields(&mut self, schema: &'a Schema) {
        let required: Vec<&str> = array(schema, "required").iter().filter_map(Value::as_str).collect();
        let Some(Value::Object(properties)) = schema.get("properties") else { return };
        for (name, field) in properties {
            self.field(name, field, required.contains(&name.as_str()));
        }
    }

    fn field(&mut self, name: &str, field: &'a Value, required: bool) {
        let Value::Object(schema) = field else {
            let _ = writeln!(self.out, "- {}: any value.", code(name));
            return;
        };
        let target = reference(schema).and_then(|name| lookup(self.root, name));
        let mut facts = vec![self.words(schema, 0)];
        match schema.get("default").or_else(|| target.and_then(|target| target.get("default"))) {
            Some(default) if !default.is_null() => facts.push(format!("default {}", code(&short(default)))),
            _ if required => facts.push("required".into()),
            _ => facts.push("optional".into()),
        }
        facts.extend(bounds(schema));
        let _ = write!(self.out, "- {} ({})", code(name), facts.join(", "));
        let text = schema.get("description").or_else(|| target.and_then(|target| target.get("description")));
        match text.and_then(Value::as_str) {
            Some(text) => {
                self.out.push_str(": ");
                self.text(text, "  ");
            }
            None => self.out.push('\n'),
        }
    }

    /// One of several things that a value can be: a fixed value, or an object with fields of its own.
    fn choice(&mut self, choice: &'a Schema) {
        let text = choice.get("description").and_then(Value::as_str).unwrap_or_default();
        match (choice.get("const"), choice.get("properties")) {
            (Some(value), _) => {
                let _ = write!(self.out, "- {}: ", code(&short(value)));
                self.text(text, "  ");
            }
            (None, Some(Value::Object(fields))) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, field)| match field {
                        Value::Object(field) => format!("{} ({})", code(name), self.words(field, 0)),
                        _ => code(name),
                    })
                    .collect();
                let _ = write!(self.out, "- {}: ", fields.join(", "));
                self.text(text, "  ");
            }
            _ => {
                let facts: Vec<String> = std::iter::once(self.words(choice, 0)).chain(bounds(choice)).collect();
                let _ = writeln!(self.out, "- {}", facts.join(", "));
            }
        }
    }

    /// The type in words, named types as links.
    fn words(&self, schema: &'a Schema, nested: usize) -> String {
        const MAX_NESTED: usize = 3;
        if let Some(name) = reference(schema) {
            let name = short_name(name);
            return format!("[{}](#{})", shown_lines(name), shown_lines(name).to_lowercase());
        }
        if let Some(values) = fixed_values(schema) {
            return values;
        }
        let of = |key: &str, link: &str| match schema.get(key) {
            Some(Value::Object(inner)) if nested < MAX_NESTED => format!("{link}{}", self.words(inner, nested + 1)),
            _ => String::new(),
        };
        let words: Vec<String> = types(schema)
            .into_iter()
            .map(|name| match name {
                "array" => format!("list{}", of("items", " of ")),
                "object" if is_map(schema) => format!("map{}", of("additionalProperties", " to ")),
                name => shown_lines(name),
            })
            .collect();
        if words.is_empty() { "any value".to_owned() } else { words.join(" or ") }
    }

    fn examples(&mut self, examples: &[(String, &str)]) {
        for (yaml, source) in examples {
            let fence = "`".repeat(3.max(longest_run(yaml, '`') + 1));
            let _ = write!(self.out, "\n{fence}yaml\n# {}\n{}", shown_lines(source), shown_lines(yaml));
            let _ = writeln!(self.out, "{fence}");
        }
    }

    /// A text, its later lines indented; the blank lines between its paragraphs stay.
    fn text(&mut self, text: &str, indent: &str) {
        let text: String = text.chars().take(MAX_TEXT).collect();
        for (number, line) in shown_lines(&text).lines().enumerate() {
            if line.trim().is_empty() {
                self.out.push('\n');
            } else {
                let _ = writeln!(self.out, "{}{}", if number == 0 { "" } else { indent }, line.trim_end());
            }
        }
    }
}

/// How many parts of a schema are looked at for the types in it.
const MAX_STEPS: usize = 200_000;

/// The parts of a schema in which a value is described.
trait Parts {
    fn values_but_definitions(&self) -> impl Iterator<Item = &Value>;
}

impl Parts for Schema {
    fn values_but_definitions(&self) -> impl Iterator<Item = &Value> {
        self.iter().filter(|(name, _)| !matches!(name.as_str(), "$defs" | "definitions")).map(|(_, value)| value)
    }
}

/// As code, whatever is in it.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text, '`') + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{}{space}{ticks}", shown_lines(text))
}

/// What a value must keep to, in words.
fn bounds(schema: &Schema) -> impl Iterator<Item = String> {
    limits(schema).map(|(words, value)| match words {
        "matching" => format!("matching {}", code(value.trim_matches('"'))),
        words => format!("{words} {value}"),
    })
}

fn longest_run(text: &str, letter: char) -> usize {
    text.split(|other| other != letter).map(str::len).max().unwrap_or(0)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

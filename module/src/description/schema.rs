//! Reading a JSON Schema that nobody vouches for: the parts that both of its renderings need.

use serde_json::{Map, Value};

use crate::text::shown;

/// A schema, or a part of one.
pub(super) type Schema = Map<String, Value>;

/// How many fixed values of a field are listed.
pub(super) const MAX_VALUES: usize = 50;

/// Characters of description shown per field.
pub(super) const MAX_TEXT: usize = 4_000;

/// The list under a key, or none.
pub(super) fn array<'a>(schema: &'a Schema, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a value may be instead.
pub(super) fn choices(schema: &Schema) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|key| array(schema, key))
}

/// Whether it stands for `null` alone, as in optional fields.
pub(super) fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// Whether the names of its fields are the user's.
pub(super) fn is_map(schema: &Schema) -> bool {
    let open = matches!(schema.get("additionalProperties"), Some(Value::Object(_) | Value::Bool(true)));
    open && !schema.contains_key("properties")
}

/// The name after which a schema is taken from: its own `$ref`, or that of the one choice that is not `null`.
pub(super) fn reference(schema: &Schema) -> Option<&str> {
    let direct = schema.get("$ref").and_then(Value::as_str);
    direct.or_else(|| {
        let mut others = choices(schema).filter(|choice| !is_null(choice));
        match (others.next(), others.next()) {
            (Some(only), None) => only.get("$ref").and_then(Value::as_str),
            _ => None,
        }
    })
}

/// Resolves `#/a/b` from the root of the schema; nothing else is followed.
pub(super) fn lookup<'a>(root: &'a Schema, name: &str) -> Option<&'a Schema> {
    let mut steps = name.strip_prefix("#/")?.split('/');
    let first = root.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))?.as_object()
}

/// The names of its types but `null`.
pub(super) fn types(schema: &Schema) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => {
            names.iter().take(7).filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        _ => Vec::new(),
    }
}

/// The values of which a field must have one, if it is so.
pub(super) fn fixed_values(schema: &Schema) -> Option<String> {
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

/// What a value must keep to: words, and the bound.
pub(super) fn limits(schema: &Schema) -> impl Iterator<Item = (&'static str, String)> {
    const NAMES: [(&str, &str); 7] = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("minItems", "entries at least"),
        ("maxItems", "entries at most"),
        ("pattern", "matching"),
    ];
    NAMES.into_iter().filter_map(|(key, words)| schema.get(key).map(|value| (words, short(value))))
}

/// The value as JSON, cut; no more of it is written out than is shown, since many fields can point to one large value.
pub(super) fn short(value: &Value) -> String {
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

//! A small part of JSON paths: names and indices, one value.

use std::fmt;

use serde_json::Value;

/// A way to one value of a JSON document: `$.orders[0].id`, `$["a name with. dots"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let steps = text.strip_prefix('$').and_then(steps);
        let steps = steps.ok_or_else(|| format!("the path `{text}` has not the form `$.name[0][\"other name\"]`"))?;
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The value that it leads to.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(document, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => value.get(index),
        })
    }
}

fn steps(mut rest: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(named) = rest.strip_prefix('.') {
            let (name, after) = named.split_at_checked(named.find(['.', '[']).unwrap_or(named.len()))?;
            steps.push(Step::Name((!name.is_empty()).then(|| name.to_owned())?));
            rest = after;
        } else {
            // A name may have a `]` in it, so it is read as the JSON text that it is.
            let inside = rest.strip_prefix('[')?;
            if inside.starts_with('"') {
                let mut texts = serde_json::Deserializer::from_str(inside).into_iter::<String>();
                steps.push(Step::Name(texts.next()?.ok()?));
                rest = inside.get(texts.byte_offset()..)?.strip_prefix(']')?;
            } else {
                let (index, after) = inside.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                rest = after;
            }
        }
    }
    Some(steps)
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_a_value() {
        let document = json!({ "a": [{ "b c": 1 }, { "d.e]": 2 }], "": 3 });
        let find = |path: &str| JsonPath::parse(path).unwrap().find(&document).cloned();
        assert_eq!(find("$"), Some(document.clone()));
        assert_eq!(find("$.a[0].b c"), Some(json!(1)));
        assert_eq!(find(r#"$.a[1]["d.e]"]"#), Some(json!(2)));
        assert_eq!(find(r#"$[""]"#), Some(json!(3)));
        assert_eq!((find("$.a[2]"), find("$.a.b"), find("$[0]")), (None, None, None));
    }

    #[test]
    fn other_things_are_no_paths() {
        for path in ["", "a", "$a", "$.", "$..a", "$[", "$[x]", "$[-1]", "$[\"a]", "$[\"a\"b]", "$.a[0]b"] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}

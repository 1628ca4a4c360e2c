//! What a module says of itself, once, when it is built.

use serde_json::{Value, json};

use super::Plugin;
use crate::Configuration;

/// What the attribute knows of a filter.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The crate's name.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// The crate's description.
    pub summary: &'static str,
    /// The phases that are implemented.
    pub phases: &'static [&'static str],
    /// Whether it can hold headers.
    pub held_headers: bool,
}

/// The description as JSON: what `tamis build` writes into the module's custom section `tamis.description`.
///
/// Reached from the export `tamis_describe` only, which the post-link step drops together with all of this.
#[must_use]
pub fn describe<P: Plugin>() -> Vec<u8> {
    description::<P::Config>(&P::ABOUT)
}

fn description<C: Configuration>(about: &About) -> Vec<u8> {
    let mut schema = json!(C::schema());
    without_rust(&mut schema);
    let description = json!({
        "format": 1,
        "name": about.name,
        "version": about.version,
        "summary": about.summary,
        "sdk": concat!("tamis ", env!("CARGO_PKG_VERSION")),
        "phases": about.phases,
        "held_headers": about.held_headers,
        "config_schema": schema,
    });
    description.to_string().into_bytes()
}

/// Takes the examples in Rust out of the descriptions: they were written for whoever uses the type, not for whoever writes
/// a configuration.
fn without_rust(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = prose(text);
            }
            members.values_mut().for_each(without_rust);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rust),
        _ => {}
    }
}

/// The text without its blocks of Rust, which are those that name no other language.
fn prose(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut fence = None;
    for line in text.lines() {
        let opens = line.trim_start().strip_prefix("```").map(str::trim);
        let rust = match (fence, opens) {
            (None, Some(words)) => {
                let rust = words
                    .split(',')
                    .all(|word| matches!(word, "" | "rust" | "no_run" | "ignore" | "should_panic" | "compile_fail"));
                fence = Some(rust);
                rust
            }
            (Some(rust), Some(_)) => {
                fence = None;
                rust
            }
            (rust, None) => rust.unwrap_or(false),
        };
        // What stood around a block is one paragraph's distance apart.
        let blank_again = line.trim().is_empty() && kept.last().is_none_or(|last| last.trim().is_empty());
        if !rust && !blank_again {
            kept.push(line);
        }
    }
    kept.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_in_rust_are_not_for_whoever_configures() {
        let text =
            "One.\n\n```\n# hidden\nlet a = 1;\n```\n\nTwo.\n\n```yaml\na: 1\n```\n\n```rust,no_run\nlet b = 2;\n```\n";
        let mut schema = json!({"items": [{"description": text, "default": "```"}]});
        without_rust(&mut schema);
        let prose = "One.\n\nTwo.\n\n```yaml\na: 1\n```";
        assert_eq!(schema, json!({"items": [{"description": prose, "default": "```"}]}));
    }

    #[test]
    fn it_says_what_the_filter_is() {
        let about =
            About { name: "f", version: "1.2.3", summary: "Does f.", phases: &["request_headers"], held_headers: true };
        let description: Value = serde_json::from_slice(&description::<u32>(&about)).unwrap();
        assert_eq!(description["format"], 1);
        assert_eq!(description["phases"], json!(["request_headers"]));
        assert_eq!(description["held_headers"], true);
        assert_eq!(description["config_schema"]["type"], "integer");
    }
}

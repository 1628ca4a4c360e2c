//! YAML with comments: block style, keys in the order of the value, every text quoted that YAML could take for something else.

use std::fmt::Write as _;

use serde_json::Value;

/// Where a comment's lines end, in characters.
const WIDTH: usize = 110;

/// Words that some reader of YAML takes for a truth value, a number or nothing.
const WORDS: [&str; 11] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"];

/// Writes a value as one document; a note for `spec.url` stands before that field.
pub(super) fn write(yaml: &mut String, value: &Value, notes: &[(&str, String)]) {
    let writer = Writer { notes };
    writer.value(yaml, value, 0, "");
}

/// Lines of a comment, broken between words.
pub(super) fn comment(yaml: &mut String, indent: usize, text: &str) {
    let mut line = String::new();
    let mut end = |line: &mut String| {
        let _ = writeln!(yaml, "{:indent$}#{line}", "");
        line.clear();
    };
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + word.chars().count() + 2 > WIDTH {
            end(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    end(&mut line);
}

struct Writer<'a> {
    notes: &'a [(&'a str, String)],
}

impl Writer<'_> {
    /// A value that begins where the last line has ended.
    fn value(&self, yaml: &mut String, value: &Value, indent: usize, path: &str) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, field) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    for (_, text) in self.notes.iter().filter(|(at, _)| *at == path) {
                        comment(yaml, indent, text);
                    }
                    let _ = write!(yaml, "{:indent$}{}:", "", scalar(name));
                    self.after(yaml, field, indent, &path);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (number, item) in items.iter().enumerate() {
                    let path = format!("{path}[{number}]");
                    for (_, text) in self.notes.iter().filter(|(at, _)| *at == path) {
                        comment(yaml, indent, text);
                    }
                    let mut block = String::new();
                    self.value(&mut block, item, indent + 2, &path);
                    let _ = writeln!(yaml, "{:indent$}- {}", "", block.trim());
                }
            }
            _ => {
                let _ = writeln!(yaml, "{:indent$}{}", "", flat(value));
            }
        }
    }

    /// What follows a field's name and colon.
    fn after(&self, yaml: &mut String, value: &Value, indent: usize, path: &str) {
        let is_block = match value {
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        if is_block {
            yaml.push('\n');
            self.value(yaml, value, indent + 2, path);
        } else if let Some(lines) = literal(value) {
            yaml.push_str(" |\n");
            for line in lines {
                let _ = writeln!(yaml, "{:indent$}  {line}", "");
            }
        } else {
            let _ = writeln!(yaml, " {}", flat(value));
        }
    }
}

/// Lines of a text that reads best as such: a key, an expression.
fn literal(value: &Value) -> Option<Vec<&str>> {
    let text = value.as_str()?;
    let body = text.strip_suffix('\n').filter(|body| body.contains('\n'))?;
    let plain = |line: &&str| {
        !line.is_empty()
            && !line.starts_with(char::is_whitespace)
            && !line.ends_with(char::is_whitespace)
            && line.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let lines = body.split('\n').collect::<Vec<_>>();
    lines.iter().all(plain).then_some(lines)
}

/// A value on one line.
fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A text as YAML reads it back: as it is, in single quotes, or in double quotes with escapes.
fn scalar(text: &str) -> String {
    let starts_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/_.-@+".contains(letter);
    // A colon is one only before a space or at the end.
    let plain = starts_plain
        && text.chars().all(|letter| is_plain(letter) || letter == ':')
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    let printable = text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic());
    if printable && text.contains(['"', '\\']) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(letter),
            letter if letter.is_alphanumeric() => quoted.push(letter),
            letter => {
                let _ = match u32::from(letter) {
                    code @ 0..=0xff => write!(quoted, "\\x{code:02x}"),
                    code @ 0..=0xffff => write!(quoted, "\\u{code:04x}"),
                    code => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_stand_before_what_they_are_about() {
        let value = json!({ "a": { "b": [{ "c": 1, "d": {} }, []], "e": "k: v" }, "n": "no", "key": "one\ntwo\n" });
        let notes = [("a.b", "why b".to_owned()), ("a.b[0].c", "why c".to_owned()), ("n", "x ".repeat(60))];
        let mut yaml = String::new();
        write(&mut yaml, &value, &notes);
        let wanted = format!(
            "a:\n  # why b\n  b:\n    - # why c\n      c: 1\n      d: {{}}\n    - []\n  e: \"k: v\"\nkey: |\n  one\n  two\n\
             #{}\n#{}\n\"n\": \"no\"\n",
            " x".repeat(54),
            " x".repeat(6)
        );
        assert_eq!(yaml, wanted);
        assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), value);
    }

    #[test]
    fn every_text_reads_back() {
        let mut texts = (0..=0x2ff).filter_map(char::from_u32).map(String::from).collect::<Vec<_>>();
        let odd = [
            "a:",
            "a: b",
            "a#b",
            "a #b",
            "12e3",
            "0x1f",
            ".inf",
            "~",
            "---",
            "- a",
            "it's \"x\"",
            "a\\b",
            "\u{1f980}",
            "\u{feff}",
        ];
        texts.extend(odd.map(str::to_owned));
        for text in texts {
            let value = json!({ "key": text.clone(), text.clone(): [text] });
            let mut yaml = String::new();
            write(&mut yaml, &value, &[]);
            assert_eq!(serde_saphyr::from_str::<Value>(&yaml).ok(), Some(value), "{yaml}");
        }
    }
}

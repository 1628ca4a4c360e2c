//! Inputs that nobody wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tamis::config::parse;
use tamis::{HeaderName, HeaderValue, OnError, attributes};
use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::{MOST, sized};

/// A configuration with something of everything.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    count: u32,
    #[serde(default)]
    share: f64,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    by_name: BTreeMap<String, i64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Rule {
    Nothing,
    Set { name: String, to: bool },
    Several(Vec<Rule>),
}

/// The texts that a configuration of this type is made of.
const WORDS: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"name\"",
    "\"count\"",
    "\"share\"",
    "\"rules\"",
    "\"by_name\"",
    "\"nothing\"",
    "\"set\"",
    "\"several\"",
    "\"to\"",
    "\"a\"",
    "\"\"",
    "null",
    "true",
    "false",
    "0",
    "1",
    "1.0",
    "-1",
    "1e3",
    "9007199254740993",
    "0.5",
    "\"\\u00e4\"",
    "\"\\ud800\"",
    " ",
    "\n",
    "{\"rules\":[",
    "\"nam\"",
    "1e999",
];

/// What is read is what a lenient reader makes of the same text, where that takes it too. No text panics.
#[test]
fn configuration() {
    fuzz(1500, |u| {
        let text = text(u)?;
        let lenient = serde_json::from_slice::<Config>(&text);
        match parse::<Config>(&text) {
            Ok(read) if !text.trim_ascii().is_empty() => {
                let written = serde_json::to_vec(&read).unwrap();
                assert_eq!(parse::<Config>(&written).unwrap(), read, "it is read as it is written");
                // Whole numbers may be written as `1.0`, which the lenient reader does not take.
                if let Ok(lenient) = lenient {
                    assert_eq!(read, lenient);
                }
            }
            Ok(_) => {}
            Err(error) => assert!(error.to_string().starts_with("invalid configuration"), "{error}"),
        }
        let _ = (parse::<OnError>(&text), parse::<HeaderName>(&text), parse::<HeaderValue>(&text));
        Ok(())
    });
}

/// Any bytes as the value of any attribute.
#[test]
fn properties() {
    fuzz(300, |u| {
        let bytes = u.arbitrary::<Vec<u8>>()?;
        for entry in attributes::LIST {
            let _ = (entry.fits)(bytes.clone());
        }
        Ok(())
    });
}

/// A configuration, more or less: written from a value and then changed, or put together of words.
fn text(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if u.ratio(1, 20)? {
        return u.arbitrary();
    }
    let count = u.int_in_range(0..=30)?;
    let words = (0..count).map(|_| u.choose(&WORDS).copied()).collect::<Result<Vec<_>>>()?;
    if u.ratio(1, 2)? {
        return Ok(words.concat().into_bytes());
    }
    let rules = (0..u.int_in_range(0..=3)?).map(|_| rule(u, 3)).collect::<Result<_>>()?;
    let config =
        Config { name: u.arbitrary()?, count: u.arbitrary()?, share: 0.5, rules, by_name: BTreeMap::default() };
    let mut text = serde_json::to_vec(&config).unwrap();
    for word in words.iter().take(u.int_in_range(0..=2)?) {
        let place = u.int_in_range(0..=text.len())?;
        text.splice(place..place, word.bytes());
    }
    Ok(text)
}

fn rule(u: &mut Unstructured<'_>, depth: u32) -> Result<Rule> {
    Ok(match u.int_in_range(0..=if depth == 0 { 1 } else { 2 })? {
        0 => Rule::Nothing,
        1 => Rule::Set { name: u.arbitrary()?, to: u.arbitrary()? },
        _ => Rule::Several((0..u.int_in_range(0..=2)?).map(|_| rule(u, depth - 1)).collect::<Result<_>>()?),
    })
}

/// Short ones, and many.
fn fuzz(seeds: u32, target: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    sized(seeds, |seed| 64 + seed % 64 * 8, MOST, target);
}

//! Bad configurations, with their exact words. `BLESS=1 cargo test` writes them anew: read them before you commit them.

use std::fmt::Write as _;
use std::path::Path;

use dlp_masking::compile::compile;
use dlp_masking::config::Config;
use tamis::ConfigError;
use tamis_harness::check::check;
use tamis_harness::document::Document;
use tamis_harness::scenario::Modules;
use tamis_harness::stream::LoadedModule;

use crate::support::is_blessed;

const CASES: &[&str] = &[
    r#"{}"#,
    r#"[]"#,
    r#"{"entity": ["card"]}"#,
    r#"{"entities": ["card"]}"#,
    r#"{"entities": [{"find": []}]}"#,
    r#"{"entities": [{"find": ["cards"]}]}"#,
    r#"{"entities": [{"find": ["card", "iban", "card"]}]}"#,
    r#"{"entities": [{"find": ["card"]}, {"find": ["card"]}]}"#,
    r#"{"entities": [{"find": ["card"], "threshold": 0}]}"#,
    r#"{"entities": [{"find": ["card"], "threshold": 101}]}"#,
    r#"{"entities": [{"find": ["card"], "threshold": -1}]}"#,
    r#"{"entities": [{"find": ["card"], "allow": ["4111", "--"]}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": "hash"}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": {"percent": {"share": 0}}}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": {"percent": {"share": 75, "with": "XX"}}}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": {"percent": 75}}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": {"keep": {"last": 65}}}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": {"keep": {}, "percent": {}}}]}"#,
    r#"{"entities": [{"find": ["card"]}], "mask": {"keep": {"first": 70}}}"#,
    r#"{"entities": [{"find": ["card"], "mask": "hmac"}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": "hmac"}], "hmac_key": {"value": "too short"}}"#,
    r#"{"entities": [{"find": ["card"], "mask": "hmac"}], "hmac_key": {"environment": "DLP_KEY"}}"#,
    r#"{"entities": [{"find": ["card"], "mask": "hmac"}], "hmac_key": "0123456789abcdef"}"#,
    r#"{"entities": [{"find": ["card"]}], "hmac_key": {"value": "0123456789abcdef"}}"#,
    r#"{"entities": [{"find": ["card"], "mask": "block"}]}"#,
    r#"{"entities": [{"find": ["card"], "mask": "block"}], "request": {"body": "buffer"}}"#,
    r#"{"entities": [{"find": ["card"]}], "request": {"body": "whole"}}"#,
    r#"{"entities": [{"find": ["card"]}], "response": {"body": "buffer", "max_bytes": -1}}"#,
    r#"{"names": {"list": []}}"#,
    r#"{"names": {"list": ["password", "p-w"]}}"#,
    r#"{"names": {"list": ["a.name.that.is.much.longer.than.any.name.of.a.secret"]}}"#,
    r#"{"words": [{"name": "w", "list": []}]}"#,
    r#"{"words": [{"name": "w", "list": [""]}]}"#,
    r#"{"words": [{"name": "w", "list": ["a word that is so long that nobody would ever write it, not even in German"]}]}"#,
    r#"{"words": [{"name": "card", "list": ["a"]}]}"#,
    r#"{"words": [{"name": "w", "list": ["a"]}, {"name": "w", "list": ["b"]}]}"#,
    r#"{"words": [{"name": "a.b", "list": ["a"]}]}"#,
    r#"{"entities": [{"find": ["card"]}], "json": {"include": ["a.b"]}}"#,
    r#"{"entities": [{"find": ["card"]}], "json": {"exclude": ["$.a", "$.b[-1]"]}}"#,
    r#"{"entities": [{"find": ["card"]}], "encoded": "inflate"}"#,
    r#"{"entities": [{"find": ["card"]}], "access_log": {"headers": ["a b"]}}"#,
    r#"{"entities": [{"find": ["card"]}], "on_error": {"respond": {"status": 200}}}"#,
];

/// The same for what only the full image has.
#[cfg(feature = "full")]
const FULL: &[&str] = &[
    r#"{"patterns": [{"name": "p", "regex": "["}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "a+"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "a{2,}"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "a{200}"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "a?"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "(a"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "a)"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "(?=a)"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "[äö]"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "[[:alpha:]]"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "[]-a]"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "[+--]"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "[a-f&&b]"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "^a"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "\\p{L}"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "a\\bb"}]}"#,
    r#"{"patterns": [{"name": "p", "regex": "[ab]{0,40}a[ab]{20}c"}]}"#,
];

/// One that the full image takes.
const EXPRESSION: &str = r#"{"patterns": [{"name": "p", "regex": "\\bE[0-9]{6}(?:-[A-F]{2})?\\b"}]}"#;

/// What the module says in the proxy's log.
fn message(case: &str) -> Result<(), ConfigError> {
    let config = <Config as tamis::Configuration>::read(case.as_bytes())?;
    compile(&config, |_| None).map(|_| ()).map_err(|refused| ConfigError::new(refused.path, refused.message))
}

#[test]
fn bad_configurations_have_their_words() {
    have_their_words(CASES, "tests/main/bad.txt");
}

#[cfg(feature = "full")]
#[test]
fn bad_expressions_have_their_words() {
    have_their_words(FULL, "tests/main/bad-full.txt");
}

fn have_their_words(cases: &[&str], file: &str) {
    let mut text = String::new();
    for case in cases {
        let error = message(case).err().unwrap_or_else(|| panic!("{case} is accepted"));
        let _ = write!(text, "{case}\n    {error}\n");
    }
    is_blessed(file, &text);
}

/// The two images, as they are shipped.
#[test]
fn expressions_are_for_the_full_image() {
    let config = Document::parse(EXPRESSION).unwrap();
    let verdict = |module: &str| {
        let file = Modules::default().file(module, Path::new(env!("CARGO_MANIFEST_DIR")));
        let bytes = std::fs::read(file.unwrap_or_else(|error| panic!("{error}"))).unwrap();
        check(&LoadedModule::new(&bytes).unwrap(), Some(&config)).unwrap()
    };
    assert_eq!(
        verdict("dlp-masking").unwrap_err().message,
        "invalid configuration at `patterns[0]`: this module was built without expressions: use the full image of the filter, \
         dlp-masking-full"
    );
    assert!(verdict("dlp-masking-full").is_ok());
}

#[test]
fn good_configurations_are_taken() {
    for case in [
        r#"{"entities": [{"find": ["card"]}]}"#,
        r#"{"names": {}}"#,
        #[cfg(feature = "full")]
        EXPRESSION,
        r#"{"entities": [{"find": ["card"], "mask": "block"}], "request": {"body": "buffer"}, "response": {"body": "skip"}}"#,
        r#"{"entities": [{"find": ["card"], "mask": "hmac"}], "hmac_key": {"value": "0123456789abcdef"}}"#,
    ] {
        assert_eq!(message(case), Ok(()), "{case}");
    }
}

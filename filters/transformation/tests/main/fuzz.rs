//! Inputs that nobody wrote: configurations of extractors, what flows into templates, paths that are rewritten.

use std::sync::Arc;

use serde_json::json;
use tamis::rewrite::{MAX_PATH_BYTES, PathRewrite, fit};
use tamis::views::RequestPath;
use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::fuzz;
use transformation::extractors::Extractor;
use transformation::templates::facts::Facts;
use transformation::templates::{Template, Undefined};

/// Pieces of regular expressions, and of what they look into.
const PIECES: [&str; 26] = [
    "(", ")", "[", "]", "a", "b", "/", ".", "*", "+", "?", "|", "^", "$", "\\", "{2}", "(?P<n>", "(?i)", "[^/]", "\\1",
    "\\xff", "ä", "..", "%2e", "%2F", "",
];

/// Every function, and what templates can say around them.
const TEMPLATES: [&str; 20] = [
    r#"{{ header("x-a") }}{{ header_values("x-a")|join("+") }}{{ request_header("x-a")|length }}"#,
    r#"{{ query("a") }}{{ cookie("a") }}{{ path() }}{{ method() }}"#,
    r#"{{ extraction("e") }}{{ extraction("j")|upper }}"#,
    "{{ body() }}",
    "{{ body()|form_decode }}",
    "{{ body()|form_decode|form_encode }}",
    "{{ context() }}",
    "{{ context()|tojson|tojson }}",
    "{{ context()|form_encode }}",
    "{{ a }}{{ a.b }}{{ a[0] }}{{ a[1:] }}",
    "{{ a|length }}{{ a|first }}{{ a|last }}{{ a|int }}",
    "{{ a + 1 }}{{ a - b }}{{ -a }}{{ product(a, b) }}",
    "{{ a == b }}{{ a < b }}{{ a in b }}{{ a ~ b }}",
    "{% for x in a %}{{ x }}{{ loop.index }}{% for y in x %}{{ y }}{% endfor %}{% endfor %}",
    "{% for x in context() %}{{ x }}={{ context()[x] }}{% endfor %}",
    r#"{{ a|replace("a", b) }}{{ a|substring(1, 2) }}{{ a|word_count }}{{ a|trim }}"#,
    "{{ a|base64_encode }}{{ b|base64_decode }}{{ a|base64url_encode }}{{ b|base64url_decode }}",
    "{{ a|urlencode }}{{ a|raw_string }}{{ a|lower }}",
    r#"{{ "x" if a is defined else "y" }}{{ b|default("z") }}{{ a is none }}"#,
    r#"{"a": "{{ a }}", "b": {{ b|tojson }}}"#,
];

fn pieces(u: &mut Unstructured<'_>, most: usize) -> Result<String> {
    (0..u.int_in_range(0..=most)?).map(|_| u.choose(&PIECES).copied()).collect()
}

/// A message whose parts are bytes that nobody wrote, or nearly JSON.
fn facts(u: &mut Unstructured<'_>, extractors: Vec<Extractor>) -> Result<Facts> {
    let mut fields = vec![(b":method".to_vec(), b"PUT".to_vec())];
    for name in [&b":path"[..], b"x-a", b"x-a", b"cookie"] {
        let value = if u.ratio(1, 2)? { pieces(u, 12)?.into_bytes() } else { u.arbitrary()? };
        fields.push((name.to_vec(), value));
    }
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "1",
        "-0.50",
        "1e999",
        "null",
        "true",
        "\"\\u00e4 <\"",
        "&",
        "=",
    ];
    let mut body = match u.int_in_range(0..=2)? {
        0 => u.arbitrary()?,
        1 => format!(
            r#"{{"a": {}, "b": {}}}"#,
            json!([u.arbitrary::<&str>()?, u.arbitrary::<i64>()?]),
            json!(u.arbitrary::<f64>()?)
        )
        .into_bytes(),
        _ => {
            let words = (0..u.int_in_range(0..=30)?).map(|_| u.choose(&words).copied());
            format!(r#"{{"a": {}}}"#, words.collect::<Result<String>>()?).into_bytes()
        }
    };
    body.truncate(4096);
    Ok(Facts {
        request: Arc::new(fields),
        response: None,
        body: Some(Arc::new(body)),
        environment: [].into(),
        extractors: extractors.into(),
        undefined: if u.arbitrary()? { Undefined::Strict } else { Undefined::Empty },
        escape_json: u.arbitrary()?,
        misses: Arc::default(),
    })
}

/// What an extractor finds is a part of what it looks into.
#[test]
fn extractors() {
    fuzz(600, |u| {
        let group = match u.int_in_range(0..=3)? {
            0 => json!(u.int_in_range(0..=5)?),
            1 => json!("n"),
            2 => json!(u.arbitrary::<&str>()?),
            _ => json!(u.arbitrary::<i64>()?),
        };
        let mode = *u.choose(&["full", "search", "any"])?;
        let regex = pieces(u, 10)?;
        let from = u
            .choose(&[
                json!({"header": "x-a"}),
                json!("path"),
                json!("body"),
                json!({"cookie": "a"}),
                json!({"query": "a"}),
            ])?
            .clone();
        let mut extractor = json!({"name": "e", "from": from, "regex": regex, "mode": mode});
        if u.ratio(2, 3)? {
            extractor["group"] = group;
        }
        let Ok(extractor) = tamis::config::parse::<Extractor>(extractor.to_string().as_bytes()) else { return Ok(()) };
        if extractor.check().is_err() {
            return Ok(());
        }
        let facts = facts(u, vec![extractor.clone()])?;
        let found = extractor.find(&facts, None);
        let looked_into = match from.as_str() {
            Some("path") => facts.path().map(<[u8]>::to_vec),
            Some("body") => facts.body.as_deref().cloned(),
            _ if from.get("header").is_some() => facts.header("x-a").map(<[u8]>::to_vec),
            _ if from.get("cookie").is_some() => facts.cookie("a").map(<[u8]>::to_vec),
            _ => facts.query("a"),
        };
        match (found, looked_into) {
            (Some(found), Some(text)) => {
                assert!(
                    found.is_empty() || text.windows(found.len()).any(|part| part == found),
                    "{found:?} of {text:?}"
                );
            }
            (found, text) => assert!(found.is_none(), "{found:?} of {text:?}"),
        }
        Ok(())
    });
}

/// Whatever flows in, a template ends, is no longer than it may be, and its errors repeat nothing.
#[test]
fn template_inputs() {
    const EXTRACTORS: &str = r#"[
        {"name": "e", "from": {"header": "x-a"}, "regex": "a(b|/)*", "mode": "search", "group": 1},
        {"name": "j", "from": {"json": "$.a[*]"}, "regex": ".*", "mode": "full"}
    ]"#;
    let templates = TEMPLATES.map(|source| Template::parse(source).unwrap());
    let extractors = tamis::config::parse::<Vec<Extractor>>(EXTRACTORS.as_bytes()).unwrap();
    fuzz(600, |u| {
        let template = u.choose(&templates)?;
        let facts = facts(u, extractors.clone())?;
        match template.render(&facts, 500) {
            Ok(text) => assert!(text.len() <= 500),
            Err(error) => {
                let error = error.to_string();
                let known = ["a template ", "the body is not JSON"];
                assert!(known.iter().any(|start| error.starts_with(start)) && error.len() < 120, "{error}");
            }
        }
        Ok(())
    });
}

/// A path that is rewritten is a path, and its query stays.
#[test]
fn paths_by_regular_expression() {
    fuzz(800, |u| {
        let (pattern, substitution) = (pieces(u, 10)?, pieces(u, 6)?);
        let rewrite = json!({"regex": {"pattern": pattern, "substitution": substitution}});
        let Ok(rewrite) = tamis::config::parse::<PathRewrite>(rewrite.to_string().as_bytes()) else { return Ok(()) };
        let raw: Vec<u8> = if u.ratio(1, 2)? {
            format!("/{}?a=/{}", pieces(u, 20)?, pieces(u, 5)?).into_bytes()
        } else {
            u.arbitrary()?
        };
        let path = RequestPath::new(&raw);
        if let Ok(Some(new)) = rewrite.apply(&path) {
            let rest = raw.get(path.path().len()..).unwrap_or_default();
            let path = new.strip_suffix(rest).expect("the query stays");
            assert_eq!(fit(path), Ok(()));
            assert!(path.len() <= MAX_PATH_BYTES);
            assert!(!RequestPath::new(path).path().is_empty());
        }
        Ok(())
    });
}

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use super::facts::{Facts, Fields};
use super::{RenderError, Template, Undefined};
use crate::extractors::Extractor;

const BODY: &str = r#"{"user": {"name": "Zo\u00eb \"Z\"", "id": 12345678901234567890, "vip": true, "none": null},
  "price": 1.50, "n": 3, "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 10}], "header": "mine", "z": 1, "a": 2}"#;

fn fields(pairs: &[(&str, &str)]) -> Arc<Fields> {
    Arc::new(pairs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect())
}

fn facts() -> Facts {
    let extractors = r#"[
        {"name": "id", "from": {"header": "x-id"}, "regex": "u-(?P<number>[0-9]+)(-x)?", "mode": "full", "group": 1},
        {"name": "lang", "from": {"query": "lang"}, "regex": "[a-z]{2}", "mode": "search", "default": "en"},
        {"name": "sku", "from": {"json": "$.items[1].sku"}, "regex": ".", "mode": "full"},
        {"name": "tail", "from": "path", "regex": "[^/]+$", "mode": "search"},
        {"name": "absent", "from": {"cookie": "c"}, "regex": ".", "mode": "full"}
    ]"#;
    Facts {
        request: fields(&[
            (":method", "POST"),
            (":path", "/a/b%20c?lang=de-AT&q=x%26y"),
            ("x-id", "u-42"),
            ("x-list", "1"),
            ("x-list", "2"),
            ("cookie", "lane=green"),
        ]),
        response: None,
        body: Some(Arc::new(BODY.as_bytes().to_vec())),
        environment: [("ZONE".to_owned(), b"a".to_vec())].into(),
        extractors: tamis::config::parse::<Vec<Extractor>>(extractors.as_bytes()).unwrap().into(),
        undefined: Undefined::Strict,
        escape_json: false,
        misses: Arc::default(),
    }
}

fn rendered(source: &str, facts: &Facts) -> Result<String, RenderError> {
    let template = Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    template.render(facts, 4096).map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn what_a_message_has_is_written() {
    let facts = facts();
    for (source, text) in [
        ("plain { text }\n", "plain { text }\n"),
        (r#"{{ header("X-Id") }}"#, "u-42"),
        (r#"{{ header("x-list") }}|{{ header_values("x-list")|join("+") }}"#, "1|1+2"),
        (r#"{{ query("q") }} {{ cookie("lane") }} {{ method() }} {{ path() }}"#, "x&y green POST /a/b%20c"),
        (r#"{{ extraction("id") }} {{ extraction("id", "number") }} {{ extraction("lang") }}"#, "42 42 de"),
        (r#"{{ extraction("sku") }} {{ extraction("tail") }}"#, "b b%20c"),
        ("{{ user.name }}", "Zo\u{eb} \"Z\""),
        (
            "{{ user.id }} {{ price }} {{ n + 1 }} {{ user.vip }} {{ user.none }}",
            "12345678901234567890 1.50 4 true null",
        ),
        ("{{ items[1] }}", r#"{"sku": "b", "qty": 10}"#),
        (
            "{% for item in items %}{{ item.sku }}={{ item.qty }}{% if not loop.last %},{% endif %}{% endfor %}",
            "a=2,b=10",
        ),
        ("{{ context().user.vip }} {{ items|length }} {{ [n, user.name] }}", r#"true 2 [3,"Zoë \"Z\""]"#),
        // A field is no way around a function, and is there all the same.
        (r#"{{ header("x-id") }} {{ context().header }}"#, "u-42 mine"),
        (
            "{{ user.name|upper }} {{ user.name|substring(0, 3) }} {{ user.name|substring(9) }}|",
            "ZO\u{cb} \"Z\" Zo\u{eb} |",
        ),
        ("{{ user.name|raw_string }} {{ user.name|tojson }}", r#"Zoë \"Z\" "Zoë \"Z\"""#),
        (
            r#"{{ "a b"|base64_encode }} {{ "YSBi"|base64_decode }} {{ "a b&"|urlencode }} {{ "a  b "|word_count }}"#,
            "YSBi a b a%20b%26 2",
        ),
        (r#"{{ missing|default("none") }} {{ "x" if missing is defined else "y" }}"#, "none y"),
        (r#"{{ "a-b-c"|replace("-", "+") }} {{ product(n, 4) }} {{ "7"|int + 1 }}"#, "a+b+c 12 8"),
        (r#"{{ env("ZONE") }}{{ env("ZONE")|upper }} {{ env("NONE")|default("-") }}"#, "aA -"),
        (r#"{{ "b=1&a=x+y&b=%26&c"|form_decode }}"#, r#"{"b":["1","&"],"a":"x y","c":""}"#),
        (r#"{{ ("b=1&a=2"|form_decode).a }} {{ form_decode("b=1&b=2").b|join("+") }}"#, "2 1+2"),
        (r#"{{ user|form_encode }}"#, "name=Zo%C3%AB%20%22Z%22&id=12345678901234567890&vip=true"),
        (r#"{{ form_encode({"a": [1, none, "b c"], "d&": 1.50}) }}"#, "a=1&a=b%20c&d%26=1.5"),
        (r#"{{ form_encode("x=1&y=a%20b"|form_decode) }}"#, "x=1&y=a%20b"),
        ("{% set who = user.name|lower %}{{ who ~ '!' }}{# no #}", "zo\u{eb} \"z\"!"),
    ] {
        assert_eq!(rendered(source, &facts).as_deref(), Ok(text), "{source}");
    }
    let json = Facts { escape_json: true, ..facts };
    assert_eq!(
        rendered(r#"{"name": "{{ user.name }}", "id": {{ user.id }}}"#, &json).unwrap(),
        r#"{"name": "Zoë \"Z\"", "id": 12345678901234567890}"#
    );
}

#[test]
fn nothing_is_silently_empty() {
    let strict = facts();
    for source in [
        r#"{{ header("x-none") }}"#,
        r#"{{ header("x-none")|upper }}"#,
        r#"{{ extraction("absent") }}"#,
        r#"a{{ extraction("absent") }}"#,
        "{{ missing }}",
        "{{ missing.more }}",
        r#"{{ "not base64!"|base64_decode }}"#,
        r#"{{ env("NONE") }}"#,
        // What has parts of its own is no parameter.
        "{{ context()|form_encode }}",
        "{{ items|form_encode }}",
        "{{ n|form_encode }}",
        r#"{{ "a=%ff"|form_decode }}"#,
    ] {
        assert!(matches!(rendered(source, &strict), Err(RenderError::Failed { .. })), "{source}");
    }
    let empty = Facts { undefined: Undefined::Empty, ..facts() };
    for source in [r#"{{ header("x-none") }}"#, "{{ missing.more.still }}", r#"{{ extraction("absent")|upper }}"#] {
        assert_eq!(rendered(source, &empty).as_deref(), Ok(""), "{source}");
    }
    assert_eq!(empty.misses.load(std::sync::atomic::Ordering::Relaxed), 1, "and counted");
}

#[test]
fn random_texts_are_new_for_each_message() {
    // Outside of a proxy there is no randomness, and nothing is made up.
    let source = r#"{{ "a-b-a"|replace_with_random("a") }}"#;
    assert!(rendered(source, &facts()).is_err() || rendered(source, &facts()) != rendered(source, &facts()));
}

#[test]
fn no_template_makes_more_than_it_may() {
    let mut facts = facts();
    facts.body =
        Some(Arc::new(format!(r#"{{"a": "{}", "list": [{}1]}}"#, "x".repeat(1000), "1,".repeat(3000)).into_bytes()));
    for (source, error) in [
        (
            "{% for a in list %}{% for b in list %}{% for c in list %}{% endfor %}{% endfor %}{% endfor %}",
            RenderError::TooMuch,
        ),
        ("{% for b in list %}{{ body() }}{% endfor %}", RenderError::TooLong { limit: 4096 }),
        ("{% for b in list %}some text{% endfor %}", RenderError::TooLong { limit: 4096 }),
        (r#"{{ a|replace("x", a)|replace("x", a)|length }}"#, RenderError::TooMuch),
        ("{% for b in list %}{% set c = a|upper %}{% endfor %}", RenderError::TooMuch),
        ("{% for b in list %}{% set c = [a, a]|join(a) %}{% endfor %}", RenderError::TooMuch),
        ("{{ list|join(a)|length }}", RenderError::TooMuch),
        // One step of the engine, and a whole list.
        ("{% for b in list %}{% if 2 in list %}x{% endif %}{% endfor %}", RenderError::TooMuch),
        (
            "{% for b in list %}{% if list == [list, 1] %}x{% endif %}{% if body() in list %}{% endif %}{% endfor %}",
            RenderError::TooMuch,
        ),
        ("{{ body() }}", RenderError::TooLong { limit: 4096 }),
    ] {
        assert_eq!(rendered(source, &facts), Err(error), "{source}");
    }
    facts.body = Some(Arc::new("a&".repeat(70_000).into_bytes()));
    assert_eq!(rendered("{{ body()|form_decode|length }}", &facts), Err(RenderError::TooMuch));
    facts.body = Some(Arc::new(b"no json".to_vec()));
    assert_eq!(rendered("{{ a }}", &facts), Err(RenderError::NotJson));
    assert_eq!(rendered("{{ body() }}!", &facts).as_deref(), Ok("no json!"));
    facts.body = Some(Arc::new([b"[", "1,".repeat(70_000).as_bytes(), b"1]"].concat()));
    assert_eq!(rendered("{{ context()|length }}", &facts), Err(RenderError::NotJson));
}

#[test]
fn bytes_that_are_no_text_are_not_changed() {
    let mut facts = facts();
    facts.body = Some(Arc::new(b"\xff\x00\xfe".to_vec()));
    assert_eq!(Template::parse("{{ body() }}").unwrap().render(&facts, 9).unwrap(), b"\xff\x00\xfe");
    assert_eq!(rendered("{{ body()|base64_encode }}", &facts).as_deref(), Ok("/wD+"));
    assert!(matches!(rendered("a{{ body() }}", &facts), Err(RenderError::Failed { .. })), "no guess");
}

#[test]
fn no_error_repeats_the_message() {
    let mut facts = facts();
    facts.body = Some(Arc::new(br#"{"a": "secret", "n": 9223372036854775807}"#.to_vec()));
    for source in
        ["{{ a + 1 }}", "{{ a.b.c }}", "{{ n + n + n + n + n * 1 }}", "{{ a|int }}", "{{ a[1:'x'] }}", "{{ -a }}"]
    {
        let Ok(template) = Template::parse(source) else { continue };
        let error = template.render(&facts, 100).map_err(|error| error.to_string());
        assert!(
            !format!("{error:?}").contains("secret") && !format!("{error:?}").contains("9223372"),
            "{source}: {error:?}"
        );
    }
}

/// Whatever the template and the body are, nothing panics, and nothing is longer than it may be.
#[test]
fn any_template_over_any_body() {
    const PARTS: [&str; 40] = [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        " ",
        "a",
        "b.c",
        "set",
        "=",
        "for",
        "in",
        "endfor",
        "if",
        "else",
        "endif",
        "\"",
        "'",
        "x",
        "~",
        "+",
        "(",
        ")",
        "[",
        "]",
        "|",
        "upper",
        "join",
        "body()",
        "context()",
        ",",
        "1",
        "99",
        "is",
        "defined",
        "not",
        ":",
        "replace(",
    ];
    const BODIES: [&str; 5] = ["", "{}", r#"{"a": [1, {"b": "x"}], "b": {"c": 1e9}}"#, "\u{0}", "[[[]]]"];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut run = 0;
    for _ in 0..30_000 {
        let source = (0..1 + next(12)).map(|_| PARTS[next(PARTS.len())]).collect::<String>();
        let source = if next(2) == 0 { format!("{{{{ {source} }}}}") } else { source };
        let Ok(template) = Template::parse(&source) else { continue };
        let mut facts = facts();
        facts.body = Some(Arc::new(BODIES[next(BODIES.len())].as_bytes().to_vec()));
        if let Ok(text) = template.render(&facts, 200) {
            assert!(text.len() <= 200);
            run += 1;
        }
    }
    assert!(run > 500, "{run}");
}

//! Inputs that nobody wrote. The output is the same for every way in which a message is cut; JSON stays JSON; an expression
//! matches what another engine says.

#[cfg(feature = "full")]
use dlp_masking::context::Topics;
use dlp_masking::detect::keyed::{NAMES, Names};
#[cfg(feature = "full")]
use dlp_masking::detect::pattern::Pattern;
use dlp_masking::engine::Engine;
use dlp_masking::entity::Entity;
use dlp_masking::format::Machine;
use dlp_masking::format::json::MAX_HELD;
use dlp_masking::hmac::Key;
use dlp_masking::mask::Mask;
use dlp_masking::plan::{Plan, Rule};
use dlp_masking::scan::HOLD_BACK;
#[cfg(feature = "full")]
use dlp_masking::scan::Scan;
use dlp_masking::scope::Scope;
use tamis::json::Path;
use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::fuzz;

use crate::support::{at_once, is_the_same_for_every_cut};

/// Things that are found, and things that are almost.
pub const SECRETS: [&str; 44] = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "378282246310005",
    "3782 822463 10005",
    "4111111111111112",
    "GB82WEST12345698765432",
    "DE89 3704 0044 0532 0130 00",
    "078-05-1121",
    "900101-1234568",
    "943 476 5919",
    "9434765919",
    "2341 2341 2346",
    "111.444.777-35",
    "alice.b+c@mail.example.com",
    "_x@a-.b.com",
    "4111111111111111@example.com",
    "+44 20 7946 0958",
    "+1 (415) 555-2671",
    "192.168.17.4",
    "1.2.3.4.5",
    "2001:db8::8a2e:370:7334",
    "fe80::1",
    "::ffff:192.0.2.128",
    "12:30:45",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_def",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc. ",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\\nMIIE",
    "-----BEGIN CERTIFICATE-----\nMIIE\n",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "glpat-abcdefghij.klmnopqrst. ",
    "sk_live_abcdefghijklmnop1234",
    "ya29.abcdefghijklmnopqrs.tuv",
    "password=hunter2&x=1",
    "\"apiKey\": \"a\\\"b c\",",
    "db_password: 'x y' z",
    "Bluebird",
    "blue birds",
    "naïve",
    "E123456",
    "e12-é-34",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.org",
];
const WORDS: [&str; 16] = [
    "card ",
    "order ",
    "tel ",
    "phone: ",
    "주민등록번호 ",
    "cardNumber=",
    "=",
    ":",
    " ",
    ", ",
    "\n",
    "a",
    "9",
    "-",
    ".",
    "@",
];

/// Everything at once, with masks of every kind.
fn everything() -> Engine {
    let mut plan = Plan::default();
    for entity in Entity::ALL {
        let rule = plan.rule(Rule::new(entity.name()).allow(["378282246310005"]));
        plan.find(entity, rule);
    }
    let rule = plan.rule(Rule::new("named"));
    plan.find_named(Names::new(NAMES), rule);
    let rule = plan.rule(Rule::new("words"));
    for word in ["bluebird", "blue bird", "naïve", "order a"] {
        plan.find_word(word, rule).unwrap();
    }
    #[cfg(feature = "full")]
    for pattern in [r"\bE[0-9]{6}\b", r"e\d{2}-.-\d{2}", r"(?:aa|a.){3,20}b"] {
        let rule = plan.rule(Rule::new("pattern"));
        plan.find_pattern(Pattern::parse(pattern).unwrap(), rule).unwrap();
    }
    let masks = (0..plan.rules().len()).map(|rule| match rule % 6 {
        0 => Mask::Percent { share: 75, with: 'X' },
        1 => Mask::Label,
        2 => Mask::Keep { first: 2, last: 2, with: '•' },
        3 => Mask::Hmac { digits: 12 },
        4 => Mask::Constant("\"***\"".into()),
        _ => Mask::Remove,
    });
    let masks = masks.collect();
    Engine { plan, masks, scope: Scope::default(), key: Key::new(&[1; 16]) }
}

fn template(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for _ in 0..u.int_in_range(1..=12)? {
        let piece = if u.ratio(2, 5)? { *u.choose(&WORDS)? } else { *u.choose(&SECRETS)? };
        let cut = if u.ratio(1, 6)? { u.int_in_range(0..=piece.len())? } else { piece.len() };
        text.extend_from_slice(&piece.as_bytes()[..cut]);
        if u.ratio(1, 2)? {
            text.push(b' ');
        }
    }
    Ok(text)
}

fn anything(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const ALPHABET: &[u8] = b"0123456789411 --..@:=/abcdefeyJkKBEGIN_+()\"'\\\n,\xc3\xaf";
    let length = u.int_in_range(0..=300)?;
    (0..length).map(|_| if u.ratio(1, 20)? { u.arbitrary() } else { u.choose(ALPHABET).copied() }).collect()
}

fn cuts(u: &mut Unstructured<'_>) -> Result<Vec<usize>> {
    (0..u.int_in_range(0..=6)?).map(|_| u.int_in_range(0..=400)).collect()
}

#[test]
fn text_from_templates() {
    let engine = everything();
    let mut finds = 0;
    let mut all = 0;
    fuzz(300, |u| {
        let text = template(u)?;
        let masked = is_the_same_for_every_cut(&Machine::text(), &engine, &text, &cuts(u)?, HOLD_BACK);
        finds += masked.finds.len();
        all += 1;
        Ok(())
    });
    assert!(finds > all, "{finds} finds in {all} texts: this target no longer finds anything");
}

#[test]
fn text_of_anything() {
    let engine = everything();
    fuzz(250, |u| {
        let text = anything(u)?;
        is_the_same_for_every_cut(&Machine::text(), &engine, &text, &cuts(u)?, HOLD_BACK);
        Ok(())
    });
}

/// A string of JSON, some of it written with escapes.
fn string(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    let text = template(u)?;
    out.push(b'"');
    for character in String::from_utf8_lossy(&text).chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(format!("\\{character}").as_bytes()),
            '\n' => out.extend_from_slice(b"\\n"),
            other if u.ratio(1, 12)? => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
    Ok(())
}

/// A value of JSON.
pub fn value(u: &mut Unstructured<'_>, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    match u.int_in_range(0..=if depth > 0 { 9 } else { 6 })? {
        0..=3 => string(u, out)?,
        4 => out.extend_from_slice(
            u.choose(&["4111111111111111", "-1.5e3", "0", "378282246310005", "9001011234568"])?.as_bytes(),
        ),
        5 => out.extend_from_slice(u.choose(&["true", "false", "null", "\"\""])?.as_bytes()),
        6 => out.extend_from_slice(u.choose(&["{}", "[]", "[ ]"])?.as_bytes()),
        7 => {
            out.push(b'[');
            for item in 0..u.int_in_range(1..=3)? {
                out.extend_from_slice(if item > 0 { b", " } else { b" " });
                value(u, depth - 1, out)?;
            }
            out.push(b']');
        }
        _ => {
            out.push(b'{');
            for member in 0..u.int_in_range(1..=4)? {
                out.extend_from_slice(if member > 0 { b"," } else { b"\n" });
                let keys =
                    ["a", "b", "card", "order_id", "password", "db\\u0050assword", "주민등록번호", "ssn", "name"];
                out.extend_from_slice(format!("\"{}\": ", u.choose(&keys)?).as_bytes());
                value(u, depth - 1, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// The shape of a value: kinds of values and keys, in order.
fn shape(value: &serde_json::Value) -> String {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    match value {
        Null => "null".to_owned(),
        Bool(value) => value.to_string(),
        Number(_) => "number".to_owned(),
        String(_) => "string".to_owned(),
        Array(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",")),
        Object(members) => {
            format!(
                "{{{}}}",
                members.iter().map(|(key, value)| format!("{key}:{}", shape(value))).collect::<Vec<_>>().join(",")
            )
        }
    }
}

#[test]
fn json_stays_json_of_the_same_types() {
    let mut engine = everything();
    let mut finds = 0;
    fuzz(300, |u| {
        engine.scope = Scope::default();
        if u.ratio(1, 3)? {
            engine.scope.include(&Path::parse(u.choose(&["$.a", "$[*]", "$.*.card", "/a/0"])?).unwrap()).unwrap();
            engine.scope.exclude(&Path::parse(u.choose(&["$.b", "$[0]", "$.*.password"])?).unwrap()).unwrap();
        }
        let mut text = Vec::new();
        value(u, 4, &mut text)?;
        let masked = is_the_same_for_every_cut(&Machine::json(), &engine, &text, &cuts(u)?, MAX_HELD);
        finds += masked.finds.len();
        let before = serde_json::from_slice(&text).unwrap();
        let after = serde_json::from_slice(&masked.out)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&masked.out)));
        assert_eq!(shape(&before), shape(&after));
        Ok(())
    });
    assert!(finds > 250, "{finds} finds: this target no longer finds anything");
}

#[test]
fn json_that_is_hardly_any() {
    let engine = everything();
    fuzz(250, |u| {
        let mut text = Vec::new();
        for _ in 0..u.int_in_range(1..=2)? {
            value(u, 3, &mut text)?;
        }
        for _ in 0..u.int_in_range(0..=3)? {
            let at = u.choose_index(text.len())?;
            text[at] = *u.choose(b"[]{}\"\\:,0.1e-tu \n\xff")?;
        }
        text.truncate(u.int_in_range(text.len() / 2..=text.len())?);
        is_the_same_for_every_cut(&Machine::json(), &engine, &text, &cuts(u)?, MAX_HELD);
        Ok(())
    });
}

/// What escapes the quote behind an escape that is none; a fuzzer's find.
#[test]
fn an_escape_that_is_none_ends_no_string() {
    let engine = everything();
    for text in [
        r#"["378282246310005\"apiKey\": \ua\\\"b c\", ", "password=hunter2 x", ": \"apiKey\": \"a\\\"b c\", "]"#,
        r#"["api_key: \u00\\\"b c\", d", "password=hunter2 x"]"#,
        r#"["api_key: \uz\\\" b", "password=hunter2 x"]"#,
        r#"["api_key: \ud83d\u\\\" b", "password=hunter2 x"]"#,
    ] {
        is_the_same_for_every_cut(&Machine::json(), &engine, text.as_bytes(), &[], MAX_HELD);
    }
}

#[test]
fn lines_of_json() {
    let engine = everything();
    fuzz(200, |u| {
        let mut text = Vec::new();
        for _ in 0..u.int_in_range(1..=4)? {
            let mut line = Vec::new();
            value(u, 2, &mut line)?;
            line.retain(|byte| *byte != b'\n');
            if u.ratio(1, 4)? {
                let at = u.choose_index(line.len())?;
                line[at] = *u.choose(b"[]{}\"\\:,0")?;
            }
            text.extend_from_slice(&line);
            text.extend_from_slice(u.choose(&["\n", "\r\n", "\n\n"])?.as_bytes());
        }
        let whole = is_the_same_for_every_cut(&Machine::lines(), &engine, &text, &cuts(u)?, MAX_HELD);
        // Each line by itself makes the same.
        let lines = text.split(|byte| *byte == b'\n').map(|line| at_once(&Machine::json(), &engine, line).out);
        assert_eq!(whole.out, lines.collect::<Vec<_>>().join(&b'\n'));
        Ok(())
    });
}

#[test]
fn forms() {
    let engine = everything();
    let mut finds = 0;
    fuzz(250, |u| {
        let mut text = Vec::new();
        for _ in 0..u.int_in_range(1..=4)? {
            text.extend_from_slice(u.choose(&["a=", "card=", "pass%77ord=", "", "&", "x", "주민번호="])?.as_bytes());
            for byte in template(u)? {
                match byte {
                    b' ' => text.push(*u.choose(b"+ ")?),
                    b'&' | b'=' | b'%' | b'+' => text.extend_from_slice(format!("%{byte:02X}").as_bytes()),
                    _ if u.ratio(1, 12)? => text.extend_from_slice(format!("%{byte:02x}").as_bytes()),
                    _ => text.push(byte),
                }
            }
            if u.ratio(1, 10)? {
                text.push(b'%');
            }
            text.push(b'&');
        }
        finds +=
            is_the_same_for_every_cut(&Machine::form(), &engine, &text, &cuts(u)?, 3 * HOLD_BACK + 256).finds.len();
        Ok(())
    });
    assert!(finds > 150, "{finds} finds: this target no longer finds anything");
}

#[test]
fn events() {
    let engine = everything();
    let mut finds = 0;
    fuzz(250, |u| {
        let mut text = Vec::new();
        for _ in 0..u.int_in_range(1..=5)? {
            text.extend_from_slice(u.choose(&["data: ", "data:", "data", "event: ", ":", "dat", "id: "])?.as_bytes());
            let mut content = Vec::new();
            if u.arbitrary()? {
                value(u, 2, &mut content)?;
            } else {
                content = template(u)?;
            }
            if u.ratio(1, 2)? {
                content.retain(|byte| *byte != b'\n');
            }
            text.extend_from_slice(&content);
            text.extend_from_slice(u.choose(&["\n", "\n\n", "\r\n\r\n", "\r", "\r\r"])?.as_bytes());
        }
        finds += is_the_same_for_every_cut(&Machine::events(), &engine, &text, &cuts(u)?, MAX_HELD).finds.len();
        Ok(())
    });
    assert!(finds > 150, "{finds} finds: this target no longer finds anything");
}

/// Against another engine: what is found is matched by the expression, and nothing longer is.
#[cfg(feature = "full")]
#[test]
fn expressions() {
    let mut compared = 0;
    fuzz(400, |u| {
        let length = u.int_in_range(1..=14)?;
        let source = (0..length)
            .map(|_| u.choose(b"aab1-|?(){}[]2,.\\dw:^&~+").copied().map(char::from))
            .collect::<Result<String>>()?;
        let Ok(pattern) = Pattern::parse(&source) else { return Ok(()) };
        let mut plan = Plan::default();
        let rule = plan.rule(Rule::new("p"));
        if plan.find_pattern(pattern, rule).is_err() {
            return Ok(());
        }
        // The other engine sees a part of the text and cannot tell whether a word goes on: that is asked here.
        let (start, body) = source.strip_prefix(r"\b").map_or((false, source.as_str()), |body| (true, body));
        let end = body.strip_suffix(r"\b").filter(|_| !body.ends_with(r"\\b"));
        let (end, body) = end.map_or((false, body), |body| (true, body));
        let Ok(regex) = regex::Regex::new(&format!("^(?:{body})$")) else { panic!("{source} is taken") };
        let text = (0..12).map(|_| u.choose(b"aab1-:2 ").copied().map(char::from)).collect::<Result<String>>()?;
        let within = |at: usize| {
            let word = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric);
            at > 0 && word(at - 1) && word(at)
        };
        let is_match =
            |from: usize, to: usize| !(start && within(from) || end && within(to)) && regex.is_match(&text[from..to]);
        let mut found = Vec::new();
        plan.scan(&mut Scan::default(), text.as_bytes(), true, Topics::default(), &mut found);
        let any = |starts: std::ops::Range<usize>| {
            starts.into_iter().any(|start| (start + 1..=text.len()).any(|end| is_match(start, end)))
        };
        let mut at = 0;
        for find in &found {
            let longest = (find.start + 1..=text.len()).rev().find(|end| is_match(find.start, *end));
            assert_eq!(longest, Some(find.end), "{source} in {text:?}");
            assert!(!any(at..find.start), "{source} in {text:?}");
            at = find.end;
        }
        assert!(!any(at..text.len()), "{source} in {text:?}");
        compared += found.len();
        Ok(())
    });
    assert!(compared > 20, "{compared} matches: this target no longer matches anything");
}

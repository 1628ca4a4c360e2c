//! What becomes of messages in each format.

use dlp_masking::format::Machine;
use dlp_masking::mask::Mask;
use dlp_masking::scope::Scope;
use tamis::json::Path;

use crate::support::{at_once, labels};

fn masked(machine: &Machine, text: &str) -> String {
    String::from_utf8(at_once(machine, &labels(), text.as_bytes()).out).unwrap()
}

#[track_caller]
fn all(machine: &Machine, cases: &[(&str, &str)]) {
    let wrong: Vec<_> =
        cases.iter().map(|(text, expected)| (masked(machine, text), *expected)).filter(|(a, b)| a != b).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn json_keeps_its_form() {
    all(
        &Machine::json(),
        &[
            (
                r#"{ "a" : "4111111111111111 \n", "b":[1.50, 4111111111111111 ] }"#,
                r#"{ "a" : "[card] \n", "b":[1.50, 9999999999999999 ] }"#,
            ),
            // Escapes: the digits are found, and what stays is written as it was.
            (
                r#"["x\u00e9 4\u0031111111 11111111\u0031/", "\u0034111111111111111"]"#,
                r#"["x\u00e9 4\u0031111111 11111111\u0031/", "[card]"]"#,
            ),
            // The key says what the number is.
            (
                r#"{"order_id": 4111111111111111, "cardNumber": "4222222222222", "nhs": "9434765919"}"#,
                r#"{"order_id": 4111111111111111, "cardNumber": "[card]", "nhs": "[uk_nhs]"}"#,
            ),
            (
                r#"{"\u0070assword":"x\"y","db_password":["a",17,-1.5e3,true,null],"secret":{"a":"b"}}"#,
                r#"{"\u0070assword":"[named]","db_password":["[named]",99,-9.9e0,true,null],"secret":{"a":"b"}}"#,
            ),
            ("\u{feff}\"alice@example.com\"", "\u{feff}\"[email]\""),
            (r#""a@example.com" "b@example.com""#, r#""[email]" "[email]""#),
            // What is no JSON is text.
            (r#"{"a":"a@example.com"],"b":"b@example.com"}"#, r#"{"a":"[email]"],"b":"[email]"}"#),
            ("<html>a@example.com", "<html>[email]"),
            (r#"{"a":"a@example.com"#, r#"{"a":"[email]"#),
        ],
    );
}

#[test]
fn paths_say_which_values_are_meant() {
    let mut engine = labels();
    let run = |engine: &_| {
        let text = br#"{"a":{"x":"a@b.co","y":["c@d.co","e@f.co"]},"b":"g@h.co","\u0063":["i@j.co",{"k":"l@m.co"}]}"#;
        String::from_utf8(at_once(&Machine::json(), engine, text).out).unwrap()
    };
    let scope = |include: &[&str], exclude: &[&str]| {
        let mut scope = Scope::default();
        include.iter().for_each(|path| scope.include(&Path::parse(path).unwrap()).unwrap());
        exclude.iter().for_each(|path| scope.exclude(&Path::parse(path).unwrap()).unwrap());
        scope
    };
    for (include, exclude, expected) in [
        (
            &["$.a.y[1]", "/c/1"][..],
            &[][..],
            r#"{"a":{"x":"a@b.co","y":["c@d.co","[email]"]},"b":"g@h.co","\u0063":["i@j.co",{"k":"[email]"}]}"#,
        ),
        (
            &[],
            &["$.a", "$.*[0]"],
            r#"{"a":{"x":"a@b.co","y":["c@d.co","e@f.co"]},"b":"[email]","\u0063":["i@j.co",{"k":"[email]"}]}"#,
        ),
        (
            &["$"],
            &["$.a.y", "$['b']"],
            r#"{"a":{"x":"[email]","y":["c@d.co","e@f.co"]},"b":"g@h.co","\u0063":["[email]",{"k":"[email]"}]}"#,
        ),
    ] {
        engine.scope = scope(include, exclude);
        assert_eq!(run(&engine), expected, "{include:?} {exclude:?}");
    }
    assert!(Scope::default().include(&Path::parse("$.a[-1]").unwrap()).is_err());
}

#[test]
fn lines_events_and_forms() {
    all(
        &Machine::lines(),
        &[(
            "{\"a\":\"a@b.co\"}\nnone of it a@b.co\n{\"password\":\"x\"}\r\n\n[1",
            "{\"a\":\"[email]\"}\nnone of it [email]\n{\"password\":\"[named]\"}\r\n\n[1",
        )],
    );
    all(
        &Machine::events(),
        &[
            (
                "event: x\ndata: {\"password\":\ndata: \"x\"}\n\ndata: password=x\ndata: {\"password\": \"x\"}\n\n",
                "event: x\ndata: {\"password\":\ndata: \"[named]\"}\n\ndata: password=[named]\ndata: {\"password\": \"[named]\"}\n\n",
            ),
            (": a@b.co\r\ndata:a@b.co\r\rdata: [DONE]\n", ": [email]\r\ndata:[email]\r\rdata: [DONE]\n"),
        ],
    );
    all(
        &Machine::form(),
        &[
            (
                "card=4111+1111%201111+1111&order=4111111111111111&pass%77ord=a%26b&x",
                "card=%5Bcard%5D&order=4111111111111111&pass%77ord=%5Bnamed%5D&x",
            ),
            ("a%40b.co&mail=a%40b.co&=a@b.co", "%5Bemail%5D&mail=%5Bemail%5D&=%5Bemail%5D"),
        ],
    );
}

#[test]
fn what_is_put_in_is_written_as_its_format_wants_it() {
    let mut engine = labels();
    engine.masks.fill(Mask::Constant("\"\\\u{1}é& ".to_owned()));
    let run =
        |machine: Machine, text: &str| String::from_utf8(at_once(&machine, &engine, text.as_bytes()).out).unwrap();
    assert_eq!(run(Machine::json(), r#"["a@b.co"]"#), r#"["\"\\\u0001é& "]"#);
    assert_eq!(run(Machine::form(), "a=a@b.co"), "a=%22%5C%01%C3%A9%26+");
    assert_eq!(run(Machine::text(), "a@b.co"), "\"\\\u{1}é& ");
}

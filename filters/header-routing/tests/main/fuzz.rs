//! Inputs that nobody wrote: configurations, and requests that want to be somebody else.

use header_routing::config::{Config, Sticky};
use header_routing::routes::{Routes, Ways};
use header_routing::split::{Who, arm, set_cookie, who};
use tamis::matching::Request;
use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::fuzz;

/// Words of a configuration, and some that are none.
const WORDS: [&str; 36] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"rules\"",
    "\"name\"",
    "\"a\"",
    "\"b\"",
    "\"to\"",
    "\"headers\"",
    "\"value\"",
    "\"split\"",
    "\"salt\"",
    "\"arms\"",
    "\"weight\"",
    "\"sticky\"",
    "\"cookie\"",
    "\"source_address\"",
    "\"ipv6\"",
    "\"redirect\"",
    "\"direct_response\"",
    "\"status\"",
    "\"path\"",
    "\"full\"",
    "\"/a\"",
    "\"filter_state\"",
    "\"match\"",
    "\"otherwise\"",
    "0",
    "1",
    "301",
    "1e300",
    "-1",
    "null",
];

fn configuration(u: &mut Unstructured<'_>) -> Result<String> {
    if u.ratio(1, 3)? {
        let words = (0..u.int_in_range(0..=40)?).map(|_| u.choose(&WORDS).copied());
        return Ok(words.collect::<Result<Vec<_>>>()?.join(" "));
    }
    let mut text = || Ok::<_, tamis_fuzz::arbitrary::Error>(serde_json::Value::from(u.arbitrary::<&str>()?));
    let (value, salt, cookie, path) = (text()?, text()?, text()?, text()?);
    let weights = [u.arbitrary::<u32>()?, u.arbitrary::<u32>()?];
    Ok(format!(
        r#"{{"rules": [{{"name": "a", "match": {{"paths": [{{"prefix": {path}}}]}}, "to": {{"path": {{"full": {path}}}}}}},
            {{"name": "b", "split": {{"salt": {salt}, "sticky": [{{"header": "x-user"}}, {{"cookie": {{"name": {cookie}}}}}],
            "arms": [{{"name": "x", "weight": {}, "to": {{"headers": [{{"name": "x-to", "value": {value}}}]}}}},
                     {{"name": "y", "weight": {}, "to": {{"authority": {cookie}}}}}]}}}}]}}"#,
        weights[0], weights[1],
    ))
}

/// What is accepted sends every request somewhere, the same one to the same place.
#[test]
fn configurations() {
    fuzz(400, |u| {
        let text = configuration(u)?;
        let Ok(config) = <Config as tamis::Configuration>::read(text.as_bytes()) else { return Ok(()) };
        let Ok(routes) = Routes::new(config, |_, _| Ok(())) else { return Ok(()) };
        let headers = [("x-user", u.arbitrary::<Vec<u8>>()?), ("cookie", u.arbitrary()?)];
        let headers = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let request = Request { headers, ..Request::new("GET", "a", u.arbitrary::<Vec<u8>>()?) };
        let Some(route) = routes.choose(&request).unwrap().route else { return Ok(()) };
        if let Ways::Split { split, sticky, arms } = &route.ways {
            let found = who(sticky, &request).unwrap();
            let random = u.arbitrary()?;
            assert!(arm(split, &found, random) < arms.len(), "{text}");
            if let Who::Known(_) = found {
                assert_eq!(arm(split, &found, 0), arm(split, &found, random), "chance has no say: {text}");
            }
        }
        Ok(())
    });
}

/// A cookie's line has the attributes that it should have, whatever its name and path.
#[test]
fn cookies() {
    fuzz(400, |u| {
        let letters = ['a', ';', '=', ',', '/', '%', '"', '\u{e4}', '.', '?'];
        let written = |u: &mut Unstructured<'_>| {
            (0..u.int_in_range(0..=6)?).map(|_| u.choose(&letters).copied()).collect::<Result<String>>()
        };
        let name = serde_json::Value::from(format!("a{}", if u.ratio(1, 2)? { written(u)? } else { String::new() }));
        let path = serde_json::Value::from(format!("/{}", written(u)?));
        let text = format!(
            r#"{{"rules": [{{"name": "a", "split": {{"salt": "s", "arms": [
                {{"name": "x", "weight": 1, "to": {{"authority": "a"}}}}, {{"name": "y", "weight": 1, "to": {{"authority": "b"}}}}],
                "sticky": [{{"cookie": {{"name": {name}, "path": {path}, "max_age": {}}}}}]}}}}]}}"#,
            u.arbitrary::<u32>()?
        );
        let Ok(config) = <Config as tamis::Configuration>::read(text.as_bytes()) else { return Ok(()) };
        let Ok(routes) = Routes::new(config, |_, _| Ok(())) else { return Ok(()) };
        let route = routes.choose(&Request::new("GET", "a", "/")).unwrap().route.unwrap();
        let Ways::Split { sticky, .. } = &route.ways else { panic!("no split") };
        let Sticky::Cookie(cookie) = &sticky[0] else { panic!("no cookie") };
        let line = set_cookie(cookie, "17");
        assert!(line.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{line:?}");
        assert_eq!(line.matches(';').count(), 5, "an attribute too many: {line:?}");
        assert!(line.starts_with(&format!("{}=17; Path=/", cookie.name.as_str())), "{line:?}");
        Ok(())
    });
}

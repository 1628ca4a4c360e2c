//! Inputs that nobody wrote: nothing panics, and what is promised of every input holds.

mod json_model;

use serde_json::{Value, json};
use tamis_core::Pairs;
use tamis_core::json::{Document, Edit, MergePatch, Path, Text};
use tamis_core::matching::{Match, Request, most_specific};
use tamis_core::views::{Authority, ContentType, Cookies, Query, RequestPath, address, forwarded, percent_decoded};
use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::fuzz;

#[test]
fn views() {
    fuzz(400, |u| {
        let raw = bytes(u, b"/?#&=%+;:,.@[]\" \t\\2ea\xff")?;
        let path = RequestPath::new(&raw);
        let mut whole = path.path().to_vec();
        if let Some(query) = path.query() {
            whole.push(b'?');
            whole.extend_from_slice(query.raw());
        }
        if let Some(fragment) = path.fragment() {
            whole.push(b'#');
            whole.extend_from_slice(fragment);
        }
        assert_eq!(whole, raw, "a part of the path is lost");
        if raw.starts_with(b"/") {
            assert_eq!(path.segments().flat_map(|s| [b"/", s].concat()).collect::<Vec<_>>(), path.path());
        }
        let pairs = Query::new(&raw).pairs().map(|pair| match pair.value {
            Some(value) => [pair.name, b"=", value].concat(),
            None => pair.name.to_vec(),
        });
        let parts = raw.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
        assert!(pairs.eq(parts.map(<[u8]>::to_vec)), "a part of the query is lost");
        assert!(percent_decoded(&raw).len() <= raw.len());
        for (name, value) in Cookies::new(&raw).pairs() {
            assert!(Cookies::new(&raw).get_all(name).count() > 0, "{name:?} {value:?}");
        }
        if let Ok(view) = ContentType::parse(&raw) {
            assert!(view.parameters().all(|(name, value)| !name.is_empty() && value.len() <= raw.len()));
        }
        if let Ok(view) = Authority::parse(&raw) {
            assert!(raw.starts_with(view.host()) && !view.host().is_empty());
        }
        let lines = [raw.as_slice(), &raw];
        if let Some(address) = forwarded::client(lines, u.int_in_range(0..=4)?) {
            assert_eq!(address::parse(address.to_string().as_bytes()), Some(address));
        }
        Ok(())
    });
}

/// The map as the host hands it over: what is read is all that there is, or nothing is read.
#[test]
fn header_maps() {
    fuzz(600, |u| {
        let map = (0..u.int_in_range(0..=6)?).map(|_| Ok((u.arbitrary()?, u.arbitrary()?)));
        let map = map.collect::<Result<Vec<(Vec<u8>, Vec<u8>)>>>()?;
        let mut wire = Pairs::encode(map.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
        let whole = Pairs::parse(&wire).unwrap();
        assert!(whole.iter().eq(map.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))));
        for _ in 0..u.int_in_range(0..=3)? {
            match u.int_in_range(0..=2)? {
                0 if !wire.is_empty() => {
                    let place = u.choose_index(wire.len())?;
                    wire[place] = u.arbitrary()?;
                }
                1 => wire.truncate(u.int_in_range(0..=wire.len())?),
                _ => wire.push(u.arbitrary()?),
            }
        }
        if let Ok(pairs) = Pairs::parse(&wire)
            && !wire.is_empty()
        {
            assert_eq!(Pairs::encode(pairs), wire, "a byte is lost");
        }
        Ok(())
    });
}

#[test]
fn matcher() {
    fuzz(400, |u| {
        let condition = condition(u, 3)?;
        let rule: Match = serde_json::from_value(condition.clone()).unwrap();
        let request = Request {
            headers: (0..u.int_in_range(0..=3)?)
                .map(|_| Ok((*u.choose(&["x-a", "x-b", "cookie"])?, bytes(u, b"ab=;, \"\xff")?)))
                .collect::<Result<_>>()?,
            source: u.choose(&[None, Some([10, 0, 0, 1].into()), Some([11, 0, 0, 1].into())]).copied()?,
            ..Request::new(*u.choose(&["GET", "a"])?, bytes(u, b"a.:")?, bytes(u, b"/ab?=&%61#")?)
        };
        let holds = rule.holds(&request).unwrap();
        let not: Match = serde_json::from_value(json!({"not": condition})).unwrap();
        assert_eq!(not.holds(&request), Ok(!holds), "{condition} {request:?}");
        assert_eq!(most_specific([&rule], &request).unwrap().is_some(), holds);
        // One who sends more is no further in: `all` holds for fewer requests than `any`.
        let any: Match = serde_json::from_str(r#"{"headers": {"x-a": {"contains": "a", "of": "any"}}}"#).unwrap();
        let all: Match = serde_json::from_str(r#"{"headers": {"x-a": {"contains": "a", "of": "all"}}}"#).unwrap();
        assert!(any.holds(&request).unwrap() || !all.holds(&request).unwrap());
        Ok(())
    });
}

#[cfg(feature = "regex")]
#[test]
fn expressions() {
    use tamis_core::matching::Pattern;

    fuzz(400, |u| {
        let source = String::from_utf8_lossy(&bytes(u, b"ab[]()|*+?{}1,\\x^$.-:\xc3\xa4")?).into_owned();
        let value = bytes(u, b"ab\xc3\xa4-.")?;
        if let Ok(pattern) = Pattern::parse(&source) {
            let _ = pattern.is_match(&value);
        }
        // A text whose every sign is escaped matches itself and nothing else.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '<' | '>') || !c.is_ascii();
        let escaped: String = source.chars().flat_map(|c| (!plain(c)).then_some('\\').into_iter().chain([c])).collect();
        let literal = Pattern::parse(&escaped).unwrap_or_else(|error| panic!("{escaped:?}: {error}"));
        assert!(literal.is_match(source.as_bytes()), "{escaped:?}");
        assert_eq!(literal.is_match(&value), value == source.as_bytes(), "{escaped:?} {value:?}");
        Ok(())
    });
}

#[test]
fn json_paths() {
    fuzz(600, |u| {
        let source = String::from_utf8_lossy(&bytes(u, b"$$..[['a\"-10*]]/~ \\ubn")?).into_owned();
        for source in [&source, &format!("${source}"), &format!("/{source}"), &format!("$['{source}']")] {
            match Path::parse(source) {
                Ok(path) => assert_eq!(Path::parse(path.source()), Ok(path)),
                Err(error) => {
                    assert!(error.at <= source.len() && source.is_char_boundary(error.at), "{source} {error}");
                }
            }
        }
        Ok(())
    });
}

#[test]
fn json_that_is_hardly_any() {
    let (mut good, mut all) = (0, 0);
    fuzz(600, |u| {
        let mut body = bytes(u, b"[]{}\"\\:,0.1e-tu \n")?;
        if u.ratio(3, 4)? {
            body = u
                .choose(&[r#"{"a": [1, -2.5e3, "x\u0041\ud83d"], "b": {"a": true, "a": null}}"#, "[[], {}, [0]]"])?
                .as_bytes()
                .to_vec();
            for _ in 0..u.int_in_range(0..=2)? {
                let at = u.choose_index(body.len())?;
                body[at] = *u.choose(b"[]{}\"\\:,0.1e-tu \xff")?;
            }
        }
        all += 1;
        let Ok(document) = Document::parse(&body) else {
            let text = std::str::from_utf8(&body).is_ok();
            let error = Document::parse(&body).unwrap_err();
            assert!(error.at <= body.len(), "{error}");
            // Another parser agrees.
            assert!(!text || serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err(), "{error}: {body:?}");
            return Ok(());
        };
        good += 1;
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok(), "{body:?}");
        let mut end = 0;
        let _ = document.leaves(|trail, leaf| {
            assert!(leaf.span().start >= end && leaf.span().end <= body.len());
            end = leaf.span().end;
            let characters: Vec<_> = leaf.characters().collect();
            assert!(characters.windows(2).all(|pair| pair[0].0.end == pair[1].0.start));
            assert_eq!(characters.iter().map(|(span, _)| span.len()).sum::<usize>(), leaf.raw().len());
            assert!(
                Path::parse(&trail.to_string()).is_ok_and(|path| trail.is_at(&path))
                    || trail.to_string().contains('\u{fffd}')
            );
            std::ops::ControlFlow::<()>::Continue(())
        });
        let path = Path::parse(u.choose(&["$", "$.*", "$[*][0]", "$.a[-1]", "/a/0", "$.b.a"])?).unwrap();
        let value = Text::string("x");
        let edits = [
            Edit::set(path.clone(), value.clone()),
            Edit::append(path.clone(), value.clone()),
            Edit::merge(path.clone(), MergePatch::from(&value)),
        ];
        for edit in edits.into_iter().chain(Edit::remove(path.clone())).chain(Edit::rename(path, "y")) {
            let limit = u.int_in_range(0..=200)?;
            if let Ok(edited) = document.edit(&[edit], limit) {
                assert!(edited.body.len() <= limit && Document::parse(&edited.body).is_ok());
            }
        }
        Ok(())
    });
    assert!(good * 20 > all, "{good} of {all} are JSON: this target no longer reaches the editor");
}

/// A valid condition.
fn condition(u: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    let mut conditions = serde_json::Map::new();
    let fields = ["methods", "hosts", "paths", "headers", "query", "cookies", "sources", "all", "any", "not"];
    for _ in 0..u.int_in_range(0..=3)? {
        let field = *u.choose(&fields[..if depth > 0 { fields.len() } else { 7 }])?;
        let value = match field {
            "methods" => json!([*u.choose(&["GET", "a"])?]),
            "hosts" => json!([*u.choose(&["a", "*.a", "a.a"])?]),
            "paths" => json!([{*u.choose(&["exact", "prefix"])?: *u.choose(&["/", "/a", "/a/b"])?}]),
            "headers" => json!({*u.choose(&["x-a", "x-b"])?: value(u)?}),
            "query" | "cookies" => json!({*u.choose(&["a", "b"])?: value(u)?}),
            "sources" => json!(["10.0.0.0/8"]),
            "all" | "any" => json!([condition(u, depth - 1)?, condition(u, depth - 1)?]),
            _ => condition(u, depth - 1)?,
        };
        conditions.insert(field.to_owned(), value);
    }
    Ok(Value::Object(conditions))
}

fn value(u: &mut Unstructured<'_>) -> Result<Value> {
    let test = *u.choose(&["exact", "prefix", "suffix", "contains"])?;
    let text = *u.choose(&["a", "ab", "aab", "b,"])?;
    let of = *u.choose(&["any", "all", "first"])?;
    Ok(json!({test: text, "of": of, "ignore_case": u.arbitrary::<bool>()?, "comma_separated": u.arbitrary::<bool>()?}))
}

/// Bytes, most of them from those that mean something.
fn bytes(u: &mut Unstructured<'_>, alphabet: &[u8]) -> Result<Vec<u8>> {
    let length = u.int_in_range(0..=40)?;
    (0..length).map(|_| if u.ratio(1, 20)? { u.arbitrary() } else { u.choose(alphabet).copied() }).collect()
}

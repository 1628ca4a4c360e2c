//! Which way of several, and how a client is recognised.

use tamis::matching::Subject;
use tamis::split::Split;

use crate::config::{Sticky, StickyCookie};

/// Who a request is from, as far as a split is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Somebody who is known by these bytes.
    Known(Vec<u8>),
    /// Somebody who is to get a cookie: the one at this place of the list.
    New(usize),
    /// Anybody.
    Anybody,
}

/// Looks for what a request is recognised by: the first thing of the list that it has.
///
/// # Errors
///
/// When the request cannot be read.
pub fn who<S: Subject>(sticky: &[Sticky], request: &S) -> Result<Who, S::Error> {
    let mut new = Who::Anybody;
    for (i, sticky) in sticky.iter().enumerate() {
        let value = match sticky {
            Sticky::Header(name) => request.values(name)?.next().map(<[u8]>::to_vec),
            Sticky::Cookie(cookie) => {
                if new == Who::Anybody {
                    new = Who::New(i);
                }
                request.cookies(cookie.name.as_str().as_bytes())?.next().map(<[u8]>::to_vec)
            }
            Sticky::SourceAddress(prefixes) => {
                request.source()?.map(|address| prefixes.block(address).network().to_string().into_bytes())
            }
        };
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            return Ok(Who::Known(value));
        }
    }
    Ok(new)
}

/// The arm of somebody known, or of a random number.
#[must_use]
pub fn arm(split: &Split, who: &Who, random: u64) -> usize {
    match who {
        Who::Known(key) => split.arm(key),
        Who::New(_) | Who::Anybody => split.arm_at_random(random),
    }
}

/// The value of `set-cookie`.
///
/// The value is looked at by nobody else and means nothing, so scripts need not read it; a top-level visit from elsewhere
/// brings it along (`SameSite=Lax`), so that a link leads to where the client was before.
#[must_use]
pub fn set_cookie(cookie: &StickyCookie, value: &str) -> String {
    let mut text = [cookie.name.as_str(), "=", value, "; Path="].concat();
    let path = cookie.path.as_ref().map_or(&b"/"[..], |path| path.as_bytes());
    text.push_str(&String::from_utf8_lossy(path));
    if let Some(seconds) = cookie.max_age {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    text.push_str("; HttpOnly; SameSite=Lax");
    if cookie.secure {
        text.push_str("; Secure");
    }
    text
}

#[cfg(test)]
mod tests {
    use tamis::matching::Request;

    use super::*;

    fn sticky(json: &str) -> Vec<Sticky> {
        tamis::config::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_first_of_the_list_that_is_there_decides() {
        let list = sticky(r#"[{"header": "x-user"}, {"cookie": {"name": "ab"}}, {"source_address": {}}]"#);
        let with = |headers: &[(&str, &str)], source: Option<&str>| Request {
            headers: headers.iter().copied().collect(),
            source: source.map(|source| source.parse().unwrap()),
            ..Request::new("GET", "a", "/")
        };
        let known = |text: &str| Who::Known(text.as_bytes().to_vec());
        let cases = [
            (with(&[("x-user", "u"), ("cookie", "ab=c")], Some("192.0.2.77")), known("u")),
            (with(&[("x-user", ""), ("cookie", "x=1; ab=c")], Some("192.0.2.77")), known("c")),
            (with(&[], Some("192.0.2.77")), known("192.0.2.0")),
            (with(&[], Some("2001:db8:1:2::3")), known("2001:db8:1::")),
            (with(&[], None), Who::New(1)),
        ];
        for (request, expected) in cases {
            assert_eq!(who(&list, &request), Ok(expected));
        }
        assert_eq!(who(&[], &with(&[], None)), Ok(Who::Anybody));
    }

    #[test]
    fn the_cookie_has_its_attributes() {
        let cookie = |json: &str| tamis::config::parse::<StickyCookie>(json.as_bytes()).unwrap();
        assert_eq!(set_cookie(&cookie(r#"{"name": "ab"}"#), "17"), "ab=17; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(
            set_cookie(&cookie(r#"{"name": "ab", "max_age": 60, "path": "/app", "secure": false}"#), "17"),
            "ab=17; Path=/app; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }
}

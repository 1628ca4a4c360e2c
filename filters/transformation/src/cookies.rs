//! What an edit does to a request's cookies.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
use tamis::views::Cookies;
use tamis::{HeaderMap, HeaderName};

/// Edits of a request's cookies: remove, then set. Cookies that no edit names stay as they are, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct CookieEdits {
    /// Cookies to take away, however often they come.
    pub remove: Vec<String>,
    /// Cookies to give exactly one value.
    pub set: Vec<Cookie>,
}

/// A cookie with a value.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value, as it is sent: no white space, `"`, `,`, `;` and `\`.
    pub value: String,
}

const COOKIE: HeaderName = HeaderName::from_static("cookie");

impl CookieEdits {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty()
    }

    /// What is wrong with it, if something is: the place and the words.
    ///
    /// # Errors
    ///
    /// The first name or value that no cookie can have.
    pub fn check(&self) -> Result<(), (String, &'static str)> {
        const NAME: &str = "expected a cookie's name: letters, digits and !#$%&'*+-.^_`|~";
        const VALUE: &str = "expected a cookie's value: no white space, control character, `\"`, `,`, `;`, `\\`";
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(tamis::name::is_token);
        let is_value = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
        for (i, name) in self.remove.iter().enumerate() {
            if !is_name(name) {
                return Err((format!("remove[{i}]"), NAME));
            }
        }
        for (i, cookie) in self.set.iter().enumerate() {
            if !is_name(&cookie.name) {
                return Err((format!("set[{i}].name"), NAME));
            }
            if !is_value(&cookie.value) {
                return Err((format!("set[{i}].value"), VALUE));
            }
        }
        Ok(())
    }

    /// Applies the edits. When something changes, all cookies are in one header afterwards.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    pub fn apply<M: HeaderMap>(&self, headers: &mut M) -> Result<(), M::Error> {
        let mut before = Vec::new();
        for line in headers.get_all(&COOKIE)? {
            before.extend(Cookies::new(line).pairs().map(|(name, value)| (name.to_vec(), value.to_vec())));
        }
        let mut after = before.clone();
        after.retain(|(name, _)| !self.remove.iter().any(|removed| removed.as_bytes() == name));
        for Cookie { name, value } in &self.set {
            let place = after.iter().position(|(there, _)| there == name.as_bytes()).unwrap_or(after.len());
            after.retain(|(there, _)| there != name.as_bytes());
            after.insert(place.min(after.len()), (name.clone().into_bytes(), value.clone().into_bytes()));
        }
        if after == before {
            return Ok(());
        }
        if after.is_empty() {
            return headers.remove(&COOKIE);
        }
        let pairs = after.iter().map(|(name, value)| [name.as_slice(), b"=", value].concat());
        headers.set(&COOKIE, &pairs.collect::<Vec<_>>().join(&b"; "[..]))
    }
}

#[cfg(test)]
mod tests {
    use tamis::MemoryHeaders;

    use super::*;

    fn edited(edits: &str, lines: &[&str]) -> MemoryHeaders {
        let edits: CookieEdits = tamis::config::parse(edits.as_bytes()).unwrap();
        edits.check().unwrap();
        let mut map: MemoryHeaders = lines.iter().map(|line| ("cookie", *line)).collect();
        edits.apply(&mut map).unwrap();
        map
    }

    fn cookie(line: &str) -> MemoryHeaders {
        [("cookie", line)].into_iter().collect()
    }

    #[test]
    fn cookies_are_removed_and_set_in_all_lines() {
        let edits = r#"{"remove": ["debug"], "set": [{"name": "lane", "value": "green"}]}"#;
        assert_eq!(edited(edits, &["a=1; debug=2; lane=x", "debug=3; b=4; lane=y"]), cookie("a=1; lane=green; b=4"));
        assert_eq!(edited(edits, &[]), cookie("lane=green"));
        assert_eq!(edited(r#"{"remove": ["a"]}"#, &["a=1"]), MemoryHeaders::default());
        assert_eq!(edited(r#"{"remove": ["z"]}"#, &["a=1;b=2"]), cookie("a=1;b=2"), "nothing to do");
    }

    #[test]
    fn what_no_cookie_can_have_is_refused() {
        for (edits, place) in [
            (r#"{"remove": [""]}"#, "remove[0]"),
            (r#"{"remove": ["a=b"]}"#, "remove[0]"),
            (r#"{"set": [{"name": "a", "value": "b; c"}]}"#, "set[0].value"),
            (r#"{"set": [{"name": "a b", "value": "c"}]}"#, "set[0].name"),
        ] {
            let edits: CookieEdits = tamis::config::parse(edits.as_bytes()).unwrap();
            assert_eq!(edits.check().unwrap_err().0, place);
        }
    }
}

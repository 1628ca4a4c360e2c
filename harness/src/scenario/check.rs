//! What was seen against what was expected.

use super::model::{Expect, ExpectFields, FieldMatch};

/// What an engine saw of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The request as it came to the upstream; nothing when it did not.
    pub upstream: Option<Seen>,
    /// The response as it came to the client; nothing when the stream was closed or stayed where it was.
    pub response: Option<Seen>,
    /// Why there is no response.
    pub note: Option<String>,
}

/// A message as one side saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its headers in order, names in lower case, pseudo headers first.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Seen {
    /// All values of a header.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter_map(move |(key, value)| (key == name).then_some(value.as_slice()))
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }
}

impl Observed {
    /// What differs from the expectation, each as a line.
    #[must_use]
    pub fn differences(&self, expect: &Expect) -> Vec<String> {
        let mut found = Vec::new();
        match (&self.upstream, expect.upstream.reached) {
            (None, true) => found.push("upstream: the request did not get there".to_owned()),
            (Some(_), false) => found.push("upstream: the request got there, and should not".to_owned()),
            (None, false) => {}
            (Some(seen), true) => {
                let upstream = &expect.upstream;
                for (name, wanted) in
                    [(":method", &upstream.method), (":path", &upstream.path), (":authority", &upstream.authority)]
                {
                    if let Some(wanted) = wanted {
                        compare(&mut found, &format!("upstream {name}"), wanted.as_bytes(), seen.get(name));
                    }
                }
                headers(&mut found, "upstream", &upstream.headers, seen);
                if let Some(wanted) = &upstream.body {
                    compare(&mut found, "upstream body", wanted.as_bytes(), Some(&seen.body));
                }
            }
        }
        let response = &expect.response;
        match &self.response {
            None => found.push(format!("response: none; {}", self.note.as_deref().unwrap_or("the stream was closed"))),
            Some(seen) => {
                if let Some(wanted) = response.status {
                    compare(&mut found, "response status", wanted.to_string().as_bytes(), seen.get(":status"));
                }
                headers(&mut found, "response", &response.headers, seen);
                if let Some(wanted) = &response.body {
                    compare(&mut found, "response body", wanted.as_bytes(), Some(&seen.body));
                }
            }
        }
        found
    }
}

fn headers(found: &mut Vec<String>, side: &str, expected: &ExpectFields, seen: &Seen) {
    for (name, wanted) in &expected.0 {
        let values = seen.get_all(name).map(shown).collect::<Vec<_>>();
        match wanted {
            FieldMatch::Absent if values.is_empty() => {}
            FieldMatch::Absent => found.push(format!("{side} header {name}: expected none, saw {}", values.join(", "))),
            FieldMatch::Values(wanted) => {
                let wanted = wanted.iter().map(|value| shown(value.as_bytes())).collect::<Vec<_>>();
                if wanted != values {
                    let values = if values.is_empty() { "none".to_owned() } else { values.join(", ") };
                    found.push(format!("{side} header {name}: expected {}, saw {values}", wanted.join(", ")));
                }
            }
        }
    }
}

fn compare(found: &mut Vec<String>, what: &str, wanted: &[u8], seen: Option<&[u8]>) {
    if seen != Some(wanted) {
        let seen = seen.map_or_else(|| "none".to_owned(), shown);
        found.push(format!("{what}: expected {}, saw {seen}", shown(wanted)));
    }
}

/// Bytes as a quoted text.
fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    fn seen(headers: &[(&str, &str)], body: &str) -> Seen {
        Seen {
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect(),
            body: body.into(),
        }
    }

    fn differences(expect: &str) -> Vec<String> {
        let observed = Observed {
            upstream: Some(seen(&[(":method", "GET"), (":path", "/"), ("x-a", "1"), ("x-a", "2")], "")),
            response: Some(seen(&[(":status", "200")], "ok")),
            note: None,
        };
        observed.differences(&parse_as(expect).unwrap())
    }

    #[test]
    fn what_is_not_named_is_not_looked_at() {
        assert_eq!(differences("{}"), [""; 0]);
    }

    #[test]
    fn what_is_named_must_be_so() {
        assert_eq!(
            differences(
                "upstream: {headers: {X-A: ['1', '2'], x-b: {absent: true}}}\nresponse: {status: 200, body: ok}"
            ),
            [""; 0]
        );
    }

    #[test]
    fn differences_are_told() {
        assert_eq!(
            differences(
                "upstream: {path: /x, headers: {x-a: 1, x-b: 2}}\nresponse: {status: 404, headers: {':status': {absent: true}}, body: no}"
            ),
            [
                "upstream :path: expected \"/x\", saw \"/\"",
                "upstream header x-a: expected \"1\", saw \"1\", \"2\"",
                "upstream header x-b: expected \"2\", saw none",
                "response status: expected \"404\", saw \"200\"",
                "response header :status: expected none, saw \"200\"",
                "response body: expected \"no\", saw \"ok\"",
            ]
        );
        assert_eq!(differences("upstream: {reached: false}"), ["upstream: the request got there, and should not"]);
    }
}

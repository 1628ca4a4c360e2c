//! Whose counter a request is counted on.
//!
//! The parts of a key are written one behind the other, each with its length, so that no two requests with different parts
//! make the same bytes; what is kept is a keyed hash of them, of which nobody outside can find two that meet.
//!
//! A client chooses what it sends. Where a part is there **more than once** (two headers of the name, two cookies, two query
//! parameters), one value may be what the upstream reads and the other junk that is new each time; so all such requests are counted on
//! one counter, unless the configuration says that the list as a whole is the value. **Without** the part, requests are
//! counted on one counter too: leaving a header out is no way around a limit.

use std::net::IpAddr;

use tamis::HeaderName;
use tamis::hash::{Hashing, Key};
use tamis::matching::Subject;
use tamis::views::{Prefixes, Query};

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The value of a header.
    Header(HeaderName, Repeated),
    /// The value of a cookie.
    Cookie(String, Repeated),
    /// The value of a query parameter, decoded.
    Query(String, Repeated),
    /// The block that the client's address is in: with IPv6 its first half, because one customer has at least so many addresses.
    SourceAddress(Prefixes<32, 64>),
    /// The method.
    Method,
    /// The host, without port, in lower case.
    Host,
    /// The path without the query, as the client wrote it.
    Path,
    /// A text that is the same for all.
    Constant(String),
}

/// What a part is that is there more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repeated {
    /// All such requests are counted on one counter.
    #[default]
    Together,
    /// The values in their order are the value.
    Joined,
}

/// What stands for a value.
const ABSENT: u8 = 0;
const ONE: u8 = 1;
const SEVERAL: u8 = 2;
const LIST: u8 = 3;

/// The tag of a request's counter: of the tier that applies and of its key's parts.
///
/// # Errors
///
/// When the request cannot be read.
pub fn tag<S: Subject>(key: &Key, tier: &str, parts: &[Part], request: &S) -> Result<u64, S::Error> {
    let mut tag = Tag(key.begin());
    tag.put(tier.as_bytes());
    for part in parts {
        part.put(&mut tag, request)?;
    }
    Ok(tag.0.finish())
}

impl Part {
    fn put<S: Subject>(&self, tag: &mut Tag, request: &S) -> Result<(), S::Error> {
        match self {
            Self::Header(name, repeated) => tag.put_all(request.values(name)?, *repeated),
            Self::Cookie(name, repeated) => tag.put_all(request.cookies(name.as_bytes())?, *repeated),
            Self::Query(name, repeated) => {
                let query = request.parsed_path()?.query().unwrap_or(Query::new(b""));
                tag.put_all(query.get_all(name.as_bytes()).map(|pair| pair.decoded_value()), *repeated);
            }
            Self::SourceAddress(prefixes) => match request.source()? {
                Some(address) => tag.put_address(prefixes.block(address).network()),
                None => tag.kind(ABSENT),
            },
            Self::Method => tag.put_all(request.method()?, Repeated::Together),
            Self::Host => {
                let authority = request.parsed_authority()?;
                tag.put_all(authority.map(|authority| authority.name().to_ascii_lowercase()), Repeated::Together);
            }
            Self::Path => tag.put_all([request.parsed_path()?.path()], Repeated::Together),
            Self::Constant(text) => tag.put_all([text], Repeated::Together),
        }
        Ok(())
    }
}

/// A tag that is being made.
struct Tag(Hashing);

impl Tag {
    fn put_address(&mut self, address: IpAddr) {
        self.kind(ONE);
        match address {
            IpAddr::V4(address) => self.put(&address.octets()),
            IpAddr::V6(address) => self.put(&address.octets()),
        }
    }

    fn put_all<V: AsRef<[u8]>>(&mut self, values: impl IntoIterator<Item = V>, repeated: Repeated) {
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return self.kind(ABSENT) };
        let Some(second) = values.next() else {
            self.kind(ONE);
            return self.put(first.as_ref());
        };
        match repeated {
            Repeated::Together => self.kind(SEVERAL),
            Repeated::Joined => {
                let rest = values.collect::<Vec<V>>();
                self.kind(LIST);
                self.0.write_u64(rest.len() as u64 + 2);
                self.put(first.as_ref());
                self.put(second.as_ref());
                rest.iter().for_each(|value| self.put(value.as_ref()));
            }
        }
    }

    fn kind(&mut self, kind: u8) {
        self.0.write_u8(kind);
    }

    fn put(&mut self, value: &[u8]) {
        self.0.write_u64(value.len() as u64);
        self.0.write(value);
    }
}

#[cfg(test)]
mod tests {
    use tamis::matching::Request;

    use super::*;

    const X_KEY: HeaderName = HeaderName::from_static("x-key");

    fn tag_of(parts: &[Part], request: &Request) -> u64 {
        tag(&Key::new([7; 16]), "", parts, request).unwrap()
    }

    fn with_headers(headers: &[(&str, &str)]) -> Request {
        Request { headers: headers.iter().copied().collect(), ..Request::new("GET", "a", "/") }
    }

    #[test]
    fn one_header_cannot_be_made_to_look_like_two() {
        let parts = [Part::Header(X_KEY, Repeated::Joined), Part::Header(X_KEY, Repeated::Together)];
        let one = with_headers(&[("x-key", "ab")]);
        let two = with_headers(&[("x-key", "a"), ("x-key", "b")]);
        for part in parts {
            assert_ne!(tag_of(std::slice::from_ref(&part), &one), tag_of(&[part], &two));
        }
    }

    #[test]
    fn junk_beside_a_key_makes_no_new_counter() {
        let part = [Part::Header(X_KEY, Repeated::Together)];
        let tags = ["1", "2"].map(|junk| tag_of(&part, &with_headers(&[("x-key", "mine"), ("x-key", junk)])));
        assert_eq!(tags[0], tags[1]);
        let query = [Part::Query("key".to_owned(), Repeated::Together)];
        let paths =
            ["/?key=mine&key=1", "/?%6bey=mine&key=2"].map(|path| tag_of(&query, &Request::new("GET", "a", path)));
        assert_eq!(paths[0], paths[1]);
        let cookie = [Part::Cookie("key".to_owned(), Repeated::Together)];
        let split = [("cookie", "key=mine"), ("cookie", "key=1")];
        assert_eq!(
            tag_of(&cookie, &with_headers(&split)),
            tag_of(&cookie, &with_headers(&[("cookie", "key=x; key=y; key=z")])),
        );
    }

    #[test]
    fn what_is_left_out_is_a_key_too_and_not_the_empty_one() {
        let part = [Part::Header(X_KEY, Repeated::Together)];
        assert_eq!(tag_of(&part, &with_headers(&[])), tag_of(&part, &with_headers(&[("x-other", "1")])));
        assert_ne!(tag_of(&part, &with_headers(&[])), tag_of(&part, &with_headers(&[("x-key", "")])));
    }

    #[test]
    fn spellings_of_a_host_and_addresses_of_a_block_are_one() {
        let host = ["a.example", "A.EXAMPLE.", "a.example:8080"]
            .map(|host| tag_of(&[Part::Host], &Request::new("GET", host, "/")));
        assert!(host.iter().all(|tag| *tag == host[0]));
        let at = |address: &str| Request { source: Some(address.parse().unwrap()), ..Request::new("GET", "a", "/") };
        let block = [Part::SourceAddress(Prefixes::default())];
        assert_eq!(tag_of(&block, &at("2001:db8::1")), tag_of(&block, &at("2001:db8::ffff:1")));
        assert_ne!(tag_of(&block, &at("2001:db8::1")), tag_of(&block, &at("2001:db8:0:1::1")));
        assert_eq!(tag_of(&block, &at("::ffff:192.0.2.1")), tag_of(&block, &at("192.0.2.1")));
        assert_ne!(tag_of(&block, &at("192.0.2.1")), tag_of(&block, &at("192.0.2.2")));
    }

    #[test]
    fn tiers_and_methods_have_counters_of_their_own() {
        let request = Request::new("GET", "a", "/");
        let key = Key::new([7; 16]);
        assert_ne!(tag(&key, "gold", &[], &request), tag(&key, "silver", &[], &request));
        assert_ne!(tag_of(&[Part::Method], &request), tag_of(&[Part::Method], &Request::new("POST", "a", "/")));
        assert_eq!(tag_of(&[Part::Path], &request), tag_of(&[Part::Path], &Request::new("GET", "a", "/?x")));
    }
}

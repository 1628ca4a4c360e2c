//! Headers and properties of any bytes: no panic, and no byte is lost.

use proptest::prelude::*;
use tamis_harness::context::{Attributes, HeaderMap};
use tamis_harness::stream::{Direction, Frame, Out};

use crate::proxy;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Names of any bytes, some of them again and again; pseudo headers have a test's own.
fn any_headers() -> impl Strategy<Value = Pairs> {
    let name = prop_oneof![
        Just(b"x-a".to_vec()),
        Just(b"x-kept".to_vec()),
        "[a-z-]{1,8}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..8).prop_filter("no pseudo header", |name| name[0] != b':'),
    ];
    let name = name.prop_filter("the filter's own", |name| name != b"x-result");
    proptest::collection::vec((name, any::<Vec<u8>>()), 0..8)
}

/// What is there, in the order of the names; the values of one name in theirs.
fn sorted(map: &HeaderMap) -> Pairs {
    let mut pairs = map.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect::<Pairs>();
    pairs.retain(|(name, _)| name != b"x-result");
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

proptest! {
    #[test]
    fn no_byte_of_a_header_is_lost(headers in any_headers()) {
        let (mut proxy, process) = proxy(1);
        let pseudo = [(":authority", "example.com"), (":path", "/headers"), (":method", "GET")];
        let mut map = pseudo.into_iter().collect::<HeaderMap>();
        for (name, value) in &headers {
            map.add(name, value);
        }
        let before = sorted(&map);
        let stream = proxy.open_on(0, Attributes::default());
        proxy.send(stream, Direction::Request, Frame::Headers(map), true);
        let after = proxy.take_out(stream).into_iter().find_map(|out| match out {
            Out::Request(Frame::Headers(headers), _) => Some(headers),
            _ => None,
        });
        let after = after.unwrap();
        prop_assert_eq!(sorted(&after), before);
        if headers.iter().any(|(name, _)| name == b"x-kept") {
            prop_assert_eq!(after.get(b"x-result"), Some(b"kept".as_slice()));
        }
        prop_assert!(!process.log_lines().iter().any(|line| line.message.contains("panic")));
    }
}

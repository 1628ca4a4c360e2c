//! What the views show, as tables.

use std::net::IpAddr;

use tamis_core::views::{Authority, Cidr, ContentType, Cookies, Query, RequestPath, address, cookies, forwarded};

/// Every byte as the character of its number.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[test]
fn paths() {
    for (raw, path, query, fragment) in [
        ("/", "/", None, None),
        ("/a/b?c=d", "/a/b", Some("c=d"), None),
        ("/a?", "/a", Some(""), None),
        ("/a?b?c", "/a", Some("b?c"), None),
        ("/a?b#c", "/a", Some("b"), Some("c")),
        ("/a#b?c", "/a", None, Some("b?c")),
        ("/%2e%2E/%2f//;a=b", "/%2e%2E/%2f//;a=b", None, None),
        ("*", "*", None, None),
        ("", "", None, None),
        ("http://h/a?b", "http://h/a", Some("b"), None),
    ] {
        let view = RequestPath::new(raw.as_bytes());
        assert_eq!(text(view.path()), path, "{raw}");
        assert_eq!(view.query().map(|query| text(query.raw())).as_deref(), query, "{raw}");
        assert_eq!(view.fragment().map(text).as_deref(), fragment, "{raw}");
        assert_eq!(view.raw(), raw.as_bytes());
    }
}

#[test]
fn segments() {
    for (raw, segments) in [
        ("/", vec![""]),
        ("/a", vec!["a"]),
        ("/a/", vec!["a", ""]),
        ("//a//b", vec!["", "a", "", "b"]),
        ("/a%2Fb/c;d", vec!["a%2Fb", "c;d"]),
        ("*", vec![]),
        ("", vec![]),
        ("a/b", vec![]),
    ] {
        assert_eq!(RequestPath::new(raw.as_bytes()).segments().map(text).collect::<Vec<_>>(), segments, "{raw}");
    }
}

#[test]
fn queries() {
    for (raw, pairs) in [
        ("", vec![]),
        ("a=1&b=2&a=3", vec![("a", Some("1")), ("b", Some("2")), ("a", Some("3"))]),
        ("a&b=&=c&&=", vec![("a", None), ("b", Some("")), ("", Some("c")), ("", Some(""))]),
        ("a=b=c;d=e", vec![("a", Some("b=c;d=e"))]),
        ("%61=%31+", vec![("%61", Some("%31+"))]),
    ] {
        let shown: Vec<_> = Query::new(raw.as_bytes()).pairs().map(|p| (text(p.name), p.value.map(text))).collect();
        let pairs: Vec<_> = pairs.into_iter().map(|(n, v)| (n.to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(shown, pairs, "{raw}");
    }
    let query = Query::new(b"a=1&%61=%32&A=3&a%00=4&a=%zz%4&a");
    let values: Vec<_> = query.get_all(b"a").map(|pair| text(&pair.decoded_value())).collect();
    assert_eq!(values, ["1", "2", "%zz%4", ""]);
}

#[test]
fn cookie_lines() {
    for (line, pairs) in [
        ("", vec![]),
        ("a=1", vec![("a", "1")]),
        ("a=1; a=2;b=3 ;\tc = 4", vec![("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")]),
        ("a=\"1\"; b=c=d; flag; =x;;", vec![("a", "\"1\""), ("b", "c=d"), ("", "flag"), ("", "x")]),
        ("a=1, b=2", vec![("a", "1, b=2")]),
    ] {
        let shown: Vec<_> = Cookies::new(line.as_bytes()).pairs().map(|(n, v)| (text(n), text(v))).collect();
        let pairs: Vec<_> = pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(shown, pairs, "{line}");
    }
    let lines = [b"a=1; b=2".as_slice(), b"A=9; a=\"3\"; a=\"", b"a=\xff"];
    assert_eq!(cookies(lines, b"a").map(text).collect::<Vec<_>>(), ["1", "3", "\"", "\u{ff}"]);
}

#[test]
fn content_types() {
    for (value, essence, parameters) in [
        ("text/html", "text/html", vec![]),
        (" text/html ; charset=utf-8", "text/html", vec![("charset", "utf-8")]),
        ("A/B;C=D;c=e", "A/B", vec![("C", "D"), ("c", "e")]),
        (r#"a/b; q="x;y\"z\\"; r=s"#, "a/b", vec![("q", r#"x;y"z\"#), ("r", "s")]),
        (r#"a/b; bad; =x; n=; sp ace=1; q="open"#, "a/b", vec![]),
        (r#"a/b; q="a"b; r=""; s="\"""#, "a/b", vec![("r", ""), ("s", "\"")]),
    ] {
        let view = ContentType::parse(value.as_bytes()).unwrap();
        assert_eq!(text(view.essence()), essence, "{value}");
        let shown: Vec<_> = view.parameters().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        let parameters: Vec<_> = parameters.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        assert_eq!(shown, parameters, "{value}");
    }
    for value in ["", "text", "/html", "text/", "a/b, c/d", "a/b/c", "a b/c", "text/html\u{e9}", ";a=b"] {
        assert!(ContentType::parse(value.as_bytes()).is_err(), "{value}");
    }
    for (value, json) in [
        ("application/json", true),
        ("APPLICATION/JSON;charset=x", true),
        ("application/problem+Json", true),
        ("text/json", true),
        ("application/jsonp", false),
        ("application/json-seq", false),
        ("x/json", false),
    ] {
        assert_eq!(ContentType::parse(value.as_bytes()).unwrap().is_json(), json, "{value}");
    }
}

#[test]
fn authorities() {
    for (value, host, port) in [
        ("example.com", "example.com", None),
        ("Example.com:80", "Example.com", Some(80)),
        ("example.com:", "example.com", None),
        ("example.com:00080", "example.com", Some(80)),
        ("[::1]", "[::1]", None),
        ("[2001:db8::1]:443", "[2001:db8::1]", Some(443)),
        ("a\u{ff}", "a\u{c3}\u{bf}", None),
    ] {
        let view = Authority::parse(value.as_bytes()).unwrap();
        assert_eq!((text(view.host()), view.port()), (host.to_owned(), port), "{value}");
    }
    let bad = [
        "",
        ":80",
        "a:b",
        "a:65536",
        "a:80:80",
        "a:+1",
        "u@a",
        "::1",
        "[::1",
        "[::1]80",
        "[]",
        "[1.2.3.4]",
        "[::1%25eth0]",
        "a: 80",
    ];
    for value in bad {
        assert!(Authority::parse(value.as_bytes()).is_err(), "{value}");
    }
    assert!(Authority::parse(b"Example.COM.:80").unwrap().host_is("example.com"));
    assert!(!Authority::parse(b"example.com..").unwrap().host_is("example.com"));
    assert_eq!(Authority::parse(b"127.0.0.1:80").unwrap().address(), Some("127.0.0.1".parse().unwrap()));
    assert_eq!(Authority::parse(b"127.1").unwrap().address(), None);
}

#[test]
fn addresses() {
    for (value, address) in [
        ("192.0.2.1", Some("192.0.2.1")),
        ("192.0.2.1:80", Some("192.0.2.1")),
        ("::ffff:192.0.2.1", Some("192.0.2.1")),
        ("[::ffff:192.0.2.1]:80", Some("192.0.2.1")),
        ("2001:DB8::1", Some("2001:db8::1")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("[192.0.2.1]", None),
        ("192.0.2.01", None),
        ("0xc0.0.2.1", None),
        ("192.0.2", None),
        ("fe80::1%eth0", None),
        ("unknown", None),
        ("", None),
        (" 192.0.2.1", None),
    ] {
        let expected: Option<IpAddr> = address.map(|address| address.parse().unwrap());
        assert_eq!(address::parse_with_port(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn blocks() {
    for (block, address, inside) in [
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("10.0.0.0/8", "::10.1.1.1", false),
        ("::ffff:10.0.0.0/104", "10.1.1.1", true),
        ("0.0.0.0/0", "255.255.255.255", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "1.2.3.4", false),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("2001:db8::/33", "2001:db8:7fff::", true),
        ("2001:db8::/33", "2001:db8:8000::", false),
    ] {
        assert_eq!(Cidr::parse(block).unwrap().contains(address.parse().unwrap()), inside, "{block} {address}");
    }
    for (text, error) in [
        ("10.0.0.1/8", "the address has bits behind the first 8: a block is written by its first address"),
        ("::1/64", "the address has bits behind the first 64: a block is written by its first address"),
        ("10.0.0.0/33", "expected a number of bits from 0 to 32 behind the slash"),
        ("10.0.0.0/+8", "expected a number of bits from 0 to 32 behind the slash"),
        ("::/129", "expected a number of bits from 0 to 128 behind the slash"),
        ("::/", "expected a number of bits from 0 to 128 behind the slash"),
        ("localhost", "expected an address such as 192.0.2.1 or 2001:db8::1, or a block of them such as 10.0.0.0/8"),
    ] {
        assert_eq!(Cidr::parse(text).unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn hops() {
    let lines = ["203.0.113.9, 198.51.100.7", "", " 10.0.0.2 ,10.0.0.1:4711"];
    for (trusted, address) in [
        (0, Some("10.0.0.1")),
        (1, Some("10.0.0.2")),
        (2, Some("198.51.100.7")),
        (3, Some("203.0.113.9")),
        (4, None),
        (usize::MAX, None),
    ] {
        let expected: Option<IpAddr> = address.map(|address| address.parse().unwrap());
        assert_eq!(forwarded::client(lines.map(str::as_bytes), trusted), expected, "{trusted}");
    }
    // Nobody is believed in place of an entry that is no address.
    assert_eq!(forwarded::client([b"1.2.3.4, unknown".as_slice()], 0), None);
    assert_eq!(forwarded::client([b"1.2.3.4, \xff".as_slice()], 0), None);
    assert_eq!(forwarded::client([], 0), None);
}

//! Header maps: every one by every name, in and out of phase (rules HDR-1, HDR-3, HDR-5, HDR-6, HDR-7), at the end (HDR-4), and
//! what writing makes of them (HDR-8, HDR-9, HDR-10, HDR-11, HDR-12, MEM-5).

use super::{BAD_BYTES, BAD_OUT, MAPS, cross, each, lines, pairs};

const NAMES: [&str; 10] =
    [":path", ":status", ":authority", "Host", "x-a", "X-A", "x-r", "x-t", "x-empty", "content-type"];

pub(super) fn header_value() -> Vec<String> {
    let names = NAMES.map(|name| format!("\"{name}\""));
    let mut calls = cross("proxy_get_header_map_value {0} {1} @data", &MAPS, &names);
    calls.extend(cross("proxy_get_header_map_value {0} {1} @data", &[0, 2, 7, 8], &BAD_BYTES));
    calls.extend(cross("proxy_get_header_map_value {0} \"x-a\" {1} @u32", &[0, 2, 8], &BAD_OUT));
    calls.extend(cross("proxy_get_header_map_value {0} \"x-a\" @u32 {1}", &[0, 2, 8], &BAD_OUT));
    calls.extend(lines(&[
        "proxy_get_header_map_value 0 \"\" @data",
        "proxy_get_header_map_value 0 \"x-a \" @data",
        "proxy_get_header_map_value 0 \"x-a\\x00\" @data",
        "proxy_get_header_map_value 0 \"\\xff\\xfe\" @data",
        "proxy_get_header_map_value 0 \"missing\" @data",
        "proxy_get_header_map_value 0 \"missing\" !max !max",
        "proxy_get_header_map_value 0 \"x-empty\" !max !max",
        "proxy_get_header_map_value 0 ~70000 @data",
    ]));
    calls
}

pub(super) fn header_pairs() -> Vec<String> {
    let mut calls = each("proxy_get_header_map_pairs {} @data", &MAPS);
    calls.extend(cross("proxy_get_header_map_pairs {0} {1} @u32", &MAPS, &BAD_OUT));
    calls.extend(cross("proxy_get_header_map_pairs {0} @u32 {1}", &[0, 1, 2, 3, 8], &BAD_OUT));
    calls
}

pub(super) fn header_size() -> Vec<String> {
    let mut calls = each("proxy_get_header_map_size {} @u32", &MAPS);
    calls.extend(cross("proxy_get_header_map_size {0} {1}", &MAPS, &BAD_OUT));
    // What was made by asking can be seen.
    calls.extend(each("proxy_get_header_map_pairs {} @data", &[1, 3]));
    calls
}

pub(super) fn header_write() -> Vec<String> {
    let mut calls = Vec::new();
    for map in MAPS {
        calls.extend(
            [
                "proxy_add_header_map_value {} \"x-new\" \"1\"",
                "proxy_add_header_map_value {} \"X-New\" \"2\"",
                "proxy_add_header_map_value {} \"via\" \"a\"",
                "proxy_add_header_map_value {} \"via\" \"b\"",
                "proxy_get_header_map_pairs {} @data",
                "proxy_replace_header_map_value {} \"x-NEW\" \"3\"",
                "proxy_replace_header_map_value {} \"x-none\" \"\"",
                "proxy_get_header_map_size {} @u32",
                "proxy_get_header_map_pairs {} @data",
                "proxy_remove_header_map_value {} \"X-new\"",
                "proxy_remove_header_map_value {} \"x-none\"",
                "proxy_remove_header_map_value {} \"x-missing\"",
                "proxy_remove_header_map_value {} \"via\"",
                "proxy_get_header_map_pairs {} @data",
            ]
            .map(|call| call.replace("{}", &map.to_string())),
        );
    }
    calls
}

pub(super) fn header_write_bad() -> Vec<String> {
    let mut calls = Vec::new();
    for function in ["proxy_add_header_map_value", "proxy_replace_header_map_value"] {
        calls.extend(cross(&format!("{function} {{0}} {{1}} \"v\""), &[0, 2, 4, 8], &BAD_BYTES));
        calls.extend(cross(&format!("{function} {{0}} \"x-bad\" {{1}}"), &[0, 2, 4, 8], &BAD_BYTES));
    }
    calls.extend(cross("proxy_remove_header_map_value {0} {1}", &[0, 2, 4, 8], &BAD_BYTES));
    calls.extend(cross("proxy_set_header_map_pairs {0} {1}", &[4, 5, 6, 7, 8, -1], &BAD_BYTES));
    calls.extend(cross("proxy_set_header_map_pairs {0} {1}", &[0, 2], &BAD_BYTES));
    calls.extend(each("proxy_get_header_map_pairs {} @data", &[0, 2]));
    calls
}

/// Names and values that are odd; what they were is taken away again, so that the upstream takes the message.
pub(super) fn header_names() -> Vec<String> {
    let mut calls = Vec::new();
    for map in [0, 1, 2, 3] {
        for (name, value) in [
            ("x-bytes", "\\x80\\xff"),
            ("x-space", "  a  "),
            ("x-long", ""),
            ("x y", "1"),
            ("\\xc3\\xa9", "1"),
            ("x-tab", "\\x09"),
            ("host", "other"),
            ("cookie", "b=2"),
            ("set-cookie", "b=2"),
            ("accept", "a"),
            ("accept", "b"),
            ("vary", "a"),
            ("vary", "b"),
            ("content-length", "1"),
            ("x-envoy-unknown", "1"),
            ("x-forwarded-for", "1.2.3.4"),
        ] {
            calls.push(format!("proxy_add_header_map_value {map} \"{name}\" \"{value}\""));
            calls.push(format!("proxy_get_header_map_value {map} \"{name}\" @data"));
        }
        calls.push(format!("proxy_add_header_map_value {map} \"x-large\" ~20000"));
        calls.push(format!("proxy_get_header_map_pairs {map} @data"));
        for name in ["x-bytes", "x-space", "x-long", "x y", "\\xc3\\xa9", "x-tab", "accept", "vary", "x-large"] {
            calls.push(format!("proxy_remove_header_map_value {map} \"{name}\""));
        }
        calls.push(format!("proxy_remove_header_map_value {map} \"content-length\""));
        calls.push(format!("proxy_get_header_map_pairs {map} @data"));
    }
    calls
}

pub(super) fn header_set_pairs() -> Vec<String> {
    let request = pairs(&[
        (":authority", "example.com"),
        (":path", "/trailers?a=1&b=%20"),
        (":method", "POST"),
        (":scheme", "http"),
        // Without it there is no route.
        ("x-forwarded-proto", "http"),
        ("x-s", "1"),
    ]);
    let response = pairs(&[(":status", "200"), ("x-s", "1")]);
    let trailers = pairs(&[("x-s", "1"), ("X-S", "2")]);
    let one = pairs(&[("a", "b")]);
    let malformed = [
        String::new(),
        "\\x00".to_owned(),
        "\\x00\\x00\\x00\\x00".to_owned(),
        "\\x00\\x00\\x00\\x00\\x00".to_owned(),
        "\\xff\\xff\\xff\\xff".to_owned(),
        "\\x01\\x00\\x00\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff".to_owned(),
        format!("{one}\\x00"),
        one.replacen("\\x00", "\\x01", 1),
        one.trim_end_matches("\\x00").to_owned(),
        one.replace("a\\x00", "aX"),
        pairs(&[("", "")]),
        pairs(&[("x-a", "1"), ("x-a", "2"), ("via", "1"), ("via", "2")]),
    ];
    let mut calls = Vec::new();
    calls.push("proxy_get_property \"response\\x00code_details\" @data".to_owned());
    for (map, whole) in [(0, &request), (1, &trailers), (2, &response), (3, &trailers), (4, &one), (7, &one), (8, &one)]
    {
        for wire in &malformed {
            calls.push(format!("proxy_set_header_map_pairs {map} \"{wire}\""));
            calls.push(format!("proxy_get_header_map_pairs {map} @data"));
        }
        calls.push(format!("proxy_set_header_map_pairs {map} ~1048577"));
        calls.push(format!("proxy_set_header_map_pairs {map} \"{whole}\""));
        calls.push(format!("proxy_get_header_map_pairs {map} @data"));
    }
    calls
}

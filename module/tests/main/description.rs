//! The section by which a module describes itself.

use std::io::Write as _;

use serde_json::json;
use tamis_module::description::{Description, DescriptionError};
use tamis_module::post_link::{PostLink, post_link};

use crate::plain::{five_phases, with_base};

fn section(json: &str) -> Vec<u8> {
    with_base(&format!(r#"(@custom "tamis.description" "{}")"#, json.replace('"', "\\\"")))
}

#[test]
fn a_module_without_one_has_none() {
    assert!(Description::read(&five_phases()).unwrap().is_none());
}

#[test]
fn only_the_name_and_the_format_are_needed() {
    let found = Description::read(&section(r#"{"format":1,"name":"t"}"#)).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.held_headers), ("t", false));
    assert!(found.reference().contains("does not describe"));
}

#[test]
fn what_a_newer_sdk_adds_is_kept() {
    let json = r#"{"format":2,"name":"t","images":{"lean":true},"phases":["request_headers","from_the_future"]}"#;
    let found = Description::read(&section(json)).unwrap().unwrap();
    assert_eq!(found.phases, ["request_headers", "from_the_future"]);
    assert_eq!(found.more["images"], json!({"lean": true}));
    let again = post_link(&five_phases(), &PostLink { description: Some(&found), ..PostLink::default() }).unwrap();
    assert_eq!(Description::read(&again.module).unwrap(), Some(found));
}

#[test]
fn a_damaged_one_says_where_and_what_to_do() {
    let error = Description::read(&section(r#"{"format":1,"name":7}"#)).unwrap_err().to_string();
    assert!(error.contains("`tamis.description`") && error.contains("line 1 column 20"), "{error}");
    assert!(error.contains("tamis build"), "{error}");
    let twice = with_base(r#"(@custom "tamis.description" "{}") (@custom "tamis.description" "{}")"#);
    assert!(matches!(Description::read(&twice), Err(DescriptionError::Several { count: 2 })));
    assert!(matches!(Description::read(b"hello"), Err(DescriptionError::Module(_))));
}

fn packed(json: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(json).unwrap();
    packed.finish().unwrap()
}

fn with_bytes(section: &[u8]) -> Vec<u8> {
    let escaped: String = section.iter().map(|byte| format!("\\{byte:02x}")).collect();
    with_base(&format!(r#"(@custom "tamis.description" "{escaped}")"#))
}

#[test]
fn a_packed_one_is_read_and_a_damaged_one_is_refused() {
    let whole = packed(br#"{"format":1,"name":"t"}"#);
    assert_eq!(Description::read(&with_bytes(&whole)).unwrap().unwrap().name, "t");
    for cut in 1..whole.len() {
        let error = Description::read(&with_bytes(&whole[..cut])).unwrap_err().to_string();
        assert!(error.contains("tamis build"), "{cut} bytes: {error}");
    }
}

#[test]
fn what_packs_more_than_it_may_is_refused() {
    let long = Description::MAX_BYTES as usize + 1;
    let bomb = packed(&[br#"{"format":1,"name":""#.as_slice(), &vec![b'a'; long], b"\"}"].concat());
    assert!(bomb.len() < 10_000, "{} bytes", bomb.len());
    let error = Description::read(&with_bytes(&bomb)).unwrap_err();
    assert!(matches!(error, DescriptionError::Packed { .. }), "{error}");
}

//! What reads bytes: header maps in their wire form, header maps, scenario files, configurations.

use std::path::Path;
use std::sync::Arc;

use tamis_core::Pairs;
use tamis_harness::context::{HeaderMap, Plugin, Process, decode_pairs, encode_pairs};
use tamis_harness::document::{Document, DocumentError};
use tamis_harness::scenario::Scenario;
use tamis_harness::scenario::modules::built;
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadError, LoadedModule, Proxy};

use super::changed;

/// What the host's reader takes and the guest's does not need to know (rule MEM-5).
const MOST_PAIRS: usize = 1024;

#[test]
fn the_guest_and_the_host_read_pairs_alike() {
    let one = Pairs::encode([(b"a".as_slice(), b"1".as_slice()), (b"", b""), (b"a", b"\0\xff")]);
    tamis_fuzz::fuzz_long(4000, |u| {
        let wire = match u.int_in_range(0..=2)? {
            0 => u.arbitrary::<Vec<u8>>()?,
            1 => changed(u, &one)?,
            _ => {
                let pairs = u.arbitrary::<Vec<(Vec<u8>, Vec<u8>)>>()?;
                let wire = Pairs::encode(pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
                assert_eq!(decode_pairs(&wire), pairs);
                changed(u, &wire)?
            }
        };
        let host = decode_pairs(&wire);
        match Pairs::parse(&wire) {
            Ok(guest) if guest.iter().count() <= MOST_PAIRS => {
                let guest = guest.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect::<Vec<_>>();
                assert_eq!(guest, host);
            }
            // What is malformed is no pairs for the host.
            Ok(_) | Err(_) => assert_eq!(host, []),
        }
        Ok(())
    });
}

#[test]
fn a_header_map_keeps_its_shape_whatever_is_put_into_it() {
    const NAMES: [&[u8]; 12] = [
        b":path",
        b":status",
        b":method",
        b"host",
        b"Host",
        b":authority",
        b"via",
        b"Via",
        b"x-a",
        b"X-A",
        b"",
        b"\xff\0",
    ];
    tamis_fuzz::fuzz_long(2000, |u| {
        let mut map = HeaderMap::default();
        for _ in 0..u.int_in_range(0..=24)? {
            let name = if u.arbitrary()? { u.choose(&NAMES)?.to_vec() } else { u.arbitrary()? };
            let value = u.arbitrary::<Vec<u8>>()?;
            let before = map.clone();
            match u.int_in_range(0..=3)? {
                0 => {
                    map.set(&name, &value);
                    assert_eq!(map.get_all(&name).collect::<Vec<_>>(), [value.as_slice()]);
                }
                1 => {
                    map.remove(&name);
                    assert_eq!(map.get(&name), None);
                }
                2 => map.replace_all(u.arbitrary::<Vec<(Vec<u8>, Vec<u8>)>>()?),
                _ => {
                    map.add(&name, &value);
                    assert!(map.get_all(&name).any(|had| had.ends_with(&value)));
                }
            }
            // A copy that was taken before stays as it was.
            assert_eq!(before.iter().count(), before.len());
            let names = map.iter().map(|(name, _)| name).collect::<Vec<_>>();
            assert!(names.iter().all(|name| !name.iter().any(u8::is_ascii_uppercase)), "{names:?}");
            assert!(names.is_sorted_by_key(|name| !name.starts_with(b":")), "{names:?}");
            assert_eq!(map.bytes(), map.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>());
            let pairs = decode_pairs(&encode_pairs(&map));
            assert!(pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).eq(map.iter()));
        }
        Ok(())
    });
}

#[test]
fn a_scenario_file_is_read_or_refused_with_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut seeds = Vec::new();
    for folder in ["filters/transformation/scenarios", "examples/s01-headers", "harness/benches/requests"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "yaml") {
                seeds.push(std::fs::read(file).unwrap());
            }
        }
    }
    seeds.push(
        br#"{name: a, filters: [{module: m, config: {a: [1, 2.5, null]}}], exchanges: [{name: b, request: {path: /},
            expect: {response: {status: 200, headers: {x: {regex: "^a+$"}}}}}]}"#
            .to_vec(),
    );
    tamis_fuzz::fuzz_long(400, |u| {
        let bytes = if u.ratio(1, 8)? { u.arbitrary::<Vec<u8>>()? } else { changed_seed(u, &seeds)? };
        let text = String::from_utf8_lossy(&bytes);
        has_place(&text, Scenario::parse(&text).err());
        let document = Document::parse(&text);
        if let Ok(document) = &document {
            // What a module gets of it can be read again, and is the same.
            assert_eq!(Document::parse(&document.to_json()).map(|again| again.to_json()), Ok(document.to_json()));
        }
        has_place(&text, document.err());
        Ok(())
    });
}

fn changed_seed(u: &mut super::Unstructured<'_>, seeds: &[Vec<u8>]) -> super::Result<Vec<u8>> {
    let seed = u.choose(seeds)?;
    changed(u, seed)
}

/// An error says where it is, but for what is not there at all.
fn has_place(text: &str, error: Option<DocumentError>) {
    let Some(error) = error else { return };
    let lines = u64::try_from(text.lines().count()).unwrap();
    match error.place {
        Some(place) => assert!((1..=lines + 1).contains(&place.line) && place.column >= 1, "{error:?} in {text:?}"),
        None => assert!(error.message.contains("empty") || lines <= 1, "{error:?} in {text:?}"),
    }
}

#[test]
fn a_configuration_is_taken_or_refused_with_a_reason() {
    let module = LoadedModule::new(&std::fs::read(built("transformation", Path::new("."))).unwrap()).unwrap();
    let good = br#"{"rules": [{"name": "a", "request": {"headers": {"rename": [{"from": "x-user", "to": "x-tenant"}],
        "remove": ["x-debug"], "set": [{"name": "x-env", "value": "\u00e9\ud83d\ude00"}]}}}, {"name": "b", "response":
        {"headers": {"add": [{"name": "x-n", "value": "1"}]}}}]}"#;
    assert!(load(&module, good).is_ok());
    tamis_fuzz::fuzz_long(200, |u| {
        let configuration = match u.int_in_range(0..=3)? {
            0 => u.arbitrary::<Vec<u8>>()?,
            1 => {
                let deep = u.int_in_range(1..=20_000)?;
                [b"[".repeat(deep), b"]".repeat(deep)].concat()
            }
            _ => changed(u, good)?,
        };
        match load(&module, &configuration) {
            Ok(()) => {}
            Err(LoadError::Rejected { log, .. }) => assert!(!log.is_empty(), "it says no without a word"),
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(&configuration)),
        }
        Ok(())
    });
}

fn load(module: &LoadedModule, configuration: &[u8]) -> Result<(), LoadError> {
    let plugin = Plugin { name: "f".to_owned(), configuration: configuration.to_vec(), ..Plugin::default() };
    let filter = FilterSpec { module: module.clone(), plugin, failure_policy: FailurePolicy::Closed };
    Proxy::load(&[filter], Arc::new(Process::deterministic(1))).map(drop)
}

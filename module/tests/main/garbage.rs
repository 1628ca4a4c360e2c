//! Bytes from strangers: nothing panics, whatever is cut off or changed.

use proptest::prelude::*;
use tamis_module::description::Description;
use tamis_module::gate;
use tamis_module::info::ModuleInfo;
use tamis_module::post_link::{PostLink, post_link};
use tamis_module::symbols::Symbolizer;

use crate::plain::five_phases;

fn everything(bytes: &[u8]) {
    let parsed = ModuleInfo::parse(bytes);
    let checked = gate::check(bytes);
    assert!(parsed.is_ok() || checked.is_err());
    let _ = Description::read(bytes);
    let _ = post_link(bytes, &PostLink::default());
    if let Ok(symbols) = Symbolizer::new(bytes) {
        for offset in 0..bytes.len() as u64 {
            let _ = symbols.frame(offset);
        }
    }
}

#[test]
fn every_truncation_of_a_module() {
    let whole = five_phases();
    for end in 0..whole.len() {
        everything(&whole[..end]);
    }
}

#[test]
fn every_byte_changed() {
    let whole = five_phases();
    for at in 8..whole.len() {
        for value in [0, 0x7f, 0x80, 0xff, whole[at].wrapping_add(1)] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            everything(&bytes);
        }
    }
}

#[test]
fn damaged_line_tables() {
    let debug = std::fs::read(crate::symbols::fixture("panics.wasm")).unwrap();
    let mut seed = 1_u32;
    for _ in 0..60 {
        let mut bytes = debug.clone();
        for _ in 0..20 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = bytes.len() / 4 + seed as usize % (bytes.len() * 3 / 4);
            bytes[at] = (seed >> 24) as u8;
        }
        if let Ok(symbols) = Symbolizer::new(&bytes) {
            for offset in (0..20_000).step_by(37) {
                let _ = symbols.frame(offset);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_after_the_preamble(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(bytes);
        everything(&module);
    }

    #[test]
    fn any_log(log in "(\\PC|[0-9a-fx: \n-]){0,200}") {
        let symbols = Symbolizer::new(&five_phases_with_names()).unwrap();
        let _ = symbols.symbolize(&log);
    }
}

fn five_phases_with_names() -> Vec<u8> {
    post_link(&five_phases(), &PostLink::default()).unwrap().debug
}

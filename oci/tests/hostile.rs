//! Layers that someone packed to do harm: each ends in one error, with bounded memory and nothing on disk.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use tamis_oci::{ExtractError, Image, LAYER_TYPE, MAX_MODULE_BYTES, MAX_UNPACKED_BYTES, RAW_WASM_TYPE};

use crate::support::{MODULE, gzip, header, image_of, image_of_tar, tar};

fn error_of(image: &Image) -> ExtractError {
    image.module().unwrap_err()
}

/// A layer that unpacks to a header and then zeros.
fn bomb(first: &tar::Header, zeros: u64) -> Image {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(first.as_bytes()).unwrap();
    io::copy(&mut io::repeat(0).take(zeros), &mut encoder).unwrap();
    image_of(&[(LAYER_TYPE, &encoder.finish().unwrap())]).unwrap()
}

#[test]
fn a_huge_declared_size_is_refused_before_it_is_read() {
    let declared = header("plugin.wasm", MAX_MODULE_BYTES + 1, tar::EntryType::Regular);
    let error = error_of(&image_of_tar(declared.as_bytes()));
    assert!(matches!(error, ExtractError::TooLarge { limit: MAX_MODULE_BYTES, .. }), "{error}");
    assert!(error.to_string().contains("`plugin.wasm` in the layer is larger than 268435456 bytes"), "{error}");
}

#[test]
fn a_gzip_bomb_before_the_module_ends_at_the_bound() {
    let large = bomb(&header("other.bin", MAX_UNPACKED_BYTES * 2, tar::EntryType::Regular), MAX_UNPACKED_BYTES + 1024);
    assert!(large.layer.size() < 4 << 20, "{} bytes are no bomb", large.layer.size());
    let error = error_of(&large);
    assert!(matches!(error, ExtractError::TooLarge { limit: MAX_UNPACKED_BYTES, .. }), "{error}");
}

#[test]
fn a_name_as_long_as_the_archive_is_bounded_too() {
    let long_name = bomb(&header("././@LongLink", 1 << 40, tar::EntryType::GNULongName), 64 << 10);
    let error = error_of(&long_name);
    assert!(matches!(error, ExtractError::Broken { .. } | ExtractError::TooLarge { .. }), "{error}");
}

#[test]
fn a_sparse_file_does_not_grow() {
    let mut sparse = tar::Header::new_gnu();
    sparse.set_path("plugin.wasm").unwrap();
    sparse.set_size(0);
    sparse.set_entry_type(tar::EntryType::GNUSparse);
    let gnu = sparse.as_gnu_mut().unwrap();
    gnu.realsize.copy_from_slice(b"77777777777\0");
    sparse.set_cksum();
    let error = error_of(&image_of_tar(sparse.as_bytes()));
    assert!(matches!(error, ExtractError::NotAFile | ExtractError::Broken { .. }), "{error}");
}

#[test]
fn more_entries_than_any_module_needs() {
    let names: Vec<String> = (0..2000).map(|n| format!("file{n}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let error = error_of(&image_of_tar(&tar(&entries))).to_string();
    assert!(error.contains("more than 1024 files"), "{error}");
}

#[test]
fn paths_that_climb_are_only_names() {
    let parent = tempfile::tempdir().unwrap();
    let before = std::fs::read_dir(parent.path()).unwrap().count();
    for path in ["../../plugin.wasm", "/plugin.wasm", "a/../../b/plugin.wasm"] {
        assert_eq!(image_of_tar(&tar(&[(path, MODULE)])).module().unwrap(), MODULE, "{path}");
    }
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), before);
    for path in ["plugin.wasm.bak", "plugin.wasm/inner", "xplugin.wasm", "PLUGIN.WASM"] {
        let error = error_of(&image_of_tar(&tar(&[(path, MODULE)])));
        assert!(matches!(error, ExtractError::NoPlugin { .. }), "{path}: {error}");
        assert!(error.to_string().contains(&format!("only {path:?}")), "{error}");
    }
}

#[test]
fn names_with_control_characters_are_quoted() {
    let error = error_of(&image_of_tar(&tar(&[("a\u{1b}[2Jb\nc", MODULE)]))).to_string();
    assert!(!error.contains('\u{1b}') && !error.contains('\n'), "{error:?}");
    assert!(error.contains(r#""a\u{1b}[2Jb\nc""#), "{error}");
}

#[test]
fn links_and_folders_are_not_modules() {
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Directory, tar::EntryType::Fifo] {
        let entry = header("plugin.wasm", 0, kind);
        let error = error_of(&image_of_tar(entry.as_bytes()));
        assert!(matches!(error, ExtractError::NotAFile), "{kind:?}: {error}");
    }
}

#[test]
fn broken_archives_say_what_is_broken() {
    let whole = gzip(&tar(&[("plugin.wasm", MODULE)]));
    let cut = whole[..whole.len() / 2].to_vec();
    let short = gzip(&tar(&[("plugin.wasm", MODULE)])[..512 + 4]);
    for layer in [b"no gzip at all".to_vec(), gzip(&[7; 600]), cut, short] {
        let error = error_of(&image_of(&[(LAYER_TYPE, &layer)]).unwrap());
        assert!(matches!(error, ExtractError::Broken { .. }), "{error}");
        assert!(error.to_string().contains("cannot be unpacked as a gzipped tar"), "{error}");
    }
    let empty = error_of(&image_of_tar(&[0; 1024])).to_string();
    assert!(empty.contains("no file named `plugin.wasm`, only none"), "{empty}");
}

#[test]
fn whatever_byte_is_wrong_there_is_an_answer() {
    let whole = tar(&[("docs.md", b"# docs"), ("plugin.wasm", MODULE)]);
    let layer = gzip(&whole);
    // Which answer does not matter, for a digest stands before all of this; a panic or a hang would.
    for value in [0, b'7', 0x80, 0xff] {
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] = value;
            let _ = image_of_tar(&changed).module();
        }
        for position in 0..layer.len() {
            let mut changed = layer.clone();
            changed[position] = value;
            let _ = image_of(&[(LAYER_TYPE, &changed)]).unwrap().module();
        }
    }
}

#[test]
fn what_is_not_wasm_is_said_so() {
    for (bytes, wanted) in [
        (&b"<htm"[..], "not a wasm module: 4 bytes that begin with \"<htm\""),
        (b"", "0 bytes that begin with \"\""),
        (b"\0asm", "4 bytes"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0", "begin with \"\\u{1f}\\u{8b}\\u{8}\\0\""),
    ] {
        for image in [
            image_of_tar(&tar(&[("plugin.wasm", bytes)])),
            image_of(&[("x/config", b"{}"), (RAW_WASM_TYPE, bytes)]).unwrap(),
        ] {
            let error = error_of(&image);
            assert!(matches!(error, ExtractError::NotWasm(_)), "{error}");
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}

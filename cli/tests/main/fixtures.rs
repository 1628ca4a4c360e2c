//! Modules and images that nobody should load.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tamis_oci::{CONFIG_TYPE, Digest, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE};

use crate::repository;

/// A module that takes every configuration, of bytes that no compiler changes: what is made of its digest is always the same.
const PLAIN: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32)))"#;

/// Puts into a folder: `module.wasm`, a good one with its debug file; `plain.wasm`, see above; `samples`, resources good and bad; `truncated.wasm`; `bare.wasm`, without an ABI marker; `component.wasm`; and
/// `images`, a layout with the tags `two-layers`, `other-type` and `not-gzip`.
pub fn prepare(folder: &Path) {
    let module = repository::module("transformation");
    let bytes = fs::read(&module).unwrap();
    std::os::unix::fs::symlink(&module, folder.join("module.wasm")).unwrap();
    std::os::unix::fs::symlink(module.with_extension("debug.wasm"), folder.join("module.debug.wasm")).unwrap();
    fs::write(folder.join("truncated.wasm"), &bytes[..1000]).unwrap();
    fs::write(folder.join("bare.wasm"), b"\0asm\x01\0\0\0").unwrap();
    fs::write(folder.join("component.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    fs::write(folder.join("plain.wasm"), wat::parse_str(PLAIN).unwrap()).unwrap();
    let samples = repository::root().join("oci").join("tests").join("samples");
    std::os::unix::fs::symlink(samples, folder.join("samples")).unwrap();
    layout(&folder.join("images"));
}

fn layout(folder: &Path) {
    let blobs = folder.join("blobs").join("sha256");
    fs::create_dir_all(&blobs).unwrap();
    let blob = |kind: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
    };
    let image = |tag: &str, layers: &[Value]| {
        let config = blob(CONFIG_TYPE, b"{}");
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers }).to_string();
        let mut descriptor = blob(MANIFEST_TYPE, manifest.as_bytes());
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        descriptor
    };
    let layer = |kind: &str, bytes: &[u8]| blob(kind, bytes);
    let manifests = [
        image("two-layers", &[layer(LAYER_TYPE, b"one"), layer(LAYER_TYPE, b"two")]),
        image("other-type", &[layer("text/plain", b"a text")]),
        image("not-gzip", &[layer(LAYER_TYPE, b"no archive")]),
    ];
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

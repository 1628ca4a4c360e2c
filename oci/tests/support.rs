//! What several tests share: sample modules, hand-made images, and the one way to skip.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tamis_oci::{
    CONFIG_TYPE, Digest, Image, ImageError, LAYER_TYPE, LocalRegistry, LocalRegistryError, MANIFEST_TYPE, Metadata,
};

/// The smallest module with something in it: a custom section `name` that is empty.
pub const MODULE: &[u8] = b"\0asm\x01\0\0\0\0\x05\x04name";

pub fn metadata() -> Metadata {
    Metadata {
        title: Some("headers".into()),
        version: Some("1.2.0".into()),
        description: Some("Sets headers".into()),
        source: Some("https://example.test/headers".into()),
        licenses: Some("Apache-2.0".into()),
        created: None,
        extra: [("example.test/team".to_owned(), "edge".to_owned())].into(),
    }
}

pub fn sample() -> Image {
    Image::build(MODULE, &metadata())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar with these entries; paths go in as they are, also such as no sane tool would write.
pub fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        archive.append(&header(path, bytes.len() as u64, tar::EntryType::Regular), *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

pub fn header(path: &str, size: u64, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len() })
}

pub fn manifest(media_type: &str, layers: &[(&str, &[u8])]) -> Vec<u8> {
    let layers: Vec<Value> = layers.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect();
    json!({ "schemaVersion": 2, "mediaType": media_type, "config": descriptor(CONFIG_TYPE, b"{}"), "layers": layers })
        .to_string()
        .into_bytes()
}

/// An image with these layers; the last one is handed over as the module's.
pub fn image_of(layers: &[(&str, &[u8])]) -> Result<Image, ImageError> {
    let last = layers.last().map(|(_, bytes)| bytes.to_vec()).unwrap_or_default();
    Image::from_parts(manifest(MANIFEST_TYPE, layers), b"{}".to_vec(), last)
}

/// An image whose one layer is this archive.
pub fn image_of_tar(archive: &[u8]) -> Image {
    image_of(&[(LAYER_TYPE, &gzip(archive))]).unwrap()
}

/// Says on the real standard error, which the test runner does not swallow, that something was not tested; with `CI=true` that
/// is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "skipped in CI: {reason}");
    std::io::stderr().write_all(format!("skipped: {reason}\n").as_bytes()).unwrap();
}

/// The registry, or none when it is not installed.
pub fn started(outcome: Result<LocalRegistry, LocalRegistryError>) -> Option<LocalRegistry> {
    match outcome {
        Ok(registry) => Some(registry),
        Err(error @ LocalRegistryError::NotInstalled) => {
            skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs skopeo, or says that it is not installed.
pub fn skopeo(arguments: &[&str]) -> Option<String> {
    match Command::new("skopeo").args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip("`skopeo` is not installed; on Debian: `apt-get install skopeo`");
            None
        }
        Err(error) => panic!("skopeo: {error}"),
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

//! Layouts on disk: what goes in comes out, and what was changed does not.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tamis_oci::layout::{read, tags, write};
use tamis_oci::{Blob, Digest, Image, LayoutError, Metadata, Selector, Tag};

use crate::support::{MODULE, gzip, image_of, sample, skopeo, tar, text};

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn at(text: &str) -> Selector {
    text.parse().unwrap()
}

fn blob_file(dir: &Path, blob: &Blob) -> PathBuf {
    dir.join("blobs/sha256").join(blob.digest().hex())
}

fn files(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names.sort();
    names
}

/// A layout with the sample image under `1.2.0`.
fn written() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("images");
    write(&dir, &tag("1.2.0"), &sample()).unwrap();
    (folder, dir)
}

#[test]
fn an_image_comes_back_by_tag_and_by_digest() {
    let (_folder, dir) = written();
    assert_eq!(read(&dir, &at("1.2.0")).unwrap(), sample());
    assert_eq!(read(&dir, &at(&sample().digest().to_string())).unwrap(), sample());
    assert_eq!(files(&dir).len(), 5, "{:?}", files(&dir));
}

#[test]
fn a_second_image_leaves_the_first_and_an_equal_tag_is_replaced() {
    let (_folder, dir) = written();
    let other = Image::build(MODULE, &Metadata::default());
    write(&dir, &tag("other"), &other).unwrap();
    assert_eq!(tags(&dir).unwrap(), ["1.2.0", "other"]);
    assert_eq!(read(&dir, &at("1.2.0")).unwrap(), sample());

    write(&dir, &tag("1.2.0"), &other).unwrap();
    assert_eq!(tags(&dir).unwrap(), ["other", "1.2.0"]);
    assert_eq!(read(&dir, &at("1.2.0")).unwrap(), other);
}

#[test]
fn what_others_wrote_into_the_index_stays() {
    let (_folder, dir) = written();
    let path = dir.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["annotations"] = json!({ "example.test/kept": "yes" });
    index["manifests"][0]["urls"] = json!(["https://example.test/"]);
    fs::write(&path, index.to_string()).unwrap();
    write(&dir, &tag("other"), &Image::build(MODULE, &Metadata::default())).unwrap();
    let after: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(after["annotations"], index["annotations"]);
    assert_eq!(after["manifests"][0], index["manifests"][0]);
}

#[test]
fn writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("images");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let dir = &dir;
            scope.spawn(move || {
                let metadata = Metadata { version: Some(n.to_string()), ..Metadata::default() };
                write(dir, &tag(&format!("v{n}")), &Image::build(MODULE, &metadata)).unwrap();
            });
        }
    });
    let mut found = tags(&dir).unwrap();
    found.sort();
    assert_eq!(found, ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"]);
    assert!(files(&dir).iter().all(|name| !name.starts_with(".tamis-")), "{:?}", files(&dir));
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let image = sample();
    for (blob, what) in [(&image.layer, "layer"), (&image.config, "image configuration"), (&image.manifest, "manifest")]
    {
        let (_folder, dir) = written();
        let path = blob_file(&dir, blob);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = read(&dir, &at("1.2.0")).unwrap_err().to_string();
        assert!(error.contains(&format!("the {what} does not match its digest")), "{error}");
        // Writing the same image again repairs it.
        write(&dir, &tag("1.2.0"), &image).unwrap();
        assert_eq!(read(&dir, &at("1.2.0")).unwrap(), image);
    }
}

#[test]
fn a_missing_blob_is_named() {
    let image = sample();
    for blob in [&image.layer, &image.config, &image.manifest] {
        let (_folder, dir) = written();
        fs::remove_file(blob_file(&dir, blob)).unwrap();
        let error = read(&dir, &at("1.2.0")).unwrap_err();
        assert!(matches!(&error, LayoutError::MissingBlob { digest, .. } if digest == blob.digest()), "{error}");
    }
}

#[test]
fn a_wrong_size_is_found() {
    let (_folder, dir) = written();
    let path = dir.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["manifests"][0]["size"] = json!(7);
    fs::write(&path, index.to_string()).unwrap();
    let error = read(&dir, &at("1.2.0")).unwrap_err().to_string();
    assert!(error.contains("(7 bytes)"), "{error}");
}

#[test]
fn an_unknown_tag_lists_those_that_exist() {
    let (_folder, dir) = written();
    write(&dir, &tag("next"), &sample()).unwrap();
    let error = read(&dir, &at("2.0.0")).unwrap_err().to_string();
    assert!(error.contains("has no image 2.0.0; it has \"1.2.0\", \"next\""), "{error}");
    let unknown = Digest::of(b"unknown").to_string();
    assert!(matches!(read(&dir, &at(&unknown)).unwrap_err(), LayoutError::NotFound { .. }));
}

#[test]
fn other_folders_are_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("nowhere"), &at("x")).unwrap_err().to_string();
    assert!(missing.contains("is not an OCI image layout (it has no `index.json`)"), "{missing}");

    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = write(folder.path(), &tag("x"), &sample()).unwrap_err();
    assert!(matches!(error, LayoutError::NotALayout { .. }), "{error}");
    assert_eq!(files(folder.path()), ["notes.txt"]);

    for broken in ["", "{", "[]", r#"{"manifests":{}}"#] {
        let (_folder, dir) = written();
        fs::write(dir.join("index.json"), broken).unwrap();
        let before = files(&dir);
        assert!(matches!(read(&dir, &at("1.2.0")).unwrap_err(), LayoutError::NotALayout { .. }), "{broken}");
        assert!(matches!(write(&dir, &tag("x"), &sample()).unwrap_err(), LayoutError::NotALayout { .. }), "{broken}");
        assert_eq!(fs::read_to_string(dir.join("index.json")).unwrap(), broken);
        assert_eq!(files(&dir), before);
    }
}

#[test]
fn an_index_is_followed_to_its_linux_image() {
    let (_folder, dir) = written();
    let path = dir.join("index.json");
    let top: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let child = |os: &str, architecture: &str| {
        let mut child = top["manifests"][0].clone();
        child.as_object_mut().unwrap().remove("annotations");
        child["platform"] = json!({ "os": os, "architecture": architecture });
        child
    };
    let put = |children: Value| {
        let index = json!({ "schemaVersion": 2, "manifests": children }).to_string();
        let digest = Digest::of(index.as_bytes());
        fs::write(dir.join("blobs/sha256").join(digest.hex()), &index).unwrap();
        let entry = json!({ "mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": index.len(),
            "annotations": { "org.opencontainers.image.ref.name": "many" } });
        fs::write(&path, json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
    };
    put(json!([child("unknown", "unknown"), child("linux", "amd64")]));
    assert_eq!(read(&dir, &at("many")).unwrap(), sample());
    put(json!([child("wasi", "wasm"), child("linux", "arm64")]));
    let error = read(&dir, &at("many")).unwrap_err().to_string();
    assert!(error.contains("no image for linux/amd64, only \"wasi/wasm\", \"linux/arm64\""), "{error}");
}

#[test]
fn an_image_with_layers_that_are_not_at_hand_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let layer = gzip(&tar(&[("plugin.wasm", MODULE)]));
    let image =
        image_of(&[("text/markdown", b"# docs"), ("application/vnd.oci.image.layer.v1.tar+gzip", &layer)]).unwrap();
    let error = write(folder.path(), &tag("x"), &image).unwrap_err();
    assert!(matches!(error, LayoutError::Incomplete { layers: 2 }), "{error}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn another_tool_reads_and_writes_the_same_layout() {
    let (folder, dir) = written();
    let from = format!("oci:{}:1.2.0", text(&dir));
    let Some(inspected) = skopeo(&["inspect", "--raw", &from]) else { return };
    assert_eq!(inspected.as_bytes(), sample().manifest.bytes());
    let copy = folder.path().join("copy");
    skopeo(&["copy", "--quiet", &from, &format!("oci:{}:copied", text(&copy))]);
    assert_eq!(read(&copy, &at("copied")).unwrap(), sample());
}

//! Images are the same bytes everywhere, and are read as a mesh would read them.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tamis_oci::{CONFIG_TYPE, Digest, Image, LAYER_TYPE, MANIFEST_TYPE, Metadata, RAW_WASM_TYPE};

use crate::support::{MODULE, gzip, image_of, manifest, metadata, sample, tar};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

#[test]
fn the_digest_of_a_fixed_module_is_the_committed_one() {
    let image = sample();
    assert_eq!(image, sample());
    // A change here means that every published digest changes with the next release: say so in the change log.
    assert_eq!(image.digest().to_string(), "sha256:2c59a11b33ae2c01171d515556a8a08e97e28f636ca44972901d6b84f01b71ea");
    assert_eq!(
        image.layer.digest().to_string(),
        "sha256:cf5d85e6fdc16c2b794d0f2d38dbedc9800334d7a550afa0ed114483b75a8d64"
    );
}

#[test]
fn the_manifest_says_what_meshes_and_tools_look_for() {
    let image = sample();
    let manifest: Value = serde_json::from_slice(image.manifest.bytes()).unwrap();
    assert_eq!(manifest["schemaVersion"], 2);
    assert_eq!(manifest["mediaType"], MANIFEST_TYPE);
    assert_eq!(manifest["config"]["mediaType"], CONFIG_TYPE);
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], LAYER_TYPE);
    assert_eq!(
        manifest["annotations"],
        json!({
            "example.test/team": "edge",
            "module.wasm.image/variant": "compat",
            "org.opencontainers.image.description": "Sets headers",
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.source": "https://example.test/headers",
            "org.opencontainers.image.title": "headers",
            "org.opencontainers.image.version": "1.2.0",
        })
    );
    assert!(!String::from_utf8_lossy(image.manifest.bytes()).contains("created"));
}

#[test]
fn the_layer_holds_one_file_without_time_or_owner() {
    let image = sample();
    assert_eq!(&image.layer.bytes()[4..8], &[0; 4], "the gzip header has a time");
    assert_eq!(image.layer.bytes()[3], 0, "the gzip header has a name");

    let mut archive = Vec::new();
    GzDecoder::new(image.layer.bytes()).read_to_end(&mut archive).unwrap();
    let config: Value = serde_json::from_slice(image.config.bytes()).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], json!([Digest::of(&archive)]));
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));

    let mut reader = tar::Archive::new(archive.as_slice());
    let mut entries = reader.entries().unwrap();
    let entry = entries.next().unwrap().unwrap();
    let header = entry.header();
    assert_eq!(&*entry.path_bytes(), b"plugin.wasm");
    assert_eq!(
        (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap(), header.mode().unwrap()),
        (0, 0, 0, 0o644)
    );
    drop(entry);
    assert!(entries.next().is_none());
}

#[test]
fn the_layouts_own_annotations_win() {
    let mut wanted = metadata();
    wanted.extra.insert("module.wasm.image/variant".into(), "other".into());
    wanted.extra.insert("org.opencontainers.image.title".into(), "other".into());
    assert_eq!(Image::build(MODULE, &wanted), sample());
}

#[test]
fn without_metadata_only_the_variant_is_annotated() {
    let image = Image::build(MODULE, &Metadata::default());
    let manifest: Value = serde_json::from_slice(image.manifest.bytes()).unwrap();
    assert_eq!(manifest["annotations"], json!({ "module.wasm.image/variant": "compat" }));
}

#[test]
fn a_module_comes_out_as_it_went_in() {
    let large: Vec<u8> = MODULE.iter().copied().chain((0..300_000_u32).map(|n| (n % 251) as u8)).collect();
    for wasm in [MODULE, &large] {
        assert_eq!(Image::build(wasm, &metadata()).module().unwrap(), wasm);
    }
}

#[test]
fn accepted_as_istio_accepts_them() {
    let layer = |path: &str| gzip(&tar(&[(path, MODULE)]));
    for path in ["plugin.wasm", "./plugin.wasm", "usr/lib/plugin.wasm"] {
        assert_eq!(image_of(&[(LAYER_TYPE, &layer(path))]).unwrap().module().unwrap(), MODULE, "{path}");
    }
    let beside = gzip(&tar(&[("runtime-config.json", b"{}"), ("plugin.wasm", MODULE)]));
    assert_eq!(image_of(&[(LAYER_TYPE, &beside)]).unwrap().module().unwrap(), MODULE);
    let after_docs = image_of(&[("text/markdown", b"# docs"), (LAYER_TYPE, &beside)]).unwrap();
    assert_eq!((after_docs.module().unwrap(), after_docs.layer_count()), (MODULE.to_vec(), 2));
    let raw = image_of(&[("application/vnd.module.wasm.config.v1+json", b"{}"), (RAW_WASM_TYPE, MODULE)]).unwrap();
    assert_eq!(raw.module().unwrap(), MODULE);

    let docker =
        Image::from_parts(manifest(DOCKER_MANIFEST, &[(DOCKER_LAYER, &beside)]), b"{}".to_vec(), beside.clone())
            .unwrap();
    assert_eq!((docker.module().unwrap(), docker.manifest.media_type()), (MODULE.to_vec(), DOCKER_MANIFEST));
}

#[test]
fn wrong_layers_are_named_in_the_error() {
    let layer = gzip(&tar(&[("plugin.wasm", MODULE)]));
    let oci = "the last layer must be \"application/vnd.oci.image.layer.v1.tar+gzip\"";
    type Layers<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(Layers, &str); 6] = [
        (&[], "found none"),
        (&[("application/wasm", MODULE)], "found \"application/wasm\""),
        (
            &[(LAYER_TYPE, &layer), ("text/markdown", b"# docs")],
            "found \"application/vnd.oci.image.layer.v1.tar+gzip\", \"text/markdown\"",
        ),
        (
            &[("application/vnd.oci.image.layer.v1.tar+zstd", &layer)],
            "found \"application/vnd.oci.image.layer.v1.tar+zstd\"",
        ),
        (&[(RAW_WASM_TYPE, MODULE)], "found \"application/vnd.module.wasm.content.layer.v1+wasm\""),
        (&[(DOCKER_LAYER, &layer)], "found \"application/vnd.docker.image.rootfs.diff.tar.gzip\""),
    ];
    for (layers, found) in cases {
        let error = image_of(layers).unwrap_err().to_string();
        assert!(error.contains(oci) && error.contains(found), "{error}");
        assert!(error.contains("`tamis push`"), "{error}");
    }
    let mixed = Image::from_parts(manifest(DOCKER_MANIFEST, &[(LAYER_TYPE, &layer)]), b"{}".to_vec(), layer)
        .unwrap_err()
        .to_string();
    assert!(mixed.contains("the last layer of a docker manifest must be"), "{mixed}");
}

#[test]
fn a_manifest_that_is_none_says_where() {
    for (text, wanted) in [
        ("{", "line 1 column 1"),
        ("[]", "line 1"),
        ("{}", "neither `config` and `layers` nor `manifests`"),
        (r#"{"config":{"mediaType":"x","digest":"md5:0","size":1},"layers":[]}"#, "\"md5:0\" is not a digest"),
    ] {
        let error = Image::from_parts(text.as_bytes().to_vec(), vec![], vec![]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn an_index_is_not_an_image() {
    let error = Image::from_parts(br#"{"manifests":[]}"#.to_vec(), vec![], vec![]).unwrap_err().to_string();
    assert!(error.contains("an index of several images"), "{error}");
}

//! Images as people make them, good and bad: each manifest that is out there, and what may be wrong with it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tamis_oci::{CONFIG_TYPE, Digest, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, RAW_WASM_TYPE, Selector};

use crate::support::{gzip, header, tar};

/// A module that every Envoy loads, as text.
pub const MODULE: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32)))"#;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const SOLO_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
const DOC: &str = "application/vnd.module.wasm.doc.v1+markdown";

/// An image under one name.
#[derive(Clone)]
pub struct Case {
    pub name: &'static str,
    /// What is expected of a mesh's fetcher.
    pub accepted: bool,
    /// What the reference names.
    pub manifest: Vec<u8>,
    media_type: &'static str,
    /// Manifests below it, with their media types, deepest first.
    children: Vec<(&'static str, Vec<u8>)>,
    blobs: Vec<Vec<u8>>,
    /// Named by digest and not by a tag.
    by_digest: bool,
}

struct Layers(Vec<(String, Vec<u8>)>);

fn wasm() -> Vec<u8> {
    wat::parse_str(MODULE).unwrap()
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    gzip(&tar(files))
}

fn plugin() -> Vec<u8> {
    archive(&[("plugin.wasm", &wasm())])
}

impl Layers {
    fn of(layers: &[(&str, &[u8])]) -> Self {
        Self(layers.iter().map(|(kind, bytes)| ((*kind).to_owned(), bytes.to_vec())).collect())
    }

    fn blobs(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|(_, bytes)| bytes.clone()).chain([b"{}".to_vec()]).collect()
    }

    fn manifest(&self, media_type: Option<&str>, config: &str) -> Value {
        let layers: Vec<Value> = self.0.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect();
        let mut manifest = json!({ "schemaVersion": 2, "config": descriptor(config, b"{}"), "layers": layers });
        if let Some(media_type) = media_type {
            manifest["mediaType"] = json!(media_type);
        }
        manifest
    }
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len() })
}

fn case(name: &'static str, accepted: bool, layers: &[(&str, &[u8])]) -> Case {
    with(name, accepted, layers, |_| {})
}

/// An OCI image with a change.
fn with(name: &'static str, accepted: bool, layers: &[(&str, &[u8])], change: fn(&mut Value)) -> Case {
    let layers = Layers::of(layers);
    let mut manifest = layers.manifest(Some(MANIFEST_TYPE), CONFIG_TYPE);
    change(&mut manifest);
    let manifest = manifest.to_string().into_bytes();
    Case {
        name,
        accepted,
        manifest,
        media_type: MANIFEST_TYPE,
        children: Vec::new(),
        blobs: layers.blobs(),
        by_digest: false,
    }
}

fn docker(name: &'static str, accepted: bool, layer: &str) -> Case {
    let layers = Layers::of(&[(layer, &plugin())]);
    let manifest = layers.manifest(Some(DOCKER_MANIFEST), DOCKER_CONFIG).to_string().into_bytes();
    Case {
        name,
        accepted,
        manifest,
        media_type: DOCKER_MANIFEST,
        children: Vec::new(),
        blobs: layers.blobs(),
        by_digest: false,
    }
}

/// An index whose images are the good one, each for a platform; an attestation has layers of its own.
fn index(name: &'static str, accepted: bool, media_type: &'static str, platforms: &[Option<(&str, &str)>]) -> Case {
    let good = case("", true, &[(LAYER_TYPE, &plugin())]);
    let attested = Layers::of(&[("application/vnd.in-toto+json", b"{}")]);
    let attestation = attested.manifest(Some(MANIFEST_TYPE), CONFIG_TYPE).to_string().into_bytes();
    let child = |platform: &Option<(&str, &str)>| {
        let image = if *platform == Some(("unknown", "unknown")) { &attestation } else { &good.manifest };
        let mut child = descriptor(MANIFEST_TYPE, image);
        if let Some((os, architecture)) = platform {
            child["platform"] = json!({ "os": os, "architecture": architecture });
        }
        child
    };
    let children: Vec<Value> = platforms.iter().map(child).collect();
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": children }).to_string().into_bytes();
    let children = vec![(MANIFEST_TYPE, good.manifest), (MANIFEST_TYPE, attestation)];
    Case { name, accepted, manifest, media_type, children, blobs: good.blobs, by_digest: false }
}

fn nested(name: &'static str) -> Case {
    let inner = index("", true, INDEX_TYPE, &[Some(("linux", "amd64"))]);
    let mut child = descriptor(INDEX_TYPE, &inner.manifest);
    child["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [child] }).to_string().into_bytes();
    let mut children = inner.children.clone();
    children.push((INDEX_TYPE, inner.manifest.clone()));
    Case { name, accepted: true, manifest, children, ..inner }
}

fn link() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut link = header("plugin.wasm", 0, tar::EntryType::Symlink);
    link.set_link_name("other.wasm").unwrap();
    link.set_cksum();
    archive.append(&link, &b""[..]).unwrap();
    gzip(&archive.into_inner().unwrap())
}

/// All of them; the names are those in the recorded verdicts.
pub fn all() -> Vec<Case> {
    let (good, raw) = (plugin(), wasm());
    let component = archive(&[("plugin.wasm", b"\0asm\x0d\0\x01\0")]);
    let empty = archive(&[]);
    let text = archive(&[("plugin.wasm", b"not a module")]);
    let filter = archive(&[("filter.wasm", &raw)]);
    let beside = archive(&[("runtime-config.json", b"{}"), ("plugin.wasm", &raw)]);
    let nested_file = archive(&[("opt/filters/plugin.wasm", &raw)]);
    let dot = archive(&[("./plugin.wasm", &raw)]);
    let zipped = gzip(&raw);
    let plain = tar(&[("plugin.wasm", &raw)]);
    let short = &good[..good.len() / 2];
    let amd64 = Some(("linux", "amd64"));
    vec![
        case("compat", true, &[(LAYER_TYPE, &good)]),
        case("compat, ./plugin.wasm", true, &[(LAYER_TYPE, &dot)]),
        case("compat, in a folder", true, &[(LAYER_TYPE, &nested_file)]),
        case("compat, runtime-config.json beside it", true, &[(LAYER_TYPE, &beside)]),
        case("compat, a layer before it", true, &[(DOC, b"# doc"), (LAYER_TYPE, &good)]),
        case(
            "compat, three layers before it",
            true,
            &[(DOC, b"# a"), (DOC, b"# b"), (DOC, b"# c"), (LAYER_TYPE, &good)],
        ),
        case("compat, a layer after it", false, &[(LAYER_TYPE, &good), (DOC, b"# doc")]),
        case("compat, the file in the first of two layers", false, &[(LAYER_TYPE, &good), (LAYER_TYPE, &filter)]),
        case("compat, filter.wasm", false, &[(LAYER_TYPE, &filter)]),
        case("compat, an empty archive", false, &[(LAYER_TYPE, &empty)]),
        case("compat, a text called plugin.wasm", false, &[(LAYER_TYPE, &text)]),
        case("compat, a link called plugin.wasm", false, &[(LAYER_TYPE, &link())]),
        case("compat, not packed", false, &[(LAYER_TYPE, &plain)]),
        case("compat, cut off", false, &[(LAYER_TYPE, short)]),
        with("compat, no media type in the manifest", true, &[(LAYER_TYPE, &good)], |it| {
            it.as_object_mut().unwrap().remove("mediaType");
        }),
        with("compat, an empty config and an artifact type", true, &[(LAYER_TYPE, &good)], |it| {
            it["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json");
            it["artifactType"] = json!("application/vnd.example+wasm");
        }),
        case("solo artifact", true, &[(SOLO_CONFIG, b"{ }"), (RAW_WASM_TYPE, &raw)]),
        case("solo artifact, content first", true, &[(RAW_WASM_TYPE, &raw), (SOLO_CONFIG, b"{ }")]),
        case("solo artifact, one layer", false, &[(RAW_WASM_TYPE, &raw)]),
        case("solo artifact, three layers", false, &[(SOLO_CONFIG, b"{ }"), (RAW_WASM_TYPE, &raw), (DOC, b"# doc")]),
        case("solo artifact, packed", false, &[(SOLO_CONFIG, b"{ }"), (RAW_WASM_TYPE, &zipped)]),
        case("solo artifact with a broken archive after it", true, &[(RAW_WASM_TYPE, &raw), (LAYER_TYPE, short)]),
        with("cncf artifact", false, &[("application/wasm", &raw)], |it| {
            it["config"]["mediaType"] = json!("application/vnd.wasm.config.v0+json");
        }),
        case("krustlet artifact", false, &[("application/vnd.wasm.content.layer.v1+wasm", &raw)]),
        docker("docker", true, DOCKER_LAYER),
        docker("docker, an OCI layer", false, LAYER_TYPE),
        case("OCI, a docker layer", false, &[(DOCKER_LAYER, &good)]),
        case("compat, zstd", false, &[("application/vnd.oci.image.layer.v1.tar+zstd", &good)]),
        case("compat, a plain tar", false, &[("application/vnd.oci.image.layer.v1.tar", &plain)]),
        case("the same blob under two types", false, &[("application/wasm", &good), (LAYER_TYPE, &good)]),
        case("a component in a compat layer", true, &[(LAYER_TYPE, &component)]),
        case("no layers", false, &[]),
        index("index, linux/amd64", true, INDEX_TYPE, &[amd64]),
        index("index, no platform", true, INDEX_TYPE, &[None]),
        index("index, an attestation before linux/amd64", true, INDEX_TYPE, &[Some(("unknown", "unknown")), amd64]),
        index("index, wasi/wasm alone", false, INDEX_TYPE, &[Some(("wasi", "wasm"))]),
        index("index, linux/arm64 alone", false, INDEX_TYPE, &[Some(("linux", "arm64"))]),
        index("docker list, linux/amd64", true, DOCKER_LIST, &[amd64]),
        nested("index in an index"),
        Case { by_digest: true, accepted: false, ..index("index by its digest", false, INDEX_TYPE, &[amd64]) },
        Case { by_digest: true, ..case("compat by its digest", true, &[(LAYER_TYPE, &good)]) },
    ]
}

impl Case {
    /// The same under another manifest.
    pub fn with_manifest(self, manifest: Vec<u8>) -> Self {
        Self { manifest, ..self }
    }

    /// Puts it into a layout.
    pub fn write(&self, folder: &Path) -> Selector {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let documents = self.children.iter().map(|(_, manifest)| manifest).chain([&self.manifest]);
        for bytes in self.blobs.iter().chain(documents) {
            std::fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
        }
        let mut entry = descriptor(self.media_type, &self.manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "it" });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let at = if self.by_digest { Digest::of(&self.manifest).to_string() } else { "it".to_owned() };
        at.parse().unwrap()
    }

    /// Puts it into a registry that takes everything; the reference by which a mesh would ask for it.
    pub fn push(&self, host: &str) -> String {
        let name: String = self
            .name
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
            .collect();
        let repository = name.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        for blob in &self.blobs {
            let begun = put(host, "POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[]);
            let place =
                begun.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_else(|| panic!("{begun}"));
            let place = place.trim().split_once(host).map_or(place.trim(), |(_, path)| path);
            let ended =
                put(host, "PUT", &format!("{place}&digest={}", Digest::of(blob)), "application/octet-stream", blob);
            assert!(ended.starts_with("HTTP/1.1 201"), "{}: {ended}", self.name);
        }
        for (media_type, manifest) in &self.children {
            self.put_manifest(host, &repository, &Digest::of(manifest).to_string(), media_type, manifest);
        }
        self.put_manifest(host, &repository, "it", self.media_type, &self.manifest);
        if self.by_digest {
            format!("oci://{host}/{repository}@{}", Digest::of(&self.manifest))
        } else {
            format!("oci://{host}/{repository}:it")
        }
    }

    fn put_manifest(&self, host: &str, repository: &str, at: &str, media_type: &str, manifest: &[u8]) {
        let answer = put(host, "PUT", &format!("/v2/{repository}/manifests/{at}"), media_type, manifest);
        assert!(answer.starts_with("HTTP/1.1 201"), "{}: {answer}", self.name);
    }
}

fn put(host: &str, method: &str, path: &str, media_type: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

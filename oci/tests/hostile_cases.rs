//! Registries that serve what they should not: each case is a row, each answer one line of a snapshot.
//!
//! `BLESS=1` writes `hostile.txt` anew. After each case nothing is left in the folder that was to be written.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tamis_oci::{
    CONFIG_TYPE, Digest, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, MAX_MANIFEST_BYTES, MAX_MODULE_BYTES, ModuleRef, Place,
    RAW_WASM_TYPE, Registry, RegistryOptions, Store, load,
};

use crate::fake::{Fake, line, options, reply};
use crate::support::{MODULE, gzip, header, tar};

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// What a registry has: a manifest, and a layer under the digest that the manifest names, which need not be its own.
#[derive(Clone, Default)]
struct Served {
    manifest: Vec<u8>,
    layer: Vec<u8>,
    layer_digest: Option<Digest>,
    /// A whole answer for requests whose line has this word; `LAYER` means the layer's digest.
    answer: Option<(&'static str, Answer)>,
}

#[derive(Clone)]
enum Answer {
    Status(&'static str, &'static str),
    /// So many bytes are promised, some come, and the connection ends.
    Cut(u64, &'static [u8]),
    NoHttp,
    /// A byte at a time, for ever.
    Drip,
    Silence,
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len() })
}

fn raw(manifest: impl Into<Vec<u8>>) -> Served {
    Served { manifest: manifest.into(), ..Served::default() }
}

/// A manifest with these layers, and the last one's bytes.
fn with(kind: &str, layers: &Value, layer: Vec<u8>) -> Served {
    let config = descriptor(CONFIG_TYPE, b"{}");
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers }).to_string();
    Served { manifest: manifest.into_bytes(), layer_digest: Some(Digest::of(&layer)), layer, answer: None }
}

fn typed(kind: &str, layer: Vec<u8>) -> Served {
    with(MANIFEST_TYPE, &json!([descriptor(kind, &layer)]), layer)
}

fn layered(layer: Vec<u8>) -> Served {
    typed(LAYER_TYPE, layer)
}

fn good() -> Vec<u8> {
    gzip(&tar(&[("plugin.wasm", MODULE)]))
}

fn files(entries: &[(&str, &[u8])]) -> Served {
    layered(gzip(&tar(entries)))
}

/// A layer with one entry of a kind, which says that it is so long.
fn entry(kind: tar::EntryType, size: u64) -> Served {
    let mut archive = header("plugin.wasm", size, kind).as_bytes().to_vec();
    archive.resize(2048, 0);
    layered(gzip(&archive))
}

/// The good image, with a layer's entry in the manifest that is changed.
fn claimed(member: &str, value: Value) -> Served {
    let mut layer = descriptor(LAYER_TYPE, &good());
    layer[member] = value;
    with(MANIFEST_TYPE, &json!([layer]), good())
}

/// The good image, with other bytes under the digest of its layer.
fn swapped(bytes: Vec<u8>) -> Served {
    Served { layer: bytes, ..layered(good()) }
}

fn answering(word: &'static str, answer: Answer) -> Served {
    Served { answer: Some((word, answer)), ..layered(good()) }
}

fn index(children: Value) -> Served {
    raw(json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": children }).to_string())
}

fn child(os: &str) -> Value {
    let platform = json!({ "os": os, "architecture": "amd64" });
    json!({ "mediaType": MANIFEST_TYPE, "digest": Digest::of(b"x"), "size": 1, "platform": platform })
}

fn manifests() -> Vec<(&'static str, Served)> {
    vec![
        ("a manifest that is not JSON", raw("<html>")),
        ("a manifest that is empty", raw("")),
        ("a manifest that is a list", raw("[]")),
        ("a manifest that ends in the middle", raw(r#"{"schemaVersion":2,"layers":["#)),
        ("a manifest with a key twice", raw(r#"{"config":null,"config":null,"layers":[]}"#)),
        ("a manifest nested without end", raw("[".repeat(100_000))),
        ("a manifest that is not UTF-8", raw(&b"{\"mediaType\":\"\xff\"}"[..])),
        ("schema version 1", raw(r#"{"schemaVersion":1,"name":"x","fsLayers":[{"blobSum":"sha256:a"}],"history":[]}"#)),
        ("no layers", with(MANIFEST_TYPE, &json!([]), Vec::new())),
        ("no configuration", raw(r#"{"schemaVersion":2,"layers":[]}"#)),
        ("a layer of another type", typed("application/vnd.oci.image.layer.v1.tar+zstd", good())),
        ("a docker layer in an OCI manifest", typed(DOCKER_LAYER, good())),
        ("an OCI layer in a docker manifest", with(DOCKER, &json!([descriptor(LAYER_TYPE, b"x")]), b"x".to_vec())),
        ("a media type with escapes of a terminal", typed("\u{1b}[2J", good())),
        ("a layer with a negative size", claimed("size", json!(-1))),
        ("a layer with a size beyond numbers", claimed("size", json!(1e300))),
        ("a layer with a size beyond the bound", claimed("size", json!(MAX_MODULE_BYTES + 1))),
        ("a layer that is longer than said", claimed("size", json!(3))),
        ("a layer that is shorter than said", claimed("size", json!(10_000))),
        ("a digest of another algorithm", claimed("digest", json!("sha512:00"))),
        ("a digest that climbs", claimed("digest", json!("sha256:../../../../etc/passwd"))),
        ("a digest in upper case", claimed("digest", json!(Digest::of(b"x").to_string().to_uppercase()))),
        ("an index without an image", index(json!([]))),
        ("an index for other platforms", index(json!([child("windows")]))),
        ("an index that is no list", raw(r#"{"manifests":{}}"#)),
        ("an index whose child is missing", index(json!([child("linux")]))),
        ("another blob than the digest's", swapped(b"another".to_vec())),
        ("a blob with more behind it", swapped([good(), vec![0; 9]].concat())),
        ("a blob with one bit changed", {
            let mut changed = good();
            changed[20] ^= 1;
            swapped(changed)
        }),
    ]
}

fn layers() -> Vec<(&'static str, Served)> {
    let whole = tar(&[("plugin.wasm", MODULE)]);
    let mut wrong_sum = whole.clone();
    wrong_sum[3] ^= 1;
    let mut sparse = tar::Header::new_gnu();
    sparse.set_path("plugin.wasm").unwrap();
    sparse.set_size(0);
    sparse.set_entry_type(tar::EntryType::GNUSparse);
    sparse.as_gnu_mut().unwrap().realsize.copy_from_slice(b"77777777777\0");
    sparse.set_cksum();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(header("a", MAX_MODULE_BYTES * 3, tar::EntryType::Regular).as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(MAX_MODULE_BYTES + (17 << 20)), &mut bomb).unwrap();
    let packed = gzip(MODULE);
    let pair = json!([descriptor("x/config", b"{}"), descriptor(RAW_WASM_TYPE, &packed)]);
    vec![
        ("a layer that is no gzip", layered(b"plain".to_vec())),
        ("a layer that is empty", layered(Vec::new())),
        ("a gzip without a tar", layered(gzip(b"hello"))),
        ("a gzip that ends in the middle", layered(good()[..good().len() / 2].to_vec())),
        ("a tar that ends in the middle", layered(gzip(&whole[..516]))),
        ("a tar whose sum is wrong", layered(gzip(&wrong_sum))),
        ("a tar without the module", files(&[("filter.wasm", MODULE)])),
        ("a name that climbs", files(&[("../../../../etc/cron.d/x", b"x")])),
        ("an absolute name", files(&[("/etc/passwd", b"x")])),
        ("a name with escapes of a terminal", files(&[("\u{1b}[2J\n", b"x")])),
        ("a symbolic link", entry(tar::EntryType::Symlink, 0)),
        ("a hard link", entry(tar::EntryType::Link, 0)),
        ("a folder", entry(tar::EntryType::Directory, 0)),
        ("a device", entry(tar::EntryType::Block, 0)),
        ("a sparse file", layered(gzip(sparse.as_bytes()))),
        ("a file larger than the bound", entry(tar::EntryType::Regular, MAX_MODULE_BYTES + 1)),
        ("a file longer than its archive", entry(tar::EntryType::Regular, 1 << 20)),
        ("an archive that unpacks without end", layered(bomb.finish().unwrap())),
        ("a module that is a script", files(&[("plugin.wasm", b"#!/bin/sh\nexit\n")])),
        ("a module of four bytes", files(&[("plugin.wasm", b"\0asm")])),
        ("the older layout with a packed module", with(MANIFEST_TYPE, &pair, packed)),
    ]
}

fn answers() -> Vec<(&'static str, Served)> {
    let bearer = |realm| answering("/v2/ ", Answer::Status("401 Unauthorized", realm));
    vec![
        ("a redirect to nowhere", answering("/manifests/", Answer::Status("302 Found", "location: http://[\r\n"))),
        ("a redirect without a place", answering("/manifests/", Answer::Status("302 Found", ""))),
        (
            "a redirect to a file",
            answering("/manifests/", Answer::Status("302 Found", "location: file:///etc/passwd\r\n")),
        ),
        ("a manifest that is too long by its head", answering("/manifests/", Answer::Cut(MAX_MANIFEST_BYTES + 1, b""))),
        ("a manifest that is cut off", answering("/manifests/", Answer::Cut(1000, b"{"))),
        ("a layer that is cut off", answering("LAYER", Answer::Cut(20, b"\x1f\x8b"))),
        ("a layer that never ends", answering("LAYER", Answer::Drip)),
        ("silence", answering("/manifests/", Answer::Silence)),
        ("no HTTP", answering("/v2/ ", Answer::NoHttp)),
        ("a sign-in of an unknown kind", bearer("www-authenticate: Negotiate\r\n")),
        ("a token service that is a file", bearer("www-authenticate: Bearer realm=\"file:///etc/passwd\"\r\n")),
        ("a token service that is no address", bearer("www-authenticate: Bearer realm=\"nowhere\"\r\n")),
        ("a server that fails", answering("/blobs/", Answer::Status("500 Internal Server Error", ""))),
        ("a server that forbids", answering("/blobs/", Answer::Status("403 Forbidden", ""))),
        ("a blob that is gone", answering("/blobs/", Answer::Status("410 Gone", ""))),
    ]
}

impl Served {
    fn answer(&self, head: &str, stream: &mut TcpStream) {
        let (line, layer) = (line(head), self.layer_digest.as_ref().map_or("-", Digest::hex));
        match &self.answer {
            Some((word, answer)) if line.contains(if *word == "LAYER" { layer } else { word }) => answer.give(stream),
            _ if line.contains("/v2/ ") => reply(stream, "200 OK", "", b"{}"),
            _ if line.contains("/manifests/1 ") || line.contains(Digest::of(&self.manifest).hex()) => {
                reply(stream, "200 OK", "", &self.manifest);
            }
            _ if line.contains(layer) => reply(stream, "200 OK", "", &self.layer),
            _ if line.contains(Digest::of(b"{}").hex()) => reply(stream, "200 OK", "", b"{}"),
            _ => reply(stream, "404 Not Found", "", b""),
        }
    }
}

impl Answer {
    fn give(&self, stream: &mut TcpStream) {
        // A client that has hung up has seen enough.
        let _ = match self {
            Self::Status(status, headers) => return reply(stream, status, headers, b""),
            Self::Cut(length, bytes) => stream
                .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes())
                .and_then(|()| stream.write_all(bytes)),
            Self::NoHttp => stream.write_all(b"SSH-2.0-x\r\n"),
            Self::Silence => stream.read(&mut [0]).map(drop),
            Self::Drip => {
                let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while sent.is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                    sent = stream.write_all(b"x");
                }
                sent
            }
        };
    }
}

#[tokio::test]
async fn every_case_is_one_clear_error_and_leaves_nothing() {
    let cases: Vec<_> = [manifests(), layers(), answers()].into_iter().flatten().collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut seen = String::new();
    for (name, served) in cases {
        let server = Fake::start(move |head, stream| served.answer(head, stream));
        let reference: ModuleRef = format!("oci://{}/x:1", server.address).parse().unwrap();
        // What only the clock ends gets less of it.
        let is_slow = ["silence", "a layer that never ends"].contains(&name);
        let timeout = Duration::from_secs(if is_slow { 1 } else { 20 });
        let client = Registry::new(RegistryOptions { timeout, ..options() });
        let error = load(&reference, &client).await.expect_err(name).to_string();
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
        assert!(error.len() < 700 && !error.contains('\u{1b}'), "{name}: {error}");
        seen.push_str(&format!("{name}\n    {}\n", stable(&error, &server.address.to_string())));

        // A copy takes the image as it is, whole or not at all: no tag leads to what did not come.
        let ModuleRef::Registry(place) = reference else { panic!("{name}") };
        let folder = tempfile::tempdir().unwrap();
        let Ok(from) = Store::open(&Place::Registry(place), &client).await else { continue };
        let to = Store::open_to_write(&Place::Layout(folder.path().join("copy")), &client).await.unwrap();
        let one = || "1".parse().unwrap();
        if from.copy_to(&"1".parse().unwrap(), &to, &one()).await.is_err() {
            assert!(!folder.path().join("copy/index.json").exists(), "{name}");
        }
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(entries.into_iter().all(|entry| entry == "copy"), "{name}");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile.txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &seen).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), seen, "BLESS=1 rewrites {}", file.display());
}

/// Without what differs from run to run.
fn stable(error: &str, host: &str) -> String {
    let (mut rest, mut text) = (error, String::new());
    while let Some((before, after)) = rest.split_once("sha256:") {
        let end = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len());
        text.push_str(before);
        text.push_str(if end == 64 { "[DIGEST]" } else { "sha256:" });
        rest = if end == 64 { after.split_at(end).1 } else { after };
    }
    (text + rest).replace(host, "[HOST]")
}

//! The life of a module: image, registry, back again.

use std::fs;

use tamis_oci::LocalRegistry;

use crate::process::succeed;
use crate::repository::{module, started};

const CONFIG: &str = "rules: [{ request: { headers: { remove: [x-debug] } } }]\n";

#[test]
fn a_module_comes_back_from_a_registry_as_it_went() {
    let Some(registry) = started(LocalRegistry::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("config.yaml"), CONFIG).unwrap();
    let built = module("transformation");
    let by_tag = format!("oci://{}/filters/transformation:0.1.0", registry.host());

    let pushed = succeed(here, &["push", built.to_str().unwrap(), &by_tag]);
    // What follows on standard error says what to do with it.
    let by_digest = pushed.lines().next().unwrap_or_default();
    let digest = by_digest.split_once('@').unwrap_or_else(|| panic!("no digest in {pushed}")).1;
    assert_eq!(by_digest, format!("oci://{}/filters/transformation@{digest}", registry.host()));
    assert_eq!(succeed(here, &["push", built.to_str().unwrap(), &by_tag]), pushed, "the same image, the same digest");

    for reference in [by_tag.as_str(), by_digest] {
        let told = succeed(here, &["inspect", reference]);
        assert!(told.starts_with(&format!("{reference}\n")) && told.contains(digest), "{told}");
        assert!(told.contains("\ntransformation 0.1.0: "), "{told}");
        assert!(told.contains("rules"), "{told}");
    }

    let told = succeed(here, &["pull", by_digest, "--out", "pulled.wasm"]);
    assert!(told.contains(digest), "{told}");
    assert!(fs::read(&built).unwrap() == fs::read(here.join("pulled.wasm")).unwrap(), "other bytes came back");
    assert_eq!(succeed(here, &["check", "pulled.wasm", "config.yaml"]), "pulled.wasm accepts config.yaml\n");
    assert!(succeed(here, &["check", &by_tag, "config.yaml"]).ends_with(" accepts config.yaml\n"));
    let manifest = succeed(here, &["manifest", "--for", "envoy", "pulled.wasm", "--config", "config.yaml"]);
    let pulled = here.canonicalize().unwrap().join("pulled.wasm");
    assert!(manifest.contains(pulled.to_str().unwrap()) && manifest.contains("x-debug"), "{manifest}");

    let stored = succeed(here, &["push", by_digest, "oci-layout:images:transformation"]);
    assert_eq!(stored.lines().next(), Some(format!("oci-layout:images@{digest}").as_str()));
    succeed(here, &["pull", &format!("oci-layout:images@{digest}"), "--out", "again.wasm"]);
    assert!(fs::read(&built).unwrap() == fs::read(here.join("again.wasm")).unwrap(), "other bytes came back");
}

//! What other tools have made, recorded as one layout: crane, oras, buildah, skopeo and cosign, each a tag.

use std::path::{Path, PathBuf};

use tamis_oci::signing::{Form, PublicKey, VerifyError};
use tamis_oci::{Anatomy, Credentials, ModuleRef, Place, Registry, RegistryOptions, Selector, Store, load};

use crate::support::MODULE;

const COSIGN_KEY: &str = include_str!("signing/cosign.pub");

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

pub fn registry() -> Registry {
    Registry::new(RegistryOptions { credentials: Credentials::Anonymous, ..RegistryOptions::default() })
}

pub async fn open(dir: &Path) -> Store {
    Store::open_to_write(&Place::Layout(dir.to_owned()), &registry()).await.unwrap()
}

pub fn at(tag: &str) -> Selector {
    tag.parse().unwrap()
}

#[tokio::test]
async fn what_other_tools_made_is_read() {
    for tag in [
        "crane",
        "oras-compat",
        "oras-solo",
        "buildah-oci",
        "buildah-docker",
        "skopeo-docker",
        "index",
        "cosign",
        "cosign-older",
    ] {
        let reference = ModuleRef::Layout { dir: folder(), at: at(tag) };
        let loaded = load(&reference, &registry()).await.unwrap_or_else(|error| panic!("{tag}: {error}"));
        assert_eq!(loaded.wasm, MODULE, "{tag}");
    }
}

#[tokio::test]
async fn what_cosign_signed_is_verified() {
    let key = PublicKey::from_pem(COSIGN_KEY).unwrap();
    let store = open(&folder()).await;
    for (tag, form) in [("cosign", Form::Bundle), ("cosign-older", Form::Tag)] {
        let image = store.manifest(&at(tag)).await.unwrap();
        let verified = store.verify(image.digest(), &key).await.unwrap_or_else(|error| panic!("{tag}: {error}"));
        assert_eq!((&verified.image, verified.form), (image.digest(), form));
    }
    let unsigned = store.manifest(&at("crane")).await.unwrap();
    let error = store.verify(unsigned.digest(), &key).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unsigned { .. }), "{error}");
}

#[tokio::test]
async fn a_copy_brings_every_byte_and_what_is_attached() {
    let (from, folder) = (open(&folder()).await, tempfile::tempdir().unwrap());
    let to = open(&folder.path().join("copy")).await;
    for tag in ["index", "cosign", "cosign-older", "buildah-docker"] {
        let copied =
            from.copy_to(&at(tag), &to, &"x".parse().unwrap()).await.unwrap_or_else(|error| panic!("{tag}: {error}"));
        let (before, after) = (from.manifest(&at(tag)).await.unwrap(), to.manifest(&at("x")).await.unwrap());
        assert_eq!((before.digest(), before.bytes()), (&copied.digest, after.bytes()), "{tag}");
        assert_eq!(from.referrers(&copied.digest).await.unwrap(), to.referrers(&copied.digest).await.unwrap(), "{tag}");
    }
    let key = PublicKey::from_pem(COSIGN_KEY).unwrap();
    for tag in ["cosign", "cosign-older"] {
        let digest = from.manifest(&at(tag)).await.unwrap().digest().clone();
        to.verify(&digest, &key).await.unwrap();
    }
    // A second time nothing has to be sent.
    assert_eq!(from.copy_to(&at("cosign"), &to, &"y".parse().unwrap()).await.unwrap().blobs, 0);
}

#[tokio::test]
async fn anatomies_tell_what_is_there() {
    let store = open(&folder()).await;
    let index = store.anatomy(&store.manifest(&at("index")).await.unwrap()).unwrap();
    assert!(index.is_index() && index.manifests.len() == 1, "{index:?}");
    let solo = store.anatomy(&store.manifest(&at("oras-solo")).await.unwrap()).unwrap();
    assert_eq!((solo.is_index(), solo.layers.len()), (false, 2));
    assert!(Anatomy::parse(b"{}").is_err() && Anatomy::parse(b"[]").is_err());
}

//! Signatures: what is signed is verified, and whatever is changed on the way is refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tamis_oci::signing::{
    Attachment, Form, OlderSignature, PROVENANCE_TYPE, PublicKey, SigningKey, Statement, VerifyError,
};
use tamis_oci::{Artifact, Digest, LocalRegistry, Place, Store, layout};

use crate::recorded::{at, open, registry};
use crate::support::{sample, started};

fn key() -> SigningKey {
    SigningKey::from_pem(include_str!("signing/test.key"), b"").unwrap()
}

fn public() -> PublicKey {
    key().public().unwrap()
}

/// A layout with the sample under `1`, signed.
async fn signed() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    layout::write(folder.path(), &"1".parse().unwrap(), &sample()).unwrap();
    let store = open(folder.path()).await;
    let signature = Attachment::signature(sample().digest(), &key()).unwrap();
    store.add(&sample().manifest, &signature).await.unwrap();
    (folder, store)
}

async fn refusal(store: &Store) -> String {
    match store.verify(sample().digest(), &public()).await.unwrap_err() {
        error @ (VerifyError::NoneHolds { .. } | VerifyError::Unsigned { .. }) => error.to_string(),
        error => error.to_string(),
    }
}

#[tokio::test]
async fn what_is_signed_is_verified_with_that_key_only() {
    let (_folder, store) = signed().await;
    let verified = store.verify(sample().digest(), &public()).await.unwrap();
    assert_eq!(&verified.image, sample().digest());
    let other = PublicKey::from_pem(include_str!("signing/cosign.pub")).unwrap();
    let error = store.verify(sample().digest(), &other).await.unwrap_err().to_string();
    assert!(error.contains("not signed with this key"), "{error}");
    // A second signature, of another key, does no harm.
    let cosign = SigningKey::from_pem(include_str!("signing/cosign.key"), b"pw").unwrap();
    store.add(&sample().manifest, &Attachment::signature(sample().digest(), &cosign).unwrap()).await.unwrap();
    for key in [public(), other] {
        store.verify(sample().digest(), &key).await.unwrap();
    }
}

#[tokio::test]
async fn signatures_of_the_older_form_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    layout::write(folder.path(), &"1".parse().unwrap(), &sample()).unwrap();
    let store = open(folder.path()).await;
    let cosign = SigningKey::from_pem(include_str!("signing/cosign.key"), b"pw").unwrap();
    for key in [&key(), &cosign] {
        let signature = OlderSignature::new("registry.example/filters/sample", sample().digest(), key).unwrap();
        store.add_older(sample().digest(), &signature).await.unwrap();
    }
    for key in [public(), cosign.public().unwrap()] {
        let verified = store.verify(sample().digest(), &key).await.unwrap();
        assert!(matches!(verified.form, Form::Tag), "{verified:?}");
    }
    let stranger = PublicKey::from_pem(include_str!("signing/stranger.pub")).unwrap();
    assert!(store.verify(sample().digest(), &stranger).await.is_err());
}

#[tokio::test]
async fn a_signature_of_something_else_is_none_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    layout::write(folder.path(), &"1".parse().unwrap(), &sample()).unwrap();
    let store = open(folder.path()).await;
    assert!(refusal(&store).await.contains("has no signature"));
    // One about another image, attached to this one.
    let moved = Attachment::signature(&Digest::of(b"another image"), &key()).unwrap();
    store.add(&sample().manifest, &moved).await.unwrap();
    assert!(refusal(&store).await.contains("is about another image"), "{}", refusal(&store).await);
    // A statement of the same key that says another thing about this one: nobody meant "use it" by that.
    let statement = Statement { predicate_type: PROVENANCE_TYPE.to_owned(), predicate: Value::Null };
    let provenance = Attachment::signed_statement(&statement, sample().digest(), &key()).unwrap();
    store.add(&sample().manifest, &provenance).await.unwrap();
    assert!(refusal(&store).await.contains("is a statement of another type"), "{}", refusal(&store).await);
    // Documents beside it are looked over.
    store
        .add(&sample().manifest, &Attachment::document("application/vnd.cyclonedx+json", b"{}".to_vec()))
        .await
        .unwrap();
    store.add(&sample().manifest, &Attachment::signature(sample().digest(), &key()).unwrap()).await.unwrap();
    store.verify(sample().digest(), &public()).await.unwrap();
}

/// Every file of the layout, each changed in one place: nothing is accepted but what is whole.
#[tokio::test]
async fn a_changed_layer_manifest_signature_or_referrer_is_refused() {
    let (folder, store) = signed().await;
    let files = blobs(folder.path());
    assert_eq!(files.len(), 6, "image: 3, signature: 2, the empty configuration");
    let index = folder.path().join("index.json");
    let whole = fs::read(&index).unwrap();
    let mut refused = 0;
    for file in &files {
        let before = fs::read(file).unwrap();
        let mut changed = before.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 0x20;
        fs::write(file, &changed).unwrap();
        let is_verified = store.verify(sample().digest(), &public()).await.is_ok();
        let is_read = layout::read(folder.path(), &at("1")).is_ok();
        // The signature is over the digest; what the digest leads to is checked when it is read.
        assert!(!(is_verified && is_read) || is_the_empty_one(&before), "{}", file.display());
        refused += usize::from(!(is_verified && is_read));
        fs::write(file, before).unwrap();
    }
    assert_eq!(refused, 5);
    // An index that leads the tag, or the signature's place, elsewhere.
    let other = layout_with_other_image(folder.path());
    let moved = String::from_utf8(whole.clone()).unwrap().replace(sample().digest().hex(), other.hex());
    fs::write(&index, moved).unwrap();
    let image = store.manifest(&at("1")).await.unwrap();
    assert_eq!(image.digest(), &other);
    assert!(store.verify(image.digest(), &public()).await.is_err());
    fs::write(&index, whole).unwrap();
    store.verify(sample().digest(), &public()).await.unwrap();
}

#[tokio::test]
async fn a_signature_with_a_changed_payload_is_refused() {
    let (folder, store) = signed().await;
    let referrer = store.referrers(sample().digest()).await.unwrap().remove(0);
    let manifest = store.manifest(&at(&referrer.digest.to_string())).await.unwrap();
    let text = String::from_utf8(manifest.bytes().to_vec()).unwrap();
    let layer = store.anatomy(&manifest).unwrap().layers.remove(0);
    let bundle = fs::read_to_string(path(folder.path(), &layer.digest)).unwrap();
    let envelope: Value = serde_json::from_str(&bundle).unwrap();
    let signature = envelope["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    let payload = envelope["dsseEnvelope"]["payload"].as_str().unwrap();
    for changed in [
        bundle.replace(payload, "e30="),
        bundle.replace(signature, "AAAA"),
        bundle.replace(signature, "no base64"),
        bundle.replace("application/vnd.in-toto+json", "application/json"),
        bundle.replace("dsseEnvelope", "messageSignature"),
        bundle.replace(signature, ""),
        "{}".to_owned(),
        "[".repeat(100_000),
        String::new(),
    ] {
        // A stranger who may write makes all digests fit; the signature alone is in the way.
        let bytes = changed.as_bytes();
        let forged = text
            .replace(layer.digest.hex(), Digest::of(bytes).hex())
            .replace(&format!("\"size\":{}", layer.size), &format!("\"size\":{}", bytes.len()));
        let copy = tempfile::tempdir().unwrap();
        layout::write(copy.path(), &"1".parse().unwrap(), &sample()).unwrap();
        let store = open(copy.path()).await;
        fs::write(path(copy.path(), &Digest::of(bytes)), bytes).unwrap();
        fs::write(path(copy.path(), &Digest::of(forged.as_bytes())), &forged).unwrap();
        let index = fs::read_to_string(copy.path().join("index.json")).unwrap();
        let mut index: Value = serde_json::from_str(&index).unwrap();
        let entry = serde_json::json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(forged.as_bytes()), "size": forged.len() });
        index["manifests"].as_array_mut().unwrap().push(entry);
        fs::write(copy.path().join("index.json"), index.to_string()).unwrap();
        let error = refusal(&store).await;
        assert!(error.contains("holds") && error.lines().count() == 1, "{error}");
    }
}

#[tokio::test]
async fn signatures_live_in_a_registry_without_an_api_for_them() {
    let Some(server) = started(LocalRegistry::start()) else { return };
    let place = Place::Registry(format!("oci://{}/signed", server.host()).parse().unwrap());
    let reference = format!("oci://{}/signed:1", server.host()).parse().unwrap();
    registry().push(&reference, &sample()).await.unwrap();
    let store = Store::open_to_write(&place, &registry()).await.unwrap();
    assert!(store.verify(sample().digest(), &public()).await.is_err());
    store
        .add(&sample().manifest, &Attachment::document("application/vnd.cyclonedx+json", b"{}".to_vec()))
        .await
        .unwrap();
    let signature = Attachment::signature(sample().digest(), &key()).unwrap().created(0);
    let digest = store.add(&sample().manifest, &signature).await.unwrap();
    assert_eq!(store.verify(sample().digest(), &public()).await.unwrap().signature, digest);
    assert_eq!(store.referrers(sample().digest()).await.unwrap().len(), 2);
    // The same thing again is no second entry.
    store.add(&sample().manifest, &signature).await.unwrap();
    assert_eq!(store.referrers(sample().digest()).await.unwrap().len(), 2);
    let mut tags = store.tags().await.unwrap();
    tags.sort();
    assert_eq!(tags, ["1".to_owned(), format!("sha256-{}", sample().digest().hex())]);

    let folder = tempfile::tempdir().unwrap();
    let copy = open(&folder.path().join("copy")).await;
    store.copy_to(&at("1"), &copy, &"1".parse().unwrap()).await.unwrap();
    copy.verify(sample().digest(), &public()).await.unwrap();
    assert_eq!(layout::read(&folder.path().join("copy"), &at("1")).unwrap(), sample());
}

fn layout_with_other_image(dir: &Path) -> Digest {
    let other = Artifact::cncf(crate::support::MODULE, &crate::support::metadata());
    fs::write(path(dir, other.digest()), other.manifest.bytes()).unwrap();
    other.digest().clone()
}

fn is_the_empty_one(bytes: &[u8]) -> bool {
    bytes == b"{}"
}

fn blobs(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn path(dir: &Path, digest: &Digest) -> PathBuf {
    dir.join("blobs/sha256").join(digest.hex())
}

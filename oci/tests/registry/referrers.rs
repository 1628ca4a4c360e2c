//! Registries with an API for what is attached to an image, lists in pages, and lists that are none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tamis_oci::signing::{Attachment, PublicKey, SigningKey};
use tamis_oci::{Digest, INDEX_TYPE, Place, Store};

use crate::fake::{Fake, line, patient, reply};
use crate::support::sample;

/// What was sent, by path.
type Kept = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A registry that keeps what it is sent; with an API for referrers, `api`, in pages of one.
fn registry(api: bool) -> (Fake, Kept) {
    let kept = Kept::default();
    let shared = kept.clone();
    let server = Fake::start_with_bodies(move |head, body, stream| {
        let line = line(head).to_owned();
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.split(' ').next().unwrap().to_owned();
        let mut kept = shared.lock().unwrap();
        match method {
            "post" => reply(stream, "202 Accepted", "location: /v2/x/upload\r\n", b""),
            "put" if path.contains("/upload") => {
                kept.insert(format!("/v2/x/blobs/{}", Digest::of(&body)), body);
                reply(stream, "201 Created", "", b"");
            }
            "put" => {
                kept.insert(format!("/v2/x/manifests/{}", Digest::of(&body)), body.clone());
                let subject = String::from_utf8_lossy(&body).contains("\"subject\"");
                kept.insert(path, body);
                let header = if api && subject { "oci-subject: sha256:x\r\n" } else { "" };
                reply(stream, "201 Created", header, b"");
            }
            _ if path.starts_with("/v2/x/referrers/") && api => {
                let all: Vec<_> = kept
                    .iter()
                    .filter(|(path, body)| {
                        path.contains("/manifests/sha256:") && String::from_utf8_lossy(body).contains("\"subject\"")
                    })
                    .collect();
                let page = path.split_once("last=").map_or(0, |(_, page)| page.parse::<usize>().unwrap());
                let found = all.get(page).map(|(_, body)| json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": Digest::of(body), "size": body.len() }));
                let link = if page + 1 < all.len() {
                    format!("link: </v2/x/elsewhere?last={}>; rel=\"next\"\r\n", page + 1)
                } else {
                    String::new()
                };
                let list = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": found.into_iter().collect::<Vec<_>>() });
                reply(stream, "200 OK", &link, list.to_string().as_bytes());
            }
            _ if path == "/v2/" => reply(stream, "200 OK", "", b"{}"),
            _ => match kept.get(&path) {
                Some(body) => reply(stream, "200 OK", "", if method == "head" { b"" } else { body }),
                None => reply(stream, "404 Not Found", "", b""),
            },
        }
    });
    (server, kept)
}

#[tokio::test]
async fn the_api_is_used_where_there_is_one_and_the_tag_where_not() {
    let key = SigningKey::from_pem(include_str!("../signing/test.key"), b"").unwrap();
    for api in [true, false] {
        let (server, kept) = registry(api);
        patient().push(&server.reference("x:1"), &sample()).await.unwrap();
        let store = Store::open_to_write(&Place::Registry(server.reference("x:1")), &patient()).await.unwrap();
        for attachment in [
            Attachment::document("application/vnd.cyclonedx+json", b"{}".to_vec()),
            Attachment::signature(sample().digest(), &key).unwrap(),
        ] {
            store.add(&sample().manifest, &attachment).await.unwrap();
        }
        assert_eq!(store.referrers(sample().digest()).await.unwrap().len(), 2, "api: {api}");
        store.verify(sample().digest(), &key.public().unwrap()).await.unwrap();
        let has_tag = kept.lock().unwrap().keys().any(|path| path.contains("/manifests/sha256-"));
        assert_eq!(has_tag, !api);
    }
}

#[tokio::test]
async fn lists_end_and_lists_that_are_none_are_errors() {
    let public = PublicKey::from_pem(include_str!("../signing/cosign.pub")).unwrap();
    for (headers, body, wanted) in [
        ("link: </v2/x/referrers/y?last=1>; rel=\"next\"\r\n", &b"{}"[..], "pages without end"),
        ("", b"[1,2]", "not the JSON that it should be"),
        ("", b"<html>", "not the JSON that it should be"),
        ("", br#"{"manifests":[{"digest":"sha256:.."}]}"#, "not the JSON that it should be"),
    ] {
        let server = Fake::start(move |head, stream| match line(head) {
            line if line.contains("/v2/ ") => reply(stream, "200 OK", "", b"{}"),
            _ => reply(stream, "200 OK", headers, body),
        });
        let store = Store::open(&Place::Registry(server.reference("x:1")), &patient()).await.unwrap();
        let error = store.verify(sample().digest(), &public).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn tags_come_in_pages_of_this_repository_only() {
    let server = Fake::start(|head, stream| match line(head) {
        line if line.contains("tags/list?last=2") => reply(stream, "200 OK", "", br#"{"tags":["3"]}"#),
        line if line.contains("/v2/x/tags/list") => {
            let link = "link: <http://other.example/v2/y/tags/list?last=2>; rel=\"next\"\r\n";
            reply(stream, "200 OK", link, br#"{"name":"x","tags":["1","2"]}"#);
        }
        _ => reply(stream, "200 OK", "", b"{}"),
    });
    let store = Store::open(&Place::Registry(server.reference("x")), &patient()).await.unwrap();
    assert_eq!(store.tags().await.unwrap(), ["1", "2", "3"]);
}

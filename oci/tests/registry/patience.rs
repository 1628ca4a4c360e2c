//! Registries that have a bad moment, send requests elsewhere, and what is told of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tamis_oci::{Artifact, Credentials, Metadata, Password, Progress, Registry, RegistryError, RegistryOptions, Step};

use crate::fake::{Fake, line, options, patient, reply};
use crate::support::{MODULE, sample};

/// Answers as a registry that holds the sample, and takes everything.
fn good(head: &str, stream: &mut std::net::TcpStream) {
    let line = line(head);
    let image = sample();
    match line.split(' ').next() {
        Some("post") => reply(stream, "202 Accepted", "location: /v2/x/blobs/uploads/1?state=a\r\n", b""),
        Some("put") => reply(stream, "201 Created", "", b""),
        Some("head") => reply(stream, "404 Not Found", "", b""),
        _ if line.contains("/manifests/") => reply(stream, "200 OK", "", image.manifest.bytes()),
        _ if line.contains(image.config.digest().hex()) => reply(stream, "200 OK", "", image.config.bytes()),
        _ if line.contains("/blobs/") => reply(stream, "200 OK", "", image.layer.bytes()),
        _ => reply(stream, "200 OK", "", b"{}"),
    }
}

/// Fails the first `times` requests whose line contains `word`.
fn failing(word: &'static str, times: usize, status: &'static str, headers: &'static str) -> (Fake, Arc<AtomicUsize>) {
    let (count, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let shared = seen.clone();
    let server = Fake::start(move |head, stream| {
        if line(head).contains(word) {
            shared.fetch_add(1, Ordering::SeqCst);
            if count.fetch_add(1, Ordering::SeqCst) < times {
                return reply(stream, status, headers, b"later");
            }
        }
        good(head, stream);
    });
    (server, seen)
}

#[tokio::test]
async fn a_bad_moment_passes() {
    for word in ["get /v2/ ", "post ", "put /v2/x/blobs/uploads/", "put /v2/x/manifests/", "head "] {
        for status in ["429 Too Many Requests", "502 Bad Gateway", "503 Service Unavailable"] {
            let (server, seen) = failing(word, 2, status, "");
            patient().push(&server.reference("x:1"), &sample()).await.unwrap_or_else(|error| panic!("{word}: {error}"));
            assert!(seen.load(Ordering::SeqCst) >= 3, "{word}");
        }
    }
    for word in ["get /v2/x/manifests/", "get /v2/x/blobs/"] {
        let (server, _) = failing(word, 2, "500 Internal Server Error", "");
        assert_eq!(patient().pull(&server.reference("x:1")).await.unwrap(), sample(), "{word}");
    }
}

#[tokio::test]
async fn a_bad_day_is_an_error_after_a_few_attempts() {
    let (server, seen) = failing("put /v2/x/manifests/", usize::MAX, "503 Service Unavailable", "");
    let error = patient().push(&server.reference("x:1"), &sample()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 503, .. }), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    // A refusal that stays is not repeated.
    let (server, seen) = failing("get /v2/x/manifests/", usize::MAX, "400 Bad Request", "");
    patient().pull(&server.reference("x:1")).await.unwrap_err();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_registry_says_how_long_to_wait() {
    let (server, _) = failing("get /v2/x/manifests/", 1, "429 Too Many Requests", "retry-after: 1\r\n");
    let begin = Instant::now();
    patient().pull(&server.reference("x:1")).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    // More than the client has patience for: it does not sleep, it says so at once.
    let (server, seen) = failing("get /v2/x/manifests/", 9, "429 Too Many Requests", "retry-after: 3600\r\n");
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 429, .. }), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_goes_on_is_told() {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let (server, _) = failing("post ", 1, "503 Service Unavailable", "");
    let told = steps.clone();
    let progress = Progress::to(move |step| told.lock().unwrap().push(step));
    Registry::new(RegistryOptions { progress, ..options() }).push(&server.reference("x:1"), &sample()).await.unwrap();
    let steps = steps.lock().unwrap();
    assert!(steps.iter().any(|step| matches!(step, Step::Waiting { status: 503, .. })), "{steps:?}");
    let total = sample().layer.size();
    assert!(steps.contains(&Step::Uploading { what: "layer", done: total, total }), "{steps:?}");
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_host() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = seen.clone();
    let other = Fake::start(move |head, stream| {
        heads.lock().unwrap().push(head.to_owned());
        good(head, stream);
    });
    let elsewhere = other.address;
    let first = Fake::start(move |head, stream| {
        let path = line(head).split(' ').nth(1).unwrap_or_default().to_owned();
        if path == "/v2/" {
            return reply(stream, "401 Unauthorized", "www-authenticate: Basic realm=\"x\"\r\n", b"");
        }
        assert!(head.contains("authorization: basic "), "{head}");
        match line(head).split(' ').next() {
            Some("head") => reply(stream, "404 Not Found", "", b""),
            Some("post") => {
                let location = format!("location: http://{elsewhere}/upload/1\r\n");
                reply(stream, "202 Accepted", &location, b"");
            }
            Some("put") => reply(stream, "201 Created", "", b""),
            _ => {
                let location = format!("location: http://{elsewhere}{path}\r\n");
                reply(stream, "307 Temporary Redirect", &location, b"");
            }
        }
    });
    let credentials = Credentials::Host {
        host: first.address.to_string(),
        user: "tamis".into(),
        password: Password::new("s3cret".into()),
        others: Box::default(),
    };
    assert!(!format!("{credentials:?}").contains("s3cret"));
    let client = Registry::new(RegistryOptions { credentials, ..options() });
    assert_eq!(client.pull(&first.reference("x:1")).await.unwrap(), sample());
    client.push(&first.reference("x:1"), &sample()).await.unwrap();
    let heads = seen.lock().unwrap();
    assert!(heads.iter().any(|head| head.starts_with("put /upload/1?digest=sha256")), "{heads:?}");
    assert!(heads.iter().any(|head| head.starts_with("get /v2/x/manifests/1 ")), "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains("authorization")), "{heads:?}");
}

#[tokio::test]
async fn redirects_end() {
    let server = Fake::start(|head, stream| {
        let location = format!("location: {}0\r\n", line(head).split(' ').nth(1).unwrap_or_default());
        reply(stream, "302 Found", &location, b"");
    });
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err();
    assert!(error.to_string().contains("too many redirects"), "{error}");
}

#[tokio::test]
async fn a_second_form_is_an_artifact_of_its_own() {
    let artifact = Artifact::cncf(MODULE, &Metadata { created: Some(951_782_400), ..Metadata::default() });
    let manifest: serde_json::Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], tamis_oci::Digest::of(MODULE).to_string());
    assert_eq!(manifest["annotations"]["org.opencontainers.image.created"], "2000-02-29T00:00:00Z");
    // The same in any run, and no time of the day in it.
    assert_eq!(Artifact::cncf(MODULE, &Metadata::default()), Artifact::cncf(MODULE, &Metadata::default()));
}

//! Registries that lie, never stop, or never answer: each ends in one error.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tamis_oci::{Digest, MAX_MANIFEST_BYTES, Registry, RegistryError, RegistryOptions, RegistryRef};

use crate::fake::{Fake, line, options, patient, reply};
use crate::support::sample;

fn client(timeout: Duration) -> Registry {
    Registry::new(RegistryOptions { timeout, ..options() })
}

#[tokio::test]
async fn a_manifest_without_end_stops_at_the_bound() {
    let server = Fake::start(|line, stream| {
        if line.contains("/manifests/") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            while stream.write_all(&[b' '; 65536]).is_ok() {}
        } else {
            reply(stream, "200 OK", "", b"{}");
        }
    });
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { what: "manifest", limit: MAX_MANIFEST_BYTES, .. }), "{error}");
}

#[tokio::test]
async fn another_manifest_than_the_pinned_one_is_refused() {
    let server = Fake::start(|_, stream| reply(stream, "200 OK", "", sample().manifest.bytes()));
    let pinned = Digest::of(b"what was reviewed");
    let error = patient().pull(&server.reference(&format!("x@{pinned}"))).await.unwrap_err();
    let RegistryError::DigestMismatch { expected, actual, .. } = error else { panic!("{error}") };
    assert_eq!((&expected, &actual), (&pinned, sample().digest()));
}

#[tokio::test]
async fn another_layer_than_the_manifests_is_refused() {
    let server = Fake::start(|line, stream| {
        let image = sample();
        let body = if line.contains("/manifests/") {
            image.manifest.bytes().to_vec()
        } else if line.contains(image.config.digest().hex()) {
            image.config.bytes().to_vec()
        } else {
            b"another layer".to_vec()
        };
        reply(stream, "200 OK", "", &body);
    });
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err();
    let RegistryError::DigestMismatch { actual, .. } = error else { panic!("{error}") };
    assert_eq!(actual, Digest::of(b"another layer"));
}

#[tokio::test]
async fn an_index_of_itself_ends() {
    let server = Fake::start(|line, stream| {
        // Each manifest is an index that names the one after it, so that no digest is wrong.
        let chain = |depth: usize| {
            (0..depth).fold(br#"{"manifests":[]}"#.to_vec(), |child, _| {
                let digest = Digest::of(&child);
                format!(r#"{{"manifests":[{{"mediaType":"x","digest":"{digest}","size":{}}}]}}"#, child.len())
                    .into_bytes()
            })
        };
        let wanted = (0..=9).rev().map(chain).find(|body| line.contains(Digest::of(body).hex()));
        reply(stream, "200 OK", "", &wanted.unwrap_or_else(|| chain(9)));
    });
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err().to_string();
    assert!(error.contains("more than 4 indexes"), "{error}");
}

#[tokio::test]
async fn what_is_no_module_says_what_it_is() {
    let artifact = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},
        "layers":[{"mediaType":"application/wasm","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}]}"#;
    let server = Fake::start(|_, stream| reply(stream, "200 OK", "", artifact));
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotAModule { .. }), "{error}");
    assert!(error.to_string().contains("found \"application/wasm\""), "{error}");
}

#[tokio::test]
async fn silence_ends_with_the_time_limit() {
    // Holds the connection, without a word, until the client hangs up.
    let server = Fake::start(|_, stream| drop(stream.read(&mut [0])));
    let begin = Instant::now();
    let error = client(Duration::from_millis(300)).pull(&server.reference("x:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_token_that_is_no_header_value_is_an_error() {
    let server = Fake::start(|line, stream| {
        if line.contains("/token") {
            reply(stream, "200 OK", "", br#"{"token":"line\nbreak"}"#);
        } else {
            let host = stream.local_addr().unwrap();
            reply(
                stream,
                "401 Unauthorized",
                &format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"x\"\r\n"),
                b"",
            );
        }
    });
    for error in [
        patient().pull(&server.reference("x:1")).await.unwrap_err(),
        patient().push(&server.reference("x:1"), &sample()).await.unwrap_err(),
    ] {
        assert!(matches!(error, RegistryError::Protocol { .. }), "{error}");
        assert!(error.to_string().contains("no usable token"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_used_where_it_is_asked_for() {
    let server = Fake::start(|line, stream| {
        if line.contains("/token") {
            assert!(line.contains("scope=repository%3ax%3apull"), "{line}");
            reply(stream, "200 OK", "", br#"{"token":"good"}"#);
        } else if line.contains("/manifests/") {
            reply(stream, "403 Forbidden", "", b"secret text of the registry");
        } else {
            let host = stream.local_addr().unwrap();
            reply(
                stream,
                "401 Unauthorized",
                &format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"x\"\r\n"),
                b"",
            );
        }
    });
    let error = patient().pull(&server.reference("x:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert!(!error.to_string().contains("secret text"), "{error}");
}

#[tokio::test]
async fn an_upload_address_that_is_none_is_an_error() {
    for location in ["location: ::::\r\n", "location: http://[\r\n", ""] {
        let server = Fake::start(move |head, stream| match line(head).split(' ').next() {
            Some("post") => reply(stream, "202 Accepted", location, b""),
            Some("head") => reply(stream, "404 Not Found", "", b""),
            _ => reply(stream, "200 OK", "", b"{}"),
        });
        let error = patient().push(&server.reference("x:1"), &sample()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Protocol { .. }), "{location:?}: {error}");
    }
}

#[tokio::test]
async fn a_failure_of_the_registry_names_its_status() {
    let server = Fake::start(|head, stream| match line(head).split(' ').next() {
        Some("get") if line(head).contains("/v2/ ") => reply(stream, "200 OK", "", b"{}"),
        _ => reply(stream, "503 Service Unavailable", "", b"secret text of the registry"),
    });
    for error in [
        patient().pull(&server.reference("x:1")).await.unwrap_err(),
        patient().push(&server.reference("x:1"), &sample()).await.unwrap_err(),
    ] {
        assert!(matches!(error, RegistryError::Refused { status: 503, .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret text"), "{error:?}");
    }
}

#[tokio::test]
async fn plain_http_is_only_spoken_to_this_machine_or_when_asked_for() {
    let (sender, lines) = std::sync::mpsc::channel();
    let server = Fake::start(move |line, stream| {
        sender.send(line.to_owned()).unwrap();
        reply(stream, "404 Not Found", "", b"");
    });
    // The same address in a form that does not count as this machine.
    let elsewhere: RegistryRef = format!("oci://[::ffff:127.0.0.1]:{}/x:1", server.address.port()).parse().unwrap();
    let error = patient().pull(&elsewhere).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(lines.try_recv().is_err(), "a request went out in the clear");

    let options = RegistryOptions { plain_http: true, ..options() };
    if TcpStream::connect(("::ffff:127.0.0.1", server.address.port())).is_ok() {
        let error = Registry::new(options).pull(&elsewhere).await.unwrap_err();
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
        assert!(lines.try_recv().is_ok());
    }
}

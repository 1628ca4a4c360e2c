//! Debian's `docker-registry` on a free port, with skopeo as the independent client.

use std::fs;
use std::net::TcpListener;

use tamis_oci::{
    Credentials, Digest, Image, LocalRegistry, Metadata, ModuleRef, Registry, RegistryError, RegistryOptions,
    RegistryRef, load,
};

use crate::support::{MODULE, sample, skopeo, started, text};

pub const USER: &str = "tamis";
pub const PASSWORD: &str = "sieve-of-hemp";
const BASE64: &str = "dGFtaXM6c2lldmUtb2YtaGVtcA==";
pub const HTPASSWD: &str = "tamis:$2b$04$OC2sBG9jsea1CRXFwtm3A.ZvS6DPH19zA3yN/cUz1L2OnT3IiEXUq\n";

fn anonymous() -> Registry {
    with(Credentials::Anonymous)
}

fn with(credentials: Credentials) -> Registry {
    Registry::new(RegistryOptions { credentials, ..RegistryOptions::default() })
}

fn reference(host: &str, rest: &str) -> RegistryRef {
    format!("oci://{host}/{rest}").parse().unwrap()
}

#[tokio::test]
async fn pushed_pulled_and_copied_bytes_are_equal() {
    let Some(server) = started(LocalRegistry::start()) else { return };
    let (client, image) = (anonymous(), sample());
    let by_tag = reference(&server.host(), "filters/headers:1.2.0");

    let pushed = client.push(&by_tag, &image).await.unwrap();
    assert_eq!(&pushed.digest, image.digest());
    assert_eq!(pushed.reference_by_digest, by_tag.at(image.digest().clone()));
    assert_eq!(client.pull(&by_tag).await.unwrap(), image);
    assert_eq!(client.pull(&pushed.reference_by_digest).await.unwrap(), image);
    let loaded = load(&ModuleRef::Registry(by_tag.clone()), &client).await.unwrap();
    assert_eq!((loaded.wasm.as_slice(), loaded.digest), (MODULE, Some(image.digest().to_string())));

    // The blobs are there already, the manifest moves to another tag and `latest`.
    client.push(&reference(&server.host(), "filters/headers"), &image).await.unwrap();
    assert_eq!(client.pull(&reference(&server.host(), "filters/headers:latest")).await.unwrap(), image);

    let source = format!("docker://{}/filters/headers:1.2.0", server.host());
    let Some(raw) = skopeo(&["inspect", "--raw", "--tls-verify=false", &source]) else { return };
    assert_eq!(raw.as_bytes(), image.manifest.bytes());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    skopeo(&["copy", "--quiet", "--src-tls-verify=false", &source, &format!("oci:{}:copied", text(&copy))]);
    for blob in [&image.manifest, &image.config, &image.layer] {
        let path = copy.join("blobs/sha256").join(blob.digest().hex());
        assert_eq!(fs::read(path).unwrap(), blob.bytes());
    }
}

#[tokio::test]
async fn what_another_client_pushed_is_pulled() {
    let Some(server) = started(LocalRegistry::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    tamis_oci::layout::write(folder.path(), &"1".parse().unwrap(), &sample()).unwrap();
    let target = format!("docker://{}/copied:1", server.host());
    let source = format!("oci:{}:1", text(folder.path()));
    if skopeo(&["copy", "--quiet", "--dest-tls-verify=false", &source, &target]).is_none() {
        return;
    }
    assert_eq!(anonymous().pull(&reference(&server.host(), "copied:1")).await.unwrap(), sample());

    // The same in Docker's own media types.
    let target = format!("docker://{}/docker:1", server.host());
    skopeo(&["copy", "--quiet", "--format=v2s2", "--dest-tls-verify=false", &source, &target]);
    let docker = anonymous().pull(&reference(&server.host(), "docker:1")).await.unwrap();
    assert_eq!(docker.module().unwrap(), MODULE);
    assert_ne!(docker.digest(), sample().digest());
}

#[tokio::test]
async fn a_large_module_goes_both_ways() {
    let Some(server) = started(LocalRegistry::start()) else { return };
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    let wasm: Vec<u8> = MODULE.iter().copied().chain(noise.take(6 << 20)).collect();
    let image = Image::build(&wasm, &Metadata::default());
    assert!(image.layer.size() > 4 << 20);
    let address = reference(&server.host(), "large:1");
    anonymous().push(&address, &image).await.unwrap();
    assert_eq!(anonymous().pull(&address).await.unwrap().module().unwrap(), wasm);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let Some(server) = started(LocalRegistry::start()) else { return };
    let (client, image) = (anonymous(), sample());
    client.push(&reference(&server.host(), "headers:1"), &image).await.unwrap();
    let unknown = Digest::of(b"unknown");
    for rest in ["headers:2".to_owned(), "other:1".to_owned(), format!("headers@{unknown}")] {
        let error = client.pull(&reference(&server.host(), &rest)).await.unwrap_err();
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
        assert!(error.to_string().contains(&format!("/{rest} was not found")), "{error}");
    }
    let pinned = client.push(&reference(&server.host(), &format!("headers:1@{unknown}")), &image).await.unwrap_err();
    assert!(matches!(pinned, RegistryError::DigestMismatch { .. }), "{pinned}");
    let no_tag =
        client.push(&reference(&server.host(), &format!("headers@{}", image.digest())), &image).await.unwrap_err();
    assert!(matches!(no_tag, RegistryError::NoTag { .. }), "{no_tag}");
}

#[tokio::test]
async fn a_registry_with_a_password_takes_the_right_one() {
    let Some(server) = started(LocalRegistry::start_with_password(HTPASSWD)) else { return };
    let (host, image) = (server.host(), sample());
    let address = reference(&host, "headers:1");
    let folder = tempfile::tempdir().unwrap();
    let configured = |text: String| {
        fs::write(folder.path().join("config.json"), text).unwrap();
        with(Credentials::DockerConfig(folder.path().to_owned()))
    };
    let refused = |error: RegistryError, wanted: &str| {
        assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains("unauthorized") && text.contains(wanted), "{text}");
        for secret in [PASSWORD, BASE64, "wrong-one"] {
            assert!(!text.contains(secret), "{text}");
        }
    };

    refused(anonymous().push(&address, &image).await.unwrap_err(), "no credentials were sent");
    refused(anonymous().pull(&address).await.unwrap_err(), "no credentials were sent");
    let empty = with(Credentials::DockerConfig(folder.path().join("missing")));
    refused(empty.push(&address, &image).await.unwrap_err(), &format!("run `docker login {host}`"));
    // `tamis:wrong-one`
    let wrong = configured(format!(r#"{{"auths":{{"{host}":{{"auth":"dGFtaXM6d3Jvbmctb25l"}}}}}}"#));
    refused(wrong.push(&address, &image).await.unwrap_err(), "were not accepted");

    let right = configured(format!(r#"{{"auths":{{"https://{host}/v1/":{{"auth":"{BASE64}"}}}}}}"#));
    let pushed = right.push(&address, &image).await.unwrap();
    assert_eq!(right.pull(&pushed.reference_by_digest).await.unwrap(), image);
    refused(anonymous().pull(&address).await.unwrap_err(), "no credentials were sent");

    let login = format!("{USER}:{PASSWORD}");
    if let Some(raw) =
        skopeo(&["inspect", "--raw", "--tls-verify=false", "--creds", &login, &format!("docker://{host}/headers:1")])
    {
        assert_eq!(raw.as_bytes(), image.manifest.bytes());
    }
}

#[tokio::test]
async fn a_configuration_that_is_none_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let address = reference("127.0.0.1:9", "headers:1");
    for (text, wanted) in [
        ("{\"auths\":\n hunter2", "line 2, column 2"),
        (r#"{"auths":{"127.0.0.1:9":{"auth":"hunter2"}}}"#, "is not base64 of `user:password`"),
        (r#"{"auths":{"127.0.0.1:9":{"auth":"aHVudGVyMg=="}}}"#, "is not base64 of `user:password`"),
    ] {
        fs::write(folder.path().join("config.json"), text).unwrap();
        let error = with(Credentials::DockerConfig(folder.path().to_owned())).pull(&address).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(wanted), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    }
}

#[tokio::test]
async fn nobody_at_the_port_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = reference(&format!("127.0.0.1:{port}"), "headers:1");
    for error in
        [anonymous().pull(&address).await.unwrap_err(), anonymous().push(&address, &sample()).await.unwrap_err()]
    {
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("cannot reach the registry 127.0.0.1:{port}")) && text.contains("refused"),
            "{text}"
        );
    }
}

#[test]
fn the_process_ends_with_its_guard() {
    let Some(server) = started(LocalRegistry::start()) else { return };
    let host = server.host();
    assert!(std::net::TcpStream::connect(&host).is_ok());
    drop(server);
    assert!(std::net::TcpStream::connect(&host).is_err());
}

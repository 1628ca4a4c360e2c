//! Real registries behind TLS, a password, and a service that gives out tokens.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use tamis_oci::{
    Credentials, LocalGuard, LocalRegistry, LocalTokens, Password, Registry, RegistryError, RegistryOptions,
    RegistryRef,
};

use super::real::{HTPASSWD, PASSWORD, USER};
use crate::fake::{Fake, line, options, reply};
use crate::support::{sample, skopeo, started};

fn tls(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(file)
}

fn client(host: &str, password: Option<&str>, ca: bool) -> Registry {
    let credentials = match password {
        Some(password) => Credentials::Host {
            host: host.to_owned(),
            user: USER.to_owned(),
            password: Password::new(password.to_owned()),
            others: Box::default(),
        },
        None => Credentials::Anonymous,
    };
    Registry::new(RegistryOptions { credentials, ca: ca.then(|| tls("ca.pem")), ..options() })
}

fn reference(host: &str) -> RegistryRef {
    format!("oci://{host}/filters/headers:1").parse().unwrap()
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let guard = LocalGuard {
        tls: Some((tls("server.pem"), tls("server.key"))),
        htpasswd: Some(HTPASSWD.to_owned()),
        ..LocalGuard::default()
    };
    let Some(server) = started(LocalRegistry::start_with(&guard)) else { return };
    let (host, to) = (server.host(), reference(&server.host()));
    let good = client(&host, Some(PASSWORD), true);
    good.push(&to, &sample()).await.unwrap();
    assert_eq!(good.pull(&to).await.unwrap(), sample());
    // The right authority, the wrong password; the right password, without the authority: not even a request.
    let wrong = client(&host, Some("wrong-one"), true).pull(&to).await.unwrap_err();
    assert!(matches!(wrong, RegistryError::Unauthorized { .. }), "{wrong}");
    let named: RegistryRef =
        format!("oci://localhost.localdomain:{}/x:1", host.rsplit(':').next().unwrap()).parse().unwrap();
    assert!(client(&host, Some(PASSWORD), false).pull(&named).await.is_err());
    let other = RegistryOptions { ca: Some(tls("tokens.pem")), ..options() };
    let error = Registry::new(other).pull(&to).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    for (file, wanted) in [("server.key", "it holds no certificate"), ("none.pem", "No such file")] {
        let other = RegistryOptions { ca: Some(tls(file)), ..options() };
        let error = Registry::new(other).pull(&to).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let login = format!("{USER}:{PASSWORD}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(tls("ca.pem"), folder.path().join("ca.crt")).unwrap();
    let cert_dir = folder.path().to_str().unwrap();
    if let Some(raw) = skopeo(&[
        "inspect",
        "--raw",
        "--cert-dir",
        cert_dir,
        "--creds",
        &login,
        &format!("docker://{host}/filters/headers:1"),
    ]) {
        assert_eq!(raw.as_bytes(), sample().manifest.bytes());
    }
}

/// A token as docker-registry takes it: a JWT, signed with the key of a certificate that it trusts.
fn token(service: &str, name: &str, actions: &[&str]) -> String {
    let pem = include_str!("../tls/tokens.pem");
    let certificate: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [certificate] });
    let claims = json!({
        "iss": "tamis-tests", "sub": USER, "aud": service, "exp": now + 300, "nbf": now - 60, "iat": now, "jti": "1",
        "access": [{ "type": "repository", "name": name, "actions": actions }],
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&claims));
    let key: String = include_str!("../signing/test.key").lines().filter(|line| !line.starts_with("-----")).collect();
    let random = SystemRandom::new();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &STANDARD.decode(key).unwrap(), &random).unwrap();
    let signature = pair.sign(&random, text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// A service that gives tokens to whoever has the password, and to nobody else more than reading.
pub fn service() -> (Fake, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = seen.clone();
    let basic = format!("authorization: basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")).to_ascii_lowercase());
    let server = Fake::start(move |head, stream| {
        asked.lock().unwrap().push(line(head).to_owned());
        let actions: &[&str] =
            if head.contains(&basic) || line(head).starts_with("post") { &["pull", "push"] } else { &[] };
        if head.contains("authorization:") && actions.is_empty() {
            return reply(stream, "401 Unauthorized", "", b"{\"secret\":\"of the service\"}");
        }
        let body = json!({ "token": token("tamis-registry", "filters/headers", actions) }).to_string();
        reply(stream, "200 OK", "", body.as_bytes());
    });
    (server, seen)
}

#[tokio::test]
async fn tokens_that_a_real_registry_checks() {
    let (service, seen) = service();
    let tokens = LocalTokens {
        realm: format!("http://{}/token", service.address),
        service: "tamis-registry".to_owned(),
        issuer: "tamis-tests".to_owned(),
        certificates: tls("tokens.pem"),
    };
    let guard = LocalGuard { tokens: Some(tokens), ..LocalGuard::default() };
    let Some(server) = started(LocalRegistry::start_with(&guard)) else { return };
    let (host, to) = (server.host(), reference(&server.host()));
    let good = client(&host, Some(PASSWORD), false);
    good.push(&to, &sample()).await.unwrap();
    assert_eq!(good.pull(&to).await.unwrap(), sample());
    for password in [None, Some("wrong-one")] {
        let error = client(&host, password, false).push(&to, &sample()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("wrong-one") && !text.contains("of the service"), "{text}");
    }
    let lines = std::mem::take(&mut *seen.lock().unwrap());
    let scope = "scope=repository%3afilters%2fheaders%3apull%2cpush";
    assert!(lines.iter().any(|line| line.contains(scope) && line.contains("service=tamis-registry")), "{lines:?}");

    // What a sign-in by browser leaves goes by another way, in the body, and never into an address.
    let folder = tempfile::tempdir().unwrap();
    let entry = |entry: &str| {
        std::fs::write(folder.path().join("config.json"), format!(r#"{{"auths":{{"{host}":{entry}}}}}"#)).unwrap();
        let credentials = Credentials::DockerConfig(folder.path().to_owned());
        Registry::new(RegistryOptions { credentials, ..options() })
    };
    entry(r#"{"identitytoken":"of-the-browser"}"#).push(&to, &sample()).await.unwrap();
    let registry_token = token("tamis-registry", "filters/headers", &["pull"]);
    assert_eq!(entry(&format!(r#"{{"registrytoken":"{registry_token}"}}"#)).pull(&to).await.unwrap(), sample());
    let lines = std::mem::take(&mut *seen.lock().unwrap());
    assert!(lines.iter().any(|line| line.starts_with("post /token ")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("of-the-browser")), "{lines:?}");
}

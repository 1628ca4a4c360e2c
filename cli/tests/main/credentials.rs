//! Where passwords come from: helpers, the environment, Docker's file. None of them is ever printed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tamis_oci::LocalRegistry;

use crate::process::{Ended, run, tamis};
use crate::repository::{self, started};

const HTPASSWD: &str = "tamis:$2b$04$OC2sBG9jsea1CRXFwtm3A.ZvS6DPH19zA3yN/cUz1L2OnT3IiEXUq\n";
const PASSWORD: &str = "sieve-of-hemp";
const BASE64: &str = "dGFtaXM6c2lldmUtb2YtaGVtcA==";

struct Place {
    folder: tempfile::TempDir,
    _registry: LocalRegistry,
    host: String,
}

impl Place {
    fn new() -> Option<Self> {
        let registry = started(LocalRegistry::start_with_password(HTPASSWD))?;
        Some(Self { folder: tempfile::tempdir().unwrap(), host: registry.host(), _registry: registry })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Docker's file, and helpers by name: what each does with the host on its standard input.
    fn configure(&self, config: &str, helpers: &[(&str, &str)]) {
        fs::write(self.path().join("config.json"), config.replace("HOST", &self.host)).unwrap();
        for (name, script) in helpers {
            let file = self.path().join(format!("docker-credential-{name}"));
            fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn push(&self, variables: &[(&str, &str)]) -> Ended {
        let module = repository::module("hello");
        let mut command: Command =
            tamis(self.path(), &["push", module.to_str().unwrap(), &format!("oci://{}/hello:1", self.host)]);
        let path = format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("DOCKER_CONFIG", self.path());
        command.envs(variables.iter().copied());
        let ended = run(command);
        for secret in [PASSWORD, BASE64, "hunter2"] {
            assert!(!ended.text.contains(secret), "{}", ended.text);
        }
        ended
    }
}

#[test]
fn helpers_are_asked_as_docker_asks_them() {
    let Some(place) = Place::new() else { return };
    let good = format!(
        r#"read host; test "$1" = get && echo "{{\"ServerURL\":\"$host\",\"Username\":\"tamis\",\"Secret\":\"{PASSWORD}\"}}""#
    );
    for config in [
        r#"{"credsStore":"good"}"#,
        r#"{"credHelpers":{"HOST":"good"}}"#,
        r#"{"credHelpers":{"HOST":"good"},"credsStore":"absent","auths":{"HOST":{"auth":"dGFtaXM6aHVudGVyMg=="}}}"#,
        r#"{"credsStore":"absent","auths":{"HOST":{"auth":"dGFtaXM6c2lldmUtb2YtaGVtcA=="}}}"#,
    ] {
        place.configure(config, &[("good", &good)]);
        let ended = place.push(&[]);
        assert_eq!(ended.code, Some(0), "{config}: {}", ended.text);
    }
}

#[test]
fn helpers_that_misbehave_are_one_error_each() {
    let Some(place) = Place::new() else { return };
    for (name, script, wanted) in [
        ("none", "echo credentials not found in native keychain; exit 1", "has none for"),
        ("fails", "echo hunter2; exit 3", "ended with code 3"),
        ("talks", "echo hunter2", "did not answer with the JSON"),
        ("floods", "head -c 70000 /dev/zero; sleep 100", "wrote more than 65536 bytes"),
        ("dies", "kill -9 $$", "ended with a signal"),
        ("wrong", r#"echo '{"Username":"tamis","Secret":"hunter2"}'"#, "were not accepted"),
    ] {
        place.configure(&format!(r#"{{"credsStore":"{name}"}}"#), &[(name, script)]);
        let ended = place.push(&[]);
        assert!(ended.code == Some(1) && ended.text.contains(wanted), "{name}: {}", ended.text);
    }
    for (name, wanted) in [("absent", "is not in PATH"), ("../../bin/sh", "has a name with other characters")] {
        place.configure(&format!(r#"{{"credsStore":"{name}"}}"#), &[]);
        let ended = place.push(&[]);
        assert!(ended.code == Some(1) && ended.text.contains(wanted), "{name}: {}", ended.text);
    }
}

#[test]
fn the_environment_is_for_one_host() {
    let Some(place) = Place::new() else { return };
    let host = place.host.clone();
    let all =
        |host| [("TAMIS_REGISTRY", host), ("TAMIS_REGISTRY_USER", "tamis"), ("TAMIS_REGISTRY_PASSWORD", PASSWORD)];
    assert_eq!(place.push(&all(&host)).code, Some(0));
    let other = place.push(&all("registry.example.com"));
    assert!(other.code == Some(1) && other.text.contains("there are no credentials for"), "{}", other.text);
    let half = place.push(&all(&host)[1..]);
    assert!(half.code == Some(1) && half.text.contains("without TAMIS_REGISTRY;"), "{}", half.text);
    let wrong =
        [("TAMIS_REGISTRY", host.as_str()), ("TAMIS_REGISTRY_USER", "tamis"), ("TAMIS_REGISTRY_PASSWORD", "hunter2")];
    let wrong = place.push(&wrong);
    assert!(wrong.code == Some(1) && wrong.text.contains("were not accepted"), "{}", wrong.text);
}

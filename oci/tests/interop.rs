//! `make interop`: clients of others read what we wrote, and we read what they wrote, in every kind of registry.
//!
//! It needs programs that `make test` does without, so it only runs where `TAMIS_INTEROP_REPORT` names a file for the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tamis_oci::signing::{Attachment, PublicKey, SigningKey};
use tamis_oci::{
    Credentials, Image, LocalGuard, LocalRegistry, LocalTokens, Metadata, ModuleRef, Password, Place, Registry,
    RegistryOptions, RegistryRef, Store, load,
};

use crate::fake::{Fake, options};
use crate::registry::{HTPASSWD, PASSWORD, USER, token_service};
use crate::support::{MODULE, gzip, sample, tar};

const CLIENTS: [&str; 5] = ["skopeo", "buildah", "crane", "oras", "cosign"];
/// What Google's library says, which asks no token service on a loopback address: nothing to be tried here.
const LOOPBACK: &str = "is a private or link-local address";
/// One repository for all, because tokens are for one.
const REPOSITORY: &str = "filters/headers";

/// A registry to be spoken to, and what keeps it there.
struct Stage {
    name: &'static str,
    host: String,
    is_tls: bool,
    has_password: bool,
    work: tempfile::TempDir,
    _keep: Keep,
}

enum Keep {
    Docker { _registry: LocalRegistry, _tokens: Option<Fake> },
    Crane { _process: Process },
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_matrix_of_clients_and_registries() {
    let Some(report) = std::env::var_os("TAMIS_INTEROP_REPORT") else { return };
    let mut cells: BTreeMap<(&str, &str), String> = BTreeMap::new();
    let (mut columns, mut failures) = (Vec::new(), Vec::new());
    for stage in stages() {
        columns.push(stage.name);
        for client in CLIENTS {
            let (ours, theirs) = (stage.reads_ours(client).await, stage.writes_theirs(client).await);
            let word = |outcome: &Result<(), String>| match outcome {
                Ok(()) => "yes",
                Err(reason) if reason.contains(LOOPBACK) => "-",
                Err(_) => "no",
            };
            cells.insert((client, stage.name), format!("{} / {}", word(&ours), word(&theirs)));
            for (what, outcome) in [("reads ours", ours), ("we read its", theirs)] {
                if let Err(reason) = outcome
                    && !reason.contains(LOOPBACK)
                {
                    failures.push(format!("{client}, {}, {what}: {reason}", stage.name));
                }
            }
        }
    }
    fs::write(report, page(&columns, &cells)).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The section of docs/figures.md.
fn page(columns: &[&str], cells: &BTreeMap<(&str, &str), String>) -> String {
    let mut text = String::from(
        "## Images and the clients of others\n\n\
         `make interop`: whether the client reads what Tamis wrote / whether Tamis reads what the client wrote. Of cosign: it \
         verifies our signature / we verify both forms of its.\n\n| client |",
    );
    let heads: String = columns.iter().map(|name| format!(" {name} |")).collect();
    let _ = writeln!(text, "{heads}\n|---|{}", "---|".repeat(columns.len()));
    for client in CLIENTS {
        let row: String = columns.iter().map(|name| format!(" {} |", cells[&(client, *name)])).collect();
        let _ = writeln!(text, "| {} |{row}", version(client));
    }
    text.push_str("\nA dash: the client asks no token service on a loopback address, so it could not be tried.\n");
    text
}

fn stages() -> Vec<Stage> {
    let tls = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(file);
    let mut stages = Vec::new();
    let mut docker = |name, guard: LocalGuard, tokens: Option<Fake>| {
        let registry = LocalRegistry::start_with(&guard).unwrap();
        stages.push(Stage {
            name,
            host: registry.host(),
            is_tls: guard.tls.is_some(),
            has_password: guard.htpasswd.is_some() || guard.tokens.is_some(),
            work: tempfile::tempdir().unwrap(),
            _keep: Keep::Docker { _registry: registry, _tokens: tokens },
        });
    };
    docker("docker-registry", LocalGuard::default(), None);
    docker("with TLS", LocalGuard { tls: Some((tls("server.pem"), tls("server.key"))), ..LocalGuard::default() }, None);
    docker("with a password", LocalGuard { htpasswd: Some(HTPASSWD.to_owned()), ..LocalGuard::default() }, None);
    let (service, _) = token_service();
    let tokens = LocalTokens {
        realm: format!("http://{}/token", service.address),
        service: "tamis-registry".to_owned(),
        issuer: "tamis-tests".to_owned(),
        certificates: tls("tokens.pem"),
    };
    docker("with tokens", LocalGuard { tokens: Some(tokens), ..LocalGuard::default() }, Some(service));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let mut command = Command::new(program("crane"));
    let serve = command.args(["registry", "serve", "--address", &host]).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process(serve.spawn().unwrap());
    let limit = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(&host).is_err() {
        assert!(Instant::now() < limit, "crane registry serve does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    let work = tempfile::tempdir().unwrap();
    stages.push(Stage {
        name: "crane registry serve",
        host,
        is_tls: false,
        has_password: false,
        work,
        _keep: Keep::Crane { _process: process },
    });
    stages
}

impl Stage {
    fn ours(&self) -> Registry {
        let credentials = if self.has_password {
            let password = Password::new(PASSWORD.to_owned());
            Credentials::Host { host: self.host.clone(), user: USER.into(), password, others: Box::default() }
        } else {
            Credentials::Anonymous
        };
        let ca = self.is_tls.then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/ca.pem"));
        Registry::new(RegistryOptions { credentials, ca, ..options() })
    }

    fn reference(&self, tag: &str) -> RegistryRef {
        format!("oci://{}/{REPOSITORY}:{tag}", self.host).parse().unwrap()
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/{REPOSITORY}:{tag}", self.host)
    }

    async fn store(&self) -> Store {
        Store::open_to_write(&Place::Registry(self.reference("x")), &self.ours()).await.unwrap()
    }

    async fn reads_ours(&self, client: &str) -> Result<(), String> {
        let pushed = self.ours().push(&self.reference("ours"), &sample()).await.map_err(|error| error.to_string())?;
        let image = self.image("ours");
        let same = |text: Vec<u8>| {
            if text.trim_ascii() == sample().manifest.bytes() { Ok(()) } else { Err("other bytes".to_owned()) }
        };
        match client {
            "skopeo" => same(self.run("skopeo", &["inspect", "--raw", &format!("docker://{image}")])?),
            "buildah" => self.run("buildah", &["pull", "--quiet", &format!("docker://{image}")]).map(drop),
            "crane" => {
                same(self.run("crane", &["manifest", &image])?)?;
                let archive = self.run("crane", &["export", &image, "-"])?;
                let has_module = archive.windows(MODULE.len()).any(|window| window == MODULE);
                if has_module { Ok(()) } else { Err("no module in the archive".to_owned()) }
            }
            "oras" => same(self.run("oras", &["manifest", "fetch", &image])?),
            _ => {
                let key = SigningKey::from_pem(include_str!("signing/test.key"), b"").unwrap();
                let signature = Attachment::signature(&pushed.digest, &key).unwrap();
                self.store().await.add(&sample().manifest, &signature).await.map_err(|error| error.to_string())?;
                let public = self.write("test.pub", key.public().unwrap().to_pem().as_bytes());
                self.run(
                    "cosign",
                    &["verify", "--key", &public, "--insecure-ignore-tlog=true", &self.pinned(&pushed.digest)],
                )
                .map(drop)
            }
        }
    }

    async fn writes_theirs(&self, client: &str) -> Result<(), String> {
        let image = self.image(client);
        let layer = self.write("layer.tgz", &gzip(&tar(&[("plugin.wasm", MODULE)])));
        match client {
            "skopeo" => {
                let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
                let source = format!("oci:{}:crane", recorded.display());
                self.run("skopeo", &["copy", "--quiet", &source, &format!("docker://{image}")])?;
            }
            "buildah" => {
                let module = self.write("plugin.wasm", MODULE);
                let container = self.run("buildah", &["from", "scratch"])?;
                let container = String::from_utf8_lossy(&container).trim().to_owned();
                self.run("buildah", &["copy", "--quiet", &container, &module, "/"])?;
                self.run(
                    "buildah",
                    &["commit", "--quiet", "--format", "oci", &container, &format!("docker://{image}")],
                )?;
            }
            "crane" => drop(self.run("crane", &["append", "--oci-empty-base", "-f", &layer, "-t", &image])?),
            "oras" => {
                let part = "layer.tgz:application/vnd.oci.image.layer.v1.tar+gzip";
                self.run("oras", &["push", &image, part])?;
            }
            _ => return self.cosign_signs().await,
        }
        let reference = ModuleRef::Registry(self.reference(client));
        let loaded = load(&reference, &self.ours()).await.map_err(|error| error.to_string())?;
        if loaded.wasm == MODULE { Ok(()) } else { Err("another module".to_owned()) }
    }

    async fn cosign_signs(&self) -> Result<(), String> {
        let public = PublicKey::from_pem(include_str!("signing/cosign.pub")).unwrap();
        let key = self.write("cosign.key", include_bytes!("signing/cosign.key"));
        for form in ["--new-bundle-format=true", "--new-bundle-format=false"] {
            let image = Image::build(MODULE, &Metadata { title: Some(form.to_owned()), ..Metadata::default() });
            let pushed =
                self.ours().push(&self.reference("signed"), &image).await.map_err(|error| error.to_string())?;
            let pinned = self.pinned(&pushed.digest);
            let words =
                ["sign", "--key", &key, "--use-signing-config=false", "--tlog-upload=false", form, "--yes", &pinned];
            self.run("cosign", &words)?;
            self.store().await.verify(&pushed.digest, &public).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn pinned(&self, digest: &tamis_oci::Digest) -> String {
        format!("{}/{REPOSITORY}@{digest}", self.host)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.work.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs a client with what it needs to reach this registry, for at most a minute.
    fn run(&self, client: &str, words: &[&str]) -> Result<Vec<u8>, String> {
        let folder = self.work.path();
        let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
        // tamis:sieve-of-hemp
        let login = if self.has_password {
            format!(r#"{{"auths":{{"{}":{{"auth":"dGFtaXM6c2lldmUtb2YtaGVtcA=="}}}}}}"#, self.host)
        } else {
            "{}".to_owned()
        };
        let login = self.write("config.json", login.as_bytes());
        let certificates = folder.join("certificates");
        fs::create_dir_all(&certificates).unwrap();
        fs::copy(tls.join("ca.pem"), certificates.join("ca.crt")).unwrap();
        let mut command = Command::new("timeout");
        command.arg("60").arg(program(client)).current_dir(folder).stdin(Stdio::null());
        command
            .env("DOCKER_CONFIG", folder)
            .env("COSIGN_PASSWORD", "pw")
            .env("HOME", folder)
            .env("REGISTRY_AUTH_FILE", &login);
        if self.is_tls {
            command.env("SSL_CERT_FILE", tls.join("ca.pem"));
        }
        let store = folder.join("store");
        if client == "buildah" {
            command.args(["--storage-driver", "vfs", "--root"]).arg(&store).arg("--runroot").arg(&store);
        }
        let is_remote = words.iter().any(|word| word.contains(&self.host));
        let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let more: Vec<String> = match client {
            "skopeo" | "buildah" if is_remote && self.is_tls => {
                let flag = if words[0] == "copy" && client == "skopeo" { "--dest-cert-dir" } else { "--cert-dir" };
                vec![flag.to_owned(), certificates.to_str().unwrap().to_owned()]
            }
            "skopeo" if words[0] == "copy" => vec!["--dest-tls-verify=false".to_owned()],
            "skopeo" | "buildah" if is_remote => vec!["--tls-verify=false".to_owned()],
            "oras" if words[0] == "manifest" && !self.is_tls => vec!["fetch".to_owned(), "--plain-http".to_owned()],
            "oras" if words[0] == "manifest" => vec!["fetch".to_owned()],
            "oras" if !self.is_tls => vec!["--plain-http".to_owned()],
            "cosign" if !self.is_tls => {
                vec!["--allow-insecure-registry".to_owned(), "--allow-http-registry".to_owned()]
            }
            _ => Vec::new(),
        };
        if client == "oras" && words[0] == "manifest" {
            words.remove(1);
        }
        command.arg(words.remove(0)).args(more).args(words);
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(2).collect();
        Err(last.join(" | "))
    }
}

/// Where a program is: beside the others that were built for this, else in PATH.
fn program(name: &str) -> PathBuf {
    let built = std::env::var_os("TAMIS_VENDORS").map(|folder| PathBuf::from(folder).join(name));
    built.filter(|file| file.is_file()).unwrap_or_else(|| PathBuf::from(name))
}

fn version(client: &str) -> String {
    let words = match client {
        "skopeo" | "buildah" => "--version",
        _ => "version",
    };
    let output = Command::new(program(client)).arg(words).output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let is_number = |word: &&str| {
        word.trim_start_matches('v').split('.').count() >= 3
            && word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
    };
    let number = text.split_whitespace().map(|word| word.trim_matches([',', ';'])).find(is_number);
    number.map_or_else(|| client.to_owned(), |number| format!("{client} {}", number.trim_start_matches('v')))
}

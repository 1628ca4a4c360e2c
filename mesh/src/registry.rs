//! Debian's `docker-registry`: one that everybody may use, or one with TLS and a password.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::failure::{Failure, cannot};
use crate::pki::Pair;
use crate::process::Program;
use crate::stage;

/// The user of the guarded one, and the password, which guards nothing else.
const USER: &str = "tamis";
const PASSWORD: &str = "sieve-of-hemp";
/// A bcrypt hash of it.
const HTPASSWD: &str = "tamis:$2b$04$OC2sBG9jsea1CRXFwtm3A.ZvS6DPH19zA3yN/cUz1L2OnT3IiEXUq\n";
/// Istio's agent refuses a realm that is no address, or one of this machine.
const REALM: &str = "https://registry.tamis.test/";

/// Who may use it.
#[derive(Clone, Copy)]
pub enum Guard<'a> {
    /// Everybody.
    None,
    /// Who knows the password.
    Password,
    /// Who knows the password, over TLS.
    Tls(&'a Pair),
}

/// A running registry; its images are gone with it.
pub struct Registry {
    address: SocketAddr,
    _program: Program,
}

impl Registry {
    /// Starts one. Those of one folder have the same images.
    pub fn start(name: &'static str, folder: &Path, guard: Guard<'_>) -> Result<Self, Failure> {
        let address = stage::free_address()?;
        let home = folder.join(name);
        fs::create_dir_all(&home).map_err(cannot("create a folder"))?;
        let shown = |path: &Path| path.display().to_string();
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n",
            shown(&folder.join("images"))
        );
        match guard {
            Guard::Tls(pair) => text.push_str(&format!(
                "http: {{addr: \"{address}\", tls: {{certificate: {}, key: {}}}}}\n",
                shown(&pair.certificate),
                shown(&pair.key)
            )),
            Guard::None | Guard::Password => text.push_str(&format!("http: {{addr: \"{address}\"}}\n")),
        }
        if !matches!(guard, Guard::None) {
            let htpasswd = home.join("htpasswd");
            fs::write(&htpasswd, HTPASSWD).map_err(cannot("write the password file"))?;
            let path = shown(&htpasswd);
            text.push_str(&format!("auth: {{htpasswd: {{realm: \"{REALM}\", path: {path}}}}}\n"));
        }
        let file = home.join("registry.yml");
        fs::write(&file, text).map_err(cannot("write the registry's configuration"))?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file);
        let mut program = Program::start(name, command, folder)?;
        program.ready("it listens", Duration::from_secs(20), || stage::listens(address))?;
        Ok(Self { address, _program: program })
    }

    /// A reference to an image here.
    pub fn image(&self, repository: &str, tag: &str) -> String {
        format!("oci://{}/filters/{repository}:{tag}", self.address)
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }
}

/// A secret with a registry's user and password, as Kubernetes has it.
pub fn pull_secret(namespace: &str, name: &str, host: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let auth = encode(&format!("{USER}:{PASSWORD}"));
    let config = encode(&serde_json::json!({ "auths": { host: { "auth": auth } } }).to_string());
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         type: kubernetes.io/dockerconfigjson\ndata: {{.dockerconfigjson: {config}}}\n"
    )
}

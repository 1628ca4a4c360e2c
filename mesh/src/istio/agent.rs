//! The agent, with the Envoy that it starts.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::failure::{Failure, cannot};
use crate::pki::Pair;
use crate::process::Program;
use crate::stage::{self, Options};

/// Where the agent finds everybody.
pub struct Surroundings<'a> {
    pub options: &'a Options,
    pub folder: &'a Path,
    /// istiod, with TLS.
    pub discovery: SocketAddr,
    /// What signed istiod's certificate, and this proxy's.
    pub mesh: &'a Pair,
    /// What signed the registry's.
    pub registry: &'a Pair,
}

/// What a proxy is to istiod.
pub struct Role {
    /// Its name, and that of its service account.
    pub name: &'static str,
    /// `router` or `sidecar`.
    pub kind: &'static str,
    /// What selectors look at.
    pub labels: serde_json::Value,
}

/// Starts an agent.
pub fn start(around: &Surroundings<'_>, role: &Role) -> Result<Program, Failure> {
    let home = around.folder.join(role.name);
    // It makes its sockets in the folder that it runs in.
    let working = home.join("working");
    fs::create_dir_all(&working).map_err(cannot("create a folder"))?;

    let identity = Pair::signed(
        &home,
        "identity",
        around.mesh,
        &format!("URI:spiffe://cluster.local/ns/{}/sa/{}", super::objects::NAMESPACE, role.name),
    )?;
    let certificates = home.join("certificates");
    fs::create_dir_all(&certificates).map_err(cannot("create a folder"))?;
    let files = [
        (&identity.certificate, "cert-chain.pem"),
        (&identity.key, "key.pem"),
        (&around.mesh.certificate, "root-cert.pem"),
    ];
    for (from, name) in files {
        fs::copy(from, certificates.join(name)).map_err(cannot("copy a certificate"))?;
    }

    // Listeners that Istio opens for everybody are for this machine alone.
    let program = around.options.go_program("pilot-agent", "istio")?;
    let share = program.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let template = share.join("share/envoy_bootstrap.json");
    let template = fs::read_to_string(&template).map_err(cannot(format_args!("read {}", template.display())))?;
    let bootstrap = home.join("bootstrap.json");
    fs::write(&bootstrap, template.replace("{{ .wildcard }}", "{{ .localhost }}"))
        .map_err(cannot("write a template"))?;

    let port = || stage::free_address().map(|address| address.port());
    let config = json!({
        "discoveryAddress": around.discovery.to_string(),
        "binaryPath": around.options.envoy(stage::ENVOY)?,
        "configPath": home.join("envoy"),
        "proxyBootstrapTemplatePath": bootstrap,
        "proxyAdminPort": port()?,
        "statusPort": port()?,
        "concurrency": 2,
        "terminationDrainDuration": "0s",
    });
    let root = certificates.join("root-cert.pem");
    let mut command = Command::new(program);
    command.args(["proxy", role.kind, "--domain", "istio-system.svc.cluster.local"]);
    // What a filter logs when it starts is on `info`.
    command.args(["--proxyLogLevel", "warning", "--proxyComponentLogLevel", "wasm:info"]);
    command.args(["--log_output_level", "default:info,wasm:debug"]);
    command.current_dir(&working).env("PROXY_CONFIG", config.to_string());
    command.env("POD_NAME", role.name).env("POD_NAMESPACE", super::objects::NAMESPACE);
    command.env("INSTANCE_IP", "127.0.0.1").env("SERVICE_ACCOUNT", role.name);
    command.env("ISTIO_META_CLUSTER_ID", "Kubernetes").env("ISTIO_METAJSON_LABELS", role.labels.to_string());
    // Nothing redirects traffic into it.
    command.env("ISTIO_META_INTERCEPTION_MODE", "NONE");
    command.env("CLOUD_PLATFORM", "none").env("GRPC_XDS_BOOTSTRAP", "").env("MINIMUM_DRAIN_DURATION", "0s");
    command.env("ENVOY_STATUS_PORT", port()?.to_string()).env("ENVOY_PROMETHEUS_PORT", port()?.to_string());
    command.env("PROV_CERT", &certificates).env("XDS_ROOT_CA", &root).env("CA_ROOT_CA", &root);
    command.env("ISTIOD_SAN", "istiod.istio-system.svc").env("SSL_CERT_FILE", &around.registry.certificate);
    // Nobody's credentials but those of a pull secret.
    command.env("DOCKER_CONFIG", &home);
    Program::start(role.name, command, around.folder)
}

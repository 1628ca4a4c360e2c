//! Everything that runs, from the registry to the proxy.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{agent, objects};
use crate::failure::{Failure, cannot};
use crate::http::{Answer, Ask};
use crate::kube::Kube;
use crate::modules::{self, Version};
use crate::pki::Pair;
use crate::process::Program;
use crate::registry::{Guard, Registry};
use crate::stage::{self, Folder, Options};
use crate::tamis::Tamis;
use crate::upstream::Upstream;

/// How long a change may take; the slowest one seen took three seconds.
pub const CHANGE: Duration = Duration::from_secs(30);

const MESH: &str = "trustDomain: cluster.local\nrootNamespace: istio-system\n";

/// A mesh of one gateway. What is named first ends first.
pub struct Stage {
    agent: Program,
    sidecar: Program,
    _egress: Program,
    /// Into the application of the sidecar, and out of it.
    pub inbound: SocketAddr,
    pub outbound: SocketAddr,
    /// Out of the mesh.
    pub egress: SocketAddr,
    _istiod: Program,
    pub kube: Kube,
    /// Everybody may use it.
    pub registry: Registry,
    /// The same images, with TLS and a password.
    pub guarded: Registry,
    pub tamis: Tamis,
    pub options: Options,
    pub versions: Vec<Version>,
    gateway: SocketAddr,
    _stable: Upstream,
    _canary: Upstream,
    pub folder: Folder,
}

impl Stage {
    /// Starts it, and waits until a request comes through.
    pub fn start(options: &Options) -> Result<Self, Failure> {
        let folder = options.folder("istio")?;
        let path = folder.path().to_owned();
        let (stable, canary) = (Upstream::start("stable")?, Upstream::start("canary")?);
        let registry_authority = Pair::authority(&path.join("pki"), "registry-authority")?;
        let certificate = Pair::signed(&path.join("pki"), "registry", &registry_authority, "IP:127.0.0.1")?;
        let registry = Registry::start("registry", &path, Guard::None)?;
        let guarded = Registry::start("guarded-registry", &path, Guard::Tls(&certificate))?;
        let (gateway, egress) = (stage::free_address()?, stage::free_address()?);
        let (inbound, outbound) = (stage::free_address()?, stage::free_address()?);

        let istiod = options.go_program("pilot-discovery", "istio")?;
        let definitions = istiod.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("share/crds.yaml");
        let definitions = fs::read_to_string(&definitions).map_err(cannot("read Istio's kinds"))?;
        let kube = Kube::start(&definitions)?;
        kube.apply(&objects::base(gateway.port(), stable.port(), canary.port()))?;
        kube.apply(&objects::egress(egress.port()))?;
        kube.apply(&objects::sidecar(inbound.port(), outbound.port(), stable.port(), canary.port()))?;

        let mesh = Pair::authority(&path.join("pki"), "mesh-authority")?;
        let (mut istiod, discovery) = start_istiod(&istiod, &path, &kube, &mesh)?;
        istiod.ready("it listens", Duration::from_secs(60), || stage::listens(discovery))?;

        let around =
            agent::Surroundings { options, folder: &path, discovery, mesh: &mesh, registry: &registry_authority };
        let role = agent::Role { name: "gateway", kind: "router", labels: json!({ "istio": "ingressgateway" }) };
        let mut agent = agent::start(&around, &role)?;
        agent.ready("a request comes through", Duration::from_secs(60), || {
            Ask::get("any.test", "/").send(gateway).is_ok_and(|answer| answer.status == 200)
        })?;
        let role = agent::Role { name: "web", kind: "sidecar", labels: json!({ "app": "web" }) };
        let sidecar = agent::start(&around, &role)?;
        let labels = json!({ "istio": "egressgateway" });
        let egress_agent = agent::start(&around, &agent::Role { name: "egress", kind: "router", labels })?;
        println!("    stage: istiod, pilot-agent, Envoy {}, two registries, two upstreams", stage::ENVOY);
        let versions = modules::versions(&options.module("hello"), &path)?;
        Ok(Self {
            agent,
            sidecar,
            inbound,
            outbound,
            egress,
            _egress: egress_agent,
            _istiod: istiod,
            kube,
            registry,
            guarded,
            tamis: Tamis::new(&options.tamis(), &path),
            options: options.clone(),
            versions,
            gateway,
            _stable: stable,
            _canary: canary,
            folder,
        })
    }

    /// Asks the gateway.
    pub fn ask(&self, ask: &Ask) -> Result<Answer, Failure> {
        ask.send(self.gateway).map_err(cannot("ask the gateway"))
    }

    /// Where the gateway listens.
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Asks until an answer is as wanted; on failure the last answer is told.
    pub fn until(&self, ask: &Ask, what: &str, is_so: impl Fn(&Answer) -> bool) -> Result<Answer, Failure> {
        self.until_at(self.gateway, ask, what, is_so)
    }

    /// The same at another listener.
    pub fn until_at(
        &self,
        at: SocketAddr,
        ask: &Ask,
        what: &str,
        is_so: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        ask.until(at, what, CHANGE, is_so).map_err(|failure| {
            if failure.is_interrupt() { failure } else { Failure::new(format_args!("{failure}; {}", self.complaint())) }
        })
    }

    /// What agent and Envoy have printed so far.
    pub fn log(&self) -> String {
        self.agent.log()
    }

    /// The last line about a module that went wrong.
    pub fn complaint(&self) -> String {
        let log = self.log();
        let wrong = |line: &&str| line.contains("wasm") && (line.contains("error") || line.contains("fail"));
        log.lines().rev().find(wrong).unwrap_or("no complaint about a module").chars().take(400).collect()
    }

    /// A failure with the last thing that the sidecar's proxy complained of.
    pub fn sidecar_complains(&self, failure: &Failure) -> Failure {
        let log = self.sidecar.log();
        let wrong = |line: &&str| line.contains("error") || line.contains("rejected");
        let line: String = log.lines().rev().find(wrong).unwrap_or_default().chars().take(300).collect();
        Failure::new(format_args!("{failure}; {line}"))
    }

    /// Applies resources, does something, and takes them away again, however that ended.
    pub fn with<T>(&self, yaml: &str, check: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.kube.apply(yaml)?;
        let outcome = check();
        self.kube.delete(yaml)?;
        outcome
    }

    /// Waits until no filter of an earlier check is there any more.
    pub fn bare(&self) -> Result<(), Failure> {
        let marks = self.versions.iter().map(|version| version.header).collect::<Vec<_>>();
        let is_bare = |answer: &Answer| answer.status == 200 && marks.iter().all(|mark| answer.header(mark).is_none());
        self.until(&Ask::get("any.test", "/"), "an answer without a filter", is_bare).map(|_| ())
    }
}

fn start_istiod(program: &Path, path: &Path, kube: &Kube, mesh: &Pair) -> Result<(Program, SocketAddr), Failure> {
    let home = path.join("istiod");
    let authority = home.join("authority");
    fs::create_dir_all(&authority).map_err(cannot("create a folder"))?;
    let files = [
        (&mesh.certificate, "ca-cert.pem"),
        (&mesh.certificate, "root-cert.pem"),
        (&mesh.certificate, "cert-chain.pem"),
        (&mesh.key, "ca-key.pem"),
    ];
    for (from, name) in files {
        fs::copy(from, authority.join(name)).map_err(cannot("copy a certificate"))?;
    }
    let (kubeconfig, mesh_file) = (home.join("kubeconfig"), home.join("mesh.yaml"));
    fs::write(&kubeconfig, kube.config()).map_err(cannot("write a kubeconfig"))?;
    fs::write(&mesh_file, MESH).map_err(cannot("write a mesh's settings"))?;

    let discovery = stage::free_address()?;
    let mut command = Command::new(program);
    command.args(["discovery", "--registries=", "--clusterID", "Kubernetes", "--httpsAddr", ""]);
    command.arg("--kubeconfig").arg(&kubeconfig).arg("--meshConfig").arg(&mesh_file);
    command.args(["--secureGRPCAddr", &discovery.to_string(), "--ctrlz_address", &Ipv4Addr::LOCALHOST.to_string()]);
    for flag in ["--httpAddr", "--grpcAddr", "--monitoringAddr"] {
        command.args([flag, &stage::free_address()?.to_string()]);
    }
    command.args(["--ctrlz_port", &stage::free_address()?.port().to_string()]);
    command.current_dir(&home).env("ROOT_CA_DIR", &authority).env("CLOUD_PLATFORM", "none");
    command.env("POD_NAMESPACE", objects::NAMESPACE).env("POD_NAME", "istiod-1");
    // Parts of Istio's own build of Envoy, which this one is not.
    command.env("PILOT_ENABLE_METADATA_EXCHANGE", "false").env("PILOT_ENABLE_ALPN_FILTER", "false");
    // Parts of a cluster that is not there.
    command.env("PILOT_ENABLE_GATEWAY_API", "false").env("KUBE_FEATURE_WatchListClient", "false");
    command.env("INJECTION_WEBHOOK_CONFIG_NAME", "").env("VALIDATION_WEBHOOK_CONFIG_NAME", "");
    Ok((Program::start("istiod", command, path)?, discovery))
}

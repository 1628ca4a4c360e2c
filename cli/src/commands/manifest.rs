//! `tamis manifest`: the resource that loads a module.

mod check;
mod cluster;
mod clusters;
mod policy;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tamis_harness::document::Document;
use tamis_module::Description;
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tamis_oci::resource::{
    Deployment, DiscoveredEnvoy, Resource, ResourceError, StaticEnvoy, Target, Upstream, envoy_discovered,
};
use tamis_oci::{Digest, ModuleRef, RegistryRef};

use super::common::{self, RegistryFlags};
use crate::failure::Failure;

/// `tamis manifest --for TARGET MODULE`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis manifest --for envoy transformation.wasm --config edits.yaml \\\n      \
--listen 127.0.0.1:10000 --upstream 127.0.0.1:8000 > envoy.yaml\n  envoy -c envoy.yaml\n\n  \
tamis manifest --for wasm-plugin oci://registry.example/tamis/transformation:1.0 --config edits.yaml \\\n      \
--namespace shop --selector app=web --context sidecar-inbound --phase authn | kubectl apply -f -\n  \
tamis manifest --for envoy-extension-policy oci://registry.example/tamis/transformation:1.0 \\\n      \
--config edits.yaml --target Gateway/edge | kubectl apply -f -\n\n  \
tamis manifest --for traffic-extension oci://registry.example/tamis/transformation:1.0 \\\n      \
--config edits.yaml --clusters clusters.yaml --out deploy    # a folder for each cluster\n  \
tamis manifest --check deploy/*.yaml\n\n  \
tamis manifest --for kyverno --key cosign.pub\n  \
tamis manifest --for validating-admission-policy --images registry.example/tamis/\n\n\
The module is asked first whether it accepts the configuration. Images are named by their digest, whatever they are asked for by.")]
pub struct Manifest {
    /// What loads the module
    #[arg(long = "for", value_enum, value_name = "TARGET", required_unless_present = "check")]
    target: Option<Loader>,

    /// Check resources that are there already, all files together, and the images and configurations in them
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "target")]
    check: Vec<PathBuf>,

    /// Look at no registry while checking
    #[arg(long, requires = "check")]
    offline: bool,

    /// The module: for a plain Envoy its file, as Envoy will see it (`tamis pull` gets it out of an image), else an image,
    /// oci://HOST/REPOSITORY:TAG; a policy needs none
    #[arg(default_value = "", hide_default_value = true)]
    module: String,

    /// The filter's configuration, YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where Envoy listens
    #[arg(long, default_value = "127.0.0.1:10000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// Where every request goes
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "HOST:PORT", value_parser = upstream)]
    upstream: Upstream,

    /// Envoy's admin interface; off when it is left out
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,

    /// What Envoy does after the module has died
    #[arg(long, value_enum, default_value = "closed", value_name = "POLICY")]
    failure_policy: Policy,

    /// The most bytes of a message that the proxy buffers; its own limit when it is left out
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    buffer_limit: Option<u32>,

    /// Where files go, for several clusters and for `envoy-ecds`; they are written whole
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Keeps the VM and its shared data apart from others with the same code (plain Envoy)
    #[arg(long, default_value = "", value_name = "ID")]
    vm_id: String,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    cluster: cluster::ClusterFlags,

    #[command(flatten)]
    policy: policy::PolicyFlags,
}

/// What can load a module.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Loader {
    /// A plain Envoy with a static configuration
    Envoy,
    /// A plain Envoy that reads its filter from a second file, and again whenever that is replaced
    EnvoyEcds,
    /// Istio, by a WasmPlugin
    WasmPlugin,
    /// Istio 1.30 or newer, by a TrafficExtension
    TrafficExtension,
    /// Istio, by an EnvoyFilter: for what the two above cannot say, such as held headers
    EnvoyFilter,
    /// Envoy Gateway, by an EnvoyExtensionPolicy
    EnvoyExtensionPolicy,
    /// Higress, by its own WasmPlugin
    Higress,
    /// A Kyverno policy: images in such resources are named by digest and signed with --key
    Kyverno,
    /// A ValidatingAdmissionPolicy: images in such resources are named by digest and from --images
    ValidatingAdmissionPolicy,
}

/// Envoy's failure policies.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Policy {
    /// Answer 503
    Closed,
    /// Leave the filter out of new streams
    Open,
    /// Start the module anew
    Reload,
}

/// What every kind of resource is made from: a configuration that the module has accepted.
struct Accepted {
    /// The module's own name, or its file's.
    name: String,
    document: Option<Document>,
    held_headers: bool,
    /// The digest of the image.
    digest: Option<String>,
    /// The digest of the module itself.
    module: Digest,
}

impl Manifest {
    /// Checks the configuration and prints the resource.
    ///
    /// # Errors
    /// When the module or the configuration is refused, or a resource of the kind cannot say what was asked for.
    pub fn run(self) -> Result<(), Failure> {
        let Some(target) = self.target else {
            return check::run(&self.check, self.offline, &self.registry);
        };
        match target {
            Loader::Kyverno => return print(&rendered(&self.policy.signed()?)?),
            Loader::ValidatingAdmissionPolicy => return print(&rendered(&self.policy.registry()?)?),
            _ => {}
        }
        if self.module.is_empty() {
            return Err(Failure::user(
                "which module? name a file for a plain Envoy, else an image, oci://HOST/REPOSITORY:TAG",
            ));
        }
        let reference = ModuleRef::from_str(&self.module).map_err(Failure::user)?;
        match (target.in_cluster(), reference) {
            (None, ModuleRef::File(file)) => {
                let envoy = self.static_envoy(&file, self.accepted(Some(&file))?)?;
                if target == Loader::EnvoyEcds {
                    self.discovered(envoy)
                } else {
                    print(&rendered(&Target::Envoy(envoy))?)
                }
            }
            (None, _) => Err(Failure::user("a plain Envoy reads a module from a file, not from an image")
                .hint(format_args!("`tamis pull {} --out FILE.wasm`, then name the file", self.module))),
            (Some(kind), ModuleRef::Registry(image)) => {
                let deployment = self.deployment(image)?;
                match (&self.cluster.clusters, &self.out) {
                    (Some(file), Some(out)) => clusters::write(file, out, &deployment, kind),
                    _ => print(&rendered(&kind(deployment))?),
                }
            }
            (Some(_), ModuleRef::File(_) | ModuleRef::Layout { .. }) => {
                Err(Failure::user("a control plane gets a module from a registry")
                    .hint("`tamis push FILE.wasm oci://HOST/REPOSITORY:TAG`, then name that reference"))
            }
        }
    }

    /// Writes the bootstrap configuration and the filter's file.
    fn discovered(&self, envoy: StaticEnvoy) -> Result<(), Failure> {
        let out = self.out.as_deref().ok_or_else(|| {
            Failure::user("`envoy-ecds` is two files").hint("say where they go: --out DIR, as Envoy will see it")
        })?;
        let folder = std::path::absolute(out).map_err(Failure::environment)?;
        let (bootstrap, files) =
            envoy_discovered(&DiscoveredEnvoy { envoy, folder: folder.to_string_lossy().into_owned() });
        let bootstrap = ("envoy.yaml".to_owned(), bootstrap);
        for (name, resource) in files.iter().chain([&bootstrap]) {
            let file = out.join(name);
            common::write_whole(&file, resource.to_yaml().as_bytes())?;
            println!("{}", file.display());
        }
        Ok(())
    }

    fn accepted(&self, file: Option<&Path>) -> Result<Accepted, Failure> {
        let module = common::load(&self.module, &self.registry)?;
        let document = self.config.as_deref().map(common::configuration).transpose()?;
        let compiled = common::compile(&module)?;
        common::accepted(&compiled, &module.origin, self.config.as_deref().zip(document.as_ref()))?;
        let description = Description::read(&module.wasm).map_err(Failure::user)?;
        let held_headers = description
            .as_ref()
            .zip(document.as_ref())
            .is_some_and(|(description, document)| description.holds_headers(document.value()));
        let stem = || file.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
        let last =
            || self.module.rsplit('/').next()?.split([':', '@']).next().map(|name| name.replace(['.', '_'], "-"));
        let name = description.map(|description| description.name).or_else(stem).or_else(last).unwrap_or_default();
        Ok(Accepted { name, document, held_headers, module: Digest::of(&module.wasm), digest: module.digest })
    }

    fn static_envoy(&self, file: &Path, accepted: Accepted) -> Result<StaticEnvoy, Failure> {
        let path = std::path::absolute(file).map_err(Failure::environment)?;
        let plugin = PluginConfig {
            name: accepted.name,
            root_id: String::new(),
            vm_id: self.vm_id.clone(),
            module_path: path.to_string_lossy().into_owned(),
            configuration: accepted.document.map(|document| document.to_json()),
            failure_policy: self.failure_policy.into(),
            allow_on_headers_stop_iteration: accepted.held_headers,
            environment: self.cluster.environment.clone(),
            vm_configuration: None,
            allowed_capabilities: Vec::new(),
        };
        Ok(StaticEnvoy {
            plugins: vec![plugin],
            listen: self.listen,
            upstream: self.upstream.clone(),
            buffer_limit: self.buffer_limit,
            admin: self.admin,
        })
    }

    fn deployment(&self, image: RegistryRef) -> Result<Deployment, Failure> {
        let accepted = self.accepted(None)?;
        let digest = accepted.digest.as_deref().map(Digest::from_str).transpose().map_err(Failure::user)?;
        let digest = digest.ok_or_else(|| Failure::environment("the registry named no digest of the image"))?;
        let code = self.cluster.code(accepted.module)?;
        Ok(Deployment {
            name: self.cluster.name.clone().unwrap_or(accepted.name),
            namespace: self.cluster.namespace.clone(),
            image,
            digest,
            configuration: accepted.document.map(|document| document.value().clone()),
            failure_policy: self.failure_policy.into(),
            held_headers: accepted.held_headers,
            phase: self.cluster.phase(),
            priority: self.cluster.priority,
            attach: self.cluster.attach(),
            context: self.cluster.context(),
            port: self.cluster.port,
            buffer_limit: self.buffer_limit,
            code,
            pull_secret: self.cluster.pull_secret.clone(),
            environment: self.cluster.environment.clone(),
        })
    }
}

impl Loader {
    /// The resource of a control plane, if it is for one.
    fn in_cluster(self) -> Option<fn(Deployment) -> Target> {
        Some(match self {
            Self::Envoy | Self::EnvoyEcds | Self::Kyverno | Self::ValidatingAdmissionPolicy => return None,
            Self::WasmPlugin => Target::WasmPlugin,
            Self::TrafficExtension => Target::TrafficExtension,
            Self::EnvoyFilter => Target::EnvoyFilter,
            Self::EnvoyExtensionPolicy => Target::EnvoyExtensionPolicy,
            Self::Higress => Target::Higress,
        })
    }
}

impl From<Policy> for FailurePolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Closed => Self::Closed,
            Policy::Open => Self::Open,
            Policy::Reload => Self::Reload,
        }
    }
}

/// The resource, or why there is none and what can be done.
fn rendered(target: &Target) -> Result<Resource, Failure> {
    target.resource().map_err(|error| match error {
        ResourceError::HeldHeaders { .. } => Failure::user(&error)
            .hint("`--for envoy-filter` can, in Istio; in Envoy Gateway an EnvoyPatchPolicy has to"),
        ResourceError::Number { .. } => {
            Failure::user(&error).hint("write a smaller number, or use `--for envoy-filter`, which hands text over")
        }
        error => Failure::user(error),
    })
}

/// Prints a resource; its warnings also where they are seen when the resource goes into a pipe.
fn print(resource: &Resource) -> Result<(), Failure> {
    for warning in &resource.warnings {
        eprintln!("warning: {warning}");
    }
    print!("{}", resource.to_yaml());
    Ok(())
}

/// Reads `HOST:PORT`.
fn upstream(text: &str) -> Result<Upstream, String> {
    let wrong = || format!("`{text}` is not HOST:PORT, as in 127.0.0.1:8000");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(Upstream { host: host.to_owned(), port: port.parse().map_err(|_| wrong())? })
}

//! `tamis manifest`: the resource that loads a module.

mod cluster;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tamis_harness::document::Document;
use tamis_module::Description;
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tamis_oci::resource::{Deployment, RenderError, ResourceError, StaticEnvoy, Target, Upstream};
use tamis_oci::{Digest, ModuleRef, RegistryRef};

use super::common::{self, RegistryFlags};
use crate::failure::Failure;

/// `tamis manifest --for TARGET MODULE`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis manifest --for envoy transformation.wasm --config edits.yaml \\\n      \
--listen 127.0.0.1:10000 --upstream 127.0.0.1:8000 > envoy.yaml\n  envoy -c envoy.yaml\n\n  \
tamis manifest --for wasm-plugin oci://registry.example/tamis/transformation:1.0 --config edits.yaml \\\n      \
--namespace shop --selector app=web --phase authn | kubectl apply -f -\n  \
tamis manifest --for envoy-extension-policy oci://registry.example/tamis/transformation:1.0 \\\n      \
--config edits.yaml --target Gateway/edge | kubectl apply -f -\n\n\
The module is asked first whether it accepts the configuration. Images are named by their digest, whatever they are asked for by.")]
pub struct Manifest {
    /// What loads the module
    #[arg(long = "for", value_enum, value_name = "TARGET")]
    target: Loader,

    /// The module: for a plain Envoy its file, as Envoy will see it (`tamis pull` gets it out of an image), else an image,
    /// oci://HOST/REPOSITORY:TAG
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

    /// Keeps the VM and its shared data apart from others with the same code (plain Envoy)
    #[arg(long, default_value = "", value_name = "ID")]
    vm_id: String,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    cluster: cluster::ClusterFlags,
}

/// What can load a module.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Loader {
    /// A plain Envoy with a static configuration
    Envoy,
    /// Istio, by a WasmPlugin
    WasmPlugin,
    /// Istio 1.30 or newer, by a TrafficExtension
    TrafficExtension,
    /// Istio, by an EnvoyFilter: for what the two above cannot say, such as held headers
    EnvoyFilter,
    /// Envoy Gateway, by an EnvoyExtensionPolicy
    EnvoyExtensionPolicy,
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
    digest: Option<String>,
}

impl Manifest {
    /// Checks the configuration and prints the resource.
    ///
    /// # Errors
    /// When the module or the configuration is refused, or a resource of the kind cannot say what was asked for.
    pub fn run(self) -> Result<(), Failure> {
        let reference = ModuleRef::from_str(&self.module).map_err(Failure::user)?;
        let target = match (self.target.in_cluster(), reference) {
            (None, ModuleRef::File(file)) => Target::Envoy(self.static_envoy(&file, self.accepted(Some(&file))?)?),
            (None, _) => {
                return Err(Failure::user("a plain Envoy reads a module from a file, not from an image")
                    .hint(format_args!("`tamis pull {} --out FILE.wasm`, then name the file", self.module)));
            }
            (Some(kind), ModuleRef::Registry(image)) => kind(self.deployment(image)?),
            (Some(_), ModuleRef::File(_) | ModuleRef::Layout { .. }) => {
                return Err(Failure::user("a control plane gets a module from a registry")
                    .hint("`tamis push FILE.wasm oci://HOST/REPOSITORY:TAG`, then name that reference"));
            }
        };
        print!(
            "{}",
            target.to_yaml().map_err(|error| match error {
                RenderError::Resource(ResourceError::HeldHeaders { .. }) => {
                    Failure::user(&error)
                        .hint("`--for envoy-filter` can, in Istio; in Envoy Gateway an EnvoyPatchPolicy has to")
                }
                RenderError::Resource(ResourceError::Number { .. }) => {
                    Failure::user(&error)
                        .hint("write a smaller number, or use `--for envoy-filter`, which hands text over")
                }
                error => Failure::user(error),
            })?
        );
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
        let name = description.map(|description| description.name).or_else(stem).unwrap_or_default();
        Ok(Accepted { name, document, held_headers, digest: module.digest })
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
            admin: self.admin,
        })
    }

    fn deployment(&self, image: RegistryRef) -> Result<Deployment, Failure> {
        let accepted = self.accepted(None)?;
        let digest = accepted.digest.as_deref().map(Digest::from_str).transpose().map_err(Failure::user)?;
        let digest = digest.ok_or_else(|| Failure::environment("the registry named no digest of the image"))?;
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
            pull_secret: self.cluster.pull_secret.clone(),
            environment: self.cluster.environment.clone(),
        })
    }
}

impl Loader {
    /// The resource of a control plane, if it is for one.
    fn in_cluster(self) -> Option<fn(Deployment) -> Target> {
        Some(match self {
            Self::Envoy => return None,
            Self::WasmPlugin => Target::WasmPlugin,
            Self::TrafficExtension => Target::TrafficExtension,
            Self::EnvoyFilter => Target::EnvoyFilter,
            Self::EnvoyExtensionPolicy => Target::EnvoyExtensionPolicy,
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

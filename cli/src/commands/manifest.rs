//! `tamis manifest`: the resource that loads a module.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tamis_module::Description;
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tamis_oci::ModuleRef;
use tamis_oci::resource::{StaticEnvoy, Target, Upstream};

use super::common::{self, RegistryFlags};
use crate::failure::Failure;

/// `tamis manifest --for envoy MODULE`
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tamis manifest --for envoy transformation.wasm --config edits.yaml \\\n      \
--listen 127.0.0.1:10000 --upstream 127.0.0.1:8000 > envoy.yaml\n  envoy -c envoy.yaml\n\n\
The module is asked first whether it accepts the configuration.")]
pub struct Manifest {
    /// What loads the module
    #[arg(long = "for", value_enum, value_name = "TARGET")]
    target: Loader,

    /// The module's file, as Envoy will see it (`tamis pull` gets it out of an image)
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

    /// Keeps the VM and its shared data apart from others with the same code
    #[arg(long, default_value = "", value_name = "ID")]
    vm_id: String,
}

/// What can load a module.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Loader {
    /// A plain Envoy with a static configuration
    Envoy,
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

impl Manifest {
    /// Checks the configuration and prints the resource.
    ///
    /// # Errors
    /// When the module or the configuration is refused.
    pub fn run(self) -> Result<(), Failure> {
        let ModuleRef::File(file) = ModuleRef::from_str(&self.module).map_err(Failure::user)? else {
            return Err(Failure::user("a plain Envoy reads a module from a file, not from an image")
                .hint(format_args!("`tamis pull {} --out FILE.wasm`, then name the file", self.module)));
        };
        let module = common::load(&self.module, &RegistryFlags { plain_http: false })?;
        let document = self.config.as_deref().map(common::configuration).transpose()?;
        let compiled = common::compile(&module)?;
        common::accepted(&compiled, &module.origin, self.config.as_deref().zip(document.as_ref()))?;
        let path = std::path::absolute(&file).map_err(Failure::environment)?;
        let description = Description::read(&module.wasm).map_err(Failure::user)?;
        let held_headers = description
            .as_ref()
            .zip(document.as_ref())
            .is_some_and(|(description, document)| description.holds_headers(document.value()));
        let name = description
            .map(|description| description.name)
            .unwrap_or_else(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default());
        let plugin = PluginConfig {
            name,
            root_id: String::new(),
            vm_id: self.vm_id,
            module_path: path.to_string_lossy().into_owned(),
            configuration: document.map(|document| document.to_json()),
            failure_policy: self.failure_policy.into(),
            allow_on_headers_stop_iteration: held_headers,
            environment: Vec::new(),
            vm_configuration: None,
            allowed_capabilities: Vec::new(),
        };
        let target = match self.target {
            Loader::Envoy => Target::Envoy(StaticEnvoy {
                plugins: vec![plugin],
                listen: self.listen,
                upstream: self.upstream,
                admin: self.admin,
            }),
        };
        print!("{}", target.to_yaml().map_err(Failure::environment)?);
        Ok(())
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

//! `tamis serve`: a filter in front of traffic, on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tamis_harness::context::{Plugin, Process};
use tamis_harness::document::Document;
use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, Limits};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Proxy};
use tamis_module::Description;
use tamis_oci::resource::Upstream;

use super::common::{self, MODULE_HELP, RegistryFlags};
use super::manifest::upstream;
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// `tamis serve MODULE`
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  tamis serve target/tamis/transformation.wasm --config edits.yaml --listen 127.0.0.1:8080\n  \
curl -i http://127.0.0.1:8080/items\n\n\
Without --upstream, requests go to a small echo server that answers with what it saw."
)]
pub struct Serve {
    #[arg(help = MODULE_HELP)]
    module: String,

    /// The filter's configuration, YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen, on loopback
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// Where requests go; an echo server of its own when it is left out
    #[arg(long, value_name = "HOST:PORT", value_parser = upstream)]
    upstream: Option<Upstream>,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Serve {
    /// Serves until it is interrupted.
    ///
    /// # Errors
    /// When the module or the configuration is refused, or the port is taken.
    pub fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::install()?;
        let document = self.config.as_deref().map(common::configuration).transpose()?;
        let module = common::load(&self.module, &self.registry)?;
        let compiled = common::compile(&module)?;
        common::accepted(&compiled, &module.origin, self.config.as_deref().zip(document.as_ref()))?;
        let name = Description::read(&module.wasm).ok().flatten().map(|description| description.name);
        let echo = if self.upstream.is_none() { Some(Echo::start().map_err(Failure::environment)?) } else { None };
        let to = match (&self.upstream, &echo) {
            (Some(upstream), _) => (upstream.host.clone(), upstream.port),
            (None, Some(echo)) => (echo.address().ip().to_string(), echo.address().port()),
            (None, None) => return Err(Failure::environment("there is no upstream")),
        };
        let proxy = proxy(&compiled, &name.unwrap_or_default(), document.as_ref(), Process::live())?;
        let gateway = start(self.listen, to.clone(), proxy)?;
        let what = if echo.is_some() { " (echo)" } else { "" };
        println!("==> http://{} -> {} -> http://{}:{}{what}", gateway.address(), module.origin, to.0, to.1);
        println!("    Ctrl-C ends it");
        interrupt.wait();
        gateway.shutdown();
        Ok(())
    }
}

/// A chain of one filter.
pub fn proxy(
    module: &LoadedModule,
    name: &str,
    configuration: Option<&Document>,
    process: Process,
) -> Result<Proxy, Failure> {
    let configuration = configuration.map(|document| document.to_json().into_bytes()).unwrap_or_default();
    let filter = FilterSpec {
        module: module.clone(),
        plugin: Plugin { name: name.to_owned(), configuration, ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    Proxy::load(&[filter], Arc::new(process)).map_err(Failure::user)
}

/// A gateway in front of `upstream`.
pub fn start(listen: SocketAddr, upstream: (String, u16), proxy: Proxy) -> Result<Gateway, Failure> {
    Gateway::start(GatewayOptions { listen, upstream, limits: Limits::default() }, proxy).map_err(Failure::user)
}

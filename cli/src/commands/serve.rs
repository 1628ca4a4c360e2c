//! `tamis serve`: a filter in front of traffic, on this machine.

mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tamis_harness::context::{Plugin, Process};
use tamis_harness::document::Document;
use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, Upstream};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Options, Proxy};
use tamis_module::Description;

use super::common::{self, Loaded, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;
use crate::interrupt::{Hangups, Interrupt};
use watch::Watched;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(250);

/// `tamis serve MODULE`
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  tamis serve target/tamis/transformation.wasm --config edits.yaml --listen 127.0.0.1:8080\n  \
curl -i http://127.0.0.1:8080/items\n\n\
Without --upstream, requests go to a small echo server that answers with what it saw. HTTP/1.1 and HTTP/2 (prior knowledge) \
come in on the same port.\n\n\
A changed configuration or module file is taken over at once, and on SIGHUP; when the module refuses it, the old one stays \
in force. Requests that are under way end as they began.\n\n\
It is for trying filters out: no TLS, no routes, one upstream, loopback only."
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

    /// Where requests go: HOST:PORT, or h2c://HOST:PORT for HTTP/2; an echo server of its own when it is left out
    #[arg(long, value_name = "UPSTREAM")]
    upstream: Option<Upstream>,

    /// Where the filter's own requests to a cluster go; once for each cluster
    #[arg(long = "cluster", value_name = "NAME=UPSTREAM", value_parser = cluster)]
    clusters: Vec<(String, Upstream)>,

    /// How many workers the proxy has. Each has a VM of its own, as in Envoy, and gets the connections in turn; they take
    /// turns on one thread, so more of them show what a filter shares, and are not faster
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,

    /// Read and send trailers of HTTP/1.1 too, as Envoy does with enable_trailers
    #[arg(long)]
    http1_trailers: bool,

    #[command(flatten)]
    registry: RegistryFlags,
}

/// A filter that its module has accepted.
struct Filter {
    module: Loaded,
    compiled: LoadedModule,
    document: Option<Document>,
}

impl Serve {
    /// Serves until it is interrupted.
    ///
    /// # Errors
    /// When the module or the configuration is refused, or the port is taken.
    pub fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::install()?;
        let hangups = Hangups::install()?;
        let mut watched = Watched::new(&self.module, self.config.as_deref());
        let mut filter = self.filter()?;
        let echo = if self.upstream.is_none() { Some(Echo::start().map_err(Failure::environment)?) } else { None };
        let upstream = match (&self.upstream, &echo) {
            (Some(upstream), _) => upstream.clone(),
            (None, Some(echo)) => echo.address().into(),
            (None, None) => return Err(Failure::environment("there is no upstream")),
        };
        let options = Options { workers: self.workers.into(), ..Options::default() };
        let proxy = proxy(&filter.spec(), Process::live(), options)?;
        let gateway = start(
            GatewayOptions {
                listen: self.listen,
                clusters: self.clusters.iter().cloned().collect(),
                http1_trailers: self.http1_trailers,
                ..GatewayOptions::new(upstream.clone())
            },
            proxy,
        )?;
        let what = if echo.is_some() { " (echo)" } else { "" };
        println!("==> http://{} -> {} -> {upstream}{what}", gateway.address(), filter.module.origin);
        println!("    Ctrl-C ends it");
        while !interrupt.wait_for(LOOK) {
            let asked = hangups.came();
            if !watched.changed() && !asked {
                continue;
            }
            // An image may have changed too; only whoever asks knows.
            match self.reloaded(&filter, watched.same_module() && !asked, &gateway) {
                Ok(new) => {
                    filter = new;
                    watched.taken_over();
                    println!("==> taken over: {}", watched.names());
                }
                Err(failure) => {
                    eprintln!("{}", failure.report());
                    println!("==> refused; what was in force stays in force");
                }
            }
        }
        gateway.shutdown();
        Ok(())
    }

    /// The filter as the files have it now.
    fn filter(&self) -> Result<Filter, Failure> {
        let document = self.config.as_deref().map(common::configuration).transpose()?;
        let module = common::load(&self.module, &self.registry)?;
        let compiled = common::compile(&module)?;
        common::accepted(&compiled, &module.origin, self.config.as_deref().zip(document.as_ref()))?;
        Ok(Filter { module, compiled, document })
    }

    /// Takes over what the files have now, if the module accepts it. A module that is the same is not compiled again.
    fn reloaded(&self, old: &Filter, same_module: bool, gateway: &Gateway) -> Result<Filter, Failure> {
        let new = if same_module {
            let document = self.config.as_deref().map(common::configuration).transpose()?;
            let origin = &old.module.origin;
            common::accepted(&old.compiled, origin, self.config.as_deref().zip(document.as_ref()))?;
            Filter { module: old.module.clone(), compiled: old.compiled.clone(), document }
        } else {
            self.filter()?
        };
        gateway.reload(vec![new.spec()]).map_err(Failure::user)?;
        Ok(new)
    }
}

impl Filter {
    fn spec(&self) -> FilterSpec {
        let name = Description::read(&self.module.wasm).ok().flatten().map(|description| description.name);
        spec(&self.compiled, &name.unwrap_or_default(), self.document.as_ref())
    }
}

/// A filter of a chain.
pub fn spec(module: &LoadedModule, name: &str, configuration: Option<&Document>) -> FilterSpec {
    let configuration = configuration.map(|document| document.to_json().into_bytes()).unwrap_or_default();
    FilterSpec {
        module: module.clone(),
        plugin: Plugin { name: name.to_owned(), configuration, ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    }
}

/// A chain of one filter.
pub fn proxy(filter: &FilterSpec, process: Process, options: Options) -> Result<Proxy, Failure> {
    Proxy::load_with(std::slice::from_ref(filter), Arc::new(process), options).map_err(Failure::user)
}

/// A gateway.
pub fn start(options: GatewayOptions, proxy: Proxy) -> Result<Gateway, Failure> {
    Gateway::start(options, proxy).map_err(Failure::user)
}

fn cluster(text: &str) -> Result<(String, Upstream), String> {
    let (name, upstream) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("`{text}` is not NAME=UPSTREAM, as in auth=http://127.0.0.1:9000"))?;
    let upstream = upstream.parse().map_err(|error: tamis_harness::gateway::UpstreamError| error.to_string())?;
    Ok((name.to_owned(), upstream))
}

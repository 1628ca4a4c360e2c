//! `tamis demo`: the way of the filters, from their modules to traffic; what `make demo` runs.

mod show;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tamis_harness::context::Process;
use tamis_harness::envoy::{self, EnvoyBinary, EnvoyProcess};
use tamis_harness::gateway::{Echo, GatewayOptions, client};
use tamis_harness::scenario::model::Request;
use tamis_harness::scenario::{Observed, Scenario};
use tamis_harness::stream::Options;
use tamis_oci::LocalRegistry;

use super::common::{self, RegistryFlags};
use super::serve;
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// What is shown: a filter, a situation in which it is wanted, and its configuration there. The requests are those of the
/// situation's scenario.
const SHOWN: [[&str; 3]; 4] = [
    ["transformation", "examples/s01-headers", "edits.yaml"],
    ["header-routing", "examples/s12-canary", "routes.yaml"],
    ["local-rate-limit", "examples/s06-loyalty", "limits.yaml"],
    ["dlp-masking", "examples/s09-masking", "masks.yaml"],
];

/// `tamis demo`
#[derive(clap::Args)]
pub struct Demo {
    /// What filters the traffic: the embedded gateway, or a real Envoy whose module comes out of a real registry
    #[arg(long, value_enum, default_value = "harness")]
    engine: Engine,
}

/// What filters the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// The embedded gateway
    Harness,
    /// A real Envoy (`tamis setup envoy`)
    Envoy,
}

/// What every step needs.
struct Stage {
    filter: &'static str,
    situation: String,
    interrupt: Interrupt,
    folder: PathBuf,
    module: PathBuf,
    config: PathBuf,
    requests: Vec<Request>,
    echo: Echo,
}

impl Demo {
    /// Shows it.
    ///
    /// # Errors
    /// The first step that fails; everything that was started is stopped.
    pub fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::install()?;
        let registry = match self.engine {
            Engine::Harness => None,
            Engine::Envoy => Some(registry()?),
        };
        for shown in SHOWN {
            Stage::new(shown, interrupt.clone())?.show(registry.as_ref())?;
        }
        Ok(())
    }
}

fn registry() -> Result<LocalRegistry, Failure> {
    let registry = LocalRegistry::start().map_err(|error| {
        Failure::environment(error).hint("`tamis setup registry` installs Debian's docker-registry")
    })?;
    println!("==> registry on {} (process {})", registry.host(), registry.process_id());
    Ok(registry)
}

impl Stage {
    fn new([filter, folder, configuration]: [&'static str; 3], interrupt: Interrupt) -> Result<Self, Failure> {
        let situation = Path::new(folder);
        let scenario = Scenario::read(&situation.join("scenario.yaml"))
            .map_err(|error| Failure::user(error).hint("run it in the repository's root folder, by `make demo`"))?;
        Ok(Self {
            filter,
            situation: scenario.name.clone(),
            interrupt,
            folder: Path::new("target").join("demo"),
            module: Path::new("target").join("tamis").join(filter).with_extension("wasm"),
            config: situation.join(configuration),
            requests: scenario.exchanges().map(|exchange| exchange.request.clone()).collect(),
            echo: Echo::start().map_err(Failure::environment)?,
        })
    }

    /// Sends the requests without the filter and through it, and prints what it changes.
    fn show(&self, registry: Option<&LocalRegistry>) -> Result<(), Failure> {
        println!("\n==> {}: {}", self.filter, self.situation);
        let before = self.direct()?;
        let harness = self.embedded_gateway()?;
        let after = match registry {
            None => harness,
            Some(registry) => {
                let (version, real) = self.real_envoy(registry)?;
                agreement(&version, &self.requests, &harness, &real);
                real
            }
        };
        for ((request, before), after) in self.requests.iter().zip(&before).zip(&after) {
            show::exchange(request, before, after);
        }
        Ok(())
    }

    /// The requests without any filter.
    fn direct(&self) -> Result<Vec<Observed>, Failure> {
        self.send(self.echo.address())
    }

    /// Image into a layout, module out of it, gateway around it.
    fn embedded_gateway(&self) -> Result<Vec<Observed>, Failure> {
        let image = format!("oci-layout:{}:{}", self.folder.join("images").display(), self.filter);
        self.tamis(&["push", &self.module.to_string_lossy(), &image])?;
        let module = common::load(&image, &RegistryFlags::default())?;
        let compiled = common::compile(&module)?;
        let document = common::configuration(&self.config)?;
        common::accepted(&compiled, &module.origin, Some((&self.config, &document)))?;
        let filter = serve::spec(&compiled, self.filter, Some(&document));
        let proxy = serve::proxy(&filter, Process::deterministic(1), Options::default())?;
        let gateway = serve::start(GatewayOptions::new(self.echo.address().into()), proxy)?;
        println!("==> embedded gateway on http://{}, in front of an echo server", gateway.address());
        let observed = self.send(gateway.address());
        gateway.shutdown();
        observed
    }

    /// Image into a registry, out again by digest, a real Envoy with the printed configuration. The version, and what was
    /// seen.
    fn real_envoy(&self, registry: &LocalRegistry) -> Result<(String, Vec<Observed>), Failure> {
        let binary = EnvoyBinary::find().map_err(Failure::environment)?;
        self.interrupt.check()?;
        let reference = format!("oci://{}/tamis/{}:demo", registry.host(), self.filter);
        let by_digest = self.tamis(&["push", &self.module.to_string_lossy(), &reference])?;
        let pulled = self.folder.join(self.filter).with_extension("wasm");
        self.tamis(&["pull", by_digest.trim(), "--out", &pulled.to_string_lossy()])?;
        self.same_bytes(&pulled)?;
        let listen = free_address()?;
        let upstream = self.echo.address().to_string();
        let (config, path) = (self.config.to_string_lossy(), pulled.to_string_lossy());
        let listen_text = listen.to_string();
        let flags = ["--config", &config, "--listen", &listen_text, "--upstream", &upstream];
        let manifest = self.tamis(&[&["manifest", "--for", "envoy", &path], flags.as_slice()].concat())?;
        common::write_whole(&self.folder.join("envoy.yaml"), manifest.as_bytes())?;
        self.interrupt.check()?;
        let envoy = EnvoyProcess::start_text(&binary, &manifest).map_err(Failure::environment)?;
        println!("==> Envoy {} on http://{listen} (process {})", envoy.version(), envoy.id());
        let observed = self.send(listen)?;
        Ok((envoy.version().to_owned(), observed))
    }

    fn same_bytes(&self, pulled: &Path) -> Result<(), Failure> {
        let read = |file: &Path| {
            std::fs::read(file)
                .map_err(|error| Failure::environment(format_args!("cannot read {}: {error}", file.display())))
        };
        let (built, came) = (read(&self.module)?, read(pulled)?);
        if built != came {
            return Err(Failure::environment("the module that came back is not the one that was pushed"));
        }
        println!("==> the {} bytes that came back are those that were pushed", came.len());
        Ok(())
    }

    /// Sends the requests and says what was seen on both sides.
    fn send(&self, address: std::net::SocketAddr) -> Result<Vec<Observed>, Failure> {
        let mut observed = Vec::new();
        for request in &self.requests {
            self.interrupt.check()?;
            // What somebody else asked of the echo server meanwhile is not ours.
            drop(self.echo.take_last());
            let response = client::send_blocking(address, request).map_err(Failure::environment)?;
            observed.push(Observed {
                upstream: self.echo.take_last(),
                response: Some(response),
                ..Observed::default()
            });
        }
        Ok(observed)
    }

    /// Runs this very command with other words, as a user would, and gives what it prints.
    fn tamis(&self, words: &[&str]) -> Result<String, Failure> {
        self.interrupt.check()?;
        println!("$ tamis {}", words.join(" "));
        let exe = std::env::current_exe().map_err(Failure::environment)?;
        let output = Command::new(exe)
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(Failure::environment)?;
        self.interrupt.check()?;
        if !output.status.success() {
            return Err(Failure::environment(format_args!("`tamis {}` failed", words.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn agreement(version: &str, requests: &[Request], harness: &[Observed], real: &[Observed]) {
    let mut differences = Vec::new();
    for ((request, ours), theirs) in requests.iter().zip(harness).zip(real) {
        // The echo server's body says what it saw, the proxy's own headers too; that side is compared already.
        for line in envoy::disagreements(&comparable(ours), &comparable(theirs)) {
            differences.push(format!("{} {}: {line}", request.method, request.path));
        }
    }
    if differences.is_empty() {
        println!("==> the embedded gateway and Envoy {version} agree");
    } else {
        println!("==> the embedded gateway and Envoy {version} differ:");
        differences.iter().for_each(|line| println!("    {line}"));
    }
}

/// Without what two runs need not agree about: the echo server's answer, and what says how late it is.
fn comparable(observed: &Observed) -> Observed {
    const CLOCK: [&str; 2] = ["retry-after", "ratelimit"];
    let mut observed = observed.clone();
    if let Some(response) = &mut observed.response {
        response.body.clear();
        response.headers.retain(|(name, _)| !CLOCK.contains(&name.as_str()));
    }
    observed
}

/// An address whose port is free now.
fn free_address() -> Result<std::net::SocketAddr, Failure> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(Failure::environment)?;
    listener.local_addr().map_err(Failure::environment)
}

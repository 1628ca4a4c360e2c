//! `tamis load`: the embedded gateway under load; what `make load` runs.
//!
//! h2load sends requests over HTTP/1.1 and HTTP/2 while other clients are slow, leave in the middle, and send headers that
//! are too large. Every request of h2load and of the slow clients must be answered with 200, and afterwards the process
//! must be as large as before, and hold no descriptor and no stream more.

mod abuse;
pub(super) mod h2load;
mod machine;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tamis_harness::context::Process;
use tamis_harness::gateway::{Echo, Gateway, GatewayOptions};
use tamis_harness::stream::Options;

use super::common::{self, RegistryFlags, write_whole};
use super::serve;
use crate::failure::Failure;
use abuse::Abuse;
use h2load::Run;

/// Connections of h2load.
const CONNECTIONS: u32 = 8;

/// How much larger the process may be afterwards, in MiB: pages that the allocator keeps.
const GROWTH: u64 = 32;

/// How long what has ended may take to be gone.
const SETTLE: Duration = Duration::from_secs(20);

/// Requests of a session that only gets the process going.
const WARM: u32 = 2000;

/// What the figures say above the table. `make load` takes the debug build that all of `make` takes.
const HEAD: &str = "## The embedded gateway under load\n\n\
By `make load`, in the debug build, whose dependencies and harness are optimised: h2load over 8 connections, through the \
demo's filter to an echo server in the same process, on a shared machine with 2 cores. Beside it other clients send their \
requests slowly, leave in the middle of a body, or send headers that are too large. That every request of h2load and of the \
slow clients is answered with 200, and that nothing is left, is checked.\n\n\
| | requests | answered 200 | s | a second | slow clients | answered 200 | aborted | too large |\n\
|---|---|---|---|---|---|---|---|---|\n";

/// What the load goes through: the demo's filter.
const MODULE: &str = "target/tamis/transformation.wasm";
const CONFIGURATION: &str = "examples/s01-headers/edits.yaml";

/// `tamis load`
#[derive(clap::Args)]
pub struct Load {
    /// Requests of each protocol
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..))]
    requests: u32,

    /// Where to record what was measured
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Load {
    /// Loads the gateway and looks at what is left.
    ///
    /// # Errors
    /// When a request was lost, or something is left.
    pub fn run(self) -> Result<(), Failure> {
        let program = h2load::find()?;
        // What a process has once it has served is no growth: pages, and descriptors that are opened once for all.
        self.session(&program, self.requests.min(WARM))?;
        let (before, descriptors) = (machine::resident()?, machine::descriptors()?);
        let (mut report, after) = self.session(&program, self.requests)?;
        wait_for("descriptors are left open", || Ok(machine::descriptors()? <= descriptors))?;
        let _ = write!(
            report,
            "\nNo stream and no descriptor was left. Resident memory: {} MiB before, {} MiB after.\n",
            before >> 20,
            after >> 20
        );
        print!("{report}");
        if after > before + (GROWTH << 20) {
            return Err(Failure::environment(format_args!("the process has grown by more than {GROWTH} MiB")));
        }
        match &self.record {
            Some(file) => write_whole(file, report.as_bytes()),
            None => Ok(()),
        }
    }

    /// The life of one gateway: what was measured, and how much memory the process had at its end.
    fn session(&self, program: &Path, requests: u32) -> Result<(String, u64), Failure> {
        let echo = Echo::start().map_err(Failure::environment)?;
        let gateway = gateway(&echo)?;
        let mut report = String::from(HEAD);
        for http2 in [false, true] {
            let run = Run { requests, connections: CONNECTIONS, http2 };
            report.push_str(&under_abuse(program, gateway.address(), run)?);
        }
        wait_for("streams are left in the filters", || Ok(gateway.streams() == 0))?;
        let resident = machine::resident()?;
        gateway.shutdown();
        Ok((report, resident))
    }
}

/// One protocol, with everybody else misbehaving meanwhile: a row of the table.
fn under_abuse(program: &Path, address: SocketAddr, run: Run) -> Result<String, Failure> {
    let abuse = Abuse::start(address);
    let measured = run.measure(program, address);
    let counts = abuse.stop();
    let measured = measured?;
    let lost = counts.slow - counts.slow_answered;
    if lost > 0 {
        return Err(Failure::environment(format_args!("{lost} of {} slow clients got no 200", counts.slow)));
    }
    Ok(format!(
        "| {} | {} | {} | {:.1} | {:.0} | {} | {} | {} | {} |\n",
        run.protocol(),
        run.requests,
        run.requests,
        measured.seconds,
        f64::from(run.requests) / measured.seconds.max(0.001),
        counts.slow,
        counts.slow_answered,
        counts.aborted,
        counts.oversized,
    ))
}

fn gateway(echo: &Echo) -> Result<Gateway, Failure> {
    let module = common::load(MODULE, &RegistryFlags::default())?;
    let compiled = common::compile(&module)?;
    let document = common::configuration(Path::new(CONFIGURATION))?;
    let filter = serve::spec(&compiled, "transformation", Some(&document));
    let proxy = serve::proxy(&filter, Process::deterministic(1), Options::default())?;
    serve::start(GatewayOptions::new(echo.address().into()), proxy)
}

fn wait_for(what: &str, condition: impl Fn() -> Result<bool, Failure>) -> Result<(), Failure> {
    let limit = Instant::now() + SETTLE;
    while !condition()? {
        if Instant::now() >= limit {
            return Err(Failure::environment(what));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

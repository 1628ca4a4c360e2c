//! `make mesh`: Istio's and Envoy Gateway's own programs, on this machine alone, with images and resources of `tamis`.
//!
//! Nothing here stands in for what is looked at: the control planes, the agent, Envoy and the registry are the programs that
//! operators run, and what is applied to them is what `tamis push` and `tamis manifest` print. Only Kubernetes is missing; its
//! API is played by [`kube`], read-only, and what needs more of it is said in the report, with the reason.
//!
//! - `sandbox` a network, processes and a `/var/lib` of our own, where the system allows it;
//! - `process`, `http`, `registry`, `upstream`, `tamis` what a stage is made of;
//! - `istio`, `gateway` a stage each, and the checks on it;
//! - `load` who answers while something changes;
//! - `report` what was asked, what came back, how long it took.
//!
//! Everything is started by this process and ended by its id, when a check fails and on Ctrl-C too.

mod failure;
mod gateway;
mod http;
mod istio;
mod kube;
mod load;
mod modules;
mod pki;
mod process;
mod registry;
mod report;
mod sandbox;
mod stage;
mod tamis;
mod upstream;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(1)
        }
    }
}

/// Whether everything came back as it should.
fn run() -> Result<bool, Failure> {
    let options = stage::Options::from_env()?;
    if let Some(status) = sandbox::enter(&options)? {
        return Ok(status);
    }
    process::listen_for_signals()?;
    let mut report = report::Report::new(&options);
    if options.wants("istio") {
        report.part(&format!("Istio (release-1.30 branch of 26 August 2026), Envoy {}", stage::ENVOY), || {
            istio::checks(&options)
        })?;
    }
    if options.wants("gateway") {
        report.part(&format!("Envoy Gateway 1.9.0, Envoy {}", gateway::ENVOY), || gateway::checks(&options))?;
    }
    report.finish(&options)
}

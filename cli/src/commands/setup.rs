//! `tamis setup`: installs what building and testing need.

use std::time::Duration;

use crate::failure::Failure;
use crate::setup::go::GoProgram;
use crate::setup::{self, Component, EnvoyVersion, Options, Outcome};

/// `tamis setup [COMPONENT]...`
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tamis setup wasm32 envoy\n\n\
Everything goes to ${TAMIS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tamis}; deleting that folder undoes it.\n\
A second run changes nothing and takes well under a second.")]
pub struct Setup {
    /// What to install; `all` is wasm32, envoy, registry and load
    #[arg(value_enum, default_value = "wasm32", value_name = "COMPONENT")]
    components: Vec<Choice>,

    /// Seconds that rustup gets to download something
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    /// Do not ask rustup for anything
    #[arg(long)]
    no_rustup: bool,

    /// Which Envoy to install
    #[arg(long, default_value_t, value_name = "VERSION")]
    envoy_version: EnvoyVersion,

    /// Say `skipped:` and go on where something other than wasm32 and the tools cannot be installed
    #[arg(long)]
    skip_missing: bool,
}

/// The words of the command line.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Choice {
    /// Rust's target for filters
    Wasm32,
    /// A real Envoy, to test against
    Envoy,
    /// A real registry, to test against
    Registry,
    /// h2load, for `make load`
    Load,
    /// wasm32, envoy, registry and load
    All,
    /// What `make lint` needs, for work on Tamis itself
    Tools,
    /// What `make coverage` needs, for work on Tamis itself
    Coverage,
    /// Schemas of control planes' resources, to test `tamis manifest` against, for work on Tamis itself
    Schemas,
    /// crane, a registry client, for work on Tamis itself; built with Go, as are all below
    Crane,
    /// oras, a client for artifacts
    Oras,
    /// cosign, which signs images
    Cosign,
    /// kubectl-validate, which holds resources against the rules of their kinds
    KubectlValidate,
    /// Istio's control plane, its agent, and istioctl
    Istio,
    /// Envoy Gateway and egctl
    EnvoyGateway,
    /// Istio's fetcher of images, behind standard input
    IstioFetch,
    /// What an API server's admission says, without one
    Admission,
}

impl Setup {
    /// Installs each component once, in the order of the command line.
    ///
    /// # Errors
    /// The first component that could not be installed, with what to do about it.
    pub fn run(self) -> Result<(), Failure> {
        let options = Options {
            rustup_limit: (!self.no_rustup).then(|| Duration::from_secs(self.timeout)),
            envoy_version: self.envoy_version,
        };
        for component in in_order(&self.components) {
            match setup::install(component, &options) {
                Ok(Outcome::AlreadyThere(what)) => println!("==> {component}: {what}"),
                Ok(Outcome::Installed { what, seconds }) => println!("==> {component}: {what} ({seconds:.1} s)"),
                Err(failure) if self.skip_missing && component.is_optional() => {
                    println!("skipped: {component}: {failure}");
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}

/// The components that were asked for, each once.
fn in_order(choices: &[Choice]) -> Vec<Component> {
    let mut components = Vec::new();
    for choice in choices {
        let named: &[Component] = match choice {
            Choice::Wasm32 => &[Component::Wasm32],
            Choice::Envoy => &[Component::Envoy],
            Choice::Registry => &[Component::Registry],
            Choice::Tools => &[Component::Tools],
            Choice::Load => &[Component::Load],
            Choice::Coverage => &[Component::Coverage],
            Choice::Schemas => &[Component::Schemas],
            Choice::Crane => &[Component::Go(GoProgram::Crane)],
            Choice::Oras => &[Component::Go(GoProgram::Oras)],
            Choice::Cosign => &[Component::Go(GoProgram::Cosign)],
            Choice::KubectlValidate => &[Component::Go(GoProgram::KubectlValidate)],
            Choice::Istio => &[Component::Go(GoProgram::Istio)],
            Choice::EnvoyGateway => &[Component::Go(GoProgram::EnvoyGateway)],
            Choice::IstioFetch => &[Component::Go(GoProgram::IstioFetch)],
            Choice::Admission => &[Component::Go(GoProgram::Admission)],
            Choice::All => &[Component::Wasm32, Component::Envoy, Component::Registry, Component::Load],
        };
        for component in named {
            if !components.contains(component) {
                components.push(*component);
            }
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_named_twice_is_installed_once() {
        let asked = [Choice::Envoy, Choice::All, Choice::Wasm32];
        let all = [Component::Envoy, Component::Wasm32, Component::Registry, Component::Load];
        assert_eq!(in_order(&asked), all);
    }
}

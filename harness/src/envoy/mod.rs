//! A real Envoy: found, started, given scenarios, stopped.
//!
//! One process runs any number of scenarios: each has a listener with its chain, and an upstream of its own that answers as
//! the scenario says, or is the other end of its connections. Listeners come from a file that Envoy watches (LDS), because it then rejects a chain that it cannot
//! load for itself and runs the others; in a static configuration one such chain would end the process.
//!
//! Every port is chosen by the system when it is bound, so two runs never take each other's.
//!
//! | module | idea |
//! |---|---|
//! | [`binary`] | where Envoy is, which version it is; [`find_or_skip`] for tests |
//! | [`process`] | one running Envoy, gone when it is dropped |
//! | [`watched`] | one whose listeners are in a file, and can change |
//! | [`bootstrap`] | the configuration for scenarios |
//! | [`upstream`] | a server that answers what it is told and remembers what it saw |
//! | [`run`] | Envoy as an engine |
//! | [`compare`] | what two engines saw, side by side |

pub mod binary;
pub mod bootstrap;
pub mod compare;
pub mod process;
pub mod run;
pub mod upstream;
pub mod watched;

mod admin;
mod callouts;
mod chain;
mod grpc;
mod log;
mod play;
mod running;
mod server;
mod talk;
mod wire;

pub use binary::{EnvoyBinary, NoEnvoy, find_or_skip};
pub use bootstrap::Form;
pub use compare::{PROXY_OWN, disagreements, is_proxy_own};
pub use process::{EnvoyError, EnvoyProcess, Settings};
pub use run::{NotRun, run_all, run_all_as};
pub use watched::WatchedEnvoy;

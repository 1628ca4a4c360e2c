//! Scenarios: what goes in, what must be seen, in one YAML file for every engine.
//!
//! ```yaml
//! name: a header is set
//! filters:
//!   - module: transformation
//!     config: { rules: [{ request: { headers: { set: [{ name: x-a, value: "1" }] } } }] }
//! exchanges:
//!   - name: GET
//!     request: { path: /items }
//!     upstream: { status: 200, body: ok }
//!     expect:
//!       upstream: { headers: { x-a: "1" } }
//!       response: { status: 200, body: ok }
//! ```
//!
//! docs/scenarios.md has an example of everything that can stand in the file.
//!
//! | module | idea |
//! |---|---|
//! | [`model`] | a scenario, as types; its JSON Schema |
//! | [`step`], [`connection`], [`callout`], [`fault`], [`duration`] | what stands in its `exchanges` |
//! | [`read`] | the file, its tables of cases filled in |
//! | [`matcher`], [`json_path`] | what a value must be |
//! | [`split`] | the pieces in which a body comes |
//! | [`check`] | what was seen against what was expected |
//! | [`snapshot`] | everything that was seen, as a file |
//! | [`budget`], [`ledger`] | what it costs, against what it may cost |
//! | [`modules`] | where a filter's module is found |
//! | [`engine`] | what can run a scenario, and what each cannot do |
//! | [`mod@run`] | the harness as an engine |
//! | [`Suite`] | all scenarios of a filter, on each engine, for its own tests |
//! | [`report`], [`difference`], [`paint`] | what came of it, for people |
//! | [`machine`] | what came of it, for machines |

pub(crate) mod book;
pub mod budget;
pub mod callout;
mod cases;
mod changes;
pub mod check;
pub mod connection;
pub mod difference;
pub mod duration;
pub mod engine;
pub mod fault;
pub mod json_path;
pub mod ledger;
pub mod machine;
pub mod matcher;
mod message;
mod metrics;
pub mod model;
pub mod modules;
pub mod paint;
pub mod read;
pub mod report;
pub mod run;
mod session;
pub mod snapshot;
pub mod split;
mod state;
pub mod step;
mod suite;
mod tree;
mod value;

pub use budget::Figures;
pub use check::{Effects, Observed, Seen, SeenCallout};
pub use difference::Difference;
pub use engine::Engine;
pub use model::Scenario;
pub use modules::Modules;
pub use paint::Paint;
pub use read::ScenarioError;
pub use report::{ExchangeReport, Report, Verdict};
pub use run::{MemoryUse, memory_use, run};
pub use suite::Suite;

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
//! | module | idea |
//! |---|---|
//! | [`model`] | the file, as types; its JSON Schema |
//! | [`check`] | what was seen against what was expected |
//! | [`modules`] | where a filter's module is found |
//! | [`mod@run`] | the harness as an engine |
//! | [`report`] | what came of it, for people |

pub mod check;
pub mod model;
pub mod modules;
pub mod report;
pub mod run;

pub use check::{Observed, Seen};
pub use model::{Scenario, ScenarioError};
pub use modules::Modules;
pub use report::{ExchangeReport, Report};
pub use run::run;

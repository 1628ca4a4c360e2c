//! Envoy, emulated on wasmtime: a Proxy-Wasm filter, ours or anyone's, behaves here as it does there, in milliseconds.
//!
//! # Three layers
//!
//! | module | layer | knows |
//! |---|---|---|
//! | [`abi`] | exports, imports, memory, status words | how a call crosses the border |
//! | [`context`] | Envoy's `Context` | which map or buffer lives in which phase, properties, shared data, metrics, logs |
//! | [`stream`] | the filter manager | in which order filters see a message, what pausing holds back, local replies |
//!
//! Rules of Envoy's behaviour are cited by their ID, as `docs/envoy-behaviour.md` has them. Where this emulation and a real
//! Envoy differ, Envoy is right.
//!
//! # What is built on them
//!
//! | module | idea |
//! |---|---|
//! | [`scenario`] | what goes in and what must be seen, as a file, for every engine |
//! | [`testbed`] | a proxy for a filter author's own tests |
//! | [`envoy`] | the driver for a real Envoy |
//! | [`gateway`] | HTTP/1.1 on loopback around a chain of filters |
//! | [`conformance`] | the harness and real Envoys side by side, call by call |
//! | [`check`], [`describe`] | what a module says of a configuration, and of itself |
//! | [`document`] | YAML and JSON with line and column |
//! | [`cost`] | exact counters |
//! | [`engine`] | the one configuration of wasmtime |
//! | [`native`] | a filter that was compiled for this machine, in the place of a module |
//!
//! # In a test of your own
//!
//! ```no_run
//! use std::path::Path;
//! use tamis_harness::scenario::{Modules, Scenario, run};
//!
//! let scenario = Scenario::read(Path::new("scenarios/headers.yaml")).unwrap();
//! let report = run(&scenario, &mut Modules::default()).unwrap();
//! assert!(report.passed(), "{report}");
//! ```
//!
//! What a file cannot say, a test says with a [`testbed`]: it sends requests, answers callouts, lets time go by, and looks at
//! logs and metrics. Its page has an example.
//!
//! # What it does not do yet
//!
//! Of Envoy's foreign functions those that need keys or its registries are not found. A guest cannot hurt its host:
//! what it keeps and hands over is bounded, memory ends at 1 GiB, a callback
//! at [`engine::FUEL_PER_CALLBACK`], and nothing but the proxy's functions can be reached.

pub mod abi;
pub mod check;
pub mod conformance;
pub mod context;
pub mod cost;
pub mod describe;
pub mod document;
pub mod engine;
pub mod envoy;
pub mod gateway;
mod grpc;
pub mod native;
pub mod scenario;
pub mod stream;
mod symbols;
pub mod testbed;
mod verdict;

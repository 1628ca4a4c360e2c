//! Each supported Envoy by itself: whether it would load a module.

use wasmparser::WasmFeatures;

use super::features::{V8_10_7, V8_12_9, V8_13_8, Validated};
use super::{Reason, host_reasons, outside};
use crate::abi::WasiSet;
use crate::info::ModuleInfo;

/// What one Envoy would do with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostVerdict {
    /// The Envoy, as `1.40`; all its patch releases are meant.
    pub envoy: &'static str,
    /// That it loads, or every reason why not. A module that would take the process down does not load.
    pub loads: Result<(), Vec<Reason>>,
    /// How this is known.
    pub certainty: Certainty,
}

/// Where the knowledge about a host comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Modules were loaded into this Envoy.
    Run,
    /// Its source was read; it was never run.
    FromSource,
}

/// What every supported Envoy (1.30 to 1.40, oldest first) would do with a module. Runs no code of it; takes time in
/// proportion to the file.
///
/// ```
/// use tamis_module::gate::hosts;
///
/// let verdicts = hosts(b"\0asm\x01\0\0\0");
/// assert_eq!(verdicts.len(), 11);
/// assert!(verdicts.iter().all(|verdict| verdict.loads.is_err()));
/// ```
#[must_use]
pub fn hosts(wasm: &[u8]) -> Vec<HostVerdict> {
    let nowhere = |reasons: Vec<Reason>| HOSTS.iter().map(|host| host.verdict(reasons.clone())).collect();
    let info = match ModuleInfo::parse(wasm) {
        Ok(info) => info,
        Err(error) => return nowhere(vec![Reason::Unreadable(error)]),
    };
    let validated = match Validated::new(wasm) {
        Ok(validated) => validated,
        Err(invalid) => return nowhere(invalid.reasons()),
    };
    let outside = outside::check(&validated.types);
    HOSTS
        .iter()
        .map(|host| {
            let mut reasons = match validated.check(wasm, host.engine) {
                Ok(()) => Vec::new(),
                Err(invalid) => invalid.reasons(),
            };
            reasons.extend(host_reasons(&info, host.wasi).into_iter().filter(|reason| host.minds(reason)));
            reasons.extend(outside.iter().cloned());
            host.verdict(reasons)
        })
        .collect()
}

struct Host {
    envoy: &'static str,
    wasi: WasiSet,
    engine: WasmFeatures,
    /// Whether it calls, and so checks, `__main_void`.
    has_main_void: bool,
    certainty: Certainty,
}

impl Host {
    fn minds(&self, reason: &Reason) -> bool {
        self.has_main_void || !matches!(reason, Reason::ExportType { export: "__main_void", .. })
    }

    fn verdict(&self, reasons: Vec<Reason>) -> HostVerdict {
        let loads = if reasons.is_empty() { Ok(()) } else { Err(reasons) };
        HostVerdict { envoy: self.envoy, loads, certainty: self.certainty }
    }
}

const fn read(envoy: &'static str, wasi: WasiSet, engine: WasmFeatures) -> Host {
    Host { envoy, wasi, engine, has_main_void: false, certainty: Certainty::FromSource }
}

const fn run(envoy: &'static str, wasi: WasiSet, has_main_void: bool) -> Host {
    Host { envoy, wasi, engine: V8_13_8, has_main_void, certainty: Certainty::Run }
}

/// Where patch releases differ (1.32), the older one counts. Run were 1.36.4, 1.37.0, 1.38.2, 1.39.3 and 1.40.0.
const HOSTS: &[Host] = &[
    read("1.30", WasiSet::A, V8_10_7),
    read("1.31", WasiSet::A, V8_10_7),
    read("1.32", WasiSet::A, V8_10_7),
    read("1.33", WasiSet::B, V8_12_9),
    read("1.34", WasiSet::B, V8_12_9),
    read("1.35", WasiSet::B, V8_13_8),
    run("1.36", WasiSet::B, false),
    run("1.37", WasiSet::B, false),
    run("1.38", WasiSet::B, false),
    run("1.39", WasiSet::C, true),
    run("1.40", WasiSet::C, true),
];

//! Each supported Envoy by itself: whether it would load a module.

use wasmparser::WasmFeatures;

use super::features::{V8_10_7, V8_12_9, V8_13_8, Validated};
use super::{EnvoyVersion, Reason, Refusal, host_reasons, outside};
use crate::abi::WasiSet;
use crate::info::ModuleInfo;

/// What one Envoy would do with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostVerdict {
    /// The Envoy.
    pub envoy: EnvoyVersion,
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

impl Certainty {
    /// ` (from source, not run)`, or nothing.
    #[must_use]
    pub const fn remark(self) -> &'static str {
        match self {
            Self::Run => "",
            Self::FromSource => " (from source, not run)",
        }
    }
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
    let nowhere = |reasons: Vec<Reason>| EnvoyVersion::all().map(|envoy| verdict(envoy, reasons.clone())).collect();
    let info = match ModuleInfo::parse(wasm) {
        Ok(info) => info,
        Err(error) => return nowhere(vec![Reason::Unreadable(error)]),
    };
    let validated = match Validated::new(wasm) {
        Ok(validated) => validated,
        Err(invalid) => return nowhere(invalid.reasons()),
    };
    let outside = outside::check(&validated.types);
    let verdict = |envoy| verdict(envoy, Host::of(envoy).reasons(wasm, &info, &validated, &outside));
    EnvoyVersion::all().map(verdict).collect()
}

/// What one Envoy holds against a module, as [`hosts`] does for all. Runs no code of it; takes time in proportion to the
/// file.
///
/// # Errors
/// A [`Refusal`] with every reason found.
pub fn check_for(wasm: &[u8], envoy: EnvoyVersion) -> Result<ModuleInfo, Refusal> {
    let refusal = |reasons| Refusal { envoy: Some(envoy), reasons };
    let info = ModuleInfo::parse(wasm).map_err(|error| refusal(vec![Reason::Unreadable(error)]))?;
    let validated = Validated::new(wasm).map_err(|invalid| refusal(invalid.reasons()))?;
    let reasons = Host::of(envoy).reasons(wasm, &info, &validated, &outside::check(&validated.types));
    if reasons.is_empty() { Ok(info) } else { Err(refusal(reasons)) }
}

fn verdict(envoy: EnvoyVersion, reasons: Vec<Reason>) -> HostVerdict {
    let loads = if reasons.is_empty() { Ok(()) } else { Err(reasons) };
    HostVerdict { envoy, loads, certainty: envoy.certainty() }
}

/// What tells the hosts apart.
struct Host {
    wasi: WasiSet,
    engine: WasmFeatures,
    /// Whether it calls, and so checks, `__main_void`.
    has_main_void: bool,
}

impl Host {
    /// Where patch releases differ (1.32), the older one counts. Run were 1.36.4, 1.37.0, 1.38.2, 1.39.3 and 1.40.0.
    fn of(envoy: EnvoyVersion) -> Self {
        let since = |minor| envoy >= EnvoyVersion::minor(minor);
        let wasi = if since(39) {
            WasiSet::C
        } else if since(33) {
            WasiSet::B
        } else {
            WasiSet::A
        };
        let engine = if since(35) {
            V8_13_8
        } else if since(33) {
            V8_12_9
        } else {
            V8_10_7
        };
        Self { wasi, engine, has_main_void: since(39) }
    }

    fn reasons(&self, wasm: &[u8], info: &ModuleInfo, validated: &Validated, outside: &[Reason]) -> Vec<Reason> {
        let mut reasons = match validated.check(wasm, self.engine) {
            Ok(()) => Vec::new(),
            Err(invalid) => invalid.reasons(),
        };
        reasons.extend(host_reasons(info, self.wasi).into_iter().filter(|reason| self.minds(reason)));
        reasons.extend(outside.iter().cloned());
        reasons
    }

    fn minds(&self, reason: &Reason) -> bool {
        self.has_main_void || !matches!(reason, Reason::ExportType { export: "__main_void", .. })
    }
}

//! Whether Envoy would load a module, and if not, every reason why.
//!
//! [`check`] holds a module to the oldest supported Envoy (1.30's features, the WASI functions of 1.33): what passes loads
//! everywhere from 1.33 on. [`hosts`](hosts()) says the same of each supported Envoy by itself, [`check_for`] of one. Texts follow Envoy's own
//! (1.40.0, recorded by loading such modules), so that both can be compared.
//!
//! Nothing of the module is run. So what only happens at its start is not seen: a trap in its start function or in
//! `_initialize`, a host call there that is not allowed yet (MEM-7), data that does not fit into its memory.

mod features;
mod fingerprint;
mod hosts;
mod outside;
mod reason;
mod version;

pub use features::{FLOOR, Invalid, check_features};
pub use fingerprint::VERSION;
pub use hosts::{Certainty, HostVerdict, check_for, hosts};
pub use reason::{MAX_INITIAL_PAGES, Reason, Refusal};
pub use version::{EnvoyVersion, UnknownEnvoy};

use self::features::Validated;
use crate::abi::host_functions::find_in_any_version;
use crate::abi::{
    ALLOCATORS, AbiVersion, HostFunction, WASI_MODULES, WasiFunction, WasiSet, callbacks, host_functions,
    start_functions, wasi_functions,
};
use crate::info::{Import, Item, ModuleInfo};

/// Reads a module and compares it with what every supported Envoy demands. Runs no code of it; takes time in proportion
/// to the file.
///
/// # Errors
/// A [`Refusal`] with every reason found, each with its rule and what to do about it. Bytes that cannot be read as a
/// module are one reason, and the only one.
pub fn check(wasm: &[u8]) -> Result<ModuleInfo, Refusal> {
    let info =
        ModuleInfo::parse(wasm).map_err(|error| Refusal { envoy: None, reasons: vec![Reason::Unreadable(error)] })?;
    let (mut reasons, validated) = match Validated::new(wasm) {
        Ok(validated) => {
            (validated.check(wasm, FLOOR).err().map(Invalid::reasons).unwrap_or_default(), Some(validated))
        }
        Err(invalid) => (invalid.reasons(), None),
    };
    reasons.extend(host_reasons(&info, WasiSet::B));
    if info.memories.len() > 1 {
        reasons.push(Reason::SeveralMemories { count: info.memories.len() });
    }
    reasons.extend(validated.iter().flat_map(|validated| outside::check(&validated.types)));
    if reasons.is_empty() { Ok(info) } else { Err(Refusal { envoy: None, reasons }) }
}

/// What a host that has these WASI functions holds against a module, whatever its engine compiles.
fn host_reasons(info: &ModuleInfo, wasi: WasiSet) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if info.abi.is_none() {
        reasons.push(Reason::NoAbiVersion);
    }
    // Without a marker nothing loads; the newest version then tells what else would have to change.
    let abi = info.abi.unwrap_or(AbiVersion::V0_2_1);
    reasons.extend(info.imports.iter().filter_map(|import| check_import(import, abi, wasi)));
    check_exports(info, abi, &mut reasons);
    check_memory(info, &mut reasons);
    reasons
}

/// Rules ABI-2 and ABI-3.
fn check_import(import: &Import, abi: AbiVersion, wasi: WasiSet) -> Option<Reason> {
    let Item::Function(found) = &import.item else {
        // The V8 back end makes a memory or a table itself when one is imported. A global is a missing import to it; a
        // tag takes the proxy down (seen with Envoy 1.36 to 1.40).
        return match import.item {
            Item::Memory | Item::Table => None,
            _ => Some(Reason::ImportKind { import: full_name(import), item: import.item.clone() }),
        };
    };
    let is_wasi = WASI_MODULES.contains(&import.module.as_str());
    let wanted = if is_wasi {
        wasi_functions(wasi).find(|function| function.name == import.name).map(WasiFunction::signature)
    } else if import.module == "env" {
        host_functions(abi).find(|function| function.name == import.name).map(HostFunction::signature)
    } else {
        None
    };
    match wanted {
        Some(wanted) if wanted == **found => None,
        Some(wanted) => Some(Reason::ImportType { import: full_name(import), found: found.as_ref().clone(), wanted }),
        None if is_wasi => {
            let since = wasi_functions(WasiSet::C).find(|function| function.name == import.name);
            Some(Reason::MissingWasi { import: full_name(import), since: since.map(|function| function.set) })
        }
        None => {
            let versions = if import.module == "env" {
                find_in_any_version(&import.name).map_or(&[][..], |function| function.versions)
            } else {
                &[]
            };
            Some(Reason::MissingImport { import: full_name(import), abi, versions })
        }
    }
}

/// Rule ABI-4, and the allocator that every value from the host passes through.
fn check_exports(info: &ModuleInfo, abi: AbiVersion, reasons: &mut Vec<Reason>) {
    if !ALLOCATORS.iter().any(|name| info.exported_function(name).is_some()) {
        reasons.push(Reason::NoAllocator);
    }
    let has_initialize = info.exported_function("_initialize").is_some();
    for callback in callbacks(abi).chain(start_functions(has_initialize)) {
        match info.exported_function(callback.name) {
            Some(found) if !found.is(callback.params, callback.results) => reasons.push(Reason::ExportType {
                export: callback.name,
                found: found.clone(),
                wanted: callback.signature(),
            }),
            _ => {}
        }
    }
}

/// Rule MEM-8. A module that keeps its memory to itself does worse than not load: its first host call takes the proxy
/// down (seen with Envoy 1.36 to 1.40), so this is a reason although Envoy has no message for it.
fn check_memory(info: &ModuleInfo, reasons: &mut Vec<Reason>) {
    let offered = info.exports.iter().any(|export| export.item == Item::Memory)
        || info.memories.iter().any(|memory| memory.imported);
    if !offered {
        reasons.push(Reason::NoMemory);
    }
    if let Some(memory) = info.memories.iter().find(|memory| memory.initial_pages > MAX_INITIAL_PAGES) {
        reasons.push(Reason::LargeMemory { pages: memory.initial_pages });
    }
}

fn full_name(import: &Import) -> String {
    format!("{}.{}", crate::text::shown(&import.module), crate::text::shown(&import.name))
}

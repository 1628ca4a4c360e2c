//! The filters of scenarios as libraries of this machine.

use tamis_harness::native::{Native, NativeError};
use tamis_harness::scenario::{Modules, Scenario};
use tamis_module::lean_name;

use crate::commands::build::cargo;
use crate::failure::Failure;

/// Builds the filters of these scenarios that are packages of the workspace, and loads them. A filter that has no native
/// form is left out.
///
/// # Errors
/// When cargo fails, or a library does not fit to this command.
pub fn modules(scenarios: &[Scenario]) -> Result<Modules, Failure> {
    if !cfg!(target_os = "linux") {
        return Err(
            Failure::user(NativeError::Unsupported).hint("see docs/native.md for the way through a filter's tests")
        );
    }
    let wanted = |module: &str| {
        let names = scenarios.iter().flat_map(|scenario| &scenario.filters).map(|filter| filter.module.value.as_str());
        names.map(lean_name).any(|name| name == module)
    };
    let mut packages = cargo::loadable()?;
    packages.retain(|module, _| wanted(module));
    if packages.is_empty() {
        return Ok(Modules::native([]));
    }
    let arguments = packages.values().map(|package| format!(" -p {}", package.package)).collect::<String>();
    println!("==> cargo build --lib{arguments}");
    let mut filters = Vec::new();
    for library in cargo::build_native(packages.values())? {
        match Native::load(&library.file, &library.name) {
            Ok(filter) => {
                println!("==> {}", library.file.display());
                filters.push(filter);
            }
            // A filter on another SDK, whose host functions are nowhere, or that nobody can enter.
            Err(error @ (NativeError::NoFilter { .. } | NativeError::Load { .. })) => {
                println!("==> {} is left out: {error}", library.name);
            }
            Err(error) => {
                return Err(Failure::user(error).hint("`tamis` and the crate `tamis` have to be of the same release"));
            }
        }
    }
    Ok(Modules::native(filters))
}

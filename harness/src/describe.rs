//! Asks a freshly built module what it is.

use std::sync::Arc;

use tamis_module::Description;
use tamis_module::description::DescriptionError;
use tamis_module::gate::EnvoyVersion;

use crate::abi::Trap;
use crate::context::{Plugin, Process, VmContext};
use crate::stream::{LoadError, LoadedModule};

/// A module that could not be asked, or gave no sensible answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It died.
    #[error(transparent)]
    Trapped(#[from] Trap),
    /// Its answer is no description.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

/// Runs a module's describe export, which `tamis build` then removes. `None` for a module without one: such a module was not
/// written with the SDK.
///
/// # Errors
///
/// [`DescribeError`]; a module of the SDK gives none.
pub fn describe(wasm: &[u8]) -> Result<Option<Description>, DescribeError> {
    let module = LoadedModule::new(wasm)?;
    let process = Arc::new(Process::deterministic(0));
    let mut vm = module.start(VmContext::new(process, &Plugin::default(), (0, 0), EnvoyVersion::NEWEST))?;
    match vm.read_packed(Description::EXPORT)? {
        Some(json) => Ok(Some(Description::from_json(&json)?)),
        None => Ok(None),
    }
}

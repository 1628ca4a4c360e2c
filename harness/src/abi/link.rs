//! What a module may import.

use std::sync::OnceLock;

use wasmtime::Linker;

use super::{VmState, env, wasi};
use crate::engine;

/// The linker of all host functions; made once, used by all VMs of the process.
///
/// # Errors
///
/// When wasmtime does not support this machine.
pub fn linker() -> wasmtime::Result<&'static Linker<VmState>> {
    static LINKER: OnceLock<Linker<VmState>> = OnceLock::new();
    match LINKER.get() {
        Some(linker) => Ok(linker),
        None => {
            let mut linker = Linker::new(engine::engine()?);
            env::link(&mut linker)?;
            wasi::link(&mut linker)?;
            Ok(LINKER.get_or_init(|| linker))
        }
    }
}

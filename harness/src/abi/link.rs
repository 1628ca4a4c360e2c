//! What a module may import.

use std::sync::OnceLock;

use wasmtime::{ExternType, Instance, Linker, Memory, Module, Ref, Result, Store, Table};

use super::{VmState, env, wasi};
use crate::engine;

/// The linker of all host functions; made once, used by all VMs of the process.
///
/// # Errors
///
/// When wasmtime does not support this machine.
pub fn linker() -> Result<&'static Linker<VmState>> {
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

/// An instance with all of the host's functions, and its memory. A memory or table that a module imports the host makes
/// (rule `ABI-3`).
pub(super) fn instantiate(store: &mut Store<VmState>, module: &Module) -> Result<(Instance, Option<Memory>)> {
    let linker = linker()?;
    let made = module.imports().filter(|import| matches!(import.ty(), ExternType::Memory(_) | ExternType::Table(_)));
    let made = made.collect::<Vec<_>>();
    if made.is_empty() {
        let instance = linker.instantiate(&mut *store, module)?;
        return Ok((instance, instance.get_memory(store, "memory")));
    }
    let (mut linker, mut memory) = (linker.clone(), None);
    for import in made {
        match import.ty() {
            ExternType::Memory(ty) => {
                let made = Memory::new(&mut *store, ty)?;
                linker.define(&mut *store, import.module(), import.name(), made)?;
                memory = Some(made);
            }
            ExternType::Table(ty) => {
                let nothing = Ref::null(ty.element().heap_type());
                let table = Table::new(&mut *store, ty, nothing)?;
                linker.define(&mut *store, import.module(), import.name(), table)?;
            }
            _ => {}
        }
    }
    let instance = linker.instantiate(&mut *store, module)?;
    Ok((instance, instance.get_memory(store, "memory").or(memory)))
}

//! What hosts make of the types of imports and exports.
//!
//! Before the host looks at names, V8's interface for embedders translates the type of everything that a module imports
//! or exports, whether the host wants it or not. For a type that the interface has no word for it ends the process: one
//! exported function with a `v128` parameter takes the whole proxy down, with all its listeners (rule ABI-5). Imported
//! memories and tables the host makes itself, one of each, and always of the plain kind (rule ABI-3).

use wasmparser::types::{EntityType, Types, TypesRef};
use wasmparser::{AbstractHeapType, CompositeInnerType, HeapType, MemoryType, RefType, TableType, ValType};

use super::Reason;
use crate::info::Item;
use crate::text::shown;

/// Every reason that lies in the types of imports and exports; a wrong name or signature is not looked at here.
pub(super) fn check(types: &Types) -> Vec<Reason> {
    let types = types.as_ref();
    let mut reasons = Vec::new();
    let (mut memories, mut tables) = (0, 0);
    for (module, name, entity) in types.core_imports().into_iter().flatten() {
        let import = || format!("{}.{}", shown(module), shown(name));
        let wanted = match entity {
            EntityType::Memory(ty) => {
                memories += 1;
                memory_shape(&ty)
            }
            EntityType::Table(ty) => {
                tables += 1;
                table_shape(&ty)
            }
            _ => None,
        };
        reasons.extend(wanted.map(|wanted| Reason::ImportShape { import: import(), wanted }));
        // An imported global or tag is a reason of its own.
        if matches!(entity, EntityType::Func(_) | EntityType::FuncExact(_) | EntityType::Table(_)) {
            let found = foreign(types, entity);
            reasons.extend(found.map(|found| Reason::HostType { name: format!("import {}", import()), found }));
        }
    }
    for (item, count) in [(Item::Memory, memories), (Item::Table, tables)] {
        if count > 1 {
            reasons.push(Reason::SeveralImports { item, count });
        }
    }
    for (name, entity) in types.core_exports().into_iter().flatten() {
        let found = foreign(types, entity);
        reasons.extend(found.map(|found| Reason::HostType { name: format!("export {}", shown(name)), found }));
    }
    reasons
}

fn memory_shape(ty: &MemoryType) -> Option<&'static str> {
    match ty {
        MemoryType { memory64: true, .. } => Some("a 64-bit memory"),
        MemoryType { shared: true, .. } => Some("a shared memory"),
        _ => None,
    }
}

fn table_shape(ty: &TableType) -> Option<&'static str> {
    ty.table64.then_some("a 64-bit table")
}

/// The part of a type that the host has no word for, if there is one.
fn foreign(types: TypesRef<'_>, entity: EntityType) -> Option<&'static str> {
    match entity {
        EntityType::Func(id) | EntityType::FuncExact(id) => {
            let CompositeInnerType::Func(ty) = &types.get(id)?.composite_type.inner else { return None };
            ty.params().iter().chain(ty.results()).find_map(|ty| foreign_value(*ty))
        }
        EntityType::Global(ty) => foreign_value(ty.content_type),
        EntityType::Table(ty) => foreign_reference(ty.element_type),
        EntityType::Tag(_) => Some("an exception tag"),
        EntityType::Memory(_) => None,
    }
}

fn foreign_value(ty: ValType) -> Option<&'static str> {
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => None,
        ValType::V128 => Some("v128"),
        ValType::Ref(ty) => foreign_reference(ty),
    }
}

fn foreign_reference(ty: RefType) -> Option<&'static str> {
    match ty.heap_type() {
        HeapType::Abstract { shared: false, ty: AbstractHeapType::Func | AbstractHeapType::Extern } => None,
        HeapType::Abstract { ty: AbstractHeapType::Exn | AbstractHeapType::NoExn, .. } => Some("exnref"),
        HeapType::Abstract { .. } => Some("a reference that is neither funcref nor externref"),
        HeapType::Concrete(_) | HeapType::Exact(_) => Some("a typed reference"),
    }
}

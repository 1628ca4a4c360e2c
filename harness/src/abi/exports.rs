//! A guest's callbacks, looked up once.

use wasmtime::{AsContextMut, Instance, TypedFunc, WasmParams, WasmResults};

/// The callbacks that a guest has. An absent one is skipped; one with another signature keeps the module from loading
/// (rule `ABI-4`).
pub(super) struct Exports {
    pub context_create: Option<TypedFunc<(u32, u32), ()>>,
    pub vm_start: Option<TypedFunc<(u32, u32), u32>>,
    pub configure: Option<TypedFunc<(u32, u32), u32>>,
    pub headers: Both<(u32, u32, u32)>,
    pub body: Both<(u32, u32, u32)>,
    pub trailers: Both<(u32, u32)>,
    pub done: Option<TypedFunc<u32, u32>>,
    pub log: Option<TypedFunc<u32, ()>>,
    pub delete: Option<TypedFunc<u32, ()>>,
}

/// The callback of the request and that of the response.
type Both<P> = [Option<TypedFunc<P, u32>>; 2];

impl Exports {
    pub fn find(mut store: impl AsContextMut, instance: &Instance) -> wasmtime::Result<Self> {
        Ok(Self {
            context_create: optional(&mut store, instance, "proxy_on_context_create")?,
            vm_start: optional(&mut store, instance, "proxy_on_vm_start")?,
            configure: optional(&mut store, instance, "proxy_on_configure")?,
            headers: [
                optional(&mut store, instance, "proxy_on_request_headers")?,
                optional(&mut store, instance, "proxy_on_response_headers")?,
            ],
            body: [
                optional(&mut store, instance, "proxy_on_request_body")?,
                optional(&mut store, instance, "proxy_on_response_body")?,
            ],
            trailers: [
                optional(&mut store, instance, "proxy_on_request_trailers")?,
                optional(&mut store, instance, "proxy_on_response_trailers")?,
            ],
            done: optional(&mut store, instance, "proxy_on_done")?,
            log: optional(&mut store, instance, "proxy_on_log")?,
            delete: optional(&mut store, instance, "proxy_on_delete")?,
        })
    }
}

/// A function that may be absent.
pub(super) fn optional<P: WasmParams, R: WasmResults>(
    mut store: impl AsContextMut,
    instance: &Instance,
    name: &str,
) -> wasmtime::Result<Option<TypedFunc<P, R>>> {
    match instance.get_func(&mut store, name) {
        None => Ok(None),
        Some(function) => match function.typed(&store) {
            Ok(function) => Ok(Some(function)),
            Err(error) => Err(wasmtime::format_err!("Bad function signature for: {name} ({error})")),
        },
    }
}

//! The least that runs a filter: an instance, the host functions that the benchmark's modules use, two header maps.

use tamis_harness::context::{HeaderMap, encode_pairs};
use tamis_harness::engine::{FUEL_PER_CALLBACK, engine};
use wasmtime::{Caller, Instance, Linker, Memory, Module, Result, Store, TypedFunc, WasmParams, WasmResults};

use super::{Side, Subject};

pub struct Bare {
    store: Store<Host>,
    exports: Exports,
    next: u32,
}

#[derive(Default)]
struct Host {
    configuration: Vec<u8>,
    request: HeaderMap,
    response: HeaderMap,
    memory: Option<Memory>,
    allocate: Option<TypedFunc<u32, u32>>,
}

struct Exports {
    create: Option<TypedFunc<(u32, u32), ()>>,
    request_headers: Option<TypedFunc<(u32, u32, u32), u32>>,
    response_headers: Option<TypedFunc<(u32, u32, u32), u32>>,
    log: Option<TypedFunc<u32, ()>>,
    done: Option<TypedFunc<u32, u32>>,
    delete: Option<TypedFunc<u32, ()>>,
}

type Guest<'a> = Caller<'a, Host>;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
/// The plugin's context.
const ROOT: u32 = 1;

impl Bare {
    pub fn start(subject: &Subject) -> Self {
        Self::try_start(subject).unwrap()
    }

    fn try_start(subject: &Subject) -> Result<Self> {
        let module = Module::new(engine()?, subject.module.bytes())?;
        let mut linker = Linker::new(engine()?);
        link(&mut linker)?;
        linker.define_unknown_imports_as_traps(&module)?;
        let mut store = Store::new(engine()?, Host { configuration: subject.configuration.clone(), ..Host::default() });
        store.set_fuel(FUEL_PER_CALLBACK)?;
        let instance = linker.instantiate(&mut store, &module)?;
        let memory = instance.get_memory(&mut store, "memory");
        let allocate = match find(&mut store, &instance, "malloc") {
            Some(malloc) => Some(malloc),
            None => find(&mut store, &instance, "proxy_on_memory_allocate"),
        };
        let host = store.data_mut();
        (host.memory, host.allocate) = (memory, allocate);
        let exports = Exports {
            create: find(&mut store, &instance, "proxy_on_context_create"),
            request_headers: find(&mut store, &instance, "proxy_on_request_headers"),
            response_headers: find(&mut store, &instance, "proxy_on_response_headers"),
            log: find(&mut store, &instance, "proxy_on_log"),
            done: find(&mut store, &instance, "proxy_on_done"),
            delete: find(&mut store, &instance, "proxy_on_delete"),
        };
        if let Some(start) = find::<(), ()>(&mut store, &instance, "_initialize") {
            start.call(&mut store, ())?;
        }
        let size = u32::try_from(subject.configuration.len())?;
        call(&mut store, exports.create.as_ref(), (ROOT, 0));
        let start = find::<(u32, u32), u32>(&mut store, &instance, "proxy_on_vm_start");
        call(&mut store, start.as_ref(), (ROOT, 0));
        let configure = find::<(u32, u32), u32>(&mut store, &instance, "proxy_on_configure");
        assert_ne!(call(&mut store, configure.as_ref(), (ROOT, size)), Some(0), "it refuses its configuration");
        Ok(Self { store, exports, next: ROOT + 1 })
    }
}

impl Side for Bare {
    fn request(&mut self, request: HeaderMap, response: HeaderMap) {
        let (store, exports, id) = (&mut self.store, &self.exports, self.next);
        self.next = self.next.checked_add(1).unwrap_or(ROOT + 1);
        let count = |map: &HeaderMap| u32::try_from(map.len()).unwrap();
        let counts = (count(&request), count(&response));
        let host = store.data_mut();
        (host.request, host.response) = (request, response);
        call(store, exports.create.as_ref(), (id, ROOT));
        assert_eq!(call(store, exports.request_headers.as_ref(), (id, counts.0, 1)).unwrap_or_default(), 0);
        assert_eq!(call(store, exports.response_headers.as_ref(), (id, counts.1, 1)).unwrap_or_default(), 0);
        call(store, exports.log.as_ref(), id);
        call(store, exports.done.as_ref(), id);
        call(store, exports.delete.as_ref(), id);
        let host = store.data_mut();
        std::hint::black_box((std::mem::take(&mut host.request), std::mem::take(&mut host.response)));
    }
}

/// As the harness does, every callback gets its own fuel.
fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store<Host>,
    function: Option<&TypedFunc<P, R>>,
    arguments: P,
) -> Option<R> {
    let function = function?;
    store.set_fuel(FUEL_PER_CALLBACK).unwrap();
    let result = function.call(&mut *store, arguments).unwrap();
    std::hint::black_box(store.get_fuel().unwrap());
    Some(result)
}

fn find<P: WasmParams, R: WasmResults>(
    store: &mut Store<Host>,
    instance: &Instance,
    name: &str,
) -> Option<TypedFunc<P, R>> {
    Some(instance.get_func(&mut *store, name)?.typed(&*store).unwrap())
}

fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |_: Guest<'_>, _: u32, _: u32, _: u32| OK)?;
    linker.func_wrap("env", "proxy_get_property", |_: Guest<'_>, _: u32, _: u32, _: u32, _: u32| NOT_FOUND)?;
    linker.func_wrap("env", "proxy_set_property", |_: Guest<'_>, _: u32, _: u32, _: u32, _: u32| OK)?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut c: Guest<'_>, _: u32, _: u32, _: u32, at: u32, size: u32| -> Result<u32> {
            let configuration = c.data().configuration.clone();
            give(&mut c, &configuration, at, size)
        },
    )?;
    linker.func_wrap("env", "proxy_get_header_map_pairs", |mut c: Guest<'_>, map: u32, at: u32, size: u32| {
        let wire = encode_pairs(if map == 0 { &c.data().request } else { &c.data().response });
        give(&mut c, &wire, at, size)
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut c: Guest<'_>, map: u32, name: u32, name_size: u32, at: u32, size: u32| -> Result<u32> {
            let memory = c.data().memory.unwrap();
            let (bytes, host) = memory.data_and_store_mut(&mut c);
            let value = host.map(map).get(range(bytes, name, name_size)).map(<[u8]>::to_vec);
            value.map_or(Ok(NOT_FOUND), |value| give(&mut c, &value, at, size))
        },
    )?;
    type Edit = fn(&mut HeaderMap, &[u8], &[u8]);
    let edits: [(&str, Edit); 2] =
        [("proxy_add_header_map_value", HeaderMap::add), ("proxy_replace_header_map_value", HeaderMap::set)];
    for (function, edit) in edits {
        linker.func_wrap(
            "env",
            function,
            move |mut c: Guest<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
                let memory = c.data().memory.unwrap();
                let (bytes, host) = memory.data_and_store_mut(&mut c);
                edit(host.map(map), range(bytes, name, name_size), range(bytes, value, value_size));
                OK
            },
        )?;
    }
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut c: Guest<'_>, map: u32, name: u32, name_size: u32| {
            let memory = c.data().memory.unwrap();
            let (bytes, host) = memory.data_and_store_mut(&mut c);
            host.map(map).remove(range(bytes, name, name_size));
            OK
        },
    )?;
    Ok(())
}

impl Host {
    fn map(&mut self, map: u32) -> &mut HeaderMap {
        if map == 0 { &mut self.request } else { &mut self.response }
    }
}

fn range(memory: &[u8], at: u32, size: u32) -> &[u8] {
    let at = usize::try_from(at).unwrap();
    &memory[at..at + usize::try_from(size).unwrap()]
}

fn give(c: &mut Guest<'_>, bytes: &[u8], at: u32, size: u32) -> Result<u32> {
    let length = u32::try_from(bytes.len())?;
    let allocate = c.data().allocate.clone().unwrap();
    let place = if bytes.is_empty() { 0 } else { allocate.call(&mut *c, length)? };
    let memory = c.data().memory.unwrap();
    memory.write(&mut *c, usize::try_from(place)?, bytes)?;
    memory.write(&mut *c, usize::try_from(at)?, &place.to_le_bytes())?;
    memory.write(&mut *c, usize::try_from(size)?, &length.to_le_bytes())?;
    Ok(OK)
}

//! One VM: a module's instance with its store.

use std::fmt;
use std::sync::Arc;

use tamis_module::gate::EnvoyVersion;
use wasmtime::{Instance, Module, Store};

use super::exports::{Exports, Headers, optional};
use super::limits::Refused;
use super::{Faults, Restriction, VmState, link};
use crate::context::{Action, Incoming, VmContext};
use crate::cost::Cost;
use crate::engine::{self, FUEL_PER_CALLBACK};
use crate::native::{self, Native};
use crate::stream::Baton;
use crate::symbols::Symbols;

/// What a proxy may run before any plugin is there, in order.
const START_FUNCTIONS: [&str; 3] = ["_initialize", "main", "_start"];

/// A module's instance. After a trap nothing in it is called any more (rule `FAIL-1`).
pub struct Vm {
    store: Store<VmState>,
    /// The module's; a native filter has none.
    instance: Option<Instance>,
    exports: Exports,
    symbols: Option<Arc<Symbols>>,
    failed: bool,
}

/// A call of the host into a guest, with the arguments besides the context's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the ABI's callbacks and arguments")]
pub enum Callback {
    ContextCreate { parent: u32 },
    VmStart { size: u32 },
    Configure { size: u32 },
    RequestHeaders { count: u32, end_of_stream: bool },
    RequestBody { size: u32, end_of_stream: bool },
    RequestTrailers { count: u32 },
    ResponseHeaders { count: u32, end_of_stream: bool },
    ResponseBody { size: u32, end_of_stream: bool },
    ResponseTrailers { count: u32 },
    NewConnection,
    DownstreamData { size: u32, end_of_stream: bool },
    UpstreamData { size: u32, end_of_stream: bool },
    DownstreamClose { peer: u32 },
    UpstreamClose { peer: u32 },
    HttpCallResponse { token: u32, headers: u32, body: u32, trailers: u32 },
    GrpcInitialMetadata { token: u32, count: u32 },
    GrpcMessage { token: u32, size: u32 },
    GrpcTrailingMetadata { token: u32, count: u32 },
    GrpcClose { token: u32, status: u32 },
    Tick,
    QueueReady { token: u32 },
    Done,
    Log,
    Delete,
}

/// What a call gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The callback's result; nothing when the guest does not have it.
    pub word: Option<u32>,
    /// What is to be done now (rule `LIFE-12`).
    pub actions: Vec<Action>,
    /// An answer was asked for, to whichever stream: the called one stops, whatever the callback returned (rule `LR-1`).
    pub stops: bool,
}

/// A guest that died, or would not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{function} failed: {message}")]
pub struct Trap {
    /// The callback.
    pub function: &'static str,
    /// wasmtime's account: the trap and the guest's stack.
    pub message: String,
}

impl Vm {
    /// Loads and initialises: what a proxy does before any plugin is there.
    ///
    /// # Errors
    ///
    /// When an import is missing, a signature is wrong, or a start function traps.
    pub fn start(module: &Module, symbols: Option<Arc<Symbols>>, context: VmContext) -> Result<Self, Trap> {
        let mut store = Store::new(module.engine(), VmState::new(context));
        let failed = |function| {
            let symbols = symbols.as_deref();
            move |error| trap(function, &error, None, symbols)
        };
        let (instance, exports) = Self::instantiate(&mut store, module).map_err(failed("start"))?;
        for function in START_FUNCTIONS {
            Self::run_at_start(&mut store, &instance, function).map_err(failed(function))?;
        }
        let state = store.data_mut();
        state.restriction = Restriction::None;
        state.cost = Cost::default();
        Ok(Self { store, instance: Some(instance), exports, symbols, failed: false })
    }

    /// The same for a filter that was compiled for this machine.
    ///
    /// # Errors
    ///
    /// When an import is missing or a signature is wrong.
    pub fn start_native(native: &Native, context: VmContext) -> Result<Self, Trap> {
        Self::try_start_native(native, context).map_err(|error| trap("start", &error, None, None))
    }

    /// Calls the guest; a callback that it does not have is not called and costs nothing.
    ///
    /// # Errors
    ///
    /// When it traps, now or earlier.
    pub fn call(&mut self, context: u32, callback: Callback) -> Result<Returned, Trap> {
        self.call_with(context, callback, Incoming::Nothing)
    }

    /// Calls the guest with what came back for a request of its own.
    ///
    /// # Errors
    ///
    /// When it traps, now or earlier.
    pub fn call_with(&mut self, context: u32, callback: Callback, incoming: Incoming) -> Result<Returned, Trap> {
        if self.failed {
            return Err(Trap { function: callback.name(), message: "the VM has failed earlier".to_owned() });
        }
        let state = self.store.data_mut();
        if !self.exports.has(callback) || !state.context.allows(callback.name()) {
            return Ok(Returned { word: None, actions: Vec::new(), stops: false });
        }
        // The configuration can be read while the plugin is created and configured (rule CFG-2).
        let configuring = matches!(callback, Callback::Configure { .. } | Callback::ContextCreate { parent: 0 });
        state.context.begin(context, configuring, incoming);
        state.begin();
        let result =
            self.store.set_fuel(FUEL_PER_CALLBACK).and_then(|()| self.dispatch(context, callback)).map_err(|error| {
                trap(callback.name(), &error, self.store.data().limits.refused, self.symbols.as_deref())
            });
        let left = self.store.get_fuel().unwrap_or(FUEL_PER_CALLBACK);
        let state = self.store.data_mut();
        state.restriction = Restriction::None;
        if let Err(trap) = &result {
            self.failed = true;
            // The level is one that exists.
            let _ = state.context.log(5, format!("Function: {trap}").as_bytes());
        }
        // What a guest asked for before it died is not done: the failed stream's answer goes first (rule FAIL-10).
        let actions = state.context.end();
        if !matches!(result, Ok(None)) {
            state.cost.vm_entries += 1;
            state.cost.fuel += FUEL_PER_CALLBACK - left;
        }
        let stops = actions.iter().any(|action| matches!(action, Action::Reply(..)));
        result.map(|word| Returned { word, actions, stops })
    }

    /// Calls an export without arguments that returns the place of bytes in the guest's memory, pointer in the high and
    /// size in the low half; `None` when there is no such export.
    ///
    /// # Errors
    ///
    /// When it traps, or points outside of the memory.
    pub fn read_packed(&mut self, export: &'static str) -> Result<Option<Vec<u8>>, Trap> {
        self.try_read_packed(export).map_err(|error| trap(export, &error, None, self.symbols.as_deref()))
    }

    /// Lets every host call wait for a baton, or no longer.
    pub(crate) fn set_baton(&mut self, baton: Option<(Arc<Baton>, usize)>) {
        self.store.data_mut().baton = baton;
    }

    /// Lets things go wrong in the guest from now on, or no longer.
    pub fn set_faults(&mut self, faults: Faults) {
        self.store.data_mut().set_faults(faults);
    }

    /// Whether the guest has trapped.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// What Envoy knows of this VM.
    pub fn context(&mut self) -> &mut VmContext {
        &mut self.store.data_mut().context
    }

    /// What the VM has cost so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.store.data().cost
    }

    /// The guest's memory, in bytes; a native filter has none of its own.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        if self.instance.is_none() {
            return 0;
        }
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    fn instantiate(store: &mut Store<VmState>, module: &Module) -> wasmtime::Result<(Instance, Exports)> {
        store.limiter(|state| &mut state.limits);
        store.set_fuel(FUEL_PER_CALLBACK)?;
        store.data_mut().begin();
        store.data_mut().restriction = Restriction::Starting;
        let (instance, memory) = link::instantiate(store, module)?;
        store.data_mut().memory = memory;
        let exports = Exports::find(&mut *store, &instance)?;
        if matches!(exports.headers, [Headers::WithoutEnd(_), _]) {
            store.data_mut().context.set_old_abi();
        }
        let malloc = optional(&mut *store, &instance, "malloc")?;
        let allocate = match malloc {
            Some(malloc) => Some(malloc),
            None => optional(&mut *store, &instance, "proxy_on_memory_allocate")?,
        };
        store.data_mut().allocate = allocate;
        Ok((instance, exports))
    }

    /// Of the start functions those that a proxy runs: `main` only after `_initialize`, `_start` only without it.
    fn run_at_start(store: &mut Store<VmState>, instance: &Instance, function: &str) -> wasmtime::Result<()> {
        let initializes = instance.get_func(&mut *store, "_initialize").is_some();
        match function {
            "main" if initializes => match optional::<(u32, u32), u32>(&mut *store, instance, function)? {
                Some(main) => main.call(store, (0, 0)).map(drop),
                // Called where there is no `main`, since 1.39 (rule ABI-4).
                None if store.data().context.envoy() >= EnvoyVersion::minor(39) => {
                    match optional::<(), u32>(&mut *store, instance, "__main_void")? {
                        Some(main) => main.call(store, ()).map(drop),
                        None => Ok(()),
                    }
                }
                None => Ok(()),
            },
            "_initialize" | "_start" if initializes == (function == "_initialize") => {
                match optional::<(), ()>(&mut *store, instance, function)? {
                    Some(start) => start.call(store, ()),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn try_start_native(native: &Native, context: VmContext) -> wasmtime::Result<Self> {
        let mut store = Store::new(engine::engine()?, VmState::new(context));
        store.limiter(|state| &mut state.limits);
        store.set_fuel(FUEL_PER_CALLBACK)?;
        let functions = native::link(&mut store, native)?;
        let exports = Exports::find(&mut store, &functions.exports)?;
        let state = store.data_mut();
        (state.memory, state.allocate) = (Some(functions.memory), Some(functions.allocate));
        Ok(Self { store, instance: None, exports, symbols: None, failed: false })
    }

    fn try_read_packed(&mut self, export: &str) -> wasmtime::Result<Option<Vec<u8>>> {
        let Some(instance) = self.instance else { return Ok(None) };
        let Some(function) = optional::<(), i64>(&mut self.store, &instance, export)? else { return Ok(None) };
        self.store.set_fuel(FUEL_PER_CALLBACK)?;
        let packed = function.call(&mut self.store, ())?.cast_unsigned();
        let outside = || wasmtime::format_err!("it points outside of the memory");
        let (at, size) = (usize::try_from(packed >> 32)?, usize::try_from(packed & 0xffff_ffff)?);
        let memory = self.store.data().memory.ok_or_else(outside)?;
        let bytes = memory.data(&self.store).get(at..at.saturating_add(size)).ok_or_else(outside)?;
        Ok(Some(bytes.to_vec()))
    }

    fn dispatch(&mut self, id: u32, callback: Callback) -> wasmtime::Result<Option<u32>> {
        /// Calls an optional function; the macro lets each keep its own type.
        macro_rules! call {
            ($function:expr, $arguments:expr) => {
                match &$function {
                    Some(function) => Some(function.call(&mut self.store, $arguments)?),
                    None => None,
                }
            };
        }
        let [request_headers, response_headers] = &self.exports.headers;
        let [request_body, response_body] = &self.exports.body;
        let [request_trailers, response_trailers] = &self.exports.trailers;
        let [downstream_data, upstream_data] = &self.exports.data;
        let [downstream_close, upstream_close] = &self.exports.closes;
        let nothing = |()| 0;
        Ok(match callback {
            Callback::ContextCreate { parent } => call!(self.exports.context_create, (id, parent)).map(nothing),
            Callback::VmStart { size } => call!(self.exports.vm_start, (id, size)),
            Callback::Configure { size } => call!(self.exports.configure, (id, size)),
            Callback::RequestHeaders { count, end_of_stream } => match request_headers {
                Headers::WithEnd(f) => call!(f, (id, count, u32::from(end_of_stream))),
                Headers::WithoutEnd(f) => call!(f, (id, count)),
            },
            Callback::RequestBody { size, end_of_stream } => call!(request_body, (id, size, u32::from(end_of_stream))),
            Callback::RequestTrailers { count } => call!(request_trailers, (id, count)),
            Callback::ResponseHeaders { count, end_of_stream } => match response_headers {
                Headers::WithEnd(f) => call!(f, (id, count, u32::from(end_of_stream))),
                Headers::WithoutEnd(f) => call!(f, (id, count)),
            },
            Callback::ResponseBody { size, end_of_stream } => {
                call!(response_body, (id, size, u32::from(end_of_stream)))
            }
            Callback::ResponseTrailers { count } => call!(response_trailers, (id, count)),
            Callback::NewConnection => call!(self.exports.new_connection, id),
            Callback::DownstreamData { size, end_of_stream } => {
                call!(downstream_data, (id, size, u32::from(end_of_stream)))
            }
            Callback::UpstreamData { size, end_of_stream } => {
                call!(upstream_data, (id, size, u32::from(end_of_stream)))
            }
            Callback::DownstreamClose { peer } => call!(downstream_close, (id, peer)).map(nothing),
            Callback::UpstreamClose { peer } => call!(upstream_close, (id, peer)).map(nothing),
            Callback::HttpCallResponse { token, headers, body, trailers } => {
                call!(self.exports.http_call_response, (id, token, headers, body, trailers)).map(nothing)
            }
            Callback::GrpcInitialMetadata { token, count } => {
                call!(self.exports.grpc_initial_metadata, (id, token, count)).map(nothing)
            }
            Callback::GrpcMessage { token, size } => call!(self.exports.grpc_message, (id, token, size)).map(nothing),
            Callback::GrpcTrailingMetadata { token, count } => {
                call!(self.exports.grpc_trailing_metadata, (id, token, count)).map(nothing)
            }
            Callback::GrpcClose { token, status } => call!(self.exports.grpc_close, (id, token, status)).map(nothing),
            Callback::Tick => call!(self.exports.tick, id).map(nothing),
            Callback::QueueReady { token } => call!(self.exports.queue_ready, (id, token)).map(nothing),
            Callback::Done => call!(self.exports.done, id),
            Callback::Log => call!(self.exports.log, id).map(nothing),
            Callback::Delete => call!(self.exports.delete, id).map(nothing),
        })
    }
}

impl Callback {
    /// The export's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ContextCreate { .. } => "proxy_on_context_create",
            Self::VmStart { .. } => "proxy_on_vm_start",
            Self::Configure { .. } => "proxy_on_configure",
            Self::RequestHeaders { .. } => "proxy_on_request_headers",
            Self::RequestBody { .. } => "proxy_on_request_body",
            Self::RequestTrailers { .. } => "proxy_on_request_trailers",
            Self::ResponseHeaders { .. } => "proxy_on_response_headers",
            Self::ResponseBody { .. } => "proxy_on_response_body",
            Self::ResponseTrailers { .. } => "proxy_on_response_trailers",
            Self::NewConnection => "proxy_on_new_connection",
            Self::DownstreamData { .. } => "proxy_on_downstream_data",
            Self::UpstreamData { .. } => "proxy_on_upstream_data",
            Self::DownstreamClose { .. } => "proxy_on_downstream_connection_close",
            Self::UpstreamClose { .. } => "proxy_on_upstream_connection_close",
            Self::HttpCallResponse { .. } => "proxy_on_http_call_response",
            Self::GrpcInitialMetadata { .. } => "proxy_on_grpc_receive_initial_metadata",
            Self::GrpcMessage { .. } => "proxy_on_grpc_receive",
            Self::GrpcTrailingMetadata { .. } => "proxy_on_grpc_receive_trailing_metadata",
            Self::GrpcClose { .. } => "proxy_on_grpc_close",
            Self::Tick => "proxy_on_tick",
            Self::QueueReady { .. } => "proxy_on_queue_ready",
            Self::Done => "proxy_on_done",
            Self::Log => "proxy_on_log",
            Self::Delete => "proxy_on_delete",
        }
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm").field("failed", &self.failed).field("cost", &self.cost()).finish_non_exhaustive()
    }
}

fn trap(function: &'static str, error: &wasmtime::Error, refused: Option<Refused>, symbols: Option<&Symbols>) -> Trap {
    let message = match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => {
            format!(
                "it ran for more than {FUEL_PER_CALLBACK} units of fuel, so the harness stopped it: an endless loop?"
            )
        }
        _ => format!("{error:?}"),
    };
    let message = match symbols {
        Some(symbols) => symbols.readable(message),
        None => message,
    };
    let message = match refused {
        Some(refused) => format!("{refused}; {message}"),
        None => message,
    };
    Trap { function, message }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::context::{Plugin, Process};

    #[test]
    fn a_guest_that_keeps_its_host_busy_is_stopped_by_the_clock() {
        let text = r#"(module
            (import "env" "proxy_get_log_level" (func $level (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_on_tick") (param i32)
                (loop $more (drop (call $level (i32.const 0))) (br $more))))"#;
        let module = Module::new(engine::engine().unwrap(), wat::parse_str(text).unwrap()).unwrap();
        let context =
            VmContext::new(Arc::new(Process::deterministic(0)), &Plugin::default(), (0, 0), EnvoyVersion::NEWEST);
        let mut vm = Vm::start(&module, None, context).unwrap();
        vm.store.data_mut().callback.time = Duration::ZERO;
        let trap = vm.call(1, Callback::Tick).unwrap_err().to_string();
        assert!(trap.contains("proxy_on_tick failed: ") && trap.contains("kept its host busy"), "{trap}");
    }
}

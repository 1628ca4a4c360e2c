//! A guest's callbacks, looked up once.

use super::Callback;
use wasmtime::{AsContextMut, Func, Instance, TypedFunc, WasmParams, WasmResults};

/// The callbacks that a guest has. An absent one is skipped; one with another signature keeps the module from loading
/// (rule `ABI-4`).
pub(super) struct Exports {
    pub context_create: Option<TypedFunc<(u32, u32), ()>>,
    pub vm_start: Option<TypedFunc<(u32, u32), u32>>,
    pub configure: Option<TypedFunc<(u32, u32), u32>>,
    pub headers: [Headers; 2],
    pub body: Both<(u32, u32, u32)>,
    pub trailers: Both<(u32, u32)>,
    pub new_connection: Option<TypedFunc<u32, u32>>,
    /// Downstream and upstream data.
    pub data: Both<(u32, u32, u32)>,
    /// Downstream and upstream closes.
    pub closes: [Option<TypedFunc<(u32, u32), ()>>; 2],
    pub http_call_response: Option<TypedFunc<HttpCallResponse, ()>>,
    pub grpc_initial_metadata: Option<TypedFunc<(u32, u32, u32), ()>>,
    pub grpc_message: Option<TypedFunc<(u32, u32, u32), ()>>,
    pub grpc_trailing_metadata: Option<TypedFunc<(u32, u32, u32), ()>>,
    pub grpc_close: Option<TypedFunc<(u32, u32, u32), ()>>,
    pub tick: Option<TypedFunc<u32, ()>>,
    pub queue_ready: Option<TypedFunc<(u32, u32), ()>>,
    pub done: Option<TypedFunc<u32, u32>>,
    pub log: Option<TypedFunc<u32, ()>>,
    pub delete: Option<TypedFunc<u32, ()>>,
}

/// Where callbacks are found by their names.
pub(super) trait Functions {
    fn function(&self, store: impl AsContextMut, name: &str) -> Option<Func>;
}

impl Functions for Instance {
    fn function(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_func(store, name)
    }
}

/// A native filter's.
impl Functions for Vec<(String, Func)> {
    fn function(&self, _: impl AsContextMut, name: &str) -> Option<Func> {
        self.iter().find(|(own, _)| own == name).map(|(_, function)| *function)
    }
}

/// Root context, token, number of headers, size of the body, number of trailers.
type HttpCallResponse = (u32, u32, u32, u32, u32);

/// The callback of the request and that of the response.
type Both<P> = [Option<TypedFunc<P, u32>>; 2];

/// A headers callback: ABI 0.1.0 does not say whether the message ends.
pub(super) enum Headers {
    WithEnd(Option<TypedFunc<(u32, u32, u32), u32>>),
    WithoutEnd(Option<TypedFunc<(u32, u32), u32>>),
}

impl Headers {
    fn find(mut store: impl AsContextMut, instance: &impl Functions, name: &str) -> wasmtime::Result<Self> {
        if instance.function(&mut store, "proxy_abi_version_0_1_0").is_some() {
            return Ok(Self::WithoutEnd(optional(store, instance, name)?));
        }
        Ok(Self::WithEnd(optional(store, instance, name)?))
    }
}

impl Exports {
    /// Whether the guest has a callback.
    pub fn has(&self, callback: Callback) -> bool {
        let has_headers = |headers: &Headers| match headers {
            Headers::WithEnd(function) => function.is_some(),
            Headers::WithoutEnd(function) => function.is_some(),
        };
        let [request_headers, response_headers] = &self.headers;
        let [request_body, response_body] = &self.body;
        let [request_trailers, response_trailers] = &self.trailers;
        let [downstream_data, upstream_data] = &self.data;
        let [downstream_close, upstream_close] = &self.closes;
        match callback {
            Callback::ContextCreate { .. } => self.context_create.is_some(),
            Callback::VmStart { .. } => self.vm_start.is_some(),
            Callback::Configure { .. } => self.configure.is_some(),
            Callback::RequestHeaders { .. } => has_headers(request_headers),
            Callback::RequestBody { .. } => request_body.is_some(),
            Callback::RequestTrailers { .. } => request_trailers.is_some(),
            Callback::ResponseHeaders { .. } => has_headers(response_headers),
            Callback::ResponseBody { .. } => response_body.is_some(),
            Callback::ResponseTrailers { .. } => response_trailers.is_some(),
            Callback::NewConnection => self.new_connection.is_some(),
            Callback::DownstreamData { .. } => downstream_data.is_some(),
            Callback::UpstreamData { .. } => upstream_data.is_some(),
            Callback::DownstreamClose { .. } => downstream_close.is_some(),
            Callback::UpstreamClose { .. } => upstream_close.is_some(),
            Callback::HttpCallResponse { .. } => self.http_call_response.is_some(),
            Callback::GrpcInitialMetadata { .. } => self.grpc_initial_metadata.is_some(),
            Callback::GrpcMessage { .. } => self.grpc_message.is_some(),
            Callback::GrpcTrailingMetadata { .. } => self.grpc_trailing_metadata.is_some(),
            Callback::GrpcClose { .. } => self.grpc_close.is_some(),
            Callback::Tick => self.tick.is_some(),
            Callback::QueueReady { .. } => self.queue_ready.is_some(),
            Callback::Done => self.done.is_some(),
            Callback::Log => self.log.is_some(),
            Callback::Delete => self.delete.is_some(),
        }
    }

    pub fn find(mut store: impl AsContextMut, instance: &impl Functions) -> wasmtime::Result<Self> {
        Ok(Self {
            context_create: optional(&mut store, instance, "proxy_on_context_create")?,
            vm_start: optional(&mut store, instance, "proxy_on_vm_start")?,
            configure: optional(&mut store, instance, "proxy_on_configure")?,
            headers: [
                Headers::find(&mut store, instance, "proxy_on_request_headers")?,
                Headers::find(&mut store, instance, "proxy_on_response_headers")?,
            ],
            body: [
                optional(&mut store, instance, "proxy_on_request_body")?,
                optional(&mut store, instance, "proxy_on_response_body")?,
            ],
            trailers: [
                optional(&mut store, instance, "proxy_on_request_trailers")?,
                optional(&mut store, instance, "proxy_on_response_trailers")?,
            ],
            new_connection: optional(&mut store, instance, "proxy_on_new_connection")?,
            data: [
                optional(&mut store, instance, "proxy_on_downstream_data")?,
                optional(&mut store, instance, "proxy_on_upstream_data")?,
            ],
            closes: [
                optional(&mut store, instance, "proxy_on_downstream_connection_close")?,
                optional(&mut store, instance, "proxy_on_upstream_connection_close")?,
            ],
            http_call_response: optional(&mut store, instance, "proxy_on_http_call_response")?,
            grpc_initial_metadata: optional(&mut store, instance, "proxy_on_grpc_receive_initial_metadata")?,
            grpc_message: optional(&mut store, instance, "proxy_on_grpc_receive")?,
            grpc_trailing_metadata: optional(&mut store, instance, "proxy_on_grpc_receive_trailing_metadata")?,
            grpc_close: optional(&mut store, instance, "proxy_on_grpc_close")?,
            tick: optional(&mut store, instance, "proxy_on_tick")?,
            queue_ready: optional(&mut store, instance, "proxy_on_queue_ready")?,
            done: optional(&mut store, instance, "proxy_on_done")?,
            log: optional(&mut store, instance, "proxy_on_log")?,
            delete: optional(&mut store, instance, "proxy_on_delete")?,
        })
    }
}

/// A function that may be absent.
pub(super) fn optional<P: WasmParams, R: WasmResults>(
    mut store: impl AsContextMut,
    instance: &impl Functions,
    name: &str,
) -> wasmtime::Result<Option<TypedFunc<P, R>>> {
    match instance.function(&mut store, name) {
        None => Ok(None),
        Some(function) => match function.typed(&store) {
            Ok(function) => Ok(Some(function)),
            Err(error) => Err(wasmtime::format_err!("Bad function signature for: {name} ({error})")),
        },
    }
}

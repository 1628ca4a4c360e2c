//! The exports that a filter needs.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Type;

use crate::kind::Kind;
use crate::native;
use Parameter::{Unused, Word};

/// What the attribute has found.
pub(crate) struct Found<'a> {
    pub filter: &'a Type,
    pub kind: Kind,
    /// The methods of the block.
    pub methods: &'a [String],
    /// The filter remembers something of each stream.
    pub keeps: bool,
    /// It can hold headers.
    pub held_headers: bool,
    /// It makes requests of its own.
    pub callouts: bool,
}

impl Found<'_> {
    fn has(&self, method: &str) -> bool {
        self.methods.iter().any(|name| name == method)
    }

    /// The names of the exports, each with the method of the runtime and its parameters.
    fn exports(&self) -> impl Iterator<Item = &'static Export> {
        EXPORTS.iter().filter(|export| export.kind.is_none_or(|kind| kind == self.kind)).filter(|export| {
            match export.needed_by {
                NeededBy::State => self.keeps,
                NeededBy::Callouts => self.callouts,
                NeededBy::Tick => self.callouts || self.has("tick"),
                NeededBy::Methods(methods) => methods.iter().any(|method| self.has(method)),
            }
        })
    }
}

/// The filter as the runtime sees it, and on wasm32 the exports by which a proxy enters it.
pub(crate) fn exports(found: &Found) -> TokenStream {
    let Found { filter, keeps, held_headers, kind, callouts, .. } = found;
    let used =
        kind.phases().iter().filter(|(method, _)| found.has(method)).map(|(_, phase)| *phase).collect::<Vec<_>>();
    let later = used.iter().any(|phase| *phase != kind.first_phase());
    let (request_body, response_body) = (found.has("request_body"), found.has("response_body"));
    let (of, name) = (kind.of(), kind.name());
    let callouts_mark = callouts.then(|| quote!(impl ::tamis::runtime::Callouts for #filter {}));
    let callbacks = found.exports().map(Export::function);
    let functions = quote! {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
            RUNTIME.with(|runtime| runtime.context_create(id, parent));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_configure(root: u32, size: u32) -> u32 {
            RUNTIME.with(|runtime| runtime.configure(root, size))
        }

        #(#callbacks)*
    };
    let native = native::native(filter, &functions);
    let describe = describe(filter, std::env::var_os("TAMIS_DESCRIBE").is_some());
    quote! {
        impl ::tamis::runtime::Plugin for #filter {
            type Config = <#filter as #of>::Config;
            type State = <#filter as #of>::Stream;

            const ABOUT: ::tamis::runtime::About = ::tamis::runtime::About {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                summary: env!("CARGO_PKG_DESCRIPTION"),
                phases: &[#(#used),*],
                held_headers: #held_headers,
            };
            const KEEPS: bool = #keeps;
            const LATER: bool = #later;
            const KIND: ::tamis::runtime::Kind = ::tamis::runtime::Kind::#name;
            const HTTP: ::tamis::runtime::HttpBodies =
                ::tamis::runtime::HttpBodies { request_body: #request_body, response_body: #response_body };
            const CALLOUTS: bool = #callouts;

            fn make(
                config: <#filter as #of>::Config,
                plugin: &::tamis::PluginContext,
            ) -> ::std::result::Result<Self, ::tamis::ConfigError> {
                <#filter as #of>::new(config, plugin)
            }

            fn started(&self, plugin: &::tamis::PluginContext) {
                <#filter as #of>::started(self, plugin);
            }

            fn tick(&self, plugin: &::tamis::PluginContext) {
                <#filter as #of>::tick(self, plugin);
            }

            fn queue_ready(&self, plugin: &::tamis::PluginContext, queue: &::tamis::queue::Queue) {
                <#filter as #of>::queue_ready(self, plugin, queue);
            }

            fn shutdown(&self, plugin: &::tamis::PluginContext) -> ::tamis::Shutdown {
                <#filter as #of>::shutdown(self, plugin)
            }

            fn max_callouts(&self) -> usize {
                <#filter as #of>::max_callouts(self)
            }
        }

        #callouts_mark

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static RUNTIME: ::tamis::runtime::Runtime<#filter> = const { ::tamis::runtime::Runtime::new() };
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_abi_version_0_2_1() {}

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
                ::tamis::sys::allocate(size)
            }

            #describe

            #functions
        };

        #native
    }
}

/// The export that says what the module is, with the generator of its schema: only in a build that is made to be asked
/// (`tamis build` makes two). What is linked into a module leaves its data there, even when its code is taken out again.
fn describe(filter: &Type, asked: bool) -> Option<TokenStream> {
    asked.then(|| {
        quote! {
            #[unsafe(no_mangle)]
            extern "C" fn tamis_describe() -> i64 {
                ::tamis::sys::leak_for_host(::tamis::runtime::describe::<#filter>())
            }
        }
    })
}

/// An export that a filter may have.
struct Export {
    name: &'static str,
    /// The kind of filter that it belongs to; nothing for every kind.
    kind: Option<Kind>,
    /// What of a filter needs it.
    needed_by: NeededBy,
    /// The runtime's method.
    runtime: &'static str,
    /// Its parameters besides the context's id: whether each is handed on.
    parameters: &'static [Parameter],
    returns: bool,
}

/// What of a filter needs an export.
#[derive(Clone, Copy)]
enum NeededBy {
    /// That it remembers something of each stream.
    State,
    /// That it makes requests of its own.
    Callouts,
    /// Its phase `tick`, or that it can sleep.
    Tick,
    /// Any of these methods.
    Methods(&'static [&'static str]),
}

/// A parameter of an export besides the context's id.
#[derive(Clone, Copy)]
enum Parameter {
    Unused,
    Word,
}

impl Export {
    const fn new(
        name: &'static str,
        kind: Option<Kind>,
        needed_by: NeededBy,
        runtime: &'static str,
        parameters: &'static [Parameter],
        returns: bool,
    ) -> Self {
        Self { name, kind, needed_by, runtime, parameters, returns }
    }

    fn function(&self) -> TokenStream {
        let ident = |name: &str| Ident::new(name, proc_macro2::Span::call_site());
        let (name, runtime) = (ident(self.name), ident(self.runtime));
        let (mut taken, mut given) = (Vec::new(), Vec::new());
        for (i, parameter) in self.parameters.iter().enumerate() {
            match parameter {
                Unused => {
                    let name = ident(&format!("_unused{i}"));
                    taken.push(quote!(#name: u32));
                }
                Word => {
                    let name = ident(&format!("word{i}"));
                    taken.push(quote!(#name: u32));
                    given.push(quote!(#name));
                }
            }
        }
        let result = self.returns.then(|| quote!(-> u32));
        let end = (!self.returns).then(|| quote!(;));
        quote! {
            #[unsafe(no_mangle)]
            extern "C" fn #name(id: u32 #(, #taken)*) #result {
                RUNTIME.with(|runtime| runtime.#runtime(id #(, #given)*))#end
            }
        }
    }
}

const HTTP: Option<Kind> = Some(Kind::Http);
const TCP: Option<Kind> = Some(Kind::Tcp);

/// In the order in which a module has them.
const EXPORTS: &[Export] = &[
    // A filter with bodies remembers where each stands, so its block has a body's method or state of its own.
    Export::new("proxy_on_delete", None, NeededBy::State, "delete", &[], false),
    Export::new(
        "proxy_on_request_headers",
        HTTP,
        NeededBy::Methods(&["request_headers"]),
        "request_headers",
        &[Unused, Word],
        true,
    ),
    Export::new(
        "proxy_on_request_body",
        HTTP,
        NeededBy::Methods(&["request_body"]),
        "request_body",
        &[Word, Word],
        true,
    ),
    // At the trailers a body is complete too.
    Export::new(
        "proxy_on_request_trailers",
        HTTP,
        NeededBy::Methods(&["request_body", "request_trailers"]),
        "request_trailers",
        &[Unused],
        true,
    ),
    Export::new(
        "proxy_on_response_headers",
        HTTP,
        NeededBy::Methods(&["response_headers"]),
        "response_headers",
        &[Unused, Word],
        true,
    ),
    Export::new(
        "proxy_on_response_body",
        HTTP,
        NeededBy::Methods(&["response_body"]),
        "response_body",
        &[Word, Word],
        true,
    ),
    Export::new(
        "proxy_on_response_trailers",
        HTTP,
        NeededBy::Methods(&["response_body", "response_trailers"]),
        "response_trailers",
        &[Unused],
        true,
    ),
    Export::new("proxy_on_log", HTTP, NeededBy::Methods(&["log"]), "log", &[], false),
    Export::new("proxy_on_new_connection", TCP, NeededBy::Methods(&["connection"]), "new_connection", &[], true),
    Export::new(
        "proxy_on_downstream_data",
        TCP,
        NeededBy::Methods(&["downstream_data"]),
        "downstream_data",
        &[Word, Word],
        true,
    ),
    Export::new(
        "proxy_on_upstream_data",
        TCP,
        NeededBy::Methods(&["upstream_data"]),
        "upstream_data",
        &[Word, Word],
        true,
    ),
    Export::new(
        "proxy_on_downstream_connection_close",
        TCP,
        NeededBy::Methods(&["downstream_close"]),
        "downstream_close",
        &[Word],
        false,
    ),
    Export::new(
        "proxy_on_upstream_connection_close",
        TCP,
        NeededBy::Methods(&["upstream_close"]),
        "upstream_close",
        &[Word],
        false,
    ),
    Export::new("proxy_on_log", TCP, NeededBy::Methods(&["log"]), "tcp_log", &[], false),
    Export::new(
        "proxy_on_http_call_response",
        None,
        NeededBy::Callouts,
        "http_call_response",
        &[Word, Word, Word, Word],
        false,
    ),
    Export::new(
        "proxy_on_grpc_receive_initial_metadata",
        None,
        NeededBy::Callouts,
        "grpc_initial_metadata",
        &[Word, Word],
        false,
    ),
    Export::new("proxy_on_grpc_receive", None, NeededBy::Callouts, "grpc_message", &[Word, Word], false),
    Export::new(
        "proxy_on_grpc_receive_trailing_metadata",
        None,
        NeededBy::Callouts,
        "grpc_trailing_metadata",
        &[Word, Word],
        false,
    ),
    Export::new("proxy_on_grpc_close", None, NeededBy::Callouts, "grpc_close", &[Word, Word], false),
    Export::new("proxy_on_tick", None, NeededBy::Tick, "tick", &[], false),
    Export::new("proxy_on_queue_ready", None, NeededBy::Methods(&["queue_ready"]), "queue_ready", &[Word], false),
    Export::new("proxy_on_done", None, NeededBy::Methods(&["shutdown"]), "done", &[], true),
];

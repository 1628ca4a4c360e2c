//! The exports that a filter needs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use crate::native;

/// The exports for `filter`, which implements `phases`; with `keeps`, it is told when a stream ends.
pub(crate) fn exports(filter: &Type, phases: &[String], keeps: bool) -> TokenStream {
    let implemented = PHASES.iter().filter(|phase| phases.iter().any(|name| name == phase.name)).collect::<Vec<_>>();
    let names = implemented.iter().map(|phase| phase.name);
    let later = implemented.iter().any(|phase| phase.name != "request_headers");
    let callbacks = implemented.iter().map(|phase| (phase.export)());
    let delete = keeps.then(|| {
        quote! {
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_delete(id: u32) {
                RUNTIME.with(|runtime| runtime.delete(id));
            }
        }
    });
    let functions = quote! {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
            RUNTIME.with(|runtime| runtime.context_create(id, parent));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_configure(root: u32, size: u32) -> u32 {
            RUNTIME.with(|runtime| runtime.configure(root, size))
        }

        #delete
        #(#callbacks)*
    };
    let about = quote! {
        const ABOUT: ::tamis::runtime::About = ::tamis::runtime::About {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            summary: env!("CARGO_PKG_DESCRIPTION"),
            phases: &[#(#names),*],
        };
    };
    let runtime = quote!(::tamis::runtime::Runtime::new(ABOUT, #keeps, #later));
    let native = native::native(filter, &functions, &about, &runtime);
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #about
            ::std::thread_local! {
                static RUNTIME: ::tamis::runtime::Runtime<#filter> =
                    const { #runtime };
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_abi_version_0_2_1() {}

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
                ::tamis::sys::allocate(size)
            }

            /// Runs once, when the module is built; the post-link step drops it.
            #[unsafe(no_mangle)]
            extern "C" fn tamis_describe() -> i64 {
                ::tamis::sys::leak_for_host(
                    ::tamis::runtime::describe::<<#filter as ::tamis::Filter>::Config>(&ABOUT),
                )
            }

            #functions
        };

        #native
    }
}

struct Phase {
    name: &'static str,
    export: fn() -> TokenStream,
}

const PHASES: &[Phase] = &[
    Phase {
        name: "request_headers",
        export: || {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn proxy_on_request_headers(id: u32, _count: u32, end_of_stream: u32) -> u32 {
                    RUNTIME.with(|runtime| runtime.request_headers(id, end_of_stream))
                }
            }
        },
    },
    Phase {
        name: "response_headers",
        export: || {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn proxy_on_response_headers(id: u32, _count: u32, end_of_stream: u32) -> u32 {
                    RUNTIME.with(|runtime| runtime.response_headers(id, end_of_stream))
                }
            }
        },
    },
    Phase {
        name: "log",
        export: || {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn proxy_on_log(id: u32) {
                    RUNTIME.with(|runtime| runtime.log(id));
                }
            }
        },
    },
];

//! The filter's native side: the same callbacks, as ordinary functions in a table.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Item, ItemFn, ReturnType, Type};

/// The impl of `tamis::native::Native`, made of the `functions` that a module exports. They call `RUNTIME`.
pub(crate) fn native(filter: &Type, functions: &TokenStream) -> TokenStream {
    let functions = match syn::parse2::<syn::File>(functions.clone()) {
        Ok(file) => file.items.into_iter().filter_map(ordinary).collect::<Vec<_>>(),
        Err(error) => return error.into_compile_error(),
    };
    let symbol = symbol(filter);
    let names = functions.iter().map(|function| function.sig.ident.to_string());
    let calls = functions.iter().map(call);
    let idents = functions.iter().map(|function| &function.sig.ident);
    quote! {
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            static RUNTIME: ::tamis::native::Current<::tamis::runtime::Runtime<#filter>> =
                ::tamis::native::Current::new();

            impl ::tamis::native::Native for #filter {
                const NAME: &'static str = <#filter as ::tamis::runtime::Plugin>::ABOUT.name;
                const EXPORTS: &'static [::tamis::native::Export] = &[
                    #(::tamis::native::Export { name: #names, call: ::tamis::native::Call::#calls(#idents) }),*
                ];

                fn instance() -> ::std::rc::Rc<dyn ::std::any::Any> {
                    let runtime: ::tamis::runtime::Runtime<#filter> = ::tamis::runtime::Runtime::new();
                    ::std::rc::Rc::new(runtime)
                }
            }

            #symbol

            #(#functions)*
        };
    }
}

/// What `tamis test --engine native` looks for in a package's library. Its name has the crate's in it, so any number of
/// filters can be linked into one program. Tests and examples can hold several filters in one crate, so only what becomes a
/// library of its own has it; that is nowhere said but in the compiler's arguments.
fn symbol(filter: &Type) -> Option<TokenStream> {
    let name = std::env::var("CARGO_CRATE_NAME").ok()?;
    std::env::args().find(|argument| argument.strip_prefix("--crate-type=").unwrap_or(argument) == "cdylib")?;
    let name = format_ident!("tamis_native_{name}");
    Some(quote! {
        #[allow(non_upper_case_globals, reason = "the crate's name is part of it")]
        #[unsafe(no_mangle)]
        pub static #name: ::tamis::native::Entry = ::tamis::native::of::<#filter>;
    })
}

/// The function without what makes an export of it.
fn ordinary(item: Item) -> Option<ItemFn> {
    let Item::Fn(mut function) = item else { return None };
    function.attrs.retain(|attribute| !attribute.path().is_ident("unsafe"));
    function.sig.abi = None;
    Some(function)
}

/// The variant of `tamis::native::Call` for a function.
fn call(function: &ItemFn) -> Ident {
    let result = if matches!(function.sig.output, ReturnType::Default) { "" } else { "R" };
    format_ident!("P{}{result}", function.sig.inputs.len())
}

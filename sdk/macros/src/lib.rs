//! The attribute `#[tamis::filter]`, and the derives `Configuration` and `ReadConfig`.
//!
//! The attribute reads an `impl Filter for …` block, keeps it as it is (but for a missing `type Stream`), and adds the exports of the
//! phases that the block implements, on wasm32 only; elsewhere the filter can be entered natively instead. Use both through
//! the crate `tamis`, which documents them.

#![deny(missing_docs)]

mod exports;
mod kind;
mod native;
mod read_config;

use exports::Found;
use kind::Kind;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Ident, ImplItem, ItemImpl, Token, Type, parse_quote};

/// See `tamis::filter`.
#[proc_macro_attribute]
pub fn filter(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let block = syn::parse_macro_input!(item as ItemImpl);
    expand(&arguments.into(), block).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// See `tamis::config::ReadConfig`.
#[proc_macro_derive(ReadConfig, attributes(serde, schemars))]
pub fn read_config(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(item as syn::DeriveInput);
    read_config::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// See `tamis::Configuration`.
#[proc_macro_derive(Configuration, attributes(serde, schemars))]
pub fn configuration(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(item as syn::DeriveInput);
    read_config::expand_whole(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(arguments: &TokenStream, mut block: ItemImpl) -> syn::Result<TokenStream> {
    let kind = kind(&block)?;
    let methods = methods(&block);
    let arguments = Arguments::read(arguments)?;
    let held_headers = held_headers(&arguments, &block, &methods)?;
    for (body, headers) in [("request_body", "request_headers"), ("response_body", "response_headers")] {
        if let (Some(body), false) = (method(&block, body), methods.iter().any(|name| name == headers)) {
            return Err(syn::Error::new_spanned(
                &body.sig.ident,
                format!("`{}` needs `{headers}`, which says how it wants the body", body.sig.ident),
            ));
        }
    }
    // Where a body stands must be remembered until its stream is gone; what waits must then be dropped.
    let keeps = keeps_state(&block)
        || arguments.callouts
        || methods.iter().any(|name| name == "request_body" || name == "response_body");
    if associated(&block, "Config").is_none() {
        block.items.push(parse_quote!(
            type Config = ::tamis::NoConfig;
        ));
    }
    if associated(&block, "Stream").is_none() {
        block.items.push(parse_quote!(
            type Stream = ();
        ));
    }
    let callouts = arguments.callouts;
    let exports =
        exports::exports(&Found { filter: &block.self_ty, kind, methods: &methods, keeps, held_headers, callouts });
    Ok(quote::quote!(#block #exports))
}

fn kind(block: &ItemImpl) -> syn::Result<Kind> {
    let error = |at: &dyn ToTokens, message: &str| Err(syn::Error::new_spanned(at.to_token_stream(), message));
    let place = "`#[tamis::filter]` goes on an `impl Filter for …` or `impl TcpFilter for …` block";
    let Some((_, path, _)) = &block.trait_ else { return error(&block.self_ty, place) };
    let kind = path.segments.last().and_then(|segment| Kind::of_trait(&segment.ident.to_string()));
    let Some(kind) = kind else { return error(path, place) };
    if block.generics.params.is_empty() {
        Ok(kind)
    } else {
        error(&block.generics, "a module holds one filter, so its type cannot be generic")
    }
}

/// What stands in the attribute's parentheses.
#[derive(Debug, Default)]
struct Arguments {
    callouts: bool,
    held_headers: bool,
}

impl Arguments {
    fn read(arguments: &TokenStream) -> syn::Result<Self> {
        let mut read = Self::default();
        let list = Punctuated::<Ident, Token![,]>::parse_terminated;
        let unknown = "`#[tamis::filter]` takes no arguments but `callouts` and `held_headers`";
        let names = list.parse2(arguments.clone()).map_err(|_| syn::Error::new_spanned(arguments, unknown))?;
        for name in names {
            match name.to_string().as_str() {
                "callouts" => read.callouts = true,
                "held_headers" => read.held_headers = true,
                _ => return Err(syn::Error::new_spanned(name, unknown)),
            }
        }
        Ok(read)
    }
}

/// Whether the attribute says `held_headers`; it and the method of this name go together.
fn held_headers(arguments: &Arguments, block: &ItemImpl, methods: &[String]) -> syn::Result<bool> {
    let said = arguments.held_headers;
    let method = methods.iter().any(|name| name == "held_headers");
    if said == method {
        return Ok(said);
    }
    let message = if said {
        "`held_headers` needs the method `held_headers`, which returns the field of the configuration"
    } else {
        "the method `held_headers` needs `#[tamis::filter(held_headers)]`, so that the module says it"
    };
    Err(syn::Error::new_spanned(&block.self_ty, message))
}

/// Whether the filter remembers something per stream: anything but `()`.
fn keeps_state(block: &ItemImpl) -> bool {
    associated(block, "Stream").is_some_and(|ty| !matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()))
}

fn associated<'b>(block: &'b ItemImpl, name: &str) -> Option<&'b Type> {
    block.items.iter().find_map(|item| match item {
        ImplItem::Type(item) if item.ident == name => Some(&item.ty),
        _ => None,
    })
}

fn methods(block: &ItemImpl) -> Vec<String> {
    let functions = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
        _ => None,
    });
    functions.collect()
}

fn method<'b>(block: &'b ItemImpl, name: &str) -> Option<&'b syn::ImplItemFn> {
    block.items.iter().find_map(|item| match item {
        ImplItem::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exported functions of an expansion, in order.
    fn exported(block: ItemImpl) -> Vec<String> {
        exported_with(&TokenStream::new(), block)
    }

    fn exported_with(arguments: &TokenStream, block: ItemImpl) -> Vec<String> {
        let text = expand(arguments, block).unwrap().to_string();
        let names = text.split("extern \"C\" fn ").skip(1);
        names.map(|rest| rest.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    }

    const ALWAYS: [&str; 4] =
        ["proxy_abi_version_0_2_1", "proxy_on_memory_allocate", "proxy_on_context_create", "proxy_on_configure"];

    #[test]
    fn only_implemented_phases_are_exported() {
        let block = parse_quote! { impl Filter for F { type Config = C; fn new() {} fn response_headers() {} } };
        assert_eq!(exported(block), [ALWAYS.as_slice(), &["proxy_on_response_headers"]].concat());
    }

    #[test]
    fn a_filter_with_state_is_told_when_a_stream_ends() {
        let block =
            parse_quote! { impl tamis::Filter for F { type Stream = Vec<u8>; fn request_headers() {} fn log() {} } };
        let own = ["proxy_on_delete", "proxy_on_request_headers", "proxy_on_log"];
        assert_eq!(exported(block), [ALWAYS.as_slice(), &own].concat());
    }

    #[test]
    fn a_body_comes_with_its_trailers_and_its_end() {
        let block = parse_quote! { impl Filter for F { fn request_headers() {} fn request_body() {} fn tick() {} } };
        let own = [
            "proxy_on_delete",
            "proxy_on_request_headers",
            "proxy_on_request_body",
            "proxy_on_request_trailers",
            "proxy_on_tick",
        ];
        assert_eq!(exported(block), [ALWAYS.as_slice(), &own].concat());
    }

    #[test]
    fn a_filter_with_callouts_gets_the_answers_and_the_ends_of_streams() {
        let block = parse_quote! { impl Filter for F { fn request_headers() {} } };
        let own = [
            "proxy_on_delete",
            "proxy_on_request_headers",
            "proxy_on_http_call_response",
            "proxy_on_grpc_receive_initial_metadata",
            "proxy_on_grpc_receive",
            "proxy_on_grpc_receive_trailing_metadata",
            "proxy_on_grpc_close",
            "proxy_on_tick",
        ];
        assert_eq!(exported_with(&parse_quote!(callouts), block), [ALWAYS.as_slice(), &own].concat());
    }

    #[test]
    fn tcp_has_phases_of_its_own() {
        let block = parse_quote! {
            impl TcpFilter for F { fn connection() {} fn upstream_data() {} fn downstream_close() {} fn log() {} }
        };
        let own = [
            "proxy_on_new_connection",
            "proxy_on_upstream_data",
            "proxy_on_downstream_connection_close",
            "proxy_on_log",
        ];
        assert_eq!(exported(block), [ALWAYS.as_slice(), &own].concat());
    }

    #[test]
    fn no_state_may_be_said_or_left_out() {
        let said = parse_quote! { impl Filter for F { type Stream = (); } };
        assert_eq!(exported(said), ALWAYS);
        let left_out = expand(&TokenStream::new(), parse_quote! { impl Filter for F {} }).unwrap().to_string();
        assert!(left_out.contains("type Stream = () ;"), "{left_out}");
    }

    #[test]
    fn natively_the_same_callbacks_stand_in_a_table() {
        let block = parse_quote! { impl Filter for F { type Stream = u8; fn request_headers() {} } };
        let text = expand(&TokenStream::new(), block).unwrap().to_string();
        let (_, table) = text.split_once("const EXPORTS").unwrap();
        let names = table.split("name : \"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect::<Vec<_>>();
        let expected = ["proxy_on_context_create", "proxy_on_configure", "proxy_on_delete", "proxy_on_request_headers"];
        assert_eq!(names, expected);
        assert!(table.contains("Call :: P3R (proxy_on_request_headers)"), "{table}");
    }

    #[test]
    fn misuse_is_told() {
        let error = |arguments: TokenStream, block: ItemImpl| expand(&arguments, block).unwrap_err().to_string();
        let place = "`#[tamis::filter]` goes on an `impl Filter for …` or `impl TcpFilter for …` block";
        assert_eq!(error(TokenStream::new(), parse_quote! { impl Other for F {} }), place);
        assert_eq!(error(TokenStream::new(), parse_quote! { impl F {} }), place);
        assert_eq!(
            error(parse_quote!(held), parse_quote! { impl Filter for F {} }),
            "`#[tamis::filter]` takes no arguments but `callouts` and `held_headers`"
        );
        assert_eq!(
            error(TokenStream::new(), parse_quote! { impl Filter for F { fn response_body() {} } }),
            "`response_body` needs `response_headers`, which says how it wants the body"
        );
        assert_eq!(
            error(parse_quote!(held_headers), parse_quote! { impl Filter for F {} }),
            "`held_headers` needs the method `held_headers`, which returns the field of the configuration"
        );
        assert_eq!(
            error(TokenStream::new(), parse_quote! { impl Filter for F { fn held_headers() {} } }),
            "the method `held_headers` needs `#[tamis::filter(held_headers)]`, so that the module says it"
        );
        assert_eq!(
            error(TokenStream::new(), parse_quote! { impl<T> Filter for F<T> {} }),
            "a module holds one filter, so its type cannot be generic"
        );
    }
}

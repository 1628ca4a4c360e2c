//! The attribute `#[tamis::filter]`.
//!
//! It reads an `impl Filter for …` block, keeps it as it is (but for a missing `type Stream`), and adds the exports of the
//! phases that the block implements, on wasm32 only; elsewhere the filter can be entered natively instead. Use it through the crate `tamis`, which documents it.

mod exports;
mod native;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{ImplItem, ItemImpl, Type, parse_quote};

/// See `tamis::filter`.
#[proc_macro_attribute]
pub fn filter(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let block = syn::parse_macro_input!(item as ItemImpl);
    expand(&arguments.into(), block).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(arguments: &TokenStream, mut block: ItemImpl) -> syn::Result<TokenStream> {
    check(arguments, &block)?;
    let keeps = keeps_state(&block);
    if stream_type(&block).is_none() {
        block.items.push(parse_quote!(
            type Stream = ();
        ));
    }
    let phases = block
        .items
        .iter()
        .filter_map(|item| match item {
            ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
            _ => None,
        })
        .collect::<Vec<_>>();
    let exports = exports::exports(&block.self_ty, &phases, keeps);
    Ok(quote::quote!(#block #exports))
}

fn check(arguments: &TokenStream, block: &ItemImpl) -> syn::Result<()> {
    let error = |at: &dyn ToTokens, message: &str| Err(syn::Error::new_spanned(at.to_token_stream(), message));
    if !arguments.is_empty() {
        return error(arguments, "`#[tamis::filter]` takes no arguments");
    }
    let is_filter = |path: &syn::Path| path.segments.last().is_some_and(|segment| segment.ident == "Filter");
    match &block.trait_ {
        Some((_, path, _)) if is_filter(path) => {}
        Some((_, path, _)) => return error(path, "`#[tamis::filter]` goes on an `impl Filter for …` block"),
        None => return error(&block.self_ty, "`#[tamis::filter]` goes on an `impl Filter for …` block"),
    }
    if block.generics.params.is_empty() {
        Ok(())
    } else {
        error(&block.generics, "a module holds one filter, so its type cannot be generic")
    }
}

/// Whether the filter remembers something per stream: anything but `()`.
fn keeps_state(block: &ItemImpl) -> bool {
    stream_type(block).is_some_and(|ty| !matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()))
}

fn stream_type(block: &ItemImpl) -> Option<&Type> {
    block.items.iter().find_map(|item| match item {
        ImplItem::Type(item) if item.ident == "Stream" => Some(&item.ty),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exported functions of an expansion, in order.
    fn exported(block: ItemImpl) -> Vec<String> {
        let text = expand(&TokenStream::new(), block).unwrap().to_string();
        let names = text.split("extern \"C\" fn ").skip(1);
        names.map(|rest| rest.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    }

    const ALWAYS: [&str; 5] = [
        "proxy_abi_version_0_2_1",
        "proxy_on_memory_allocate",
        "tamis_describe",
        "proxy_on_context_create",
        "proxy_on_configure",
    ];

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
        let place = "`#[tamis::filter]` goes on an `impl Filter for …` block";
        assert_eq!(error(TokenStream::new(), parse_quote! { impl Other for F {} }), place);
        assert_eq!(error(TokenStream::new(), parse_quote! { impl F {} }), place);
        assert_eq!(
            error(parse_quote!(held), parse_quote! { impl Filter for F {} }),
            "`#[tamis::filter]` takes no arguments"
        );
        assert_eq!(
            error(TokenStream::new(), parse_quote! { impl<T> Filter for F<T> {} }),
            "a module holds one filter, so its type cannot be generic"
        );
    }
}

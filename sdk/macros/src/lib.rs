//! The attribute `#[tamis::filter]`.
//!
//! It reads an `impl Filter for …` block, keeps it as it is (but for a missing `type Stream`), and adds the exports of the
//! phases that the block implements, on wasm32 only. Use it through the crate `tamis`, which documents it.

mod exports;

use proc_macro::TokenStream;
use syn::{ImplItem, ItemImpl, parse_macro_input, parse_quote};

/// See `tamis::filter`.
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut block = parse_macro_input!(item as ItemImpl);
    if !arguments.is_empty() {
        return error(&block, "`#[tamis::filter]` takes no arguments");
    }
    if !block.generics.params.is_empty() {
        return error(&block.generics, "a module holds one filter, so its type cannot be generic");
    }
    if !block.trait_.as_ref().is_some_and(|(_, path, _)| path.segments.last().is_some_and(|s| s.ident == "Filter")) {
        return error(&block, "`#[tamis::filter]` goes on an `impl Filter for …` block");
    }
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
    quote::quote!(#block #exports).into()
}

/// Whether the filter remembers something per stream: anything but `()`.
fn keeps_state(block: &ItemImpl) -> bool {
    stream_type(block).is_some_and(|ty| !matches!(ty, syn::Type::Tuple(tuple) if tuple.elems.is_empty()))
}

fn stream_type(block: &ItemImpl) -> Option<&syn::Type> {
    block.items.iter().find_map(|item| match item {
        ImplItem::Type(item) if item.ident == "Stream" => Some(&item.ty),
        _ => None,
    })
}

fn error(at: &impl quote::ToTokens, message: &str) -> TokenStream {
    syn::Error::new_spanned(at, message).into_compile_error().into()
}

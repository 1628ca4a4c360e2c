//! The derive of `tamis::config::ReadConfig`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, FieldsNamed, Ident, LitStr, Path, Token};

/// Reading, and `Deserialize` by way of it.
pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let (name, reads) = (&input.ident, reads(input)?);
    Ok(quote! {
        #reads

        impl<'de> ::tamis::config::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::tamis::config::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                ::tamis::config::by_node(deserializer)
            }
        }
    })
}

/// Reading, and `Configuration` by way of it; without `Deserialize`, by which every type is a configuration.
pub(crate) fn expand_whole(input: &DeriveInput) -> syn::Result<TokenStream> {
    let (name, reads) = (&input.ident, reads(input)?);
    Ok(quote! {
        #reads

        impl ::tamis::Configuration for #name {
            fn read(json: &[u8]) -> ::core::result::Result<Self, ::tamis::ConfigError> {
                ::tamis::config::read(json)
            }

            fn schema() -> ::tamis::config::Schema {
                ::tamis::config::schema::<Self>()
            }
        }
    })
}

fn reads(input: &DeriveInput) -> syn::Result<TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(syn::Error::new_spanned(parameter, "`ReadConfig` is not derived for generic types"));
    }
    let container = Attributes::read(&input.attrs, Place::Type)?;
    let body = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => record(fields, &container)?,
            other => return Err(syn::Error::new_spanned(other, "`ReadConfig` needs fields with names")),
        },
        Data::Enum(data) => choice(data, &container)?,
        Data::Union(data) => return Err(syn::Error::new_spanned(data.union_token, "`ReadConfig` knows no unions")),
    };
    let name = &input.ident;
    Ok(quote! {
        impl ::tamis::config::ReadConfig for #name {
            #body
        }
    })
}

/// Reads an object with these fields: first those that must be there, then the others, each in its place.
fn record(fields: &FieldsNamed, container: &Attributes) -> syn::Result<TokenStream> {
    let (mut names, mut begins, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    let mut required = false;
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        let attributes = Attributes::read(&field.attrs, Place::Part)?;
        let name = attributes.name(container, ident);
        let begin = match &attributes.default {
            Some(default) => Some(default.value()),
            None if is_option(&field.ty) => Some(quote!(::core::option::Option::None)),
            None => None,
        };
        if container.default.is_none() {
            required |= begin.is_none();
            begins.push(match &begin {
                Some(begin) => quote!(#ident: #begin),
                None => quote!(#ident: node.required(#name)?),
            });
        }
        if container.default.is_some() || begin.is_some() {
            reads.push(quote!(node.optional(#name, &mut read.#ident)?;));
        }
        names.push(name);
    }
    let check = quote!(node.record(&[#(#names),*])?;);
    let begin = match &container.default {
        Some(default) => default.value(),
        None => quote!(Self { #(#begins),* }),
    };
    let (node, result) = (quote!(node: &::tamis::config::Node), quote!(::core::result::Result));
    if required {
        return Ok(quote! {
            #[cold]
            #[inline(never)]
            fn read_config(#node) -> #result<Self, ::tamis::config::Fault> {
                #check
                let mut read: Self = #begin;
                #(#reads)*
                #result::Ok(read)
            }
        });
    }
    Ok(quote! {
        #[cold]
        #[inline(never)]
        fn read_config(#node) -> #result<Self, ::tamis::config::Fault> {
            let mut read: Self = #begin;
            read.read_into(node).map(|()| read)
        }

        #[cold]
        #[inline(never)]
        fn read_into(&mut self, #node) -> #result<(), ::tamis::config::Fault> {
            let read = self;
            #check
            #(#reads)*
            #result::Ok(())
        }
    })
}

/// Reads a word, or an object with one field that is called as a variant.
fn choice(data: &DataEnum, container: &Attributes) -> syn::Result<TokenStream> {
    let (mut names, mut arms) = (Vec::new(), Vec::new());
    let words = data.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit));
    for (place, variant) in data.variants.iter().enumerate() {
        let ident = &variant.ident;
        names.push(Attributes::read(&variant.attrs, Place::Part)?.name(container, ident));
        // The last one stands for all that is left: a place is always one of the list.
        let pattern = if place + 1 == data.variants.len() { quote!(_) } else { quote!(#place) };
        arms.push(match &variant.fields {
            Fields::Unit if words => quote!(#pattern => Self::#ident),
            Fields::Unit => quote!(#pattern => variant.alone().map(|_| Self::#ident)?),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                quote!(#pattern => Self::#ident(variant.content()?))
            }
            other => {
                let message = "`ReadConfig` needs variants without fields, or with one that has no name";
                return Err(syn::Error::new_spanned(other, message));
            }
        });
    }
    let place = if words { quote!(node.word(&[#(#names),*])?) } else { quote!(variant.place) };
    let variant = (!words).then(|| quote!(let variant = node.variant(&[#(#names),*])?;));
    Ok(quote! {
        #[cold]
        #[inline(never)]
        fn read_config(
            node: &::tamis::config::Node,
        ) -> ::core::result::Result<Self, ::tamis::config::Fault> {
            #variant
            ::core::result::Result::Ok(match #place { #(#arms),* })
        }
    })
}

/// Whether a type is an `Option`, which may be left out without an attribute, as with serde.
fn is_option(ty: &syn::Type) -> bool {
    matches!(ty, syn::Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Option"))
}

/// What stands for something that was left out.
enum Default {
    Type,
    Function(Path),
}

impl Default {
    fn value(&self) -> TokenStream {
        match self {
            Self::Type => quote!(::core::default::Default::default()),
            Self::Function(function) => quote!(#function()),
        }
    }
}

/// Where attributes stand.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Type,
    Part,
}

/// What attributes of serde and schemars say about reading.
#[derive(std::default::Default)]
struct Attributes {
    default: Option<Default>,
    rename: Option<String>,
    rename_all: Option<Case>,
}

#[derive(Clone, Copy)]
enum Case {
    Snake,
    Kebab,
    Lower,
}

impl Attributes {
    fn read(attributes: &[Attribute], place: Place) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes {
            let serde = attribute.path().is_ident("serde");
            if serde || attribute.path().is_ident("schemars") {
                attribute.parse_nested_meta(|meta| read.one(&meta, place, serde))?;
            }
        }
        Ok(read)
    }

    fn one(&mut self, meta: &ParseNestedMeta<'_>, place: Place, serde: bool) -> syn::Result<()> {
        let name = meta.path.to_token_stream().to_string();
        match name.as_str() {
            "default" if meta.input.peek(Token![=]) => {
                self.default = Some(Default::Function(meta.value()?.parse::<LitStr>()?.parse()?));
            }
            "default" => self.default = Some(Default::Type),
            "deny_unknown_fields" => {}
            "rename_all" => {
                let case = meta.value()?.parse::<LitStr>()?;
                self.rename_all = Some(match case.value().as_str() {
                    "snake_case" => Case::Snake,
                    "kebab-case" => Case::Kebab,
                    "lowercase" => Case::Lower,
                    _ => return Err(meta.error("`ReadConfig` knows `snake_case`, `kebab-case` and `lowercase`")),
                });
            }
            // On a type it is the schema's name only.
            "rename" => {
                let name = meta.value()?.parse::<LitStr>()?.value();
                if place == Place::Part {
                    self.rename = Some(name);
                }
            }
            _ if serde => return Err(meta.error("`ReadConfig` does not know this attribute of serde's")),
            // What is of the schema only.
            _ if meta.input.peek(Token![=]) => drop(meta.value()?.parse::<syn::Expr>()?),
            _ if meta.input.peek(syn::token::Paren) => {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn name(&self, container: &Self, ident: &Ident) -> String {
        if let Some(name) = &self.rename {
            return name.clone();
        }
        let ident = ident.to_string();
        let ident = ident.strip_prefix("r#").unwrap_or(&ident);
        match container.rename_all {
            None => ident.to_owned(),
            Some(Case::Snake) => words(ident, '_'),
            Some(Case::Kebab) => words(ident, '-'),
            Some(Case::Lower) => ident.to_lowercase(),
        }
    }
}

/// `GatewayApi` with an underscore, or a hyphen, between its words.
fn words(ident: &str, between: char) -> String {
    let mut name = String::new();
    for (i, letter) in ident.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            name.push(between);
        }
        name.extend(letter.to_lowercase().map(|letter| if letter == '_' { between } else { letter }));
    }
    name
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn error(input: &DeriveInput) -> String {
        expand(input).unwrap_err().to_string()
    }

    #[test]
    fn names_are_those_of_serde() {
        for (ident, snake, kebab) in
            [("GatewayApi", "gateway_api", "gateway-api"), ("UsSsn", "us_ssn", "us-ssn"), ("per", "per", "per")]
        {
            assert_eq!((words(ident, '_').as_str(), words(ident, '-').as_str()), (snake, kebab));
        }
        let text = expand(&parse_quote! {
            #[serde(rename_all = "snake_case")]
            enum Of { FirstOne, #[serde(rename = "x")] Other }
        });
        assert!(text.unwrap().to_string().contains(r#"["first_one" , "x"]"#));
    }

    #[test]
    fn what_it_does_not_know_is_told() {
        assert_eq!(
            error(&parse_quote!(
                struct A(u8);
            )),
            "`ReadConfig` needs fields with names"
        );
        assert_eq!(
            error(&parse_quote!(
                struct A<T> {
                    a: T,
                }
            )),
            "`ReadConfig` is not derived for generic types"
        );
        assert_eq!(
            error(&parse_quote!(
                struct A {
                    #[serde(flatten)]
                    a: u8,
                }
            )),
            "`ReadConfig` does not know this attribute of serde's"
        );
        assert_eq!(
            error(&parse_quote!(
                #[serde(rename_all = "UPPERCASE")]
                enum A {
                    B,
                }
            )),
            "`ReadConfig` knows `snake_case`, `kebab-case` and `lowercase`"
        );
        assert_eq!(
            error(&parse_quote!(
                enum A {
                    B(u8, u8),
                }
            )),
            "`ReadConfig` needs variants without fields, or with one that has no name"
        );
    }
}

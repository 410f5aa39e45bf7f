//! A derive macro: the names of a struct's fields.

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

/// Gives the type a constant `FIELDS`.
#[proc_macro_derive(Fields)]
pub fn fields(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let name = &input.ident;
    let syn::Data::Struct(body) = &input.data else {
        return quote!(compile_error!("only a struct has fields");).into();
    };
    let fields: Vec<String> =
        body.fields.iter().filter_map(|field| field.ident.as_ref().map(ToString::to_string)).collect();
    quote! {
        impl #name {
            pub const FIELDS: &'static [&'static str] = &[#(#fields),*];
        }
    }
    .into()
}

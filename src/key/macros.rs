//! Procedural macro crates of which it is known what they read.

/// Procedural macro crates that read nothing but their input tokens (and `CARGO_PKG_*` variables, which are inputs of
/// every unit), by crate name; only believed of crates that come from a registry. Not here, though well known: those
/// that read the dependent's manifest to find out what a crate is called there (`proc-macro-crate`), files that
/// their arguments name, or variables (`paste` has an `env!` of its own, `strum_macros` a switch that makes it print).
/// As of November 2026.
const PURE: &[&str] = &[
    "async_recursion",
    "async_stream_impl",
    "async_trait",
    "auto_impl",
    "bitflags_derive",
    "bytecheck_derive",
    "bytemuck_derive",
    "clap_derive",
    "const_format_proc_macros",
    "ctor",
    "darling_macro",
    "data_encoding_macro_internal",
    "delegate",
    "derivative",
    "derive_arbitrary",
    "derive_builder_macro",
    "derive_more",
    "derive_more_impl",
    "derive_new",
    "derive_setters",
    "displaydoc",
    "enum_dispatch",
    "enum_iterator_derive",
    "enumflags2_derive",
    "futures_macro",
    "getset",
    "indoc",
    "inventory_impl",
    "miette_derive",
    "monostate_impl",
    "munge_macro",
    "nom_derive",
    "num_derive",
    "phf_macros",
    "pin_project_internal",
    "proc_macro_error_attr",
    "proc_macro_error_attr2",
    "prost_derive",
    "ptr_meta_derive",
    "rkyv_derive",
    "ref_cast_impl",
    "schemars_derive",
    "seq_macro",
    "serde_derive",
    "serde_repr",
    "serde_with_macros",
    "smart_default",
    "snafu_derive",
    "thiserror_impl",
    "time_macros",
    "tokio_macros",
    "tracing_attributes",
    "typed_builder_macro",
    "typetag_impl",
    "yoke_derive",
    "zerocopy_derive",
    "zerofrom_derive",
    "zeroize_derive",
    "zerovec_derive",
];

/// Whether the procedural macro `crate_name` is known to read nothing on its own.
pub fn is_pure(crate_name: &str, from_registry: bool) -> bool {
    from_registry && PURE.contains(&crate_name)
}

/// Procedural macro crates that use `proc-macro-crate`: they have cargo say where the manifest of the workspace is, read
/// that and the manifest of the package, and nothing else. Sorted; as of November 2026.
const FIND_MANIFEST: &[&str] = &[
    "async_graphql_derive",
    "borsh_derive",
    "glib_macros",
    "gtk4_macros",
    "jsonrpsee_proc_macros",
    "multihash_derive_impl",
    "num_enum_derive",
    "parity_scale_codec_derive",
    "poem_derive",
    "poem_openapi_derive",
    "rstest_macros",
    "scale_info_derive",
    "zbus_macros",
    "zvariant_derive",
];

/// Whether the procedural macro `crate_name` is known to start cargo alone, see [`ProceduralMacro::finds_manifest`](crate::key::closure::ProceduralMacro).
pub fn finds_manifest(crate_name: &str, from_registry: bool) -> bool {
    from_registry && FIND_MANIFEST.contains(&crate_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_crate_with_a_known_name_is_not_believed() {
        assert!(is_pure("serde_derive", true));
        assert!(!is_pure("serde_derive", false));
    }

    #[test]
    fn a_macro_that_reads_variables_is_not_pure() {
        assert!(!is_pure("paste", true));
        assert!(!is_pure("strum_macros", true));
    }
}

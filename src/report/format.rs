//! The `format` field of JSON output.

use serde::{Serialize, Serializer};

/// The version of a JSON object, as the number `N`. It changes when a field is removed or changes its meaning; fields may
/// be added to a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format<const N: u32>;

impl<const N: u32> Serialize for Format<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(N)
    }
}

#[cfg(test)]
impl<const N: u32> schemars::JsonSchema for Format<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Format{N}").into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": N })
    }
}

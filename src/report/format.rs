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

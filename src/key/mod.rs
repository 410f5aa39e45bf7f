//! x
pub mod declared;
pub mod depinfo;
pub mod inputs;
pub mod link;
pub mod linker;
pub mod memo;
pub mod portable;
pub mod reach;
pub mod read;
pub mod roots;
pub mod toolchain;
pub mod unit;

/// Version of the key.
pub const SCHEMA: &str = "1";

#[cfg(test)]
mod tests;

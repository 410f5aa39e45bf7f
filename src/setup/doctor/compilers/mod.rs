//! The compilers and the linker that are called through kache.

pub mod toolchains;

pub mod linker;

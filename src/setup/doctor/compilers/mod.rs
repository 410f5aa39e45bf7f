//! The compilers and the linker that are called through kache, and what cargo says to them.

pub mod toolchains;

pub mod linker;

pub mod drivers;

pub mod flags;

pub mod privileges;

//! The compilers, the linker, and the flags that cargo gives them.

pub mod toolchains;

pub mod linker;

pub mod drivers;

pub mod flags;

pub mod privileges;

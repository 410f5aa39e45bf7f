//! Cargo's configuration: which program cargo would really call in front of the compiler, and changing that.
//!
//! What cargo 1.95 does, and each has its test against cargo itself in `tests/it/cargo_config.rs`:
//!
//! - `RUSTC_WRAPPER` goes before `CARGO_BUILD_RUSTC_WRAPPER`, that before the files. Among files the nearest to the
//!   working directory wins, up to the root; the one in `$CARGO_HOME` comes last, unless it was on the way already. An
//!   empty value anywhere ends the search: no wrapper.
//! - In a directory that holds both `config` and `config.toml`, cargo warns and reads `config`.
//! - `include = ["a.toml"]` or `[{ path = "a.toml", optional = true }]`: lists only, `.toml` only, relative to the
//!   file. The including file wins, then the later of its includes. Missing files and circles are errors.
//! - A value with a separator is a path, relative to the parent of the directory that the *defining* file is in (the
//!   working directory for variables). A bare name is looked for in `PATH`. `~` is a letter like any other.
//! - A value that is no string, and a file that cannot be parsed, stop every cargo command.
//! - `[env]` does not reach this setting.
//!
//! The reader is written here and not taken from `cargo-config2`, which knows nothing of `include`, tells no lines, and
//! answers with the value in effect only: to find out why a setting has no effect, a person needs the whole chain with
//! its origins. What that crate does better, such as joining lists and matching tables by `cfg`, is in [`effective`].
//!
//! [`edit`] changes one key. It puts bytes between those that are there (or in the place of the old value) and
//! touches nothing else, so comments, line ends, a byte order mark, a missing last line end and the order stay. Then
//! it parses both texts and compares them: if anything but that key differs, nothing is written.

pub mod read;

pub mod chain;

pub mod effective;

pub mod values;

pub mod gate;

pub mod edit;

#[cfg(test)]
mod tests;

pub use chain::{Chain, ConfigOrigin, Link, WrapperKey, WrapperProgram, config_file, resolve};
pub use edit::{CannotEdit, Edited, KeyUndo};
pub use read::ReadError;

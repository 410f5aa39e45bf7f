//! What is true of any cached action, be it a run of rustc, of a build script or of a C compiler: it has inputs, and an
//! input list that names them; their state today is looked up, paths in them are portable between checkouts, and an
//! observed run tells what they are.
//!
//! What only rustc has, such as its unit key, its toolchain and its crate closure, is in [`crate::key`].

pub mod portable;

pub mod roots;

pub mod cargo_layout;

pub mod input_kinds;

pub mod inputs;

pub mod memo;

pub mod observed;

pub mod paths;

pub mod variables;

pub mod input_list;

pub mod snapshot;

pub mod present;

pub mod input_names;

pub mod unchanged;

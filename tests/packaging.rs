//! What is packed and published with the program: that it says what the program says, and that each package manager
//! would take it. Written by `just gen`, and compared by every test run.

#![expect(clippy::disallowed_methods, reason = "it reads and writes the project, from outside")]
#![allow(clippy::print_stderr, reason = "what cannot be checked here is said")]

#[path = "packaging/committed.rs"]
mod committed;
#[path = "packaging/packages.rs"]
mod packages;
#[path = "packaging/pages.rs"]
mod pages;
#[path = "../examples/packaging/render.rs"]
mod render;
#[path = "packaging/scripts.rs"]
mod scripts;
#[path = "common/skip.rs"]
mod skip;

//! What is packed and published with the program: that it says what the program says, and that each package manager
//! would take it. Written by `just gen`, and compared by every test run.

#![expect(clippy::disallowed_methods, reason = "it reads and writes the project, from outside")]

#[path = "packaging/committed.rs"]
mod committed;
#[path = "packaging/pages.rs"]
mod pages;

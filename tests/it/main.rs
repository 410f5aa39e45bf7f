//! Scenarios: real cargo, real rustc, a private store.

#![allow(
    clippy::disallowed_methods,
    reason = "scenarios drive cargo and files from outside, as a person does"
)]

mod plain;
mod step;
mod world;

mod arguments;
mod compilers;
mod daemon;
mod environment;
mod linking;
mod macros;
mod reading_back;
mod service;
mod sources;
mod trying;

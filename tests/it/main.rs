//! Scenarios: real cargo, real rustc, a private store.

#![allow(
    clippy::disallowed_methods,
    reason = "scenarios drive cargo and files from outside, as a person does"
)]

mod home;
mod plain;
mod step;
mod world;

mod cargo_config;
mod environment;
mod init;
mod reading_back;
mod sources;

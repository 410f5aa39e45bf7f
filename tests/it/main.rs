//! Scenarios: real cargo, real rustc, a private store.

#![allow(
    clippy::disallowed_methods,
    reason = "scenarios drive cargo and files from outside, as a person does"
)]

mod plain;
mod robust;
mod step;
mod world;

mod environment;
mod robust_crash;
mod robust_damage;
mod robust_store;
mod robust_together;
mod sources;

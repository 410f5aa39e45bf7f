//! Scenarios: real cargo, real rustc, a private store.

mod plain;
mod step;
mod world;

mod environment;
mod sources;

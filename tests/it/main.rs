//! Scenarios: real cargo, real rustc, a private store.

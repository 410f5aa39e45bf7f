//! What a build consisted of: a *manifest* holds cargo's call of each unit, and what cargo itself wrote of it.
//!
//! `seed` makes manifests and fills new build directories from them; `remote` transfers them between machines. A manifest
//! only says what to look up: what is placed is found by the contents of its inputs, as any hit is.

pub mod cargo_files;

pub mod cargo_hash;

pub mod form;

pub mod moved;

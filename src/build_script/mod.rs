//! Runs of build scripts, cached.
//!
//! A run is an action like a compile: it has a unit key, input lists that earlier runs left, and an entry. Its outputs
//! are `OUT_DIR` and what it printed.
//!
//! | | |
//! |---|---|
//! | unit key | the program's content, the package's directory, the compiler, and environment variables ([`key`], [`environment`]) |
//! | inputs | everything that the run was observed to read, list, look for and start ([`observed`]) |
//! | outputs | the files in `OUT_DIR`, standard output and standard error ([`tree`]) |
//!
//! Cargo decides whether a build script runs, by its `rerun-if` directives, and starts a launcher in its place
//! ([`crate::run::launcher`]). Whether the run is served depends on what an earlier run was observed to do.
//!
//! # What is not stored
//!
//! A run that
//!
//! - was not observed, or failed,
//! - found something in `OUT_DIR`, or wrote anywhere else,
//! - opened a socket, or read what cannot be an input, or
//! - left the current time in its outputs ([`clock`]).
//!
//! The first such run is remembered, and later ones are not observed ([`refused`]).
//!
//! Unlike compiles, equal runs in several build directories do not wait for one another: each runs the script, and the
//! last one to store its entry replaces the others.
//!
//! # What cannot be seen
//!
//! As for compiles: a path in another form than as text, randomness, and what the system says of the machine and the
//! process, such as the number of processors and the time in another form than a date or seconds since 1970.

pub mod places;

pub mod request;

pub mod environment;

pub mod key;

pub mod tree;

pub mod clock;

pub mod observed;

pub mod refused;

pub mod run;

pub mod wrapper;

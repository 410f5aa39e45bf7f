//! Runs of build scripts, cached.
//!
//! A run is an action like a compile: it has a unit key, input lists that earlier runs left, and an entry. Its outputs are
//! `OUT_DIR` and what it printed.
//!
//! | | |
//! |---|---|
//! | unit key | the program's content, the package's directory, the compiler, and every variable but those of a session or of one build ([`key`]) |
//! | inputs | everything that the run was observed to read, list, look for and start ([`observed`]) |
//! | outputs | the files in `OUT_DIR`, standard output and standard error ([`tree`]) |
//!
//! Cargo starts a launcher in the place of the build script ([`crate::run::launcher`]), and decides, as ever, whether it
//! is to run at all. `rerun-if` directives are for cargo; here, what the run did decides.
//!
//! # What is not stored
//!
//! A run that was not observed, failed, found something in `OUT_DIR`, wrote anywhere else, opened a socket, read what
//! cannot be an input, or left the current time in its outputs ([`clock`]). The first such run is remembered, so that the
//! next one is not observed ([`refused`]).
//!
//! # What cannot be seen
//!
//! As for compiles: a path in another form than as text, randomness, and what the system says of the machine and the
//! process, such as the number of processors and the time in another form than a date or seconds since 1970.

pub mod places;

pub mod key;

pub mod tree;

pub mod clock;

pub mod request;

pub mod observed;

pub mod refused;

pub mod run;

pub mod wrapper;

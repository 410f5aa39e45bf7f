//! A miss: the compiler runs, what it read is learned, and what it made is stored.
//!
//! In order of reading:
//!
//! 1. [`stages`]: the types, from [`CompileJob`](stages::CompileJob) to [`Stored`](stages::Stored).
//! 2. [`compile_job`]: the compile as a whole, observed where that is possible. [`run_compiler`] starts the process and
//!    forwards its streams. [`attempt`] and [`generated`] decide whether it has to run again, with real paths.
//! 3. [`storing`]: what becomes of a compiled unit. [`collect`] puts together what is stored: the outputs
//!    ([`artifacts`]), the roots that they hold ([`bind_roots`]), and the inputs ([`learn`]).
//! 4. [`learn`]: the input list, from what was observed ([`observation_context`]); or, where nothing was, from rules and
//!    the state [`before`] the compile ([`unobserved`]).
//! 5. [`incremental`]: the compile of an edit, which is not stored.
//!
//! A compile that is stored may leave an incremental state for the next edit ([`crate::run::edit`]). It begins in an empty
//! directory; [`member_names`] makes up for the one difference between two such compiles.
//!
//! The list below is in order of imports instead.

pub mod rust_text;

pub mod generated;

pub mod attempt;

pub mod run_compiler;

pub mod privileged;

pub mod asked_variables;

pub mod unobserved;

pub mod found_by_name;

pub mod before;

pub mod observation_context;

pub mod learn;

pub mod member_names;

pub mod artifact_reader;

pub mod stages;

pub mod dep_info;

pub mod artifacts;

pub mod bind_roots;

pub mod collect;

pub mod storing;

pub mod marks;

pub mod compile_job;

pub mod incremental;

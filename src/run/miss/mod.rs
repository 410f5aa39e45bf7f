//! A miss: the compiler runs, what it read is learned, and what it made is stored.

pub mod rust_text;

pub mod generated;

pub mod attempt;

pub mod compile;

pub mod privileged;

pub mod environment_names;

pub mod unobserved;

pub mod learn;

pub mod artifact_reader;

pub mod collect;

pub mod compilation;

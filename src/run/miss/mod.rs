//! A miss: the compiler runs, what it read is learned, and what it made is stored.

pub mod rust_text;

pub mod generated;

pub mod attempt;

pub mod compile;

pub mod privileged;

pub mod environment_names;

pub mod unobserved;

pub mod found_by_name;

pub mod before;

pub mod observation_context;

pub mod learn;

pub mod artifact_reader;

pub mod stages;

pub mod dep_info;

pub mod artifacts;

pub mod bind_roots;

pub mod collect;

pub mod storing;

pub mod marks;

pub mod compilation;

pub mod edit;

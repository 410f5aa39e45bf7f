//! Cargo's configuration, and whether cargo follows it.

pub mod wrapper;

pub mod config_files;

pub mod two_files;

pub mod variables;

pub mod project;

pub mod calls;

pub mod incremental;

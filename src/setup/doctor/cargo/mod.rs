//! What cargo is told, and what it does.

pub mod wrapper;

pub mod config_files;

pub mod two_files;

pub mod variables;

pub mod project;

pub mod calls;

pub mod incremental;

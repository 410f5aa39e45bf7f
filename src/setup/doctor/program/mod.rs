//! The program itself: which one is called, and whether it stays where it is.

pub mod on_path;

pub mod same_program;

pub mod wrapper_file;

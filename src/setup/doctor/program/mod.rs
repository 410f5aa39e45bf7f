//! The program: which one is called, and whether its path stays valid.

pub mod gui_path;

pub mod pages;

pub mod release;

pub mod same_program;

pub mod on_path;

pub mod wrapper_file;

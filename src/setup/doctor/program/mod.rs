//! The program itself: which one is called, and whether it stays where it is.

pub mod gui_path;

pub mod pages;

pub mod release;

pub mod same_program;

pub mod on_path;

pub mod wrapper_file;

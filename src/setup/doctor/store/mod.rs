//! The store, the file system that it is on, and the index.

pub mod directory;

pub mod file_system;

pub mod room;

pub mod sharing;

pub mod index;

pub mod seals;

pub mod last_read;

pub mod cleaning;

pub mod size;

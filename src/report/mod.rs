//! Reports: what records add up to, and the words for it.

pub mod escape;

pub mod words;

pub mod inputs;

pub mod summary;

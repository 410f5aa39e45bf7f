//! The configuration of kache, and what is left of it and its runs.

pub mod values;

pub mod secrets;

pub mod journal;

pub mod leftovers;

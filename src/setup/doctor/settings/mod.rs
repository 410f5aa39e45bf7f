//! The configuration of kache, what is left of it and its runs, and what this machine is.

pub mod values;

pub mod secrets;

pub mod journal;

pub mod leftovers;

pub mod ci;

pub mod summary;

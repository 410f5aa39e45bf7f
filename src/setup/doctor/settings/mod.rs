//! kache's configuration, and the files that its runs left behind.

pub mod values;

pub mod secrets;

pub mod journal;

pub mod leftovers;

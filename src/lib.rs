//! kache: a build cache in front of rustc.

pub mod digest;
pub mod outcome;

//! kache: a build cache in front of rustc.

pub mod sys;

pub mod digest;

pub mod outcome;

pub mod config;

pub mod invocation;

pub mod policy;

pub mod key;

pub mod store;

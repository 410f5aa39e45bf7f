//! kache: a build cache in front of rustc.

pub mod sys;

pub mod digest;

pub mod outcome;

pub mod config;

pub mod invocation;

pub mod policy;

pub mod key;

pub mod store;

pub mod streams;

pub mod mapping;

pub mod restore;

pub mod compile;

pub mod gather;

pub mod record;

pub mod wrapper;

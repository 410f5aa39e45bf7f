//! The remote: its settings, and whether it can be used.

pub mod configured;

pub mod usable;

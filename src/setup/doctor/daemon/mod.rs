//! The daemon: who starts it, whether it answers, and what earlier ones left.
//!
//! That none runs is well wherever nobody is meant to start it: builds do not need one.

pub mod processes;

pub mod described;

pub mod running;

pub mod linger;

pub mod answers;

pub mod traces;

pub mod socket;

pub mod settings;

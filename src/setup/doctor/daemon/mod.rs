//! The daemon: what starts it, whether it answers, and what earlier ones left behind.
//!
//! Without a login service no daemon needs to run: builds do not need one.

pub mod processes;

pub mod described;

pub mod running;

pub mod linger;

pub mod system;

pub mod answers;

pub mod traces;

pub mod socket;

pub mod settings;

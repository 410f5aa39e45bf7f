//! Whether kache is well on this machine, and making it so.
//!
//! A [`check::Check`] looks at a [`machine::Machine`] and answers one [`finding::Finding`]: all is well, something
//! should be known, or there is a problem; with what to do about it, and, where that is safe, a [`finding::Fix`]. It
//! changes nothing: what a fix does is a plan like every other change of a machine ([`crate::setup::plan`]), or upkeep of
//! kache's own cache directory.
//!
//! Every check has [`machine::LIMIT`] and no more; one that takes longer is given up, and that is what is said of it.
//! The list of all of them is in [`examine`].

pub mod finding;

pub mod machine;

pub mod check;

pub mod workspace;

pub mod wiring;

pub mod service;

pub mod program;

pub mod cargo;

pub mod compilers;

pub mod daemon;

pub mod store;

pub mod settings;

pub mod surroundings;

pub mod remnants;

pub mod examine;

pub mod repair;

pub mod verify;

pub mod upkeep;

pub mod show;

#[cfg(test)]
mod tests;

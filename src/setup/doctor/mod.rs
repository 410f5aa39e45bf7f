//! Checks the installation of kache on this machine and fixes problems.
//!
//! A [`check::Check`] looks at a [`machine::Machine`] and returns one [`finding::Finding`]: ok, a note or a problem, with
//! a hint and, where that is safe, a [`finding::Fix`]. Checks change nothing. A fix is a plan like every other change of a
//! machine ([`crate::setup::plan`]), or upkeep of kache's own cache directory.
//!
//! A check may take [`machine::LIMIT`]; one that takes longer is abandoned, which is then its finding. All checks are
//! listed in [`examine`].

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

pub mod remote;

pub mod surroundings;

pub mod remnants;

pub mod examine;

pub mod repair;

pub mod verify;

pub mod upkeep;

pub mod show;

#[cfg(test)]
mod tests;

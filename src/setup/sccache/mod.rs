//! Moving over from sccache: where it is set up on a machine, and what becomes of each of its settings.
//!
//! - Files of the user are edited line by line: a line that is one assignment and nothing else is commented out, with
//!   `kache: was` before what it was. Whatever is written in another way is shown, and left to a person.
//! - Files of the system and of repositories are never written to; for those of repositories a patch is shown.
//! - Settings that kache has are written into its configuration; what could not be carried over is said. Secrets are
//!   neither copied nor shown.

pub mod places;

pub mod lines;

pub mod settings;

pub mod server;

pub mod mentions;

pub mod migrate;

pub mod purge;

#[cfg(test)]
mod tests;

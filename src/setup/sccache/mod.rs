//! Migration from sccache: where it is configured on a machine, and what happens to each setting.
//!
//! - Files of the user are edited line by line: a line that is one assignment and nothing else is commented out, with
//!   `kache: was` before what it was. Anything written in another way is shown, and left to the user.
//! - Files of repositories are other people's too: the change is shown as a patch, and made with `--project` only.
//! - Files of the system are never written to.
//! - Where sccache compiles C as well, its settings and its server stay.
//! - Settings that kache has are written into its configuration; what could not be carried over is said. Secrets are
//!   neither copied nor shown.

pub mod places;

pub mod assignment;

pub mod lines;

pub mod block;

pub mod settings;

pub mod kept_variables;

pub mod server;

pub mod mentions;

pub mod carry;

pub mod migrate;

pub mod purge;

#[cfg(test)]
mod tests;

//! Installs kache on a machine, checks and repairs it there, and removes it.
//!
//! Every change of a machine goes through [`plan`]: it is shown first, applied completely or not at all, verified, and
//! recorded so that it can be undone.

pub mod cargo_config;

pub mod plan;

pub mod unwritable;

pub mod programs;

pub mod target_dirs;

pub mod settings_file;

pub mod store_access;

pub mod user;

pub mod service;

pub mod wrapper_path;

pub mod proof;

pub mod login;

pub mod init;

pub mod sccache;

pub mod doctor;

pub mod uninstall;

pub mod self_update;

pub mod installed;

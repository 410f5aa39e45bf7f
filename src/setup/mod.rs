//! Putting kache onto a machine, keeping it healthy there, and taking it off again.
//!
//! Whatever changes a machine goes through [`plan`]: shown before it is done, done whole or not at all, proved, and
//! written down so that it can be undone.

pub mod cargo_config;

pub mod plan;

pub mod unwritable;

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

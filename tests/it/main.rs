//! Scenarios: real cargo, real rustc, a private store.
//!
//! What they are compared with, and what stands in for other programs, are shell scripts. What has to hold on every
//! system is in `tests/everywhere`.

#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    reason = "scenarios drive cargo and files from outside, as a person does"
)]
#![allow(clippy::print_stderr, reason = "a scenario that cannot be played here says so")]

mod home;
mod plain;
mod robust;
#[cfg(target_os = "linux")]
mod s3_server;
#[path = "../common/skip.rs"]
mod skip;
#[path = "../common/stamped.rs"]
mod stamped;
mod step;
mod world;

mod action;
mod arguments;
#[cfg(target_os = "linux")]
mod build_scripts;
#[cfg(target_os = "linux")]
mod build_scripts_random;
mod cargo_config;
mod cleaning;
#[cfg(target_os = "linux")]
mod cloning;
mod compilers;
mod configuring;
mod daemon;
mod deadline;
#[cfg(target_os = "linux")]
mod debug_paths;
mod doctor;
mod edits;
mod edits_first;
mod edits_random;
mod edits_tools;
mod environment;
mod hostile_names;
mod init;
#[cfg(target_os = "linux")]
mod inputs;
#[cfg(target_os = "linux")]
mod jobserver;
mod json;
mod kinds;
mod layouts;
mod linking;
mod links;
mod login;
mod macros;
mod monitor;
#[cfg(target_os = "linux")]
mod newer;
#[cfg(target_os = "linux")]
mod observing;
#[cfg(target_os = "linux")]
mod observing_beside;
#[cfg(target_os = "linux")]
mod observing_calls;
#[cfg(target_os = "linux")]
mod observing_failures;
#[cfg(target_os = "linux")]
mod observing_killed;
#[cfg(target_os = "linux")]
mod observing_links;
#[cfg(target_os = "linux")]
mod observing_places;
#[cfg(target_os = "linux")]
mod observing_privileges;
#[cfg(target_os = "linux")]
mod observing_stress;
#[cfg(target_os = "linux")]
mod observing_variables;
#[cfg(target_os = "linux")]
mod observing_ways;
#[cfg(target_os = "linux")]
mod one_file;
#[cfg(target_os = "linux")]
mod outer;
mod outputs;
#[cfg(target_os = "linux")]
mod ownership;
mod paths;
#[cfg(target_os = "linux")]
mod project_file;
mod random;
mod reading_back;
#[cfg(target_os = "linux")]
mod remote;
#[cfg(target_os = "linux")]
mod remote_backends;
#[cfg(target_os = "linux")]
mod remote_builds;
#[cfg(target_os = "linux")]
mod remote_daemon;
#[cfg(target_os = "linux")]
mod remote_s3;
#[cfg(target_os = "linux")]
mod remote_start;
#[cfg(target_os = "linux")]
mod remote_stress;
mod reporting;
mod restoring;
mod robust_crash;
mod robust_damage;
mod robust_input;
#[cfg(debug_assertions)]
mod robust_panic;
mod robust_process;
mod robust_store;
mod robust_together;
mod secrets;
mod seeding;
mod seeding_beside;
mod seeding_layouts;
mod seeding_moved;
mod seeding_robust;
mod self_update;
mod service;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod sharing;
#[cfg(target_os = "linux")]
mod side_files;
mod sources;
mod terminal;
mod trying;
// Its assembly is that of one processor, in the dialect of ELF.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod unobserved;
mod unstable;
mod watching;

//! Build directories that are filled before cargo looks into them, so that it finds units up to date and calls nothing.
//!
//! A *fingerprint* is what cargo keeps of each unit to tell later whether it is up to date. A *manifest* is what kache keeps
//! of a build: for each unit, cargo's call and its fingerprint ([`crate::manifest`]).
//!
//! ```text
//! run::call_note   what cargo called for each unit, noted in the build directory
//!   └─ harvest     at the end of a build: those calls, and what cargo itself wrote of the units ─→ a manifest
//!       └─ share   what the store has as files of its own becomes one file with what is in the build directory
//! probe            cargo asks for the compiler's version, before a new build directory exists
//!   ├─ warm        where there is a remote: the daemon fetches a manifest and what it names
//!   └─ choose      the manifests that fit what cargo is about to build
//!       └─ place   each call again, as a hit: outputs first, cargo's own files last
//! ```
//!
//! What makes a seeded unit right is what makes a hit right, and one thing more:
//!
//! - The call is looked up like one by cargo: by its own input lists, as the inputs are now. What is not found is not placed.
//! - What cargo would pass in that call is what it passed when the manifest was made: cargo compares its own hash of
//!   all that decides the call with the one that is placed, and builds the unit where they differ. The one that is placed
//!   is cargo's, made again where paths count for it that are others here ([`crate::manifest::moved`]). Variables of
//!   cargo itself are those of the cargo that asks, and those that files set (`[env]`) are read from the files. Where such
//!   a file decides how programs are found, nothing is seeded.
//! - The files of members, and all that cargo compares with sources, get the time at which seeding began. A source that
//!   changes from then on is younger, and cargo builds the unit. What is from a registry may keep the time at which it was
//!   made, as long as nothing that it depends on is younger: then it is the same file in all build directories.
//!
//! Whatever goes wrong leaves outputs without cargo's fingerprint, which is written last: cargo builds such a unit.

pub mod cargo_call;

pub mod workspace;

pub mod replay;

pub mod share;

pub mod turn;

pub mod compile;

pub mod harvest;

pub mod choose;

pub mod schedule;

pub mod place;

pub mod warm;

pub mod probe;

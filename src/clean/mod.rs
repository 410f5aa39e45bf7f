//! Removes build directories of cargo: finds them ([`search`]), recognizes them ([`marks`]), measures what removing them
//! frees and how much of them the store has ([`measure`]), tells whether their projects are still there ([`project`]), and
//! removes them ([`remove`]).
//!
//! Nothing is removed that cargo has not marked as its own, that a build is using, or that holds a mounted file system,
//! a project, or a directory of kache or cargo. A directory is renamed before it is emptied: a build that starts
//! meanwhile finds either all of it or nothing. What an interrupted removal left is found by its name, and removed the next
//! time.

pub mod marks;

pub mod project;

pub mod stored;

pub mod measure;

pub mod search;

pub mod remove;

pub mod tree;

//! The machine: its clock and limits, other programs that read the store, and what kind of machine it is.

pub mod clock;

pub mod limits;

pub mod exclusions;

pub mod ci;

pub mod summary;

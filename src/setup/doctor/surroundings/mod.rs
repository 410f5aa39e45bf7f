//! What surrounds kache on this machine: its clock and limits, what else reads files, and what kind of machine it is.

pub mod clock;

pub mod limits;

pub mod exclusions;

pub mod ci;

pub mod summary;

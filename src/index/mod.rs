//! The index: a view of entries, sizes and last use, derived from the store and the records, for those who read back.
//!
//! It is SQLite at `{cache_dir}/index.db`, brought up to date by every command that needs it. Nothing is lost with it:
//! one that is missing, damaged or of another version is made anew; where it cannot be written, one in memory does the
//! same. The wrapper cannot come here: it stands above this in the order of modules.
//!
//! Nothing that must be true is taken from it. What may be removed from the store is decided by the entries' own
//! files; from here comes only what was used last.

pub mod records;

pub mod schema;

pub mod open;

pub mod fold;

pub mod query;

#[cfg(test)]
mod tests;

/// Why something could not be asked.
pub use rusqlite::Error;

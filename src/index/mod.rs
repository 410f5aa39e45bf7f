//! The index: entries, sizes and times of last use, derived from the store and the records for reports. It can be
//! deleted at any time without losing anything.
//!
//! It is an SQLite database at `{cache_dir}/index.db`, which every command that needs it brings up to date. If it is
//! missing, damaged or of another version it is rebuilt; if it cannot be written, a database in memory is used instead.
//! The wrapper never uses it.
//!
//! Garbage collection takes only the times of last use from it; the entry files decide what may be removed.

pub mod records;

pub mod tail;

pub mod schema;

pub mod open;

pub mod fold;

pub mod query;

#[cfg(test)]
mod tests;

/// Why a query failed.
pub use rusqlite::Error;

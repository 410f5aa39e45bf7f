//! The remote: a bucket or a shared folder through which machines share entries.
//!
//! A [`backend::Remote`] stores immutable objects by name. Its backends are [`s3`] and [`dir`]; [`layers`] add retries, a
//! limit on requests at a time, counts, a circuit breaker, and read-only or write-only access. [`layout`] names the
//! objects, [`pack`] is the format of an entry in transit, [`manifest`] that of a build, and [`signature`] decides which of
//! them are believed. [`sync`] transfers packs between a remote and the store, [`builds`] manifests, and [`queue`] holds what is
//! to be sent.
//!
//! ```text
//! store::transfer   an entry without what only this machine knows
//!   └─ pack         one compressed tar file: the entry and its input lists, signed, then its blobs
//!       └─ layout   its name in the remote
//!           └─ backend, through the layers; and the same way back, with everything checked
//! ```
//!
//! # What is checked of what comes in
//!
//! Everything in a remote may have been written by somebody else. So:
//!
//! - object names are made of a small set of characters, without `..` ([`object_name`]);
//! - a pack holds regular files only, in an order and with sizes that its first file declares ([`archive`]);
//! - memory and disk are limited before anything is decompressed;
//! - the key in the pack must be the key that was asked for, and every blob must have the digest that names it;
//! - with `cache.remote.trust = "signed"`, the first file must be signed with a key that the user trusts. The
//!   signature covers the key, the entry, the input list and the digests of all other files.
//!
//! What fails a check is not stored, and is reported with its reason. Nothing from a remote decides where a file is
//! written: the store names its files by digests.
//!
//! The wrapper uses none of this.

pub mod object_name;

pub mod backend;

pub mod dir;

pub mod s3;

pub mod layers;

pub mod failures;

pub mod archive;

pub mod base64;

pub mod signature;

pub mod layout;

pub mod pack;

pub mod manifest;

pub mod connect;

pub mod workspace;

pub mod sync;

pub mod passed_over;

pub mod builds;

pub mod queue;

#[cfg(test)]
mod fake;

#[cfg(test)]
mod tests;

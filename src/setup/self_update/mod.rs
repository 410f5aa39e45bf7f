//! `kache self-update`: replaces this program with the newest release, or changes nothing.
//!
//! It acts only if the installer put this very file here: its receipt names the path ([`receipt`]). Any other
//! program belongs to a package manager, which is named with its update command ([`owner`]).
//!
//! # A release
//!
//! ```text
//! <base_url>/latest/download/SHA256SUMS            `<64 hexadecimal digits>  <asset>`, one line for each asset
//! <base_url>/latest/download/SHA256SUMS.minisig    its minisign signature (the prehashed kind)
//! <base_url>/download/v<version>/kache-<target>.tar.gz     with one program in it, `kache-<target>/kache`
//! <base_url>/download/v<version>/kache-<target>.exe        on Windows: the program alone
//! ```
//!
//! The signature's trusted comment, which is signed as well, says which release the list is of:
//!
//! ```text
//! trusted comment: kache release format=1 version=0.2.0 expires=2027-05-29
//! ```
//!
//! `minisign -S -t 'kache release format=1 version=0.2.0 expires=2027-05-29' -m SHA256SUMS` makes it. So one signature
//! covers the version and every asset, and an old list cannot be passed off as a new one. Installers check the signature
//! of the archive alone, `<asset>.sig`, whose comment names the version too. After the date in `expires` (UTC) the list is refused: a server that keeps answering with an old release, to
//! hide a fix, is noticed. The list of the newest release is signed again before it expires. `format` changes when a
//! program that knows the old one would misread the new one. Further words are ignored.
//!
//! # The way
//!
//! ```text
//! list and signature → newer than this? → asset, its checksum → unpacked and tried beside the journal
//!   → plan: keep this program as `kache.prev`, replace it, correct the receipt → shown → agreed
//!   → applied and tried in place: if it does not work there, everything is put back
//! ```
//!
//! The program is replaced by renaming, so a build that calls it meanwhile finds the old one or the new one. Never an
//! older release, and a prerelease only in the place of a prerelease.
//!
//! # Who downloads
//!
//! `curl`, or `wget` where there is none, as for the installer: what a release is trusted for is its signature, not the
//! way it came, and they know the proxies and certificates of this system. A client of our own with its TLS (ureq,
//! rustls, ring) was measured: 25 further crates, three further licences, a C compiler, and 1.8 MB
//! in a program that starts before each compiler. `file:` is read directly; plain `http:` is for this machine alone.

pub mod receipt;

pub mod owner;

pub mod fetch;

pub mod release;

pub mod unpack;

pub mod update;

#[cfg(test)]
pub(crate) mod tests;

/// The public keys that releases may be signed with, as minisign writes them: the current one and, so that it can be
/// replaced without leaving anybody behind, the next one. Without any, nothing that is downloaded can be trusted.
pub const RELEASE_KEYS: &[&str] = &[];

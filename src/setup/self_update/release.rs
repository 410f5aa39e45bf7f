//! A release as its signed list tells it: the version, and the checksum of each asset.

use std::time::Duration;

use minisign_verify::{PublicKey, Signature};
use semver::Version;
use sha2::{Digest as _, Sha256};

use crate::setup::self_update::fetch::{CannotFetch, ReleaseServer};
use crate::sys::clock;

/// The version of the list and its comment that is understood.
const FORMAT: &str = "1";

const MOST_LIST_BYTES: u64 = 256 << 10;
const MOST_SIGNATURE_BYTES: u64 = 4 << 10;
const MOST_ASSET_BYTES: u64 = 128 << 20;

/// How long each download may take.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_WITH_AN_ASSET: Duration = Duration::from_secs(900);

/// A release whose list was signed with the right key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub version: Version,
    sums: Vec<(String, [u8; 32])>,
}

/// Why there is no release to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BadRelease {
    #[error(transparent)]
    Fetch(#[from] CannotFetch),
    #[error("invalid release key: {0}")]
    Key(minisign_verify::Error),
    #[error("SHA256SUMS.minisig is not a signature: {0}")]
    NoSignature(minisign_verify::Error),
    #[error("the signature of SHA256SUMS is invalid, so the release cannot be trusted: {0}")]
    Signature(minisign_verify::Error),
    #[error("the signature does not name its release and expiry date: `{comment}`")]
    Unnamed { comment: String },
    #[error(
        "the list of release {version} expired on {expires}: the server serves an old list, or the clock is wrong"
    )]
    Expired { version: Version, expires: String },
    #[error("unknown release format {format}; update kache another way")]
    Format { format: String },
    #[error("line {line} of SHA256SUMS is not a checksum and a name")]
    Line { line: usize },
    #[error("release {version} does not include {asset}")]
    NoAsset { version: Version, asset: String },
    #[error("checksum mismatch of {asset}: SHA-256 is {found}, expected {expected}")]
    Checksum { asset: String, found: String, expected: String },
}

/// Why the newest release is not known.
#[derive(Debug, thiserror::Error)]
pub enum NoNewest {
    #[error("this build knows no key that releases are signed with")]
    NoKey,
    #[error(transparent)]
    Bad(#[from] BadRelease),
}

/// The newest release of `source`, signed with one of `keys`.
pub fn newest(source: &ReleaseServer<'_>, keys: &[&str]) -> Result<Release, BadRelease> {
    let keys: Vec<PublicKey> = keys
        .iter()
        .map(|key| PublicKey::from_base64(key))
        .collect::<Result<_, _>>()
        .map_err(BadRelease::Key)?;
    let list = source.get("latest/download/SHA256SUMS", MOST_LIST_BYTES, PATIENCE)?;
    let signature = source.get("latest/download/SHA256SUMS.minisig", MOST_SIGNATURE_BYTES, PATIENCE)?;
    checked(&list, &signature, &keys, &clock::date(clock::now_ms()))
}

/// The release that `list` is of, as its signature says; `today` is a date in UTC such as `2026-11-29`.
fn checked(list: &[u8], signature: &[u8], keys: &[PublicKey], today: &str) -> Result<Release, BadRelease> {
    let text = String::from_utf8_lossy(signature);
    let signature = Signature::decode(&text).map_err(BadRelease::NoSignature)?;
    verify(list, &signature, keys)?;
    let (version, expires) = named(signature.trusted_comment())?;
    // Dates of this form are in the order of their letters.
    if *today > *expires {
        return Err(BadRelease::Expired { version, expires });
    }
    let list = String::from_utf8_lossy(list);
    let mut sums = Vec::new();
    for (index, line) in list.lines().enumerate() {
        sums.push(sum(line).ok_or(BadRelease::Line { line: index + 1 })?);
    }
    Ok(Release { version, sums })
}

fn verify(list: &[u8], signature: &Signature, keys: &[PublicKey]) -> Result<(), BadRelease> {
    let mut error = minisign_verify::Error::UnexpectedKeyId;
    for key in keys {
        match key.verify(list, signature, false) {
            Ok(()) => return Ok(()),
            // That it was made with the other key says nothing.
            Err(minisign_verify::Error::UnexpectedKeyId) => {}
            Err(e) => error = e,
        }
    }
    Err(BadRelease::Signature(error))
}

/// The version and the date in `kache release format=1 version=0.2.0 expires=2027-05-29`.
fn named(comment: &str) -> Result<(Version, String), BadRelease> {
    let unnamed = BadRelease::Unnamed { comment: comment.to_owned() };
    let words: Vec<&str> = comment.split_whitespace().collect();
    if !words.starts_with(&["kache", "release"]) {
        return Err(unnamed);
    }
    match value(&words, "format") {
        Some(FORMAT) => {
            let version = value(&words, "version").and_then(release_version);
            let expires = value(&words, "expires").filter(|date| is_date(date)).map(str::to_owned);
            version.zip(expires).ok_or(unnamed)
        }
        Some(format) => Err(BadRelease::Format { format: format.to_owned() }),
        None => Err(unnamed),
    }
}

/// The version that `text` is. A release has no build metadata, so that each has one spelling.
fn release_version(text: &str) -> Option<Version> {
    Version::parse(text).ok().filter(|version| version.build.is_empty())
}

/// The value in the word `<name>=<value>`.
fn value<'w>(words: &[&'w str], name: &str) -> Option<&'w str> {
    words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// Whether `text` has the form of `2027-05-29`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// `<64 hexadecimal digits>  <name>`; a star before the name says the same.
fn sum(line: &str) -> Option<(String, [u8; 32])> {
    let (hex, name) = line.split_at_checked(64)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        let digits = hex.get(index * 2..index * 2 + 2)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    }
    Some((name.to_owned(), digest))
}

/// The asset with the program for `target`.
pub fn asset_name(target: &str) -> String {
    let is_alone = target.contains("-windows-");
    format!("kache-{target}.{}", if is_alone { "exe" } else { "tar.gz" })
}

impl Release {
    /// The asset for `target`, as the list has it.
    pub fn asset(&self, source: &ReleaseServer<'_>, target: &str) -> Result<Vec<u8>, BadRelease> {
        let asset = asset_name(target);
        let Some((_, expected)) = self.sums.iter().find(|(name, _)| *name == asset) else {
            return Err(BadRelease::NoAsset { version: self.version.clone(), asset });
        };
        let path = format!("download/v{}/{asset}", self.version);
        let bytes = source.get(&path, MOST_ASSET_BYTES, PATIENCE_WITH_AN_ASSET)?;
        let found: [u8; 32] = Sha256::digest(&bytes).into();
        if found != *expected {
            let [found, expected] = [&found, expected].map(|digest| hex(digest));
            return Err(BadRelease::Checksum { asset, found, expected });
        }
        Ok(bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_list_are_read_or_refused() {
        let hex = "0f".repeat(32);
        assert_eq!(sum(&format!("{hex}  a b")), Some(("a b".to_owned(), [0x0f; 32])));
        assert_eq!(sum(&format!("{hex} *a")), Some(("a".to_owned(), [0x0f; 32])));
        let long = format!("{hex}0  a");
        for line in
            ["", "a", &hex, &format!("{hex} a"), &long, &format!("+{}  a", &hex[1..]), &"é".repeat(40)]
        {
            assert_eq!(sum(line), None, "{line}");
        }
    }

    #[test]
    fn the_comment_names_the_release() {
        let read = |comment: &str| named(comment).map(|(version, expires)| format!("{version} {expires}"));
        let comment = "kache release format=1 version=0.2.0 expires=2027-05-29";
        assert_eq!(read(comment).unwrap(), "0.2.0 2027-05-29");
        let comment = "kache release expires=2027-05-29 date=now version=0.2.0-rc.1 format=1";
        assert_eq!(read(comment).unwrap(), "0.2.0-rc.1 2027-05-29");
        for comment in [
            "",
            "timestamp:1\tfile:SHA256SUMS",
            "kache release version=0.2.0 expires=2027-05-29",
            "x kache release format=1",
            "kache release format=1 version=../x expires=2027-05-29",
            "kache release format=1 version=0.2.0+a expires=2027-05-29",
            "kache release format=1 version=v0.2.0 expires=2027-05-29",
            "kache release format=1 version=0.2 expires=2027-05-29",
            "kache release format=1 version=0.2.0",
            "kache release format=1 version=0.2.0 expires=never",
            "kache release format=1 version=0.2.0 expires=2027-5-29",
        ] {
            assert!(matches!(named(comment), Err(BadRelease::Unnamed { .. })), "{comment}");
        }
        assert!(matches!(named("kache release format=2 version=1"), Err(BadRelease::Format { .. })));
    }

    #[test]
    fn the_asset_is_named_by_the_target() {
        assert_eq!(asset_name("x86_64-unknown-linux-musl"), "kache-x86_64-unknown-linux-musl.tar.gz");
        assert_eq!(asset_name("aarch64-pc-windows-msvc"), "kache-aarch64-pc-windows-msvc.exe");
    }
}

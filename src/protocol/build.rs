//! The identity of a build of kache.
//!
//! A stamp is compiled into the program. Unlike a path or a modification time, it stays the same wherever the file is
//! copied: installers, archives and package stores set those as they like.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stamp, as text that can be found in the binary by its first word.
static STAMP: &str = concat!("kache-build ", env!("BUILD_STAMP"));

/// One build of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Build {
    pub id: BuildId,
    pub version: String,
    /// Orders builds of one version: seconds since 1970 of the commit; 0 where unknown.
    pub time: u64,
    /// Whether it is a development build rather than a release. These have a socket of their own.
    pub is_dev: bool,
}

/// Equal only for equal builds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "String", try_from = "String")]
pub struct BuildId(pub [u8; 16]);

impl Build {
    /// This build.
    pub fn current() -> Build {
        // Read at run time, so that the bytes in the file are what counts.
        Build::parse(std::hint::black_box(STAMP)).expect("build.rs writes it in this form")
    }

    fn parse(stamp: &str) -> Option<Build> {
        Some(Build {
            id: BuildId::try_from(field(stamp, "id")?.to_owned()).ok()?,
            version: field(stamp, "version")?.to_owned(),
            time: field(stamp, "time")?.parse().ok()?,
            is_dev: field(stamp, "dev")? != "0",
        })
    }

    /// Whether this build was made after `other`: by version, then by time. Development builds are not ordered.
    #[cfg(feature = "cli")]
    pub fn is_newer_than(&self, other: &Build) -> bool {
        !self.is_dev && !other.is_dev && self.rank() > other.rank()
    }

    /// The version without metadata, and the time. An invalid version is older than every valid one.
    #[cfg(feature = "cli")]
    fn rank(&self) -> (Option<semver::Version>, u64) {
        let without_metadata = self.version.split('+').next().unwrap_or_default();
        (semver::Version::parse(without_metadata).ok(), self.time)
    }
}

/// The value of `name=value` in a stamp.
fn field<'a>(stamp: &'a str, name: &str) -> Option<&'a str> {
    stamp.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dev = if self.is_dev { "-dev" } else { "" };
        write!(f, "{}{dev} ({})", self.version, &String::from(self.id)[..8])
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl From<BuildId> for String {
    fn from(id: BuildId) -> String {
        format!("{:032x}", u128::from_be_bytes(id.0))
    }
}

impl TryFrom<String> for BuildId {
    type Error = &'static str;

    fn try_from(hex: String) -> Result<BuildId, &'static str> {
        if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("a build id has 32 hexadecimal digits");
        }
        let id = u128::from_str_radix(&hex, 16).map_err(|_| "a build id is a hexadecimal number")?;
        Ok(BuildId(id.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: &str, time: u64, is_dev: bool) -> Build {
        Build { id: BuildId([0; 16]), version: version.to_owned(), time, is_dev }
    }

    #[test]
    fn this_build_has_a_stamp() {
        let build = Build::current();
        assert_ne!(build.id, BuildId([0; 16]));
        assert_eq!(build.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(serde_json::from_str::<Build>(&serde_json::to_string(&build).unwrap()).unwrap(), build);
    }

    #[test]
    #[cfg(feature = "cli")]
    fn builds_are_ordered_by_version_then_time_and_never_by_id() {
        let newest_first = ["1.10.0", "1.9.2", "1.9.2-rc.10", "1.9.2-rc.9", "1.9.2-beta", "0.9.9", "none"];
        for (index, newer) in newest_first.iter().enumerate() {
            for older in &newest_first[index + 1..] {
                assert!(build(newer, 1, false).is_newer_than(&build(older, 2, false)), "{newer} {older}");
                assert!(!build(older, 2, false).is_newer_than(&build(newer, 1, false)), "{older} {newer}");
            }
        }
        assert!(build("1.0.0", 2, false).is_newer_than(&build("1.0.0+abc", 1, false)));
        assert!(!build("1.0.0", 1, false).is_newer_than(&build("1.0.0", 1, false)));
        assert!(!build("2.0.0", 1, true).is_newer_than(&build("1.0.0", 1, false)));
        assert!(!build("2.0.0", 1, false).is_newer_than(&build("1.0.0", 1, true)));
    }
}

//! The 32 bytes that each side sends first. Numbers are little-endian.
//!
//! ```text
//! 0  4  KCHE
//! 4  2  protocol major
//! 6  2  protocol minor
//! 8  16 build id
//! 24 4  flags: 1 = development build; others are ignored
//! 28 4  zero; ignored
//! ```

use super::build::{Build, BuildId};
use super::{VERSION, Version};

/// The length of a hello.
pub const HELLO_BYTES: usize = 32;

const MAGIC: [u8; 4] = *b"KCHE";
const FLAG_DEV: u32 = 1;

/// What one side says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    pub protocol: Version,
    pub build: BuildId,
    pub is_dev: bool,
}

impl Hello {
    /// The hello of this build.
    pub fn new(build: &Build) -> Hello {
        Hello { protocol: VERSION, build: build.id, is_dev: build.is_dev }
    }

    /// The bytes to send.
    pub fn encode(&self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&self.protocol.major.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.protocol.minor.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.build.0);
        bytes[24..28].copy_from_slice(&(if self.is_dev { FLAG_DEV } else { 0 }).to_le_bytes());
        bytes
    }

    /// The hello in received bytes; `None` if the peer is not kache.
    pub fn decode(bytes: &[u8; HELLO_BYTES]) -> Option<Hello> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (major, rest) = rest.split_first_chunk::<2>()?;
        let (minor, rest) = rest.split_first_chunk::<2>()?;
        let (build, rest) = rest.split_first_chunk::<16>()?;
        let (flags, _) = rest.split_first_chunk::<4>()?;
        (*magic == MAGIC).then(|| Hello {
            protocol: Version { major: u16::from_le_bytes(*major), minor: u16::from_le_bytes(*minor) },
            build: BuildId(*build),
            is_dev: u32::from_le_bytes(*flags) & FLAG_DEV != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_form_never_changes() {
        let hello = Hello {
            protocol: Version { major: 0x0102, minor: 3 },
            build: BuildId(*b"0123456789abcdef"),
            is_dev: true,
        };
        let bytes = *b"KCHE\x02\x01\x03\x000123456789abcdef\x01\0\0\0\0\0\0\0";
        assert_eq!(hello.encode(), bytes);
        assert_eq!(Hello::decode(&bytes), Some(hello));
    }

    #[test]
    fn what_later_versions_may_add_is_ignored() {
        let mut bytes = Hello::new(&Build::current()).encode();
        bytes[25..].fill(0xff);
        assert_eq!(Hello::decode(&bytes), Some(Hello::new(&Build::current())));
    }

    #[test]
    fn other_programs_are_not_taken_for_kache() {
        assert_eq!(Hello::decode(b"GET / HTTP/1.1\r\nHost: localhost\r"), None);
        assert_eq!(Hello::decode(&[0; HELLO_BYTES]), None);
    }
}

//! Content digests: the one place that names BLAKE3.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::sys::defence;

/// How much is read at once. On the stack, and not larger than what BLAKE3 needs to use all lanes of the processor: most
/// files that are hashed are small, and the buffer is zeroed for each.
const PIECE_BYTES: usize = 16 * 1024;

/// A 256-bit BLAKE3 digest. Written as 64 lower-case hexadecimal digits everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn hash(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of `bytes` under a secret key. Without the key, a guess of `bytes` cannot be checked.
    pub fn keyed(key: &[u8; 32], bytes: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(key, bytes).as_bytes())
    }

    /// The digest of everything that `reader` yields, and how many bytes that were.
    pub fn hash_reader(reader: &mut impl Read) -> io::Result<(Digest, u64)> {
        let mut hasher = Hasher::new();
        let mut buffer = [0; PIECE_BYTES];
        let mut n_bytes = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok((hasher.finish(), n_bytes)),
                Ok(n) => {
                    hasher.raw(&buffer[..n]);
                    n_bytes += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The raw 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest from its raw 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0
            .iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char])
            .collect()
    }

    /// The first eight bytes as a number: for places where a check needs fewer bits.
    pub fn prefix_u64(&self) -> u64 {
        self.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// A text is not the 64 lower-case hexadecimal digits of a digest.
#[derive(Debug, thiserror::Error)]
#[error("not a digest of 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Digest, NotADigest> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return Err(NotADigest);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Ok(Digest(bytes))
    }
}

fn hex_value(digit: u8) -> Result<u8, NotADigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotADigest),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex()[..12])
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Feeds fields into a digest so that no two different sequences of fields can meet: each one carries its length.
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// An empty hasher.
    #[expect(clippy::new_without_default, reason = "a hasher is always made on purpose")]
    pub fn new() -> Hasher {
        Hasher(blake3::Hasher::new())
    }

    /// Bytes without a length before them: only for content that is hashed alone.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// One field: its length as eight little-endian bytes, then its bytes.
    pub fn field(&mut self, bytes: &[u8]) {
        if defence::stands("fields-have-their-length") {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
        }
        self.0.update(bytes);
    }

    /// A number as one field of eight little-endian bytes.
    pub fn number(&mut self, number: u64) {
        self.field(&number.to_le_bytes());
    }

    /// The digest of all that was fed.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

/// The modification time of a file in the store, which shows whether the file still is what was put there.
///
/// It is the time at which the file was made, moved back by at most [`seal::STEP_NS`] to one whose lowest bits are those
/// of the digest. Whatever writes to the file later sets another time; that one fits by chance once in 262,144 times. The
/// rest of the time stays, because cargo compares the times of outputs: those of one build are in the order in which they
/// were made, before and after they are sealed, since no compile takes less than a step.
///
/// Where a file system cannot hold such a time, the seal is a second in the years 2001 and 2002.
pub mod seal {
    use std::time::{Duration, SystemTime};

    use super::Digest;

    /// What NTFS can hold, in nanoseconds.
    const UNIT_NS: i64 = 100;

    /// Times that differ in nothing but the lowest bits, in units.
    const UNITS: i64 = 1 << 18;

    /// How far a time can be moved: 26 ms.
    pub const STEP_NS: i64 = UNITS * UNIT_NS;

    const FIRST_SECOND: u64 = 1_000_000_000;

    /// The seal of a file that was made at `made_ns`, in nanoseconds since 1970.
    pub fn near(digest: &Digest, made_ns: i64) -> i64 {
        let made = made_ns.div_euclid(UNIT_NS);
        let sealed = made - made.rem_euclid(UNITS) + low_bits(digest);
        (if sealed > made { sealed - UNITS } else { sealed }) * UNIT_NS
    }

    fn low_bits(digest: &Digest) -> i64 {
        (digest.prefix_u64() >> 32) as i64 & (UNITS - 1)
    }

    /// The seal where times are coarse.
    pub fn coarse(digest: &Digest) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(coarse_seconds(digest))
    }

    /// An even second: the coarsest that file systems have.
    fn coarse_seconds(digest: &Digest) -> u64 {
        FIRST_SECOND + (digest.prefix_u64() & 0xff_ffff) * 2
    }

    /// Whether a modification time, in nanoseconds since 1970, may be a seal of which an archive has kept whole seconds. Only
    /// the content tells.
    pub fn may_be_cut_off(modified_ns: i64) -> bool {
        modified_ns % 1_000_000_000 == 0
    }

    /// Whether a modification time, in nanoseconds since 1970, shows that a file was written to.
    pub fn is_broken(digest: &Digest, modified_ns: i64) -> bool {
        !matches(digest, modified_ns) && !may_be_cut_off(modified_ns)
    }

    /// Whether a modification time, in nanoseconds since 1970, is a seal of `digest`.
    pub fn matches(digest: &Digest, modified_ns: i64) -> bool {
        near(digest, modified_ns) == modified_ns
            || modified_ns == coarse_seconds(digest) as i64 * 1_000_000_000
            || !crate::sys::defence::stands("the-seal-of-a-blob")
    }
}

/// Bytes that end with their own digest, so that damage shows.
pub mod guard {
    use super::Digest;

    const LENGTH: usize = 1 + 64;

    /// `bytes` with their digest behind them.
    pub fn add(mut bytes: Vec<u8>) -> Vec<u8> {
        let hex = Digest::hash(&bytes).to_hex();
        bytes.push(b'\n');
        bytes.extend_from_slice(hex.as_bytes());
        bytes
    }

    /// What [`add`] was given; `None` where that is no longer what stands there.
    pub fn check(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let length = bytes.len().checked_sub(LENGTH)?;
        let (body, digest) = bytes.split_at(length);
        let digest: Digest = std::str::from_utf8(digest.strip_prefix(b"\n")?).ok()?.parse().ok()?;
        let is_whole = Digest::hash(body) == digest || !crate::sys::defence::stands("damage-in-stored-files");
        bytes.truncate(length);
        is_whole.then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_near_the_time_of_its_file_and_of_no_other_content() {
        let (digest, other) = (Digest::hash(b"kache"), Digest::hash(b"other"));
        for made_ns in [0, 1_790_000_000_123_456_789, 1_790_000_000_999_999_999, 1_000_000_000_000_000_000] {
            let sealed = seal::near(&digest, made_ns);
            assert!((made_ns - seal::STEP_NS..=made_ns).contains(&sealed), "{made_ns}: {sealed}");
            assert_eq!(sealed % 100, 0, "what NTFS can hold");
            assert!(seal::matches(&digest, sealed) && !seal::matches(&other, sealed));
            assert_eq!(seal::near(&digest, sealed), sealed, "a seal is not moved");
            for written_ns in [made_ns + 1, made_ns + 4_000_000, made_ns + 1_000_000_000] {
                assert!(!seal::matches(&digest, written_ns), "{written_ns}");
            }
        }
    }

    #[test]
    fn outputs_that_are_made_one_after_another_stay_in_order() {
        let made_ns = 1_790_000_000_123_456_789;
        for n in 0..1000_i64 {
            let (first, second) = (Digest::hash(&n.to_le_bytes()), Digest::hash(&(-n - 1).to_le_bytes()));
            let made_ns = made_ns + n * 1_234_567;
            let sealed = seal::near(&first, made_ns);
            assert!(sealed <= seal::near(&second, made_ns + seal::STEP_NS), "{n}");
        }
    }

    #[test]
    fn hex_goes_there_and_back() {
        let digest = Digest::hash(b"kache");
        assert_eq!(digest, digest.to_hex().parse().expect("own hex parses"));
    }

    #[test]
    fn upper_case_and_wrong_lengths_are_refused() {
        let hex = Digest::hash(b"kache").to_hex();
        assert!(hex.to_uppercase().parse::<Digest>().is_err());
        assert!(hex[1..].parse::<Digest>().is_err());
        assert!(format!("{hex}0").parse::<Digest>().is_err());
    }

    #[test]
    fn any_damage_to_guarded_bytes_shows() {
        let guarded = guard::add(b"{}".to_vec());
        assert_eq!(guard::check(guarded.clone()).as_deref(), Some(b"{}".as_slice()));
        for at in 0..guarded.len() {
            let mut damaged = guarded.clone();
            damaged[at] ^= 0x20;
            assert_eq!(guard::check(damaged), None, "{at}");
            assert_eq!(guard::check(guarded[..at].to_vec()), None, "{at}");
        }
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let digest = |fields: &[&str]| {
            let mut hasher = Hasher::new();
            fields.iter().for_each(|field| hasher.field(field.as_bytes()));
            hasher.finish()
        };
        assert_ne!(digest(&["a", "bc"]), digest(&["ab", "c"]));
    }
}

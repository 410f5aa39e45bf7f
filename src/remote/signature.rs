//! Signatures of packs, in the format of minisign: who wrote a pack, and whether that is believed.
//!
//! Keys and signatures can be made and checked with `minisign` too. A secret key is not encrypted: it is used by machines,
//! which would have to keep its password beside it (`minisign -G -W` makes such a key).

use std::fmt;

use ed25519_compact::{KeyPair, SecretKey, Seed};
use minisign_verify::{PublicKey, Signature};

use crate::remote::base64;
use crate::sys::random;

/// The algorithm of keys, and of signatures of a hash of the content.
const KEY: [u8; 2] = *b"Ed";
const PREHASHED: [u8; 2] = *b"ED";
/// A key that is not encrypted, and one that is.
const NO_PASSWORD: [u8; 2] = [0, 0];
const WITH_PASSWORD: [u8; 2] = *b"Sc";
const CHECKSUM: [u8; 2] = *b"B2";

/// Where the parts of a secret key are: after the algorithms follow a salt and two limits, all for the password.
const ID: std::ops::Range<usize> = 54..62;
const SECRET: std::ops::Range<usize> = 62..126;
const SUM: std::ops::Range<usize> = 126..158;

/// A key to sign with.
#[derive(Clone)]
pub struct SigningKey {
    id: [u8; 8],
    secret: SecretKey,
}

/// Secrets are not printed.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

/// Why a text is not a key to sign with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("not a secret key of minisign")]
    Format,
    #[error("the secret key is encrypted with a password")]
    Encrypted,
    #[error("the secret key is damaged")]
    Damaged,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no source of randomness.
    pub fn generate() -> std::io::Result<SigningKey> {
        let id = random::secret_bytes()?;
        let pair = KeyPair::from_seed(Seed::new(random::secret_bytes()?));
        let id = std::array::from_fn(|index| id[index]);
        Ok(SigningKey { id, secret: pair.sk })
    }

    /// The key in the text of a file, or in its second line alone.
    pub fn parse(text: &str) -> Result<SigningKey, NotAKey> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).ok_or(NotAKey::Format)?;
        let bytes = base64::decode(line).ok_or(NotAKey::Format)?;
        if bytes.len() != SUM.end || bytes[..2] != KEY || bytes[4..6] != CHECKSUM {
            return Err(NotAKey::Format);
        }
        if bytes[2..4] == WITH_PASSWORD {
            return Err(NotAKey::Encrypted);
        }
        if bytes[2..4] != NO_PASSWORD {
            return Err(NotAKey::Format);
        }
        let secret = SecretKey::from_slice(&bytes[SECRET]).map_err(|_| NotAKey::Damaged)?;
        let mut id = [0; 8];
        id.copy_from_slice(&bytes[ID]);
        let key = SigningKey { id, secret };
        let is_whole = bytes[SUM] == key.checksum() && KeyPair::from_seed(key.secret.seed()).sk == key.secret;
        if is_whole { Ok(key) } else { Err(NotAKey::Damaged) }
    }

    /// The text of its file.
    pub fn to_text(&self) -> String {
        let mut bytes = [&KEY[..], &NO_PASSWORD, &CHECKSUM, &[0; 48], &self.id].concat();
        bytes.extend_from_slice(&self.secret[..]);
        bytes.extend_from_slice(&self.checksum());
        format!("untrusted comment: kache secret key {}\n{}\n", self.id(), base64::encode(&bytes))
    }

    fn checksum(&self) -> [u8; 32] {
        let mut hash = blake2b_simd::Params::new().hash_length(32).to_state();
        hash.update(&KEY).update(&self.id).update(&self.secret[..]);
        let hash = hash.finalize();
        std::array::from_fn(|index| hash.as_bytes()[index])
    }

    /// The public key, as it is written in settings.
    pub fn public(&self) -> String {
        base64::encode(&[&KEY[..], &self.id, &self.secret.public_key()[..]].concat())
    }

    /// The name of the key, as minisign writes it.
    pub fn id(&self) -> String {
        format!("{:016X}", u64::from_le_bytes(self.id))
    }

    /// The signature of `content`.
    pub fn sign(&self, content: &[u8], comment: &str) -> String {
        let hash = blake2b_simd::blake2b(content);
        let signature = self.secret.sign(hash.as_bytes(), None);
        let global = self.secret.sign([&signature[..], comment.as_bytes()].concat(), None);
        let first = base64::encode(&[&PREHASHED[..], &self.id, &signature[..]].concat());
        format!(
            "untrusted comment: signature from a kache secret key\n{first}\ntrusted comment: {comment}\n{}\n",
            base64::encode(&global[..])
        )
    }
}

/// Whose packs are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of all who can write to the remote.
    Bucket,
    /// Those that were signed with one of these keys.
    Signed(Vec<TrustedKey>),
}

/// A key that is believed.
#[derive(Clone)]
pub struct TrustedKey {
    text: String,
    key: PublicKey,
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TrustedKey {
    /// The key in the text of a file, or in its second line alone.
    pub fn parse(text: &str) -> Option<TrustedKey> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        let key = PublicKey::from_base64(line).ok()?;
        Some(TrustedKey { text: line.to_owned(), key })
    }

    /// As it is written in settings.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Why something is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    #[error("it is not signed")]
    NotSigned,
    #[error("its signature cannot be read")]
    NoSignature,
    #[error("it is signed with a key that is not trusted")]
    OtherKey,
    #[error("its signature is invalid")]
    Invalid,
}

impl Trust {
    /// Checks that `content` is believed.
    pub fn check(&self, content: &[u8], signature: Option<&str>) -> Result<(), NotBelieved> {
        let Trust::Signed(keys) = self else { return Ok(()) };
        let signature = signature.ok_or(NotBelieved::NotSigned)?;
        let signature = Signature::decode(signature).map_err(|_| NotBelieved::NoSignature)?;
        let mut refusal = NotBelieved::OtherKey;
        for trusted in keys {
            match trusted.key.verify(content, &signature, false) {
                Ok(()) => return Ok(()),
                Err(minisign_verify::Error::UnexpectedKeyId) => {}
                Err(_) => refusal = NotBelieved::Invalid,
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(keys: &[&SigningKey]) -> Trust {
        Trust::Signed(keys.iter().map(|key| TrustedKey::parse(&key.public()).expect("a key")).collect())
    }

    #[test]
    fn a_key_is_read_back() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::parse(&key.to_text()).unwrap();
        assert_eq!((again.public(), again.id()), (key.public(), key.id()));
        let line = key.to_text().lines().nth(1).unwrap().to_owned();
        assert_eq!(SigningKey::parse(&line).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains(&line[..20]));
    }

    #[test]
    fn no_damaged_key_is_used() {
        let key = SigningKey::generate().unwrap();
        let bytes = base64::decode(key.to_text().lines().nth(1).unwrap()).unwrap();
        for at in (0..6).chain(ID.start..SUM.end) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(SigningKey::parse(&base64::encode(&damaged)).is_err(), "{at}");
        }
        let mut encrypted = bytes.clone();
        encrypted[2..4].copy_from_slice(b"Sc");
        assert_eq!(SigningKey::parse(&base64::encode(&encrypted)).unwrap_err(), NotAKey::Encrypted);
        for text in ["", "x", "untrusted comment: y\n", "RWQ="] {
            assert_eq!(SigningKey::parse(text).unwrap_err(), NotAKey::Format, "{text:?}");
        }
    }

    #[test]
    fn only_trusted_keys_are_believed() {
        let [key, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let signature = key.sign(b"content", "comment");
        let check = |trust: &Trust, content: &[u8], signature: Option<&str>| trust.check(content, signature);
        assert_eq!(check(&trust(&[&other, &key]), b"content", Some(&signature)), Ok(()));
        assert_eq!(check(&trust(&[&other]), b"content", Some(&signature)), Err(NotBelieved::OtherKey));
        assert_eq!(check(&trust(&[]), b"content", Some(&signature)), Err(NotBelieved::OtherKey));
        assert_eq!(check(&trust(&[&key]), b"Content", Some(&signature)), Err(NotBelieved::Invalid));
        assert_eq!(check(&trust(&[&key]), b"content", None), Err(NotBelieved::NotSigned));
        assert_eq!(check(&trust(&[&key]), b"content", Some("x")), Err(NotBelieved::NoSignature));
        assert_eq!(check(&Trust::Bucket, b"content", None), Ok(()));
        // The comment is signed too.
        let altered = signature.replace("trusted comment: comment", "trusted comment: other");
        assert_eq!(check(&trust(&[&key]), b"content", Some(&altered)), Err(NotBelieved::Invalid));
    }

    #[test]
    fn a_key_that_pretends_to_be_another_is_not_believed() {
        let [key, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let pretender = SigningKey { id: key.id, ..other };
        let signature = pretender.sign(b"content", "comment");
        assert_eq!(trust(&[&key]).check(b"content", Some(&signature)), Err(NotBelieved::Invalid));
    }
}

//! Digests of files that kache has placed, put or hashed before, so that the next process need not read them again.
//!
//! A memo is a table of fixed slots in the build directory (`target/.kache/digests-1`); it vanishes with it. A file
//! is known by its [`Identity`]. Each slot carries a check sum, so that a torn, foreign or damaged one is no answer.
//! A memo is only ever a shortcut: wrong or missing, it costs time.
//!
//! Cargo sets the modification time of some outputs back to when it started the compiler, right after that ended. An
//! artifact is therefore the same as long as its modification time did not grow, and its change time not by more than
//! what cargo takes for that. Sources are held to the letter: `cp -p` sets times back as well.
//!
//! A file whose modification time is the seal of its digest (see [`crate::store::blob`]) is recognized whatever its
//! change time says: every hard link that comes or goes changes that.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher, seal};
use crate::sys::clock;
use crate::sys::fs::{self, Identity};

/// Directory of kache's own files in a build directory.
pub const DIR: &str = ".kache";
const FILE: &str = "digests-1";

const SLOT_BYTES: usize = 88;
const WAYS: usize = 4;
const SETS: u64 = 8192;

/// A file that changed this shortly before it was hashed might change again within the same tick of its clock.
const RACY_NS: i64 = 2_000_000_000;

/// How long after a compile cargo may still set the time of its outputs.
const CARGO_STAMPS_NS: i64 = 60_000_000_000;

/// What is known of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub digest: Digest,
    pub reach: ReachNote,
}

/// What is known about the crates behind an artifact; the whole of it is in [`crate::store::reach`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ReachNote {
    /// Nothing is noted.
    #[default]
    Unknown = 0,
    /// No procedural macro with hidden inputs can be reached.
    Plain = 1,
    /// A procedural macro with possibly hidden inputs can be reached, or is this artifact.
    Macros = 2,
}

/// The table of one build directory; opened when first asked.
pub struct Memo {
    path: Option<PathBuf>,
    file: OnceCell<Option<File>>,
}

impl Memo {
    /// The memo of the build directory `target`, or one that knows nothing.
    pub fn of(target: Option<&Path>) -> Memo {
        Memo { path: target.map(|target| target.join(DIR).join(FILE)), file: OnceCell::new() }
    }

    fn file(&self) -> Option<&File> {
        let open = || {
            let path = self.path.as_ref()?;
            if let Ok(file) = fs::open_table(path) {
                return Some(file);
            }
            fs::create_dir_all(path.parent()?).ok()?;
            fs::open_table(path).ok()
        };
        self.file.get_or_init(open).as_ref()
    }

    /// What is known of the file with this identity.
    pub fn get(&self, identity: &Identity) -> Option<Known> {
        let mut set = [0; SLOT_BYTES * WAYS];
        let n_bytes = fs::read_at(self.file()?, &mut set, set_position(identity)).ok()?;
        set[..n_bytes].chunks_exact(SLOT_BYTES).find_map(|slot| decode(slot, identity))
    }

    /// Notes the content of the file with this identity. The same file replaces what was noted of it; else the
    /// oldest of the set goes.
    pub fn set(&self, identity: &Identity, known: Known) {
        let Some(file) = self.file() else { return };
        let position = set_position(identity);
        let mut set = [0; SLOT_BYTES * WAYS];
        let Ok(n_bytes) = fs::read_at(file, &mut set, position) else { return };
        let same_file = encode(identity, known);
        let way = set[..n_bytes]
            .chunks_exact(SLOT_BYTES)
            .position(|slot| slot[..16] == same_file[..16] || slot[16..24] == [0; 8])
            .unwrap_or_else(|| {
                if n_bytes < set.len() {
                    n_bytes / SLOT_BYTES
                } else {
                    usize::from(known.digest.as_bytes()[0]) % WAYS
                }
            });
        let _ = fs::write_at(file, &same_file, position + (way * SLOT_BYTES) as u64);
    }

    /// The content digest of the file at `path`, and the identity it was found under. Reads the file unless it is
    /// known; notes it unless it is too young.
    pub fn digest(&self, path: &Path) -> io::Result<(Known, Identity)> {
        let identity = Identity::at(path)?;
        if let Some(known) = self.get(&identity) {
            return Ok((known, identity));
        }
        let (digest, identity) = hash_file(path)?;
        let known = Known { digest, reach: ReachNote::Unknown };
        if !is_racy(&identity) {
            self.set(&identity, known);
        }
        Ok((known, identity))
    }
}

/// Whether a file could still be written to without its identity showing it.
pub fn is_racy(identity: &Identity) -> bool {
    let now_ns = (clock::now_ms() as i64).saturating_mul(1_000_000);
    identity.modified_ns.max(identity.changed_ns) > now_ns - RACY_NS
}

/// The digest of a regular file and its identity, which is the same before and after reading.
pub fn hash_file(path: &Path) -> io::Result<(Digest, Identity)> {
    fs::read_unchanged(path, Digest::of_reader)
}

fn set_position(identity: &Identity) -> u64 {
    let mixed = (identity.inode ^ identity.device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = if identity.inode == 0 { mixed ^ identity.size ^ identity.changed_ns as u64 } else { mixed };
    (mixed >> 32) % SETS * (SLOT_BYTES * WAYS) as u64
}

/// device · inode · size+1 · modified · changed (eight bytes each) · digest · reach · check sum
fn encode(identity: &Identity, known: Known) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&identity.device.to_le_bytes());
    slot[8..16].copy_from_slice(&identity.inode.to_le_bytes());
    slot[16..24].copy_from_slice(&identity.size.wrapping_add(1).to_le_bytes());
    slot[24..32].copy_from_slice(&identity.modified_ns.to_le_bytes());
    slot[32..40].copy_from_slice(&identity.changed_ns.to_le_bytes());
    slot[40..72].copy_from_slice(known.digest.as_bytes());
    slot[72] = known.reach as u8;
    let check = check_sum(&slot[..80]);
    slot[80..].copy_from_slice(&check);
    slot
}

fn decode(slot: &[u8], identity: &Identity) -> Option<Known> {
    if slot.get(80..)? != check_sum(slot.get(..80)?) {
        return None;
    }
    let digest = Digest::from_bytes(slot[40..72].try_into().ok()?);
    let reach = match slot[72] {
        1 => ReachNote::Plain,
        2 => ReachNote::Macros,
        _ => ReachNote::Unknown,
    };
    let known = Known { digest, reach };
    let expected = encode(identity, known);
    let number = |at: usize| slot[at..at + 8].try_into().map(i64::from_le_bytes).unwrap_or_default();
    let noted = Identity { modified_ns: number(24), changed_ns: number(32), ..*identity };
    let is_same_file = slot[..24] == expected[..24];
    let is_sealed = noted.modified_ns == identity.modified_ns && seal::matches(&digest, identity.modified_ns);
    let is_unchanged =
        noted == *identity || is_sealed || reach != ReachNote::Unknown && is_stamped(&noted, identity);
    (is_same_file && is_unchanged).then_some(known)
}

/// Whether an artifact differs from what was noted by no more than what cargo does to it.
fn is_stamped(noted: &Identity, now: &Identity) -> bool {
    let later_ns = now.changed_ns.saturating_sub(noted.changed_ns);
    now.modified_ns <= noted.modified_ns && (0..=CARGO_STAMPS_NS).contains(&later_ns)
}

fn check_sum(bytes: &[u8]) -> [u8; 8] {
    let mut hasher = Hasher::new();
    hasher.raw(bytes);
    hasher.finish().prefix_u64().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Known {
        Known { digest: Digest::of(text.as_bytes()), reach: ReachNote::Unknown }
    }

    fn identity(inode: u64) -> Identity {
        Identity { device: 1, inode, size: 5, modified_ns: 10, changed_ns: 20, executable: false }
    }

    #[test]
    fn what_was_noted_is_found_and_a_changed_file_is_not() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        memo.set(&identity(7), known("a"));
        let memo = Memo::of(Some(dir.path()));
        assert_eq!(memo.get(&identity(7)), Some(known("a")));
        assert_eq!(memo.get(&Identity { changed_ns: 21, ..identity(7) }), None);
        assert_eq!(memo.get(&Identity { size: 6, ..identity(7) }), None);
        assert_eq!(memo.get(&identity(8)), None);
    }

    /// Within one tick of its clock, a file can change and have the same identity.
    #[test]
    fn a_file_is_noted_only_when_it_is_too_old_to_change_unnoticed() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        let young = dir.path().join("young");
        fs::write_new(&young, b"a").expect("writes");
        // Whoever sets a time back changes the file now.
        fs::set_modified(&young, std::time::SystemTime::UNIX_EPOCH).expect("sets a time");
        for (path, is_noted) in [(young.as_path(), false), (Path::new(env!("CARGO")), true)] {
            let (known, identity) = memo.digest(path).expect("is read");
            assert_eq!(memo.get(&identity).is_some(), is_noted, "{}", path.display());
            assert_eq!(crate::key::read::Seen::settled(0, &identity, known.digest).is_some(), is_noted);
        }
    }

    #[test]
    fn a_sealed_file_is_known_by_its_seal_after_links_came_and_went() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        let sealed = Identity { modified_ns: crate::digest::seal::of_ns(&known("a").digest), ..identity(7) };
        memo.set(&sealed, known("a"));
        assert_eq!(memo.get(&Identity { changed_ns: 99, ..sealed }), Some(known("a")));
    }

    #[test]
    fn an_artifact_that_cargo_stamped_is_known_and_one_that_was_written_to_is_not() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        let artifact = Known { reach: ReachNote::Plain, ..known("a") };
        memo.set(&identity(7), artifact);
        let stamped = Identity { modified_ns: 9, changed_ns: 25, ..identity(7) };
        assert_eq!(memo.get(&stamped), Some(artifact));
        assert_eq!(memo.get(&Identity { modified_ns: 11, ..stamped }), None);
        assert_eq!(memo.get(&Identity { changed_ns: 20 + CARGO_STAMPS_NS + 1, ..stamped }), None);
        assert_eq!(memo.get(&Identity { changed_ns: 19, ..stamped }), None);
        memo.set(&identity(8), known("source"));
        assert_eq!(memo.get(&Identity { inode: 8, ..stamped }), None);
    }

    #[test]
    fn many_files_fit_and_damage_is_no_answer() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        let n_found =
            (0..4000).inspect(|n| memo.set(&identity(*n), known(&n.to_string()))).collect::<Vec<_>>();
        let n_found =
            n_found.iter().filter(|n| memo.get(&identity(**n)) == Some(known(&n.to_string()))).count();
        assert!(n_found > 3900, "{n_found}");
        drop(memo);
        let path = dir.path().join(DIR).join(FILE);
        let mut bytes = fs::read(&path).expect("reads");
        bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::remove(&path).expect("removes");
        fs::write_new(&path, &bytes).expect("writes");
        assert!((0..4000).all(|n| Memo::of(Some(dir.path())).get(&identity(n)).is_none()));
    }
}

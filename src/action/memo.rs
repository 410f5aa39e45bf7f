//! Digests of files that kache has placed, put or hashed before, so that the next process need not read them again.
//!
//! A memo is a table of fixed slots in the build directory (`target/.kache/digests-1`); it vanishes with it. A file
//! is known by its [`Identity`]. Each slot carries a checksum, so that a torn, foreign or damaged one is no answer.
//! A memo that is missing costs time. One that another user can write to is not used, and no link is followed to it.
//!
//! If the size or a time differs, the file is read again: a program that writes to a file in place can also restore its
//! modification time, and with it the seal of a blob. Two things change the times of an artifact whose content stays the
//! same. After `cargo check`, cargo sets the modification time of the metadata back to when it started the compiler;
//! and each hard link that comes or goes changes the change time. Then the file is read once, and its new state is
//! noted together with the crate closure of that content.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::sys::fs::{self, Identity, private};
use crate::sys::{clock, defence};

/// Directory of kache's own files in a build directory.
pub const DIR: &str = ".kache";
const FILE: &str = "digests-1";

const SLOT_BYTES: usize = 88;
const WAYS: usize = 4;
const SETS: u64 = 8192;

/// A file that changed this shortly before it was hashed might change again within the same tick of its clock.
const RACY_NS: i64 = 2_000_000_000;

/// The same for an artifact whose content has just been found to be what was noted before, on a file system that keeps
/// times by the nanosecond: some ticks of the kernel's clock.
const RACY_ARTIFACT_NS: i64 = 50_000_000;

/// What is known of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub digest: Digest,
    pub closure: ClosureNote,
}

/// What is known about the crates behind an artifact; the whole of it is in [`crate::key::closure`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ClosureNote {
    /// Nothing is noted.
    #[default]
    Unknown = 0,
    /// No procedural macro with hidden inputs can be reached.
    Plain = 1,
    /// A procedural macro with possibly hidden inputs can be reached, or is this artifact.
    Macros = 2,
    /// The artifact was compiled incrementally: its content is not known, and what depends on it has no key.
    Edited = 3,
}

/// The table of one build directory; opened when first asked.
pub struct Memo {
    dir: Option<PathBuf>,
    file: OnceCell<Option<File>>,
}

impl Memo {
    /// The memo of the build directory `target`, or one that knows nothing.
    pub fn of(target: Option<&Path>) -> Memo {
        Memo { dir: target.map(|target| target.join(DIR)), file: OnceCell::new() }
    }

    /// The memo of the build directory `target`, if there is one. Nothing is made there.
    pub fn existing(target: &Path) -> Memo {
        let dir = target.join(DIR);
        let file = private::open_existing_table(&dir, FILE).ok();
        Memo { dir: Some(dir), file: OnceCell::from(file) }
    }

    fn file(&self) -> Option<&File> {
        self.file.get_or_init(|| open(self.dir.as_ref()?)).as_ref()
    }

    /// What is known of the file with this identity.
    pub fn get(&self, identity: &Identity) -> Option<Known> {
        self.noted(identity)
            .filter(|(then, _)| {
                then == identity || !defence::stands("which-state-a-memo-knows") && then.size == identity.size
            })
            .map(|(_, known)| known)
    }

    /// What is noted of the same file with the same size, and in which state that was: in this very state, if it is.
    fn noted(&self, identity: &Identity) -> Option<(Identity, Known)> {
        let mut set = [0; SLOT_BYTES * WAYS];
        let n_bytes = fs::read_at(self.file()?, &mut set, set_position(identity)).ok()?;
        let mut noted = None;
        for slot in set[..n_bytes].chunks_exact(SLOT_BYTES) {
            if let Some((then, known)) = decode(slot, identity) {
                if then == *identity {
                    return Some((then, known));
                }
                noted = noted.or(Some((then, known)));
            }
        }
        noted
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

    /// Notes that the artifact at `path` was compiled incrementally. In place of its digest stands one that no content
    /// has.
    pub fn mark_edited(&self, path: &Path) {
        let Ok(identity) = Identity::at(path) else { return };
        let digest = Digest::hash(format!("compiled incrementally: {}", fs::unique_name()).as_bytes());
        self.set(&identity, Known { digest, closure: ClosureNote::Edited });
    }

    /// Whether the artifact at `path` is marked as compiled incrementally.
    pub fn is_edited(&self, path: &Path) -> bool {
        let noted = Identity::at(path).ok().and_then(|identity| self.noted(&identity));
        noted.is_some_and(|(_, known)| known.closure == ClosureNote::Edited) && is_crate_file(path)
    }

    /// The content digest of the file at `path`, and the identity it was found under. Reads the file unless it is
    /// known; notes it unless it is too young.
    pub fn digest(&self, path: &Path) -> io::Result<(Known, Identity)> {
        let identity = Identity::at(path)?;
        let noted = self.noted(&identity);
        // Whatever its times are: they change without the content, and an artifact that is wrongly taken for one that
        // was compiled incrementally costs one more such compile.
        if let Some((_, known)) = noted.filter(|(_, known)| known.closure == ClosureNote::Edited)
            && is_crate_file(path)
        {
            return Ok((known, identity));
        }
        if let Some((then, known)) = noted
            && (then == identity
                || !defence::stands("times-that-were-set-back") && then.modified_ns >= identity.modified_ns)
        {
            return Ok((known, identity));
        }
        let before_ns = now_ns();
        let (digest, identity) = hash_file(path)?;
        let same = noted.map(|(_, known)| known).filter(|known| known.digest == digest);
        let known = same.unwrap_or(Known { digest, closure: ClosureNote::Unknown });
        if is_settled(&identity, before_ns, known.closure != ClosureNote::Unknown) {
            self.set(&identity, known);
        }
        Ok((known, identity))
    }
}

/// Whether the name is that of a file that other crates are compiled against.
pub fn is_crate_file(path: &Path) -> bool {
    const SUFFIXES: [&str; 5] = ["rmeta", "rlib", "so", "dylib", "dll"];
    path.extension().is_some_and(|suffix| SUFFIXES.iter().any(|known| suffix == *known))
}

fn now_ns() -> i64 {
    (clock::now_ms() as i64).saturating_mul(1_000_000)
}

/// Whether a file could still be written to without its identity showing it.
pub fn is_racy(identity: &Identity) -> bool {
    !is_settled(identity, now_ns(), false)
}

/// Whether whatever is written after `now_ns` to a file in this state shows in its times.
fn is_settled(identity: &Identity, now_ns: i64, is_same_artifact: bool) -> bool {
    // Coarser clocks, and that of Windows, show two zeros at least.
    let is_precise = identity.changed_ns % 100 != 0;
    let racy_ns = if is_same_artifact && is_precise { RACY_ARTIFACT_NS } else { RACY_NS };
    let newest_ns = if defence::stands("change-times-make-files-young") {
        identity.modified_ns.max(identity.changed_ns)
    } else {
        identity.modified_ns
    };
    let racy_ns = if defence::stands("young-files-are-not-remembered") { racy_ns } else { -racy_ns };
    newest_ns <= now_ns - racy_ns
}

/// The digest of a regular file and its identity, which is the same before and after reading.
pub fn hash_file(path: &Path) -> io::Result<(Digest, Identity)> {
    fs::read_unchanged(path, Digest::hash_reader)
}

fn inode(identity: &Identity) -> u64 {
    if defence::stands("which-file-a-memo-knows") { identity.inode } else { identity.size }
}

fn set_position(identity: &Identity) -> u64 {
    let mixed = (inode(identity) ^ identity.device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = if identity.inode == 0 { mixed ^ identity.size ^ identity.changed_ns as u64 } else { mixed };
    (mixed >> 32) % SETS * (SLOT_BYTES * WAYS) as u64
}

/// device · inode · size+1 · modified · changed (eight bytes each) · digest · closure · checksum
fn encode(identity: &Identity, known: Known) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&identity.device.to_le_bytes());
    slot[8..16].copy_from_slice(&inode(identity).to_le_bytes());
    slot[16..24].copy_from_slice(&identity.size.wrapping_add(1).to_le_bytes());
    slot[24..32].copy_from_slice(&identity.modified_ns.to_le_bytes());
    slot[32..40].copy_from_slice(&identity.changed_ns.to_le_bytes());
    slot[40..72].copy_from_slice(known.digest.as_bytes());
    slot[72] = known.closure as u8;
    let check = check_sum(&slot[..80]);
    slot[80..].copy_from_slice(&check);
    slot
}

/// Opens the table in `dir`, and creates it where there is none.
fn open(dir: &Path) -> Option<File> {
    match private::open_table(dir, FILE) {
        Ok(file) => Some(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            private::create_dir_all(dir).ok()?;
            private::open_table(dir, FILE).ok()
        }
        Err(_) => None,
    }
}

fn decode(slot: &[u8], identity: &Identity) -> Option<(Identity, Known)> {
    if slot.get(80..)? != check_sum(slot.get(..80)?) {
        return None;
    }
    let digest = Digest::from_bytes(slot[40..72].try_into().ok()?);
    let closure = match slot[72] {
        1 => ClosureNote::Plain,
        2 => ClosureNote::Macros,
        3 => ClosureNote::Edited,
        _ => ClosureNote::Unknown,
    };
    let known = Known { digest, closure };
    let is_same_file = slot[..24] == encode(identity, known)[..24];
    let then = Identity { modified_ns: number(slot, 24), changed_ns: number(slot, 32), ..*identity };
    is_same_file.then_some((then, known))
}

fn number(slot: &[u8], at: usize) -> i64 {
    slot[at..at + 8].try_into().map(i64::from_le_bytes).unwrap_or_default()
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
        Known { digest: Digest::hash(text.as_bytes()), closure: ClosureNote::Unknown }
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
        // Setting a time back changes the file now.
        fs::set_modified(&young, std::time::SystemTime::UNIX_EPOCH).expect("sets a time");
        for (path, is_noted) in [(young.as_path(), false), (Path::new(env!("CARGO")), true)] {
            let (known, identity) = memo.digest(path).expect("is read");
            assert_eq!(memo.get(&identity).is_some(), is_noted, "{}", path.display());
            assert_eq!(
                crate::action::input_list::Seen::settled(0, &identity, known.digest).is_some(),
                is_noted
            );
        }
    }

    /// A program that writes in place may restore the modification time, even that of the seal of a blob.
    #[test]
    fn any_other_time_means_another_state() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        let artifact = Known { closure: ClosureNote::Plain, ..known("a") };
        let sealed_ns = crate::digest::seal::near(&artifact.digest, 1_700_000_000_000_000_000);
        let sealed = Identity { modified_ns: sealed_ns, ..identity(7) };
        for noted in [identity(7), sealed] {
            memo.set(&noted, artifact);
            assert_eq!(memo.get(&noted), Some(artifact));
            for (modified_ns, changed_ns) in [(0, 1), (-1, 1), (-1, 0), (1, 0), (0, -1), (0, 100)] {
                let other = Identity {
                    modified_ns: noted.modified_ns + modified_ns,
                    changed_ns: noted.changed_ns + changed_ns,
                    ..noted
                };
                assert_eq!(memo.get(&other), None, "{other:?}");
            }
        }
    }

    #[test]
    fn content_that_stayed_keeps_what_was_known_and_its_new_state_is_noted() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let memo = Memo::of(Some(dir.path()));
        let path = Path::new(env!("CARGO"));
        let identity = Identity::at(path).expect("is there");
        let stayed = Known { digest: hash_file(path).expect("reads").0, closure: ClosureNote::Macros };
        for (noted, found) in [
            (stayed, stayed),
            (
                Known { closure: ClosureNote::Plain, ..known("a") },
                Known { closure: ClosureNote::Unknown, ..stayed },
            ),
        ] {
            memo.set(&Identity { changed_ns: identity.changed_ns - 1, ..identity }, noted);
            assert_eq!(memo.get(&identity), None);
            assert_eq!(memo.digest(path).expect("reads"), (found, identity));
            assert_eq!(memo.get(&identity), Some(found));
        }
    }

    #[test]
    fn young_files_are_noted_if_they_are_artifacts_that_stayed_and_times_are_precise() {
        const NOW_NS: i64 = 1_000_000_000_123_456_789;
        for (age_ms, changed_ns, is_same_artifact, is_settled_then) in [
            (3000, 0, false, true),
            (1000, 0, false, false),
            (1000, 0, true, true),
            (60, 0, true, true),
            (40, 0, true, false),
            (-1000, 0, true, false),
            // The clock of the file system has two zeros.
            (1000, -89, true, false),
            (3000, -89, true, true),
        ] {
            let changed_ns = NOW_NS - age_ms * 1_000_000 + changed_ns;
            let state = Identity { modified_ns: 5, changed_ns, ..identity(7) };
            let settled = is_settled(&state, NOW_NS, is_same_artifact);
            assert_eq!(settled, is_settled_then, "{age_ms} {is_same_artifact}");
            // A time that was set back makes no file old, and one in the future none settled.
            let set = Identity { modified_ns: NOW_NS + 1, ..state };
            assert!(!is_settled(&set, NOW_NS, is_same_artifact));
        }
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

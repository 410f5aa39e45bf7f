//! The incremental directory of one unit, `<cargo's incremental directory>/kache/<crate>-<unit>`. Beside it is a file
//! that is locked while a compiler uses the directory, and that says how the last compile ended.
//!
//! It is not cargo's own directory, which is used without kache too: other arguments would throw away the compiler's
//! state there with each change. After a compile that did not end by itself (killed, a panic of the compiler), or in
//! which the compiler complained about its state, the state is removed. A compile that is stored begins without a state
//! and leaves one.
//!
//! Optimized code of an incremental compile is inlined across crates in another way than that of other compiles, and
//! what the compiler keeps of a crate does not tell them apart. So with optimizations, the state counts only as long as
//! the same dependencies are edits.

use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::digest::{Digest, Hasher};
use crate::key::context::KeyContext;
use crate::sys::lock::{self, FileLock};
use crate::sys::{defence, fs, os};

/// The directory, locked.
pub struct IncrementalDir {
    dir: PathBuf,
    lock: FileLock,
    dependencies: Digest,
}

/// How the last compile in a directory ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastCompile {
    /// Nothing is known of it: its state is not used.
    Unknown,
    Finished,
    /// There was an error in the sources.
    Failed,
}

impl LastCompile {
    fn word(self) -> &'static str {
        match self {
            LastCompile::Unknown => "running ",
            LastCompile::Finished => "finished",
            LastCompile::Failed => "failed  ",
        }
    }
}

/// Where the directory of this unit is, if cargo asks for one.
fn place(context: &KeyContext<'_>) -> Option<PathBuf> {
    let invocation = context.invocation;
    let cwd = &context.build_dirs.cwd;
    let asked = cwd.join(invocation.incremental.as_ref()?);
    let mut unit = Hasher::new();
    for output in context.outputs {
        unit.field(os::bytes(&cwd.join(&output.path)));
    }
    let name = format!("{}-{}", invocation.crate_name, &unit.finish().to_hex()[..16]);
    Some(asked.join("kache").join(name))
}

/// How the last compile in the directory of this unit ended.
pub fn last_compile(context: &KeyContext<'_>) -> LastCompile {
    let line = place(context).and_then(|place| fs::read(&state_file(&place)).ok());
    parse(&line.unwrap_or_default()).0
}

fn state_file(place: &Path) -> PathBuf {
    place.with_added_extension("state")
}

/// The word, and the dependencies that were edits.
fn parse(line: &[u8]) -> (LastCompile, &[u8]) {
    let known = [LastCompile::Finished, LastCompile::Failed];
    let found = known.into_iter().find(|last| line.starts_with(last.word().as_bytes()));
    let rest = line.get(9..).and_then(|rest| rest.strip_suffix(b"\n"));
    match (found, rest) {
        (Some(found), Some(rest)) => (found, rest),
        _ => (LastCompile::Unknown, b""),
    }
}

impl IncrementalDir {
    /// Locks the directory of the unit, and removes a state in it that does not count. `None`: cargo asks for none,
    /// another process has it, or it cannot be used.
    pub fn open(context: &KeyContext<'_>) -> Option<IncrementalDir> {
        let dir = IncrementalDir::locked(context)?;
        let line = fs::read(&state_file(&dir.dir)).unwrap_or_default();
        let (last, dependencies) = parse(&line);
        let counts = last != LastCompile::Unknown && dependencies == dir.dependencies.to_hex().as_bytes();
        if !counts && defence::stands("state-of-a-killed-compiler") {
            dir.clear().ok()?;
        }
        dir.note(LastCompile::Unknown)?;
        Some(dir)
    }

    /// The same for a compile that begins without a state: see [`IncrementalDir::emptied`].
    pub fn open_fresh(context: &KeyContext<'_>) -> Option<IncrementalDir> {
        let dir = IncrementalDir::locked(context)?;
        dir.note(LastCompile::Unknown)?;
        Some(dir)
    }

    fn locked(context: &KeyContext<'_>) -> Option<IncrementalDir> {
        let place = place(context)?;
        fs::create_dir_all(place.parent()?).ok()?;
        let lock = lock::try_lock(&state_file(&place)).ok()??;
        Some(IncrementalDir { dir: place, lock, dependencies: edited_dependencies(context) })
    }

    /// The path for `-C incremental`, of a directory with nothing in it.
    pub fn emptied(&self) -> Option<&Path> {
        if defence::stands("a-stored-compile-has-no-state") {
            self.clear().ok()?;
        }
        fs::create_dir_all(&self.dir).ok()?;
        Some(&self.dir)
    }

    fn clear(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.dir)
    }

    /// The path for `-C incremental`.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Notes how the compile ended: with this exit code, and these diagnostics.
    pub fn finish(self, exit_code: Option<i32>, stderr: &[u8]) {
        let last = match exit_code {
            _ if complains(stderr) => LastCompile::Unknown,
            Some(0) => LastCompile::Finished,
            Some(1) => LastCompile::Failed,
            _ => LastCompile::Unknown,
        };
        self.settle(last);
    }

    /// Notes whether a compile that began without a state has left one, and says so. One that failed has not.
    pub fn finish_fresh(self, is_whole: bool) -> bool {
        self.settle(if is_whole { LastCompile::Finished } else { LastCompile::Unknown });
        is_whole
    }

    fn settle(self, last: LastCompile) {
        if last == LastCompile::Unknown {
            let _ = fs::remove_dir_all(&self.dir);
        }
        self.note(last);
    }

    /// All lines are equally long: one write replaces the last one.
    fn note(&self, last: LastCompile) -> Option<()> {
        let line = format!("{} {}\n", last.word(), self.dependencies.to_hex());
        fs::write_at(self.lock.file(), line.as_bytes(), 0).ok().map(|_| ())
    }
}

/// The dependencies that are edits, where that matters.
fn edited_dependencies(context: &KeyContext<'_>) -> Digest {
    let mut edited = Hasher::new();
    if is_optimized(context) {
        for this in &context.invocation.externs {
            let Some(path) = &this.path else { continue };
            if context.memo.is_edited(&context.build_dirs.cwd.join(path)) {
                edited.field(this.name.as_bytes());
            }
        }
    }
    edited.finish()
}

/// Whether the code of the unit is optimized.
pub fn is_optimized(context: &KeyContext<'_>) -> bool {
    let invocation = context.invocation;
    let level = invocation.codegen("opt-level").next_back().flatten();
    level.is_some_and(|level| level != "0") || invocation.flags.iter().any(|flag| flag.name == "O")
}

/// Whether a compile with this exit code and these diagnostics has left a state.
pub fn is_whole(exit_code: Option<i32>, stderr: &[u8]) -> bool {
    exit_code == Some(0) && !complains(stderr)
}

/// Whether the compiler says something about its incremental state, other than that its file system has no links.
fn complains(stderr: &[u8]) -> bool {
    let mut about = stderr.split(|byte| *byte == b'\n').filter(|line| is_about_state(line));
    about.any(|line| memmem::find(line, b"hard linking files in the incremental").is_none())
}

/// Whether the compiler says something about its incremental state in this line. What it says of sources names a place
/// in them.
pub fn is_about_state(line: &[u8]) -> bool {
    let has_place = memmem::find(line, b"\"spans\":[{").is_some();
    memmem::find(line, b"incremental compilation").is_some() && !has_place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_says_nothing() {
        let digest = Digest::hash(b"").to_hex();
        let line = |last: LastCompile| format!("{} {digest}\n", last.word()).into_bytes();
        for last in [LastCompile::Finished, LastCompile::Failed, LastCompile::Unknown] {
            let line = line(last);
            let expected = if last == LastCompile::Unknown { "" } else { digest.as_str() };
            assert_eq!(parse(&line), (last, expected.as_bytes()));
            for n in 0..line.len() {
                assert_eq!(parse(&line[..n]).0, LastCompile::Unknown, "{n}");
            }
        }
    }

    #[test]
    fn complaints_about_the_state_are_told_from_other_warnings() {
        assert!(complains(b"a\nerror: encountered incremental compilation error with x\n"));
        assert!(!complains(b"warning: hard linking files in the incremental compilation cache failed\n"));
        assert!(!complains(b"warning: unused variable: `incremental`\n"));
        assert!(complains(b"{\"message\":\"failed incremental compilation\",\"spans\":[]}\n"));
        assert!(!complains(
            b"{\"message\":\"no incremental compilation\",\"spans\":[{\"file_name\":\"a\"}]}\n"
        ));
    }
}

//! Reports to a kache command that cargo calls this wrapper: the command names a file in `KACHE_PROBE` and runs cargo.
//!
//! The variable may come from the `[env]` table of a repository, so nothing is written but to a file that was made for
//! this: one that begins with [`HEADER`].

use std::path::{Path, PathBuf};

use crate::config::env::PROBE;
use crate::protocol::build::{Build, BuildId};
use crate::sys::env::{self, Env};
use crate::sys::{fs, os};

/// The first line of every file that answers are written to. The command that asks makes the file.
pub const HEADER: &[u8] = b"answers of kache\n";

/// One call as a wrapper.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the program's own file is.
    pub exe: PathBuf,
    pub build: BuildId,
}

/// Notes this call, if somebody asked.
pub fn answer(env: &Env) {
    if let Some(file) = env.get(PROBE.name).filter(|file| !file.is_empty()) {
        note(Path::new(file));
    }
}

/// A line that cannot be written is an answer that is missing, which is what the one who asked looks for.
#[cold]
fn note(file: &Path) {
    let is_asked_for = fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_file())
        && fs::starts_with(file, HEADER).unwrap_or(false);
    if is_asked_for && let Ok(exe) = env::current_exe() {
        let id = String::from(Build::current().id);
        let line = [id.as_bytes(), b" ", os::bytes(&exe), b"\n"].concat();
        let _ = fs::append(file, &line);
    }
}

/// The answers in a file.
pub fn answers(bytes: &[u8]) -> Vec<Answer> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse).collect()
}

/// The answer in a line.
fn parse(line: &[u8]) -> Option<Answer> {
    let (id, exe) = line.split_at_checked(32)?;
    let build = BuildId::try_from(String::from_utf8(id.to_vec()).ok()?).ok()?;
    Some(Answer { exe: os::path(exe.strip_prefix(b" ")?)?, build })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_noted_only_when_somebody_asks() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("answers");
        answer(&Env::with_vars(&[]));
        answer(&Env::with_vars(&[("KACHE_PROBE", "")]));
        let asked = Env::with_vars(&[("KACHE_PROBE", file.to_str().unwrap())]);
        answer(&asked);
        assert!(!file.exists(), "the command that asks makes the file");
        fs::write_new(&file, b"something else").unwrap();
        answer(&asked);
        assert_eq!(fs::read(&file).unwrap(), b"something else");
        fs::remove(&file).unwrap();
        fs::write_new(&file, HEADER).unwrap();
        answer(&asked);
        answer(&asked);
        let own = || Answer { exe: env::current_exe().unwrap(), build: Build::current().id };
        assert_eq!(answers(&fs::read(&file).unwrap()), [own(), own()]);
        assert_eq!(answers(b"garbage\n\n"), []);
    }
}

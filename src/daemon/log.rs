//! The daemon's log, which is rotated so that it stays small.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::report::escape;
use crate::sys::clock;
use crate::sys::fs::{self, private};

/// The size at which the log is rotated. One old log is kept, so both take at most twice as much.
const MAX_BYTES: u64 = 1 << 20;

/// A log file.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
    /// Whether lines also go to standard error, which a supervisor reads.
    also_stderr: bool,
}

impl Log {
    /// The log at `path`.
    pub fn at(path: &Path, also_stderr: bool) -> Log {
        Log { path: path.to_owned(), also_stderr }
    }

    /// Appends a line. A failure is ignored: there is nowhere to report it.
    pub fn line(&self, text: &str) {
        self.rotate();
        let text = text.trim_end().replace('\n', "\n    ");
        let line = format!("{} [{}] {text}\n", clock::stamp(clock::now_ms()), std::process::id());
        if let (Some(dir), Some(name)) = (self.path.parent(), self.path.file_name()) {
            let appended = private::append(dir, name, line.as_bytes());
            if appended.is_err() && private::create_dir_all(dir).is_ok() {
                let _ = private::append(dir, name, line.as_bytes());
            }
        }
        if self.also_stderr {
            let _ = writeln!(std::io::stderr(), "{}", escape::text(&text));
        }
    }

    fn rotate(&self) {
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
            let _ = fs::rename(&self.path, &rotated(&self.path));
        }
    }
}

fn rotated(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// Removes the log at `path` and the rotated one.
pub fn remove(path: &Path) -> std::io::Result<()> {
    fs::remove(path)?;
    fs::remove(&rotated(path))
}

/// The last `n` lines of the log at `path`, oldest first.
pub fn tail(path: &Path, n: usize) -> std::io::Result<Vec<String>> {
    let mut bytes = fs::read(&rotated(path)).unwrap_or_default();
    match fs::read(path) {
        Ok(newer) => bytes.extend(newer),
        Err(e) if bytes.is_empty() => return Err(e),
        Err(_) => {}
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(n)..].iter().map(|line| (*line).to_owned()).collect())
}

/// The last `n` lines that process `pid` wrote into the log at `path`, oldest first.
pub fn tail_of(path: &Path, pid: u32, n: usize) -> std::io::Result<Vec<String>> {
    let mark = format!(" [{pid}] ");
    let mut is_its = false;
    let mut lines = tail(path, usize::MAX)?;
    lines.retain(|line| {
        // The further lines of a message are indented.
        is_its = if line.starts_with(' ') { is_its } else { line.contains(&mark) };
        is_its
    });
    lines.drain(..lines.len().saturating_sub(n));
    Ok(lines)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "they make files for the code under test")]
mod tests {
    use super::*;

    #[test]
    fn the_log_stays_small_and_its_last_lines_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/daemon.log");
        let log = Log::at(&path, false);
        assert!(tail(&path, 9).is_err());
        log.line("one\ntwo");
        assert_eq!(tail(&path, 9).unwrap().len(), 2);
        let long = "x".repeat(100_000);
        for _ in 0..30 {
            log.line(&long);
        }
        log.line("last");
        let total: u64 = [&path, &rotated(&path)].iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(total < 2 * (MAX_BYTES + 200_000), "{total}");
        let lines = tail(&path, 2).unwrap();
        assert!(lines[1].ends_with("] last") && lines[0].ends_with("xxx"), "{lines:?}");
    }
}

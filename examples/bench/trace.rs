//! What one process did, as `strace` and `valgrind` saw it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Result;
use crate::recording::Recording;

/// The system calls of a process and its descendants.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) n_calls: usize,
    /// Files and directories opened with success.
    pub(crate) n_opened: usize,
    pub(crate) n_written_bytes: u64,
    /// Threads and processes started.
    pub(crate) n_clones: usize,
    /// Programs started, the first one included.
    pub(crate) n_execs: usize,
}

impl Calls {
    /// Repeats the call under `strace`; `None` where there is none.
    pub(crate) fn of(recording: &Recording, kache: &Path, place: &Path) -> Result<Option<Calls>> {
        let Some(strace) = find("strace") else { return Ok(None) };
        let log = place.join("strace.log");
        let program: [OsString; 5] =
            [strace.into(), "-f".into(), "-o".into(), log.clone().into(), kache.into()];
        let output = recording.command(&program).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(format!("strace: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let mut calls = Calls::default();
        String::from_utf8_lossy(&fs::read(log)?).lines().for_each(|line| calls.add(line));
        Ok(Some(calls))
    }

    /// One line: `<pid> <call>(<arguments>) = <result>`, or the second half of one that was interrupted.
    fn add(&mut self, line: &str) {
        let Some((_, text)) = line.split_once(char::is_whitespace) else { return };
        let text = text.trim_start();
        let (call, is_whole) = match text.strip_prefix("<... ") {
            Some(resumed) => (resumed.split(' ').next().unwrap_or_default(), true),
            None => match text.split_once('(') {
                Some((call, rest)) => (call, !rest.ends_with("<unfinished ...>")),
                None => return,
            },
        };
        if !is_whole {
            return;
        }
        self.n_calls += 1;
        let result = text.rsplit_once("= ").and_then(|(_, result)| result.split(' ').next());
        let Some(result) = result.and_then(|result| result.parse::<u64>().ok()) else { return };
        match call {
            "open" | "openat" | "openat2" | "creat" => self.n_opened += 1,
            "write" | "writev" | "pwrite64" | "pwritev" | "sendfile" | "copy_file_range" => {
                self.n_written_bytes += result;
            }
            "clone" | "clone3" | "fork" | "vfork" => self.n_clones += 1,
            "execve" | "execveat" => self.n_execs += 1,
            _ => {}
        }
    }
}

/// Repeats the call under `callgrind` and returns the instructions of its first process; `None` without valgrind. It is
/// the second call that counts: valgrind sets a variable for the loader, so the first one meets a new toolchain.
pub(crate) fn instructions(recording: &Recording, kache: &Path) -> Result<Option<u64>> {
    let Some(valgrind) = find("valgrind") else { return Ok(None) };
    let tool: [OsString; 4] =
        [valgrind.into(), "--tool=callgrind".into(), "--callgrind-out-file=/dev/null".into(), kache.into()];
    let count = || recording.command(&tool).stdin(Stdio::null()).output();
    count()?;
    let output = count()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    Ok(collected.and_then(|(_, count)| count.trim().parse::<u64>().ok()))
}

/// A program on the search path; the repeated call's own environment is not asked.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|entry| entry.join(program)).find(|file| file.is_file())
}

//! What one process did: its system calls, as `strace` saw them, and its instructions.

use std::ffi::OsString;
use std::fs;
#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt as _;
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

/// Repeats the call one instruction at a time and counts them, in its first thread and outside of the kernel. A tracer
/// that loads a library into the program (valgrind) or sets a variable for its loader would be part of what is measured.
///
/// # Errors
///
/// The call cannot be started or traced, or does not succeed.
#[cfg(target_os = "linux")]
pub(crate) fn instructions(recording: &Recording, kache: &Path) -> Result<Option<u64>> {
    let mut command = recording.command(&[kache.into()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: `ptrace` is a plain system call, which may be made between fork and exec.
    #[expect(unsafe_code, reason = "the child has to ask for being traced")]
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id())?;
    let mut n_steps = 0;
    loop {
        let mut status = 0;
        // SAFETY: `status` is a place for one `int`, and `pid` is a child that nobody else waits for.
        #[expect(unsafe_code, reason = "std's wait does not report a stop")]
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if waited != pid {
            return Err(io::Error::last_os_error().into());
        }
        if !libc::WIFSTOPPED(status) {
            let is_success = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
            return if is_success { Ok(Some(n_steps)) } else { Err("the traced call failed".into()) };
        }
        n_steps += 1;
        let signal = match libc::WSTOPSIG(status) {
            libc::SIGTRAP => 0,
            other => other,
        };
        // SAFETY: the process is stopped and traced by this thread; no memory of this process is handed over.
        #[expect(unsafe_code, reason = "std has no tracing")]
        let stepped = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, pid, 0, signal) };
        if stepped == -1 {
            return Err(io::Error::last_os_error().into());
        }
    }
}

/// Nothing counts instructions elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn instructions(_recording: &Recording, _kache: &Path) -> Result<Option<u64>> {
    Ok(None)
}

/// A program on the search path; the repeated call's own environment is not asked.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|entry| entry.join(program)).find(|file| file.is_file())
}

//! Other programs.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Becomes `program`, or answers why not. Where a process cannot be replaced, runs it and ends with its status.
pub fn exec(program: &OsStr, args: &[OsString]) -> io::Error {
    let mut command = Command::new(program);
    command.args(args);
    replace_with(command)
}

#[cfg(unix)]
fn replace_with(mut command: Command) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

#[cfg(not(unix))]
#[expect(clippy::exit, reason = "stands for exec, which does not return either")]
fn replace_with(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(exit_code(status).into()),
        Err(e) => e,
    }
}

/// Starts `program` with both output streams as pipes; input, environment and all else as this process has them.
/// Where the system can do that, it is killed when the calling thread ends, however that happens: it would go on
/// writing to places that another build believes to be its own.
pub fn spawn_piped(program: &OsStr, args: &[OsString]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    end_with_this_thread(&mut command);
    command.spawn()
}

#[cfg(target_os = "linux")]
fn end_with_this_thread(command: &mut Command) {
    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt as _;
    let this = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before.
        if getppid() == Some(this) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    };
    #[expect(unsafe_code, reason = "std offers no other way to do something in the child")]
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(tie);
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_this_thread(_command: &mut Command) {}

/// What `program` prints to standard output; an error if it fails.
pub fn output(program: &OsStr, args: &[&str], cwd: &Path) -> io::Result<Vec<u8>> {
    let output = Command::new(program).args(args).current_dir(cwd).stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(io::Error::other(format!("{} failed: {}", program.to_string_lossy(), output.status)))
    }
}

/// What a program gets of its surroundings, where that differs from what this process has.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    pub cwd: Option<&'a Path>,
    /// Variables that are set, or unset where there is no value.
    pub vars: &'a [(&'a str, Option<&'a OsStr>)],
    /// When it is killed.
    pub patience: Duration,
    /// How much of each stream is read. Who prints more finds the stream closed.
    pub most_bytes: u64,
}

impl Default for Surroundings<'_> {
    fn default() -> Self {
        Surroundings { cwd: None, vars: &[], patience: Duration::from_secs(60), most_bytes: u64::MAX }
    }
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub struct Captured {
    /// `None` if it ended by a signal.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs `program` without input, and answers how it ended and what it printed. One that takes too long is killed.
pub fn capture<A: AsRef<OsStr>>(
    program: &OsStr,
    args: &[A],
    surroundings: &Surroundings<'_>,
) -> io::Result<Captured> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(cwd) = surroundings.cwd {
        command.current_dir(cwd);
    }
    for (name, value) in surroundings.vars {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut child = command.spawn()?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (index, stream) in streams.into_iter().enumerate() {
        let (sender, most_bytes) = (sender.clone(), surroundings.most_bytes);
        std::thread::Builder::new().spawn(move || {
            let mut bytes = Vec::new();
            let result = stream.map_or(Ok(0), |stream| stream.take(most_bytes).read_to_end(&mut bytes));
            let _ = sender.send((index, result.map(|_| bytes)));
        })?;
    }
    let until = Instant::now() + surroundings.patience;
    let mut printed = [Vec::new(), Vec::new()];
    for _ in 0..printed.len() {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((index, bytes)) => printed[index] = bytes?,
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                let seconds = surroundings.patience.as_secs();
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer after {seconds} s")));
            }
        }
    }
    let code = child.wait()?.code();
    let [stdout, stderr] = printed;
    Ok(Captured { code, stdout, stderr })
}

/// Starts `program` so that it outlives this process and holds none of its streams and descriptors: a leaked
/// jobserver pipe would stall the build that owns it. To be called when this process has nothing more to start.
pub fn spawn_detached(program: &OsStr, args: &[&str]) -> io::Result<()> {
    keep_descriptors_from_children()?;
    let mut command = Command::new(program);
    command.args(args).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    leave_group(&mut command);
    command.spawn().map(drop)
}

/// A key pressed in the terminal is not meant for a detached process.
#[cfg(unix)]
pub(super) fn leave_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(windows)]
pub(super) fn leave_group(command: &mut Command) {
    use std::os::windows::process::CommandExt as _;
    const DETACHED_PROCESS: u32 = 0x8;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
}

/// The code to end with for a child's `status`: its own, or 128 and the signal as shells do.
pub fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return 128u8.wrapping_add(signal as u8);
        }
    }
    status.code().map_or(1, |code| code as u8)
}

#[cfg(unix)]
fn keep_descriptors_from_children() -> io::Result<()> {
    use rustix::io::{FdFlags, fcntl_setfd};
    use std::os::fd::BorrowedFd;
    for entry in std::fs::read_dir("/dev/fd")? {
        let number: Option<i32> = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(number) = number.filter(|number| *number > 2) {
            #[expect(unsafe_code, reason = "the descriptors of other code have no owner that could be asked")]
            // SAFETY: the number was listed as open; if it was closed since, the call fails with EBADF.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            let _ = fcntl_setfd(descriptor, FdFlags::CLOEXEC);
        }
    }
    Ok(())
}

/// Handles are inherited only where std was asked to.
#[cfg(windows)]
fn keep_descriptors_from_children() -> io::Result<()> {
    Ok(())
}

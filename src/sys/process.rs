//! Other programs.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

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

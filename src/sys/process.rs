//! Starts other programs: replacing this process, with captured output, or detached from it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::sys::env::Env;
use crate::sys::ipc;

/// Becomes `program`, or answers why not. Where a process cannot be replaced, runs it and ends with its status.
pub fn exec(program: &OsStr, args: &[OsString]) -> io::Error {
    become_program(Start { program, name: None, args })
}

/// The same of a program that gets another name than its path.
pub fn become_program(start: Start<'_>) -> io::Error {
    replace_with(named(start))
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

/// A program and its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    pub program: &'a OsStr,
    /// What the program sees as its own name; `None`: `program`. Windows has no such thing.
    pub name: Option<&'a OsStr>,
    pub args: &'a [OsString],
}

/// Starts a program with both output streams as pipes; input, environment and all else as this process has them.
/// Where the system can do that, it is killed when the calling thread ends, however that happens: it would go on
/// writing to places that another build believes to be its own.
pub fn spawn_piped(start: Start<'_>) -> io::Result<Child> {
    piped(start).spawn()
}

/// What [`spawn_piped`] starts.
pub(super) fn piped(start: Start<'_>) -> Command {
    let mut command = named(start);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    end_with_this_thread(&mut command);
    command
}

fn named(start: Start<'_>) -> Command {
    let mut command = Command::new(start.program);
    command.args(start.args);
    #[cfg(unix)]
    if let Some(name) = start.name {
        use std::os::unix::process::CommandExt as _;
        command.arg0(name);
    }
    command
}

#[cfg(target_os = "linux")]
fn end_with_this_thread(command: &mut Command) {
    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt as _;
    let this = getpid();
    #[expect(unsafe_code, reason = "std offers no other way to do something in the child")]
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // This process may have ended before.
            if getppid() == Some(this) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_this_thread(_command: &mut Command) {}

/// What `program` prints to standard output; an error if it fails.
pub fn output(program: &OsStr, args: &[impl AsRef<OsStr>], cwd: &Path) -> io::Result<Vec<u8>> {
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
    /// How much of each stream is read. A program that prints more finds the stream closed.
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

/// As [`capture`], for a command to what manages this user's services. It finds that in the directory that
/// `XDG_RUNTIME_DIR` names, which after `su` names nothing, or another user's.
pub fn capture_for_user<A: AsRef<OsStr>>(
    program: &OsStr,
    args: &[A],
    patience: Duration,
) -> io::Result<Captured> {
    let env = Env::from_process();
    let dir = unnamed(&env, ipc::runtime_dir(&env));
    let vars: Vec<_> = dir.iter().map(|dir| (RUNTIME_DIR, Some(dir.as_os_str()))).collect();
    capture(program, args, &Surroundings { vars: &vars, patience, ..Surroundings::default() })
}

const RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// `dir`, unless it is what the variable names.
fn unnamed(env: &Env, dir: Option<PathBuf>) -> Option<PathBuf> {
    dir.filter(|dir| env.get(RUNTIME_DIR) != Some(dir.as_os_str()))
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
    let until = Instant::now() + surroundings.patience;
    let captured = printed_by(&mut child, surroundings.most_bytes, until)
        .and_then(|[stdout, stderr]| Ok(Captured { code: code_of(&mut child, until)?, stdout, stderr }));
    captured.map_err(|error| {
        let _ = child.kill();
        let _ = child.wait();
        let seconds = surroundings.patience.as_secs();
        match error.kind() {
            io::ErrorKind::TimedOut => io::Error::new(error.kind(), format!("no answer after {seconds} s")),
            _ => error,
        }
    })
}

/// What a child prints on standard output and standard error until it closes them, up to `most_bytes` of each. Both are
/// read at once: a child that fills one stops until it is read.
fn printed_by(child: &mut Child, most_bytes: u64, until: Instant) -> io::Result<[Vec<u8>; 2]> {
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (index, stream) in streams.into_iter().enumerate() {
        let sender = sender.clone();
        std::thread::Builder::new().spawn(move || {
            let mut bytes = Vec::new();
            let result = stream.map_or(Ok(0), |stream| stream.take(most_bytes).read_to_end(&mut bytes));
            let _ = sender.send((index, result.map(|_| bytes)));
        })?;
    }
    let mut printed = [Vec::new(), Vec::new()];
    for _ in 0..printed.len() {
        let received = receiver.recv_timeout(until.saturating_duration_since(Instant::now()));
        let (index, bytes) = received.map_err(|_| io::ErrorKind::TimedOut)?;
        printed[index] = bytes?;
    }
    Ok(printed)
}

/// The code that a child ends with which has closed its output, and so is about to end.
fn code_of(child: &mut Child, until: Instant) -> io::Result<Option<i32>> {
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status.code()),
            None if Instant::now() >= until => return Err(io::ErrorKind::TimedOut.into()),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Starts `program` so that it outlives this process and holds none of its streams and descriptors, nor its terminal: a
/// leaked jobserver pipe would stall the build that owns it. To be called when this process has nothing more to start.
pub fn spawn_detached(program: &OsStr, args: &[&str]) -> io::Result<()> {
    detached(program, args)?.spawn().map(drop)
}

/// The same with no variables but `vars`. The child need not be waited for.
pub fn spawn_detached_with(program: &OsStr, args: &[OsString], vars: &Env) -> io::Result<Child> {
    detached(program, args)?.env_clear().envs(vars.vars()).spawn()
}

fn detached<A: AsRef<OsStr>>(program: &OsStr, args: &[A]) -> io::Result<Command> {
    keep_descriptors_from_children()?;
    let mut command = Command::new(program);
    command.args(args).current_dir(std::path::MAIN_SEPARATOR_STR);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    leave_session(&mut command);
    Ok(command)
}

/// Detaches a process from the terminal: signals of the terminal do not reach it.
#[cfg(unix)]
fn leave_session(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    #[expect(unsafe_code, reason = "between fork and exec little is allowed")]
    // SAFETY: the call is one system call, which is allowed there; it takes no lock and no memory.
    unsafe {
        command.pre_exec(|| {
            let _ = rustix::process::setsid();
            Ok(())
        });
    }
}

#[cfg(windows)]
fn leave_session(command: &mut Command) {
    use std::os::windows::process::CommandExt as _;
    const DETACHED_PROCESS: u32 = 0x8;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
}

/// Lets `program` take this process over, or answers why it cannot. Where a process cannot be taken over, the program
/// is started and answers with a line that it is ready: then this answers `Ok`, and the process is to end. It gets `vars`
/// besides the variables that this process has.
pub fn hand_over(program: &OsStr, args: &[OsString], vars: &Env) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(args).envs(vars.vars());
    hand_over_to(program, command)
}

#[cfg(unix)]
fn hand_over_to(_program: &OsStr, command: Command) -> io::Result<()> {
    Err(replace_with(command))
}

#[cfg(windows)]
fn hand_over_to(program: &OsStr, mut command: Command) -> io::Result<()> {
    const LIMIT: Duration = Duration::from_secs(10);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    leave_session(&mut command);
    let mut child = command.spawn()?;
    let (sender, receiver) = mpsc::channel();
    let stdout = child.stdout.take();
    std::thread::Builder::new().spawn(move || {
        let mut first = [0];
        let n_read = stdout.map_or(Ok(0), |mut stdout| stdout.read(&mut first));
        let _ = sender.send(n_read.is_ok_and(|n_read| n_read == 1));
    })?;
    match receiver.recv_timeout(LIMIT) {
        Ok(true) => Ok(()),
        _ => {
            let _ = child.kill();
            Err(io::Error::other(format!("{} did not get ready", program.to_string_lossy())))
        }
    }
}

/// Whether a process can become another program. Where not, the other one runs beside it for a moment.
pub const BECOMES_ANOTHER: bool = cfg!(unix);

/// Closes the window that a program without a terminal gets here, if it gets one.
pub fn leave_console() {
    #[cfg(windows)]
    #[expect(unsafe_code, reason = "the system's call; std has none for this")]
    // SAFETY: takes nothing; without a console it is an error that changes nothing.
    unsafe {
        windows_sys::Win32::System::Console::FreeConsole();
    }
}

/// Whether a program that runs for long should be a copy: the file of a running program cannot be replaced here.
pub const RUNS_FROM_COPY: bool = cfg!(windows);

/// Signals the previous program that it may end, where that is another process.
pub fn say_ready() {
    if cfg!(windows) {
        let _ = io::stdout().write_all(b"\n");
    }
}

/// Lets other threads have the processor first, as long as this one runs. Where a thread alone cannot: nothing.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

/// Has the system write no core file of this process, nor of those that it starts: it holds secrets. Where the system hands a
/// core to a program, only this limit keeps it from that.
pub fn leave_no_core() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let least = maximum.map_or(1, |maximum| maximum.min(1));
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(least), maximum });
    }
}

/// Asks a process of this user to end; one that is `forced` is not asked.
#[cfg(unix)]
pub fn end(pid: u32, forced: bool) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, if forced { Signal::KILL } else { Signal::TERM })?)
}

/// Processes that must be ended by their number are not looked for here.
#[cfg(not(unix))]
pub fn end(_pid: u32, _forced: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Puts a child into a group of its own: Ctrl-C in the terminal does not reach it.
#[cfg(unix)]
pub(super) fn leave_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(windows)]
pub(super) fn leave_group(command: &mut Command) {
    leave_session(command);
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

/// std has every inheritable handle inherited: its own are not, but the streams that this process was given are.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the system's call; std has none for this")]
fn keep_descriptors_from_children() -> io::Result<()> {
    use std::os::windows::io::AsRawHandle as _;
    use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
    let streams = [io::stdin().as_raw_handle(), io::stdout().as_raw_handle(), io::stderr().as_raw_handle()];
    for stream in streams {
        // SAFETY: takes any value; one that is no handle is an error, which is right for a stream that is not there.
        unsafe { SetHandleInformation(stream, HANDLE_FLAG_INHERIT, 0) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_program_that_takes_too_long_is_ended_even_if_it_has_closed_its_output() {
        let patience = Duration::from_millis(50);
        for script in ["exec sleep 100", "exec >&- 2>&-; exec sleep 100"] {
            let began = Instant::now();
            let surroundings = Surroundings { patience, ..Surroundings::default() };
            let error = capture(OsStr::new("sh"), &["-c", script], &surroundings).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{script}: {error}");
            assert!(began.elapsed() < Duration::from_secs(50), "{script}: was waited for and not ended");
        }
    }

    /// Cargo reads the pipes of its compilers to their ends: a process that holds one holds the build up.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_detached_process_has_no_stream_descriptor_or_session_of_its_starter() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let seen = dir.path().join("seen");
        let leaky = std::io::pipe().expect("makes a pipe");
        rustix::io::fcntl_setfd(&leaky.1, rustix::io::FdFlags::empty()).expect("lets children inherit it");
        let script = "for n in /proc/self/fd/*; do readlink \"$n\"; done >\"$0.new\"; \
                      cut -d' ' -f6 /proc/$$/stat >>\"$0.new\"; echo $$ >>\"$0.new\"; mv \"$0.new\" \"$0\"";
        let seen_text = seen.to_str().expect("is text");
        spawn_detached(OsStr::new("sh"), &["-c", script, seen_text]).expect("starts");
        let until = Instant::now() + Duration::from_secs(60);
        while !seen.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let text = std::fs::read_to_string(&seen).expect("it ran");
        let lines = Vec::from_iter(text.lines());
        let (session, descriptors) = (&lines[lines.len() - 2..], &lines[..lines.len() - 2]);
        assert_eq!(session[0], session[1], "it leads a session of its own");
        assert!(descriptors.iter().filter(|line| **line == "/dev/null").count() >= 2, "{text}");
        assert!(
            !descriptors.iter().any(|line| line.starts_with("pipe:") || line.starts_with("socket:")),
            "{text}"
        );
        drop(leaky);
    }

    #[test]
    fn a_manager_is_looked_for_where_it_is_and_not_where_a_variable_of_another_user_says() {
        let usual = || Some(PathBuf::from("/run/user/7"));
        for (named, found, expected) in [
            ("", usual(), usual()),
            ("/run/user/8", usual(), usual()),
            ("/run/user/7", usual(), None),
            ("/run/user/8", None, None),
        ] {
            let env = Env::with_vars(&[(RUNTIME_DIR, named)]);
            assert_eq!(unnamed(&env, found), expected, "{named}");
        }
        assert_eq!(unnamed(&Env::with_vars(&[]), usual()), usual());
    }
}

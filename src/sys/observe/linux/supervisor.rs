//! The observer thread: notes each call and answers it. Even if noting fails, it goes on answering.

use std::fmt;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::super::{Abandoned, Observation, Scope};
use super::calls::{self, Call, How, Touch};
use super::filter::{self, Hello};
use super::keeper::Standby;
use super::listener::{Listener, Woken};
use super::memory::{self, PATH_MAX};
use super::privileges::{self, has_privileges};
use super::recorder::{Recorder, path_of};
use super::resolve;
use crate::sys::defence;

/// Descendants that end with the child are gone within this time; others are left to a process of their own.
const LAST_ONES: Duration = Duration::from_millis(20);

/// The same where all of them are being killed, before the compiler runs again.
const KILLED_ONES: Duration = Duration::from_secs(2);

const GONE: &str = "the program was gone at once";

/// Why a child is not observed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It ended before it said anything.
    Gone,
    /// Too many files are open.
    NoDescriptor,
    /// Another program observes it.
    Observed,
    Message(io::Error),
    Filter(io::Error),
    Listener(io::Error),
    Proc(io::Error),
    Memory(io::Error),
    OtherMemory,
}

impl Refusal {
    /// Whether the next child may be observed all the same.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Refusal::Gone | Refusal::NoDescriptor)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Gone => f.write_str(GONE),
            Refusal::NoDescriptor => f.write_str("no descriptor is left"),
            Refusal::Observed => f.write_str("observed already"),
            Refusal::Message(e) | Refusal::Listener(e) => e.fmt(f),
            Refusal::Filter(e) => write!(f, "seccomp: {e}"),
            Refusal::Proc(e) => write!(f, "/proc: {e}"),
            Refusal::Memory(e) => write!(f, "memory of others: {e}"),
            Refusal::OtherMemory => f.write_str("another memory was read"),
        }
    }
}

/// Takes the listener that the child sends, says whether it can be observed, and observes it until it has ended.
pub(super) fn supervise(
    child: &UnixStream,
    stopped: &UnixStream,
    verdict: &Sender<Result<(), Refusal>>,
    scope: Scope,
    abandoned: Abandoned,
) -> Observation {
    let Greeted { listener, process, takes_privileges } = match greet(child) {
        Ok(greeted) => greeted,
        Err(why) => {
            let _ = verdict.send(Err(why));
            return Observation::default();
        }
    };
    let _ = verdict.send(Ok(()));
    let alone = (scope == Scope::AllButLinks).then_some(process);
    let mut supervisor = Supervisor {
        listener,
        recorder: Recorder::new(scope),
        notes: Notes::default(),
        alone,
        process,
        standby: Standby::new(process),
        takes_privileges,
        abandoned,
    };
    // From here on the child lives by the answers.
    let mut child = child;
    if child.write_all(&[1]).is_err() {
        supervisor.recorder.lose(|| GONE.to_owned());
    }
    supervisor.observe(stopped)
}

/// A child with readable memory.
struct Greeted {
    listener: Listener,
    process: i32,
    takes_privileges: bool,
}

fn greet(child: &UnixStream) -> Result<Greeted, Refusal> {
    let hello = Hello::receive(child.as_raw_fd()).map_err(Refusal::Message)?;
    let hello = hello.ok_or(Refusal::Gone)?;
    let file = hello.listener.map(resolve::own);
    match hello.error {
        0 => {}
        libc::EBUSY => return Err(Refusal::Observed),
        error => return Err(Refusal::Filter(io::Error::from_raw_os_error(error))),
    }
    let file = file.ok_or(Refusal::NoDescriptor)?;
    match hello.proves() {
        Ok(true) => {
            // Relative paths are counted from there.
            resolve::proc_link(hello.process, format_args!("cwd")).map_err(Refusal::Proc)?;
            let listener = Listener::new(file).map_err(Refusal::Listener)?;
            let Hello { process, takes_privileges, .. } = hello;
            Ok(Greeted { listener, process, takes_privileges })
        }
        Ok(false) => Err(Refusal::OtherMemory),
        Err(e) => Err(Refusal::Memory(e)),
    }
}

struct Supervisor {
    listener: Listener,
    recorder: Recorder,
    notes: Notes,
    /// The only process that may become a program.
    alone: Option<i32>,
    /// The child.
    process: i32,
    /// Who answers if this process dies.
    standby: Standby,
    /// Programs would lose privileges that they have without observation.
    takes_privileges: bool,
    /// All observed programs are being killed.
    abandoned: Abandoned,
}

/// Space that is used again for each call.
struct Notes {
    buffer: Box<[u8; PATH_MAX]>,
    path: Vec<u8>,
}

impl Default for Notes {
    fn default() -> Notes {
        Notes { buffer: Box::new([0; PATH_MAX]), path: Vec::with_capacity(PATH_MAX) }
    }
}

impl Supervisor {
    fn observe(mut self, stopped: &UnixStream) -> Observation {
        // Set when the child has ended. However busy others are, nobody waits for them any longer than that.
        let mut deadline: Option<Instant> = None;
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let stop = deadline.is_none().then(|| stopped.as_raw_fd());
            let woken = match left {
                Some(Duration::ZERO) => Woken::Timeout,
                // Rounded up: to wait for less than a millisecond is no waiting.
                left => self.listener.wait(stop, left.map_or(-1, |left| left.as_millis() as i32 + 1)),
            };
            match woken {
                Woken::Call => self.answer_one(),
                Woken::Nothing => {}
                Woken::Over => {
                    self.standby.end();
                    return self.recorder.finish(false);
                }
                Woken::Other if self.is_abandoned() => deadline = Some(Instant::now() + KILLED_ONES),
                Woken::Other if !defence::stands("nobody-left-behind-is-waited-for") => {
                    deadline = Some(Instant::now() + LAST_ONES * 10_000);
                }
                Woken::Other => deadline = Some(Instant::now() + LAST_ONES),
                Woken::Timeout => {
                    self.standby.leave(self.listener);
                    return self.recorder.finish(true);
                }
            }
        }
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    fn answer_one(&mut self) {
        let Some(call) = self.listener.receive() else { return };
        if self.is_abandoned() {
            // Nothing more is to be done under observation.
            return self.kill_caller(&call);
        }
        self.standby.prepare(&mut self.listener, call.pid as i32, is_execution(&call));
        let had_privileges = self.recorder.privileged().is_some();
        let Supervisor { listener, recorder, notes, alone, takes_privileges, .. } = self;
        let noted = catch_unwind(AssertUnwindSafe(|| {
            if defence::stands("programs-that-a-compiler-starts")
                && is_execution(&call)
                && alone.is_some_and(|process| process != call.pid as i32)
            {
                recorder.lose(|| "a program was started that may read links".to_owned());
            }
            note(listener, recorder, notes, &call, *takes_privileges);
        }));
        if noted.is_err() {
            self.recorder.lose(|| "a call could not be noted".to_owned());
        }
        if !had_privileges && self.recorder.privileged().is_some() && self.abandon() {
            return self.kill_caller(&call);
        }
        self.listener.go_on(call.id);
    }

    /// Kills all observed programs. Returns whether they were killed: once the child has ended, its result is there and stays.
    fn abandon(&mut self) -> bool {
        if !privileges::is_running(self.process) {
            self.recorder.lose(|| "a program ran without its privileges".to_owned());
            return false;
        }
        self.abandoned.store(true, Ordering::SeqCst);
        privileges::kill_tree(self.process);
        true
    }

    fn kill_caller(&self, call: &libc::seccomp_notif) {
        if self.listener.is_waiting(call.id) {
            privileges::kill(call.pid as i32);
        }
    }
}

fn is_execution(call: &libc::seccomp_notif) -> bool {
    [libc::SYS_execve, libc::SYS_execveat].contains(&call.data.nr.into())
}

fn note(
    listener: &Listener,
    recorder: &mut Recorder,
    notes: &mut Notes,
    call: &libc::seccomp_notif,
    takes_privileges: bool,
) {
    recorder.count();
    if !filter::is_native(call.data.arch, call.data.nr) {
        return recorder.lose(|| "a program of another architecture ran".to_owned());
    }
    let mut caller =
        Caller { thread: call.pid as i32, id: call.id, listener, recorder, notes, takes_privileges };
    match calls::understand(call.data.nr.into(), &call.data.args) {
        Call::One(touch) => caller.touch(touch),
        Call::Two(first, second) => {
            caller.touch(first);
            caller.touch(second);
        }
        Call::Open2 { dir, path, how } => caller.open2(dir, path, how),
        Call::Harmless => {}
        Call::Connect(address, length) => caller.connect(address, length),
        Call::Bind(address, length) => caller.bind(address, length),
        Call::Attribute(touch, name) => caller.attribute(touch, name),
        Call::Escape(what) => caller.recorder.lose(|| format!("a program {what}")),
    }
}

/// The word at a position in the memory of a program.
fn word(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    word.map(u64::from_ne_bytes).unwrap_or_default()
}

/// Whether an attribute says who may use a file.
fn is_permission(attribute: &[u8]) -> bool {
    attribute.starts_with(b"security.") || attribute.starts_with(b"system.")
}

/// A thread that waits for an answer.
struct Caller<'a> {
    thread: i32,
    id: u64,
    listener: &'a Listener,
    recorder: &'a mut Recorder,
    notes: &'a mut Notes,
    takes_privileges: bool,
}

impl Caller<'_> {
    fn touch(&mut self, touch: Touch) {
        let Some(address) = touch.path else { return self.note_descriptor(touch) };
        let n_bytes = match memory::text(self.thread, address, &mut self.notes.buffer) {
            Ok(Some(n_bytes)) => n_bytes,
            // The call fails, whatever else is the case.
            Ok(None) => return self.lose(|| "a path longer than the system takes".to_owned()),
            Err(e) => return self.unreadable(&e),
        };
        let is_relative = self.notes.buffer.first() != Some(&b'/');
        if n_bytes == 0 {
            // The descriptor itself: what is open was noted when it was opened.
            let says_more = matches!(touch.how, How::Execute | How::Attributes | How::AttributesOfLink);
            if says_more && self.listener.is_waiting(self.id) {
                self.note_descriptor(touch);
            }
            return;
        }
        let base = if is_relative { self.base(touch.dir) } else { Some(Vec::new()) };
        let Some(base) = base else { return };
        let Some(text) = self.notes.buffer.get(..n_bytes) else { return };
        resolve::tidy(&base, text, &mut self.notes.path);
        // After an interruption the call is made again, perhaps with another path.
        if !self.recorder.has(&self.notes.path, touch.how) && self.listener.is_waiting(self.id) {
            self.note_path(touch.how);
        }
    }

    fn lose(&mut self, why: impl FnOnce() -> String) {
        self.recorder.lose(why);
    }

    /// A bad address fails the call as well.
    fn unreadable(&mut self, error: &std::io::Error) {
        if error.raw_os_error() != Some(libc::EFAULT) && self.listener.is_waiting(self.id) {
            self.recorder.lose(|| format!("memory of others: {error}"));
        }
    }

    /// What relative paths are counted from; `None` where that is nothing.
    fn base(&mut self, dir: i32) -> Option<Vec<u8>> {
        let link = if dir == libc::AT_FDCWD {
            resolve::proc_link(self.thread, format_args!("cwd"))
        } else {
            resolve::proc_link(self.thread, format_args!("fd/{dir}"))
        };
        match link {
            Ok(path) => {
                Some(path.into_os_string().into_encoded_bytes()).filter(|path| path.starts_with(b"/"))
            }
            // No such descriptor: the call fails.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && dir != libc::AT_FDCWD => None,
            Err(e) => {
                if self.listener.is_waiting(self.id) {
                    self.recorder.lose(|| format!("where a program is: {e}"));
                }
                None
            }
        }
    }

    fn note_descriptor(&mut self, touch: Touch) {
        let path = match touch.how {
            // What it names may be without a name: its interpreters are found through the descriptor.
            How::Execute => match resolve::proc_number(self.thread) {
                Ok(number) => Some(format!("/proc/{number}/fd/{}", touch.dir).into_bytes()),
                Err(e) => return self.lose(|| format!("where a program is: {e}")),
            },
            _ => self.base(touch.dir),
        };
        if let Some(path) = path {
            self.notes.path = path;
            self.note_path(touch.how);
        }
    }

    /// Notes the path in `notes`, and what the kernel reads along with it.
    fn note_path(&mut self, how: How) {
        match resolve::without_self(self.thread, &self.notes.path) {
            Ok(Some(path)) => self.notes.path = path,
            Ok(None) => {}
            Err(e) => self.recorder.lose(|| format!("where a program is: {e}")),
        }
        let is_new = self.recorder.note(&self.notes.path, how);
        if how == How::Execute && is_new {
            self.note_interpreters();
        }
    }

    /// The kernel reads what a script or a program names to run it; a script may name a script, four times.
    fn note_interpreters(&mut self) {
        for _ in 0..5 {
            let program = path_of(self.notes.path.clone());
            if self.takes_privileges && has_privileges(&program) {
                self.recorder.note_privileged(program.clone());
            }
            let Some(interpreter) = resolve::interpreter(&program) else { break };
            let base = self.base(libc::AT_FDCWD).unwrap_or_default();
            resolve::tidy(&base, interpreter.as_os_str().as_bytes(), &mut self.notes.path);
            self.recorder.note(&self.notes.path, How::Execute);
        }
    }

    fn open2(&mut self, dir: i32, path: u64, how: u64) {
        let mut words = [0_u8; 24];
        match memory::read(self.thread, how, &mut words) {
            Ok(24) => {}
            Ok(_) => return,
            Err(e) => return self.unreadable(&e),
        }
        if word(&words, 16) & libc::RESOLVE_IN_ROOT != 0 {
            return self.lose(|| "a path in a root of its own".to_owned());
        }
        self.touch(Touch { dir, path: Some(path), how: calls::opened(word(&words, 0)) });
    }

    /// A server may answer anything, except those that only know names of users and hosts.
    fn connect(&mut self, address: u64, length: u64) {
        let Some((family, path)) = self.address(address, length) else { return };
        if family != libc::AF_UNIX {
            return self.lose(|| "a program uses the network".to_owned());
        }
        if !path.starts_with("/var/run/nscd") && !path.starts_with("/run/nscd") {
            self.lose(|| format!("a program asked the server at {}", path.display()));
        }
    }

    /// Whatever connects there may say anything.
    fn bind(&mut self, address: u64, length: u64) {
        if let Some((libc::AF_UNIX, path)) = self.address(address, length) {
            self.lose(|| format!("a program waits to be asked at {}", path.display()));
        }
    }

    /// The family of a socket's address, and the path in it.
    fn address(&mut self, address: u64, length: u64) -> Option<(i32, PathBuf)> {
        let mut bytes = [0_u8; 128];
        let n_bytes = usize::try_from(length).unwrap_or(0).min(bytes.len());
        match memory::read(self.thread, address, bytes.get_mut(..n_bytes)?) {
            Ok(n_read) if n_read == n_bytes => {}
            Ok(_) => return None,
            Err(e) => {
                self.unreadable(&e);
                return None;
            }
        }
        let family = i32::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let name = bytes[2..].split(|byte| *byte == 0).next().unwrap_or_default();
        Some((family, path_of(name.to_vec())))
    }

    /// Who may use a file is asked by many programs, and decides whether they can; other attributes may be anything.
    fn attribute(&mut self, touch: Touch, name: u64) {
        let name = match memory::text(self.thread, name, &mut self.notes.buffer) {
            Ok(n_bytes) => n_bytes.and_then(|n_bytes| self.notes.buffer.get(..n_bytes)),
            Err(e) => return self.unreadable(&e),
        };
        let how = match touch.how {
            how if !name.is_some_and(is_permission) => how,
            How::AttributesOfLink => How::ProbeLink,
            _ => How::Probe,
        };
        self.touch(Touch { how, ..touch });
    }
}

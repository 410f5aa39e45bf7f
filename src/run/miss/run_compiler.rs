//! Starts the compiler, or a build script, and waits until it has ended. Forwards its streams line by line, and
//! observes it if that is asked for.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::sys::lock::FileLock;
use crate::sys::observe::{self, Abandoned, Observation, Watching};
use crate::sys::process::{self, Start};
use crate::sys::shield;

/// What a compiler run left behind, besides files.
pub struct CompilerOutput {
    pub status: ExitStatus,
    /// As the compiler printed it, before any line was changed for people.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether that is all it printed.
    pub is_complete: bool,
    pub elapsed: Duration,
    /// What the compiler and all that it started did with files, if that was asked for.
    pub observation: Option<Observation>,
    /// It was killed because a program would have run without its privileges: the compiler has to run again.
    pub is_abandoned: bool,
    /// What has been shown of both streams.
    pub shown: Printed,
}

/// What a run of the compiler printed that was shown, as it came.
#[derive(Default)]
pub struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Why nothing has run, and nothing has been printed.
pub enum NotRun {
    /// It was to be observed, and cannot be.
    Unobservable(String),
    /// It could not be started.
    Failed(io::Error),
}

impl From<NotRun> for io::Error {
    fn from(not_run: NotRun) -> io::Error {
        match not_run {
            NotRun::Failed(e) => e,
            NotRun::Unobservable(why) => io::Error::other(why),
        }
    }
}

impl From<io::Error> for NotRun {
    fn from(error: io::Error) -> NotRun {
        NotRun::Failed(error)
    }
}

/// How much of one stream is kept. The rest is only passed on, and nothing is stored.
const MOST_KEPT: usize = 64 << 20;

type Shown<'a> = &'a (dyn Fn(&[u8]) -> Vec<u8> + Sync);

/// What is shown of each line that is printed on one of the streams.
#[derive(Clone, Copy)]
pub struct ShownStreams<'a> {
    pub stdout: Shown<'a>,
    pub stderr: Shown<'a>,
}

/// Runs `program`. Where it runs again, the lines that were `printed` are not shown again. Each other line that it
/// prints passes through `shown` on its way to this process's own streams, at once: cargo's pipelining depends on it.
/// While it runs, `lock` is kept fresh for the processes that wait for it. What the program does with files is noted as
/// far as `observe` says.
///
/// # Errors
/// Nothing has been printed, and nothing has run.
pub fn run(
    program: Start<'_>,
    shown: ShownStreams<'_>,
    lock: Option<&FileLock>,
    observe: Option<observe::Scope>,
    printed: &Printed,
) -> Result<CompilerOutput, NotRun> {
    let started = Instant::now();
    let abandoned = Abandoned::default();
    thread::scope(|scope| {
        // The readers are there before the compiler is: once that runs, nothing must be able to fail.
        let (done, finished) = channel();
        let stdout_lines = Showing::new(shown.stdout, &printed.stdout, &abandoned);
        let stderr_lines = Showing::new(shown.stderr, &printed.stderr, &abandoned);
        let (stdout_pipe, stdout) = reader(scope, io::stdout(), stdout_lines, done.clone())?;
        let (stderr_pipe, stderr) = reader(scope, io::stderr(), stderr_lines, done)?;
        let (mut child, watching) = start(program, observe, &abandoned)?;
        let _ = child.stdout.take().map(|pipe| stdout_pipe.send(pipe));
        let _ = child.stderr.take().map(|pipe| stderr_pipe.send(pipe));
        let every = lock.map_or(Duration::MAX, FileLock::heartbeat_every);
        let mut n_open = 2;
        while n_open > 0 {
            match finished.recv_timeout(every) {
                Ok(()) => n_open -= 1,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = shield::shielded(|| lock.iter().for_each(|lock| lock.heartbeat()));
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.wait()?;
        let observation = watching.and_then(|watching| shield::shielded(|| watching.finish()).ok());
        let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
        Ok(CompilerOutput {
            status,
            is_complete: stdout.is_complete && stderr.is_complete,
            is_abandoned: abandoned.load(Ordering::SeqCst),
            shown: Printed { stdout: stdout.shown().to_vec(), stderr: stderr.shown().to_vec() },
            stdout: stdout.bytes,
            stderr: stderr.bytes,
            elapsed: started.elapsed(),
            observation,
        })
    })
}

fn start(
    program: Start<'_>,
    observe: Option<observe::Scope>,
    abandoned: &Abandoned,
) -> Result<(Child, Option<Watching>), NotRun> {
    let Some(scope) = observe else {
        return Ok((process::spawn_piped(program)?, None));
    };
    match observe::spawn_piped(program, scope, abandoned) {
        Ok((child, watching)) => Ok((child, Some(watching))),
        Err(observe::Failed::Unobservable(why)) => Err(NotRun::Unobservable(why)),
        Err(observe::Failed::Start(e)) => Err(NotRun::Failed(e)),
    }
}

/// What was kept of a stream.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    is_complete: bool,
    /// How many of the bytes were shown; the rest came after the compiler had been abandoned.
    n_shown: usize,
}

impl Kept {
    fn shown(&self) -> &[u8] {
        self.bytes.get(..self.n_shown).unwrap_or_default()
    }
}

/// What is shown of a stream.
struct Showing<'a> {
    shown: Shown<'a>,
    /// What an earlier run has shown.
    printed: Lines<'a>,
    /// Nothing more is shown from then on: the compiler runs again, and prints it then.
    abandoned: &'a AtomicBool,
}

impl<'a> Showing<'a> {
    fn new(shown: Shown<'a>, printed: &'a [u8], abandoned: &'a AtomicBool) -> Showing<'a> {
        Showing { shown, printed: Lines::of(printed), abandoned }
    }
}

/// Lines, each as often as it occurs.
struct Lines<'a>(HashMap<&'a [u8], usize>);

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Lines<'a> {
        let mut lines = HashMap::new();
        text.split_inclusive(|byte| *byte == b'\n').for_each(|line| *lines.entry(line).or_insert(0) += 1);
        Lines(lines)
    }

    /// Removes a line. Returns whether it was there.
    fn take(&mut self, line: &[u8]) -> bool {
        let Some(n_left) = self.0.get_mut(line).filter(|n_left| **n_left > 0) else { return false };
        *n_left -= 1;
        true
    }
}

/// A thread that forwards the pipe it is sent; says so to `done` when that has ended.
fn reader<'scope, P: Read + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    to: impl Write + Send + 'scope,
    showing: Showing<'scope>,
    done: Sender<()>,
) -> io::Result<(Sender<P>, ScopedJoinHandle<'scope, Kept>)> {
    let (pipe, pipes) = channel();
    let thread = thread::Builder::new().spawn_scoped(scope, move || {
        let kept =
            pipes.recv().map_or_else(|_| Kept::default(), |from| forward(from, to, showing, MOST_KEPT));
        let _ = done.send(());
        kept
    })?;
    Ok((pipe, thread))
}

/// Passes `from` on line by line, and keeps it, if it is no more than `most` bytes. Neither a reader that went away nor
/// a defect of `shown` stops the compiler.
fn forward(from: impl Read, mut to: impl Write, showing: Showing<'_>, most: usize) -> Kept {
    let Showing { shown, mut printed, abandoned } = showing;
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut kept = Kept { bytes: Vec::new(), is_complete: true, n_shown: 0 };
    let mut is_open = true;
    loop {
        let start = kept.bytes.len();
        match from.by_ref().take(most as u64).read_until(b'\n', &mut kept.bytes) {
            Ok(0) => return kept,
            // What came before the end may be half a line.
            Ok(_) if abandoned.load(Ordering::SeqCst) => {}
            Ok(_) if is_open => {
                kept.n_shown = kept.bytes.len();
                let came = &kept.bytes[start..];
                if printed.take(came) {
                    continue;
                }
                let line = shield::defence("panics-while-the-compiler-runs", || shown(came));
                let line = line.unwrap_or_else(|_| came.to_vec());
                is_open = to.write_all(&line).and_then(|()| to.flush()).is_ok();
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Kept { is_complete: false, ..kept },
        }
        if kept.bytes.len() > most || !kept.is_complete {
            kept = Kept::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(from: &[u8], most: usize) -> (Vec<u8>, Kept) {
        forwarded_after(b"", from, most, &AtomicBool::new(false))
    }

    fn forwarded_after(printed: &[u8], from: &[u8], most: usize, abandoned: &AtomicBool) -> (Vec<u8>, Kept) {
        let mut to = Vec::new();
        let shown = |line: &[u8]| line.to_ascii_uppercase();
        let showing = Showing { shown: &shown, printed: Lines::of(printed), abandoned };
        let kept = forward(from, &mut to, showing, most);
        (to, kept)
    }

    #[test]
    fn everything_is_passed_on_and_kept_as_it_came() {
        for text in ["", "a", "a\n", "a\nb", "\n\nb\n"] {
            let (to, kept) = forwarded(text.as_bytes(), 100);
            assert_eq!(to, text.to_ascii_uppercase().as_bytes());
            assert_eq!((kept.bytes.as_slice(), kept.is_complete), (text.as_bytes(), true));
        }
    }

    #[test]
    fn what_is_too_much_to_keep_is_passed_on() {
        let text = ["x".repeat(25), "y".repeat(3), "z".repeat(25)].join("\n");
        let (to, kept) = forwarded(text.as_bytes(), 10);
        assert_eq!(to, text.to_ascii_uppercase().as_bytes());
        assert!(!kept.is_complete);
        assert!(kept.bytes.len() <= 10);
    }

    #[test]
    fn a_second_run_shows_only_what_the_first_one_did_not() {
        let shown = |printed: &[u8], from: &[u8]| {
            let (to, kept) = forwarded_after(printed, from, 100, &AtomicBool::new(false));
            assert_eq!((kept.bytes.as_slice(), kept.shown()), (from, from));
            String::from_utf8(to).unwrap()
        };
        assert_eq!(shown(b"a\nb\n", b"a\nb\nc\nd"), "C\nD");
        // In another order, and one line more often than before.
        assert_eq!(shown(b"a\nb\n", b"b\nx\na\na\n"), "X\nA\n");
        assert_eq!(shown(b"a\n", b""), "");
    }

    #[test]
    fn nothing_is_shown_of_a_compiler_that_was_abandoned() {
        struct AbandonsAfterTheFirst<'a>(&'a [u8], &'a AtomicBool);
        impl Read for AbandonsAfterTheFirst<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                if self.0.len() < 4 {
                    self.1.store(true, Ordering::SeqCst);
                }
                let n_bytes = self.0.len().min(2);
                to[..n_bytes].copy_from_slice(&self.0[..n_bytes]);
                self.0 = &self.0[n_bytes..];
                Ok(n_bytes)
            }
        }
        let abandoned = AtomicBool::new(false);
        let mut to = Vec::new();
        let showing = Showing { shown: &<[u8]>::to_vec, printed: Lines::of(b""), abandoned: &abandoned };
        let kept = forward(AbandonsAfterTheFirst(b"a\nb\nc", &abandoned), &mut to, showing, 100);
        assert_eq!((to.as_slice(), kept.shown()), (&b"a\n"[..], &b"a\n"[..]));
    }

    #[test]
    fn a_reader_that_went_away_does_not_stop_the_compiler() {
        let mut full = [0; 1];
        let abandoned = AtomicBool::new(false);
        let showing = Showing { shown: &<[u8]>::to_vec, printed: Lines::of(b""), abandoned: &abandoned };
        let kept = forward(&b"a\nb\n"[..], &mut full[..], showing, 100);
        assert_eq!(kept.bytes, b"a\nb\n");
    }
}

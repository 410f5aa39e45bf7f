//! Runs the compiler once, with its streams forwarded as they come.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::sys::lock::FileLock;
use crate::sys::observe::{self, Observation, Watching};
use crate::sys::{process, shield};

/// What a compiler run left behind, besides files.
pub struct Compiled {
    pub status: ExitStatus,
    /// As the compiler printed it, before any line was changed for people.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether that is all it printed.
    pub is_complete: bool,
    pub elapsed: Duration,
    /// What the compiler and all that it started did with files, if that was asked for.
    pub observation: Option<Observation>,
}

/// Why nothing has run, and nothing has been printed.
pub enum NotRun {
    /// It was to be observed, and cannot be.
    Unobservable(String),
    /// It could not be started.
    Failed(io::Error),
}

impl From<io::Error> for NotRun {
    fn from(error: io::Error) -> NotRun {
        NotRun::Failed(error)
    }
}

/// More than this of one stream is passed on, but not kept.
const MOST_KEPT: usize = 64 << 20;

type Shown<'a> = &'a (dyn Fn(&[u8]) -> Vec<u8> + Sync);

/// Runs `program`. Each line to standard error passes through `shown` on its way to this process's own; pipelining
/// depends on it being passed on at once. Whoever waits for `lock` is shown that it goes on. What the program does with
/// files is noted as far as `observe` says.
///
/// # Errors
/// Nothing has been printed, and nothing has run.
pub fn run(
    program: &OsStr,
    args: &[OsString],
    shown: Shown<'_>,
    lock: Option<&FileLock>,
    observe: Option<observe::Scope>,
) -> Result<Compiled, NotRun> {
    let started = Instant::now();
    thread::scope(|scope| {
        // The readers are there before the compiler is: once that runs, nothing must be able to fail.
        let (done, finished) = channel();
        let (stdout_pipe, stdout) = reader(scope, io::stdout(), &<[u8]>::to_vec, done.clone())?;
        let (stderr_pipe, stderr) = reader(scope, io::stderr(), shown, done)?;
        let (mut child, watching) = start(program, args, observe)?;
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
        Ok(Compiled {
            status,
            is_complete: stdout.is_complete && stderr.is_complete,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
            elapsed: started.elapsed(),
            observation,
        })
    })
}

fn start(
    program: &OsStr,
    args: &[OsString],
    observe: Option<observe::Scope>,
) -> Result<(Child, Option<Watching>), NotRun> {
    let Some(scope) = observe else {
        return Ok((process::spawn_piped(program, args)?, None));
    };
    match observe::spawn_piped(program, args, scope) {
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
}

/// A thread that forwards the pipe it is sent; says so to `done` when that has ended.
fn reader<'scope, P: Read + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    to: impl Write + Send + 'scope,
    shown: Shown<'scope>,
    done: Sender<()>,
) -> io::Result<(Sender<P>, ScopedJoinHandle<'scope, Kept>)> {
    let (pipe, pipes) = channel();
    let thread = thread::Builder::new().spawn_scoped(scope, move || {
        let kept = pipes.recv().map_or_else(|_| Kept::default(), |from| forward(from, to, shown, MOST_KEPT));
        let _ = done.send(());
        kept
    })?;
    Ok((pipe, thread))
}

/// Passes `from` on line by line, and keeps it, if it is no more than `most` bytes. Neither a reader that went away nor
/// a defect of `shown` stops the compiler.
fn forward(from: impl Read, mut to: impl Write, shown: Shown<'_>, most: usize) -> Kept {
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut kept = Kept { bytes: Vec::new(), is_complete: true };
    let mut is_open = true;
    loop {
        let start = kept.bytes.len();
        match from.by_ref().take(most as u64).read_until(b'\n', &mut kept.bytes) {
            Ok(0) => return kept,
            Ok(_) if is_open => {
                let came = &kept.bytes[start..];
                let line = shield::shielded(|| shown(came)).unwrap_or_else(|_| came.to_vec());
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
        let mut to = Vec::new();
        let kept = forward(from, &mut to, &|line| line.to_ascii_uppercase(), most);
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
    fn a_reader_that_went_away_does_not_stop_the_compiler() {
        let mut full = [0; 1];
        let kept = forward(&b"a\nb\n"[..], &mut full[..], &<[u8]>::to_vec, 100);
        assert_eq!(kept.bytes, b"a\nb\n");
    }
}

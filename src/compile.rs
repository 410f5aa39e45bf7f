//! Runs the compiler once, with its streams forwarded as they come.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::ExitStatus;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::process;

/// What a compiler run left behind, besides files.
pub struct Compiled {
    pub status: ExitStatus,
    /// As the compiler printed it, before any line was changed for people.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub elapsed: Duration,
}

/// How often those who wait for this compile are shown that it goes on.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Runs `program`. Each line to standard error passes through `shown` on its way to this process's own; pipelining
/// depends on it being passed on at once. `heartbeat` is called every few seconds.
///
/// # Errors
/// The compiler could not be started: nothing has been printed, and nothing has run.
pub fn run(
    program: &OsStr,
    args: &[OsString],
    shown: &(dyn Fn(&[u8]) -> Vec<u8> + Sync),
    heartbeat: &dyn Fn(),
) -> io::Result<Compiled> {
    let started = Instant::now();
    let mut child = process::spawn_piped(program, args)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let (done, finished) = channel();
        let all_done = done.clone();
        let stdout = scope.spawn(move || {
            let kept = stdout.map_or(Vec::new(), |from| forward(from, io::stdout(), &<[u8]>::to_vec));
            let _ = done.send(());
            kept
        });
        let stderr = scope.spawn(move || {
            let kept = stderr.map_or(Vec::new(), |from| forward(from, io::stderr(), shown));
            let _ = all_done.send(());
            kept
        });
        let mut n_open = 2;
        while n_open > 0 {
            match finished.recv_timeout(HEARTBEAT) {
                Ok(()) => n_open -= 1,
                Err(RecvTimeoutError::Timeout) => heartbeat(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.wait()?;
        let kept = |result: thread::Result<Vec<u8>>| result.map_err(|_| io::Error::other("a reader failed"));
        let (stdout, stderr) = (kept(stdout.join())?, kept(stderr.join())?);
        Ok(Compiled { status, stdout, stderr, elapsed: started.elapsed() })
    })
}

/// Passes `from` on line by line, and keeps it. A reader that went away does not stop the compiler.
fn forward(from: impl Read, mut to: impl Write, shown: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut kept = Vec::new();
    let mut is_open = true;
    loop {
        let start = kept.len();
        match from.read_until(b'\n', &mut kept) {
            Ok(0) => return kept,
            Ok(_) if is_open => {
                let line = shown(&kept[start..]);
                is_open = to.write_all(&line).and_then(|()| to.flush()).is_ok();
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return kept,
        }
    }
}

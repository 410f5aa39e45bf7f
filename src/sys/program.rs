//! Programs that a command starts with a given environment, and a clean-up that runs however this process ends.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, PipeWriter};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use crate::sys::process;

/// A program with all that it is started with. It has nothing to read, and no variables but these.
pub struct Program<'a> {
    pub program: &'a OsStr,
    pub args: Vec<OsString>,
    pub cwd: &'a Path,
    pub vars: Vec<(OsString, OsString)>,
}

impl Program<'_> {
    /// Runs it, and answers all that it printed.
    pub fn output(&self) -> io::Result<Output> {
        self.command().stdin(Stdio::null()).output()
    }

    /// Runs it, with each line that it prints to standard error given to `each`; what it prints otherwise is dropped.
    /// As long as it runs, `aftermath` waits.
    pub fn run_with_lines(
        &self,
        aftermath: Option<&Aftermath>,
        each: &mut dyn FnMut(&[u8]),
    ) -> io::Result<ExitStatus> {
        let mut command = self.command();
        match aftermath {
            Some(aftermath) => command.stdin(aftermath.alive.try_clone()?),
            None => command.stdin(Stdio::null()),
        };
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let read = child.stderr.take().map_or(Ok(()), |stderr| lines(BufReader::new(stderr), each));
        let status = child.wait()?;
        read.map(|()| status)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.args).current_dir(self.cwd).env_clear();
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn lines(mut reader: BufReader<impl io::Read>, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(&line);
        line.clear();
    }
    Ok(())
}

/// A second process of this program that reads its input to the end, which comes when this process and all that it
/// made wait for it have ended, in whatever way: done, interrupted or killed. Then it does what its arguments say.
///
/// The pipe between them is the only thing that the system closes at every kind of end; a signal handler would not
/// be called by all of them.
pub struct Aftermath {
    alive: PipeWriter,
    child: Child,
}

impl Aftermath {
    /// Starts it. Ctrl-C in the terminal does not reach it.
    pub fn prepare(program: &Path, args: &[&OsStr]) -> io::Result<Aftermath> {
        let (end, alive) = io::pipe()?;
        let mut command = Command::new(program);
        command.args(args).stdin(end).stdout(Stdio::null()).stderr(Stdio::null());
        process::leave_group(&mut command);
        Ok(Aftermath { alive, child: command.spawn()? })
    }

    /// Says that it is time, and waits for it.
    pub fn finish(self) -> io::Result<ExitStatus> {
        let Aftermath { alive, mut child } = self;
        drop(alive);
        child.wait()
    }
}

/// Waits for what [`Aftermath`] waits for, in the process that it started.
pub fn wait_for_the_end() -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}

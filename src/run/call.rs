//! The compiler call that cargo makes, and handing over to it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::invocation::driver::Driver;
use crate::invocation::{Invocation, Output, outputs, parse};
use crate::sys::env::Env;
use crate::sys::{defence, fs, host, process, shield};

/// `kache <compiler> <argument>…`, or `kache <workspace wrapper> <compiler> <argument>…`.
pub struct Call<'a> {
    /// The compiler, or a workspace wrapper in front of it, as cargo names it.
    pub program: &'a OsStr,
    /// The compiler's own path, which workspace wrappers get as their first argument.
    pub prefix: &'a [OsString],
    /// The compiler's arguments.
    pub args: &'a [OsString],
    /// Which compiler it is, if it is one that is understood.
    pub driver: Option<Driver>,
}

impl<'a> Call<'a> {
    /// The call in the arguments after `kache`; `None` where there are none.
    pub fn of(args: &'a [OsString]) -> Option<Call<'a>> {
        let (program, rest) = args.split_first()?;
        let driver = Driver::from_name(program);
        let has_compiler = driver != Some(Driver::Rustc)
            && rest.first().is_some_and(|first| Driver::from_name(first) == Some(Driver::Rustc));
        let (prefix, args) = rest.split_at(usize::from(has_compiler));
        let driver = driver.or((!defence::stands("programs-that-are-no-compilers")).then_some(Driver::Rustc));
        Some(Call { program, prefix, args, driver })
    }

    /// Becomes the compiler.
    pub fn exec(&self) -> ExitCode {
        let args = [self.prefix, self.args].concat();
        let error = process::exec(self.program, &args);
        // No compiler is running that could report this. If stderr is closed, nothing more can be done.
        let _ = writeln!(io::stderr(), "error: could not run {}: {error}", self.program.to_string_lossy());
        ExitCode::from(127)
    }
}

/// Becomes the compiler. Nothing has been printed yet, and no compiler has run.
pub fn compile_plainly(env: &Env) -> ExitCode {
    let Some(call) = env.args.get(1..).and_then(Call::of) else { return ExitCode::from(2) };
    // What cannot be understood has no outputs that would be links into the store.
    let _ = shield::shielded(|| {
        unlink_outputs(parse::parse(call.args, &read_argument_file).ok().as_ref(), env);
    });
    call.exec()
}

/// An argument file. A pipe can be read only once, and that is the compiler's.
pub fn read_argument_file(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() { fs::read(path) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Removes the outputs that the compiler is about to write: they may be hard links to blobs, so it must make new files.
pub fn unlink_outputs(invocation: Option<&Invocation>, env: &Env) {
    let Some((invocation, cwd)) = invocation.zip(env.cwd.as_ref()) else { return };
    unlink(&outputs::outputs(invocation, &host::triple()).unwrap_or_default(), cwd);
}

/// Removes outputs of an earlier compile.
pub fn unlink(outputs: &[Output], cwd: &Path) {
    outputs.iter().for_each(|output| drop(fs::remove(&cwd.join(&output.path))));
}

//! Writing to people and programs: every byte that a command prints goes through here, with names made safe to show
//! ([`crate::report::escape`]).

use std::io::{self, IsTerminal as _, Write as _};

use crate::report::escape;

/// Prints text for people on standard output. A reader that went away is no failure.
pub fn print(text: &str) -> io::Result<()> {
    print_verbatim(&escape::text(text))
}

/// Prints JSON on standard output.
pub fn print_json(json: &str) -> io::Result<()> {
    print_verbatim(&escape::json(json))
}

/// Prints what another program reads, byte for byte. It must hold nothing that comes from a project.
pub fn print_verbatim(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Says something on standard error. Nobody may be there to read it.
pub fn say(text: &str) {
    let _ = io::stderr().write_all(escape::text(text).as_bytes());
}

/// Whether there is somebody to ask.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether a line on standard error can be written anew.
pub fn shows_progress() -> bool {
    io::stderr().is_terminal()
}

/// Replaces the line that is being written on standard error, which is a terminal.
pub fn replace_line(text: &str) {
    let _ = write!(io::stderr(), "\r\x1b[K{}", escape::line(text));
}

//! Output of commands. Everything a command prints goes through here, so that names from projects are always escaped
//! ([`crate::report::escape`]).

use std::io::{self, IsTerminal as _, Write as _};

use crate::report::escape;

/// Prints text for people on standard output. A closed pipe is not an error.
pub fn print(text: &str) -> io::Result<()> {
    print_verbatim(&escape::text(text))
}

/// Prints JSON on standard output.
pub fn print_json(json: &str) -> io::Result<()> {
    print_verbatim(&escape::json(json))
}

/// Prints text for other programs without escaping. It must not contain names from a project.
pub fn print_verbatim(text: &str) -> io::Result<()> {
    write_while_read(text).map(drop)
}

/// Prints a part of a long output for people, as soon as there is something to print. False once nobody reads it.
pub fn print_while_read(text: &str) -> io::Result<bool> {
    write_while_read(&escape::text(text))
}

/// Prints a part of a long output of JSON. False once nobody reads it.
pub fn print_json_while_read(json: &str) -> io::Result<bool> {
    write_while_read(&escape::json(json))
}

fn write_while_read(text: &str) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e),
    }
}

/// Prints to standard error, ignoring errors: there may be no reader.
pub fn say(text: &str) {
    let _ = io::stderr().write_all(escape::text(text).as_bytes());
}

/// Whether questions can be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether standard error is a terminal, where progress can replace a line.
pub fn shows_progress() -> bool {
    io::stderr().is_terminal()
}

/// Replaces the current line on standard error, which must be a terminal.
pub fn replace_line(text: &str) {
    let _ = write!(io::stderr(), "\r\x1b[K{}", escape::line(text));
}

/// Shows the cursor of standard error again, which an interrupted prompt has hidden.
pub fn show_cursor() {
    let _ = dialoguer::console::Term::stderr().show_cursor();
}

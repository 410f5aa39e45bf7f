//! Wrapper or command line: told by the first two arguments. A compiler's arguments never reach the command line.

use std::ffi::{OsStr, OsString};

use crate::invocation::driver::is_compiler_name;

/// What the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Cargo calls it in front of a compiler.
    Wrapper,
    /// A person calls it.
    CommandLine,
}

/// The form of a process with these arguments, its own name left out.
///
/// A path is always a program to wrap, so is a compiler's name, and so is any other bare name if what follows it is
/// what cargo says to compilers. So is the name of a program that gets arguments: build scripts put what cargo names as
/// its wrapper in front of the C compiler too. All else is for people, who get a suggestion for a command that does not
/// exist.
pub fn form(
    args: &[OsString],
    is_command: &dyn Fn(&OsStr) -> bool,
    is_program: &dyn Fn(&OsStr) -> bool,
) -> Form {
    let Some((first, rest)) = args.split_first() else { return Form::CommandLine };
    let bytes = first.as_encoded_bytes();
    if bytes.starts_with(b"-") {
        return Form::CommandLine;
    }
    if bytes.iter().any(|byte| matches!(byte, b'/' | b'\\')) || is_compiler_name(first).is_some() {
        return Form::Wrapper;
    }
    if bytes.is_empty() || is_command(first) {
        return Form::CommandLine;
    }
    match rest.first() {
        Some(next) if is_for_compiler(next) || is_program(first) => Form::Wrapper,
        _ => Form::CommandLine,
    }
}

/// Whether cargo calls a compiler, or a wrapper of its own, with this as the first argument.
fn is_for_compiler(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    let asked: [&[u8]; 5] = [b"-vV", b"-", b"--crate-name", b"-V", b"--version"];
    asked.contains(&bytes) || bytes.starts_with(b"--print") || is_compiler_name(argument).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form_of(line: &[&str]) -> Form {
        let args: Vec<OsString> = line.iter().map(OsString::from).collect();
        let is_one_of = |names: &[&str], name: &OsStr| names.iter().any(|known| name == *known);
        form(&args, &|name| is_one_of(&["stats", "config", "help"], name), &|name| {
            is_one_of(&["cc", "clang++-19", "stats", "ls"], name)
        })
    }

    #[test]
    fn people_and_cargo_are_told_apart() {
        use Form::{CommandLine, Wrapper};
        for (line, expected) in [
            (&[][..], CommandLine),
            (&["--help"], CommandLine),
            (&["-V"], CommandLine),
            (&["-vV"], CommandLine),
            (&["stats"], CommandLine),
            (&["stats", "--version"], CommandLine),
            (&["help", "stats"], CommandLine),
            (&["rustc"], Wrapper),
            (&["rustc", "--help"], Wrapper),
            (&["clippy-driver", "rustc", "-vV"], Wrapper),
            (&["RUSTC.EXE", "--crate-name", "stats"], Wrapper),
            (&["/usr/bin/rustc", "-vV"], Wrapper),
            (&["./stats"], Wrapper),
            (&["bin\\stats"], Wrapper),
            (&["/usr/bin/stats", "stats"], Wrapper),
            (&["my-rustc", "-vV"], Wrapper),
            (&["my-rustc", "-"], Wrapper),
            (&["my-rustc", "--crate-name", "a"], Wrapper),
            (&["my-rustc", "--print=cfg"], Wrapper),
            (&["my-rustc", "--print", "cfg"], Wrapper),
            (&["my-rustc", "-V"], Wrapper),
            (&["my-rustc", "--version"], Wrapper),
            (&["my-wrapper", "rustc", "--crate-name", "a"], Wrapper),
            (&["my-wrapper", "/usr/bin/rustc"], Wrapper),
            (&["cc", "-O2", "-c", "a.c"], Wrapper),
            (&["clang++-19", "a.c"], Wrapper),
            (&["stats", "-c"], CommandLine),
            (&["ls"], CommandLine),
            (&["stast"], CommandLine),
            (&["stast", "--since", "24h"], CommandLine),
            (&["stast", "--json"], CommandLine),
            (&[""], CommandLine),
            (&["", "-vV"], CommandLine),
        ] {
            assert_eq!(form_of(line), expected, "{line:?}");
        }
    }
}

//! Decides from the first two arguments whether the process is a wrapper or a command line. A compiler call never reaches
//! the command line.

use std::ffi::{OsStr, OsString};

use crate::invocation::driver::Driver;

/// The role of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Cargo runs it around a compiler.
    Wrapper,
    /// A person runs a command.
    CommandLine,
}

/// The form of a process with these arguments, without its own name.
///
/// A path or the name of a compiler is always a program to wrap. So is any other bare name in a build script, because
/// build scripts run C compilers through `RUSTC_WRAPPER` too, or if the next argument is one that cargo passes to
/// compilers. Everything else is a command line, where an unknown command gets a suggestion.
pub fn form(args: &[OsString], in_build_script: bool, is_command: &dyn Fn(&OsStr) -> bool) -> Form {
    let Some((first, rest)) = args.split_first() else { return Form::CommandLine };
    let bytes = first.as_encoded_bytes();
    if bytes.is_empty() || bytes.starts_with(b"-") {
        return Form::CommandLine;
    }
    if bytes.iter().any(|byte| matches!(byte, b'/' | b'\\')) || Driver::from_name(first).is_some() {
        return Form::Wrapper;
    }
    if is_command(first) {
        return Form::CommandLine;
    }
    let is_for_compiler = rest.first().is_some_and(|next| is_for_compiler(next));
    if in_build_script || is_for_compiler || is_c_compiler(first) { Form::Wrapper } else { Form::CommandLine }
}

/// Whether cargo passes this as the first argument to a compiler, or to a workspace wrapper.
fn is_for_compiler(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    let asked: [&[u8]; 5] = [b"-vV", b"-", b"--crate-name", b"-V", b"--version"];
    asked.contains(&bytes) || bytes.starts_with(b"--print") || Driver::from_name(argument).is_some()
}

/// Whether this is the name of a C compiler, such as `cc`, `gcc-12`, `clang++.exe` or `x86_64-linux-gnu-gcc`, as used in
/// `CC="kache cc"`.
fn is_c_compiler(name: &OsStr) -> bool {
    const NAMES: [&str; 8] = ["cc", "c++", "gcc", "g++", "clang", "clang++", "cl", "clang-cl"];
    let Some(name) = name.to_str().map(str::to_ascii_lowercase) else { return false };
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let name = match name.rsplit_once('-') {
        Some((name, suffix)) if suffix.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => name,
        _ => name,
    };
    NAMES.contains(&name) || NAMES.iter().any(|this| name.ends_with(&format!("-{this}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form_in(line: &[&str], in_build_script: bool) -> Form {
        let args: Vec<OsString> = line.iter().map(OsString::from).collect();
        form(&args, in_build_script, &|name| {
            ["stats", "config", "help"].iter().any(|command| name == *command)
        })
    }

    #[test]
    fn compiler_calls_and_commands_are_told_apart() {
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
            (&["cc", "-c", "a.c"], Wrapper),
            (&["gcc-12", "-c", "a.c"], Wrapper),
            (&["x86_64-linux-gnu-g++", "a.cc"], Wrapper),
            (&["clang++-18", "a.cc"], Wrapper),
            (&["CL.EXE", "/c", "a.c"], Wrapper),
            (&["stast"], CommandLine),
            (&["stast", "--since", "24h"], CommandLine),
            (&["stast", "--json"], CommandLine),
            (&[""], CommandLine),
            (&["", "-vV"], CommandLine),
        ] {
            assert_eq!(form_in(line, false), expected, "{line:?}");
        }
    }

    #[test]
    fn a_build_script_may_wrap_any_program() {
        assert_eq!(form_in(&["nvcc", "-c", "a.cu"], true), Form::Wrapper);
        assert_eq!(form_in(&["nvcc", "-c", "a.cu"], false), Form::CommandLine);
        assert_eq!(form_in(&["stats", "--json"], true), Form::CommandLine);
    }
}

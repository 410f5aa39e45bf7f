//! Whether an invocation that is understood may be cached: what the configuration says, and the environment.

use crate::invocation::{Invocation, Output, Role};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::defence;
use crate::sys::env::Env;

/// The settings that decide.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Whether executables and dynamic libraries are cached. Procedural macros always are: everything that
    /// depends on one is compiled again if its bytes differ.
    pub cache_executables: bool,
    /// Names of crates to leave alone.
    pub bypass_crates: &'a [String],
}

/// Whether the invocation may be looked up and stored.
pub fn check(invocation: &Invocation, outputs: &[Output], settings: &Policy<'_>) -> Result<(), BypassReason> {
    if settings.bypass_crates.iter().any(|name| name.replace('-', "_") == invocation.crate_name) {
        return Err(BypassReason::new(Bypass::Configured, &invocation.crate_name));
    }
    let executable = outputs.iter().find(|output| output.role.is_linked() && output.role != Role::ProcMacro);
    if let Some(output) = executable
        && !settings.cache_executables
        && defence::stands("executables-that-are-not-cached")
    {
        return Err(BypassReason::new(Bypass::Executable, output.path.to_string_lossy()));
    }
    Ok(())
}

/// Variables that load other code into every program.
const LOADING: &[&str] =
    &["DYLD_INSERT_LIBRARIES", "LD_AUDIT", "LD_PRELOAD", "LD_PRELOAD_32", "LD_PRELOAD_64", "LD_PROFILE"];

/// Variables that make the compiler, its loader or its allocator print: what they print is about one run.
const PRINTING: &[&str] = &[
    "LD_DEBUG",
    "LD_SHOW_AUXV",
    "LD_TRACE_LOADED_OBJECTS",
    "MALLOC_CHECK_",
    "MALLOC_CONF",
    "MALLOC_OPTIONS",
    "MIMALLOC_SHOW_ERRORS",
    "MIMALLOC_SHOW_STATS",
    "MIMALLOC_VERBOSE",
    "MallocCheckHeapEach",
    "MallocCheckHeapStart",
    "MallocDebugReport",
    "MallocGuardEdges",
    "MallocPreScribble",
    "MallocScribble",
    "MallocStackLogging",
    "MallocStackLoggingNoCompact",
    "RUSTC_LOG",
    "_RJEM_MALLOC_CONF",
];

/// What the loader of macOS prints begins with this.
const PRINTING_PREFIX: &str = "DYLD_PRINT_";

/// Whether the compiler runs in an environment in which what it makes and prints depends on its inputs alone. A compile
/// with one of these variables would be replayed to builds without it, and the other way round.
pub fn check_environment(env: &Env) -> Result<(), BypassReason> {
    for (name, _) in env.vars().filter(|(_, value)| !value.is_empty()) {
        if let Some(name) = name.to_str()
            && let Some(why) = bypass_for(name)
        {
            return Err(BypassReason::new(why, name));
        }
    }
    Ok(())
}

/// Why a compile with this variable is bypassed; `None` for variables that do no harm.
fn bypass_for(variable: &str) -> Option<Bypass> {
    if LOADING.contains(&variable) {
        Some(Bypass::LoadedCode)
    } else if PRINTING.contains(&variable) || variable.starts_with(PRINTING_PREFIX) {
        Some(Bypass::Noise)
    } else {
        None
    }
}

/// Whether a line is none of a compiler's messages, but tells of a panic: how much of it is printed depends on
/// `RUST_BACKTRACE`.
pub fn tells_of_panic(line: &[u8]) -> bool {
    line.starts_with(b"stack backtrace:") || line.starts_with(b"note: run with `RUST_BACKTRACE=")
}

/// The positions of the arguments that a compile under kache leaves out.
///
/// `-C incremental` goes: what an incremental compile makes depends on what the same directory was used for before, so two
/// compiles of equal inputs would differ in bytes, and everything that depends on them would miss. Where there is one, it
/// is kache's own: that of an edit, which is not stored, or an empty one ([`crate::run::edit`]).
pub fn left_out(invocation: &Invocation) -> &[usize] {
    if defence::stands("incremental-files-are-left-out") { &invocation.left_out } else { &[] }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io;

    use super::*;
    use crate::invocation::outputs::outputs;
    use crate::invocation::parse::parse;

    fn check_line(more: &str, cache_executables: bool, bypass_crates: &[String]) -> Option<Bypass> {
        let line = format!("--crate-name foo --out-dir o src/lib.rs --emit=dep-info,metadata,link {more}");
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let invocation = parse(&args, &|_| Err(io::ErrorKind::NotFound.into())).expect("understood");
        let outputs = outputs(&invocation, "x86_64-unknown-linux-gnu").expect("modelled");
        check(&invocation, &outputs, &Policy { cache_executables, bypass_crates })
            .err()
            .map(|reason| reason.why)
    }

    #[test]
    fn what_a_linker_makes_is_cached_only_where_configured() {
        for linked in ["--crate-type bin", "--crate-type lib,cdylib", "--test"] {
            assert_eq!(check_line(linked, false, &[]), Some(Bypass::Executable), "{linked}");
            assert_eq!(check_line(linked, true, &[]), None, "{linked}");
        }
        for always in ["--crate-type lib", "--crate-type lib,staticlib", "--crate-type proc-macro"] {
            assert_eq!(check_line(always, false, &[]), None, "{always}");
        }
    }

    #[test]
    fn noisy_or_preloaded_compilers_are_left_alone() {
        let check = |name: &str, value: &str| {
            check_environment(&Env::with_vars(&[("HOME", "/h"), (name, value)]))
                .err()
                .map(|reason| reason.why)
        };
        assert_eq!(check("LD_PRELOAD", "/lib/libjemalloc.so"), Some(Bypass::LoadedCode));
        assert_eq!(check("LD_AUDIT", "x"), Some(Bypass::LoadedCode));
        assert_eq!(check("DYLD_INSERT_LIBRARIES", "x"), Some(Bypass::LoadedCode));
        assert_eq!(check("RUSTC_LOG", "info"), Some(Bypass::Noise));
        assert_eq!(check("DYLD_PRINT_LIBRARIES", "1"), Some(Bypass::Noise));
        for quiet in ["MALLOC_ARENA_MAX", "RUST_LOG", "LD_BIND_NOW", "RUST_BACKTRACE", "MallocNanoZone"] {
            assert_eq!(check(quiet, "1"), None, "{quiet}");
        }
        assert_eq!(check("RUSTC_LOG", ""), None);
    }

    #[test]
    fn named_crates_are_left_alone() {
        let names = ["bar".to_owned(), "foo".to_owned()];
        assert_eq!(check_line("--crate-type lib", true, &names), Some(Bypass::Configured));
        assert_eq!(check_line("--crate-type lib", true, &names[..1]), None);
    }
}

//! What the configuration says about an invocation that is understood.

use crate::invocation::{Invocation, Output, Role};
use crate::outcome::{Bypass, BypassReason};

/// The settings that decide.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Whether executables and dynamic libraries are cached. Procedural macros always are: all that depends on one
    /// is compiled anew where its bytes are new.
    pub cache_executables: bool,
    /// Names of crates to leave alone.
    pub bypass_crates: &'a [String],
}

/// Whether the invocation may be looked up and stored.
pub fn check(invocation: &Invocation, outputs: &[Output], settings: &Policy<'_>) -> Result<(), BypassReason> {
    let is_named = |name: &String| name.replace('-', "_") == invocation.crate_name;
    if settings.bypass_crates.iter().any(is_named) {
        return Err(BypassReason::new(Bypass::Configured, &invocation.crate_name));
    }
    let is_executable = |role: Role| role.is_linked() && role != Role::ProcMacro;
    let linked = outputs.iter().find(|output| is_executable(output.role));
    match linked.filter(|_| !settings.cache_executables) {
        Some(output) => Err(BypassReason::new(Bypass::Executable, output.path.to_string_lossy())),
        None => Ok(()),
    }
}

/// The positions of the arguments that a compile under kache leaves out.
///
/// The one decision about incremental compilation: it is off, so `-C incremental` goes. What an incremental compile
/// makes depends on what the same directory was used for before, so two compiles of equal inputs would differ in
/// bytes, and everything that depends on them would miss.
pub fn left_out(invocation: &Invocation) -> &[usize] {
    &invocation.dropped
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
    fn named_crates_are_left_alone() {
        let names = ["bar".to_owned(), "foo".to_owned()];
        assert_eq!(check_line("--crate-type lib", true, &names), Some(Bypass::Configured));
        assert_eq!(check_line("--crate-type lib", true, &names[..1]), None);
    }
}

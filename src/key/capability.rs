//! What a procedural macro can do beside reading files and variables, as far as its library tells: the functions of the
//! system that a library calls are named in it, and what is not called is not linked in.
//!
//! Where compiles are not observed, nothing that such a macro takes part in is stored. A list of words that a library
//! holds ([`crate::key::variable_names::names_in`]) is all that is needed.

use memchr::memmem;

/// Takes the place of a name in [`crate::key::variable_names::names_in`] if the library holds a directive of the assembler.
pub const ASSEMBLES: &str = ".incbin";

/// Functions that start a program. Parts of names: systems have variants of each.
const STARTS: &[&str] =
    &["posix_spawn", "execve", "execvp", "execl", "popen", "vfork", "CreateProcess", "ShellExecute"];

/// Functions that ask a server.
const ASKS: &[&str] = &["getaddrinfo", "GetAddrInfo", "WSASocket", "WSAConnect"];

/// Functions that ask a server, whose names are words of other texts as well: both are needed.
const CONNECTS: [&str; 2] = ["socket", "connect"];

/// The variable that a program which measures coverage, or makes a profile, asks where to write what it found.
const PROFILES: &str = "LLVM_PROFILE_FILE";

/// Whether a macro with these names in its library does something that no rule can follow, and what.
pub fn beyond_rules(names: &str) -> Option<&'static str> {
    if STARTS.iter().any(|part| contains(names, part)) {
        Some("can start programs")
    } else if ASKS.iter().any(|part| contains(names, part))
        || CONNECTS.iter().all(|name| has_function(names, name))
    {
        Some("can ask servers")
    } else if contains(names, ASSEMBLES) {
        Some("can make the assembler read files")
    } else {
        None
    }
}

fn contains(names: &str, part: &str) -> bool {
    memmem::find(names.as_bytes(), part.as_bytes()).is_some()
}

/// Whether `function` is one of the names. Some systems put an underscore in front.
fn has_function(names: &str, function: &str) -> bool {
    names.split(' ').any(|name| name.strip_prefix('_').unwrap_or(name) == function)
}

/// Whether the library with these names writes a profile when the compiler that has loaded it ends.
pub fn writes_profile(names: &str) -> bool {
    contains(names, PROFILES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_tell_what_a_macro_can_do() {
        assert_eq!(beyond_rules("write posix_spawnp read"), Some("can start programs"));
        assert_eq!(beyond_rules("CreateProcessW"), Some("can start programs"));
        assert_eq!(beyond_rules("_connect _socket"), Some("can ask servers"));
        assert_eq!(beyond_rules("connect sockets"), None);
        assert_eq!(beyond_rules("include .incbin"), Some("can make the assembler read files"));
        assert_eq!(beyond_rules("getenv open64 read include spawn execute"), None);
        assert!(writes_profile("x LLVM_PROFILE_FILE"));
        assert!(!writes_profile("llvm profile"));
    }
}

//! Switches for defences against wrong hits and broken builds, by which a test proves that another test would notice.
//!
//! The code beside a defence asks whether it [`stands`], by its name. In a program with debug assertions,
//! `KACHE_TEST_WITHOUT` in the environment lists the names that are switched off, with commas between them. In every
//! other program the answers are constants, and neither the names nor the variable are in it: that includes all that is
//! released. `tests/defences.toml` says which tests prove which defence.
//!
//! A name says either what holds (`only-whole-blobs-are-served`) or what is guarded against or cared for
//! (`bytes-that-rot-in-blobs`); in both cases `stands` means that the check is made. What a branch of `!stands` does is
//! what the program would do without it, and is in no release.

pub use switches::{counts, stands};

use std::io::{self, Write as _};

/// Stands where nothing may be printed. Prints its name if it is switched off.
pub fn prints_nothing(name: &str) {
    if !stands(name) {
        let _ = writeln!(io::stderr(), "kache: {name} is switched off");
    }
}

#[cfg(not(debug_assertions))]
mod switches {
    use std::fmt;

    #[inline(always)]
    pub const fn stands(_name: &str) -> bool {
        true
    }

    #[inline(always)]
    pub const fn counts(_what: fmt::Arguments<'_>) -> bool {
        true
    }
}

#[cfg(debug_assertions)]
mod switches {
    use std::fmt;
    use std::sync::OnceLock;

    /// Whether the defence of this name is in place.
    pub fn stands(name: &str) -> bool {
        !switched_off().contains(&name)
    }

    /// Whether something that has no name of its own counts, as `input Salt` or `argument codegen metadata=1`. Whatever
    /// begins with `argument codegen metadata` can be switched off by that.
    pub fn counts(what: fmt::Arguments<'_>) -> bool {
        let off = switched_off();
        if off.is_empty() {
            return true;
        }
        let what = what.to_string();
        !off.iter().any(|name| {
            what.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '=']))
        })
    }

    fn switched_off() -> &'static [&'static str] {
        static OFF: OnceLock<Vec<&str>> = OnceLock::new();
        OFF.get_or_init(|| {
            let names: &str = std::env::var("KACHE_TEST_WITHOUT").unwrap_or_default().leak();
            names.split(',').filter(|name| !name.is_empty()).collect()
        })
    }
}

//! File names by target triple: what rustc's built-in target specifications say, for the targets that are modelled.
//!
//! A triple that is not understood has no names here, and whatever depends on them is a bypass. Tried with
//! `--print=file-names` for every built-in target of rustc 1.95.

use crate::sys::defence;

/// How a target names what a crate is made into, and what its linker leaves beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) family: Family,
    pub(crate) executable: &'static str,
    pub(crate) staticlib: Affixes,
    /// `None`: the target has no dynamic libraries, and rustc drops such crate types with a warning.
    pub(crate) dynamic: Option<Affixes>,
    /// Dynamic libraries with a Rust interface are possible, not only `cdylib`.
    pub(crate) rust_dynamic: bool,
}

/// Prefix and suffix.
pub(crate) type Affixes = (&'static str, &'static str);

/// Targets that leave the same kinds of files behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Unix,
    /// Unix where whether there are dynamic libraries depends on how the compiler was configured.
    Musl,
    Apple,
    Msvc,
    WindowsGnu,
    /// Programs only: wasm, UEFI, no operating system.
    Bare,
}

const LIB_A: Affixes = ("lib", ".a");
const LIB_SO: Affixes = ("lib", ".so");

/// The names for a triple.
pub(crate) fn names(triple: &str) -> Option<Names> {
    let mut parts = triple.split('-');
    let arch = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    if arch == "wasm32" || arch == "wasm64" || arch == "wasm32v1" {
        return wasm(&rest);
    }
    match rest.as_slice() {
        ["apple", os] | ["apple", os, _] => Some(apple(os, rest.len() == 3)),
        [_, "windows", "msvc"] => Some(Names {
            family: Family::Msvc,
            executable: ".exe",
            staticlib: ("", ".lib"),
            dynamic: Some(("", ".dll")),
            rust_dynamic: true,
        }),
        [_, "windows", "gnu" | "gnullvm"] => Some(Names {
            family: Family::WindowsGnu,
            executable: ".exe",
            staticlib: LIB_A,
            dynamic: Some(("", ".dll")),
            rust_dynamic: true,
        }),
        ["unknown", "uefi"] => Some(Names { family: Family::Msvc, executable: ".efi", ..BARE }),
        ["unikraft", ..] => None,
        [_, "linux", env] if env.starts_with("musl") => Some(Names { family: Family::Musl, ..UNIX }),
        [_, "linux", env] if ["gnu", "uclibc", "ohos"].iter().any(|known| env.starts_with(known)) => {
            Some(UNIX)
        }
        ["linux", env] if env.starts_with("android") => Some(UNIX),
        ["unknown", "freebsd" | "netbsd" | "openbsd" | "dragonfly" | "haiku" | "illumos" | "fuchsia"]
        | ["unknown", "netbsd", _]
        | ["pc" | "sun", "solaris"]
        | ["unknown", "hurd", "gnu"] => Some(UNIX),
        ["unknown", "none"] | ["unknown", "none", _] | ["none", _] if is_bare_arch(arch) => Some(BARE),
        _ => None,
    }
}

/// Whether what is linked for a triple is an ELF file.
pub fn makes_elf(triple: &str) -> bool {
    names(triple).is_some_and(|names| names.executable.is_empty() && names.family != Family::Apple)
}

const UNIX: Names = Names {
    family: Family::Unix,
    executable: "",
    staticlib: LIB_A,
    dynamic: Some(LIB_SO),
    rust_dynamic: true,
};

const BARE: Names =
    Names { family: Family::Bare, executable: "", staticlib: LIB_A, dynamic: None, rust_dynamic: false };

fn wasm(rest: &[&str]) -> Option<Names> {
    match rest {
        ["unknown", "unknown"] | ["wasip1" | "wasip2" | "wasip3" | "none"] | ["wasip1", "threads"] => {
            Some(Names { executable: ".wasm", dynamic: Some(("", ".wasm")), ..BARE })
        }
        _ => None,
    }
}

/// Devices with watchOS have no dynamic libraries, simulators do.
fn apple(os: &str, simulator: bool) -> Names {
    let suffix = if defence::stands("names-for-apple-targets") { ".dylib" } else { ".so" };
    let dynamic = (os != "watchos" || simulator).then_some(("lib", suffix));
    Names { family: Family::Apple, dynamic, rust_dynamic: dynamic.is_some(), ..UNIX }
}

/// Processors for which "no operating system" means a plain program without suffix.
fn is_bare_arch(arch: &str) -> bool {
    ["aarch64", "arm", "i686", "loongarch", "riscv", "thumb", "x86_64"]
        .iter()
        .any(|known| arch.starts_with(known))
}

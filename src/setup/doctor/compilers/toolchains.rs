//! Whether the compiler of every installed toolchain works through kache.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::{dirs, fs, host};

/// See the module.
pub struct ToolchainsCheck;

/// At most this many compilers are tried: each is a process.
const MOST_ASKED: usize = 12;

impl Check for ToolchainsCheck {
    fn id(&self) -> &'static str {
        "toolchains"
    }

    fn group(&self) -> Group {
        Group::Compilers
    }

    fn looks_at(&self) -> &'static str {
        "`rustc -vV` through kache, for every installed toolchain"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let compilers = compilers(machine);
        if compilers.is_empty() {
            return Finding::problem("rustc is not installed").hint("install Rust (https://rustup.rs)");
        }
        let failures: Vec<String> =
            compilers.iter().take(MOST_ASKED).filter_map(|compiler| failure(machine, compiler)).collect();
        let n_asked = compilers.len().min(MOST_ASKED);
        if failures.is_empty() {
            let left = compilers.len() - n_asked;
            let left = if left > 0 { format!(", {left} more were not tried") } else { String::new() };
            let s = if n_asked == 1 { "" } else { "s" };
            return Finding::ok(format!("{n_asked} compiler{s} ran through kache{left}"));
        }
        Finding::problem(format!("{} of {n_asked} compilers do not run through kache", failures.len()))
            .details(failures)
            .hint("reinstall the toolchain, or remove it: `rustup toolchain uninstall <name>`")
    }
}

fn compilers(machine: &Machine) -> Vec<PathBuf> {
    let rustup = machine.var("RUSTUP_HOME").map(PathBuf::from);
    let rustup = rustup.or_else(|| dirs::home(&machine.env).map(|home| home.join(".rustup")));
    let toolchains = rustup.map(|home| fs::list(&home.join("toolchains")).unwrap_or_default());
    let compilers: Vec<PathBuf> = toolchains
        .unwrap_or_default()
        .into_iter()
        .filter(|dir| fs::metadata(dir).is_ok_and(|found| found.is_dir()) || is_broken_link(dir))
        .map(|dir| dir.join("bin").join(host::program_name("rustc")))
        .collect();
    if compilers.is_empty() { machine.program("rustc").into_iter().collect() } else { compilers }
}

/// A custom toolchain is a link to a directory that may be gone.
fn is_broken_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) && fs::metadata(path).is_err()
}

/// Why a compiler does not run through kache; `None` if it does.
fn failure(machine: &Machine, compiler: &Path) -> Option<String> {
    let name = compiler.display();
    let Some(path) = compiler.to_str() else { return Some(format!("{name}: its path is not UTF-8")) };
    // A build script's variables would make this a call of another kind.
    let vars: [(&str, Option<&OsStr>); 2] = [("OUT_DIR", None), ("CARGO_MANIFEST_DIR", None)];
    let said = match machine.asks.run(&machine.exe, &[path, "-vV"], &vars) {
        Ok(said) => said,
        Err(e) => return Some(format!("{name}: {e}")),
    };
    if said.code == Some(0) && said.stdout.starts_with(b"rustc ") {
        return None;
    }
    let stderr = String::from_utf8_lossy(&said.stderr);
    Some(format!("{name}: {}", stderr.lines().next().unwrap_or("no output")))
}

//! Which real paths the compiler is told to write under another name, so that two checkouts make the same bytes.
//!
//! | mode | workspace (members) | build directory | registry and git packages | std sources |
//! |---|---|---|---|---|
//! | `mapped` | `.` | `./target` | as they are | as they are |
//! | `portable` | `.` | `./target` | `<package>-<version>` | `/rustc/<commit>` |
//! | `exact` | as it is | as it is | as they are | as they are |
//!
//! `.` is what rustc itself says for members, whose sources cargo names relative to the workspace: `file!()` does not
//! change, and a debugger started there finds them. The map is the whole of `--remap-path-prefix`: with a scope, the
//! metadata would keep the real path and every dependent would miss. Where paths are exact, all roots are part of the
//! key: for coverage (its maps must name real files), where the user gives a scope, which would be ours too, and where
//! a path is not Unicode, which no argument of rustc can be.
//!
//! A unit whose generated code asks for its own path is compiled with real paths ([`crate::run::miss::attempt`]). Its unit key is
//! that of a mapped compile, because only a compile shows that it asks; what it made is bound to the real roots
//! instead, as if their paths stood in every output.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::action::portable::Root;
use crate::action::roots::BuildDirs;
use crate::config::PathsMode;
use crate::invocation::Invocation;
use crate::key::toolchain::Toolchain;
use crate::run::streams::TARGET_NAME;
use crate::sys::env::Env;
use crate::sys::{defence, os};

/// How paths are mapped in one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRemap {
    /// What the key says about it.
    pub name: String,
    /// Arguments that stand in front of all others: rustc takes the last one that fits, so the user's own win.
    pub args: Vec<OsString>,
    /// Whether anything is mapped, so that outputs may serve other trees.
    pub maps: bool,
    /// Roots that outputs are bound to, whatever their contents.
    pub bound: &'static [Root],
    /// The directory of a package outside of the workspace, where that is mapped.
    pub package: Option<PathBuf>,
    /// Those of `args` that name no directory of the project: these come first.
    n_of_toolchain: usize,
}

impl PathRemap {
    /// The same for one unit that needs the real paths of its own sources.
    #[must_use]
    pub fn with_real_paths(&self) -> PathRemap {
        // The toolchain may lie below the home.
        let mapped: &[Root] =
            if self.n_of_toolchain > 0 { &Root::ALL } else { &[Root::Target, Root::Workspace] };
        let args = self.args[..self.n_of_toolchain].to_vec();
        PathRemap { args, bound: mapped, ..self.clone() }
    }
}

/// The mapping for `invocation`.
pub fn remap(
    mode: PathsMode,
    invocation: &Invocation,
    build_dirs: &BuildDirs,
    toolchain: &Toolchain,
    env: &Env,
) -> PathRemap {
    if mode == PathsMode::Exact || needs_real_paths(invocation) {
        return exact(build_dirs);
    }
    let mut args: Vec<OsString> = Vec::new();
    let mut name = "mapped";
    let mut remapped_package = None;
    let is_portable = mode == PathsMode::Portable;
    if is_portable {
        name = "portable";
        let sources = toolchain.sysroot.join("lib/rustlib/src/rust");
        args.extend(remap_argument(os::bytes(&sources), &format!("/rustc/{}", toolchain.commit)));
        let package = env.get("CARGO_MANIFEST_DIR").filter(|_| !build_dirs.member);
        if let (Some(dir), Some(name), Some(version)) =
            (package, env.get("CARGO_PKG_NAME"), env.get("CARGO_PKG_VERSION"))
        {
            let to = format!("{}-{}", name.to_string_lossy(), version.to_string_lossy());
            args.extend(remap_argument(os::bytes(dir), &to));
            remapped_package = Some(PathBuf::from(dir));
        }
    }
    for (path, _) in build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Workspace) {
        if defence::stands("the-workspace-is-mapped") {
            args.extend(remap_argument(path, "."));
        }
    }
    for (path, _) in build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Target) {
        if defence::stands("the-build-directory-is-mapped") {
            args.extend(remap_argument(path, TARGET_NAME));
        }
    }
    // rustc refuses arguments that are not Unicode.
    if args.iter().any(|argument| argument.to_str().is_none()) {
        return exact(build_dirs);
    }
    let n_of_toolchain = usize::from(is_portable);
    PathRemap {
        name: name.to_owned(),
        args,
        maps: true,
        bound: &[],
        package: remapped_package,
        n_of_toolchain,
    }
}

/// The argument that has rustc write `to` for `from`.
fn remap_argument(from: &[u8], to: &str) -> Option<OsString> {
    os::from_bytes(&[b"--remap-path-prefix=", from, b"=", to.as_bytes()].concat())
}

/// Nothing is mapped, and all roots are part of the key, byte for byte.
fn exact(build_dirs: &BuildDirs) -> PathRemap {
    let roots = if defence::stands("where-links-of-unmapped-roots-lead") {
        build_dirs.with_canonical_spellings()
    } else {
        build_dirs.roots.clone()
    };
    let roots: Vec<String> =
        roots.spellings().map(|(path, root)| format!("{}={}", root.token(), path.escape_ascii())).collect();
    let cwd = os::bytes(&build_dirs.cwd).escape_ascii();
    let name = format!("exact\n{cwd}\n{}", roots.join("\n"));
    PathRemap { name, args: Vec::new(), maps: false, bound: &[], package: None, n_of_toolchain: 0 }
}

fn needs_real_paths(invocation: &Invocation) -> bool {
    let covers = invocation
        .codegen("instrument-coverage")
        .next_back()
        .is_some_and(|value| !value.is_some_and(|value| matches!(value, "n" | "no" | "off" | "false" | "0")));
    covers || invocation.flags.iter().any(|flag| flag.name == "remap-path-scope")
}

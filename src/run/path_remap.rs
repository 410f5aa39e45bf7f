//! Which real paths the compiler is told to write under another name, so that two checkouts make the same bytes.
//!
//! | mode | workspace (members) | build directory | registry and git packages | std sources |
//! |---|---|---|---|---|
//! | `mapped` | `.` or the placeholder | `./target` | as they are | as they are |
//! | `portable` | `.` or the placeholder | `./target` | `<package>-<version>` | `/rustc/<commit>` |
//! | `exact` | as it is | as it is | as they are | as they are |
//!
//! `.` is what rustc itself says for members, whose sources cargo names relative to the workspace: `file!()` does not
//! change. So the workspace itself shows in one place only, as the directory from which debug information counts these
//! names. Where that can be written later, when a program is put into a tree, it is mapped to a placeholder of the same
//! meaning ([`compilation_dir`]): on systems with ELF files, and with compilers that keep the two
//! apart in all that a program can print. It must not show in absolute names of sources. What lies in the package is
//! mapped as it would be with `.`; a unit with others is compiled with `.`, and so makes what it would make in any case.
//!
//! The map applies to everything (`--remap-path-prefix` without a scope): with a scope, the metadata would keep the real
//! path and every dependent would miss. Where paths are exact, all roots are part of the key: for coverage (its maps must
//! name real files), where the user gives a scope, which would also apply to our mappings, and where a path is not
//! Unicode, which no argument of rustc can be.
//!
//! A unit whose generated code asks for its own path is compiled with real paths ([`crate::run::miss::attempt`]). Its unit key is
//! that of a mapped compile, because only a compile shows that it asks; what it made is bound to the real roots
//! instead, as if their paths stood in every output.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::action::portable::Root;
use crate::action::roots::BuildDirs;
use crate::config::{Config, PathsMode};
use crate::invocation::{Invocation, Target, target};
use crate::key::toolchain::Toolchain;
use crate::run::compilation_dir::{self, PLACEHOLDER};
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
    /// Where the workspace is mapped to the placeholder.
    pub placeholder: Option<Placeholder>,
    /// Those of `args` that name no directory of the project: these come first.
    n_of_toolchain: usize,
}

/// What else there is to know where the workspace is mapped to the placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Directories in it that are mapped to their names from there.
    pub covered: Vec<PathBuf>,
    /// The arguments that map the workspace to `.`.
    plain: Vec<OsString>,
}

impl PathRemap {
    /// The same for one unit in whose outputs the placeholder would show.
    #[must_use]
    pub fn without_placeholder(&self) -> PathRemap {
        let args = self.placeholder.as_ref().map_or_else(|| self.args.clone(), |it| it.plain.clone());
        PathRemap { args, placeholder: None, ..self.clone() }
    }

    /// The same for one unit that needs the real paths of its own sources.
    #[must_use]
    pub fn with_real_paths(&self) -> PathRemap {
        // The toolchain may lie below the home.
        let mapped: &[Root] =
            if self.n_of_toolchain > 0 { &Root::ALL } else { &[Root::Target, Root::Workspace] };
        let args = self.args[..self.n_of_toolchain].to_vec();
        PathRemap { args, bound: mapped, placeholder: None, ..self.clone() }
    }
}

/// The mapping for `invocation`.
pub fn remap(
    config: &Config,
    invocation: &Invocation,
    build_dirs: &BuildDirs,
    toolchain: &Toolchain,
    env: &Env,
) -> PathRemap {
    let mode = config.effective_paths();
    if mode == PathsMode::Exact || needs_real_paths(invocation) {
        return exact(build_dirs);
    }
    let mut elsewhere: Vec<OsString> = Vec::new();
    let mut name = "mapped";
    let mut remapped_package = None;
    let is_portable = mode == PathsMode::Portable;
    if is_portable {
        name = "portable";
        let sources = toolchain.sysroot.join("lib/rustlib/src/rust");
        elsewhere.extend(remap_argument(os::bytes(&sources), &format!("/rustc/{}", toolchain.commit)));
        let package = env.get("CARGO_MANIFEST_DIR").filter(|_| !build_dirs.member);
        if let (Some(dir), Some(name), Some(version)) =
            (package, env.get("CARGO_PKG_NAME"), env.get("CARGO_PKG_VERSION"))
        {
            let to = format!("{}-{}", name.to_string_lossy(), version.to_string_lossy());
            elsewhere.extend(remap_argument(os::bytes(dir), &to));
            remapped_package = Some(PathBuf::from(dir));
        }
    }
    let plain = [elsewhere.clone(), project_args(build_dirs, ".", &[])].concat();
    let mut remap = PathRemap {
        name: name.to_owned(),
        args: plain.clone(),
        maps: true,
        bound: &[],
        package: remapped_package,
        placeholder: None,
        n_of_toolchain: usize::from(is_portable),
    };
    if build_dirs.member && config.cache_executables.value && takes_placeholder(invocation, toolchain) {
        let names = names_in_package(build_dirs, env);
        remap.name.push_str(", with a placeholder");
        remap.args = [elsewhere, project_args(build_dirs, PLACEHOLDER, &names)].concat();
        let workspaces = build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Workspace);
        let workspaces: Vec<PathBuf> = workspaces.filter_map(|(path, _)| os::path(path)).collect();
        let covered = workspaces.iter().flat_map(|dir| names.iter().map(|name| dir.join(name))).collect();
        remap.placeholder = Some(Placeholder { covered, plain });
    }
    // rustc refuses arguments that are not Unicode.
    if remap.args.iter().any(|argument| argument.to_str().is_none()) {
        return exact(build_dirs);
    }
    remap
}

/// The arguments that map the workspace to `workspace`, but what has these `names` in it to `./<name>`, and the build
/// directory.
fn project_args(build_dirs: &BuildDirs, workspace: &str, names: &[PathBuf]) -> Vec<OsString> {
    let mut args = Vec::new();
    for (path, _) in build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Workspace) {
        if defence::stands("the-workspace-is-mapped") {
            args.extend(remap_argument(path, workspace));
            for name in names.iter().map(os::bytes) {
                args.extend(remap_bytes(&[path, b"/", name].concat(), &[b"./", name].concat()));
            }
        }
    }
    for (path, _) in build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Target) {
        if defence::stands("the-build-directory-is-mapped") {
            args.extend(remap_argument(path, TARGET_NAME));
        }
    }
    args
}

/// Where the sources of a package usually are that is in the root of its workspace.
const USUAL: [&str; 4] = ["benches", "examples", "src", "tests"];

/// The directory of the package, from the workspace; where it is the workspace itself, directories that it usually has.
fn names_in_package(build_dirs: &BuildDirs, env: &Env) -> Vec<PathBuf> {
    let Some(package) = env.get("CARGO_MANIFEST_DIR").map(Path::new) else { return Vec::new() };
    let workspaces = build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Workspace);
    let mut workspaces = workspaces.filter_map(|(path, _)| os::path(path));
    match workspaces.find_map(|workspace| package.strip_prefix(workspace).ok().map(Path::to_path_buf)) {
        Some(name) if name.as_os_str().is_empty() => USUAL.iter().map(PathBuf::from).collect(),
        // rustc takes the text after the last `=` for the name.
        Some(name) if name.to_str().is_some_and(|name| !name.contains('=')) => vec![name],
        _ => Vec::new(),
    }
}

/// The first release that was seen to keep the names of sources apart from the directory that they are counted from,
/// wherever a program can print them. Others put the two together for what is compiled in another crate.
const FIRST_RELEASE: (u32, u32) = (1, 95);

/// Whether the workspace can be mapped to the placeholder.
fn takes_placeholder(invocation: &Invocation, toolchain: &Toolchain) -> bool {
    let triple = match &invocation.target {
        None => Some(toolchain.host.as_str()),
        Some(Target::Triple(triple)) => Some(triple.as_str()),
        Some(Target::Spec(_)) => None,
    };
    triple.is_some_and(target::makes_elf)
        && is_known_release(&toolchain.release)
        && !compilation_dir::is_of_the_build(invocation)
        && !compilation_dir::is_hidden(invocation)
}

fn is_known_release(release: &str) -> bool {
    let mut numbers = release.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= FIRST_RELEASE,
        _ => false,
    }
}

/// The argument that has rustc write `to` for `from`.
fn remap_argument(from: &[u8], to: &str) -> Option<OsString> {
    remap_bytes(from, to.as_bytes())
}

fn remap_bytes(from: &[u8], to: &[u8]) -> Option<OsString> {
    os::from_bytes(&[b"--remap-path-prefix=", from, b"=", to].concat())
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
    PathRemap {
        name,
        args: Vec::new(),
        maps: false,
        bound: &[],
        package: None,
        placeholder: None,
        n_of_toolchain: 0,
    }
}

fn needs_real_paths(invocation: &Invocation) -> bool {
    let covers = invocation
        .codegen("instrument-coverage")
        .next_back()
        .is_some_and(|value| !value.is_some_and(|value| matches!(value, "n" | "no" | "off" | "false" | "0")));
    covers || invocation.flags.iter().any(|flag| flag.name == "remap-path-scope")
}

#[cfg(test)]
mod tests {
    use super::is_known_release;

    #[test]
    fn releases_that_were_not_tried_get_no_placeholder() {
        for known in ["1.95.0", "1.97.0-nightly", "1.100.2", "2.0.0"] {
            assert!(is_known_release(known), "{known}");
        }
        for other in ["1.94.1", "1.9.0", "0.99.0", "1", "", "nightly"] {
            assert!(!is_known_release(other), "{other}");
        }
    }
}

//! Never in the way: whatever happens to the store, a build ends as plain cargo's does. It prints the same and leaves the
//! same files; how kache got there (served, compiled, stepped aside) does not matter here.

use std::process::{Command, Stdio};

use crate::plain::{Files, files_of};
use crate::step::Step;
use crate::world::{World, package};

/// What plain cargo prints and makes.
pub(crate) struct Reference {
    printed: Vec<String>,
    real: Files,
    /// With the names that kache maps paths to.
    mapped: Files,
}

impl Reference {
    /// Builds with plain cargo, and cleans up.
    pub(crate) fn of(world: &World) -> Reference {
        let mut printed = Vec::new();
        let [real, mapped] = [false, true].map(|maps_paths| {
            printed = shown(world.plain_build(maps_paths).succeeds());
            let files = files_of(&world.target());
            world.clean();
            files
        });
        assert!(printed.iter().any(|line| line.contains("warning")), "the project warns: {printed:?}");
        Reference { printed, real, mapped }
    }

    /// `step` printed what plain cargo prints, and made what it makes.
    pub(crate) fn holds(&self, world: &World, step: &Step) {
        step.succeeds();
        assert_eq!(shown(step), self.printed, "\n{step}");
        self.holds_for_files(world, step);
    }

    /// The build directory holds what plain cargo makes. Where kache compiled some units and stepped aside for others,
    /// outputs with mapped paths and with real ones are linked: there is nothing to compare bytes with, but the program
    /// must do what it does.
    pub(crate) fn holds_for_files(&self, world: &World, step: &Step) {
        let made = files_of(&world.target());
        let modes =
            |files: &Files| files.iter().map(|(name, (mode, _))| (name.clone(), *mode)).collect::<Vec<_>>();
        assert_eq!(modes(&made), modes(&self.real), "\n{step}");
        assert_eq!(world.run_bin("app"), "hello world\n", "\n{step}");
        let n_units = step.records().len();
        let expected = match step.n_bypasses() {
            0 if n_units == N_UNITS => &self.mapped,
            n if n == N_UNITS => &self.real,
            _ => return,
        };
        for (name, file) in &made {
            assert!(expected.get(name) == Some(file), "{name} is not what plain cargo makes\n{step}");
        }
    }
}

/// Lines that do not depend on the time, in an order that does not either.
fn shown(step: &Step) -> Vec<String> {
    let is_kept = |line: &&str| !line.contains("Finished `");
    let mut lines: Vec<String> =
        step.stdout().lines().chain(step.stderr().lines()).filter(is_kept).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A workspace with a unit of each kind that is treated in its own way, and a warning.
pub(crate) fn project() -> World {
    let lib = "[dependencies]\nmacros = { path = \"../macros\" }\n";
    let app = "[dependencies]\nwords = { path = \"../words\" }\n";
    World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"macros\", \"words\"]\n"),
        ("macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n")),
        ("macros/src/lib.rs", MACROS),
        ("words/Cargo.toml", &package("words", lib)),
        ("words/build.rs", BUILD_SCRIPT),
        ("words/src/lib.rs", WORDS),
        ("app/Cargo.toml", &package("app", app)),
        (
            "app/src/main.rs",
            "fn main() {\n    let unused = 1;\n    println!(\"{}\", words::greeting());\n}\n",
        ),
    ])
    .env("CARGO_INCREMENTAL", "0")
}

/// How many units [`project`] has.
pub(crate) const N_UNITS: usize = 4;

const MACROS: &str = r#"use proc_macro::TokenStream;

#[proc_macro]
pub fn hello(_: TokenStream) -> TokenStream {
    "\"hello\"".parse().unwrap()
}
"#;

const BUILD_SCRIPT: &str = r#"use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out_dir = env::var_os("OUT_DIR").unwrap();
    fs::write(Path::new(&out_dir).join("world.rs"), "\"world\"").unwrap();
}
"#;

const WORDS: &str = r#"pub fn greeting() -> String {
    let unused = 1;
    let world: &str = include!(concat!(env!("OUT_DIR"), "/world.rs"));
    format!("{} {}", macros::hello!(), world)
}
"#;

/// `cargo build` after a shell script, in mounts of its own; `None`, with a word on it, where that is not allowed.
/// The script sees the cache directory as `$KACHE_CACHE_DIR`.
pub(crate) fn cargo_build_after(world: &World, script: &str) -> Option<Command> {
    let flags = ["-m", "-rm"].into_iter().find(|flags| runs("unshare", &[flags, "true"]));
    let Some(flags) = flags else {
        eprintln!("skipped: there is no `unshare`, or no right to use it");
        return None;
    };
    let mut command = world.command("unshare");
    command.args([flags, "sh", "-ec", &format!("{script}\nexec cargo build")]);
    Some(command)
}

/// Whether a command can be started here and ends well.
pub(crate) fn runs(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

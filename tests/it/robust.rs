//! Never in the way: whatever happens to the store, a build ends as plain cargo's does. It prints the same and leaves the
//! same files; how kache got there (served, compiled, stepped aside) does not matter here.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::plain::{Files, files_of, write_directory};
use crate::skip::skip;
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
            if maps_paths {
                write_directory(&world.target(), &world.tree().canonicalize().expect("it exists"));
            }
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
        ("app/src/main.rs", APP),
    ])
    .env("CARGO_INCREMENTAL", "0")
}

/// How many units [`project`] has.
pub(crate) const N_UNITS: usize = 4;

pub(crate) const APP: &str = r#"fn main() {
    let unused = 1;
    println!("{}", words::greeting());
}
"#;

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

/// Whether system calls can be traced here; says so if not.
pub(crate) fn has_strace() -> bool {
    let has = runs("strace", &["-qq", "true"]);
    if !has {
        skip("strace", "there is no strace, or no right to use it");
    }
    has
}

/// `cargo build` after a shell script, in mounts of its own; `None`, with a word on it, where that is not allowed.
/// The script sees the cache directory as `$KACHE_CACHE_DIR`.
pub(crate) fn cargo_build_after(world: &World, script: &str) -> Option<Command> {
    let flags = ["-m", "-rm"].into_iter().find(|flags| runs("unshare", &[flags, "true"]));
    let Some(flags) = flags else {
        skip("unshare", "there is no `unshare`, or no right to use it");
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

/// [`project`] with a macro that can be made to wait in the middle of the compile of `words`.
pub(crate) fn holding_project() -> World {
    let world = project();
    world.edit("macros/src/lib.rs", "TokenStream {\n", &format!("TokenStream {{\n{HOLD}"));
    let dir = world.root();
    world.env("HOLD_DIR", dir)
}

/// Says which process it is in, and goes on when the file `hold` is gone.
const HOLD: &str = r#"
    let dir = std::path::PathBuf::from(std::env::var_os("HOLD_DIR").unwrap());
    if dir.join("hold").exists() {
        std::fs::write(dir.join("held.new"), std::process::id().to_string()).unwrap();
        std::fs::rename(dir.join("held.new"), dir.join("held")).unwrap();
        while dir.join("hold").exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
"#;

/// A build in a process group of its own, which waits in the middle of the compile of `words`.
pub(crate) struct Held {
    /// Gone when it has ended.
    cargo: Option<Child>,
    group: String,
    rustc: u32,
    hold: PathBuf,
}

impl Held {
    /// Starts `cargo build` of a [`holding_project`] into the build directory `target`, and waits until it waits.
    pub(crate) fn build(world: &World, target: &str) -> Held {
        let (hold, held) = (world.root().join("hold"), world.root().join("held"));
        std::fs::write(&hold, "").expect("writes");
        let mut command = world.command("cargo");
        command.arg("build").env("CARGO_TARGET_DIR", world.tree().join(target)).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let cargo = command.spawn().expect("cargo runs");
        let group = format!("-{}", cargo.id());
        until(|| held.exists(), "the macro is expanded");
        let rustc = std::fs::read_to_string(&held).expect("reads").parse().expect("is a number");
        std::fs::remove_file(held).expect("removes");
        Held { cargo: Some(cargo), group, rustc, hold }
    }

    /// Sends a signal to cargo and everything it started.
    pub(crate) fn signal_group(&self, signal: &str) {
        assert!(runs("kill", &["-s", signal, "--", &self.group]));
    }

    /// Sends a signal to the wrapper of the compiler that waits.
    pub(crate) fn signal_wrapper(&self, signal: &str) {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.rustc)).expect("it runs");
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        assert!(runs("kill", &["-s", signal, parent.expect("has a parent")]));
    }

    /// Lets the macro, or another process that waits, go on.
    pub(crate) fn release(&self) {
        std::fs::remove_file(&self.hold).expect("removes");
    }

    /// Waits for cargo and its compiler to end, and lets later builds go on.
    pub(crate) fn ended(mut self) -> Output {
        let cargo = self.cargo.take().expect("it is waited for once");
        let output = cargo.wait_with_output().expect("cargo ends");
        let stat = format!("/proc/{}/stat", self.rustc);
        // Nobody may have asked yet how it ended.
        let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        until(is_gone, "the compiler ends");
        let _ = std::fs::remove_file(&self.hold);
        output
    }
}

impl Drop for Held {
    /// A test that failed leaves nothing behind that stands still for ever.
    fn drop(&mut self) {
        if let Some(mut cargo) = self.cargo.take() {
            self.signal_group("KILL");
            let _ = cargo.wait();
        }
    }
}

/// Looks again and again, for half a minute.
pub(crate) fn until(is_so: impl Fn() -> bool, what: &str) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

//! A private home of somebody who has cargo, and calls `kache` and `cargo` in it. Nothing of the caller's is left but
//! the toolchains.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kache::digest::Digest;
use kache::sys::env::Env;

use crate::deadline::WatchedDir;

/// The home.
pub(crate) struct Home {
    temporary: WatchedDir,
    vars: Vec<(String, String)>,
    cwd: PathBuf,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    /// A home with an empty `~/.cargo/bin` but for kache.
    pub(crate) fn new() -> Home {
        let home = Home::without_kache();
        home.install(".cargo/bin/kache");
        home
    }

    /// A home with nothing in it.
    pub(crate) fn without_kache() -> Home {
        let temporary = tempfile::Builder::new().prefix("kache-home-").tempdir().expect("a directory");
        let cwd = temporary.path().canonicalize().expect("it exists");
        let callers = |name: &str, below: &str| {
            let home = PathBuf::from(std::env::var_os("HOME").expect("there is a home"));
            std::env::var(name).unwrap_or_else(|_| home.join(below).display().to_string())
        };
        let mut home = Home { temporary: WatchedDir::new(temporary), vars: Vec::new(), cwd };
        // The journal stays, so the directory that it is in does, too.
        home.dir(".local/state");
        home.set("PATH", &std::env::var("PATH").expect("there is a PATH"));
        home.set("HOME", &home.root().display().to_string());
        home.set("RUSTUP_HOME", &callers("RUSTUP_HOME", ".rustup"));
        // Elsewhere a service belongs to the user who is logged in, whatever HOME says; with this none is installed.
        if !cfg!(target_os = "linux") {
            home.set("CI", "true");
        }
        if let Ok(toolchain) = std::env::var("RUSTUP_TOOLCHAIN") {
            home.set("RUSTUP_TOOLCHAIN", &toolchain);
        }
        home
    }

    /// Puts kache at `name`.
    pub(crate) fn install(&self, name: &str) {
        let built = env!("CARGO_BIN_EXE_kache");
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("makes a directory");
        // Copying over another name of the same file would empty it.
        let _ = fs::remove_file(&path);
        if fs::hard_link(built, &path).is_err() {
            fs::copy(built, &path).expect("installs kache");
        }
    }

    /// The program as it is installed.
    pub(crate) fn kache(&self) -> PathBuf {
        self.path(".cargo/bin/kache")
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.temporary.path().canonicalize().expect("it exists")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.vars.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.vars.retain(|(known, _)| known != name);
    }

    pub(crate) fn var(&self, name: &str) -> String {
        let found = self.vars.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Calls commands in this directory from now on.
    pub(crate) fn within(&mut self, dir: &str) {
        self.cwd = self.path(dir);
    }

    pub(crate) fn dir(&self, name: &str) {
        fs::create_dir_all(self.path(name)).expect("makes a directory");
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("makes a directory");
        fs::write(path, content).expect("writes");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn link(&self, target: &str, name: &str) {
        symlink(target, self.path(name)).expect("links");
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("sets the mode");
    }

    /// A wrapper that leaves its name in the file `called`.
    pub(crate) fn wrapper(&self, name: &str) {
        let file = Path::new(name).file_name().expect("it has a name").to_string_lossy().into_owned();
        let called = self.path("called");
        self.write(name, format!("#!/bin/sh\necho {file} >> '{}'\nexec \"$@\"\n", called.display()));
        self.mode(name, 0o755);
    }

    /// A package, in `name`.
    pub(crate) fn package(&self, name: &str) {
        let manifest = "[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
        self.write(&format!("{name}/Cargo.toml"), manifest);
        self.write(&format!("{name}/src/lib.rs"), "");
    }

    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.temporary.progressed();
        let mut command = Command::new(program);
        command.current_dir(&self.cwd).env_clear();
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `kache <args>`.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(self.kache()).args(args).output().expect("kache runs"))
    }

    /// What the library sees in this home.
    pub(crate) fn env(&self) -> Env {
        let vars: Vec<(&str, &str)> =
            self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut env = Env::with_vars(&vars);
        env.cwd = Some(self.cwd.clone());
        env
    }

    /// `cargo tree`, which asks the compiler for its version.
    pub(crate) fn cargo(&self) -> Ended {
        let mut command = self.command("cargo");
        command.args(["tree", "--offline", "--depth", "0"]).env("CARGO_CACHE_RUSTC_INFO", "0");
        Ended::of(command.output().expect("cargo runs"))
    }

    /// Asserts that cargo works in an empty package.
    #[track_caller]
    pub(crate) fn cargo_works(&self) {
        self.package("works");
        let mut command = self.command("cargo");
        command.current_dir(self.path("works")).args(["build", "--offline"]);
        Ended::of(command.output().expect("cargo runs")).with(0, "");
    }

    /// The wrappers of [`Home::wrapper`] that were called since this was asked last, each once.
    pub(crate) fn called(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("called")).unwrap_or_default();
        let _ = fs::remove_file(self.path("called"));
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Every path below the home with what is there, one a line, but for what cargo, the journal and the
    /// wrappers leave.
    pub(crate) fn look(&self) -> String {
        let mut found = Vec::new();
        let mut open = vec![self.root()];
        while let Some(dir) = open.pop() {
            for path in fs::read_dir(dir).expect("lists").map(|entry| entry.expect("lists").path()) {
                let name = path.strip_prefix(self.root()).expect("it is below").display().to_string();
                let metadata = fs::symlink_metadata(&path).expect("it is there");
                if [".package-cache", ".global-cache", ".local/state", "called"]
                    .iter()
                    .any(|own| name.ends_with(own))
                {
                    continue;
                }
                let mode = metadata.permissions().mode();
                if metadata.file_type().is_socket() {
                    found.push(format!("{name} {mode:o} socket"));
                } else if metadata.is_dir() {
                    open.push(path);
                    found.push(format!("{name}/ {mode:o}"));
                } else if metadata.is_symlink() {
                    let target = fs::read_link(&path).expect("it is a link");
                    found.push(format!("{name} -> {}", target.display()));
                } else {
                    let bytes = fs::read(&path).expect("it can be read");
                    let digest = Digest::hash(&bytes);
                    let text = String::from_utf8(bytes).ok().filter(|text| text.len() < 1000);
                    let start = text.unwrap_or_default();
                    found.push(format!("{name} {mode:o} {digest:?} {start:?}"));
                }
            }
        }
        found.sort();
        found.join("\n")
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Ended {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the code and what must have been said, on either stream.
    #[track_caller]
    pub(crate) fn with(&self, code: i32, said: &str) -> &Ended {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, Some(code), "{all}");
        assert!(all.contains(said), "{said:?} is not in:\n{all}");
        self
    }
}

//! A home with stand-ins in it, below a directory whose name is no plain word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::stand_in;

/// A home, a toolchain, a project. It vanishes at the end, and its daemon with it.
pub(crate) struct World {
    temporary: tempfile::TempDir,
    root: PathBuf,
    /// The store.
    pub(crate) cache: PathBuf,
    /// Where outputs go.
    pub(crate) out_dir: PathBuf,
    /// Whether it has a daemon. On Windows all homes of a user have the same one.
    pub(crate) has_daemon: bool,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// All that it printed.
    pub(crate) said: String,
}

impl World {
    /// A home below a directory called `name`.
    pub(crate) fn new(name: &str) -> World {
        let temporary = tempfile::Builder::new().prefix("kache-").tempdir().expect("a directory");
        let root = kache::sys::fs::canonical(temporary.path()).expect("it is there").join(name);
        let out_dir = root.join("project").join("target").join("debug").join("deps");
        let world = World { temporary, cache: root.join("cache"), out_dir, has_daemon: false, root };
        let own = std::env::current_exe().expect("this program has a path");
        for program in ["toolchain/bin/rustc", "toolchain/bin/cargo", "home/.cargo/bin/kache"] {
            let from = if program.ends_with("kache") { Path::new(env!("CARGO_BIN_EXE_kache")) } else { &own };
            let to = world.path(&format!("{program}{}", std::env::consts::EXE_SUFFIX));
            world.make_parent(&to);
            fs::copy(from, to).expect("copies a program");
        }
        let std = format!("toolchain/lib/rustlib/{}/lib/libstd.rlib", stand_in::host());
        world.write(&std, "std");
        world.write("project/target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
        world.write("project/target/.rustc_info.json", "{}");
        world.write("project/src/lib.rs", "pub fn one() {}");
        world.write("home/AppData/Local/x", "");
        world.write("toolchain/bin/calls.profraw", "");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name.replace('/', std::path::MAIN_SEPARATOR_STR))
    }

    fn make_parent(&self, path: &Path) {
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("makes a directory");
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        self.make_parent(&self.path(name));
        fs::write(self.path(name), text).expect("writes");
    }

    /// What kache recorded, for people.
    pub(crate) fn recorded(&self) -> String {
        let dir = fs::read_dir(self.cache.join("records")).into_iter().flatten();
        dir.flatten().map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }

    /// The program that a user of this home calls.
    pub(crate) fn kache(&self) -> PathBuf {
        self.path(&format!("home/.cargo/bin/kache{}", std::env::consts::EXE_SUFFIX))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path("project")).env_clear();
        // What a process needs on Windows, whatever it does.
        for name in ["SystemRoot", "windir", "TEMP", "TMP", "PATHEXT", "WINEPREFIX", "USERNAME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        let dirs = [self.path("toolchain/bin"), self.path("home/.cargo/bin")];
        command.env("Path", std::env::join_paths(dirs).expect("they are paths"));
        for (name, dir) in [
            ("HOME", "home"),
            ("USERPROFILE", "home"),
            ("LOCALAPPDATA", "home/AppData/Local"),
            ("APPDATA", "home/AppData/Roaming"),
            ("CARGO_HOME", "home/.cargo"),
        ] {
            command.env(name, self.path(dir));
        }
        // Not where the daemon of the user who runs the tests is.
        command
            .env("XDG_RUNTIME_DIR", kache::sys::fs::canonical(self.temporary.path()).expect("it is there"));
        if !cfg!(windows) {
            let path = command.get_envs().find(|(name, _)| *name == "Path").and_then(|(_, value)| value);
            let path = path.expect("it was set").to_owned();
            command.env("PATH", path);
        }
        command
    }

    /// `kache <args>`.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(&self.kache()).args(args).env("KACHE_CACHE_DIR", &self.cache).output())
    }

    /// The same without a variable that names the store.
    pub(crate) fn run_with_default_store(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(&self.kache()).args(args).output())
    }

    /// What cargo would do for the package of the project, with kache in front.
    pub(crate) fn compile(&self) -> Ended {
        fs::create_dir_all(&self.out_dir).expect("makes the directory for outputs");
        let mut command = self.command(&self.kache());
        command.env("KACHE_CACHE_DIR", &self.cache).env("CARGO_MANIFEST_DIR", self.path("project"));
        command.env("CARGO_PKG_NAME", "unit").env("CARGO", "cargo").env("CARGO_CRATE_NAME", "unit");
        command.arg("rustc").args("--crate-name unit --edition=2024 src/lib.rs --crate-type lib".split(' '));
        command.args("--emit=dep-info,metadata,link -C metadata=7 -C extra-filename=-7 --out-dir".split(' '));
        Ended::of(command.arg(&self.out_dir).output())
    }

    /// How often the compiler compiled.
    pub(crate) fn n_compiled(&self) -> usize {
        stand_in::n_calls(&self.path("toolchain/bin/calls.profraw"))
    }

    /// What is in the outputs, by name.
    pub(crate) fn outputs(&self) -> Vec<(String, String)> {
        let files = fs::read_dir(&self.out_dir).expect("lists").map(|file| file.expect("lists"));
        let named = files.map(|file| {
            let text = fs::read_to_string(file.path()).expect("reads an output");
            (file.file_name().to_string_lossy().into_owned(), text)
        });
        let mut outputs: Vec<_> = named.collect();
        outputs.sort();
        outputs
    }

    /// Removes the outputs, as `cargo clean` does.
    pub(crate) fn clean(&self) {
        fs::remove_dir_all(&self.out_dir).expect("removes the outputs");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.has_daemon {
            let _ = self.run(&["daemon", "stop"]);
        }
        let _ = fs::remove_dir_all(self.temporary.path());
    }
}

impl Ended {
    fn of(output: std::io::Result<Output>) -> Ended {
        let output = output.expect("it can be started");
        let text = [output.stdout, output.stderr].concat();
        Ended { code: output.status.code(), said: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Asserts the code and what must have been said.
    #[track_caller]
    pub(crate) fn with(&self, code: i32, said: &str) -> &Ended {
        assert_eq!(self.code, Some(code), "{}", self.said);
        assert!(self.said.contains(said), "{said:?} is not in:\n{}", self.said);
        self
    }
}

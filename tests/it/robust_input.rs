//! Input that nobody sends on purpose: arguments, directories, files and configurations as they should not be. What rustc
//! makes of it, it makes with kache in front.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kache::outcome::{Bypass, Outcome, Unstored};
use kache::run::record::Record;

use crate::robust::{N_UNITS, Reference, project, runs};
use crate::step::{hits, misses, read_records};
use crate::world::World;

/// A directory with one source file, compiled as cargo would.
struct Scene {
    world: World,
    dir: PathBuf,
}

impl Scene {
    fn new(name: &OsStr) -> Scene {
        let world = World::files(&[("src/lib.rs", "pub fn one() -> u8 { 1 }\n")]);
        let dir = world.root().join(name);
        fs::rename(world.tree(), &dir).expect("renames");
        Scene { world, dir }
    }

    fn rustc(&self) -> PathBuf {
        let sysroot = self.world.command("rustc").args(["--print", "sysroot"]).current_dir("/").output();
        let sysroot = String::from_utf8(sysroot.expect("rustc runs").stdout).expect("is text");
        Path::new(sysroot.trim()).join("bin/rustc")
    }

    /// rustc, or kache in front of it, without arguments.
    fn compiler(&self, with_kache: bool) -> Command {
        let mut command =
            self.world.command(if with_kache { env!("CARGO_BIN_EXE_kache").into() } else { self.rustc() });
        command.args(with_kache.then(|| self.rustc())).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    /// Arguments for outputs in `out`.
    fn arguments(&self, out: &str) -> Vec<OsString> {
        let out = self.world.root().join(out);
        fs::create_dir_all(&out).expect("makes the directory, as cargo does");
        let words = "--crate-name a --edition 2024 --crate-type lib --emit=dep-info,metadata,link src/lib.rs \
                     -C metadata=1 -C extra-filename=-1 --out-dir";
        words.split(' ').map(OsString::from).chain([out.into_os_string()]).collect()
    }

    fn compile(&self, out: &str) -> Record {
        let output = self.compiler(true).args(self.arguments(out)).output().expect("kache runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        read_records(&self.world.cache()).pop().expect("there is a record")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// kache and rustc alone end in the same way and print the same.
fn same(with_kache: &Output, alone: &Output) {
    let printed = |bytes: &[u8]| {
        // The message of a panic holds the number of the process.
        text(bytes).lines().filter(|line| !line.contains("panicked at")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(printed(&with_kache.stderr), printed(&alone.stderr));
    assert_eq!(text(&with_kache.stdout), text(&alone.stdout));
    assert_eq!(with_kache.status.code(), alone.status.code());
}

#[test]
fn a_program_in_a_directory_whose_name_is_not_unicode_hits_there_only() {
    let scene = Scene::new(&OsString::from_vec(b"w\xff".to_vec()));
    fs::write(scene.dir.join("src/main.rs"), "fn main() { println!(\"{}\", file!()) }\n").expect("writes");
    // rustc makes programs there, but panics over metadata.
    let arguments = |out: &str| -> Vec<OsString> {
        let of_program = |arg: OsString| match arg.to_str() {
            Some("lib") => "bin".into(),
            Some("src/lib.rs") => "src/main.rs".into(),
            Some("--emit=dep-info,metadata,link") => "--emit=dep-info,link".into(),
            _ => arg,
        };
        scene.arguments(out).into_iter().map(of_program).collect()
    };
    let compile = |dir: &Path, out: &str| {
        let output = scene.compiler(true).args(arguments(out)).current_dir(dir).output().expect("kache runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        read_records(&scene.world.cache()).pop().expect("there is a record").outcome
    };
    assert!(matches!(compile(&scene.dir, "one"), Outcome::Miss { unstored: None, .. }));
    assert!(matches!(compile(&scene.dir, "two"), Outcome::Hit { .. }));
    let mut rustc = scene.compiler(false);
    assert!(rustc.args(arguments("plain")).status().expect("rustc runs").success());
    let read = |out: &str| fs::read(scene.world.root().join(out).join("a-1")).expect("reads");
    assert!(read("two") == read("plain"));
    // Another name that differs only in what is not Unicode is another place.
    let other = scene.world.root().join(OsString::from_vec(b"w\xfe".to_vec()));
    fs::rename(&scene.dir, &other).expect("renames");
    assert!(matches!(compile(&other, "three"), Outcome::Miss { unstored: None, .. }));
}

#[test]
fn an_argument_that_is_not_unicode_is_refused_by_the_compiler_itself() {
    let scene = Scene::new(OsStr::new("w"));
    let odd = OsString::from_vec(b"--cfg=\xff".to_vec());
    let [kache, alone] = [true, false].map(|with_kache| {
        scene.compiler(with_kache).args(scene.arguments("out")).arg(&odd).output().expect("it runs")
    });
    same(&kache, &alone);
    assert!(!kache.status.success());
    let odd = scene.world.root().join(OsString::from_vec(b"out\xff".to_vec()));
    let [kache, alone] = [true, false].map(|with_kache| {
        let mut args = scene.arguments("out");
        args.pop();
        scene.compiler(with_kache).args(args).arg(&odd).output().expect("it runs")
    });
    same(&kache, &alone);
    assert!(!odd.exists());
}

#[test]
fn arguments_out_of_a_pipe_are_the_compilers() {
    let scene = Scene::new(OsStr::new("w"));
    let args: Vec<String> =
        scene.arguments("out").iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut command = scene.world.command("sh");
    let script = format!(
        "printf '%s\\n' {} | {} {} @/dev/stdin",
        args.join(" "),
        env!("CARGO_BIN_EXE_kache"),
        scene.rustc().display()
    );
    let output = command.args(["-c", &script]).current_dir(&scene.dir).output().expect("sh runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(scene.world.root().join("out/liba-1.rlib").exists());
    let record = read_records(&scene.world.cache()).pop().expect("there is a record");
    assert!(matches!(record.outcome, Outcome::Bypass { reason } if reason.why == Bypass::ArgumentFile));
}

#[test]
fn a_directory_that_is_gone_is_the_compilers_trouble() {
    let scene = Scene::new(OsStr::new("w"));
    let source = scene.dir.join("src/lib.rs");
    let [kache, alone] = [true, false].map(|with_kache| {
        let gone = scene.world.root().join("gone");
        fs::create_dir(&gone).expect("makes a directory");
        let front = if with_kache { env!("CARGO_BIN_EXE_kache") } else { "" };
        let script = format!(
            "rmdir {}\nexec {front} {} --crate-name a --crate-type lib --emit=metadata {} --out-dir {}",
            gone.display(),
            scene.rustc().display(),
            source.display(),
            scene.world.root().join("out").display()
        );
        let mut command = scene.world.command("sh");
        command.args(["-c", &script]).current_dir(&gone).output().expect("sh runs")
    });
    same(&kache, &alone);
}

#[test]
fn a_source_that_is_a_pipe_is_read_by_the_compiler_alone() {
    let scene = Scene::new(OsStr::new("w"));
    let pipe = scene.dir.join("src/pipe");
    assert!(runs("mkfifo", &[&pipe.to_string_lossy()]));
    fs::write(scene.dir.join("src/lib.rs"), "pub const TEXT: &str = include_str!(\"pipe\");\n")
        .expect("writes");
    // Writing waits for a reader, and there is one reader only.
    let record = std::thread::scope(|scope| {
        let writer = scope.spawn(|| fs::write(&pipe, "text"));
        let record = scene.compile("out");
        writer.join().expect("it ran").expect("somebody read");
        record
    });
    assert!(
        matches!(record.outcome, Outcome::Miss { unstored: Some(Unstored::InputsUnknown(_)), .. }),
        "{record:?}"
    );
}

#[test]
fn closed_streams_are_no_reason_to_fail() {
    let scene = Scene::new(OsStr::new("w"));
    scene.compile("out");
    for (n, redirection) in [">&- 2>&-", "<&- >&- 2>&-", "> /dev/full 2> /dev/full"].into_iter().enumerate() {
        let script = format!("exec \"$@\" {redirection}");
        let mut command = scene.world.command("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_kache")]).arg(scene.rustc());
        command.args(scene.arguments(&format!("out-{n}"))).current_dir(&scene.dir);
        assert!(command.status().expect("sh runs").success(), "{redirection}");
        assert!(scene.world.root().join(format!("out-{n}/liba-1.rlib")).exists());
        let record = read_records(&scene.world.cache()).pop().expect("there is a record");
        assert!(matches!(record.outcome, Outcome::Hit { .. }), "{record:?}");
    }
}

#[test]
fn any_configuration_lets_a_build_go_on_and_prints_nothing() {
    let mut world = project();
    let reference = Reference::of(&world);
    let file = world.tree().join(".kache.toml");
    let broken: [&[u8]; 6] = [
        b"[cache",
        b"\xff\xfe",
        b"\0",
        b"[cache]\nwait = -1\nlocal_max_size = {}\n",
        b"nonsense = 1\n",
        &[b'x'; 3 << 20],
    ];
    for content in broken {
        fs::write(&file, content).expect("writes");
        let step = world.build();
        reference.holds(&world, &step);
        let problems = step.records().iter().all(|record| !record.problems.is_empty());
        assert!(problems, "what is wrong is on record\n{step}");
        world.clean();
    }
    fs::remove_file(&file).expect("removes");
    fs::create_dir(&file).expect("makes a directory");
    reference.holds(&world, &world.build());
    world.clean();
    fs::remove_dir(&file).expect("removes");
    for (name, value) in
        [("KACHE_MAX_SIZE", "many"), ("KACHE_CONFIG", "/nowhere/x.toml"), ("KACHE_CACHE_EXECUTABLES", "?")]
    {
        world.set(name, value);
        reference.holds(&world, &world.build());
        world.clean();
        world.unset(name);
    }
    world.build().expect(hits(N_UNITS), misses(0));
}

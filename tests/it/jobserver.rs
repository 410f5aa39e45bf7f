//! A build under make's jobserver: it takes tokens and gives them back, and nobody who stays behind holds its pipe.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::action::input_list::Basis;
use kache::outcome::Outcome;

use crate::observing::reading;
use crate::step::Step;
use crate::world::{World, package};

const N_TOKENS: usize = 3;
const N_LIBRARIES: usize = 6;

/// A pipe with tokens in it.
struct Jobserver {
    /// Where links to its open ends lead.
    name: PathBuf,
    pipe: File,
}

impl Jobserver {
    /// With a name in a directory, as make 4.4 makes it: where `TMPDIR` says, which may be inside of a project.
    fn named(dir: &Path) -> Jobserver {
        let path = dir.join("GMfifo1");
        assert!(Command::new("mkfifo").arg(&path).status().expect("runs").success());
        Jobserver::of(&path)
    }

    /// Without a name, as older ones make it.
    fn unnamed() -> Jobserver {
        let (reader, _writer) = std::io::pipe().expect("there is room for a pipe");
        Jobserver::of(&PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd())))
    }

    fn of(path: &Path) -> Jobserver {
        let mut options = File::options();
        let pipe = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
        let mut pipe = pipe.expect("a pipe can be opened");
        pipe.write_all(&[b'+'; N_TOKENS]).expect("it has room");
        let name = fs::read_link(format!("/proc/self/fd/{}", pipe.as_raw_fd())).expect("it is open");
        Jobserver { name, pipe }
    }

    /// How many tokens are in it; they stay there.
    fn n_tokens(&mut self) -> usize {
        let mut tokens = Vec::new();
        let read = self.pipe.read_to_end(&mut tokens);
        assert_eq!(read.expect_err("nobody closes it").kind(), ErrorKind::WouldBlock);
        self.pipe.write_all(&tokens).expect("it has room");
        tokens.len()
    }

    /// The names of the programs that have it open, besides this one, and what a macro has started: that inherits what
    /// the compiler has open, with and without a cache.
    fn holders(&self) -> Vec<String> {
        let own = fs::read_link("/proc/self/exe").expect("it runs");
        let processes = fs::read_dir("/proc").expect("is there").flatten().map(|process| process.path());
        let holds = |process: &PathBuf| {
            let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
            let mut targets = open.filter_map(|link| fs::read_link(link.path()).ok());
            targets.any(|target| target == self.name)
                && fs::read_link(process.join("exe")).is_ok_and(|program| program != own)
        };
        let name = |process: PathBuf| fs::read_to_string(process.join("comm")).unwrap_or_default();
        processes.filter(holds).map(name).filter(|name| name != "sleep\n").collect()
    }
}

/// A project with units that are compiled at once, whose macro leaves a process behind, and prints its number.
fn project() -> World {
    let world = reading("sh:setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $!");
    let (mut members, mut dependencies) = (String::new(), String::new());
    for n in 0..N_LIBRARIES {
        world.write(&format!("l{n}/Cargo.toml"), package(&format!("l{n}"), ""));
        let functions: String =
            (0..40).map(|f| format!("pub fn f{f}() -> String {{ {f}.to_string() }}\n")).collect();
        world.write(&format!("l{n}/src/lib.rs"), functions);
        members += &format!(", \"l{n}\"");
        dependencies += &format!("l{n} = {{ path = \"../l{n}\" }}\n");
    }
    world.edit("Cargo.toml", "\"reader\"", &format!("\"reader\"{members}"));
    world.edit("app/Cargo.toml", "[dependencies]\n", &format!("[dependencies]\n{dependencies}"));
    world
}

/// Cargo as make calls it: with a variable that names the pipe, or the descriptors that it is open as.
fn build(world: &World, jobserver: &Jobserver, auth: &str) -> Step {
    let mut shell = world.command("sh");
    let inherits = auth == "8,9";
    // To open one end of a pipe again is to open both.
    let script = if inherits { "exec 8<>/proc/self/fd/0 9>&8; " } else { "" };
    shell.args(["-c", &format!("{script}exec cargo build </dev/null")]);
    shell.stdin(jobserver.pipe.try_clone().expect("there is room for a descriptor"));
    shell.env("MAKEFLAGS", format!(" -j{} --jobserver-auth={auth}", N_TOKENS + 1));
    world.run(shell)
}

/// Had the build waited for the process, it would be gone by now, or dead and not waited for.
fn end_who_was_left_behind(world: &World) {
    let process = world.run_bin("app");
    let runs = fs::read_link(format!("/proc/{}/exe", process.trim())).is_ok();
    assert!(runs, "nobody was left behind");
    assert!(Command::new("kill").arg(process).status().expect("runs").success());
}

fn nothing_is_kept(named: bool, observe: &str) {
    let world = project().env("KACHE_OBSERVE", observe);
    let mut jobserver = if named { Jobserver::named(world.tree()) } else { Jobserver::unnamed() };
    let auth = if named { format!("fifo:{}", jobserver.name.display()) } else { "8,9".to_owned() };
    // A collection is due: it is started by the first that stores something, and outlives it.
    fs::create_dir(world.cache()).expect("makes a directory");
    let stamp = File::create(world.cache().join("gc.stamp")).expect("makes a file");
    stamp.set_modified(std::time::UNIX_EPOCH).expect("sets the time");
    let step = build(&world, &jobserver, &auth);
    let observes = observe == "auto";
    // Where nothing is observed, what uses a macro that can start programs is not stored.
    if observes {
        step.all_missed()
    } else {
        step.succeeds()
    };
    assert!(!step.stderr().contains("jobserver"), "{step}");
    assert_eq!(step.all_observed(), observe == "auto", "{step}");
    assert!(stamp.metadata().expect("is there").modified().expect("has a time") > std::time::UNIX_EPOCH);
    assert_eq!(jobserver.n_tokens(), N_TOKENS, "{auth} {observe}");
    assert_eq!(jobserver.holders(), Vec::<String>::new(), "{auth} {observe}");
    end_who_was_left_behind(&world);
    world.clean();
    let step = build(&world, &jobserver, &auth);
    if observes {
        step.all_hit();
    } else {
        assert_eq!(step.missed_units(), ["app bin"], "{step}");
        end_who_was_left_behind(&world);
    }
    assert_eq!(jobserver.n_tokens(), N_TOKENS, "{auth} {observe}");
    let basis = if observes { Basis::Observed } else { Basis::Assumed };
    let mut served = step.records().iter().filter(|it| matches!(it.outcome, Outcome::Hit { .. }));
    assert!(served.all(|it| it.inputs.as_ref().is_some_and(|it| it.basis == basis)), "{step}");
}

#[test]
fn a_pipe_with_a_name_gets_its_tokens_back_and_nobody_keeps_it() {
    nothing_is_kept(true, "auto");
    nothing_is_kept(true, "off");
}

#[test]
fn an_inherited_pipe_gets_its_tokens_back_and_nobody_keeps_it() {
    nothing_is_kept(false, "auto");
    nothing_is_kept(false, "off");
}

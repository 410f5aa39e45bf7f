//! The directory of a scenario, and a watch over it: a scenario that hangs is named, with what its processes wait for, and
//! fails instead of holding up all others until somebody loses patience with the whole run.
//!
//! A scenario hangs if it has prepared no command for [`PATIENCE`]. Then its processes are listed and killed, so that the command
//! it waits for ends. If it goes on hanging, it is not processes that it waits for, and the run ends.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Many times what the slowest command of a scenario takes on a busy machine with two cores.
const PATIENCE: Duration = Duration::from_secs(900);

/// What is left to a scenario to end, once its processes are gone.
const MERCY: Duration = Duration::from_secs(120);

/// The scenarios that are being played, by a number of their own.
static PLAYED: Mutex<BTreeMap<u64, Played>> = Mutex::new(BTreeMap::new());

struct Played {
    name: String,
    dir: PathBuf,
    /// When its last command was prepared.
    progressed: Instant,
    /// Whether its processes were killed.
    is_killed: bool,
}

fn played() -> MutexGuard<'static, BTreeMap<u64, Played>> {
    PLAYED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The directory that holds everything of a scenario. It vanishes with it.
pub(crate) struct WatchedDir {
    // Removed before the watch ends.
    dir: TempDir,
    watch: Watch,
}

struct Watch {
    number: u64,
}

impl WatchedDir {
    /// Begins to watch the scenario of this thread.
    pub(crate) fn new(dir: TempDir) -> WatchedDir {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| drop(std::thread::spawn(watch_all)));
        let name = std::thread::current().name().unwrap_or("a thread without a name").to_owned();
        let path = dir.path().canonicalize().expect("it exists");
        let new = Played { name, dir: path, progressed: Instant::now(), is_killed: false };
        let mut played = played();
        let number = played.keys().next_back().map_or(0, |last| last + 1);
        played.insert(number, new);
        WatchedDir { dir, watch: Watch { number } }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A command is prepared.
    pub(crate) fn progressed(&self) {
        if let Some(scenario) = played().get_mut(&self.watch.number) {
            scenario.progressed = Instant::now();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        played().remove(&self.number);
    }
}

#[allow(clippy::exit, reason = "nothing else ends a thread that hangs")]
fn watch_all() {
    loop {
        std::thread::sleep(Duration::from_secs(5));
        let mut played = played();
        for scenario in played.values_mut() {
            let idle = scenario.progressed.elapsed();
            if idle > PATIENCE + MERCY {
                say(&format!("{} hangs, though none of its processes is left\n", scenario.name));
                std::process::exit(101);
            }
            if idle > PATIENCE && !scenario.is_killed {
                scenario.is_killed = true;
                let processes = processes::of(&scenario.dir);
                let lines: String =
                    processes.iter().map(|process| format!("    {}\n", process.text)).collect();
                say(&format!("{} hangs; these are killed:\n{lines}", scenario.name));
                processes.iter().for_each(processes::Process::kill);
            }
        }
    }
}

/// Past the test harness, which keeps what a thread prints until its test has ended.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(target_os = "linux")]
mod processes {
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    pub(super) struct Process {
        id: rustix::process::Pid,
        pub(super) text: String,
    }

    /// The processes that have `dir` in their arguments or their environment, or that work below it.
    pub(super) fn of(dir: &Path) -> Vec<Process> {
        let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
        let ids = names.filter_map(|name| name.to_str()?.parse::<i32>().ok());
        let others = ids.filter(|id| u32::try_from(*id) != Ok(std::process::id()));
        others.filter_map(|id| look_at(id, dir)).collect()
    }

    fn look_at(id: i32, dir: &Path) -> Option<Process> {
        let of_process = |file: &str| format!("/proc/{id}/{file}");
        let read = |file: &str| fs::read(of_process(file)).unwrap_or_default();
        let dir_bytes = dir.as_os_str().as_bytes();
        let has_dir = |bytes: &[u8]| bytes.windows(dir_bytes.len()).any(|part| part == dir_bytes);
        let works_there = fs::read_link(of_process("cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
        let arguments = read("cmdline");
        if !works_there && !has_dir(&arguments) && !has_dir(&read("environ")) {
            return None;
        }
        let line =
            |file: &str| String::from_utf8_lossy(&read(file)).lines().next().unwrap_or_default().to_owned();
        let state = read("stat");
        let state = String::from_utf8_lossy(&state);
        // The name of the program, which may hold blanks, is in parentheses.
        let state: Vec<&str> =
            state.rsplit(')').next().unwrap_or_default().split_whitespace().take(2).collect();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let text = format!(
            "{id}: state and parent {}, waits in {}, {}",
            state.join(" "),
            line("wchan"),
            arguments.chars().take(400).collect::<String>()
        );
        Some(Process { id: rustix::process::Pid::from_raw(id)?, text })
    }

    impl Process {
        pub(super) fn kill(&self) {
            let _ = rustix::process::kill_process(self.id, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod processes {
    use std::path::Path;

    /// A process of a scenario. Only Linux tells which ones these are.
    pub(super) struct Process {
        pub(super) text: String,
    }

    pub(super) fn of(_dir: &Path) -> Vec<Process> {
        Vec::new()
    }

    impl Process {
        pub(super) fn kill(&self) {}
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_processes_of_a_scenario_are_found_and_killed() {
    use std::os::unix::process::ExitStatusExt as _;
    let dirs = [(); 2].map(|()| WatchedDir::new(TempDir::new().expect("a directory")));
    let begin = |dir: &WatchedDir| {
        let mut command = std::process::Command::new("sleep");
        command.arg("600").current_dir("/").env("HOME", dir.path()).spawn().expect("starts")
    };
    let mut children = [begin(&dirs[0]), begin(&dirs[1])];
    let found = processes::of(dirs[0].path());
    assert_eq!(found.len(), 1, "only its own");
    assert!(found[0].text.starts_with(&format!("{}: state and parent ", children[0].id())));
    assert!(found[0].text.contains("sleep 600"), "{}", found[0].text);
    found[0].kill();
    assert_eq!(children[0].wait().expect("ends").signal(), Some(9));
    assert_eq!(children[1].try_wait().expect("is there"), None);
    children[1].kill().expect("is there");
    children[1].wait().expect("ends");
}

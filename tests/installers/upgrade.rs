//! An upgrade while cargo builds: the script replaces the program that cargo calls, and the daemon that runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::stamped::stamped;

const LIMIT: Duration = Duration::from_secs(120);

/// The daemon of a machine. It ends with the test, however that ends.
struct Daemon<'a>(&'a Machine);

impl Daemon<'_> {
    fn call(&self, args: &[&str]) -> Output {
        let mut command = self.0.program(self.0.path(".local/bin/kache"));
        command.args(args).output().expect("kache runs")
    }

    /// The process and the identity of the build that it runs.
    fn status(&self) -> Option<(u64, String)> {
        let status: serde_json::Value =
            serde_json::from_slice(&self.call(&["daemon", "--json"]).stdout).ok()?;
        Some((status["pid"].as_u64()?, status["build"]["id"].as_str()?.to_owned()))
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.0.program(self.0.path(".local/bin/kache")).args(["daemon", "stop"]).output();
    }
}

/// Crates of which the third, `held`, is not compiled to its end before somebody writes into a pipe: its macro reads it.
fn workspace(machine: &Machine) {
    let crates = ["first", "gate", "held", "second", "third", "app"];
    machine.write("w/Cargo.toml", &format!("[workspace]\nresolver = \"2\"\nmembers = {crates:?}\n"));
    let member = |name: &str, dependencies: &[&str], more: &str, source: &str| {
        let dependencies: String =
            dependencies.iter().map(|name| format!("{name} = {{ path = \"../{name}\" }}\n")).collect();
        machine.write(
            &format!("w/{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}[dependencies]\n{dependencies}"),
        );
        let file = if name == "app" { "main" } else { "lib" };
        machine.write(&format!("w/{name}/src/{file}.rs"), source);
    };
    member("first", &[], "", "pub fn n() -> u32 { 1 }\n");
    member(
        "gate",
        &["first"],
        "[lib]\nproc-macro = true\n",
        "#[proc_macro]\npub fn wait(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
         std::fs::read_to_string(std::env::var(\"GATE\").unwrap()).unwrap().parse().unwrap()\n}\n",
    );
    member("held", &["gate", "first"], "", "pub fn n() -> u32 { first::n() + gate::wait!() }\n");
    member("second", &["held"], "", "pub fn n() -> u32 { held::n() + 1 }\n");
    member("third", &["second"], "", "pub fn n() -> u32 { second::n() + 1 }\n");
    member("app", &["third"], "", "fn main() { println!(\"{}\", third::n()); }\n");
}

fn cargo(machine: &Machine, args: &[&str]) -> Command {
    let mut command = machine.program("cargo");
    command.current_dir(machine.path("w")).args(args).env("GATE", machine.path("gate"));
    command
}

/// Waits until the crate is being compiled, and answers what lets it go on.
fn held(machine: &Machine, build: &mut Child) -> fs::File {
    let (sender, receiver) = mpsc::channel();
    let gate = machine.path("gate");
    std::thread::spawn({
        let gate = gate.clone();
        // Opening it takes as long as nobody reads.
        move || sender.send(fs::File::options().write(true).open(gate).expect("it opens"))
    });
    let until = Instant::now() + LIMIT;
    loop {
        match receiver.recv_timeout(Duration::from_millis(100)) {
            Ok(file) => return file,
            Err(_) if Instant::now() < until && build.try_wait().expect("it can be asked").is_none() => {}
            Err(_) => {
                let _ = build.kill();
                // A process that waits to write can go on.
                let _ = fs::File::options().read(true).write(true).open(gate);
                panic!("the build did not come to the crate that is held");
            }
        }
    }
}

#[test]
fn an_upgrade_during_a_build_lets_it_end_well_and_the_daemon_changes_over() {
    let machine = Machine::empty();
    machine.set("CI", "true");
    let run = machine.path("run");
    fs::create_dir(&run).expect("makes a directory");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("sets the mode");
    machine.set("XDG_RUNTIME_DIR", &run.display().to_string());
    let (old, new) = (stamped(1, "0.1.0"), stamped(2, "0.2.0"));
    machine.release_of(&old);
    machine.run("sh", &["--no-modify-path"]).with(0, "verified that cargo calls");
    let daemon = Daemon(&machine);
    assert!(daemon.call(&["daemon", "start"]).status.success());
    let (pid, id) = daemon.status().expect("it runs");
    assert!(id.ends_with("01"), "{id}");

    workspace(&machine);
    let made = Command::new("mkfifo").arg(machine.path("gate")).status().expect("mkfifo runs");
    assert!(made.success());
    let mut build = cargo(&machine, &["build", "--offline"]);
    let mut build = build.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cargo runs");
    let mut gate = held(&machine, &mut build);
    machine.release_of(&new);
    machine.run("sh", &["--no-modify-path"]).with(0, "is installed");
    assert!(fs::read(machine.path(".local/bin/kache")).expect("it is there") == new);
    assert!(fs::read(machine.path(".local/bin/kache.prev")).expect("it is kept") == old);
    assert!(build.try_wait().expect("it can be asked").is_none(), "the build is still on");
    std::io::Write::write_all(&mut gate, b"10").expect("somebody reads");
    drop(gate);
    let output = build.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let app = || machine.program(machine.path("w/target/debug/app")).output().expect("it runs").stdout;
    assert_eq!(app(), b"13\n");

    let until = Instant::now() + LIMIT;
    let changed = loop {
        let status = daemon.status().expect("it runs");
        if status.1.ends_with("02") || Instant::now() > until {
            break status;
        }
    };
    assert_eq!((changed.0, changed.1.ends_with("02")), (pid, true), "the same process runs the new build");

    // What either build stored is served.
    fs::remove_file(machine.path("gate")).expect("it is there");
    machine.write("gate", "10");
    assert!(cargo(&machine, &["clean"]).status().expect("cargo runs").success());
    let again = cargo(&machine, &["build", "--offline"]).output().expect("cargo runs");
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(app(), b"13\n");
    let stats = daemon.call(&["stats", "--json"]).stdout;
    let stats: serde_json::Value = serde_json::from_slice(&stats).expect("it is JSON");
    assert!(stats["n_hits"].as_u64() >= Some(5) && stats["n_bypasses"] == 0, "{stats:#}");
    machine.run("sh", &["--uninstall", "--purge"]).with(0, "kache is removed");
    assert!(!machine.path(".local/bin").exists() && !machine.path(".cargo/config.toml").exists());
}

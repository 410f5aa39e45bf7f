//! Many observed compiles at once, and programs that behave as badly as programs can.

use crate::observing::reading;
use crate::world::{World, package};

#[test]
#[ignore = "stress: a thousand observed compiles, sixteen at a time"]
fn a_thousand_compiles_at_once_are_all_observed() {
    const N: usize = 1000;
    let world = World::files(&[("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"many/*\"]\n")]);
    for nth in 0..N {
        world.write(&format!("many/c{nth}/Cargo.toml"), package(&format!("c{nth}"), ""));
        let source = "pub const TEXT: &str = include_str!(\"text\");\n";
        world.write(&format!("many/c{nth}/src/lib.rs"), source);
        world.write(&format!("many/c{nth}/src/text"), nth.to_string());
    }
    let step = world.cargo(["build", "-j16"]);
    step.all_missed();
    assert_eq!(step.records().len(), N);
    assert!(step.all_observed(), "not everything was observed");
    world.clean();
    world.write("many/c500/src/text", "changed");
    world.cargo(["build", "-j16"]).only_missed(&["c500 lib"]);
}

/// Forks without starting anything, closes whatever is open, kills itself and its children.
const WILD: &str = "
import os
def child(act):
    pid = os.fork()
    if pid == 0:
        try: act()
        finally: os._exit(0)
    return pid
def closes():
    os.closerange(0, 4096)
    open('wild/one').read()
    os.kill(os.getpid(), 9)
def reads():
    for _ in range(200): os.stat('wild/two')
def endless():
    while True: os.stat('wild/three')
children = [child(closes), child(reads), child(endless), child(endless)]
os.kill(children[2], 9)
os.kill(children[3], 15)
for pid in children: os.waitpid(pid, 0)
print('wild')
";

#[test]
#[ignore = "stress: programs that fork, close everything and are killed, sixteen compiles at a time"]
fn programs_that_fork_close_everything_and_are_killed_are_seen() {
    const N: usize = 48;
    let world = reading("file:data/one");
    let members = "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"reader\", \"many/*\"]\n";
    world.write("Cargo.toml", members);
    for name in ["one", "two", "three"] {
        world.write(&format!("wild/{name}"), "");
    }
    world.write("wild.py", WILD);
    let mut labels: Vec<String> = Vec::new();
    for nth in 0..N {
        let manifest = package(&format!("w{nth}"), "[dependencies]\nreader = { path = \"../../reader\" }\n");
        world.write(&format!("many/w{nth}/Cargo.toml"), manifest);
        let source = "pub const TEXT: &str = reader::get!(\"sh:python3 -ISB wild.py\");\n";
        world.write(&format!("many/w{nth}/src/lib.rs"), source);
        labels.push(format!("w{nth} lib"));
    }
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    for round in 0..3 {
        if round > 0 {
            // Read by the child that had closed everything, and asked for by the one that only forked.
            let changed = if round == 1 { "wild/one" } else { "wild/two" };
            world.remove(changed);
            world.write(&format!("{changed}/now-a-directory"), "");
            world.clean();
        }
        let step = world.cargo(["build", "-j16"]);
        step.succeeds();
        assert!(step.all_observed(), "not everything was observed\n{step}");
        if round > 0 {
            step.only_missed(&labels);
        }
        world.clean();
        world.cargo(["build", "-j16"]).all_hit();
    }
}

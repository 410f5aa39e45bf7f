//! The machines of these tests have modes and symbolic links.

#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the machine is made from outside")]

use super::*;
use crate::setup::self_update::tests::{Machine, program};

fn called(machine: &Machine, here: &str, [yes, check, json]: [bool; 3]) -> Result<Exit, Failure> {
    let args = Args { options: ChangeOptions { yes, dry_run: check, verbose: false, json } };
    let installed = machine.installed(here).unwrap().unwrap();
    update(&args, &installed, &[&machine.releases.key.public()], &Session::new(&machine.env))
}

const CHECK: [bool; 3] = [false, true, false];
const YES: [bool; 3] = [true, false, true];

#[test]
fn check_exits_with_2_if_there_is_an_update_and_changes_nothing() {
    let machine = Machine::with_release();
    let before = machine.look();
    assert_eq!(called(&machine, "0.1.0", CHECK).unwrap(), Exit::CHANGES_NEEDED);
    assert_eq!(called(&machine, "0.2.0", CHECK).unwrap(), Exit::Ok);
    assert_eq!(called(&machine, "0.3.0", CHECK).unwrap(), Exit::Ok);
    // Nobody is asked, so nothing is done.
    assert_eq!(called(&machine, "0.1.0", [false, false, true]).unwrap_err().exit, Exit::Usage);
    assert_eq!(machine.look(), before);
    assert_eq!(called(&machine, "0.1.0", YES).unwrap(), Exit::Ok);
    assert_eq!(machine.says(), "kache 0.2.0");
    assert_eq!(called(&machine, "0.2.0", YES).unwrap(), Exit::Ok);
}

#[test]
fn failures_have_hints_and_change_nothing() {
    let machine = Machine::with_release();
    let first = Staging::open(&machine.env).unwrap();
    assert_eq!(called(&machine, "0.1.0", YES).unwrap_err().exit, Exit::Busy);
    drop(first);
    machine.publish("0.2.0", &program("0.3.0"));
    assert_eq!(called(&machine, "0.1.0", YES).unwrap_err().exit, Exit::Failed);
    std::fs::remove_dir_all(&machine.releases.dir).unwrap();
    let said = called(&machine, "0.1.0", CHECK).unwrap_err().to_string();
    assert!(said.contains("failed to download") && said.contains("hint: nothing was changed"), "{said}");
    assert_eq!(machine.says(), "kache 0.1.0");
}

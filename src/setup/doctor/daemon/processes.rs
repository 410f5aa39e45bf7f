//! Finds the daemon processes of this user, by the lock that each keeps open.

use std::path::Path;

use crate::client::DaemonAddress;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;

/// A daemon's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    /// Its lock is the current lock file. If not, the file was removed, and clients cannot find this daemon.
    pub has_lock: bool,
}

/// All visible daemon processes except this one; none where the system does not show them.
pub fn daemons(machine: &Machine, place: &DaemonAddress) -> Vec<Process> {
    let mut found = match machine.platform().system.as_str() {
        "linux" => by_descriptors(&machine.root.join("proc"), &place.lock),
        "macos" => by_lsof(machine, &place.lock),
        _ => Vec::new(),
    };
    found.retain(|process| process.pid != std::process::id());
    found
}

fn by_descriptors(proc: &Path, lock: &Path) -> Vec<Process> {
    let mut found = Vec::new();
    let here = lock.to_string_lossy();
    let gone = format!("{here} (deleted)");
    for dir in fs::list(proc).unwrap_or_default() {
        let pid = dir.file_name().and_then(|name| name.to_str()?.parse().ok());
        let Some(pid) = pid.filter(|_| is_daemon(&dir)) else { continue };
        let open = fs::list(&dir.join("fd")).unwrap_or_default();
        let open = open.iter().filter_map(|link| fs::read_link(link).ok());
        let locks: Vec<bool> = open
            .filter_map(|target| match target.to_string_lossy() {
                target if target == here => Some(true),
                target if target == gone => Some(false),
                _ => None,
            })
            .collect();
        if !locks.is_empty() {
            found.push(Process { pid, has_lock: locks.contains(&true) });
        }
    }
    found
}

/// Whether it is a daemon: other processes open the lock too, to see whether it is held.
fn is_daemon(dir: &Path) -> bool {
    let line = fs::read(&dir.join("cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    words.get(1..3).is_some_and(|words| words == [&b"daemon"[..], b"run"])
}

fn by_lsof(machine: &Machine, lock: &Path) -> Vec<Process> {
    let said = lock.to_str().and_then(|lock| machine.said("lsof", &["-t", "--", lock])).unwrap_or_default();
    let pids = said.lines().filter_map(|line| line.trim().parse().ok());
    pids.map(|pid| Process { pid, has_lock: true }).collect()
}

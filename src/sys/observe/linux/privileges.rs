//! Recognizes programs that get privileges when they start, and kills the observed programs before they start one
//! without them.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid};

/// Whether a program has privileges that it would lose under observation: those of its owner or group, or capabilities.
pub fn has_privileges(program: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(program) else { return false };
    if !metadata.is_file() {
        return false;
    }
    // Without the right to execute it for the group, the group's bit asks for locks.
    const SET_GROUP: u32 = libc::S_ISGID | libc::S_IXGRP;
    let has_bits = metadata.mode() & libc::S_ISUID != 0 || metadata.mode() & SET_GROUP == SET_GROUP;
    (has_bits || has_capabilities(program)) && !is_without_privileges(program)
}

fn has_capabilities(program: &Path) -> bool {
    // No version of them is longer.
    let mut capabilities = [0_u8; 64];
    rustix::fs::getxattr(program, "security.capability", &mut capabilities).is_ok()
}

/// Whether the file system it is on gives no program privileges.
fn is_without_privileges(program: &Path) -> bool {
    rustix::fs::statvfs(program).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::NOSUID))
}

/// Whether a child runs: it has neither ended nor been waited for, so that its number is nobody else's.
pub(super) fn is_running(child: i32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Pid::from_raw(child).is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

/// Kills a running child, and then what it has started, so that none of them sees another one die and says so.
pub(super) fn kill_tree(child: i32) {
    let descendants = descendants(child);
    kill(child);
    descendants.into_iter().for_each(kill);
}

/// Kills the process of a thread.
pub(super) fn kill(thread: i32) {
    if let Some(pid) = Pid::from_raw(thread).filter(|pid| *pid != getpid()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Empty where `/proc` is missing or counts processes in another way. A process that is not found is killed at its next call.
fn descendants(process: i32) -> Vec<i32> {
    let own = std::fs::read_link("/proc/self").ok();
    if own.as_deref().and_then(Path::to_str).and_then(number) != Some(getpid().as_raw_nonzero().get()) {
        return Vec::new();
    }
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(number) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name of the program, in brackets, may hold anything.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).and_then(number);
        children.entry(parent.unwrap_or_default()).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut waiting = vec![process];
    while let Some(parent) = waiting.pop() {
        let own = children.remove(&parent).unwrap_or_default();
        waiting.extend(&own);
        found.extend(own);
    }
    found
}

fn number(text: &str) -> Option<i32> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn bits_that_give_a_program_privileges_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        std::fs::write(&program, "").unwrap();
        let with = |mode: u32| {
            std::fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
            has_privileges(&program)
        };
        let is_told = !is_without_privileges(dir.path());
        assert!(!with(0o755) && !with(0o1755));
        assert_eq!((with(0o4755), with(0o2755), with(0o6711)), (is_told, is_told, is_told));
        // Without the right to execute it for the group, this asks for locks.
        assert!(!with(0o2745));
        assert!(!with(0o755) && !has_privileges(&dir.path().join("none")));
        // `vfs_cap_data` of version 2, with one capability; only a privileged user may set it.
        let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::setxattr(&program, "security.capability", &capability, flags).is_ok() {
            assert_eq!(has_privileges(&program), is_told);
        }
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o2755)).unwrap();
        assert!(!has_privileges(dir.path()));
    }

    #[test]
    fn what_a_process_has_started_is_found() {
        use std::io::{BufRead as _, BufReader};
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "sh -c 'echo $$; read line; true'; true"]);
        let pipe = std::process::Stdio::piped;
        let mut shell = command.stdin(pipe()).stdout(pipe()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let inner = line.trim().parse().unwrap();
        let child = shell.id() as i32;
        assert!(descendants(child).contains(&inner) && is_running(child));
        kill_tree(child);
        shell.wait().unwrap();
        assert!(!is_running(child));
    }
}

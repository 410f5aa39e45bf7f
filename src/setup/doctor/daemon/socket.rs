//! Whether only this user can access the daemon's socket, and every program of this user finds it.

use std::path::Path;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, CommandLine};
use crate::sys::fs::settle::{self, Standing};
use crate::sys::{fs, ipc};

/// See the module.
pub struct SocketCheck;

impl Check for SocketCheck {
    fn id(&self) -> &'static str {
        "daemon-socket"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "path, owner and mode of the daemon's socket and its directory"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if machine.platform().system == "windows" {
            return Finding::ok("Windows lets no other user open the daemon's pipe");
        }
        let Ok(place) = machine.place() else { return Finding::ok("a daemon cannot run here") };
        let (dir, socket) = (&place.dir, &place.endpoint.path);
        let mut loose = Vec::new();
        for (path, wanted) in [(dir, 0o700), (socket, 0o600)] {
            let Ok(metadata) = fs::symlink_metadata(path) else { continue };
            if !fs::is_own(&metadata) {
                return Finding::problem(format!("{} belongs to another user", path.display()))
                    .hint("kache does not use it; ask its owner to remove it");
            }
            let is_right = match settle::standing(path) {
                Ok(Standing::Directory) => path == dir,
                Ok(Standing::Other) => path == socket,
                _ => false,
            };
            if !is_right {
                let what = if path == dir { "directory" } else { "socket" };
                return Finding::problem(format!(
                    "{} is not a {what}, so no daemon can listen",
                    path.display()
                ))
                .hint("remove it");
            }
            let mode = settle::mode(&metadata);
            if mode & 0o077 != 0 {
                loose.push((path.as_path(), mode, wanted));
            }
        }
        if !loose.is_empty() {
            let paths = loose.iter().map(|(path, mode, _)| format!("{} has mode {mode:o}", path.display()));
            let actions = loose.iter().filter_map(|(path, mode, wanted)| close(path, *mode, *wanted));
            return Finding::problem("other users can access the daemon's socket")
                .details(paths.collect::<Vec<_>>())
                .fix(Fix::from_actions(actions.collect()));
        }
        if *dir == ipc::shared_dir() {
            return Finding::note(format!("the socket is in {}, next to other users' directories", dir.display()))
                .hint("every other path is too long for a socket: set XDG_RUNTIME_DIR or `cache.local_store` to a short path");
        }
        match fs::symlink_metadata(socket) {
            Ok(_) => Finding::ok(format!("only this user can access {}", socket.display())),
            Err(_) => Finding::ok(format!("none; a daemon would listen on {}", socket.display())),
        }
    }
}

fn close(path: &Path, mode: u32, wanted: u32) -> Option<Action> {
    let path = path.to_str()?;
    let title = "Restrict the daemon's socket to this user";
    Some(Action::run(title, chmod(wanted, path), Some(chmod(mode, path))))
}

fn chmod(mode: u32, path: &str) -> CommandLine {
    CommandLine::new("chmod", &[&format!("{mode:o}"), path])
}

//! Starts the daemon for a build, where the user's configuration names a remote and no daemon is running.
//!
//! What a build sets for its compilers (`[env]` of cargo's configuration) must not choose the daemon's configuration: it gets
//! the few variables that say where the user's files are from cargo itself, and is not started where the wrapper has others.
//! Each call of cargo starts it once. Whether one is to run is for `kache daemon start --for-build` to decide, which is a
//! process of its own.

use std::path::Path;

use crate::client::{self, DaemonAddress};
use crate::protocol::build::Build;
use crate::run::call_note;
use crate::sys::env::{self, Env};
use crate::sys::parent::{self, Parent};
use crate::sys::{dirs, fs, ipc, lock, process};

/// After a miss for which no daemon could be asked. The compiler has run: this process starts nothing more.
pub fn after_miss(env: &Env) {
    if let Some(cargo) = parent::parent().filter(call_note::is_cargo) {
        for_cargo(env, &cargo);
    }
}

/// Starts the daemon for this cargo. True if it is about to run. What this process starts from then on gets no descriptor
/// but the standard streams.
pub fn for_cargo(env: &Env, cargo: &Parent) -> bool {
    let own = cargo.env.only(dirs::NEUTRAL_VARIABLES);
    let is_changed = |name: &&str| env.get(name) != own.get(name);
    // Of root in the place of another user, nothing is to remain.
    if dirs::NEUTRAL_VARIABLES.iter().any(is_changed) || cargo.env.get("SUDO_UID").is_some() {
        return false;
    }
    let Ok(address) = DaemonAddress::for_build(&own, &Build::current()) else { return false };
    if !address.is_for_builds() || client::is_listening(&address) || ipc::private_dir(&address.dir).is_err() {
        return false;
    }
    // Of several processes of one build, one starts it.
    let stamp = &address.build_stamp;
    let is_new = fs::symlink_metadata(stamp).is_err();
    let Ok(Some(_lock)) = lock::try_lock(stamp) else { return false };
    if !is_new && is_stamped_since(stamp, cargo.started_ns) || fs::touch(stamp).is_err() {
        return false;
    }
    let args = ["daemon", "start", "--for-build"].map(Into::into);
    let started =
        env::current_exe().and_then(|program| process::spawn_detached_with(program.as_os_str(), &args, &own));
    started.is_ok()
}

/// Whether the file was touched since then, in nanoseconds since 1970.
fn is_stamped_since(stamp: &Path, began_ns: i64) -> bool {
    let stamped = fs::metadata(stamp).and_then(|metadata| metadata.modified());
    stamped.is_ok_and(|stamped| stamped >= fs::time(began_ns))
}

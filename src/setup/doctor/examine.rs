//! All checks, and running them.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::setup::doctor::check::Check;
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::{cargo, compilers, daemon, program, remnants, settings, store, surroundings};
use crate::sys::clock::Stopwatch;

/// Every check, in the order in which they are shown.
///
/// Not here, because there is nothing yet that they could look at: the remote store, proxies and the planner.
pub static ALL: &[&dyn Check] = &[
    &program::on_path::OnPath,
    &program::wrapper_file::WrapperFile,
    &program::same_program::SameProgram,
    &program::gui_path::GuiPath,
    &program::pages::Pages,
    &cargo::config_files::ConfigFiles,
    &cargo::two_files::TwoFiles,
    &cargo::wrapper::Wrapper,
    &cargo::variables::Variables,
    &cargo::project::Project,
    &remnants::Remnants,
    &cargo::calls::Calls,
    &cargo::incremental::Incremental,
    &compilers::toolchains::Toolchains,
    &compilers::linker::Linker,
    &compilers::drivers::Drivers,
    &compilers::flags::Flags,
    &compilers::privileges::Privileges,
    &daemon::described::Described,
    &daemon::running::Running,
    &daemon::linger::Linger,
    &daemon::answers::Answers,
    &daemon::traces::Traces,
    &daemon::socket::Socket,
    &daemon::settings::Settings,
    &store::directory::Directory,
    &store::file_system::FileSystem,
    &store::room::Room,
    &store::sharing::Sharing,
    &store::index::Index,
    &store::size::Size,
    &store::seals::Seals,
    &store::last_read::LastRead,
    &settings::values::Values,
    &settings::secrets::Secrets,
    &settings::journal::Changes,
    &settings::leftovers::Leftovers,
    &surroundings::clock::Clock,
    &surroundings::limits::Limits,
    &surroundings::exclusions::Exclusions,
    &surroundings::ci::Ci,
    &surroundings::summary::Summary,
];

/// Checks that use the network, and how long each may take.
pub static ONLINE: &[&dyn Check] = &[&program::release::Release];
pub const ONLINE_LIMIT: Duration = Duration::from_secs(30);

/// One check and what it found.
pub struct Examined {
    pub check: &'static dyn Check,
    pub finding: Finding,
    pub took: Duration,
}

/// Runs `checks` one after the other, each for at most `limit`.
pub fn examine(machine: &Arc<Machine>, checks: &[&'static dyn Check], limit: Duration) -> Vec<Examined> {
    checks.iter().map(|check| one(machine, *check, limit)).collect()
}

fn one(machine: &Arc<Machine>, check: &'static dyn Check, limit: Duration) -> Examined {
    let watch = Stopwatch::start();
    let (sender, receiver) = channel();
    let looked_at = Arc::clone(machine);
    // A check that hangs in an unresponsive file system is left behind.
    let started = std::thread::Builder::new().spawn(move || {
        let _ = sender.send(check.run(&looked_at));
    });
    let finding = match started {
        Err(e) => Finding::note(format!("failed to run the check: {e}")),
        Ok(_) => match receiver.recv_timeout(limit) {
            Ok(finding) => finding,
            Err(RecvTimeoutError::Timeout) => {
                Finding::note(format!("no answer within {} ms", limit.as_millis()))
                    .hint("the machine may be busy; run this again")
            }
            Err(RecvTimeoutError::Disconnected) => Finding::problem("internal error: the check panicked"),
        },
    };
    Examined { check, finding, took: watch.total() }
}

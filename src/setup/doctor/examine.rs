//! All checks, and running them.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::setup::doctor::check::Check;
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::{
    cargo, compilers, daemon, program, remnants, remote, settings, store, surroundings,
};
use crate::sys::clock::Stopwatch;

/// Every check, in the order in which they are shown.
///
/// Not here, because there is nothing yet that they could look at: proxies and the planner.
pub static ALL: &[&dyn Check] = &[
    &program::on_path::OnPathCheck,
    &program::wrapper_file::WrapperFileCheck,
    &program::same_program::SameProgramCheck,
    &program::gui_path::GuiPathCheck,
    &program::pages::PagesCheck,
    &cargo::config_files::ConfigFilesCheck,
    &cargo::two_files::TwoFilesCheck,
    &cargo::wrapper::WrapperCheck,
    &cargo::variables::VariablesCheck,
    &cargo::project::ProjectCheck,
    &remnants::RemnantsCheck,
    &cargo::calls::CallsCheck,
    &cargo::incremental::IncrementalCheck,
    &compilers::toolchains::ToolchainsCheck,
    &compilers::linker::LinkerCheck,
    &compilers::drivers::DriversCheck,
    &compilers::flags::FlagsCheck,
    &compilers::privileges::PrivilegesCheck,
    &daemon::described::DescribedCheck,
    &daemon::running::RunningCheck,
    &daemon::linger::LingerCheck,
    &daemon::system::SystemCheck,
    &daemon::answers::AnswersCheck,
    &daemon::traces::TracesCheck,
    &daemon::socket::SocketCheck,
    &daemon::settings::SettingsCheck,
    &store::directory::DirectoryCheck,
    &store::file_system::FileSystemCheck,
    &store::room::RoomCheck,
    &store::sharing::SharingCheck,
    &store::index::IndexCheck,
    &store::size::SizeCheck,
    &store::seals::SealsCheck,
    &store::last_read::LastReadCheck,
    &store::cleaning::CleaningCheck,
    &settings::values::ValuesCheck,
    &settings::secrets::SecretsCheck,
    &remote::configured::ConfiguredCheck,
    &settings::journal::ChangesCheck,
    &settings::leftovers::LeftoversCheck,
    &surroundings::clock::ClockCheck,
    &surroundings::limits::LimitsCheck,
    &surroundings::exclusions::ExclusionsCheck,
    &surroundings::ci::CiCheck,
    &surroundings::summary::SummaryCheck,
];

/// Checks that use the network, and how long each may take.
pub static ONLINE: &[&dyn Check] = &[&program::release::ReleaseCheck, &remote::usable::UsableCheck];
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

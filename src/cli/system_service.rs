//! `kache daemon install --system` and `kache daemon uninstall --system`: the daemon as a service of a build server.

use std::path::Path;

use crate::cli::changes::ChangeOutcome;
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::service_args::ServiceArgs;
use crate::cli::session::Session;
use crate::daemon::binary;
use crate::protocol::build::Build;
use crate::setup::plan::Plan;
use crate::setup::service::detect;
use crate::setup::service::runner::SystemRunner;
use crate::setup::service::system::control::control;
use crate::setup::service::system::manager::SystemManager;
use crate::setup::service::system::render::SystemService;
use crate::setup::service::system::service::{self, SystemServiceError};
use crate::sys::{env, fs};

const ROOT: &str = "/";

/// Installs the service that runs the daemon as `user`.
pub fn install(user: &str, args: &ServiceArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let manager = manager()?;
    let name = detect::service_name(&Build::current());
    let exe = binary::called(session.env)?;
    let service = SystemService::new(&exe, name, user, &SystemRunner).map_err(cannot)?;
    let control = control(manager, name);
    let is_running = control.is_running().unwrap_or(false);
    let plan = service::install_plan(manager, &service, is_running, Path::new(ROOT)).map_err(cannot)?;
    if plan.is_empty() {
        let text = format!("Nothing to do: {} runs the daemon as {user}.\n", manager.name());
        return args.say(ChangeOutcome::NothingToDo, &plan, text, session);
    }
    if args.dry_run {
        return args.say(ChangeOutcome::ChangesNeeded, &plan, plan.styled(true), session);
    }
    require_root(&format!("install --system --user {user}"))?;
    fs::trusted_program(&exe).map_err(|error| cannot(SystemServiceError::Untrusted { exe, error }))?;
    show(&plan, args, session)?;
    service::install(manager, &service, &*control, &SystemRunner, Path::new(ROOT)).map_err(cannot)?;
    let text = format!("\nThe daemon is running as {user}; {} starts it with the machine.\n", manager.name());
    args.say(ChangeOutcome::Done, &plan, text, session)
}

/// Removes the service.
pub fn uninstall(args: &ServiceArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let manager = manager()?;
    let name = detect::service_name(&Build::current());
    let plan = service::uninstall_plan(manager, name, Path::new(ROOT)).map_err(cannot)?;
    if plan.is_empty() {
        let text = "Nothing to do: the system service is not installed.\n";
        return args.say(ChangeOutcome::NothingToDo, &plan, text, session);
    }
    if args.dry_run {
        return args.say(ChangeOutcome::ChangesNeeded, &plan, plan.styled(true), session);
    }
    require_root("uninstall --system")?;
    show(&plan, args, session)?;
    service::uninstall(manager, &*control(manager, name)).map_err(cannot)?;
    let text = "\nRemoved the system service and stopped the daemon.\n";
    args.say(ChangeOutcome::Done, &plan, text, session)
}

fn show(plan: &Plan, args: &ServiceArgs, session: &Session<'_>) -> Result<(), Failure> {
    if args.json { Ok(()) } else { session.print(plan.styled(args.verbose)) }
}

fn manager() -> Result<SystemManager, Failure> {
    SystemManager::detect(std::env::consts::OS, Path::new(ROOT))
        .ok_or_else(|| cannot(SystemServiceError::NoManager))
}

fn require_root(command: &str) -> Result<(), Failure> {
    if env::is_root() {
        return Ok(());
    }
    let error = "only root can change the services of this machine".to_owned();
    Err(Failure::usage(error)
        .code(ErrorCode::WrongUser)
        .hint(format!("run `sudo kache daemon {command}`; --dry-run shows the changes")))
}

fn cannot(error: SystemServiceError) -> Failure {
    let failure = Failure::new(&error);
    match error {
        SystemServiceError::InvalidUser { .. } | SystemServiceError::NoSuchUser { .. } => {
            Failure { exit: Exit::Usage, ..failure }
                .hint("create the service account first, and name it with --user")
        }
        SystemServiceError::NoManager => failure.hint(
            "known are systemd, launchd, OpenRC and rc.d; `kache daemon run` runs the daemon in the foreground for others",
        ),
        SystemServiceError::Untrusted { .. } => {
            failure.hint("install kache where only root can write, such as /usr/local/bin, and run it from there")
        }
        SystemServiceError::Foreign { .. } => failure.hint("remove or rename that file, and run this again"),
        _ => failure,
    }
}

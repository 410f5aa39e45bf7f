//! `kache self-update`: replaces this program by the latest release, if the installer put it there.

use std::path::Path;

use semver::Version;

use crate::cli::changes::{self, ChangeOptions, ChangeOutcome, Changes};
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::report::text::Text;
use crate::setup::plan::{Journal, Plan};
use crate::setup::self_update::RELEASE_KEYS;
use crate::setup::self_update::owner::owner;
use crate::setup::self_update::update::{self, Availability, CannotUpdate, InstalledProgram, Staging};
use crate::sys::{env, fs};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: ChangeOptions,
}

/// Looks for a newer release and, after confirmation, installs it.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let exe = env::current_exe().and_then(|exe| fs::canonical(&exe));
    let exe = exe.map_err(|e| Failure::new(format_args!("failed to locate this program: {e}")))?;
    let version = Version::parse(env!("CARGO_PKG_VERSION"))
        .map_err(|_| Failure::new(concat!(env!("CARGO_PKG_VERSION"), " is not a release version")))?;
    let installed = InstalledProgram::find(&exe, version, session.env).map_err(cannot)?;
    let installed = installed.ok_or_else(|| not_the_installers(&exe, session))?;
    if RELEASE_KEYS.is_empty() {
        let error = "this build has no public key to verify releases with";
        return Err(Failure::new(error).hint("run the installer again to replace this program"));
    }
    update(args, &installed, RELEASE_KEYS, session)
}

fn update(
    args: &Args,
    installed: &InstalledProgram,
    keys: &[&str],
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    session.refuse_root_for_another()?;
    let journal = Journal::for_user(session.env).ok_or(CannotUpdate::NoHome).map_err(cannot)?;
    let was_interrupted = journal.is_interrupted().map_err(changes::not_applied)?;
    args.options.recover(&journal, session)?;
    if was_interrupted && !args.options.dry_run {
        // Reverting may have replaced the file of this program.
        return Err(Failure::new("reverted an interrupted run; nothing else was done").hint("run this again"));
    }
    if !args.options.dry_run {
        update::sweep(&installed.exe);
    }
    let staging = Staging::open(session.env).map_err(cannot)?;
    let progress = Progress::long("Downloading the latest release, and checking its signature");
    let found = installed.look(keys, &staging, session.env).map_err(cannot)?;
    drop(progress);
    let (plan, said) = match &found {
        Availability::Newer(update) => (&update.plan, format!("kache {} is available", update.version)),
        Availability::NothingNewer(newest) => {
            (&Plan::new(update::COMMAND), format!("the latest release is {newest}"))
        }
        Availability::Prerelease(newest) => (
            &Plan::new(update::COMMAND),
            format!("the latest release is {newest}, a prerelease, and this is not a prerelease"),
        ),
    };
    let notes = [format!("{said}; this is {}", installed.version)];
    let changes = Changes { plan, removals: &[], notes: &notes, unfinished: &[], first_question: None };
    let outcome = args.options.carry_out(
        &changes,
        &journal,
        session,
        &mut || match &found {
            Availability::Newer(update) => Ok(update.prove()?),
            _ => Ok(()),
        },
        &mut || Ok(()),
    )?;
    if !args.options.json {
        session.print(match (&found, outcome) {
            (Availability::Newer(update), ChangeOutcome::Done) => {
                let kept = installed.previous.as_ref().map(|previous| previous.display());
                let kept =
                    kept.map(|kept| format!(" The previous version is kept as {kept}.")).unwrap_or_default();
                changes::done(&format!("updated to kache {}.{kept}", update.version))
            }
            (_, ChangeOutcome::NothingToDo) => Text::from("Nothing to do.\n"),
            _ => Text::new(),
        })?;
    }
    changes::finish(outcome, Vec::new(), session)
}

/// The failure for a program that the installer did not install, with the command that updates it.
fn not_the_installers(exe: &Path, session: &Session<'_>) -> Failure {
    let path = exe.display();
    match owner(exe, session.env) {
        Some(owner) => {
            let error = format!("{path} was installed by {}, which also updates it", owner.name);
            Failure::new(error).code(ErrorCode::NotUpdatable).hint(format!("run: {}", owner.command))
        }
        None => {
            Failure::new(format_args!("{path} was not installed by the kache installer, and is not updated"))
                .code(ErrorCode::NotUpdatable)
                .hint("update it the way it was installed")
        }
    }
}

fn cannot(error: CannotUpdate) -> Failure {
    let failure = Failure::new(&error);
    match error {
        CannotUpdate::NoHome => Failure { exit: Exit::Usage, ..failure }.code(ErrorCode::WrongUser),
        CannotUpdate::Busy => Failure::busy(error),
        CannotUpdate::ReadOnly { .. } => failure.hint("run it as the owner of the directory"),
        CannotUpdate::Receipt(_) => failure.hint("run the installer again to write a new one"),
        CannotUpdate::Release(_) | CannotUpdate::Unpack(_) => {
            failure.hint("nothing was changed; try again later, and please report it if it persists")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests;

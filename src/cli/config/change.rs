//! `kache config set`, `unset` and `undo`: change a configuration file, and take the last change back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cli::changes::{self, ChangeOptions, Changes};
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::Session;
use crate::config::file::Key;
use crate::config::{Source, load};
use crate::settings;
use crate::setup::plan::{Action, Plan, UndoEdit};
use crate::setup::settings_file::{self, CannotChange};
use crate::setup::user;
use crate::sys::fs;

/// The name of these commands in the journal.
const COMMAND: &str = "config";

/// Which file is changed, and how that is shown.
#[derive(clap::Args)]
pub struct Options {
    /// Change the project's .kache.toml instead of the user's file
    #[arg(long)]
    pub project: bool,
    #[command(flatten)]
    pub output: Output,
}

/// How a change is shown.
#[derive(clap::Args)]
pub struct Output {
    /// Show the change without making it; exit with 2 if there is any
    #[arg(long, visible_alias = "check")]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Sets a setting to what `value` says, or removes it from the file.
pub fn change(
    name: &str,
    value: Option<&str>,
    options: &Options,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let key = settings_file::key(name).map_err(failure)?;
    let path = file(options.project, session)?;
    let plan = plan(key, value, &path, options.project)?;
    let exit = carry_out(&plan, &options.output, session)?;
    if value.is_some() && !options.output.dry_run {
        note_precedence(key, &path, session);
    }
    Ok(exit)
}

/// The change of the file at `path`.
pub fn plan(key: &'static Key, value: Option<&str>, path: &Path, is_project: bool) -> Result<Plan, Failure> {
    if is_project && value.is_some() {
        settings_file::check_for_project(key).map_err(failure)?;
    }
    let value = value.map(|text| settings_file::value(key, text)).transpose().map_err(failure)?;
    let before = read(path)?;
    let title = match &value {
        Some(value) => format!("Set {} to {}", key.name, value.to_string().trim()),
        None => format!("Remove {}", key.name),
    };
    let after = settings_file::change(path, &before, key, value).map_err(failure)?;
    let mut plan = Plan::new(COMMAND);
    if after != before {
        if let Some(dir) = path.parent() {
            plan.make_dirs(dir).map_err(Failure::new)?;
        }
        plan.add(Action::edit(title, path, after.into_bytes(), UndoEdit::None).map_err(Failure::new)?);
    }
    Ok(plan)
}

/// Makes the change without showing it.
pub fn apply(plan: &Plan, session: &Session<'_>) -> Result<(), Failure> {
    if plan.is_empty() {
        return Ok(());
    }
    let journal = user::journal(session.env, false).map_err(|e| changes::wrong_user(&e))?;
    journal.recover().map_err(changes::not_applied)?;
    journal.apply(plan, &mut || Ok(())).map_err(changes::not_applied)
}

/// The plan that takes back the last change that these commands made.
pub fn undo_plan(session: &Session<'_>) -> Result<Plan, Failure> {
    let journal = user::journal(session.env, false).map_err(|e| changes::wrong_user(&e))?;
    let undo = journal.undo_newest("config undo", &[COMMAND], 1)?;
    if undo.conflicts.is_empty() {
        return Ok(undo.plan);
    }
    Err(Failure::several(ErrorCode::Failed, undo.conflicts)
        .hint("edit the file by hand, or use `kache config set`"))
}

/// Takes the last change back that these commands made.
pub fn undo(output: &Output, session: &Session<'_>) -> Result<Exit, Failure> {
    carry_out(&undo_plan(session)?, output, session)
}

fn carry_out(plan: &Plan, output: &Output, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = user::journal(session.env, false).map_err(|e| changes::wrong_user(&e))?;
    // The command itself says what to do.
    let options = ChangeOptions { yes: true, dry_run: output.dry_run, verbose: true, json: output.json };
    options.recover(&journal, session)?;
    let changes = Changes { plan, removals: &[], notes: &[], unfinished: &[], first_question: None };
    let outcome = options.carry_out(&changes, &journal, session, &mut || Ok(()), &mut || Ok(()))?;
    if plan.is_empty() && !output.json {
        session.print("Nothing to change.\n")?;
    }
    Ok(changes::exit(outcome))
}

/// The file to change.
pub fn file(is_project: bool, session: &Session<'_>) -> Result<PathBuf, Failure> {
    if is_project {
        let cwd = session.env.cwd.as_deref();
        return cwd.and_then(settings_file::project_file).ok_or_else(|| {
            Failure::usage("there is no project here").hint("run it in a repository or a cargo workspace")
        });
    }
    match load::user_file_path(&|name| session.env.get(name).map(OsStr::to_os_string)) {
        Ok(Some(file)) => Ok(file.path),
        Ok(None) => Err(changes::wrong_user(&user::WrongUser::NoHome)),
        Err(problem) => Err(Failure::usage(problem).code(ErrorCode::InvalidConfig)),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let read = match fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        read => read.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other)),
    };
    read.map_err(|e| {
        Failure::new(format_args!("failed to read {}: {e}; nothing was changed", path.display()))
    })
}

/// Says where the setting comes from, if not from the file that was changed.
fn note_precedence(key: &Key, path: &Path, session: &Session<'_>) {
    let (config, _) = settings::for_command(session.env);
    let rows = config.rows();
    let Some(row) = rows.iter().find(|row| row.name == key.name) else { return };
    if !matches!(row.source, Source::File { path: from, .. } if is_same_file(from, path)) {
        session.note(&format!("{} has precedence here: {} is {}", row.source, row.name, row.value));
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other || fs::canonical(one).ok() == fs::canonical(other).ok()
}

/// The failure for a setting that is not changed.
pub fn failure(error: CannotChange) -> Failure {
    let failure = Failure::usage(&error);
    match error {
        CannotChange::UnknownKey { suggestion: Some(suggestion), .. } => {
            failure.hint(format!("a similar setting exists: {suggestion}"))
        }
        CannotChange::UnknownKey { .. } => failure.hint("`kache config` shows all settings"),
        CannotChange::BadValue { .. } => failure,
        CannotChange::NotForProjects { .. } => failure.hint("leave out --project to set it for this user"),
        CannotChange::Unparsable(_) | CannotChange::NoTable { .. } => failure.code(ErrorCode::InvalidConfig),
    }
}

//! Carries settings of sccache over into kache's configuration.

use std::path::Path;

use crate::config::file::{self, Contents};
use crate::config::load::user_file_path;
use crate::config::setting::Source;
use crate::setup::cargo_config::read;
use crate::setup::plan::{Action, Plan, UndoEdit};
use crate::setup::sccache::settings::{self, Ours};
use crate::setup::unwritable::unwritable;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};

/// Why a setting is not carried over.
#[derive(Debug, thiserror::Error)]
pub enum NotCarried {
    #[error("its value is invalid; see `cache.{key}`")]
    Invalid { key: &'static str },
    #[error("{why}; for that disk set `cache.local_store` to a directory there")]
    OtherDisk { why: &'static str },
    #[error("its name cannot be written into a configuration")]
    Unwritable,
}

/// The value for kache's configuration that corresponds to `theirs`; `None` if the default will do.
pub fn value(ours: Ours, theirs: &str, env: &Env) -> Result<Option<String>, NotCarried> {
    let value = match ours {
        Ours::MaxSize => settings::size(theirs),
        Ours::IdleTimeout => settings::idle_timeout(theirs),
        Ours::Store => return store(Path::new(theirs), env),
    };
    match value {
        Some(value) => Ok(Some(value)),
        None => Err(NotCarried::Invalid { key: ours.key() }),
    }
}

/// The device of the nearest directory that exists.
fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|dir| Identity::at(dir).ok()).map(|identity| identity.device)
}

/// A directory next to sccache's, if that is on another disk than the store would be.
fn store(theirs: &Path, env: &Env) -> Result<Option<String>, NotCarried> {
    let cache_dir = crate::settings::for_command(env).0.cache_dir;
    if cache_dir.source != Source::Default
        || !theirs.is_absolute()
        || device(theirs) == device(&cache_dir.value)
    {
        return Ok(None);
    }
    let Some(dir) = theirs.parent().map(|above| above.join("kache")) else {
        return Err(NotCarried::OtherDisk { why: "kache has a store of its own" });
    };
    if fs::metadata(crate::store::Store::at(&cache_dir.value).root()).is_ok() {
        let why = "kache already has a store on another disk, which would no longer be found";
        return Err(NotCarried::OtherDisk { why });
    }
    if fs::symlink_metadata(&dir).is_ok() || unwritable(&dir).is_some() {
        return Err(NotCarried::OtherDisk { why: "a directory for kache cannot be created next to it" });
    }
    match dir.to_str().filter(|dir| !dir.contains(['\'', '\n'])) {
        Some(dir) => Ok(Some(dir.to_owned())),
        None => Err(NotCarried::Unwritable),
    }
}

/// These settings in kache's configuration, but for those that it has already; the ones that cannot be put there are the
/// second.
pub fn over(wishes: &[(Ours, String)], env: &Env) -> (Vec<Action>, Vec<Ours>) {
    let all: Vec<Ours> = wishes.iter().map(|(ours, _)| *ours).collect();
    let Ok(Some(user_file)) = user_file_path(&|name| env.get(name).map(ToOwned::to_owned)) else {
        return (Vec::new(), all);
    };
    let path = user_file.path;
    let Ok(text) = read::text(&path) else { return (Vec::new(), all) };
    let mut text = text.unwrap_or_default();
    let (mut added, mut left) = (Vec::new(), Vec::new());
    for (ours, value) in wishes {
        if has(&file::parse(&path, &text).0, *ours) {
            continue;
        }
        match with(&path, &text, *ours, value) {
            Some((after, lines)) => {
                text = after;
                added.extend(lines);
            }
            None => left.push(*ours),
        }
    }
    if added.is_empty() {
        return (Vec::new(), left);
    }
    match write(&path, text, added) {
        Some(actions) => (actions, left),
        None => (Vec::new(), all),
    }
}

/// Writes `text`, in which the lines `added` are new; `None` if the file cannot be written.
fn write(path: &Path, text: String, added: Vec<String>) -> Option<Vec<Action>> {
    let mut plan = Plan::new("");
    plan.make_dirs(path.parent()?).ok()?;
    let undo = UndoEdit::RemoveLines { lines: added };
    plan.add(Action::edit("Carry over settings from sccache", path, text.into_bytes(), undo).ok()?);
    unwritable(path).is_none().then_some(plan.actions)
}

fn has(contents: &Contents, ours: Ours) -> bool {
    match ours {
        Ours::Store => contents.local_store.is_some(),
        Ours::MaxSize => contents.local_max_size.is_some(),
        Ours::IdleTimeout => contents.daemon_idle_timeout.is_some(),
    }
}

/// The text with one more setting, and the lines that are new in it; `None` if anything else would come of it.
fn with(path: &Path, text: &str, ours: Ours, value: &str) -> Option<(String, Vec<String>)> {
    let quote = if value.contains('\\') { '\'' } else { '"' };
    let line = format!("{} = {quote}{value}{quote}", ours.key());
    let header = text.split_inclusive('\n').position(|line| line.trim() == "[cache]");
    let (after, added) = match header {
        Some(index) => {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            let with_end = format!("{}{line}\n", if lines[index].ends_with('\n') { "" } else { "\n" });
            lines.insert(index + 1, &with_end);
            (lines.concat(), vec![line])
        }
        None => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            (format!("{text}{end}[cache]\n{line}\n"), vec!["[cache]".to_owned(), line])
        }
    };
    let (_, problems) = file::parse(path, text);
    let (contents, problems_after) = file::parse(path, &after);
    (has(&contents, ours) && problems.len() == problems_after.len()).then_some((after, added))
}

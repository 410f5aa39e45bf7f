//! What our installers put on this machine, by the manifest that they keep, and the plan that removes it: the last part of
//! `kache uninstall --self`.
//!
//! ```text
//! $XDG_DATA_HOME/kache/installed      one record in each line, oldest first
//!   program PATH                      a program that was installed
//!   file PATH                         a file that was written
//!   foreign PATH                      a program of another installation, kept as PATH.prev
//!   line PATH, broken-line PATH       a line was added to a file; the last line before it had no end
//!   made PATH                         a file was made for that line
//!   dir PATH                          a directory was made
//!   path DIR                          on Windows: a directory was added to the user's `Path`
//! ```
//!
//! Windows does not remove the file of a running program, so that the user has to. The crate `self-replace` could do it
//! after the program has ended, but not for nothing: it hooks into every start, and imports shell32, for which each start
//! of the wrapper would load 19 libraries instead of 10 (counted with Wine). A wrapper starts before each compiler.
//!
//! Programs from elsewhere belong to a package manager: [`crate::setup::self_update::owner`] knows what removes them.

use std::path::{Path, PathBuf};

use crate::setup::cargo_config::read;
use crate::setup::plan::action::{ActionKind, resolved};
use crate::setup::plan::state::Content;
use crate::setup::plan::{Action, CannotPlan, Plan, UndoEdit};
use crate::setup::unwritable::unwritable;
use crate::sys::env::Env;
use crate::sys::fs::settle::{self, Standing};
use crate::sys::{dirs, fs};

/// What was installed here.
pub struct Installation {
    manifest: PathBuf,
    records: Vec<(String, PathBuf)>,
    /// The line that makes shells find the program.
    shell_line: String,
}

impl Installation {
    /// The installation that the program at `exe`, which is without symbolic links, belongs to.
    pub fn find(exe: &Path, env: &Env) -> Option<Installation> {
        let own = dirs::data(env)?.join("kache");
        let manifest = own.join("installed");
        let text = String::from_utf8_lossy(&fs::read(&manifest).ok()?).into_owned();
        let mut records = Vec::new();
        for line in text.lines() {
            let (kind, path) = line.split_once(' ')?;
            records.push((kind.to_owned(), PathBuf::from(path)));
        }
        let is_ours = records
            .iter()
            .any(|(kind, path)| kind == "program" && fs::canonical(path).is_ok_and(|path| path == exe));
        let script = quoted(&own.join("env"));
        let shell_line = format!("[ ! -f {script} ] || . {script}");
        is_ours.then_some(Installation { manifest, records, shell_line })
    }

    /// Adds to `plan` the removal of everything that was installed. `kept` stays: the file of a running program cannot be
    /// removed everywhere. Returns what a person has to do.
    pub fn remove(&self, plan: &mut Plan, kept: Option<&Path>) -> Result<Vec<String>, CannotPlan> {
        let mut notes = Vec::new();
        for (kind, path) in self.records.iter().rev() {
            match kind.as_str() {
                "file" if Some(path.as_path()) == kept => {}
                "file" => self.remove_file(plan, path, &mut notes)?,
                "foreign" => put_back(plan, path)?,
                "line" | "broken-line" | "made" => self.remove_line(plan, kind, path, &mut notes)?,
                "path" => notes.push(format!("remove {} from your `Path`", path.display())),
                _ => {}
            }
        }
        add(plan, Action::remove("Remove the installer's manifest", &self.manifest)?);
        for (kind, path) in self.records.iter().rev() {
            if kind == "dir" {
                // One that was to go earlier may not have been empty by then.
                plan.actions.retain(|action| !changes(action, path));
                let title = format!("Remove the directory {} if it is empty", path.display());
                add(plan, Action::remove(title, path)?);
            }
        }
        Ok(notes)
    }

    fn remove_file(&self, plan: &mut Plan, path: &Path, notes: &mut Vec<String>) -> Result<(), CannotPlan> {
        let is_put_back = self.records.iter().any(|(kind, foreign)| {
            kind == "foreign" && foreign == path && fs::symlink_metadata(&previous(path)).is_ok()
        });
        match settle::standing(path) {
            Ok(Standing::Link(_)) => {
                notes
                    .push(format!("{} is a link that was not installed, and was left alone", path.display()));
            }
            Ok(Standing::File(_)) if !is_put_back => {
                add(plan, Action::remove(format!("Remove {}", path.display()), path)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Removes the line for shells from a file of the user's, and nothing else.
    fn remove_line(
        &self,
        plan: &mut Plan,
        kind: &str,
        path: &Path,
        notes: &mut Vec<String>,
    ) -> Result<(), CannotPlan> {
        let target = resolved(path)?;
        let text = read::text(&target).ok().flatten().unwrap_or_default();
        let Some(rest) = without_line(&text, &self.shell_line, kind == "broken-line") else { return Ok(()) };
        if let Some(why) = unwritable(&target) {
            let (path, line) = (path.display(), &self.shell_line);
            notes.push(format!("cannot change {path} ({why}); remove this line from it: {line}"));
            return Ok(());
        }
        if kind == "made" && rest.is_empty() {
            add(plan, Action::remove(format!("Remove {}", path.display()), &target)?);
            return Ok(());
        }
        let title = format!("Remove the installer's line from {}", path.display());
        add(plan, Action::edit(title, &target, rest.into_bytes(), UndoEdit::None)?);
        Ok(())
    }
}

/// Adds an action, unless the same path is changed already: two records may name one file.
fn add(plan: &mut Plan, action: Action) {
    let ActionKind::Path(change) = &action.change else { return };
    if !plan.plans_change_of(&change.path) {
        plan.add(action);
    }
}

fn changes(action: &Action, path: &Path) -> bool {
    matches!(&action.change, ActionKind::Path(change) if change.path == path && change.before == Content::Directory)
}

fn previous(program: &Path) -> PathBuf {
    let mut name = program.as_os_str().to_owned();
    name.push(".prev");
    PathBuf::from(name)
}

/// Puts the program of another installation back.
fn put_back(plan: &mut Plan, path: &Path) -> Result<(), CannotPlan> {
    let previous = previous(path);
    if fs::symlink_metadata(&previous).is_ok() {
        add(plan, Action::copy(format!("Put back {}", path.display()), path, &previous)?);
        add(plan, Action::remove(format!("Remove {}", previous.display()), &previous)?);
    }
    Ok(())
}

/// `text` without `line`; `None` if that is not in it. If `had_no_end`, the line before it gets its missing end back.
fn without_line(text: &str, line: &str, had_no_end: bool) -> Option<String> {
    let mut rest = String::with_capacity(text.len());
    let mut is_last = false;
    for whole in text.split_inclusive('\n') {
        is_last = whole.trim_end_matches('\n') == line;
        if !is_last {
            rest += whole;
        }
    }
    if had_no_end && is_last && rest.ends_with('\n') {
        rest.pop();
    }
    (rest.len() < text.len()).then_some(rest)
}

/// `path` in single quotes, for shells of the Bourne family.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the home is made and looked at from outside")]

    use super::*;
    use crate::setup::plan::Journal;

    #[test]
    fn only_the_line_for_shells_is_removed() {
        for (text, had_no_end, rest) in [
            ("a\nx\n", false, Some("a\n")),
            ("a\nx\n", true, Some("a")),
            ("x\nb\n", true, Some("b\n")),
            ("x\n", false, Some("")),
            ("a\nxy\n", false, None),
        ] {
            assert_eq!(without_line(text, "x", had_no_end).as_deref(), rest, "{text}");
        }
    }

    #[test]
    fn everything_in_the_manifest_is_removed_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let home = fs::canonical(dir.path()).unwrap();
        let at = |path: &str| home.join(path).to_str().unwrap().to_owned();
        let env = Env::with_vars(
            &["HOME", "USERPROFILE", "LOCALAPPDATA"].map(|name| (name, home.to_str().unwrap())),
        );
        let own = dirs::data(&env).unwrap().join("kache");
        let line = format!("[ ! -f {0} ] || . {0}", quoted(&own.join("env")));
        for path in [own.clone(), home.join("bin"), home.join("man/man1"), home.join("old")] {
            std::fs::create_dir_all(path).unwrap();
        }
        for (path, text) in [
            ("bin/kache", "program"),
            ("bin/mine", ""),
            ("old/kache", "ours"),
            ("old/kache.prev", "theirs"),
            ("man/man1/kache.1", "page"),
            (".profile", &format!("a=1\n{line}\n")),
            (".zshrc", &format!("{line}\n")),
        ] {
            std::fs::write(home.join(path), text).unwrap();
        }
        let records = [
            format!("program {}", at("old/kache")),
            format!("dir {}", own.display()),
            format!("foreign {}", at("old/kache")),
            format!("file {}", at("old/kache")),
            format!("program {}", at("bin/kache")),
            format!("dir {}", at("bin")),
            format!("file {}", at("bin/kache")),
            format!("dir {}", at("man")),
            format!("dir {}", at("man/man1")),
            format!("file {}", at("man/man1/kache.1")),
            format!("file {}", own.join("receipt.json").display()),
            format!("broken-line {}", at(".profile")),
            format!("made {}", at(".zshrc")),
        ];
        std::fs::write(own.join("receipt.json"), "{}").unwrap();
        std::fs::write(own.join("installed"), records.join("\n") + "\n").unwrap();
        assert!(Installation::find(&home.join("bin/mine"), &env).is_none());
        let mut plan = Plan::new("uninstall");
        let installation = Installation::find(&home.join("bin/kache"), &env).unwrap();
        assert_eq!(installation.remove(&mut plan, None).unwrap(), [""; 0]);
        Journal::at(home.join("journal")).apply(&plan, &mut || Ok(())).unwrap();
        for gone in ["bin/kache", "old/kache.prev", "man", ".zshrc"] {
            assert!(!home.join(gone).exists(), "{gone}");
        }
        assert!(!own.exists());
        for (path, text) in [("bin/mine", ""), ("old/kache", "theirs"), (".profile", "a=1")] {
            assert_eq!(std::fs::read_to_string(home.join(path)).unwrap(), text, "{path}");
        }
    }
}

//! Plans over a small machine: done whole or not at all, whatever ends them, and taken back.

#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the machine is made and looked at from outside")]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::action::ActionKind;
use super::journal::EntryStatus;
use super::state::Content;
use super::{Action, CommandLine, Journal, NotApplied, Plan, UndoEdit};
use crate::digest::Digest;
use crate::sys::fs::fault;

/// A home with a configuration file behind a symbolic link, and a journal beside it.
struct Machine {
    temporary: tempfile::TempDir,
}

const OLD: &str = "theirs\n";
const NEW: &str = "theirs\nours\n";

impl Machine {
    fn new() -> Machine {
        let temporary = tempfile::tempdir().unwrap();
        let machine = Machine { temporary };
        std::fs::create_dir(machine.path("dotfiles")).unwrap();
        std::fs::write(machine.path("dotfiles/config"), OLD).unwrap();
        std::fs::write(machine.path("program"), "binary").unwrap();
        std::fs::write(machine.path("stale"), "stale").unwrap();
        std::os::unix::fs::symlink("dotfiles/config", machine.path("config")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn journal(&self) -> Journal {
        Journal::at(self.path("journal"))
    }

    /// One of each kind of action. Both commands are harmless when they are repeated.
    fn plan(&self) -> Plan {
        let mut plan = Plan::new("init");
        plan.make_dirs(&self.path("share/bin")).unwrap();
        plan.add(Action::link("link", &self.path("share/bin/kache"), &self.path("program")).unwrap());
        plan.add(Action::copy("copy", &self.path("share/bin/copy"), &self.path("program")).unwrap());
        plan.add(Action::remove("remove", &self.path("stale")).unwrap());
        let mark = self.path("mark");
        let mark = mark.to_str().unwrap();
        plan.add(Action::run(
            "run",
            CommandLine::new("touch", &[mark]),
            Some(CommandLine::new("rm", &["-f", mark])),
        ));
        let lines = UndoEdit::RemoveLines { lines: vec!["ours".into()] };
        plan.add(Action::edit("edit", &self.path("config"), NEW.into(), lines).unwrap());
        plan.add(
            Action::file("create", &self.path("share/new"), "ours\n".into(), 0o600, UndoEdit::None).unwrap(),
        );
        plan
    }

    /// Everything but the journal, in one text.
    fn look(&self) -> String {
        let mut text = String::new();
        let mut open = vec![self.temporary.path().to_owned()];
        while let Some(dir) = open.pop() {
            let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
            entries.sort();
            for path in entries {
                let name = path.strip_prefix(self.temporary.path()).unwrap().display();
                match Content::at(&path).unwrap() {
                    Content::Directory if path == self.path("journal") => {}
                    Content::Directory => {
                        text += &format!("{name}/\n");
                        open.push(path);
                    }
                    Content::File { bytes, mode } => {
                        text += &format!("{name} {mode:o} {}\n", String::from_utf8_lossy(&bytes));
                    }
                    other => text += &format!("{name} {other:?}\n"),
                }
            }
        }
        text
    }

    fn apply(&self, plan: &Plan) -> Result<(), NotApplied> {
        self.journal().apply(plan, &mut || Ok(()))
    }

    fn undo(&self) -> Vec<String> {
        let undo = self.journal().undo("uninstall", &["init"]).unwrap();
        self.apply(&undo.plan).unwrap();
        undo.conflicts
    }

    /// How the machine looks once the plan was carried out.
    fn done() -> String {
        let machine = Machine::new();
        machine.apply(&machine.plan()).unwrap();
        machine.look().replace(&machine.temporary.path().display().to_string(), "")
    }

    fn relative(&self) -> String {
        self.look().replace(&self.temporary.path().display().to_string(), "")
    }
}

fn changes(plan: &Plan) -> usize {
    plan.actions.len()
}

#[test]
fn a_plan_is_carried_out_and_undone_to_the_byte() {
    let machine = Machine::new();
    let before = machine.look();
    let plan = machine.plan();
    assert_eq!(machine.look(), before, "planning changes nothing");
    assert_eq!(changes(&plan), 8);
    machine.apply(&plan).unwrap();
    assert_eq!(std::fs::read_to_string(machine.path("config")).unwrap(), NEW);
    assert!(std::fs::symlink_metadata(machine.path("config")).unwrap().is_symlink());
    assert!(machine.path("mark").exists());
    assert!(!machine.path("stale").exists());
    assert_eq!(changes(&machine.plan()), 1, "only the command has anything to do a second time");
    assert_eq!(machine.undo(), [""; 0]);
    assert_eq!(machine.look(), before);
    assert!(machine.journal().undo("uninstall", &["init"]).unwrap().plan.is_empty());
}

#[test]
fn a_kill_at_any_step_is_repaired_by_the_next_run() {
    let done = Machine::done();
    for n in 0.. {
        let machine = Machine::new();
        let before = machine.look();
        let plan = machine.plan();
        let (_, crashed) = fault::crash_after(n, || drop(machine.apply(&plan)));
        let config = std::fs::read_to_string(machine.path("config")).unwrap();
        assert!(config == OLD || config == NEW, "step {n}: a part of the file: {config:?}");
        if config == NEW {
            let program = std::fs::read_to_string(machine.path("share/bin/kache"));
            assert_eq!(program.unwrap(), "binary", "step {n}: what the file names is there before it");
        }
        machine.journal().recover().unwrap();
        if crashed {
            assert_eq!(machine.look(), before, "step {n}: taken back");
            assert!(!machine.journal().is_interrupted().unwrap());
        }
        let again = machine.plan();
        machine.apply(&again).unwrap();
        assert_eq!(machine.relative(), done, "step {n}: the next run completes");
        machine.undo();
        assert_eq!(machine.look(), before, "step {n}: and it can be undone");
        if !crashed {
            assert!(n > 25, "{n} steps were counted");
            break;
        }
    }
}

#[test]
fn a_kill_while_taking_back_is_repaired_too() {
    for n in 0.. {
        let machine = Machine::new();
        let before = machine.look();
        machine.apply(&machine.plan()).unwrap();
        let undo = machine.journal().undo("uninstall", &["init"]).unwrap();
        let (_, crashed) = fault::crash_after(n, || drop(machine.apply(&undo.plan)));
        let config = std::fs::read_to_string(machine.path("config")).unwrap();
        assert!(config == OLD || config == NEW, "step {n}");
        machine.journal().recover().unwrap();
        machine.undo();
        assert_eq!(machine.look(), before, "step {n}");
        if !crashed {
            break;
        }
    }
}

#[test]
fn a_full_disk_at_any_step_leaves_the_machine_as_it_was() {
    let done = Machine::done();
    for n in 0.. {
        let machine = Machine::new();
        let before = machine.look();
        let plan = machine.plan();
        let (result, failed) = fault::fail_at(n, ErrorKind::StorageFull, || machine.apply(&plan));
        match result {
            Ok(()) => assert_eq!(machine.relative(), done, "step {n}"),
            Err(_) => assert_eq!(machine.look(), before, "step {n}"),
        }
        if !failed {
            break;
        }
        machine.journal().recover().unwrap();
        assert_eq!(machine.look(), before, "step {n}: nothing was left to take back");
    }
}

#[test]
fn a_failed_proof_takes_everything_back() {
    let machine = Machine::new();
    let before = machine.look();
    let error =
        machine.journal().apply(&machine.plan(), &mut || Err(anyhow::anyhow!("cargo does not call it")));
    let said = error.unwrap_err().to_string();
    assert_eq!(said, "cargo does not call it; all changes were undone");
    assert_eq!(machine.look(), before);
    assert!(machine.journal().undo("uninstall", &["init"]).unwrap().plan.is_empty());
}

#[test]
fn a_failed_command_takes_everything_back_and_is_quoted() {
    let machine = Machine::new();
    let before = machine.look();
    let mut plan = machine.plan();
    plan.add(Action::run("Fail", CommandLine::new("sh", &["-c", "echo why >&2; exit 3"]), None));
    let said = machine.apply(&plan).unwrap_err().to_string();
    assert_eq!(said, "Fail: `sh -c 'echo why >&2; exit 3'` exited with 3: why; all changes were undone");
    assert_eq!(machine.look(), before);
}

#[test]
fn a_file_that_was_changed_after_planning_is_not_touched() {
    let machine = Machine::new();
    let plan = machine.plan();
    std::fs::write(machine.path("config"), "edited\n").unwrap();
    let before = machine.look();
    let error = machine.apply(&plan).unwrap_err();
    assert!(matches!(error, NotApplied::ChangedSince { .. }), "{error}");
    assert_eq!(machine.look(), before);
}

#[test]
fn a_directory_that_somebody_else_made_meanwhile_will_do() {
    let machine = Machine::new();
    let plan = machine.plan();
    std::fs::create_dir_all(machine.path("share/bin")).unwrap();
    machine.apply(&plan).unwrap();
    assert_eq!(machine.relative(), Machine::done());
}

#[test]
fn a_file_that_is_changed_while_others_are_written_is_not_touched() {
    let machine = Machine::new();
    let mut plan = Plan::new("init");
    let config = machine.path("config");
    let edit = format!("echo edited > {}", config.display());
    plan.add(Action::run("Edit meanwhile", CommandLine::new("sh", &["-c", &edit]), None));
    plan.add(Action::edit("edit", &config, NEW.into(), UndoEdit::None).unwrap());
    let said = machine.apply(&plan).unwrap_err().to_string();
    assert!(said.contains("changed in the meantime"), "{said}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "edited\n");
}

#[test]
fn only_one_apply_runs_at_a_time() {
    let machine = Machine::new();
    let journal = machine.journal();
    let plan = machine.plan();
    let hasty = Journal { patience: Duration::ZERO, ..machine.journal() };
    let result = journal.apply(&Plan::new("init"), &mut || match hasty.apply(&plan, &mut || Ok(())) {
        Err(NotApplied::Busy) => Ok(()),
        other => Err(anyhow::anyhow!("{other:?}")),
    });
    result.unwrap();
}

#[test]
fn a_change_whose_state_cannot_be_told_is_no_interrupted_one() {
    let machine = Machine::new();
    machine.apply(&machine.plan()).unwrap();
    let after = machine.look();
    let status = machine.journal().entries().unwrap()[0].dir().join("status");
    for damage in [Some(""), Some("don"), None] {
        match damage {
            Some(text) => std::fs::write(&status, text).unwrap(),
            None => std::fs::remove_file(&status).unwrap(),
        }
        let said = machine.journal().recover().unwrap_err().to_string();
        assert!(said.contains("cannot be read") && said.contains(status.to_str().unwrap()), "{said}");
        let error = machine.apply(&Plan::new("init")).unwrap_err();
        assert!(matches!(error, NotApplied::JournalUnreadable { .. }), "{error}");
        assert!(machine.journal().undo("uninstall", &["init"]).is_err());
        assert_eq!(machine.look(), after);
    }
    std::fs::write(&status, "applying").unwrap();
    assert!(machine.journal().is_interrupted().unwrap());
}

#[test]
fn what_was_edited_since_keeps_the_edit_and_loses_only_ours() {
    let machine = Machine::new();
    machine.apply(&machine.plan()).unwrap();
    std::fs::write(machine.path("config"), "more\ntheirs\nours\n").unwrap();
    std::fs::write(machine.path("share/new"), "edited\n").unwrap();
    let conflicts = machine.undo();
    assert_eq!(std::fs::read_to_string(machine.path("config")).unwrap(), "more\ntheirs\n");
    assert_eq!(std::fs::read_to_string(machine.path("share/new")).unwrap(), "edited\n");
    let new = machine.path("share/new").display().to_string();
    assert_eq!(conflicts, [format!("{new}: it was changed since; it is left unchanged")]);
    assert!(!machine.path("share/bin").exists());
    assert!(machine.path("share").exists(), "a directory with something in it stays");
}

#[test]
fn several_applies_are_taken_back_together() {
    let machine = Machine::new();
    let config = machine.path("config");
    for content in ["first\n", "second\n", "third\n"] {
        let mut plan = Plan::new("init");
        plan.add(Action::edit("edit", &config, content.into(), UndoEdit::None).unwrap());
        machine.apply(&plan).unwrap();
    }
    let undo = machine.journal().undo("uninstall", &["init"]).unwrap();
    assert_eq!(changes(&undo.plan), 1);
    machine.apply(&undo.plan).unwrap();
    assert_eq!(std::fs::read_to_string(&config).unwrap(), OLD);
    let statuses: Vec<_> = machine.journal().entries().unwrap().iter().map(|entry| entry.status()).collect();
    assert_eq!(statuses, [EntryStatus::Undone, EntryStatus::Undone, EntryStatus::Undone, EntryStatus::Done]);
}

#[test]
fn mode_of_the_file_and_secrecy_of_the_journal_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let machine = Machine::new();
    let config = machine.path("dotfiles/config");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o640)).unwrap();
    machine.apply(&machine.plan()).unwrap();
    assert_eq!(mode(&config), 0o640);
    assert_eq!(mode(&machine.path("share/new")), 0o600);
    let mut open = vec![machine.path("journal")];
    while let Some(dir) = open.pop() {
        assert_eq!(mode(&dir), 0o700, "{}", dir.display());
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => open.push(path),
                // These hold nothing of what was changed.
                false if path.ends_with("lock") || path.ends_with("started") => {}
                false => assert_eq!(mode(&path), 0o600, "{}", path.display()),
            }
        }
    }
}

#[test]
fn a_plan_is_shown_as_diffs_and_command_lines() {
    let machine = Machine::new();
    let mut plan = Plan::new("init");
    plan.add(Action::edit("Set it", &machine.path("config"), NEW.into(), UndoEdit::None).unwrap());
    plan.add(Action::run("Start", CommandLine::new("systemctl", &["--user", "it's"]), None));
    let ActionKind::Path(change) = &plan.actions[0].change else { panic!() };
    assert!(change.path.ends_with("dotfiles/config"), "links are resolved");
    let path = change.path.display();
    assert_eq!(
        plan.text(),
        format!(
            "Set it\n    --- {path}\n    +++ {path}\n    @@ -1 +1,2 @@\n     theirs\n    +ours\n\nStart\n    $ \
             systemctl --user 'it'\\''s'\n"
        )
    );
}

#[test]
fn what_is_no_file_is_refused_when_it_is_planned() {
    let machine = Machine::new();
    std::os::unix::fs::symlink("nowhere", machine.path("dangling")).unwrap();
    let said = |name: &str| {
        let path = machine.path(name);
        let error = Action::edit("edit", &path, NEW.into(), UndoEdit::None).unwrap_err();
        error.to_string().replace(&path.display().to_string(), "PATH")
    };
    assert_eq!(said("dotfiles"), "PATH is a directory");
    assert!(said("dangling").starts_with("PATH is a dangling symbolic link"));
}

#[test]
fn a_journal_that_an_earlier_kache_wrote_can_be_undone() {
    const THEIRS: &str = "a = 1\n";
    let machine = Machine::new();
    let root = machine.temporary.path().display().to_string();
    let entry = machine.path("journal/2026-11-24T16-03-51.066");
    std::fs::create_dir_all(&entry).unwrap();
    let config = format!("{THEIRS}\n[build]\nrustc-wrapper = \"/opt/kache\"\n");
    let digest = |text: &str| Digest::hash(text.as_bytes()).to_hex();
    let plan = include_str!("tests/journal-1.json").replace("ROOT", &root);
    let plan = plan.replace("OLD_DIGEST", &digest(THEIRS)).replace("NEW_DIGEST", &digest(&config));
    std::fs::write(entry.join("plan.json"), plan).unwrap();
    std::fs::write(entry.join("status"), "done").unwrap();
    std::fs::write(entry.join("1.before"), THEIRS).unwrap();
    std::os::unix::fs::symlink(machine.path("program"), machine.path("linked")).unwrap();
    // Edited since, each in its own way.
    std::fs::write(machine.path("dotfiles/config"), format!("# mine\n{config}")).unwrap();
    std::fs::write(machine.path("lines"), "ours\nmine\n").unwrap();
    assert_eq!(machine.undo(), [""; 0]);
    assert_eq!(std::fs::read_to_string(machine.path("config")).unwrap(), format!("# mine\n{THEIRS}"));
    assert_eq!(std::fs::read_to_string(machine.path("lines")).unwrap(), "mine\n");
    assert!(std::fs::symlink_metadata(machine.path("linked")).is_err());
    assert!(machine.path("undone").exists());
}

#[test]
fn of_a_long_change_people_see_the_beginning_and_programs_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made");
    let text: String = (0..200).map(|n| format!("line {n}\n")).collect();
    let action = Action::edit("Write it", &path, text.into_bytes(), UndoEdit::None).unwrap();
    let plan = Plan { actions: vec![action], ..Plan::new("test") };
    let said = plan.text();
    assert!(said.contains("+line 50\n") && !said.contains("+line 60\n"), "{said}");
    assert!(said.ends_with("    … and 143 more lines\n"), "{said}");
    assert!(plan.shown()[0].detail.contains("+line 199\n"));
}

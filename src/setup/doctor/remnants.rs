//! Whether sccache is still configured anywhere.

use crate::setup::cargo_config::chain;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::init::{self, KnownWrapper, known};
use crate::setup::login::is_planned;
use crate::setup::plan::show;

/// See the module.
pub struct RemnantsCheck;

impl Check for RemnantsCheck {
    fn id(&self) -> &'static str {
        "sccache"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "every place where sccache can be configured"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let migration = machine.sccache();
        if migration.is_empty() {
            return match migration.caches.first() {
                Some(dir) => Finding::ok(format!("only its cache remains, in {}", dir.display())),
                None => Finding::ok("sccache is not configured"),
            };
        }
        let mut actions = rewire(machine);
        let mut by_hand = migration.by_hand;
        let mut changes = migration.actions;
        if machine.with_project {
            changes.extend(migration.in_project);
        } else if !migration.in_project.is_empty() {
            let patches = show::text(&migration.in_project);
            by_hand.push(format!("to change the repository, run `kache doctor --fix --project`:\n{patches}"));
        }
        // A second change of one file has its turn in the next round.
        for action in changes {
            if !is_planned(&action, &actions) {
                actions.push(action);
            }
        }
        if migration.found.is_empty() && actions.is_empty() {
            return Finding::note("sccache is mentioned in places that kache does not change")
                .details(by_hand);
        }
        by_hand.extend(removal(machine));
        let n = migration.found.len();
        let text = format!("sccache is configured in {n} place{}", if n == 1 { "" } else { "s" });
        let fix = Fix { actions, by_hand: by_hand.clone(), ..Fix::default() };
        let finding = Finding::problem(text).details(migration.found).details(by_hand);
        finding.fix(fix.after_asking("Migrate from sccache?"))
    }
}

/// Cargo's own configuration names kache in the place of sccache.
fn rewire(machine: &Machine) -> Vec<crate::setup::plan::Action> {
    let home = chain::cargo_home(&machine.env, &machine.cwd).unwrap_or_default();
    let setting = crate::setup::cargo_config::WrapperKey::RustcWrapper;
    let links = chain::in_file(setting, &machine.env, &chain::config_file(&home)).links;
    if links.iter().all(|link| known(&link.value) != KnownWrapper::Sccache) {
        return Vec::new();
    }
    init::plan_for(&machine.env, &machine.exe).map(|init| init.plan.actions).unwrap_or_default()
}

/// How to uninstall sccache, by the package manager that installed it.
fn removal(machine: &Machine) -> Option<String> {
    let program = machine.program("sccache")?;
    let file = crate::sys::fs::canonical(&program).unwrap_or_else(|_| program.clone());
    for (dir, command) in [
        (".cargo", "cargo uninstall sccache"),
        ("Cellar", "brew uninstall sccache"),
        ("installs", "mise uninstall sccache"),
        ("scoop", "scoop uninstall sccache"),
    ] {
        if file.components().any(|component| component.as_os_str() == dir) {
            return Some(format!("{} can be removed: {command}", program.display()));
        }
    }
    Some(format!("{} can be removed the way it was installed", program.display()))
}

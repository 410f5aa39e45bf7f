//! Fixes, gathered into one plan.

use std::path::Path;

use crate::config::Config;
use crate::gc::automatic;
use crate::setup::doctor::examine::Examined;
use crate::setup::doctor::finding::{Fix, Upkeep};
use crate::setup::doctor::verify;
use crate::setup::plan::action::Change;
use crate::setup::plan::{Action, Plan};
use crate::sys::fs;

/// The command, as the journal names it.
pub const COMMAND: &str = crate::setup::uninstall::REPAIR;

/// What can be done about all that was found.
#[derive(Debug)]
pub struct Repair {
    pub plan: Plan,
    pub upkeep: Vec<Upkeep>,
    /// What is left to a person.
    pub by_hand: Vec<String>,
}

impl Repair {
    /// Gathers fixes; `is_wanted` answers the question of one that has a question. A fix that changes what an earlier
    /// one changes in another way waits: what it is then is known when that is done.
    pub fn of<E>(
        examined: &mut [Examined],
        is_wanted: &mut dyn FnMut(&Fix, &str) -> Result<bool, E>,
    ) -> Result<Repair, E> {
        let mut repair = Repair { plan: Plan::new(COMMAND), upkeep: Vec::new(), by_hand: Vec::new() };
        for examined in examined {
            let Some(fix) = examined.finding.fix.take() else { continue };
            let new: Vec<&Action> = fix.actions.iter().filter(|action| !repair.has(action)).collect();
            let waits = new.iter().any(|action| repair.touches(action));
            if waits || (new.is_empty() && fix.upkeep.iter().all(|upkeep| repair.upkeep.contains(upkeep))) {
                continue;
            }
            if let Some(question) = &fix.question
                && !is_wanted(&fix, question)?
            {
                continue;
            }
            let new: Vec<Action> = new.into_iter().cloned().collect();
            new.into_iter().for_each(|action| repair.plan.add(action));
            for upkeep in fix.upkeep {
                if !repair.upkeep.contains(&upkeep) {
                    repair.upkeep.push(upkeep);
                }
            }
            repair.by_hand.extend(fix.by_hand);
        }
        Ok(repair)
    }

    /// One fix by itself.
    pub fn alone(fix: &Fix) -> Repair {
        let plan = Plan { actions: fix.actions.clone(), ..Plan::new(COMMAND) };
        Repair { plan, upkeep: fix.upkeep.clone(), by_hand: Vec::new() }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty() && self.upkeep.is_empty()
    }

    /// What is done, for people.
    pub fn text(&self) -> String {
        let upkeep = self.upkeep.iter().map(|upkeep| format!("{}\n", upkeep.title()));
        self.plan.text() + &upkeep.collect::<String>()
    }

    fn has(&self, action: &Action) -> bool {
        self.plan.actions.iter().any(|planned| match (&planned.change, &action.change) {
            (Change::Path(one), Change::Path(other)) => one.path == other.path && one.after == other.after,
            (Change::Run(one), Change::Run(other)) => one == other,
            _ => false,
        })
    }

    fn touches(&self, action: &Action) -> bool {
        let Change::Path(change) = &action.change else { return false };
        let is_there =
            |planned: &Action| matches!(&planned.change, Change::Path(other) if other.path == change.path);
        self.plan.actions.iter().any(is_there)
    }
}

/// Does one piece of upkeep. Answers what came of it.
pub fn keep_up(upkeep: &Upkeep, config: &Config) -> Result<String, String> {
    let cache_dir = &config.cache_dir.value;
    match upkeep {
        Upkeep::RebuildIndex => rebuild_index(cache_dir),
        Upkeep::CollectGarbage => {
            let applied = automatic::collect_now(config).map_err(|e| e.to_string())?;
            match applied.problems.is_empty() {
                true => Ok(format!("{} entries were removed", applied.n_evicted)),
                false => Err(applied.problems.join("; ")),
            }
        }
        Upkeep::SetAltered => {
            let n_set_aside = verify::set_aside_unsealed(cache_dir);
            Ok(format!("{n_set_aside} blobs were taken out of service"))
        }
        Upkeep::Remove(paths) => {
            for path in paths {
                let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
                let removed = if is_dir { fs::remove_dir_all(path) } else { fs::remove(path) };
                removed.map_err(|e| format!("{}: {e}", path.display()))?;
            }
            Ok("what was left is removed".to_owned())
        }
    }
}

/// Makes the index anew.
pub fn rebuild_index(cache_dir: &Path) -> Result<String, String> {
    if fs::metadata(cache_dir).is_err() {
        return Ok("there is no store, and so no index".to_owned());
    }
    let (n_entries, notes) = crate::index::open::rebuild(cache_dir).map_err(|e| format!("the index: {e}"))?;
    let notes: String = notes.iter().map(|note| format!("\n{note}")).collect();
    Ok(format!("the index is made anew, and knows {n_entries} entries{notes}"))
}

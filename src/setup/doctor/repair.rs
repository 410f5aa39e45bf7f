//! Fixes, gathered into one plan.

use crate::report::text::{Style, Text};
use crate::setup::doctor::examine::Examined;
use crate::setup::doctor::finding::{Fix, MaintenanceTask};
use crate::setup::plan::action::ActionKind;
use crate::setup::plan::{Action, Plan};

/// The command, as the journal names it.
pub const COMMAND: &str = crate::setup::uninstall::REPAIR;

/// The fixes for all findings.
#[derive(Debug)]
pub struct Repair {
    pub plan: Plan,
    pub upkeep: Vec<MaintenanceTask>,
    /// What the user has to do.
    pub by_hand: Vec<String>,
}

impl Repair {
    /// Gathers fixes. `is_wanted` answers the question of a fix, if it has one. A fix that changes the same path as an
    /// earlier one in another way waits for the next round: by then its checks see the changed path.
    pub fn gather<E>(
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
        self.styled(true).plain()
    }

    /// What is done, for people; with the content of long new files if `is_verbose`.
    pub fn styled(&self, is_verbose: bool) -> Text {
        let mut text = self.plan.styled(is_verbose);
        for upkeep in &self.upkeep {
            text.push_styled(Style::Heading, upkeep.title());
            text.push("\n");
        }
        text
    }

    fn has(&self, action: &Action) -> bool {
        self.plan.actions.iter().any(|planned| match (&planned.change, &action.change) {
            (ActionKind::Path(one), ActionKind::Path(other)) => {
                one.path == other.path && one.after == other.after
            }
            (ActionKind::Run(one), ActionKind::Run(other)) => one == other,
            _ => false,
        })
    }

    fn touches(&self, action: &Action) -> bool {
        let ActionKind::Path(change) = &action.change else { return false };
        self.plan.plans_change_of(&change.path)
    }
}

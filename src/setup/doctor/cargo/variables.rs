//! Whether a variable sets another wrapper, and where it is set.

use crate::setup::cargo_config::{ConfigOrigin, WrapperKey};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::init::{KnownWrapper, known};
use crate::setup::plan::Action;
use crate::setup::sccache::places::{self, FileScope};
use crate::setup::sccache::{kept_variables, lines};

/// See the module.
pub struct VariablesCheck;

impl Check for VariablesCheck {
    fn id(&self) -> &'static str {
        "wrapper-variable"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "RUSTC_WRAPPER in the environment, in shell start-up files, and in system settings"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let names = WrapperKey::RustcWrapper.variables();
        let chain = machine.chain();
        let set = chain.links.iter().find(|link| matches!(link.origin, ConfigOrigin::Variable(_)));
        let mut found = Vec::new();
        for place in places::all(&machine.env, &machine.root, None)
            .into_iter()
            .filter(|place| place.scope == FileScope::User)
        {
            found.extend(lines::find(&place, &|name, value| names.contains(&name) && is_other(value)));
        }
        let mut shown = found.iter().map(|file| file.shown()).collect::<Vec<_>>().concat();
        let edits =
            found.iter().filter_map(|file| file.comment_out("Leave the wrapper to cargo's configuration"));
        let mut actions: Vec<Action> = edits.collect();
        // Variables that are in no file.
        let kept = kept_variables::look(&machine.platform().system, &names, &|program, args| {
            machine.said(program, args)
        });
        for kept in kept {
            if names.contains(&kept.name.as_str()) && is_other(&kept.value) {
                shown.push(kept.shown());
                actions.extend(kept.unset());
            }
        }
        let fix = Fix::from_actions(actions).after_asking("Leave the wrapper to cargo's configuration?");
        match set {
            Some(link) if known(&link.value) == KnownWrapper::Kache => {
                Finding::note(format!("{} is `{}`; cargo's configuration is enough", link.origin, link.value))
            }
            Some(link) if known(&link.value) != KnownWrapper::Sccache => {
                let what = if link.value.is_empty() {
                    "is empty, which disables the wrapper,".to_owned()
                } else {
                    format!("is `{}`", link.value)
                };
                Finding::problem(format!("{} {what} and overrides cargo's configuration", link.origin))
                    .details(shown)
                    .hint("remove it where it is set, and start a new shell")
                    .fix(fix)
            }
            _ if !shown.is_empty() => {
                Finding::problem("every new shell sets another wrapper").details(shown).fix(fix)
            }
            _ => Finding::ok("no variable sets another wrapper"),
        }
    }
}

/// Whether a value is another wrapper. The check `sccache` moves that of sccache.
fn is_other(value: &str) -> bool {
    !matches!(known(value), KnownWrapper::Kache | KnownWrapper::Sccache)
}

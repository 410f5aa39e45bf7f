//! Whether a variable sets another wrapper, and where that comes from.

use crate::setup::cargo_config::{Origin, WrapperKey};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::init::{Known, known};
use crate::setup::plan::Action;
use crate::setup::sccache::places::{self, Scope};
use crate::setup::sccache::{kept_variables, lines};

/// See the module.
pub struct Variables;

impl Check for Variables {
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
        let set = chain.links.iter().find(|link| matches!(link.origin, Origin::Variable(_)));
        let mut found = Vec::new();
        for place in places::all(&machine.env, &machine.root, None)
            .into_iter()
            .filter(|place| place.scope == Scope::User)
        {
            found.extend(lines::find(&place, &|name, value| names.contains(&name) && is_other(value)));
        }
        let mut shown = found.iter().map(|file| file.shown()).collect::<Vec<_>>().concat();
        let edits =
            found.iter().filter_map(|file| file.comment_out("Leave the wrapper to cargo's configuration"));
        let mut actions: Vec<Action> = edits.collect();
        // Those that no file holds.
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
            Some(link) if known(&link.value) == Known::Kache => {
                Finding::note(format!("{} is `{}`; cargo's configuration is enough", link.origin, link.value))
            }
            Some(link) if known(&link.value) != Known::Sccache => {
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

/// Whether a value is another wrapper: sccache's is moved by the check for that.
fn is_other(value: &str) -> bool {
    !matches!(known(value), Known::Kache | Known::Sccache)
}

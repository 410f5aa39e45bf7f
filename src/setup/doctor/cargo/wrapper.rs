//! Which wrapper is in effect, here and elsewhere, and what it overrides.

use std::path::Path;

use crate::setup::cargo_config::{self, Chain, WrapperKey};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::wiring::with_fix;
use crate::setup::init::{KnownWrapper, known};

/// See the module.
pub struct WrapperCheck;

impl Check for WrapperCheck {
    fn id(&self) -> &'static str {
        "wrapper"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "the environment and every cargo configuration file, here and in /"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let here = machine.chain();
        let everywhere = cargo_config::resolve(WrapperKey::RustcWrapper, &machine.env, Path::new("/"));
        let nested = cargo_config::resolve(WrapperKey::WorkspaceWrapper, &machine.env, &machine.cwd);
        if let Some(link) = nested.winner().filter(|link| known(&link.value) == KnownWrapper::Kache) {
            let text = format!("{} sets kache as `rustc-workspace-wrapper` too", link.origin);
            return Finding::problem(text)
                .hint("remove it there: workspace members would go through kache twice");
        }
        let Some(winner) = here.winner() else {
            return with_fix(Finding::problem("cargo calls the compiler without kache"), machine);
        };
        let set = format!("`{}`, set by {}", winner.value, winner.origin);
        let finding = match known(&winner.value) {
            KnownWrapper::Kache if is_kache(&everywhere) => {
                return Finding::ok(format!("cargo calls {}", winner.value)).details(shown(&here));
            }
            KnownWrapper::Kache => Finding::note(format!("cargo calls {set}, but not in every directory")),
            KnownWrapper::Disabled => {
                Finding::problem(format!("{} sets an empty wrapper, which disables it", winner.origin))
            }
            KnownWrapper::Sccache | KnownWrapper::Foreign => {
                Finding::problem(format!("cargo calls {set}, instead of kache"))
            }
        };
        with_fix(finding.details(shown(&here)), machine)
    }
}

fn is_kache(chain: &Chain) -> bool {
    chain.winner().is_some_and(|winner| known(&winner.value) == KnownWrapper::Kache)
}

fn shown(chain: &Chain) -> Vec<String> {
    let mut lines = Vec::new();
    for link in &chain.links {
        let force = if lines.is_empty() { "in effect" } else { "overridden" };
        lines.push(format!("{force}: `{}`, set by {}", link.value, link.origin));
    }
    lines
}

//! Whether incremental compilation is enabled beyond cargo's default profiles. kache uses it for edits only, because its
//! output depends on earlier compilations.

use crate::setup::cargo_config::values;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::workspace;
use crate::sys::env::unset_command;

/// See the module.
pub struct IncrementalCheck;

impl Check for IncrementalCheck {
    fn id(&self) -> &'static str {
        "incremental"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "variables, cargo's configuration and profiles that enable incremental compilation"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let variables = variables(machine);
        let places: Vec<String> = variables.iter().cloned().chain(files(machine)).collect();
        let Some(first) = places.first() else {
            return Finding::ok("enabled by cargo's default profiles alone; kache uses it for edits");
        };
        let hint = match variables.first() {
            Some(name) => format!("`{}`: cargo enables it where it helps", unset_command(name)),
            None => "remove the line: cargo enables it where it helps".to_owned(),
        };
        let finding = Finding::note(format!(
            "{first} enables incremental compilation, which kache uses for edits only"
        ));
        finding.details(places[1..].iter().map(|place| format!("so does {place}"))).hint(hint)
    }
}

fn variables(machine: &Machine) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in machine.env.vars() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        if is_incremental_variable(name) && ["1", "true"].contains(&value) {
            found.push(name.to_owned());
        }
    }
    found
}

fn is_incremental_variable(name: &str) -> bool {
    let is_of_profile =
        name.strip_prefix("CARGO_PROFILE_").is_some_and(|rest| rest.ends_with("_INCREMENTAL"));
    is_of_profile || ["CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"].contains(&name)
}

fn files(machine: &Machine) -> Vec<String> {
    let files = values::in_files(machine.chain().files.iter().chain(&workspace::manifest(machine)));
    let asking = files.iter().filter(|value| is_incremental_key(&value.keys) && value.words == ["true"]);
    asking.map(|value| format!("`{}`, set by {},", value.name(), value.origin)).collect()
}

fn is_incremental_key(keys: &[String]) -> bool {
    match keys {
        [build, key] => build == "build" && key == "incremental",
        [profile, _, key] => profile == "profile" && key == "incremental",
        _ => false,
    }
}

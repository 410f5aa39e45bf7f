//! Whether the daemon uses the settings that apply here.

use crate::config::Config;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct SettingsCheck;

/// The settings that the daemon acts on: where the store is, and what may stay in it.
const ITS_OWN: [&str; 3] = ["cache.local_store", "cache.local_max_size", "cache.gc_max_age"];

impl Check for SettingsCheck {
    fn id(&self) -> &'static str {
        "daemon-config"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "whether the daemon uses the settings that apply here"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Ok(place) = machine.place() else { return Finding::ok("a daemon cannot run here") };
        let Ok((status, _)) = machine.daemon(&place) else { return Finding::ok("no daemon is running") };
        let problems: Vec<String> = place.problems.iter().map(ToString::to_string).collect();
        let fingerprint = Some(place.config.fingerprint());
        let is_told = status.config_fingerprint.is_some();
        if status.config_problems != problems || (is_told && status.config_fingerprint != fingerprint) {
            return Finding::problem("the daemon's settings differ from the configuration file")
                .details(status.config_problems.clone())
                .hint("the daemon checks the file for changes every few seconds")
                .fix(Fix::from_upkeep(MaintenanceTask::ReadSettings));
        }
        if !problems.is_empty() {
            return Finding::problem("the daemon's configuration has errors")
                .hint("fix them: see `settings`; the daemon reloads the file itself");
        }
        let only_here = only_here(&machine.config, &place.config);
        if only_here.is_empty() {
            return Finding::ok("the daemon uses the settings that apply here");
        }
        Finding::note("some settings apply here but not to the daemon")
            .details(only_here)
            .hint("to apply them to the daemon, put them into the user's configuration file")
    }
}

/// Settings that the daemon does not see, because a variable or a project sets them.
fn only_here(here: &Config, daemons: &Config) -> Vec<String> {
    let pairs = here.rows().into_iter().zip(daemons.rows());
    pairs
        .filter(|(here, daemons)| ITS_OWN.contains(&here.name) && here.value != daemons.value)
        .map(|(here, daemons)| {
            format!(
                "{}: `{}` from {}; the daemon has `{}`",
                here.name, here.value, here.source, daemons.value
            )
        })
        .collect()
}

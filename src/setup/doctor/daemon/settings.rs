//! Whether the daemon works by the settings that hold here.

use crate::config::Config;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, Upkeep};
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct Settings;

/// What the daemon does by: where the store is, and what may stay in it.
const ITS_OWN: [&str; 3] = ["cache.local_store", "cache.local_max_size", "cache.gc_max_age"];

impl Check for Settings {
    fn id(&self) -> &'static str {
        "daemon-config"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "whether the daemon's settings are those of the file, and those that hold here"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Ok(place) = machine.place() else { return Finding::ok("there is no place for a daemon") };
        let Ok((status, _)) = machine.daemon(&place) else { return Finding::ok("no daemon runs") };
        let problems: Vec<String> = place.problems.iter().map(ToString::to_string).collect();
        let fingerprint = Some(place.config.fingerprint());
        let is_told = status.config_fingerprint.is_some();
        if status.config_problems != problems || (is_told && status.config_fingerprint != fingerprint) {
            return Finding::problem(
                "the daemon works by other settings than those in the configuration file",
            )
            .details(status.config_problems.clone())
            .hint("it looks every few seconds whether that has changed")
            .fix(Fix::upkeep(Upkeep::ReadSettings));
        }
        if !problems.is_empty() {
            return Finding::problem("the daemon does not understand all of its configuration")
                .hint("correct it: see `settings`; the daemon reads it again by itself");
        }
        let only_here = only_here(&machine.config, &place.config);
        if only_here.is_empty() {
            return Finding::ok("the daemon works by the settings that hold here");
        }
        Finding::note("settings that the daemon does not have hold here")
            .details(only_here)
            .hint("put them into the user's configuration file if the daemon is to look after that store")
    }
}

/// Settings of the daemon's work that are set where it does not look: in variables, or by a project.
fn only_here(here: &Config, daemons: &Config) -> Vec<String> {
    let pairs = here.rows().into_iter().zip(daemons.rows());
    pairs
        .filter(|(here, daemons)| ITS_OWN.contains(&here.name) && here.value != daemons.value)
        .map(|(here, daemons)| {
            format!("{}: `{}` by {}; the daemon has `{}`", here.name, here.value, here.source, daemons.value)
        })
        .collect()
}

//! Whether secrets in kache's configuration can be read by others.

use crate::config::load::user_file_path;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, CommandLine};
use crate::sys::fs;
use crate::sys::fs::settle;

/// See the module.
pub struct SecretsCheck;

const KEYS: [&str; 4] = ["access_key", "secret_key", "session_token", "token"];

impl Check for SecretsCheck {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "who can read secrets in kache's configuration"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Ok(Some(file)) = user_file_path(&|name| machine.env.get(name).map(ToOwned::to_owned)) else {
            return Finding::ok("there is no configuration file");
        };
        let Ok(bytes) = fs::read(&file.path) else { return Finding::ok("there is no configuration file") };
        let text = String::from_utf8_lossy(&bytes);
        let has_secret =
            text.lines().any(|line| line.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key.trim())));
        let mode = fs::metadata(&file.path).map_or(0o600, |metadata| settle::mode(&metadata));
        if !has_secret || mode & 0o077 == 0 || std::env::consts::OS == "windows" {
            return Finding::ok("no other user can read a secret");
        }
        let Some(path) = file.path.to_str() else {
            return Finding::problem("other users can read a secret in the configuration");
        };
        let old = format!("{mode:o}");
        let undo = CommandLine::new("chmod", &[&old, path]);
        let action = Action::run(
            "Restrict the configuration file to this user",
            CommandLine::new("chmod", &["600", path]),
            Some(undo),
        );
        Finding::problem(format!("{path} contains a secret that other users can read"))
            .fix(Fix::from_actions(vec![action]))
    }
}

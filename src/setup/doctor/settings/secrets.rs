//! Whether secrets in kache's configuration can be read by others.

use crate::config::load::user_file_path;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, CommandLine};
use crate::sys::fs;
use crate::sys::fs::settle;

/// See the module.
pub struct Secrets;

const KEYS: [&str; 4] = ["access_key", "secret_key", "session_token", "token"];

impl Check for Secrets {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "who can read a configuration with keys in it"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let env = |name: &str| machine.env.get(name).map(ToOwned::to_owned);
        let Ok(Some(file)) = user_file_path(&env) else { return Finding::ok("there is no configuration") };
        let Ok(bytes) = fs::read(&file.path) else { return Finding::ok("there is no configuration") };
        let text = String::from_utf8_lossy(&bytes);
        let key_of = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        let has_secret = text.lines().any(|line| line.contains('=') && KEYS.contains(&key_of(line).as_str()));
        let mode = fs::metadata(&file.path).map_or(0o600, |metadata| settle::mode(&metadata));
        if !has_secret || mode & 0o077 == 0 || std::env::consts::OS == "windows" {
            return Finding::ok("no secret can be read by others");
        }
        let Some(path) = file.path.to_str() else {
            return Finding::problem("others can read a secret in the configuration");
        };
        let old = format!("{mode:o}");
        let undo = CommandLine::new("chmod", &[&old, path]);
        let action = Action::run(
            "Let nobody else read the configuration",
            CommandLine::new("chmod", &["600", path]),
            Some(undo),
        );
        Finding::problem(format!("{path} has a secret in it, and others can read it"))
            .fix(Fix::by(vec![action]))
    }
}

//! Which remote is configured, and who is believed.

use crate::config::{Access, RemoteConfig, RemoteSecrets, TrustMode};
use crate::remote::connect::{self, NotConnected, connect};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct ConfiguredCheck;

impl Check for ConfiguredCheck {
    fn id(&self) -> &'static str {
        "remote"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "the remote's settings: where it is, who is believed, and where credentials come from"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let (Some(config), secrets) = settings(machine) else { return Finding::ok("there is no remote") };
        let connected = match connect(config, &secrets) {
            Ok(connected) => connected,
            Err(NotConnected::NotConfigured) => return Finding::ok("there is no remote"),
            Err(e @ NotConnected::Off) => return Finding::note(e.to_string()).hint(e.hint()),
            Err(e) => return Finding::problem(e.to_string()).hint(e.hint()),
        };
        let place = connected.remote.place();
        let mut details = vec![
            format!("access: {}", config.access.value.name()),
            format!("believed: {}", connect::believed(&connected.trust)),
        ];
        if config.bucket.value.is_some() {
            details.push(format!("credentials: {}", credentials(config, &secrets)));
        }
        if let Some(key) = &connected.key {
            details.push(format!("signs with the key {}", key.public()));
        }
        if config.trust() == TrustMode::Signed && config.access.value == Access::ReadWrite {
            let signs_for_itself =
                connected.key.as_ref().is_some_and(|key| config.public_keys.value.contains(&key.public()));
            if !signs_for_itself {
                return Finding::note(format!(
                    "{place}: this machine does not believe what it writes itself"
                ))
                .details(details)
                .hint(
                    "set `cache.remote.secret_key_file` to a key whose public key is listed, or \
                           `cache.remote.access` to read-only",
                );
            }
        }
        match daemon_trouble(machine) {
            Some(why) => Finding::note(format!("{place}: the daemon does not get through: {why}"))
                .details(details)
                .hint("`kache doctor --online` checks the remote, `kache daemon log` says more"),
            None => Finding::ok(place).details(details),
        }
    }
}

/// Why a running daemon cannot use the remote.
fn daemon_trouble(machine: &Machine) -> Option<String> {
    let place = machine.place().ok()?;
    let (status, _) = machine.daemon(&place).ok()?;
    let remote = status.remote.as_ref()?;
    remote.outage.clone().or_else(|| remote.sending_problem.clone())
}

/// The settings of the remote, as a command has them.
pub(super) fn settings(machine: &Machine) -> (Option<&RemoteConfig>, RemoteSecrets) {
    let secrets = RemoteSecrets::from_env(&|name| machine.env.get(name).map(Into::into));
    (machine.config.remote.as_deref(), secrets)
}

/// Where credentials come from.
fn credentials(config: &RemoteConfig, secrets: &RemoteSecrets) -> String {
    if config.anonymous.value {
        return "none; the bucket is read anonymously".to_owned();
    }
    if secrets.access_key.is_some() && secrets.secret_key.is_some() {
        return "KACHE_S3_ACCESS_KEY and KACHE_S3_SECRET_KEY".to_owned();
    }
    match &config.profile.value {
        Some(profile) => format!("the profile {profile} of the AWS tools"),
        None => "where the AWS tools find them".to_owned(),
    }
}

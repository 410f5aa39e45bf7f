//! Whether there is a newer release. It asks the network, so it runs on request.

use semver::Version;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::self_update::owner::owner;
use crate::setup::self_update::receipt;

/// See the module.
pub struct ReleaseCheck;

impl Check for ReleaseCheck {
    fn id(&self) -> &'static str {
        "release"
    }

    fn group(&self) -> Group {
        Group::Program
    }

    fn looks_at(&self) -> &'static str {
        "the newest release on the installer's server"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let receipt = match receipt::path(&machine.env).map(|path| receipt::read(&path)) {
            Some(Ok(receipt)) => receipt,
            None => None,
            Some(Err(e)) => {
                return Finding::problem(e.to_string())
                    .hint("run the installer again to write a new receipt");
            }
        };
        let is_installers = receipt.as_ref().is_some_and(|receipt| receipt.is_of(&machine.exe));
        let command = match owner(&machine.exe, &machine.env) {
            _ if is_installers => "run: kache self-update".to_owned(),
            Some(owner) => format!("run: {}", owner.command),
            None => "update it the way it was installed".to_owned(),
        };
        let Some(receipt) = receipt else {
            return Finding::note(
                "kache was not installed by its installer, so the release server is unknown",
            )
            .hint(command);
        };
        let own = machine.build.version.split('+').next().and_then(|own| Version::parse(own).ok());
        match (machine.asks.newest_release(&receipt.base_url, &machine.env), own) {
            (Err(why), _) => Finding::note("cannot determine the newest release").details([why.to_string()]),
            (Ok(newest), Some(own)) if newest <= own => {
                Finding::ok(format!("this is {own}; the newest release is {newest}"))
            }
            (Ok(newest), Some(own)) if !newest.pre.is_empty() && own.pre.is_empty() => {
                Finding::ok(format!("this is {own}; {newest} is only a prerelease"))
            }
            (Ok(newest), _) => {
                Finding::note(format!("kache {newest} is available; this is {}", machine.build.version))
                    .hint(command)
            }
        }
    }
}

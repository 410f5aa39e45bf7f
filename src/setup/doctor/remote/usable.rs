//! Whether the remote can be reached, read and written. It asks the remote, so it runs on request.

use crate::remote::backend::{Body, Kind, Remote, RemoteError};
use crate::remote::connect::{self, NotConnected, connect};
use crate::remote::layout;
use crate::remote::object_name::ObjectName;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::remote::configured::settings;

/// See the module.
pub struct UsableCheck;

/// An object that every check writes, so that there is one of it.
const PROBE: [&str; 3] = [layout::VERSION, "doctor", "probe"];

impl Check for UsableCheck {
    fn id(&self) -> &'static str {
        "remote-access"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "whether the remote can be reached, read and, where that is configured, written"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let (Some(config), secrets) = settings(machine) else { return Finding::ok("there is no remote") };
        let connected = match connect(config, &secrets) {
            Ok(connected) => connected,
            Err(NotConnected::NotConfigured | NotConnected::Off) => {
                return Finding::ok("no remote is in use");
            }
            Err(e) => return Finding::problem(e.to_string()).hint(e.hint()),
        };
        let place = connected.remote.place();
        let access = config.access.value;
        match examine(&*connected.remote, access.can_write()) {
            Ok(()) if access.can_write() => Finding::ok(format!("{place} can be read and written")),
            Ok(()) => Finding::ok(format!("{place} can be read")),
            Err((what, error)) => {
                let hint = match error.kind {
                    Kind::Denied if error.what.contains("TimeTooSkewed") => {
                        "set the clock of this machine: the server refuses requests with a wrong time"
                    }
                    Kind::Invalid if error.what.contains("PermanentRedirect") => {
                        "set `cache.remote.region` to the region of the bucket"
                    }
                    Kind::Unreachable if config.endpoint.value.is_some() => {
                        "check `cache.remote.endpoint` and the network; if the bucket belongs into the host name, \
                         set `cache.remote.path_style` to false"
                    }
                    kind => connect::hint(kind),
                };
                Finding::problem(format!("{place} cannot be {what}")).details([error.what]).hint(hint)
            }
        }
    }
}

/// Reads and, if `writes`, writes. Returns what cannot be done, and why.
fn examine(remote: &dyn Remote, writes: bool) -> Result<(), (&'static str, RemoteError)> {
    let probe = name(&PROBE)?;
    remote.head(&probe).map_err(|e| ("read", e))?;
    let folder = name(&PROBE[..2])?;
    remote.list(&folder, &mut |_| {}).map_err(|e| ("listed", e))?;
    if writes {
        remote.put_if_absent(&probe, Body::Bytes(b"kache doctor\n")).map_err(|e| ("written", e))?;
    }
    Ok(())
}

fn name(parts: &[&str]) -> Result<ObjectName, (&'static str, RemoteError)> {
    ObjectName::new(parts).map_err(|_| ("named", RemoteError::new(Kind::Invalid, "an invalid name")))
}

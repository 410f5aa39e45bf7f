//! What to do when the two sides are not the same build.
//!
//! - The same major version: they talk. The daemon also serves clients of the major before its own.
//! - A client tells its build. The daemon looks at the binary of a newer client, and becomes that build if it is fit.
//! - An older client is served. **A daemon never becomes an older build because of a client**: two projects that pin
//!   two versions would make it alternate forever.
//! - For the same reason it follows clients at most once per [`PAUSE`].
//! - The daemon's own path is different: the file there was replaced on purpose, whatever its version is. The daemon
//!   follows as soon as the new file can take over.
//! - Development builds and releases never meet: they have different sockets.

use std::time::Duration;

use super::Version;
#[cfg(feature = "cli")]
use super::build::Build;

/// The least time between two hand-overs caused by clients.
pub const PAUSE: Duration = Duration::from_secs(60);

/// What a client does with a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// It sends its request.
    Yes,
    /// It does without the daemon this time, and offers its own build.
    OfferUpgrade,
    /// It does without the daemon.
    No,
}

/// What a client that speaks `client` does with a daemon that speaks `daemon`.
pub fn client_talks(client: Version, daemon: Version) -> Talk {
    if client.major > daemon.major {
        Talk::OfferUpgrade
    } else if daemon.major - client.major <= 1 {
        Talk::Yes
    } else {
        Talk::No
    }
}

/// Which requests of a client the daemon serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// All.
    All,
    /// Only `upgrade`: the client is too new for this daemon.
    OnlyUpgrade,
    /// None: the client is too old.
    Nothing,
}

/// Which requests a daemon that speaks `daemon` serves for a client that speaks `client`.
pub fn daemon_serves(daemon: Version, client: Version) -> Serve {
    match client_talks(client, daemon) {
        Talk::Yes => Serve::All,
        Talk::OfferUpgrade => Serve::OnlyUpgrade,
        Talk::No => Serve::Nothing,
    }
}

/// Whether a daemon knows the request `subscribe`, which 1.1 added.
pub fn daemon_streams(daemon: Version) -> bool {
    (daemon.major, daemon.minor) >= (1, 1)
}

/// Why another build is considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The file that the daemon was started from was replaced.
    Replaced,
    /// A person asked for a restart.
    Asked,
    /// A client is another build. Holds the time since the last hand-over for this reason.
    Client { since_last: Option<Duration> },
}

/// Whether the daemon becomes another build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Decision {
    #[error("takes over")]
    Go,
    #[error("is the build that runs")]
    Same,
    #[error("is not newer than the build that runs")]
    NotNewer,
    #[error("has to wait: the last hand-over was less than a minute ago")]
    TooSoon,
    #[error("cannot take over from this build; `kache daemon restart` starts it")]
    OtherWay,
}

/// Whether a daemon of the build `running` becomes the build `other`, whose preflight succeeded and which knows the
/// kind of hand-over `handover`.
#[cfg(feature = "cli")]
pub fn hands_over(running: &Build, other: &Build, handover: u32, reason: Reason) -> Decision {
    if handover != super::message::HANDOVER {
        return Decision::OtherWay;
    }
    match reason {
        Reason::Asked => Decision::Go,
        _ if running.id == other.id => Decision::Same,
        Reason::Replaced => Decision::Go,
        Reason::Client { .. } if !other.is_newer_than(running) => Decision::NotNewer,
        Reason::Client { since_last: Some(since) } if since < PAUSE => Decision::TooSoon,
        Reason::Client { .. } => Decision::Go,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "cli")]
    use crate::protocol::build::BuildId;
    #[cfg(feature = "cli")]
    use crate::protocol::message::HANDOVER;

    #[test]
    fn the_daemon_serves_its_own_major_and_the_one_before() {
        let version = |major| Version { major, minor: 9 };
        for (client, daemon, talk, serve) in [
            (1, 1, Talk::Yes, Serve::All),
            (1, 2, Talk::Yes, Serve::All),
            (1, 3, Talk::No, Serve::Nothing),
            (0, u16::MAX, Talk::No, Serve::Nothing),
            (2, 1, Talk::OfferUpgrade, Serve::OnlyUpgrade),
            (u16::MAX, 0, Talk::OfferUpgrade, Serve::OnlyUpgrade),
        ] {
            assert_eq!(client_talks(version(client), version(daemon)), talk, "{client} to {daemon}");
            assert_eq!(daemon_serves(version(daemon), version(client)), serve, "{daemon} for {client}");
        }
        let minor = |minor| Version { major: 1, minor };
        assert_eq!(client_talks(minor(0), minor(7)), Talk::Yes);
        assert_eq!(client_talks(minor(7), minor(0)), Talk::Yes);
    }

    #[test]
    fn records_are_streamed_since_the_second_minor_version() {
        let streams = |major, minor| daemon_streams(Version { major, minor });
        assert!(!streams(0, 9) && !streams(1, 0));
        assert!(streams(1, 1) && streams(1, 9) && streams(2, 0));
        assert!(daemon_streams(crate::protocol::VERSION));
    }

    #[test]
    #[cfg(feature = "cli")]
    fn a_daemon_follows_its_file_and_newer_clients_and_never_goes_back() {
        let build = |id: u8, version: &str| Build {
            id: BuildId([id; 16]),
            version: version.to_owned(),
            time: 1,
            is_dev: false,
        };
        let running = build(1, "1.5.0");
        let client = |seconds| Reason::Client { since_last: Some(Duration::from_secs(seconds)) };
        let never = Reason::Client { since_last: None };
        for (other, reason, expected) in [
            (build(2, "1.6.0"), never, Decision::Go),
            (build(2, "1.6.0"), client(61), Decision::Go),
            (build(2, "1.6.0"), client(59), Decision::TooSoon),
            (build(2, "1.4.0"), never, Decision::NotNewer),
            (build(2, "1.5.0"), client(3600), Decision::NotNewer),
            (build(1, "1.5.0"), never, Decision::Same),
            (build(2, "1.6.0"), Reason::Replaced, Decision::Go),
            (build(2, "1.4.0"), Reason::Replaced, Decision::Go),
            (build(1, "1.5.0"), Reason::Replaced, Decision::Same),
            (build(1, "1.5.0"), Reason::Asked, Decision::Go),
        ] {
            assert_eq!(hands_over(&running, &other, HANDOVER, reason), expected, "{other} {reason:?}");
            assert_eq!(hands_over(&running, &other, HANDOVER + 1, reason), Decision::OtherWay);
        }
    }

    #[test]
    #[cfg(feature = "cli")]
    fn two_versions_side_by_side_do_not_take_turns() {
        let mut running = Build { id: BuildId([1; 16]), version: "1.0.0".into(), time: 1, is_dev: false };
        let newer = Build { id: BuildId([2; 16]), version: "2.0.0".into(), ..running.clone() };
        let older = running.clone();
        let mut n_handovers = 0;
        for _ in 0..100 {
            for client in [&older, &newer] {
                let reason = Reason::Client { since_last: None };
                if hands_over(&running, client, HANDOVER, reason) == Decision::Go {
                    running = client.clone();
                    n_handovers += 1;
                }
            }
        }
        assert_eq!((n_handovers, &running), (1, &newer));
    }
}

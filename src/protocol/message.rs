//! Requests and responses.
//!
//! Messages only grow within a major version: new fields have defaults, and a daemon answers a request that it does not
//! know with [`Response::Refused`].

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Version;
use super::build::Build;
use crate::digest::Digest;

/// A request of a client. Each can be repeated if its answer was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Asks for the daemon's status.
    Status,
    /// Asks the daemon to finish its work and exit.
    Stop,
    /// Asks the daemon to restart from its binary, whatever build that is now.
    Restart,
    /// Offers another build; understood in every major version. The daemon checks by itself whether it is newer.
    Upgrade { exe: PathBuf },
    /// Asks for records as they are appended. Since 1.1.
    ///
    /// The daemon answers with [`Response::Subscribed`], then with one [`Update`] after the other until either side
    /// closes the connection. With a position, records that were appended behind it come first.
    Subscribe {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Position>,
    },
    /// Asks for the entries of a unit that the store lacks. Since 1.2.
    Fetch(WantedUnit),
    /// Asks for what a build needs that is about to begin. Since 1.2.
    Prefetch(WantedBuild),
    /// Asks the daemon to send what is queued for the remote now. Since 1.2.
    Flush,
}

/// A unit whose entries may be in the remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedUnit {
    /// The store that it is for.
    pub cache_dir: PathBuf,
    pub package: String,
    pub version: String,
    pub crate_name: String,
    /// The identity of the compiler.
    pub compiler: Digest,
    /// Whether it is the run of a build script.
    #[serde(default)]
    pub is_run: bool,
    pub unit_key: Digest,
}

/// A build whose manifest, and what that names, may be in the remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedBuild {
    /// The store that it is for.
    pub cache_dir: PathBuf,
    /// The identity of the compiler.
    pub compiler: Digest,
    /// The digest of the lock file.
    pub lock: Digest,
    /// What must be the same for anything to fit.
    pub build_group: Digest,
    /// What makes two builds the same.
    pub build_request: Digest,
    /// The packages in the lock file, as `name version`, sorted.
    pub packages: Vec<String>,
    /// The time after which the answer says how far it is.
    pub answer_within_ms: u64,
}

/// The response of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Response {
    /// To `Status`.
    Status(Box<Status>),
    /// Accepted.
    Done,
    /// Refused.
    Refused { why: String },
    /// To `Subscribe`: the updates are about this directory of records.
    Subscribed { records_dir: PathBuf },
    /// To `Fetch`: the remote has this many entries of the unit, and they are in the store now.
    Fetched { n_entries: u64 },
    /// To `Prefetch`.
    Warmed(Warmed),
}

/// How far the daemon is with a build that is about to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warmed {
    /// Whether nothing more will come.
    pub is_done: bool,
    /// How many entries the build needs that the store lacked.
    pub n_wanted: u64,
    /// How many of them have come.
    pub n_fetched: u64,
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Response::Status(_) => f.write_str("it reports its status"),
            Response::Done => f.write_str("accepted"),
            Response::Refused { why } => f.write_str(why),
            Response::Subscribed { .. } => f.write_str("subscribed"),
            Response::Fetched { n_entries } => write!(f, "fetched {n_entries}"),
            Response::Warmed(Warmed { n_fetched, n_wanted, .. }) => {
                write!(f, "fetched {n_fetched} of {n_wanted}")
            }
        }
    }
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "update", rename_all = "kebab-case")]
pub enum Update {
    /// A record was appended. A subscription that continues behind `at` misses nothing and repeats nothing.
    Record { record: Value, at: Position },
    /// The subscriber read too slowly, so the oldest `n` records that it had not been sent were skipped.
    Missed { n: u64 },
}

/// The end of a record in the record files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The name of the file.
    pub file: String,
    /// How many bytes of it come before.
    pub offset: u64,
}

/// The status of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    pub build: Build,
    pub protocol: Version,
    pub pid: u32,
    /// The path by which it was started.
    pub exe: PathBuf,
    /// Who starts it: `systemd`, `launchd`, `task`, or [`ON_DEMAND`].
    pub supervisor: String,
    /// Since it was first started; a hand-over does not reset it.
    pub uptime_ms: u64,
    /// How often it was handed over to another build.
    pub n_handovers: u64,
    /// How many requests were answered, by all builds.
    pub n_requests: u64,
    /// How many connections were closed because of what the peer sent.
    pub n_bad_peers: u64,
    /// Why another build that was found cannot take over.
    #[serde(default)]
    pub upgrade_pending: Option<String>,
    /// The store that it maintains.
    pub cache_dir: PathBuf,
    /// Problems of the configuration that it reads.
    #[serde(default)]
    pub config_problems: Vec<String>,
    /// Equal if another process has the same settings; see `Config::fingerprint`.
    #[serde(default)]
    pub config_fingerprint: Option<String>,
    /// How long it waits for a request until it exits by itself.
    #[serde(default)]
    pub idle_timeout_ms: Option<u64>,
    /// How many clients are subscribed.
    #[serde(default)]
    pub n_subscribers: u64,
    pub upkeep: UpkeepStatus,
    pub log: PathBuf,
    /// What it does with the remote; absent where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteStatus>,
}

/// What the daemon does with the remote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RemoteStatus {
    /// The bucket or folder.
    pub place: String,
    /// Entries and manifests that are queued, as of the last look.
    pub n_queued: u64,
    /// Whether it is sending.
    pub is_sending: bool,
    /// Entries and manifests that were sent, by this process.
    pub n_sent: u64,
    /// Entries that were fetched, by this process.
    pub n_fetched: u64,
    /// Requests to the remote, by this process. A repeated request counts each time.
    pub n_requests: u64,
    /// What was sent to the remote and received from it, by this process.
    pub sent_bytes: u64,
    pub received_bytes: u64,
    /// Why the last upload failed, if it did.
    pub sending_problem: Option<String>,
    /// Why the remote is not asked for entries now, if it is not.
    pub outage: Option<String>,
}

/// The supervisor of a daemon that no service manager started.
pub const ON_DEMAND: &str = "demand";

/// The state of the upkeep of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct UpkeepStatus {
    /// How often it ran.
    pub n_runs: u64,
    /// When it last ran, in milliseconds since 1970.
    pub last_ms: Option<u64>,
    /// Its result, in words.
    pub last: Option<String>,
    /// Why the last run failed, if it did.
    pub error: Option<String>,
}

/// What `daemon preflight` prints if this binary can run here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub build: Build,
    pub protocol: Version,
    /// The kind of hand-over that it knows.
    pub handover: u32,
}

/// The kind of hand-over that this build knows: listener and run lock by descriptor, or the pipe's name.
pub const HANDOVER: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_an_upgrade_never_changes() {
        let request = Request::Upgrade { exe: "/usr/bin/kache".into() };
        let text = r#"{"request":"upgrade","exe":"/usr/bin/kache"}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
        let later = r#"{"request":"upgrade","exe":"/usr/bin/kache","later":[1]}"#;
        assert_eq!(serde_json::from_str::<Request>(later).unwrap(), request);
    }

    #[test]
    fn requests_and_answers_have_these_forms() {
        for (request, text) in [
            (Request::Status, r#"{"request":"status"}"#),
            (Request::Stop, r#"{"request":"stop"}"#),
            (Request::Restart, r#"{"request":"restart"}"#),
            (Request::Subscribe { after: None }, r#"{"request":"subscribe"}"#),
            (
                Request::Subscribe { after: Some(position()) },
                r#"{"request":"subscribe","after":{"file":"2026-11-30.jsonl","offset":7}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
            assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
        }
        assert_eq!(serde_json::to_string(&Response::Done).unwrap(), r#"{"answer":"done"}"#);
        let refused = Response::Refused { why: "busy".to_owned() };
        assert_eq!(serde_json::to_string(&refused).unwrap(), r#"{"answer":"refused","why":"busy"}"#);
        assert!(serde_json::from_str::<Request>(r#"{"request":"fetch"}"#).is_err());
        let subscribed = Response::Subscribed { records_dir: "/c/records".into() };
        assert_eq!(
            serde_json::to_string(&subscribed).unwrap(),
            r#"{"answer":"subscribed","records_dir":"/c/records"}"#
        );
    }

    fn position() -> Position {
        Position { file: "2026-11-30.jsonl".to_owned(), offset: 7 }
    }

    #[test]
    fn what_is_asked_of_the_remote_goes_there_and_back() {
        let digest = Digest::hash(b"x");
        let unit = WantedUnit {
            cache_dir: "/c".into(),
            package: "a".to_owned(),
            version: "1.0.0".to_owned(),
            crate_name: "a".to_owned(),
            compiler: digest,
            is_run: true,
            unit_key: digest,
        };
        let build = WantedBuild {
            cache_dir: "/c".into(),
            compiler: digest,
            lock: digest,
            build_group: digest,
            build_request: digest,
            packages: vec!["a 1.0.0".to_owned()],
            answer_within_ms: 7,
        };
        for request in [Request::Fetch(unit), Request::Prefetch(build), Request::Flush] {
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
        }
        let warmed = Response::Warmed(Warmed { is_done: true, n_wanted: 2, n_fetched: 1 });
        for response in [Response::Fetched { n_entries: 3 }, warmed] {
            let text = serde_json::to_string(&response).unwrap();
            assert_eq!(serde_json::from_str::<Response>(&text).unwrap(), response, "{text}");
        }
    }

    #[test]
    fn updates_have_these_forms() {
        for (update, text) in [
            (
                Update::Record { record: serde_json::json!({"format": 1}), at: position() },
                r#"{"update":"record","record":{"format":1},"at":{"file":"2026-11-30.jsonl","offset":7}}"#,
            ),
            (Update::Missed { n: 3 }, r#"{"update":"missed","n":3}"#),
        ] {
            assert_eq!(serde_json::to_string(&update).unwrap(), text);
            assert_eq!(serde_json::from_str::<Update>(text).unwrap(), update);
        }
    }

    #[test]
    fn a_status_of_the_first_version_is_understood() {
        let text = r#"{"answer":"status","build":{"id":"000102030405060708090a0b0c0d0e0f","version":"0.1.0",
            "time":1,"is_dev":false},"protocol":{"major":1,"minor":0},"pid":7,"exe":"/usr/bin/kache",
            "supervisor":"systemd","uptime_ms":1,"n_handovers":0,"n_requests":1,"n_bad_peers":0,
            "cache_dir":"/c","upkeep":{},"log":"/c/daemon.log"}"#;
        let Response::Status(status) = serde_json::from_str(text).unwrap() else { panic!("not a status") };
        assert_eq!((status.pid, status.build.is_dev), (7, false));
        assert_eq!((&status.upgrade_pending, status.idle_timeout_ms), (&None, None));
        assert_eq!((status.config_fingerprint, status.n_subscribers), (None, 0));
    }
}

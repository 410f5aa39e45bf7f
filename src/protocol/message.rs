//! Requests and responses.
//!
//! The form only grows within a major: fields that are new have defaults, and a request that a daemon does not know is
//! answered with [`Response::Refused`].

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Version;
use super::build::Build;

/// What a client asks for. Each may be asked again when the answer was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Its status.
    Status,
    /// To finish its work and end.
    Stop,
    /// To restart from its binary, whatever build that is now.
    Restart,
    /// Offers another build; understood in every major. The daemon checks by itself whether it is newer.
    Upgrade { exe: PathBuf },
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
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Response::Status(_) => f.write_str("it reports its status"),
            Response::Done => f.write_str("accepted"),
            Response::Refused { why } => f.write_str(why),
        }
    }
}

/// The status of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub build: Build,
    pub protocol: Version,
    pub pid: u32,
    /// The path it was started by.
    pub exe: PathBuf,
    /// Who starts it: `systemd`, `launchd`, `task`, or [`ON_DEMAND`].
    pub supervisor: String,
    /// Since it was first started; a hand-over does not count.
    pub uptime_ms: u64,
    /// How often it was handed over to another build.
    pub n_handovers: u64,
    /// How many requests were answered, by all builds.
    pub n_requests: u64,
    /// How many connections were closed for what came through them.
    pub n_bad_peers: u64,
    /// Another build is there and cannot take over: why.
    #[serde(default)]
    pub upgrade_pending: Option<String>,
    /// Where the store is that it looks after.
    pub cache_dir: PathBuf,
    /// What is wrong with the configuration that it reads.
    #[serde(default)]
    pub config_problems: Vec<String>,
    /// Equal if another process has the same settings; see `Config::fingerprint`.
    #[serde(default)]
    pub config_fingerprint: Option<String>,
    /// After how long without a request it ends by itself.
    #[serde(default)]
    pub idle_timeout_ms: Option<u64>,
    pub upkeep: UpkeepStatus,
    pub log: PathBuf,
}

/// Who started a daemon that no service manager did.
pub const ON_DEMAND: &str = "demand";

/// The upkeep of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpkeepStatus {
    /// How often.
    pub n_runs: u64,
    /// When last, in milliseconds since 1970.
    pub last_ms: Option<u64>,
    /// Its result, in words.
    pub last: Option<String>,
    /// What last went wrong, if the last run failed.
    pub error: Option<String>,
}

/// What `daemon preflight` prints: that this binary can run here, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub build: Build,
    pub protocol: Version,
    /// The way of taking over that it knows.
    pub handover: u32,
}

/// The way of taking over that this build knows: listener and run lock by descriptor, or the pipe's name.
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
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
        }
        assert_eq!(serde_json::to_string(&Response::Done).unwrap(), r#"{"answer":"done"}"#);
        let refused = Response::Refused { why: "busy".to_owned() };
        assert_eq!(serde_json::to_string(&refused).unwrap(), r#"{"answer":"refused","why":"busy"}"#);
        assert!(serde_json::from_str::<Request>(r#"{"request":"fetch"}"#).is_err());
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
        assert_eq!(status.config_fingerprint, None);
    }
}

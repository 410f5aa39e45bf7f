//! Asks the daemon for a unit that the store lacks, where a remote is configured. The wrapper itself never talks to a remote.

use crate::client::{self, NothingOfRemote};
use crate::config::Config;
use crate::digest::Digest;
use crate::protocol::message::{Request, Response, WantedUnit};
use crate::run::record::Record;
use crate::sys::clock::Stopwatch;
use crate::sys::env::Env;

/// A unit that missed.
#[derive(Clone, Copy, Debug)]
pub struct MissedUnit<'a> {
    pub unit_key: &'a Digest,
    /// The identity of the compiler.
    pub compiler: &'a Digest,
    /// Whether it is the run of a build script.
    pub is_run: bool,
}

/// Whether the unit of this record could not be fetched because no daemon runs, where builds need one.
pub fn lacks_daemon(record: &Record) -> bool {
    record.not_fetched.as_deref() == Some(client::NOT_RUNNING)
}

/// Has the daemon fetch the entries of a unit. True if the store may have it now; if the daemon cannot be asked, the record
/// says why.
pub fn fetch(
    env: &Env,
    config: &Config,
    missed: MissedUnit<'_>,
    record: &mut Record,
    watch: &mut Stopwatch,
) -> bool {
    if !config.asks_remote {
        return false;
    }
    let wanted = WantedUnit {
        cache_dir: config.cache_dir.value.clone(),
        package: record.unit.package.clone(),
        version: record.unit.version.clone(),
        crate_name: record.unit.crate_name.clone(),
        compiler: *missed.compiler,
        is_run: missed.is_run,
        unit_key: *missed.unit_key,
    };
    let answer = client::ask_for_remote(env, &config.cache_dir.value, |_| Request::Fetch(wanted));
    record.times.fetch_us += watch.lap_us();
    match answer {
        Ok(Response::Fetched { n_entries }) => n_entries > 0,
        Ok(other) => {
            record.not_fetched = Some(other.to_string());
            false
        }
        Err(NothingOfRemote::NoDaemon { is_expected: false }) => false,
        Err(why) => {
            record.not_fetched = Some(why.to_string());
            false
        }
    }
}

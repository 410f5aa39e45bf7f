//! Fixes to kache's own files and processes: its store, its leftovers, its daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::client::{DaemonAddress, NoAddress, NoDaemon};
use crate::config::Config;
use crate::daemon::start::{self, NotChangedOver};
use crate::gc::automatic::{self, NotCollected};
use crate::index::open::rebuild;
use crate::protocol::message::{Request, Response, Status};
use crate::setup::doctor::daemon::processes::daemons;
use crate::setup::doctor::finding::MaintenanceTask;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::verify;
use crate::sys::{fs, lock};

/// How long a daemon may take to end.
const END_LIMIT: Duration = Duration::from_secs(15);
/// How long a process may take to end that was told to.
const PROCESS_LIMIT: Duration = Duration::from_secs(3);

/// Why a piece of upkeep was not done.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    #[error("the store is not changed until the configuration is fixed: {0}")]
    BadConfig(String),
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    #[error(transparent)]
    NotCollected(#[from] NotCollected),
    #[error("{}", .0.join("; "))]
    PartlyCollected(Vec<String>),
    #[error("failed to rebuild the index: {0}")]
    /// As SQLite puts it, which may be named in `index` only.
    Index(String),
    #[error("{path}: {error}")]
    Path { path: PathBuf, error: io::Error },
    #[error("failed to terminate process {pid}: {error}")]
    NotTerminated { pid: u32, error: io::Error },
    #[error("process {pid} does not exit")]
    ProcessStays { pid: u32 },
    #[error(transparent)]
    NoDaemon(#[from] NoDaemon),
    #[error("{why}")]
    Refused { why: String },
    #[error("the daemon does not stop; its log is {log}")]
    DaemonStays { log: PathBuf },
    #[error("the daemon was not changed: {why}")]
    NotChanged { why: String },
    #[error(transparent)]
    NotChangedOver(#[from] NotChangedOver),
    #[error(
        "the daemon reads another configuration, because it was started with another HOME or XDG_CONFIG_HOME; stop it \
         with `kache daemon stop`, and the next one uses yours"
    )]
    OtherConfig,
}

/// Does one piece of upkeep. Returns what was done, for people.
pub fn keep_up(upkeep: &MaintenanceTask, machine: &Machine) -> Result<String, UpkeepError> {
    match upkeep {
        MaintenanceTask::RebuildIndex => rebuild_index(&valid_config(machine)?.cache_dir.value),
        MaintenanceTask::CollectGarbage => {
            let applied = automatic::collect_now(valid_config(machine)?)?;
            match applied.problems.is_empty() {
                true => Ok(format!("{} entries evicted", applied.n_evicted)),
                false => Err(UpkeepError::PartlyCollected(applied.problems)),
            }
        }
        MaintenanceTask::SetAltered => {
            let n_quarantined = verify::quarantine_unsealed(&valid_config(machine)?.cache_dir.value);
            Ok(format!("{n_quarantined} blobs quarantined"))
        }
        MaintenanceTask::Remove(paths) => remove(paths),
        MaintenanceTask::ClearTraces => clear_traces(&machine.place()?),
        MaintenanceTask::EndProcess(pid) => end_process(machine, &machine.place()?, *pid),
        MaintenanceTask::EndOnDemand => end_on_demand(machine, &machine.place()?),
        MaintenanceTask::HandOver => hand_over(machine, &machine.place()?),
        MaintenanceTask::ReadSettings => read_settings(machine, &machine.place()?),
    }
}

/// The configuration, if all of it is valid: with half of it, the store and its limit may be others.
fn valid_config(machine: &Machine) -> Result<&Config, UpkeepError> {
    match machine.problems.first() {
        None => Ok(&machine.config),
        Some(problem) => Err(UpkeepError::BadConfig(problem.to_string())),
    }
}

fn at_path(path: &Path, error: io::Error) -> UpkeepError {
    UpkeepError::Path { path: path.to_owned(), error }
}

fn remove(paths: &[PathBuf]) -> Result<String, UpkeepError> {
    for path in paths {
        let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_dir { fs::remove_dir_all(path) } else { fs::remove(path) };
        removed.map_err(|e| at_path(path, e))?;
    }
    Ok("leftovers removed".to_owned())
}

/// Rebuilds the index from the store.
pub fn rebuild_index(cache_dir: &Path) -> Result<String, UpkeepError> {
    if fs::metadata(cache_dir).is_err() {
        return Ok("there is no store, so there is no index".to_owned());
    }
    let rebuilt = rebuild(cache_dir).map_err(|e| UpkeepError::Index(e.to_string()));
    let (n_entries, notes) = rebuilt?;
    let notes: String = notes.iter().map(|note| format!("\n{note}")).collect();
    Ok(format!("index rebuilt with {n_entries} entries{notes}"))
}

/// Removes the socket that an earlier daemon left. The lock is held meanwhile, so that it is not the socket of a daemon
/// that is starting. The lock file stays, because processes that wait for it have it open.
fn clear_traces(place: &DaemonAddress) -> Result<String, UpkeepError> {
    let lock = lock::try_lock(&place.lock).map_err(|e| at_path(&place.lock, e))?;
    let Some(_lock) = lock else {
        return Ok("a daemon is running again and uses the socket".to_owned());
    };
    for path in [&place.endpoint.path, &place.last_run] {
        fs::remove(path).map_err(|e| at_path(path, e))?;
    }
    Ok("the stale socket is removed".to_owned())
}

/// Terminates a daemon. That it is one is checked right before each step, because the process ID may have been reused.
fn end_process(machine: &Machine, place: &DaemonAddress, pid: u32) -> Result<String, UpkeepError> {
    for forced in [false, true] {
        if !is_daemon(machine, place, pid) {
            break;
        }
        let ended = machine.asks.end_process(pid, forced);
        ended.map_err(|error| UpkeepError::NotTerminated { pid, error })?;
        let until = Instant::now() + PROCESS_LIMIT;
        while is_daemon(machine, place, pid) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    match is_daemon(machine, place, pid) {
        true => Err(UpkeepError::ProcessStays { pid }),
        false => Ok(format!("process {pid} has exited")),
    }
}

fn is_daemon(machine: &Machine, place: &DaemonAddress, pid: u32) -> bool {
    daemons(machine, place).iter().any(|process| process.pid == pid)
}

fn end_on_demand(machine: &Machine, place: &DaemonAddress) -> Result<String, UpkeepError> {
    match machine.asks.daemon(place, &machine.build, &Request::Stop) {
        Ok((Response::Refused { why }, _)) => return Err(UpkeepError::Refused { why }),
        Ok(_) | Err(NoDaemon::NotRunning) => {}
        Err(no) => return Err(no.into()),
    }
    match start::wait_for_end(place, END_LIMIT) {
        true => Ok("the daemon that was started on demand has stopped".to_owned()),
        false => Err(UpkeepError::DaemonStays { log: place.log.clone() }),
    }
}

/// Has the daemon change over to this build.
fn hand_over(machine: &Machine, place: &DaemonAddress) -> Result<String, UpkeepError> {
    let upgrade = Request::Upgrade { exe: machine.called.clone() };
    let after = match machine.daemon_now(place) {
        // At its own path it finds this build by itself.
        Ok((status, _)) if machine.is_same_file(&status.exe, &machine.exe) => {
            changed_over(machine, place, &status, &Request::Restart)?
        }
        Ok((status, _)) => changed_over(machine, place, &status, &upgrade)?,
        Err(NoDaemon::TooOld { .. }) => replace_too_old(machine, place, &upgrade)?,
        Err(no) => return Err(no.into()),
    };
    Ok(format!("the daemon (process {}) now runs {}", after.pid, after.build))
}

/// Replaces a daemon that is too old to tell its status. It understands the request all the same.
fn replace_too_old(machine: &Machine, place: &DaemonAddress, upgrade: &Request) -> Result<Status, NoDaemon> {
    let _ = machine.asks.daemon(place, &machine.build, upgrade);
    let until = Instant::now() + END_LIMIT;
    loop {
        match machine.daemon_now(place) {
            Ok((status, _)) => return Ok(status),
            Err(NoDaemon::TooOld { .. }) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(no) => return Err(no),
        }
    }
}

/// Has the daemon restart, which reads its settings and drops no request.
fn read_settings(machine: &Machine, place: &DaemonAddress) -> Result<String, UpkeepError> {
    let (before, _) = machine.daemon_now(place)?;
    let after = changed_over(machine, place, &before, &Request::Restart)?;
    match after.config_fingerprint == Some(place.config.fingerprint()) {
        true => Ok("the daemon uses the current settings".to_owned()),
        false => Err(UpkeepError::OtherConfig),
    }
}

/// The status of the daemon after a request that makes it start another program in its place.
fn changed_over(
    machine: &Machine,
    place: &DaemonAddress,
    before: &Status,
    request: &Request,
) -> Result<Status, UpkeepError> {
    let (answer, _) = machine.asks.daemon(place, &machine.build, request)?;
    if let Response::Refused { why } = answer {
        return Err(UpkeepError::NotChanged { why });
    }
    Ok(start::changed_over(before, &mut || machine.daemon_now(place).map(|(status, _)| status))?)
}

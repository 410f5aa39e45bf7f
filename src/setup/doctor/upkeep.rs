//! Fixes to kache's own files and processes: its store, its leftovers, its daemon.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::client::{DaemonAddress, NoDaemon};
use crate::config::Config;
use crate::daemon::start;
use crate::gc::automatic;
use crate::protocol::message::{Request, Response, Status};
use crate::setup::doctor::daemon::processes::daemons;
use crate::setup::doctor::finding::Upkeep;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::verify;
use crate::sys::{fs, lock};

/// How long a daemon may take to end.
const END_LIMIT: Duration = Duration::from_secs(15);
/// How long a process may take to end that was told to.
const PROCESS_LIMIT: Duration = Duration::from_secs(3);

/// Does one piece of upkeep. Returns what was done, for people.
pub fn keep_up(upkeep: &Upkeep, machine: &Machine) -> Result<String, String> {
    match upkeep {
        Upkeep::RebuildIndex => rebuild_index(&whole_config(machine)?.cache_dir.value),
        Upkeep::CollectGarbage => {
            let applied = automatic::collect_now(whole_config(machine)?).map_err(|e| e.to_string())?;
            match applied.problems.is_empty() {
                true => Ok(format!("{} entries evicted", applied.n_evicted)),
                false => Err(applied.problems.join("; ")),
            }
        }
        Upkeep::SetAltered => {
            let n_set_aside = verify::set_aside_unsealed(&whole_config(machine)?.cache_dir.value);
            Ok(format!("{n_set_aside} blobs quarantined"))
        }
        Upkeep::Remove(paths) => remove(paths),
        Upkeep::ClearTraces => clear_traces(&place(machine)?),
        Upkeep::EndProcess(pid) => end_process(machine, &place(machine)?, *pid),
        Upkeep::EndOnDemand => end_on_demand(machine, &place(machine)?),
        Upkeep::HandOver => hand_over(machine, &place(machine)?),
        Upkeep::ReadSettings => read_settings(machine, &place(machine)?),
    }
}

/// With half a configuration, the store and its limit may be others.
fn whole_config(machine: &Machine) -> Result<&Config, String> {
    match machine.problems.first() {
        None => Ok(&machine.config),
        Some(problem) => Err(format!("the store is not changed until the configuration is fixed: {problem}")),
    }
}

fn place(machine: &Machine) -> Result<DaemonAddress, String> {
    machine.place().map_err(|e| e.to_string())
}

fn remove(paths: &[PathBuf]) -> Result<String, String> {
    for path in paths {
        let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_dir { fs::remove_dir_all(path) } else { fs::remove(path) };
        removed.map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok("leftovers removed".to_owned())
}

/// Rebuilds the index from the store.
pub fn rebuild_index(cache_dir: &Path) -> Result<String, String> {
    if fs::metadata(cache_dir).is_err() {
        return Ok("there is no store, so there is no index".to_owned());
    }
    let (n_entries, notes) =
        crate::index::open::rebuild(cache_dir).map_err(|e| format!("failed to rebuild the index: {e}"))?;
    let notes: String = notes.iter().map(|note| format!("\n{note}")).collect();
    Ok(format!("index rebuilt with {n_entries} entries{notes}"))
}

/// Under the lock, so that it is not the socket of a daemon that starts meanwhile. The lock file stays, because
/// processes that wait for it have it open.
fn clear_traces(place: &DaemonAddress) -> Result<String, String> {
    let lock = lock::try_lock(&place.lock).map_err(|e| format!("{}: {e}", place.lock.display()))?;
    let Some(_lock) = lock else {
        return Ok("a daemon is running again and uses the socket".to_owned());
    };
    for path in [&place.endpoint.path, &place.last_run] {
        fs::remove(path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok("the stale socket is removed".to_owned())
}

/// The process is looked for right before each step: a number may be another process's by now.
fn end_process(machine: &Machine, place: &DaemonAddress, pid: u32) -> Result<String, String> {
    for forced in [false, true] {
        if !is_daemon(machine, place, pid) {
            break;
        }
        machine
            .asks
            .end_process(pid, forced)
            .map_err(|e| format!("failed to terminate process {pid}: {e}"))?;
        let until = Instant::now() + PROCESS_LIMIT;
        while is_daemon(machine, place, pid) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    if is_daemon(machine, place, pid) {
        Err(format!("process {pid} does not exit"))
    } else {
        Ok(format!("process {pid} has exited"))
    }
}

fn is_daemon(machine: &Machine, place: &DaemonAddress, pid: u32) -> bool {
    daemons(machine, place).iter().any(|process| process.pid == pid)
}

fn end_on_demand(machine: &Machine, place: &DaemonAddress) -> Result<String, String> {
    match machine.asks.daemon(place, &machine.build, &Request::Stop) {
        Ok((Response::Refused { why }, _)) => return Err(why),
        Ok(_) | Err(NoDaemon::NotRunning) => {}
        Err(no) => return Err(no.to_string()),
    }
    match start::wait_for_end(place, END_LIMIT) {
        true => Ok("the daemon that was started on demand has stopped".to_owned()),
        false => Err(format!("the daemon does not stop; its log is {}", place.log.display())),
    }
}

fn hand_over(machine: &Machine, place: &DaemonAddress) -> Result<String, String> {
    let upgrade = Request::Upgrade { exe: machine.called.clone() };
    let after = match machine.daemon_now(place) {
        // At its own path it finds this build by itself.
        Ok((status, _)) if machine.is_same_file(&status.exe, &machine.exe) => {
            changed_over(machine, place, &status, &Request::Restart)?
        }
        Ok((status, _)) => changed_over(machine, place, &status, &upgrade)?,
        // It tells no more than that it is too old, and is asked by that.
        Err(NoDaemon::TooOld { .. }) => {
            let _ = machine.asks.daemon(place, &machine.build, &upgrade);
            let until = Instant::now() + END_LIMIT;
            loop {
                match machine.daemon_now(place) {
                    Ok((status, _)) => break status,
                    Err(NoDaemon::TooOld { .. }) if Instant::now() < until => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(no) => return Err(no.to_string()),
                }
            }
        }
        Err(no) => return Err(no.to_string()),
    };
    Ok(format!("the daemon (process {}) now runs {}", after.pid, after.build))
}

/// The daemon reads its settings when it restarts, which it does without dropping a request.
fn read_settings(machine: &Machine, place: &DaemonAddress) -> Result<String, String> {
    let (before, _) = machine.daemon_now(place).map_err(|no| no.to_string())?;
    let after = changed_over(machine, place, &before, &Request::Restart)?;
    match after.config_fingerprint == Some(place.config.fingerprint()) {
        true => Ok("the daemon uses the current settings".to_owned()),
        false => Err(
            "the daemon reads another configuration, because it was started with another HOME or XDG_CONFIG_HOME; \
                      stop it with `kache daemon stop`, and the next one uses yours"
                .to_owned(),
        ),
    }
}

/// How the daemon is after a request that has it start a program in its place.
fn changed_over(
    machine: &Machine,
    place: &DaemonAddress,
    before: &Status,
    request: &Request,
) -> Result<Status, String> {
    let answer = machine.asks.daemon(place, &machine.build, request).map_err(|no| no.to_string())?;
    if let (Response::Refused { why }, _) = answer {
        return Err(format!("the daemon was not changed: {why}"));
    }
    start::changed_over(before, &mut || machine.daemon_now(place).map(|(status, _)| status))
        .map_err(|e| e.to_string())
}

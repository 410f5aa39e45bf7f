//! Removes build directories that nobody uses any more, once a day, where `clean.stale` or `clean.orphans` says so.
//!
//! What is removed is up to `kache clean`, which runs as a program of its own: it looks where builds were recorded, takes
//! cargo's locks, and skips what is in use. A stamp beside the daemon's other files says when it last ran, so that a
//! restart does not repeat it.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::config::Config;
use crate::config::units::format_bytes;
use crate::daemon::event::{Event, Sender};
use crate::report::words::counted;
use crate::sys::clock;
use crate::sys::fs::{self, private};
use crate::sys::process::{self, Surroundings};

/// The pause after a start: a build may be running.
const FIRST: Duration = Duration::from_secs(300);
/// The time from one run to the next.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// How often the stamp is looked at.
const LOOK: Duration = Duration::from_secs(600);
/// A run that takes longer is killed. What it has not removed completely is removed by the next one.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How much of the report is read.
const MOST_BYTES: u64 = 16 << 20;

/// The name of the file whose modification time is when the last run began.
pub const STAMP: &str = "clean.stamp";

/// When build directories are removed.
#[derive(Debug)]
pub struct Cleaner {
    is_running: bool,
    next: Instant,
}

/// What `kache clean --json` reports, as far as the log needs it.
#[derive(serde::Deserialize)]
struct Cleaned {
    freed_bytes: u64,
    directories: Vec<Directory>,
}

#[derive(serde::Deserialize)]
struct Directory {
    path: String,
    outcome: String,
}

impl Cleaner {
    /// A cleaner that waits a while before it removes anything.
    pub fn new(now: Instant) -> Cleaner {
        Cleaner { is_running: false, next: now + FIRST }
    }

    /// Starts a run of `exe`, if one is wanted and due. `stamp` is the file that says when the last one began.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn look(
        &mut self,
        config: &Config,
        exe: &Path,
        stamp: &Path,
        now: Instant,
        events: &Sender,
    ) -> std::io::Result<()> {
        let Some(args) = arguments(config) else { return Ok(()) };
        if self.is_running || now < self.next {
            return Ok(());
        }
        self.next = now + LOOK;
        if !is_due(stamp, clock::now()) {
            return Ok(());
        }
        let (cache_dir, stamp) = (config.cache_dir.value.clone(), stamp.to_owned());
        let (exe, events) = (exe.to_owned(), events.clone());
        std::thread::Builder::new().name("clean".to_owned()).spawn(move || {
            process::give_way();
            let _ = events.send(Event::Cleaned(clean(&exe, &args, &cache_dir, &stamp)));
        })?;
        self.is_running = true;
        Ok(())
    }

    /// Notes the end of a run. Returns lines for the log.
    pub fn ended(&mut self, result: Result<Vec<String>, String>) -> Vec<String> {
        self.is_running = false;
        result.unwrap_or_else(|why| vec![format!("clean: {why}")])
    }
}

/// What `kache clean` is called with. `None` if nothing is to be removed.
fn arguments(config: &Config) -> Option<Vec<OsString>> {
    let mut args: Vec<OsString> = ["clean", "--yes", "--json"].map(OsString::from).to_vec();
    if let Some(stale) = config.clean_stale.value {
        args.extend(["--stale".into(), format!("{}s", stale.as_secs()).into()]);
    }
    if config.clean_orphans.value {
        args.push("--orphans".into());
    }
    (args.len() > 3).then_some(args)
}

/// Whether the last run is long enough ago. After the clock was set back it is.
fn is_due(stamp: &Path, now: SystemTime) -> bool {
    let last = fs::metadata(stamp).and_then(|metadata| metadata.modified());
    last.map_or(true, |last| now.duration_since(last).map_or(true, |since| since >= EVERY))
}

/// Runs `kache clean`. Returns a line for each directory that was removed.
fn clean(exe: &Path, args: &[OsString], cache_dir: &Path, stamp: &Path) -> Result<Vec<String>, String> {
    fs::touch(stamp)
        .or_else(|_| private::write_new(stamp, b""))
        .map_err(|e| format!("nothing was removed: failed to write {}: {e}", stamp.display()))?;
    let surroundings = Surroundings {
        cwd: Some(cache_dir),
        patience: PATIENCE,
        most_bytes: MOST_BYTES,
        ..Surroundings::default()
    };
    let captured = process::capture(exe.as_os_str(), args, &surroundings)
        .map_err(|e| format!("failed to run {}: {e}", exe.display()))?;
    let report: Cleaned = serde_json::from_slice(&captured.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&captured.stderr);
        format!("`kache clean` failed: {}", said.lines().next().unwrap_or("it printed nothing"))
    })?;
    Ok(lines(&report))
}

fn lines(report: &Cleaned) -> Vec<String> {
    let removed = report.directories.iter().filter(|directory| directory.outcome == "removed");
    let mut lines: Vec<String> =
        removed.map(|directory| format!("clean: removed {}", directory.path)).collect();
    if !lines.is_empty() {
        let removed = counted(lines.len(), "build directory");
        lines.push(format!("clean: {removed} removed, {} freed", format_bytes(report.freed_bytes)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::{Contents, parse};
    use crate::config::resolve::{Defaults, Scope, resolve};

    fn config(text: &str) -> Config {
        let (user, problems) = parse(Path::new("/config.toml"), text);
        assert!(problems.is_empty(), "{problems:?}");
        let defaults = Defaults { cache_dir: "/cache".into(), observes: true };
        resolve(&defaults, user, Contents::default(), &|_| None, Scope::Command).0
    }

    #[test]
    fn nothing_is_removed_unless_a_setting_says_so() {
        assert_eq!(arguments(&config("")), None);
        assert_eq!(arguments(&config("clean.orphans = false")), None);
        let args = |text: &str| arguments(&config(text)).expect("is asked for").join(&OsString::from(" "));
        assert_eq!(args("clean.orphans = true"), "clean --yes --json --orphans");
        assert_eq!(args("clean.stale = \"14d\""), "clean --yes --json --stale 1209600s");
        assert_eq!(
            args("[clean]\nstale = \"36h\"\norphans = true"),
            "clean --yes --json --stale 129600s --orphans"
        );
    }

    #[test]
    fn it_runs_once_a_day() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let stamp = dir.path().join(STAMP);
        let now = clock::now();
        assert!(is_due(&stamp, now), "it has never run");
        fs::write_new(&stamp, b"").expect("writes");
        assert!(!is_due(&stamp, now));
        assert!(is_due(&stamp, now + EVERY + Duration::from_secs(60)));
        assert!(is_due(&stamp, now - EVERY), "the clock was set back");
    }

    #[test]
    fn the_log_says_what_was_removed() {
        let report = r#"{"format":1,"dry_run":false,"freed_bytes":3145728,"directories":[
            {"path":"/a/target","outcome":"removed"},{"path":"/b/target","outcome":"not-chosen"}]}"#;
        let report: Cleaned = serde_json::from_str(report).expect("is a report");
        assert_eq!(
            lines(&report),
            ["clean: removed /a/target", "clean: 1 build directory removed, 3 MiB freed"]
        );
    }
}

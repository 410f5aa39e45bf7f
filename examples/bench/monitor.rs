//! What `kache monitor` costs on a terminal: while nothing happens, and beside the builds of 300 units.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::checkout;
use crate::clock::{self, Sample};
use crate::contender::{Contender, Contenders};
use crate::linked;
use crate::options::Mode;
use crate::table::Budget::AtMost;
use crate::table::{Row, Table, Unit};

const SUBJECT: &str = "monitor";
/// How long it is looked at while nothing happens.
const IDLE: Duration = Duration::from_secs(20);
/// How long it has to draw its first screen.
const START: Duration = Duration::from_secs(2);

/// Adds the rows of the monitor.
pub(crate) fn measure(contenders: &Contenders, place: &Path, runs: usize, table: &mut Table) -> Result<()> {
    let home = place.join("monitor");
    let (project, store) = (home.join("checkout"), home.join("store"));
    linked::write_project(&project)?;
    fs::create_dir_all(&store)?;
    checkout::fetch(contenders, &project)?;
    let build = Build { contenders, project: &project, store: &store };
    build.run(true)?;
    let monitor = Monitor::start(contenders, &store)?;
    let idle = monitor.share_during(|| {
        std::thread::sleep(IDLE);
        Ok(())
    })?;
    drop(monitor);
    let percent = |what: &str, share: f64| Row::new(SUBJECT, what, share * 100.0, Unit::Percent);
    table.add(percent("processor time while idle", idle).budget(AtMost(1.0)));
    for (what, is_cold) in [("a cold build", true), ("a warm build", false)] {
        let (mut alone, mut beside, mut share) = (Vec::new(), Vec::new(), 0.0_f64);
        for _ in 0..runs {
            alone.push(build.run(is_cold)?.wall);
            let monitor = Monitor::start(contenders, &store)?;
            let mut wall = Duration::ZERO;
            let of_one = monitor.share_during(|| {
                wall = build.run(is_cold)?.wall;
                Ok(())
            })?;
            beside.push(wall);
            share = share.max(of_one);
        }
        let (alone, beside) = (clock::median(alone), clock::median(beside));
        let note = format!("{:.2} s / {:.2} s", beside.as_secs_f64(), alone.as_secs_f64());
        table.add(percent(&format!("processor time during {what}"), share).budget(AtMost(3.0)));
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        let row = Row::new(SUBJECT, format!("{what} beside it over one without"), ratio, Unit::Ratio);
        table.add(row.budget(AtMost(1.01)).note(note));
    }
    Ok(checkout::remove(&home)?)
}

struct Build<'a> {
    contenders: &'a Contenders,
    project: &'a Path,
    store: &'a Path,
}

impl Build<'_> {
    /// With nothing in the store but the records of earlier builds, or with all units, each of which the wrapper is asked
    /// for.
    fn run(&self, is_cold: bool) -> Result<Sample> {
        if is_cold {
            checkout::remove(&self.store.join("store"))?;
        }
        checkout::remove(&self.project.join("target"))?;
        let mut cargo = self.contenders.cargo(Contender::Kache, Mode::Build, self.project, self.store);
        clock::measure(cargo.env("KACHE_SEED", "0"))
    }
}

/// A monitor on a terminal of its own.
struct Monitor {
    /// What makes the terminal; the monitor is its child.
    terminal: Child,
    pid: u32,
}

impl Monitor {
    fn start(contenders: &Contenders, store: &Path) -> Result<Monitor> {
        let line = format!("stty cols 80 rows 24; exec '{}' monitor", contenders.kache.display());
        let mut command = Command::new("script");
        contenders.clean(&mut command);
        command.args(["-qefc", &line, "/dev/null"]).env("KACHE_CACHE_DIR", store).env("TERM", "xterm");
        // What would be typed: nothing, and not the end of all input.
        let terminal = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        std::thread::sleep(START);
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", terminal.id()))?;
        let pid = children.split_whitespace().next().ok_or("the monitor did not start")?.parse()?;
        Ok(Monitor { terminal, pid })
    }

    /// The share of one processor that it takes while something is done.
    fn share_during(&self, act: impl FnOnce() -> Result<()>) -> Result<f64> {
        let (begin, before) = (Instant::now(), self.processor_time()?);
        act()?;
        let took = self.processor_time()?.saturating_sub(before);
        Ok(took.as_secs_f64() / begin.elapsed().as_secs_f64())
    }

    /// Of all its threads: the first field of their `schedstat`, in nanoseconds.
    fn processor_time(&self) -> Result<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid))?;
        let paths: Vec<PathBuf> =
            threads.map(|entry| Ok(entry?.path().join("schedstat"))).collect::<Result<_>>()?;
        let mut total = Duration::ZERO;
        for path in paths {
            let text = fs::read_to_string(path)?;
            let nanoseconds = text.split_whitespace().next().unwrap_or_default().parse()?;
            total += Duration::from_nanos(nanoseconds);
        }
        Ok(total)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.terminal.kill();
        let _ = self.terminal.wait();
    }
}

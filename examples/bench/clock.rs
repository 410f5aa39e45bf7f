//! How one command is measured: wall clock, and the processor time of it and of all that it waited for.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// Linux counts processor time for user space in hundredths of a second, whatever the kernel's own tick is.
const TICK: Duration = Duration::from_millis(10);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// Runs `command` silently and measures it; a failure shows what it wrote.
pub(crate) fn measure(command: &mut Command) -> Result<Sample> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (cpu, start) = (cpu_of_children()?, Instant::now());
    let output = command.output()?;
    let sample = Sample { wall: start.elapsed(), cpu: cpu_of_children()?.saturating_sub(cpu) };
    match output.status.success() {
        true => Ok(sample),
        false => {
            let written = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("{command:?}: {}\n{written}", output.status).into())
        }
    }
}

/// `cutime + cstime` of this process: fields 16 and 17 of its `stat`, counted behind the name in parentheses.
fn cpu_of_children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = behind_name.split_whitespace().skip(13);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u32>().ok()).ok_or("/proc/self/stat");
    Ok(TICK * (ticks()? + ticks()?))
}

/// The median of several durations, or of none: zero.
pub(crate) fn median(durations: impl IntoIterator<Item = Duration>) -> Duration {
    let mut sorted: Vec<Duration> = durations.into_iter().collect();
    sorted.sort_unstable();
    match sorted.len() {
        0 => Duration::ZERO,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
    }
}

//! What it costs to observe: the time of one call that opens a file, observed and not.

use std::ffi::OsString;
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use kache::sys::observe::{self, Failed};
use kache::sys::process::Start;

use crate::Result;
use crate::clock;
use crate::table::{Row, Table, Unit};

/// How many files the program is to open; set where this program is the one that is observed.
pub(crate) const N_OPENS: &str = "KACHE_BENCH_N_OPENS";

const N: u32 = 20_000;
const N_RUNS: usize = 5;

/// Opens a file again and again, and prints the nanoseconds that each time took.
pub(crate) fn open_again_and_again(n: &str) -> Result<()> {
    let n: u32 = n.parse()?;
    let path = std::env::current_exe()?;
    let start = Instant::now();
    for _ in 0..n {
        drop(File::open(&path)?);
    }
    println!("{}", (start.elapsed() / n).as_nanos());
    Ok(())
}

/// Adds the rows about one call.
pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let program = std::env::current_exe()?;
    let setting = OsString::from(format!("{N_OPENS}={N}"));
    let (mut plain, mut observed) = (Vec::new(), Vec::new());
    for _ in 0..N_RUNS {
        let output = Command::new("env").arg(&setting).arg(&program).output()?;
        plain.push(duration(&output.stdout)?);
        let args = [setting.clone(), program.clone().into()];
        let start = Start { program: "env".as_ref(), name: None, args: &args };
        let abandoned = observe::Abandoned::default();
        let (child, watching) = match observe::spawn_piped(start, observe::Scope::All, &abandoned) {
            Ok(started) => started,
            Err(Failed::Unobservable(why)) => {
                println!("nothing can be observed here: {why}");
                return Ok(());
            }
            Err(Failed::Start(error)) => return Err(error.into()),
        };
        let output = child.wait_with_output()?;
        let seen = watching.finish();
        if seen.n_calls < u64::from(N) || seen.incomplete.is_some() {
            return Err(format!("{} calls were seen of {N}: {:?}", seen.n_calls, seen.incomplete).into());
        }
        observed.push(duration(&output.stdout)?);
    }
    let (plain, observed) = (clock::median(plain), clock::median(observed));
    let over = microseconds(observed) - microseconds(plain);
    let note = format!("{:.1} µs / {:.1} µs", microseconds(observed), microseconds(plain));
    table.add(
        Row::new("process", "observing: one call, over one unobserved", over, Unit::Microseconds).note(note),
    );
    Ok(())
}

fn duration(printed: &[u8]) -> Result<Duration> {
    Ok(Duration::from_nanos(std::str::from_utf8(printed)?.trim().parse()?))
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

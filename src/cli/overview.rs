//! `kache` alone on a terminal: the state in a few lines, and what to do next.

use std::path::Path;
use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::config::Config;
use crate::config::units::{format_bytes, format_duration};
use crate::gc::survey;
use crate::index::records::{self, is_build_dir};
use crate::report::build::{self, Build, Fate};
use crate::report::text::{Style, Text};
use crate::report::words::counted;
use crate::setup::cargo_config::{self, Link, WrapperKey, WrapperProgram};
use crate::setup::store_access;
use crate::store::Store;
use crate::sys::{clock, env, fs};

/// What the steps are chosen by.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Cargo calls this program here.
    is_called: bool,
    has_problems: bool,
    /// Builds of this user cannot use the store.
    is_hindered: bool,
    /// Units of the last build; `None` without a build.
    n_units: Option<usize>,
    n_misses: usize,
    /// The store takes more than nine tenths of what it may.
    is_nearly_full: bool,
}

/// Prints the state and three steps.
pub fn run(session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, problems) = session.config_of_builds()?;
    let cache_dir = &config.cache_dir.value;
    let read = records::read_since(&Store::records_dir(cache_dir), 0);
    let build = build::last(&read.records, &is_build_dir);
    let wrapper = wrapper(session);
    let n_misses = build.as_ref().map_or(0, |build| build.units.len() - n_hits(build));
    let disk_bytes = disk_bytes(cache_dir);
    let state = State {
        is_called: wrapper.as_ref().is_some_and(is_this_program),
        has_problems: !problems.is_empty(),
        is_hindered: store_access::look(cache_dir).hinders_builds(),
        n_units: build.as_ref().map(|build| build.units.len()),
        n_misses,
        is_nearly_full: disk_bytes / 9 > config.max_size_bytes.value / 10,
    };
    let mut text = Text::new();
    text.push_styled(Style::Heading, format!("kache {}", env!("CARGO_PKG_VERSION")));
    text.push(": a build cache for Rust\n\n");
    text.append(shown(wrapper.as_ref(), build.as_ref(), disk_bytes, &config, &state));
    text.push_styled(Style::Heading, "\nNext steps\n");
    let mut table = Table::new("<<");
    for (command, what) in steps(&state) {
        table.row([command, what]);
    }
    text.append(table.render("  "));
    text.push("\n`kache --help` lists all commands.\n");
    session.print(text)?;
    Ok(Exit::Ok)
}

/// What cargo calls here.
fn wrapper(session: &Session<'_>) -> Option<Link> {
    let cwd = session.env.cwd.as_deref()?;
    cargo_config::resolve(WrapperKey::RustcWrapper, session.env, cwd).winner().cloned()
}

fn is_this_program(link: &Link) -> bool {
    let WrapperProgram::At(path) = &link.program else { return false };
    let own = env::current_exe().and_then(|exe| fs::canonical(&exe)).ok();
    own.is_some() && fs::canonical(path).ok() == own
}

fn disk_bytes(cache_dir: &Path) -> u64 {
    let _progress = Progress::short("Reading the store");
    survey::disk_bytes(cache_dir).0
}

fn n_hits(build: &Build<'_>) -> usize {
    build.units.iter().filter(|unit| Fate::of(unit.record) == Fate::Hit).count()
}

fn shown(
    wrapper: Option<&Link>,
    build: Option<&Build<'_>>,
    disk_bytes: u64,
    config: &Config,
    state: &State,
) -> Text {
    let mut table = Table::new("<<");
    let cargo = match wrapper {
        Some(link) if state.is_called => format!("calls kache ({})", link.origin),
        Some(link) => format!("calls {} and not this kache ({})", link.value, link.origin),
        None => "does not call kache here".to_owned(),
    };
    table.row(["cargo", &cargo]);
    let last = build.map_or("none recorded yet".to_owned(), last_build);
    table.row(["builds", &last]);
    let (size, most) = (format_bytes(disk_bytes), format_bytes(config.max_size_bytes.value));
    table.row(["store", &format!("{size} of at most {most} in {}", config.cache_dir.value.display())]);
    table.render("")
}

fn last_build(build: &Build<'_>) -> String {
    let ago = format_duration(Duration::from_millis(clock::now_ms().saturating_sub(build.end_ms)));
    let hits = build.units.iter().filter(|unit| Fate::of(unit.record) == Fate::Hit);
    let saved_ms: u64 = hits.map(|unit| unit.record.compile_ms).sum();
    let saved = format_duration(Duration::from_millis(saved_ms));
    let units = counted(build.units.len(), "unit");
    format!("{} of {units} were hits {ago} ago in {}; {saved} saved", n_hits(build), build.place)
}

/// The three steps that are most likely wanted.
fn steps(state: &State) -> Vec<(&'static str, &'static str)> {
    let all = [
        (state.has_problems, "kache config", "show which settings are invalid"),
        (!state.is_called, "kache init", "have cargo call kache"),
        (state.is_hindered, "kache doctor", "show why builds cannot use the store"),
        (state.is_called && state.n_units.is_none(), "cargo build", "fill the cache with a first build"),
        (state.n_units.is_none(), "kache try", "measure what it would save, without installing anything"),
        (state.n_misses > 0, "kache why-miss", "show why units of the last build were compiled"),
        (state.is_nearly_full, "kache clean", "remove build directories that are no longer needed"),
        (state.n_units.is_some(), "kache report", "show what the cache was worth"),
        (state.n_units.is_some(), "kache monitor", "watch the next build"),
        (true, "kache clean", "remove build directories that are no longer needed"),
        (true, "kache doctor", "check the installation"),
        (true, "kache stats", "show hits, misses and disk usage"),
    ];
    let mut steps: Vec<(&str, &str)> = Vec::new();
    for (_, command, what) in all.into_iter().filter(|(applies, _, _)| *applies) {
        if !steps.iter().any(|(known, _)| *known == command) {
            steps.push((command, what));
        }
    }
    steps.truncate(3);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_follow_from_the_state() {
        let commands = |state: State| steps(&state).iter().map(|(command, _)| *command).collect::<Vec<_>>();
        assert_eq!(commands(State::default()), ["kache init", "kache try", "kache clean"]);
        let called = State { is_called: true, ..State::default() };
        assert_eq!(commands(called), ["cargo build", "kache try", "kache clean"]);
        let built = State { n_units: Some(5), ..called };
        assert_eq!(commands(built), ["kache report", "kache monitor", "kache clean"]);
        let missed = State { n_misses: 1, is_nearly_full: true, ..built };
        assert_eq!(commands(missed), ["kache why-miss", "kache clean", "kache report"]);
        let invalid = State { has_problems: true, is_hindered: true, ..missed };
        assert_eq!(commands(invalid), ["kache config", "kache doctor", "kache why-miss"]);
    }
}

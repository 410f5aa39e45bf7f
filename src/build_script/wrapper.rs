//! One call of a launcher, from its arguments to the exit code of the build script.
//!
//! As around the compiler, nothing is printed that the script does not print, and every failure means that the script
//! runs as it would without kache.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::action::memo::Memo;
use crate::build_script::places::{LaunchedRun, Places};
use crate::build_script::request::RequestedRun;
use crate::config::{self, Observe, Problem, Scope};
use crate::key::toolchain::{Toolchain, Toolchains};
use crate::run::record::{self, Record};
use crate::settings;
use crate::store::Store;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::env::Env;
use crate::sys::{defence, fs, shield};

/// Whether a launcher has called.
pub fn is_launched(env: &Env) -> bool {
    launched(env).is_some()
}

fn launched(env: &Env) -> Option<LaunchedRun<'_>> {
    LaunchedRun::of(env.args.get(1..)?)
}

/// Does what cargo asks a build script for.
pub fn main(env: &Env) -> ExitCode {
    shield::keep_quiet();
    let Some(launched) = launched(env) else { return ExitCode::from(2) };
    let served = shield::shielded(|| wrap(env, &launched)).ok().flatten();
    served.unwrap_or_else(|| {
        let error = launched.exec();
        let script = launched.script.to_string_lossy();
        let _ = writeln!(io::stderr(), "error: could not run the build script {script}: {error}");
        ExitCode::from(127)
    })
}

/// Serves the run, or runs the script. `None`: it has not run.
fn wrap(env: &Env, launched: &LaunchedRun<'_>) -> Option<ExitCode> {
    let mut watch = Stopwatch::start();
    with_requested_run(env, launched, None, |requested, problems| {
        let records_dir = Store::records_dir(&requested.config.cache_dir.value);
        let mut record = Record::new(env, problems);
        let code = requested.keyed().ok()?.serve_or_run(&mut record, &mut watch);
        record.time_ms = clock::now_ms();
        record.times.total_us = watch.total().as_micros() as u64;
        let _ = shield::shielded(|| record::append(&records_dir, &record));
        code
    })
}

/// Finds out all that the unit key of a run is made from, for `then`. `None`: the run is none that the cache may serve.
pub fn with_requested_run<T>(
    env: &Env,
    launched: &LaunchedRun<'_>,
    toolchains: Option<&Toolchains>,
    then: impl FnOnce(RequestedRun<'_>, &[Problem]) -> Option<T>,
) -> Option<T> {
    if config::is_disabled(&|name| env.get(name).map(OsStr::to_os_string)) {
        return None;
    }
    let places = Places::of(env)?;
    let starts: Vec<_> =
        [places.build_dirs.member.then_some(&places.build_dirs.cwd), places.build_dirs.target.as_ref()]
            .into_iter()
            .flatten()
            .map(|path| path.as_path())
            .collect();
    let (config, problems) = settings::load(env, &starts, Scope::Build);
    let is_off = !config.build_scripts.value || config.observe.value == Observe::Off;
    let package = env.get("CARGO_PKG_NAME").unwrap_or_default();
    let is_refused = config.bypass_build_scripts.value.iter().any(|name| package == name.as_str());
    if is_off || is_refused || problems.iter().any(Problem::loses_key) {
        return None;
    }
    if config.cache_dir.value.as_os_str().is_empty() {
        return None;
    }
    let store = Store::configured(&config);
    // What an earlier run left is an input that no list names.
    let is_fresh = fs::list(&places.out_dir).is_ok_and(|found| found.is_empty())
        || !defence::stands("build-scripts-that-find-earlier-output");
    if !is_fresh || store.distrust().is_some() || !store.can_observe() {
        return None;
    }
    let rustc = env.get("RUSTC")?;
    let target = env.get("TARGET").filter(|target| env.get("HOST") != Some(target));
    let target = target.and_then(OsStr::to_str);
    let (dirs, machine_dir) = (&places.build_dirs, store.machine_dir());
    let toolchain = match toolchains {
        Some(known) => known.identify(rustc, target, dirs, env, &machine_dir).ok()?,
        None => Toolchain::identify(rustc, target, dirs, env, &machine_dir).ok()?,
    };
    let memo = Memo::of(places.build_dirs.target.as_deref());
    let requested = RequestedRun {
        env,
        launched,
        places: &places,
        config: &config,
        store: &store,
        rustc,
        toolchain,
        memo,
    };
    then(requested, &problems)
}

//! The steps of one invocation, in order: parse, configure, key, then a hit, a miss or a bypass, and its record.
//!
//! Prints nothing of its own: cargo keeps what a wrapper prints and shows it again. Before the compiler runs, every
//! failure is a bypass; after it ran, every failure means that nothing is stored. The exit code is the compiler's.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use crate::action::memo::Memo;
use crate::action::roots::BuildDirs;
use crate::config::{self, Config, Scope};
use crate::invocation::{Invocation, outputs};
use crate::key::context::KeyContext;
use crate::key::toolchain::Toolchain;
use crate::key::unit::{self, NoKey, UnitKey};
use crate::outcome::{Bypass, BypassReason, MissReason, Origin, Outcome};
use crate::run::call::{self, Call};
use crate::run::final_exit_code::FinalExitCode;
use crate::run::keyed::KeyedUnit;
use crate::run::known::StoredKnowledge;
use crate::run::parsed::{Parsed, ParsedInvocation};
use crate::run::path_remap::PathRemap;
use crate::run::policy::{self, Policy};
use crate::run::record::{self, Record};
use crate::run::request::Request;
use crate::run::restore::{FileTimes, Restored};
use crate::run::streams::Streams;
use crate::run::{path_remap, ping, unit_name};
use crate::settings;
use crate::store::Store;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::env::Env;
use crate::sys::{defence, shield};

/// Does what cargo asks for with `env.args`.
pub fn main(env: &Env) -> ExitCode {
    if defence::stands("a-panic-prints-nothing") {
        shield::keep_quiet();
    }
    shield::defence("panics-anywhere-are-caught", || wrap(env)).unwrap_or_else(|_| call::compile_plainly(env))
}

fn wrap(env: &Env) -> ExitCode {
    let mut watch = Stopwatch::start();
    let Some(call) = env.args.get(1..).and_then(Call::of) else { return ExitCode::from(2) };
    ping::answer(env);
    let parsed = match Parsed::from_call(&call, env) {
        Parsed::Compile(parsed) => Ok(parsed),
        Parsed::Bypass(reason) => Err(reason),
        Parsed::NotCompilation => return call.exec(),
    };
    let invocation = parsed.as_ref().ok().map(|parsed| &parsed.invocation);
    if defence::stands("kache-can-be-disabled")
        && config::is_disabled(&|name| env.get(name).map(OsStr::to_os_string))
    {
        return step_aside(&call, invocation, env);
    }
    let (config, problems) = load_config(env, parsed.as_ref().ok().map(|parsed| &parsed.build_dirs));
    if !problems.is_empty() {
        defence::prints_nothing("nothing-is-printed-of-problems");
    }
    let mut record = Record::new(env, &problems);
    let final_exit_code = FinalExitCode::default();
    let served = match &parsed {
        Err(reason) => Err(reason.clone()),
        Ok(parsed) => refuse_settings(&config, &problems).and_then(|()| {
            let store = Store::configured(&config);
            let request = Request {
                env,
                call: &call,
                parsed,
                config: &config,
                store: &store,
                final_exit_code: &final_exit_code,
                toolchains: None,
            };
            shield::defence("panics-before-the-compiler-runs", || serve(&request, &mut record, &mut watch))
                .unwrap_or_else(|panicked| Err(BypassReason::new(Bypass::Defect, panicked.message)))
        }),
    };
    record.time_ms = clock::now_ms();
    record.times.total_us = watch.total().as_micros() as u64;
    let code = served.map_err(|reason| record.outcome = Outcome::Bypass { reason });
    let records_dir = Store::records_dir(&config.cache_dir.value);
    let _ = shield::defence("panics-while-recording-are-caught", || record::append(&records_dir, &record));
    match (code, final_exit_code.get().filter(|_| defence::stands("the-compiler-runs-only-once"))) {
        (Ok(code), _) => code,
        (Err(()), Some(code)) => ExitCode::from(code),
        (Err(()), None) => step_aside(&call, invocation, env),
    }
}

/// Becomes the compiler, which makes all outputs of `invocation` again.
fn step_aside(call: &Call<'_>, invocation: Option<&Invocation>, env: &Env) -> ExitCode {
    if defence::stands("a-bypass-makes-new-files") {
        call::unlink_outputs(invocation, env);
    }
    call.exec()
}

/// The configuration for this invocation. A package from a registry is compiled in its own directory: its build
/// directory leads to the project.
fn load_config(env: &Env, build_dirs: Option<&BuildDirs>) -> (Config, Vec<config::Problem>) {
    let mut starts: Vec<&Path> = Vec::new();
    if let Some(build_dirs) = build_dirs {
        starts.extend(build_dirs.member.then_some(build_dirs.cwd.as_path()));
        starts.extend(build_dirs.target.as_deref());
    }
    settings::load(env, &starts, Scope::Build)
}

/// Without a place for the store, or with a part of the key that cannot be read, nothing is cached.
fn refuse_settings(config: &Config, problems: &[config::Problem]) -> Result<(), BypassReason> {
    if config.cache_dir.value.as_os_str().is_empty() {
        let why = "no home directory; KACHE_CACHE_DIR can name a place";
        return Err(BypassReason::new(Bypass::Store, why));
    }
    if problems.iter().any(config::Problem::loses_key) {
        return Err(BypassReason::new(Bypass::Configured, "the configuration cannot be read"));
    }
    Ok(())
}

/// Makes the unit key, and serves the unit or compiles it.
fn serve(
    request: &Request<'_>,
    record: &mut Record,
    watch: &mut Stopwatch,
) -> Result<ExitCode, BypassReason> {
    with_prepared_unit(request, record, |prepared, record| {
        let PreparedUnit { context, streams, remap } = *prepared;
        let unit = match prepared.key(request) {
            Ok(unit) => unit,
            Err(NoKey::Bypass(reason)) => {
                return request.compile_for_dependents(reason, context, streams, record);
            }
            Err(NoKey::Edited(name)) => {
                return request.compile_dependent_of_edit(name, (context, streams, remap), record);
            }
        };
        record.unit_key = Some(unit.key);
        record.times.key_us = watch.lap_us();
        let keyed = KeyedUnit { request, context, unit: &unit, streams, remap };
        keyed.serve_or_compile(record, watch)
    })
}

/// What is known of an invocation before its unit key is made.
struct PreparedUnit<'a> {
    context: &'a KeyContext<'a>,
    streams: &'a Streams<'a>,
    remap: &'a PathRemap,
}

impl PreparedUnit<'_> {
    fn key(&self, request: &Request<'_>) -> Result<UnitKey, NoKey> {
        let KeyContext { invocation, outputs, env, .. } = *self.context;
        let policy = Policy {
            cache_executables: request.config.cache_executables.value,
            bypass_crates: &request.config.bypass_crates.value,
        };
        let allowed = if defence::stands("code-and-noise-of-variables") {
            policy::check_environment(env)
        } else {
            Ok(())
        };
        let allowed = allowed.and_then(|()| policy::check(invocation, outputs, &policy));
        allowed.map_err(NoKey::Bypass)?;
        unit::unit(self.context)
    }
}

/// Puts the unit of `request` in place if the store has it. Nothing is printed, and nothing is compiled.
///
/// # Errors
/// Why it is not in place.
pub fn place(
    request: &Request<'_>,
    record: &mut Record,
    times: FileTimes<'_>,
) -> Result<Restored, NotPlaced> {
    with_prepared_unit(request, record, |prepared, record| {
        let PreparedUnit { context, streams, remap } = *prepared;
        let unit = match prepared.key(request) {
            Ok(unit) => unit,
            Err(NoKey::Bypass(reason)) => return Ok(Err(NotPlaced::Bypass(reason))),
            Err(NoKey::Edited(_)) => return Ok(Err(NotPlaced::Miss(MissReason::NewUnit))),
        };
        record.unit_key = Some(unit.key);
        let keyed = KeyedUnit { request, context, unit: &unit, streams, remap };
        Ok(match keyed.place(times) {
            Ok((found, restored)) => {
                record.key = Some(found.key);
                record.hit(Origin::Seeded, &found, restored);
                Ok(restored)
            }
            Err(reason) => Err(NotPlaced::Miss(reason)),
        })
    })
    .unwrap_or_else(|reason| Err(NotPlaced::Bypass(reason)))
}

/// Why a unit was not put in place.
#[derive(Debug)]
pub enum NotPlaced {
    Bypass(BypassReason),
    Miss(MissReason),
}

/// Finds out all that the unit key is made from, for `then`.
fn with_prepared_unit<T>(
    request: &Request<'_>,
    record: &mut Record,
    then: impl FnOnce(&PreparedUnit<'_>, &mut Record) -> Result<T, BypassReason>,
) -> Result<T, BypassReason> {
    let Request { env, call, config, store, .. } = *request;
    let ParsedInvocation { invocation, driver, build_dirs } = request.parsed;
    if let Some(why) = store.distrust().filter(|_| defence::stands("stores-that-others-can-write")) {
        return Err(BypassReason::new(Bypass::Store, why));
    }
    if defence::stands("trials-of-build-scripts") {
        request.parsed.refuse_trials_of_build_scripts(env)?;
    }
    let machine_dir = store.machine_dir();
    let target = invocation.target.as_ref().and_then(|target| target.name()?.to_str());
    let toolchain = match request.toolchains {
        Some(known) => known.identify(call.program, target, build_dirs, env, &machine_dir)?,
        None => Toolchain::identify(call.program, target, build_dirs, env, &machine_dir)?,
    };
    let outputs = outputs::outputs(invocation, &toolchain.host)?;
    let remap = path_remap::remap(config, invocation, build_dirs, &toolchain, env);
    let memo = Memo::of(build_dirs.target.as_deref());
    let known = StoredKnowledge { store, adopts: request.writes() };
    let context = KeyContext {
        invocation,
        outputs: &outputs,
        driver: *driver,
        toolchain: &toolchain,
        env,
        build_dirs,
        memo: &memo,
        machine_dir: &machine_dir,
        paths: &remap.name,
        salt: &config.key_salt.value,
        declared_variables: &config.key_env_vars.value,
        known: &known,
    };
    record.unit = unit_name::unit_name(&context);
    record.place = build_dirs.shown();
    let streams = Streams::new(invocation, &outputs, &build_dirs.roots);
    then(&PreparedUnit { context: &context, streams: &streams, remap: &remap }, record)
}

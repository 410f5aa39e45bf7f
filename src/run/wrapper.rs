//! The way of one compilation: the only place that knows all the steps.
//!
//! Prints nothing of its own: cargo keeps what a wrapper prints and shows it again. Before the compiler runs, every
//! failure means to step aside; after it ran, every failure means to store nothing. The exit code is the compiler's.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use crate::action::inputs::KeyInputs;
use crate::action::memo::{self, Memo};
use crate::action::present::Present;
use crate::action::roots::BuildDirs;
use crate::config::{self, Config, Observe, Write};
use crate::digest::Digest;
use crate::invocation::driver::Driver;
use crate::invocation::{Invocation, outputs, parse};
use crate::key::assumed;
use crate::key::context::KeyContext;
use crate::key::toolchain::Toolchain;
use crate::key::unit::{self, Unit};
use crate::outcome::{Bypass, BypassReason, MissReason, Origin, Outcome};
use crate::run::call::{self, Call, read_argument_file};
use crate::run::miss::compilation::Compilation;
use crate::run::path_remap::{self, PathRemap};
use crate::run::policy::{self, Policy};
use crate::run::record::{self, Record};
use crate::run::streams::Streams;
use crate::run::{automatic_gc, hit, ping, unit_name};
use crate::settings;
use crate::store::Store;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::env::Env;
use crate::sys::lock::{FileLock, Waited};
use crate::sys::{observe, shield};

/// Does what cargo asks for with `env.args`.
pub fn main(env: &Env) -> ExitCode {
    shield::keep_quiet();
    shield::shielded(|| wrap(env)).unwrap_or_else(|_| call::compile_plainly(env))
}

fn wrap(env: &Env) -> ExitCode {
    let mut watch = Stopwatch::start();
    let Some(call) = env.args.get(1..).and_then(Call::of) else { return ExitCode::from(2) };
    ping::answer(env);
    let parsed = match call.driver {
        Some(_) => parse::parse(call.args, &read_argument_file),
        None => Err(BypassReason::new(Bypass::UnknownDriver, call.program.to_string_lossy())),
    };
    let invocation = match (&parsed, call.driver, &env.cwd) {
        (Ok(invocation), Some(driver), Some(cwd)) => Ok((invocation, driver, cwd.as_path())),
        (Err(reason), _, _) if matches!(reason.why, Bypass::Query | Bypass::Stdin) => return call.exec(),
        (Err(reason), _, _) => Err(reason.clone()),
        _ => Err(BypassReason::new(Bypass::NotCargo, "no working directory")),
    };
    let build_dirs = invocation.as_ref().ok().map(|(invocation, _, cwd)| BuildDirs::of(invocation, env, cwd));
    if config::is_disabled(&|name| env.get(name).map(OsStr::to_os_string)) {
        return call.step_aside(parsed.as_ref().ok(), env);
    }
    let (config, problems) = load_config(env, build_dirs.as_ref());
    let records_dir = Store::records_dir(&config.cache_dir.value);
    let mut record = Record::new(env, &problems);
    let loses_key = problems.iter().any(config::Problem::loses_key);
    let result = match (invocation, &build_dirs) {
        (Err(reason), _) => Err(reason),
        _ if config.cache_dir.value.as_os_str().is_empty() => {
            Err(BypassReason::new(Bypass::Store, "no home directory; KACHE_CACHE_DIR can name a place"))
        }
        _ if loses_key => Err(BypassReason::new(Bypass::Configured, "the configuration cannot be read")),
        (Ok((invocation, driver, _)), Some(build_dirs)) => {
            let store = Store::at(&config.cache_dir.value).with_links(config.links.value);
            let way =
                Way { env, call: &call, invocation, driver, build_dirs, config: &config, store: &store };
            let done = shield::shielded(|| match store.distrust() {
                Some(why) => Err(BypassReason::new(Bypass::Store, why)),
                None => way.go(&mut record, &mut watch),
            });
            done.unwrap_or_else(|defect| Err(BypassReason::new(Bypass::Defect, defect)))
        }
        (Ok(_), None) => Err(BypassReason::new(Bypass::NotCargo, "no working directory")),
    };
    record.time_ms = clock::now_ms();
    record.times.total_us = watch.total().as_micros() as u64;
    let code = result.map_err(|reason| record.outcome = Outcome::Bypass { reason });
    let _ = shield::shielded(|| record::append(&records_dir, &record));
    code.unwrap_or_else(|()| call.step_aside(parsed.as_ref().ok(), env))
}

/// The configuration for this invocation. A package from a registry is compiled in its own directory: its build
/// directory leads to the project.
fn load_config(env: &Env, build_dirs: Option<&BuildDirs>) -> (Config, Vec<config::Problem>) {
    let mut starts: Vec<&Path> = Vec::new();
    if let Some(build_dirs) = build_dirs {
        starts.extend(build_dirs.member.then_some(build_dirs.cwd.as_path()));
        starts.extend(build_dirs.target.as_deref());
    }
    settings::load(env, &starts)
}

/// One cacheable invocation on its way.
struct Way<'a> {
    env: &'a Env,
    call: &'a Call<'a>,
    invocation: &'a Invocation,
    driver: Driver,
    build_dirs: &'a BuildDirs,
    config: &'a Config,
    store: &'a Store,
}

impl Way<'_> {
    fn go(&self, record: &mut Record, watch: &mut Stopwatch) -> Result<ExitCode, BypassReason> {
        let invocation = self.invocation;
        self.refuse_probes()?;
        let memo_dir = self.store.memo_dir();
        let target = invocation.target.as_ref().and_then(|target| target.name()?.to_str());
        let toolchain = Toolchain::identify(self.call.program, target, self.build_dirs, self.env, &memo_dir)?;
        let outputs = outputs::outputs(invocation, &toolchain.host)?;
        let settings = Policy {
            cache_executables: self.config.cache_executables.value,
            bypass_crates: &self.config.bypass_crates.value,
        };
        let remap =
            path_remap::remap(self.config.paths.value, invocation, self.build_dirs, &toolchain, self.env);
        let memo = Memo::of(self.build_dirs.target.as_deref());
        let context = KeyContext {
            invocation,
            outputs: &outputs,
            driver: self.driver,
            toolchain: &toolchain,
            env: self.env,
            build_dirs: self.build_dirs,
            memo: &memo,
            memo_dir: &memo_dir,
            paths: &remap.name,
            salt: &self.config.key_salt.value,
            declared_variables: &self.config.key_env_vars.value,
            closure: &|digest| self.store.closure(digest),
            names: &|digest| self.store.names(digest),
            program_names: &|digest| self.store.program_names(digest),
            adopt: &|path, digest| self.writes().then(|| self.store.adopt(path, digest)).flatten(),
        };
        record.unit = unit_name::unit_name(&context);
        record.place = self.build_dirs.shown();
        let streams = Streams::new(invocation, &outputs, &self.build_dirs.roots);
        let checked =
            policy::check_environment(self.env).and_then(|()| policy::check(invocation, &outputs, &settings));
        let unit = match checked.and_then(|()| unit::unit(&context)) {
            Ok(unit) => unit,
            Err(reason) => return self.step_aside(reason, &context, &streams, record),
        };
        record.unit_key = Some(unit.key);
        record.times.key_us = watch.lap_us();
        let job = Job { way: self, context: &context, unit: &unit, streams: &streams, remap: &remap };
        job.run(record, watch)
    }

    /// Leaves a unit to the compiler. If others depend on it, it is noted what stands behind it.
    fn step_aside(
        &self,
        reason: BypassReason,
        context: &KeyContext<'_>,
        streams: &Streams<'_>,
        record: &mut Record,
    ) -> Result<ExitCode, BypassReason> {
        let externs = unit::extern_digests(context);
        let is_depended_on = context.outputs.iter().any(|output| output.role.can_be_depended_on());
        let (true, Some(externs)) = (is_depended_on, externs) else { return Err(reason) };
        let compilation = self.compilation(context, &externs, streams);
        let Ok(compiled) = compilation.run() else { return Err(reason) };
        compiled.note_closure();
        record.outcome = Outcome::Bypass { reason };
        Ok(ExitCode::from(compiled.exit_code()))
    }

    fn compilation<'c>(
        &'c self,
        context: &'c KeyContext<'c>,
        externs: &'c [Digest],
        streams: &'c Streams<'c>,
    ) -> Compilation<'c> {
        Compilation { call: self.call, context, externs, streams, store: self.store, writes: self.writes() }
    }

    /// Whether anything is put into the store.
    fn writes(&self) -> bool {
        self.config.write.value == Write::On
    }

    /// A build script tries the compiler: outputs below its own `OUT_DIR` are nobody's unit.
    fn refuse_probes(&self) -> Result<(), BypassReason> {
        let out_dir = self.env.get("OUT_DIR").map(Path::new);
        match out_dir.filter(|dir| self.build_dirs.cwd.join(&self.invocation.out_dir).starts_with(dir)) {
            Some(dir) => Err(BypassReason::new(Bypass::Probe, dir.to_string_lossy())),
            None => Ok(()),
        }
    }
}

/// An invocation whose unit key is known.
struct Job<'a> {
    way: &'a Way<'a>,
    context: &'a KeyContext<'a>,
    unit: &'a Unit,
    streams: &'a Streams<'a>,
    remap: &'a PathRemap,
}

impl Job<'_> {
    fn run(&self, record: &mut Record, watch: &mut Stopwatch) -> Result<ExitCode, BypassReason> {
        let mut reason = match self.try_hit(Origin::Local, record, watch) {
            Ok(code) => return Ok(code),
            Err(reason) => reason,
        };
        let lock = match self.acquire_flight_lock() {
            // Who had the lock may have let go of it between the lookup and now.
            Some(Waited::Free(lock) | Waited::AfterHolder(lock)) => {
                record.times.wait_us = watch.lap_us();
                match self.try_hit(Origin::Waited, record, watch) {
                    Ok(code) => return Ok(code),
                    Err(again) => reason = again,
                }
                Some(lock)
            }
            Some(Waited::Stalled) | None => None,
        };
        record.times.wait_us += watch.lap_us();
        self.miss(reason, lock.as_ref(), record, watch)
    }

    /// Serves the unit from the store, if it is there.
    fn try_hit(
        &self,
        origin: Origin,
        record: &mut Record,
        watch: &mut Stopwatch,
    ) -> Result<ExitCode, MissReason> {
        let store = self.way.store;
        let rules = || self.rules();
        let present = Present::new(self.context.build_dirs, self.context.env);
        let present =
            present.with_names(self.context.program_names).with_loader_dirs(self.context.loader_dirs());
        let mut present = present.with_memo(self.context.memo).with_rules(&rules);
        let found = store.lookup(&self.unit.key, &mut present)?;
        record.times.lookup_us = watch.lap_us();
        record.key = Some(found.key);
        let restored = hit::serve(store, &found, self.context, self.streams)?;
        self.way.call.answered.set(Some(0));
        record.is_hit(origin, &found, restored);
        record.times.restore_us = watch.lap_us();
        Ok(ExitCode::SUCCESS)
    }

    /// What rules say of the unit. Where it can be observed, an entry that was only made by rules counts for nothing.
    fn rules(&self) -> Option<KeyInputs> {
        let observes = self.way.config.observe.value == Observe::Auto && observe::is_possible();
        (!observes).then(|| Some(assumed::assume(self.context, self.unit).ok()?.inputs)).flatten()
    }

    /// Waits for others that compile the same. Without a lock, everyone compiles for themselves.
    fn acquire_flight_lock(&self) -> Option<Waited> {
        if !self.way.writes() {
            return None;
        }
        let source = self.context.build_dirs.cwd.join(&self.context.invocation.source);
        let (crate_root, _) = memo::hash_file(&source).ok()?;
        self.way.store.acquire_flight_lock(&self.unit.key, &crate_root, self.way.config.wait.value).ok()
    }

    /// Compiles, and stores what that made.
    fn miss(
        &self,
        reason: MissReason,
        lock: Option<&FileLock>,
        record: &mut Record,
        watch: &mut Stopwatch,
    ) -> Result<ExitCode, BypassReason> {
        let way = self.way;
        let compilation = way.compilation(self.context, &self.unit.externs, self.streams);
        let observe = way.config.observe.value == Observe::Auto;
        let missed = match compilation.miss(self.unit, self.remap, observe, lock) {
            Ok(missed) => missed,
            Err(reason) => return way.step_aside(reason, self.context, self.streams, record),
        };
        let exit_code = missed.finish.exit_code();
        if missed.stored.is_ok() {
            way.store.refresh_closures(&self.unit.externs);
            automatic_gc::after_put(&way.config.cache_dir.value);
        }
        record.is_miss(reason, missed);
        record.times.put_us = watch.lap_us().saturating_sub(record.times.compile_us);
        Ok(ExitCode::from(exit_code))
    }
}

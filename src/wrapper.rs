//! The way of one compilation: the only place that knows all the steps.
//!
//! Prints nothing of its own: cargo keeps what a wrapper prints and shows it again. Before the compiler runs, every
//! failure means to step aside; after it ran, every failure means to store nothing. The exit code is the compiler's.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::compile::{self, Compiled};
use crate::config::{self, Config, Defaults};
use crate::gather::{self, Before, Finished};
use crate::invocation::driver::{Driver, is_compiler_name};
use crate::invocation::{Invocation, Output, Role, Target, outputs, parse};
use crate::key::memo::{self, Known, Memo};
use crate::key::portable::Root;
use crate::key::reach::Reach;
use crate::key::read::Present;
use crate::key::roots::Places;
use crate::key::toolchain::Toolchain;
use crate::key::unit::{self, Facts, Unit};
use crate::mapping::{self, Mapping};
use crate::outcome::{Bypass, BypassReason, MissReason, Origin, Outcome, Unstored};
use crate::policy::{self, Policy};
use crate::record::{self, Record, Times};
use crate::restore::{self, Failed};
use crate::store::Store;
use crate::store::entry::UnitName;
use crate::store::lookup::Found;
use crate::streams::Streams;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::env::Env;
use crate::sys::fs::Identity;
use crate::sys::lock::{FileLock, Waited};
use crate::sys::{dirs, fs, host, process};

/// `kache <compiler> <argument>…`, or `kache <workspace wrapper> <compiler> <argument>…`.
struct Call<'a> {
    program: &'a OsStr,
    /// The compiler's own path, which workspace wrappers get as their first argument.
    prefix: &'a [OsString],
    args: &'a [OsString],
    driver: Option<Driver>,
}

impl<'a> Call<'a> {
    fn of(args: &'a [OsString]) -> Option<Call<'a>> {
        let (program, rest) = args.split_first()?;
        let driver = is_compiler_name(program);
        let has_compiler = driver != Some(Driver::Rustc)
            && rest.first().is_some_and(|first| is_compiler_name(first) == Some(Driver::Rustc));
        let (prefix, args) = rest.split_at(usize::from(has_compiler));
        Some(Call { program, prefix, args, driver })
    }

    /// Becomes the compiler.
    fn exec(&self) -> ExitCode {
        let args = [self.prefix, self.args].concat();
        let error = process::exec(self.program, &args);
        #[expect(clippy::print_stderr, reason = "there is no compiler that could say it")]
        {
            eprintln!("error: could not run {}: {error}", self.program.to_string_lossy());
        }
        ExitCode::from(127)
    }
}

/// Does what cargo asks for with `env.args`.
pub fn main(env: &Env) -> ExitCode {
    let mut watch = Stopwatch::start();
    let Some(call) = env.args.get(1..).and_then(Call::of) else { return ExitCode::from(2) };
    let parsed = match call.driver {
        Some(_) => parse::parse(call.args, &|path| fs::read(path)),
        None => Err(BypassReason::new(Bypass::UnknownDriver, call.program.to_string_lossy())),
    };
    let invocation = match (&parsed, call.driver, &env.cwd) {
        (Ok(invocation), Some(driver), Some(cwd)) => Ok((invocation, driver, cwd.as_path())),
        (Err(reason), _, _) if matches!(reason.why, Bypass::Query | Bypass::Stdin) => return call.exec(),
        (Err(reason), _, _) => Err(reason.clone()),
        _ => Err(BypassReason::new(Bypass::NotCargo, "no working directory")),
    };
    let places = invocation.as_ref().ok().map(|(invocation, _, cwd)| Places::of(invocation, env, cwd));
    let (config, problems) = load_config(env, places.as_ref());
    if config.disabled.value {
        unlink_outputs(parsed.as_ref().ok(), env);
        return call.exec();
    }
    let records_dir = Store::records_dir(&config.cache_dir.value);
    let mut record = new_record(env, &problems);
    let loses_key = problems.iter().any(config::Problem::loses_key);
    let result = match (invocation, &places) {
        (Err(reason), _) => Err(reason),
        _ if loses_key => Err(BypassReason::new(Bypass::Configured, "the configuration cannot be read")),
        (Ok((invocation, driver, _)), Some(places)) => {
            let store = Store::at(&config.cache_dir.value);
            let way = Way { env, call: &call, invocation, driver, places, config: &config, store: &store };
            way.go(&mut record, &mut watch)
        }
        (Ok(_), None) => Err(BypassReason::new(Bypass::NotCargo, "no working directory")),
    };
    record.time_ms = clock::now_ms();
    record.times.total_us = watch.total().as_micros() as u64;
    match result {
        Ok(code) => {
            record::append(&records_dir, &record);
            code
        }
        Err(reason) => {
            record.outcome = Outcome::Bypass { reason };
            record::append(&records_dir, &record);
            unlink_outputs(parsed.as_ref().ok(), env);
            call.exec()
        }
    }
}

fn load_config(env: &Env, places: Option<&Places>) -> (Config, Vec<config::Problem>) {
    let defaults = Defaults {
        cache_dir: dirs::cache(env).unwrap_or_else(|| PathBuf::from("/tmp")).join("kache"),
        cache_executables: host::CACHES_EXECUTABLES,
    };
    // A package from a registry is compiled in its own directory: the build directory leads to the project.
    let mut starts: Vec<&Path> = Vec::new();
    if let Some(places) = places {
        starts.extend(places.member.then_some(places.cwd.as_path()));
        starts.extend(places.target.as_deref());
    }
    let caller = env.get("PWD").map(Path::new).filter(|dir| dir.is_absolute());
    starts.extend(caller);
    config::load(&|name| env.get(name).map(OsStr::to_os_string), &starts, &defaults)
}

/// Files that the compiler is about to write may be second names of blobs: it must make new ones.
fn unlink_outputs(invocation: Option<&Invocation>, env: &Env) {
    let Some((invocation, cwd)) = invocation.zip(env.cwd.as_ref()) else { return };
    unlink(&outputs::outputs(invocation, &host::triple()).unwrap_or_default(), cwd);
}

fn unlink(outputs: &[Output], cwd: &Path) {
    outputs.iter().for_each(|output| drop(fs::remove(&cwd.join(&output.path))));
}

fn new_record(env: &Env, problems: &[config::Problem]) -> Record {
    let package = env.get("CARGO_CRATE_NAME").map(|name| name.to_string_lossy().into_owned());
    Record {
        format: record::FORMAT,
        time_ms: 0,
        outcome: Outcome::Miss { reason: MissReason::NewUnit, unstored: None },
        unit: UnitName { crate_name: package.unwrap_or_default(), ..UnitName::default() },
        unit_key: None,
        key: None,
        place: String::new(),
        times: Times::default(),
        bytes: record::Bytes::default(),
        compile_ms: 0,
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

/// One cacheable invocation on its way.
struct Way<'a> {
    env: &'a Env,
    call: &'a Call<'a>,
    invocation: &'a Invocation,
    driver: Driver,
    places: &'a Places,
    config: &'a Config,
    store: &'a Store,
}

impl Way<'_> {
    fn go(&self, record: &mut Record, watch: &mut Stopwatch) -> Result<ExitCode, BypassReason> {
        let invocation = self.invocation;
        self.refuse_probes()?;
        let memo_dir = self.store.memo_dir();
        let target = invocation.target.as_ref().and_then(|target| match target {
            Target::Triple(triple) => Some(triple.as_str()),
            Target::Spec(path) => path.file_stem()?.to_str(),
        });
        let toolchain = Toolchain::identify(self.call.program, target, &self.places.cwd, self.env, &memo_dir)
            .map_err(|e| BypassReason::new(Bypass::UnknownCompiler, e.to_string()))?;
        let outputs = outputs::outputs(invocation, &toolchain.host)?;
        let settings = Policy {
            cache_executables: self.config.cache_executables.value,
            bypass_crates: &self.config.bypass_crates.value,
        };
        policy::check(invocation, &outputs, &settings)?;
        let mapping =
            mapping::mapping(self.config.paths.value, invocation, self.places, &toolchain, self.env);
        let memo = Memo::of(self.places.target.as_deref());
        let facts = Facts {
            invocation,
            outputs: &outputs,
            driver: self.driver,
            toolchain: &toolchain,
            env: self.env,
            places: self.places,
            memo: &memo,
            memo_dir: &memo_dir,
            paths: &mapping.name,
            salt: &self.config.key_salt.value,
            declared_variables: &self.config.key_env_vars.value,
            reach: &|digest| self.store.reach(digest),
            names: &|digest| self.store.names(digest),
            adopt: &|path, digest| self.store.adopt(path, digest),
        };
        record.unit = gather::unit_name(&facts);
        record.place = self.place();
        let unit = unit::unit(&facts)?;
        record.unit_key = Some(unit.key);
        record.times.key_us = lap(watch);
        let streams = Streams::new(invocation, &outputs, &self.places.roots);
        let job = Job { way: self, facts: &facts, unit: &unit, streams: &streams, mapping: &mapping };
        job.run(record, watch)
    }

    /// A build script tries the compiler: outputs below its own `OUT_DIR` are nobody's unit.
    fn refuse_probes(&self) -> Result<(), BypassReason> {
        let out_dir = self.env.get("OUT_DIR").map(Path::new);
        match out_dir.filter(|dir| self.places.cwd.join(&self.invocation.out_dir).starts_with(dir)) {
            Some(dir) => Err(BypassReason::new(Bypass::Probe, dir.to_string_lossy())),
            None => Ok(()),
        }
    }

    fn place(&self) -> String {
        let root = if self.places.member { Root::Workspace } else { Root::Target };
        self.places
            .roots
            .value(root)
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .unwrap_or_default()
    }
}

fn lap(watch: &mut Stopwatch) -> u64 {
    watch.lap().as_micros() as u64
}

/// An invocation whose unit key is known.
struct Job<'a> {
    way: &'a Way<'a>,
    facts: &'a Facts<'a>,
    unit: &'a Unit,
    streams: &'a Streams<'a>,
    mapping: &'a Mapping,
}

impl Job<'_> {
    fn run(&self, record: &mut Record, watch: &mut Stopwatch) -> Result<ExitCode, BypassReason> {
        let mut reason = match self.try_hit(Origin::Local, record, watch) {
            Ok(code) => return Ok(code),
            Err(reason) => reason,
        };
        let lock = match self.take_off() {
            // Who had the lock may have let go of it between the lookup and now.
            Some(Waited::Free(lock) | Waited::AfterHolder(lock)) => {
                record.times.wait_us = lap(watch);
                match self.try_hit(Origin::Waited, record, watch) {
                    Ok(code) => return Ok(code),
                    Err(again) => reason = again,
                }
                Some(lock)
            }
            Some(Waited::Stalled) | None => None,
        };
        record.times.wait_us += lap(watch);
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
        let mut present = Present::new(self.facts.places, self.facts.env);
        let found = store.lookup(&self.unit.key, &mut present)?;
        record.times.lookup_us = lap(watch);
        let Found { key, entry, list } = found;
        record.key = Some(key);
        let restore_failed = || MissReason::RestoreFailed;
        let dep_info =
            gather::dep_info_of(&entry, &list, self.facts.outputs, self.facts).ok_or_else(restore_failed)?;
        let stdout = self.streams.give(&entry.stdout).ok_or_else(restore_failed)?;
        let stderr = self.streams.give(&entry.stderr).ok_or_else(restore_failed)?;
        let restored =
            restore::restore(store, &entry, self.facts.outputs, self.facts.memo).map_err(|failed| {
                match failed {
                    Failed::Blob => MissReason::BlobDamaged,
                    Failed::Incomplete => MissReason::EntryDamaged,
                    Failed::Place => MissReason::RestoreFailed,
                }
            })?;
        if let Some(output) = self.facts.outputs.iter().find(|output| output.role == Role::DepInfo) {
            let path = self.facts.places.cwd.join(&output.path);
            fs::replace(&path, &restore::temporary_beside(&path), &dep_info).map_err(|_| restore_failed())?;
        }
        let _ = std::io::stdout().write_all(&stdout);
        let _ = std::io::stderr().write_all(&stderr);
        record.outcome = Outcome::Hit { origin };
        record.compile_ms = entry.compile_ms;
        record.bytes.linked = restored.linked_bytes;
        record.bytes.cloned = restored.cloned_bytes;
        record.bytes.copied = restored.copied_bytes;
        record.bytes.n_link_failures = restored.n_link_failures;
        record.times.restore_us = lap(watch);
        Ok(ExitCode::SUCCESS)
    }

    /// Waits for others that compile the same. Without a lock, everyone compiles for themselves.
    fn take_off(&self) -> Option<Waited> {
        let source = self.facts.places.cwd.join(&self.facts.invocation.source);
        let (crate_root, _) = memo::hash_file(&source).ok()?;
        self.way.store.take_off(&self.unit.key, &crate_root, self.way.config.wait.value).ok()
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
        unlink(self.facts.outputs, &self.facts.places.cwd);
        let mut present = Present::new(self.facts.places, self.facts.env);
        let _ = way.store.lookup(&self.unit.key, &mut present);
        let started_ns = fs::kernel_time(&way.store.temporary());
        let before =
            started_ns.as_ref().ok().map(|started_ns| Before::look(self.facts, &present, *started_ns));
        let args = [way.call.prefix, &self.mapping.args, &self.kept_args()].concat();
        let heartbeat = || lock.iter().for_each(|lock| lock.heartbeat());
        let reach = gather::reach_of(self.facts, self.unit);
        let shown = self.announcing(reach.as_ref());
        let compiled = compile::run(way.call.program, &args, &shown, &heartbeat)
            .map_err(|e| BypassReason::new(Bypass::UnknownCompiler, e.to_string()))?;
        record.times.compile_us = lap(watch);
        record.compile_ms = compiled.elapsed.as_millis() as u64;
        let unstored = if compiled.status.success() {
            before
                .ok_or_else(|| Unstored::StoreFailed("the store has no time".to_owned()))
                .and_then(|before| self.store(&before, &compiled, reach.as_ref(), record))
                .err()
        } else {
            Some(Unstored::CompilerFailed)
        };
        record.outcome = Outcome::Miss { reason, unstored };
        record.times.put_us = lap(watch);
        Ok(ExitCode::from(process::exit_code(compiled.status)))
    }

    /// The given arguments without those that a compile under kache leaves out.
    fn kept_args(&self) -> Vec<OsString> {
        let left_out = policy::left_out(self.facts.invocation);
        let args = self.way.call.args.iter().enumerate();
        args.filter(|(index, _)| !left_out.contains(index)).map(|(_, argument)| argument.clone()).collect()
    }

    /// What is shown of each line. Before metadata is announced, and dependents start with it, it is noted what
    /// stands behind it: they need that for their keys.
    fn announcing<'a>(&'a self, reach: Option<&'a Reach>) -> impl Fn(&[u8]) -> Vec<u8> + Sync + use<'a> {
        let (streams, store) = (self.streams, self.way.store);
        let (outputs, places) = (self.facts.outputs, self.facts.places);
        move |line| {
            if streams.announced(line) == Some(Role::Metadata)
                && let Some(reach) = reach
                && let Some(output) = outputs.iter().find(|output| output.role == Role::Metadata)
                && let Ok((digest, identity)) = memo::hash_file(&places.cwd.join(&output.path))
                && store.put_reach(&digest, reach).is_ok()
            {
                Memo::of(places.target.as_deref()).set(&identity, Known { digest, reach: reach.note() });
            }
            streams.real_paths(line).into_owned()
        }
    }

    fn store(
        &self,
        before: &Before,
        compiled: &Compiled,
        reach: Option<&Reach>,
        record: &mut Record,
    ) -> Result<(), Unstored> {
        let finished = Finished {
            facts: self.facts,
            unit: self.unit,
            before,
            streams: self.streams,
            compiled,
            reach,
            maps_paths: self.mapping.maps,
        };
        let put = gather::gather(&finished)?;
        record.key = Some(put.key);
        self.way.store.put(&put).map_err(|e| Unstored::StoreFailed(e.to_string()))?;
        record.bytes.stored = put.entry.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
        for (artifact, (path, _)) in put.entry.artifacts.iter().zip(&put.files) {
            if restore::can_be_depended_on(artifact.role)
                && let Ok(identity) = Identity::at(path)
            {
                self.facts.memo.set(&identity, Known { digest: artifact.blob, reach: put.entry.reach });
            }
        }
        Ok(())
    }
}

//! Serves a unit whose unit key is known: from the store, or from another process that is compiling it, or by compiling
//! it.

use std::process::ExitCode;
use std::time::SystemTime;

use crate::action::inputs::KeyInputs;
use crate::action::memo;
use crate::action::present::Present;
use crate::config::Observe;
use crate::digest::Digest;
use crate::invocation::Role;
use crate::invocation::outputs::output_of;
use crate::key::assumed;
use crate::key::context::KeyContext;
use crate::key::unit::UnitKey;
use crate::outcome::{BypassReason, Clean, Edit, MissReason, Origin};
use crate::run::call_note::{self, Served};
use crate::run::edit::decision::Mode;
use crate::run::edit::directory::{self, IncrementalDir};
use crate::run::edit::last_build::LastSources;
use crate::run::fetch::{self, MissedUnit};
use crate::run::miss::run_compiler::CompilerOutput;
use crate::run::path_remap::PathRemap;
use crate::run::record::Record;
use crate::run::request::Request;
use crate::run::restore::{FileTimes, Restored};
use crate::run::streams::Streams;
use crate::run::{automatic_gc, hit, launcher, start_daemon};
use crate::store::lookup::FoundEntry;
use crate::sys::clock::Stopwatch;
use crate::sys::lock::{FileLock, Waited};
use crate::sys::{defence, fs};

/// An invocation whose unit key is known.
pub struct KeyedUnit<'a> {
    pub request: &'a Request<'a>,
    pub context: &'a KeyContext<'a>,
    pub unit: &'a UnitKey,
    pub streams: &'a Streams<'a>,
    pub remap: &'a PathRemap,
}

/// How a unit is compiled that is not in the store.
enum CompilePlan {
    Edit(PlannedEdit),
    FromScratch(FromScratch),
}

/// A compile that is stored.
struct FromScratch {
    why: Clean,
    /// Whether it runs in an empty incremental directory, for the next edit.
    leaves_state: bool,
}

/// An edit that is about to be compiled.
struct PlannedEdit {
    /// Why it is one, and of which source.
    edit: (Edit, String),
    /// What the last outputs were made from.
    last: Option<LastSources>,
    dir: IncrementalDir,
}

impl KeyedUnit<'_> {
    /// Serves the unit from the store. If it is not there, one process compiles it while the others that need it wait.
    ///
    /// # Errors
    /// The unit cannot be cached after all, and nothing has run.
    pub fn serve_or_compile(
        &self,
        record: &mut Record,
        watch: &mut Stopwatch,
    ) -> Result<ExitCode, BypassReason> {
        let mut reason = match self.try_hit(Origin::Local, record, watch) {
            Ok(code) => return Ok(code),
            Err(reason) => reason,
        };
        let scratch = match self.plan(reason) {
            CompilePlan::Edit(edit) => return self.compile_edit(edit, record),
            CompilePlan::FromScratch(scratch) => scratch,
        };
        let lock = match self.acquire_flight_lock() {
            // Another invocation may have released the lock between the lookup and now.
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
        if self.fetch(record, watch) {
            match self.try_hit(Origin::Remote, record, watch) {
                Ok(code) => return Ok(code),
                Err(again) => reason = again,
            }
        }
        record.clean = Some(scratch.why);
        self.compile((reason, scratch), lock.as_ref(), record, watch)
    }

    /// Asks the daemon to fetch the unit from the remote. True if the store may have it now.
    fn fetch(&self, record: &mut Record, watch: &mut Stopwatch) -> bool {
        let Request { env, config, .. } = *self.request;
        let missed =
            MissedUnit { unit_key: &self.unit.key, compiler: &self.context.toolchain.digest, is_run: false };
        self.request.writes() && fetch::fetch(env, config, missed, record, watch)
    }

    /// Decides how the unit is compiled. Locks the incremental directory of an edit.
    fn plan(&self, reason: MissReason) -> CompilePlan {
        let is_asked = self.context.invocation.incremental.is_some();
        let last = if is_asked { LastSources::read(self.context) } else { None };
        let edit = match self.request.decide_mode(reason, self.context, last.as_ref()) {
            Mode::Edit(edit) => edit,
            Mode::Fresh(why) => return CompilePlan::FromScratch(FromScratch { why, leaves_state: true }),
            Mode::Clean(why) => return CompilePlan::FromScratch(FromScratch { why, leaves_state: false }),
        };
        let Some(dir) = IncrementalDir::open(self.context) else {
            return CompilePlan::FromScratch(FromScratch { why: Clean::InUse, leaves_state: false });
        };
        let changed = last.as_ref().and_then(|last| last.changed.as_ref());
        let changed = changed.filter(|_| edit == Edit::Source);
        let detail = changed.map(|path| self.context.build_dirs.below_workspace(path)).unwrap_or_default();
        CompilePlan::Edit(PlannedEdit { edit: (edit, detail), last, dir })
    }

    /// Compiles an edit.
    ///
    /// # Errors
    /// The compiler could not be started.
    fn compile_edit(&self, planned: PlannedEdit, record: &mut Record) -> Result<ExitCode, BypassReason> {
        let PlannedEdit { edit, last, dir } = planned;
        let setting = (self.context, self.streams, self.remap);
        self.request.compile_edit(edit, last, Some(dir), setting, record)
    }

    /// Serves the unit from the store, if it is there.
    fn try_hit(
        &self,
        origin: Origin,
        record: &mut Record,
        watch: &mut Stopwatch,
    ) -> Result<ExitCode, MissReason> {
        let found = self.find();
        record.times.lookup_us += watch.lap_us();
        let found = found?;
        record.key = Some(found.key);
        let placed = hit::place(self.request.store, &found, self.context, self.streams, FileTimes::Now)?;
        placed.print();
        // From here on, a panic must not have the compiler print it all again.
        self.request.final_exit_code.set(0);
        self.install_launcher(None);
        defence::prints_nothing("nothing-is-printed-of-hits");
        record.hit(origin, &found, placed.restored);
        self.note_call(found.key, record);
        record.times.restore_us = watch.lap_us();
        Ok(ExitCode::SUCCESS)
    }

    /// Puts the unit in place if the store has it. Prints nothing.
    ///
    /// # Errors
    /// The store does not have it, or it cannot be placed.
    pub fn place(&self, times: FileTimes<'_>) -> Result<(FoundEntry, Restored), MissReason> {
        let found = self.find()?;
        let placed = hit::place(self.request.store, &found, self.context, self.streams, times)?;
        self.install_launcher(Some(fs::time(placed.restored.newest_ns)));
        Ok((found, placed.restored))
    }

    /// Looks the unit up in the store.
    fn find(&self) -> Result<FoundEntry, MissReason> {
        let rules = || self.rules();
        let program_variable_names = |program: &_| self.context.known.program_variable_names(program);
        let mut present = Present::new(self.context.build_dirs, self.context.env)
            .with_variable_names(&program_variable_names)
            .with_loader_dirs(self.context.loader_dirs())
            .with_memo(self.context.memo)
            .with_rules(&rules);
        self.request.store.lookup(&self.unit.key, &mut present)
    }

    /// The inputs that rules name. Where the unit can be observed, an entry that was made by rules is ignored.
    fn rules(&self) -> Option<KeyInputs> {
        let observes = self.request.config.observe.value == Observe::Auto && self.request.store.can_observe();
        if observes && defence::stands("what-rules-made-is-not-believed") {
            return None;
        }
        Some(assumed::assume(self.context, self.unit).ok()?.inputs)
    }

    /// Waits for other processes that are compiling this unit. The digest of the crate root stands in for the cache key,
    /// which a first miss does not know. Without a lock, each process compiles for itself.
    fn acquire_flight_lock(&self) -> Option<Waited> {
        if !self.request.writes() || !defence::stands("one-compiles-and-others-wait") {
            return None;
        }
        let source = self.context.build_dirs.cwd.join(&self.context.invocation.source);
        let (crate_root, _) = memo::hash_file(&source).ok()?;
        let patience = self.request.config.wait.value;
        self.request.store.acquire_flight_lock(&self.unit.key, &crate_root, patience).ok()
    }

    /// Where the unit is a build script, lets kache see its runs.
    fn install_launcher(&self, stamp: Option<SystemTime>) {
        let Request { config, store, .. } = self.request;
        let is_wanted = launcher::is_wanted(self.context.invocation, self.context.env);
        if is_wanted && config.build_scripts.value && store.can_observe() {
            launcher::install(self.context, stamp);
        }
    }

    /// Notes the call for later build directories.
    fn note_call(&self, key: Digest, record: &mut Record) {
        if !self.request.config.seed.value || !self.request.writes() {
            return;
        }
        let KeyContext { invocation, build_dirs, outputs, env, .. } = *self.context;
        let Some(target) = &build_dirs.target else { return };
        let dep_info = output_of(outputs, Role::DepInfo).map(|output| build_dirs.cwd.join(&output.path));
        let out_dir = build_dirs.cwd.join(&invocation.out_dir);
        let package = env.get("CARGO_PKG_NAME").unwrap_or_default().to_string_lossy();
        let name = call_note::name(&package, invocation, &out_dir);
        record.not_seeded = call_note::why_not_seeded(target, &name);
        call_note::note(
            env,
            &Served { target, name: &name, out_dir: &out_dir, dep_info: dep_info.as_deref(), key },
        );
    }

    /// Compiles, and stores the outputs.
    fn compile(
        &self,
        (reason, scratch): (MissReason, FromScratch),
        lock: Option<&FileLock>,
        record: &mut Record,
        watch: &mut Stopwatch,
    ) -> Result<ExitCode, BypassReason> {
        let request = self.request;
        let fresh = scratch.leaves_state.then(|| IncrementalDir::open_fresh(self.context)).flatten();
        let mut job = request.job(self.context, &self.unit.externs, self.streams);
        job.fresh = fresh.as_ref();
        let observe = request.config.observe.value == Observe::Auto;
        let missed = match job.compile_and_store(self.unit, self.remap, observe, lock) {
            Ok(missed) => missed,
            Err(reason) => {
                return request.compile_for_dependents(reason, self.context, self.streams, record);
            }
        };
        if self.remap.maps {
            job.write_directory();
        }
        let exit_code = if missed.stored.is_ok() || defence::stands("not-storing-is-no-failure") {
            missed.compiled.exit_code()
        } else {
            1
        };
        if missed.stored.is_ok() {
            request.store.refresh_closures(&self.unit.externs);
            self.install_launcher(None);
            automatic_gc::after_put(&request.config.cache_dir.value);
        }
        if fetch::lacks_daemon(record) {
            start_daemon::after_miss(request.env);
        }
        if let Ok(stored) = &missed.stored {
            self.note_call(stored.key, record);
        }
        let CompilerOutput { status, stderr, .. } = &missed.compiled.output;
        let is_whole = fresh.is_some().then(|| directory::is_whole(status.code(), stderr));
        defence::prints_nothing("nothing-is-printed-of-misses");
        record.miss(reason, missed);
        if let Some((fresh, is_whole)) = fresh.zip(is_whole) {
            record.leaves_state = fresh.finish_fresh(is_whole);
        }
        record.times.put_us = watch.lap_us().saturating_sub(record.times.compile_us);
        Ok(ExitCode::from(exit_code))
    }
}

//! A miss: the compiler runs with cargo's own arguments, and what it made is stored. It runs once, unless paths must
//! not be mapped after all: [`crate::run::miss::attempt`].
//!
//! Crates that are not stored, but that others depend on, take this way as well: what stands behind them is noted, or
//! nothing that depends on them could be served either.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::action::memo::{Known, Memo};
use crate::action::present::Present;
use crate::digest::Digest;
use crate::invocation::Role;
use crate::invocation::driver::Driver;
use crate::key::assumed::{self, Assumed};
use crate::key::closure::CrateClosure;
use crate::key::context::KeyContext;
use crate::key::unit::Unit;
use crate::key::unit_closure;
use crate::outcome::{Bypass, BypassReason, Unstored};
use crate::run::call::{Call, unlink};
use crate::run::miss::artifact_reader::{Reader, Reading};
use crate::run::miss::attempt::{Attempt, Stream};
use crate::run::miss::before::Before;
use crate::run::miss::collect::{self, Finished};
use crate::run::miss::compile::{self, Compiled, NotRun, Printed, ShownStreams};
use crate::run::miss::generated::Sources;
use crate::run::miss::learn::Evidence;
use crate::run::miss::privileged;
use crate::run::path_remap::PathRemap;
use crate::run::policy;
use crate::run::streams::Streams;
use crate::store::Store;
use crate::sys::fs::{self, Identity};
use crate::sys::lock::FileLock;
use crate::sys::observe::{Found, Observation, Scope};
use crate::sys::{process, shield};

/// A compile that is about to run.
pub struct Compilation<'a> {
    pub call: &'a Call<'a>,
    pub context: &'a KeyContext<'a>,
    /// Content of the externs.
    pub externs: &'a [Digest],
    pub streams: &'a Streams<'a>,
    pub store: &'a Store,
    /// Whether anything is put into the store.
    pub writes: bool,
}

/// A compile that ran.
pub struct Finish<'a> {
    compilation: &'a Compilation<'a>,
    closure: Option<CrateClosure>,
    reader: Reader,
    compiled: Compiled,
    /// It was begun again without observation, because this program would have run without its privileges.
    privileged: Option<PathBuf>,
}

/// What was stored.
pub struct Stored {
    pub key: Digest,
    pub n_bytes: u64,
}

/// How a compile went that was to be stored.
pub struct Missed<'a> {
    pub finish: Finish<'a>,
    pub stored: Result<Stored, Unstored>,
    /// Why it was not observed, if it was not.
    pub unobserved: Option<String>,
}

impl Compilation<'_> {
    /// Compiles and stores what that made. If `observe` is set, what it reads is observed where that is possible.
    ///
    /// # Errors
    /// Nothing has run: the compiler could not be started, or it cannot be observed and the rules do not understand
    /// what it would read.
    pub fn miss(
        &self,
        unit: &Unit,
        remap: &PathRemap,
        observe: bool,
        lock: Option<&FileLock>,
    ) -> Result<Missed<'_>, BypassReason> {
        let failed = |e: io::Error| BypassReason::new(Bypass::UnknownCompiler, e.to_string());
        if !self.writes {
            let (finish, _) = self.run_mapped(unit, remap, None, None).map_err(|e| failed(e.into()))?;
            let why =
                if finish.compiled.status.success() { Unstored::OnlyRead } else { Unstored::CompilerFailed };
            let unobserved = Some("nothing is stored".to_owned());
            return Ok(Missed { finish, stored: Err(why), unobserved });
        }
        let mut unobserved = "observing is off".to_owned();
        if observe {
            let known = privileged::known(self.context);
            let scope = known.is_none().then(|| self.scope(unit));
            match self.run_mapped(unit, remap, lock, scope) {
                Ok((finish, remap)) => {
                    if let Some(program) = &finish.privileged {
                        privileged::remember(self.context, program, !unit.runs_macros);
                    }
                    let finish = Finish { privileged: finish.privileged.or(known), ..finish };
                    let stored = finish.store(unit, &remap, None);
                    let unobserved = finish.privileged.as_deref().map(privileged::why);
                    return Ok(Missed { finish, stored, unobserved });
                }
                Err(NotRun::Failed(e)) => return Err(failed(e)),
                Err(NotRun::Unobservable(why)) => unobserved = why,
            }
        }
        let assumed = assumed::assume(self.context, unit)?;
        let before = Before::look(self.store, unit, self.context);
        let (finish, remap) = self.run_mapped(unit, remap, lock, None).map_err(|e| failed(e.into()))?;
        let stored = match before {
            Ok(before) => finish.store(unit, &remap, Some((&before, &assumed))),
            Err(e) => Err(Unstored::StoreFailed(e.to_string())),
        };
        Ok(Missed { finish, stored, unobserved: Some(unobserved) })
    }

    /// Runs the compiler with its own arguments.
    ///
    /// # Errors
    /// The compiler could not be started.
    pub fn run(&self) -> io::Result<Finish<'_>> {
        Ok(self.run_once(&[], None, None, &Attempt::that_counts())?)
    }

    /// Runs the compiler with mapped paths; if that does not count, once more with real ones. Says how paths were mapped
    /// in the end.
    fn run_mapped(
        &self,
        unit: &Unit,
        remap: &PathRemap,
        lock: Option<&FileLock>,
        observe: Option<Scope>,
    ) -> Result<(Finish<'_>, PathRemap), NotRun> {
        if !remap.maps {
            let finish = self.run_once(&remap.args, lock, observe, &Attempt::that_counts())?;
            return Ok((finish, remap.clone()));
        }
        let sources = Sources {
            invocation: self.context.invocation,
            outputs: self.context.outputs,
            build_dirs: self.context.build_dirs,
            store: self.store,
            externs: self.externs,
            remapped_package: remap.package.clone(),
        };
        if !sources.seem_to_ask(&self.earlier_sources(unit), self.context.env.get("OUT_DIR")) {
            let attempt = Attempt::mapped(&sources);
            let finish = self.run_once(&remap.args, lock, observe, &attempt)?;
            // A compiler that was killed did not fail because of paths.
            let status = finish.compiled.status;
            if attempt.counts(status.success() || status.code().is_none()) {
                self.answered(&finish);
                return Ok((finish, remap.clone()));
            }
        }
        let real = remap.with_real_paths();
        let finish = self.run_once(&real.args, lock, observe, &Attempt::that_counts())?;
        Ok((finish, real))
    }

    /// What the last compile of the unit read.
    fn earlier_sources(&self, unit: &Unit) -> Vec<PathBuf> {
        let present = Present::new(self.context.build_dirs, self.context.env);
        let lists = self.store.lists(&unit.key).unwrap_or_default();
        let files = lists.first().map(|list| list.files.iter());
        files.into_iter().flatten().filter_map(|file| present.path(file)).collect()
    }

    /// Notes that the compiler has answered: from now on, nothing may run it again.
    fn answered(&self, finish: &Finish<'_>) {
        self.call.answered.set(Some(finish.exit_code()));
    }

    /// Whether links count that are only asked for. rustc alone opens what its arguments and sources name, or has
    /// resolved it first: that a link leads to other content is seen by that content. Whoever runs with it, a procedural
    /// macro or a linker, may ask only to know.
    fn scope(&self, unit: &Unit) -> Scope {
        let needs_no_linker = |role: Role| matches!(role, Role::DepInfo | Role::Metadata | Role::Rlib);
        let is_alone = !unit.runs_macros
            && self.call.driver == Some(Driver::Rustc)
            && Path::new(self.call.program).starts_with(&self.context.toolchain.sysroot)
            && self.context.outputs.iter().all(|output| needs_no_linker(output.role));
        if is_alone { Scope::AllButLinks } else { Scope::All }
    }

    /// Runs the compiler, with the arguments `mapped` in front of its own, and without those that are left out. Whoever
    /// waits for `lock` is shown that it goes on. What `attempt` holds back is not shown.
    fn run_once(
        &self,
        mapped: &[OsString],
        lock: Option<&FileLock>,
        observe: Option<Scope>,
        attempt: &Attempt<'_>,
    ) -> Result<Finish<'_>, NotRun> {
        let left_out = policy::left_out(self.context.invocation);
        unlink(self.context.outputs, &self.context.build_dirs.cwd);
        let own = self.call.args.iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        let own: Vec<OsString> = own.map(|(_, argument)| argument.clone()).collect();
        let args = [self.call.prefix, mapped, &own].concat();
        let closure =
            self.writes.then(|| unit_closure::closure_of_unit(self.context, self.externs)).flatten();
        let reader = Reader::new(self.context.build_dirs);
        let (compiled, privileged) = {
            let stderr = self.announcing(closure.as_ref(), &reader, attempt);
            let stdout = |line: &[u8]| attempt.pass(Stream::Stdout, line.to_vec(), None);
            let shown = ShownStreams { stdout: &stdout, stderr: &stderr };
            let run =
                |observe, printed: &_| compile::run(self.call.program, &args, shown, lock, observe, printed);
            let first = run(observe, &Printed::default())?;
            let privileged = first.observation.as_ref().and_then(|seen| seen.privileged.clone());
            if first.is_abandoned {
                self.remove_unfinished(first.observation.as_ref());
                let second = run(None, &first.shown)?;
                (Compiled { elapsed: first.elapsed + second.elapsed, ..second }, privileged)
            } else {
                (first, privileged)
            }
        };
        let finish = Finish { compilation: self, closure, reader, compiled, privileged };
        if attempt.is_certain() {
            self.answered(&finish);
        }
        Ok(finish)
    }

    /// Removes temporary files that a killed compiler has left. Its outputs stay: dependents may read one that was
    /// announced, and the next run replaces them.
    fn remove_unfinished(&self, seen: Option<&Observation>) {
        let KeyContext { invocation, outputs, build_dirs, .. } = self.context;
        let real = |path: &Path| fs::canonical(path).unwrap_or_else(|_| path.to_path_buf());
        let out_dir = real(&build_dirs.cwd.join(&invocation.out_dir));
        let is_output = |path: &Path| {
            outputs.iter().any(|output| output.path.file_name() == path.file_name())
                && path.parent() == Some(&out_dir)
        };
        let own = format!("{}{}.", invocation.crate_name, invocation.extra_filename.to_string_lossy());
        let made = seen.into_iter().flat_map(|seen| &seen.accesses);
        for access in made.filter(|access| access.uses.written && access.found == Found::Absent) {
            let name = access.real.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let is_named_like = access.real.parent() == Some(&out_dir) && name.starts_with(&own);
            if is_named_like && !is_output(&access.real) {
                let _ = fs::remove(&access.real);
            } else if is_directory_of_rustc(&name) && access.real.is_dir() {
                let _ = fs::remove_dir_all(&access.real);
            }
        }
    }

    /// What is shown of each line. Before metadata is announced, and dependents start with it, it is noted what
    /// stands behind it: they need that for their keys.
    fn announcing<'a>(
        &'a self,
        closure: Option<&'a CrateClosure>,
        reader: &'a Reader,
        attempt: &'a Attempt<'a>,
    ) -> impl Fn(&[u8]) -> Vec<u8> + Sync + use<'a> {
        let (streams, store) = (self.streams, self.store);
        let (outputs, build_dirs) = (self.context.outputs, self.context.build_dirs);
        move |line| {
            let announced = streams.announced(line);
            if announced == Some(Role::Metadata)
                && !attempt.is_dropped()
                && let Some(closure) = closure
                && let Some(output) = outputs.iter().find(|output| output.role == Role::Metadata)
                && let Ok(Reading { identity, digest, assembles, .. }) =
                    reader.read_announced(&build_dirs.cwd.join(&output.path))
                && store.put_closure(&digest, &with_assembler(closure, assembles)).is_ok()
            {
                Memo::of(build_dirs.target.as_deref())
                    .set(&identity, Known { digest, closure: closure.note() });
            }
            attempt.pass(Stream::Stderr, streams.real_paths(line).into_owned(), announced)
        }
    }
}

impl Finish<'_> {
    /// The code to end with.
    pub fn exit_code(&self) -> u8 {
        process::exit_code(self.compiled.status)
    }

    /// How long the compiler ran.
    pub fn elapsed(&self) -> Duration {
        self.compiled.elapsed
    }

    /// How many calls were seen.
    pub fn n_calls(&self) -> u64 {
        self.compiled.observation.as_ref().map_or(0, |observation| observation.n_calls)
    }

    /// Stores what the compiler made, if all about it is certain.
    fn store(
        &self,
        unit: &Unit,
        remap: &PathRemap,
        unobserved: Option<(&Before, &Assumed)>,
    ) -> Result<Stored, Unstored> {
        if !self.compiled.status.success() {
            return Err(Unstored::CompilerFailed);
        }
        if let Some(program) = &self.privileged {
            self.note_closure();
            return Err(Unstored::InputsUnknown(privileged::why(program)));
        }
        let observation = self.compiled.observation.as_ref();
        let evidence = match (unobserved, observation) {
            (Some((before, assumed)), _) => Evidence::Assumed(before, assumed),
            (None, Some(observation)) => Evidence::Observed(self.compilation.call, observation),
            (None, None) => return Err(Unstored::InputsUnknown("nothing was observed".to_owned())),
        };
        let stored = shield::shielded(|| self.try_store(unit, evidence, remap))
            .unwrap_or_else(|defect| Err(Unstored::Defect(defect)));
        if stored.is_err() {
            self.note_closure();
        }
        stored
    }

    fn try_store(&self, unit: &Unit, evidence: Evidence<'_>, remap: &PathRemap) -> Result<Stored, Unstored> {
        let Compilation { context, streams, store, .. } = *self.compilation;
        let put = collect::collect(&Finished {
            context,
            unit,
            evidence,
            streams,
            compiled: &self.compiled,
            closure: self.closure.as_ref(),
            reader: &self.reader,
            remap,
        })?;
        store.put(&put).map_err(|e| Unstored::StoreFailed(e.to_string()))?;
        for (artifact, (path, _)) in put.entry.artifacts.iter().zip(&put.files) {
            if artifact.role.can_be_depended_on()
                && let Ok(identity) = Identity::at(path)
            {
                context.memo.set(&identity, Known { digest: artifact.blob, closure: put.entry.closure });
            }
        }
        let n_bytes = put.entry.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
        Ok(Stored { key: put.key, n_bytes })
    }

    /// Notes what stands behind outputs that were not stored. Procedural macros are taken for what they are when
    /// they are first depended on.
    pub fn note_closure(&self) {
        let Compilation { context, store, .. } = *self.compilation;
        let Some(closure) = self.closure.as_ref().filter(|_| self.compiled.status.success()) else { return };
        for output in context.outputs.iter().filter(|output| is_rust_library(output.role)) {
            if let Ok(Reading { identity, digest, assembles, .. }) =
                self.reader.read(&context.build_dirs.cwd.join(&output.path), &mut |_| {})
                && store.put_closure(&digest, &with_assembler(closure, assembles)).is_ok()
            {
                context.memo.set(&identity, Known { digest, closure: closure.note() });
            }
        }
    }
}

fn with_assembler(closure: &CrateClosure, assembles: bool) -> CrateClosure {
    let mut closure = closure.clone();
    closure.set_assembles(assembles);
    closure
}

/// Whether rustc makes directories with such a name for what is not finished: `rustcXXXXXX`, `rmetaXXXXXX`.
fn is_directory_of_rustc(name: &str) -> bool {
    let rest = name.strip_prefix("rustc").or_else(|| name.strip_prefix("rmeta"));
    rest.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_rust_library(role: Role) -> bool {
    role.can_be_depended_on() && role != Role::ProcMacro
}

//! Compiles a unit and has it stored: decides whether the compile is observed, with which arguments and mapped paths
//! the compiler runs, and whether it must run once more.
//!
//! It runs a second time where paths must not be mapped after all ([`crate::run::miss::attempt`]), or where a program
//! would have run without its privileges ([`crate::run::miss::privileged`]).
//!
//! A bypass that other units depend on is compiled here too: without a note of its crate closure, these could not be
//! served.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::action::memo::{Known, Memo};
use crate::invocation::Role;
use crate::invocation::driver::Driver;
use crate::invocation::outputs::output_of;
use crate::key::closure::CrateClosure;
use crate::key::context::KeyContext;
use crate::key::unit::UnitKey;
use crate::key::{assumed, unit_closure};
use crate::outcome::{Bypass, BypassReason, Unstored};
use crate::run::call::unlink;
use crate::run::edit::directory::IncrementalDir;
use crate::run::miss::artifact_reader::{Reader, Reading};
use crate::run::miss::attempt::{Attempt, Stream};
use crate::run::miss::before::Before;
use crate::run::miss::generated::Sources;
use crate::run::miss::marks::mark_announced;
use crate::run::miss::observation_context::real_path;
use crate::run::miss::run_compiler::{self, CompilerOutput, NotRun, Printed, ShownStreams};
use crate::run::miss::stages::{CompileJob, CompiledUnit, Missed};
use crate::run::miss::{member_names, privileged};
use crate::run::path_remap::PathRemap;
use crate::run::{compilation_dir, policy};
use crate::sys::lock::FileLock;
use crate::sys::observe::{Observation, PathState, Scope};
use crate::sys::process::Start;
use crate::sys::{defence, fs, os};

/// How a compile with mapped paths went.
enum Tried<'a> {
    Accepted(Box<CompiledUnit<'a>>),
    /// The workspace must be mapped to `.`.
    ShowsPlaceholder,
    /// Paths must not be mapped.
    NeedsRealPaths,
}

impl CompileJob<'_> {
    /// Compiles and stores what that made. If `observe` is set, what it reads is observed where that is possible.
    ///
    /// # Errors
    /// Nothing has run: the compiler could not be started, or it cannot be observed and the rules do not understand
    /// what it would read.
    pub fn compile_and_store(
        &self,
        unit: &UnitKey,
        remap: &PathRemap,
        observe: bool,
        lock: Option<&FileLock>,
    ) -> Result<Missed<'_>, BypassReason> {
        let earlier = if remap.maps { self.earlier_sources(unit) } else { Vec::new() };
        if !self.writes {
            let (compiled, _) =
                self.run_mapped(&earlier, remap, None, None).map_err(|e| not_run(&e.into()))?;
            let why =
                if compiled.output.status.success() { Unstored::OnlyRead } else { Unstored::CompilerFailed };
            let unobserved = Some("nothing is stored".to_owned());
            return Ok(Missed { compiled, stored: Err(why), unobserved });
        }
        let mut unobserved = "observing is off".to_owned();
        if observe {
            let known = privileged::known(self.context);
            let scope = known.is_none().then(|| self.scope(unit));
            match self.run_mapped(&earlier, remap, lock, scope) {
                Ok((compiled, remap)) => {
                    if let Some(program) = &compiled.privileged {
                        privileged::remember(self.context, program, !unit.runs_macros);
                    }
                    let compiled = CompiledUnit { privileged: compiled.privileged.or(known), ..compiled };
                    let stored = compiled.store(unit, &remap, None);
                    let unobserved = compiled.privileged.as_deref().map(privileged::why);
                    return Ok(Missed { compiled, stored, unobserved });
                }
                Err(NotRun::Failed(e)) => return Err(not_run(&e)),
                Err(NotRun::Unobservable(why)) => {
                    self.store.forget_observability();
                    unobserved = why;
                }
            }
        }
        let assumed = assumed::assume(self.context, unit)?;
        let before = Before::look(self.store, unit, self.context);
        let (compiled, remap) =
            self.run_mapped(&earlier, remap, lock, None).map_err(|e| not_run(&e.into()))?;
        let stored = match before {
            Ok(before) => compiled.store(unit, &remap, Some((&before, &assumed))),
            Err(e) => Err(Unstored::StoreFailed(e.to_string())),
        };
        Ok(Missed { compiled, stored, unobserved: Some(unobserved) })
    }

    /// Runs the compiler with real paths, for a bypass that other units depend on.
    ///
    /// # Errors
    /// The compiler could not be started.
    pub fn run(&self) -> io::Result<CompiledUnit<'_>> {
        Ok(self.run_once(&[], None, None, &Attempt::accepted())?)
    }

    /// Runs the compiler with mapped paths; if that is dropped, once more with real ones. Says how paths were
    /// mapped in the end. `earlier` are the sources of the last compile, which count only with mapped paths.
    pub(super) fn run_mapped(
        &self,
        earlier: &[PathBuf],
        remap: &PathRemap,
        lock: Option<&FileLock>,
        observe: Option<Scope>,
    ) -> Result<(CompiledUnit<'_>, PathRemap), NotRun> {
        if !remap.maps {
            let compiled = self.run_once(&remap.args, lock, observe, &Attempt::accepted())?;
            return Ok((compiled, remap.clone()));
        }
        if !self.sources(remap).seem_to_ask(earlier, self.context.env.get("OUT_DIR")) {
            let mut mapped = if self.sources(remap).are_behind_placeholder(earlier) {
                remap.without_placeholder()
            } else {
                remap.clone()
            };
            let mut tried = self.try_mapped(&mapped, lock, observe)?;
            if matches!(tried, Tried::ShowsPlaceholder) {
                mapped = mapped.without_placeholder();
                tried = self.try_mapped(&mapped, lock, observe)?;
            }
            if let Tried::Accepted(compiled) = tried {
                return Ok((*compiled, mapped));
            }
        }
        let real = if defence::stands("real-paths-for-code-that-asks") {
            remap.with_real_paths()
        } else {
            remap.clone()
        };
        let compiled = self.run_once(&real.args, lock, observe, &Attempt::accepted())?;
        Ok((compiled, real))
    }

    /// Runs the compiler with mapped paths, and decides whether that counts.
    fn try_mapped(
        &self,
        remap: &PathRemap,
        lock: Option<&FileLock>,
        observe: Option<Scope>,
    ) -> Result<Tried<'_>, NotRun> {
        let sources = self.sources(remap);
        let attempt = Attempt::mapped(&sources);
        let compiled = self.run_once(&remap.args, lock, observe, &attempt)?;
        // A compiler that was killed did not fail because of paths.
        let status = compiled.output.status;
        if attempt.finish(status.success() || status.code().is_none()) {
            self.fix_exit_code(&compiled);
            return Ok(Tried::Accepted(Box::new(compiled)));
        }
        let is_placeholder_alone = attempt.shows_placeholder() && status.success();
        Ok(if is_placeholder_alone { Tried::ShowsPlaceholder } else { Tried::NeedsRealPaths })
    }

    /// Where the sources of the unit are, under this mapping.
    fn sources<'s>(&'s self, remap: &'s PathRemap) -> Sources<'s> {
        Sources {
            invocation: self.context.invocation,
            outputs: self.context.outputs,
            build_dirs: self.context.build_dirs,
            store: self.store,
            externs: self.externs,
            is_edit: self.edit.is_some(),
            remapped_package: remap.package.clone(),
            covered: remap.placeholder.as_ref().map(|it| it.covered.as_slice()),
        }
    }

    /// What the last compile of the unit read, as the compiler names it.
    fn earlier_sources(&self, unit: &UnitKey) -> Vec<PathBuf> {
        let roots = &self.context.build_dirs.roots;
        let lists = self.store.lists(&unit.key).unwrap_or_default();
        let files = lists.first().map(|list| list.files.iter());
        files.into_iter().flatten().filter_map(|file| os::path(&roots.expand(file)?)).collect()
    }

    /// The compiler has run: from now on, nothing may run it again.
    fn fix_exit_code(&self, compiled: &CompiledUnit<'_>) {
        self.final_exit_code.set(compiled.exit_code());
    }

    /// Whether links that are only resolved count as inputs. rustc itself also opens what a link leads to, so that the
    /// content decides. A procedural macro or a linker may resolve a link and use nothing but the answer.
    fn scope(&self, unit: &UnitKey) -> Scope {
        let mut roles = self.context.outputs.iter().map(|output| output.role);
        let needs_no_linker = roles.all(|role| matches!(role, Role::DepInfo | Role::Metadata | Role::Rlib));
        let is_alone = !(unit.runs_macros && defence::stands("links-count-where-macros-run"))
            && self.call.driver == Some(Driver::Rustc)
            && Path::new(self.call.program).starts_with(&self.context.toolchain.sysroot)
            && needs_no_linker;
        if is_alone { Scope::AllButLinks } else { Scope::All }
    }

    /// Runs the compiler, with the arguments `mapped` in front of its own, and without those that are left out. Keeps
    /// `lock` fresh for those that wait for it. Output that `attempt` holds back is not shown.
    fn run_once(
        &self,
        mapped: &[OsString],
        lock: Option<&FileLock>,
        observe: Option<Scope>,
        attempt: &Attempt<'_>,
    ) -> Result<CompiledUnit<'_>, NotRun> {
        let left_out = policy::left_out(self.context.invocation);
        if defence::stands("a-miss-makes-new-files") {
            self.unlink_outputs();
        }
        let own = self.call.args.iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        let own: Vec<OsString> = own.map(|(_, argument)| argument.clone()).collect();
        let closure =
            self.stores().then(|| unit_closure::closure_of_unit(self.context, self.externs)).flatten();
        let reader = Reader::new(self.context.build_dirs);
        let (output, privileged) = {
            let stderr = self.announcing(closure.as_ref(), &reader, attempt);
            let shown = ShownStreams {
                stdout: &|line| attempt.pass(Stream::Stdout, line.to_vec(), None),
                stderr: &stderr,
            };
            let first_args = [self.call.prefix, mapped, &own, &self.incremental_argument()].concat();
            let program = Start { program: self.call.program, name: None, args: &first_args };
            let first = run_compiler::run(program, shown, lock, observe, &Printed::default())?;
            let privileged = first.observation.as_ref().and_then(|seen| seen.privileged.clone());
            if first.is_abandoned {
                self.remove_unfinished(first.observation.as_ref());
                let second_args = [self.call.prefix, mapped, &own, &self.incremental_argument()].concat();
                let program = Start { args: &second_args, ..program };
                let second = run_compiler::run(program, shown, lock, None, &first.shown)?;
                (CompilerOutput { elapsed: first.elapsed + second.elapsed, ..second }, privileged)
            } else {
                (first, privileged)
            }
        };
        if self.fresh.is_some() && output.status.success() {
            self.make_member_names_plain();
        }
        if output.status.success() {
            self.write_dots();
        }
        let compiled = CompiledUnit { job: self, closure, reader, output, privileged };
        if attempt.is_accepted() {
            self.fix_exit_code(&compiled);
        }
        Ok(compiled)
    }

    /// Writes the directory of this tree into what was linked, where debuggers look for it. Where that fails, they look for
    /// sources where they are started.
    pub fn write_directory(&self) {
        let KeyContext { invocation, outputs, build_dirs, .. } = *self.context;
        for output in outputs.iter().filter(|_| build_dirs.member) {
            if compilation_dir::is_written_into(output.role, invocation) {
                let path = build_dirs.cwd.join(&output.path);
                let _ = compilation_dir::write_into_linked(&path, &build_dirs.cwd);
            }
        }
    }

    /// Writes `.` into what was linked for other units. Failing to do so is harmless.
    fn write_dots(&self) {
        let KeyContext { invocation, outputs, build_dirs, .. } = *self.context;
        for output in outputs.iter().filter(|output| build_dirs.member && output.role.is_linked()) {
            if !compilation_dir::is_written_into(output.role, invocation) {
                let _ = compilation_dir::write_dot_into_linked(&build_dirs.cwd.join(&output.path));
            }
        }
    }

    /// Gives the members of all archives plain names. Failing to do so only makes the bytes irreproducible.
    fn make_member_names_plain(&self) {
        for output in self.context.outputs.iter().filter(|output| output.role.is_archive()) {
            let _ = member_names::make_plain(&self.context.build_dirs.cwd.join(&output.path));
        }
    }

    /// Whether it may be put into the store, or its crate closure noted.
    fn stores(&self) -> bool {
        self.writes && self.edit.is_none()
    }

    /// Removes the outputs that are there, which may be hard links to blobs. The dep-info never is, and stays where a
    /// failed compile writes none: a later edit is detected by it.
    fn unlink_outputs(&self) {
        let outputs = self.context.outputs.iter();
        let removed = outputs.filter(|output| self.edit.is_none() || output.role != Role::DepInfo);
        unlink(&removed.cloned().collect::<Vec<_>>(), &self.context.build_dirs.cwd);
    }

    /// `-C incremental` for the compile that begins now. What is stored is made from an empty directory each time.
    fn incremental_argument(&self) -> Vec<OsString> {
        let fresh = self.fresh.and_then(IncrementalDir::emptied);
        let Some(dir) = fresh.or_else(|| self.edit.as_ref()?.dir.as_deref()) else { return Vec::new() };
        let mut value = OsString::from("incremental=");
        value.push(dir);
        vec!["-C".into(), value]
    }

    /// Removes temporary files that a killed compiler has left. Its outputs stay: dependents may read one that was
    /// announced, and the next run replaces them.
    fn remove_unfinished(&self, seen: Option<&Observation>) {
        let KeyContext { invocation, outputs, build_dirs, .. } = self.context;
        let out_dir = real_path(&build_dirs.cwd.join(&invocation.out_dir));
        let own = format!("{}{}.", invocation.crate_name, invocation.extra_filename.to_string_lossy());
        let made = seen.into_iter().flat_map(|seen| &seen.accesses);
        for access in made.filter(|access| access.uses.written && access.found == PathState::Absent) {
            let name = access.real.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let is_own = access.real.parent() == Some(&out_dir) && name.starts_with(&own);
            let is_output = outputs.iter().any(|output| output.path.file_name() == access.real.file_name());
            if is_own && !is_output {
                let _ = fs::remove(&access.real);
            } else if is_directory_of_rustc(&name) && access.real.is_dir() {
                let _ = fs::remove_dir_all(&access.real);
            }
        }
    }

    /// The text that is shown for each line. Before metadata is announced, and dependents start with it, its crate
    /// closure is noted: they need that for their keys.
    fn announcing<'a>(
        &'a self,
        closure: Option<&'a CrateClosure>,
        reader: &'a Reader,
        attempt: &'a Attempt<'a>,
    ) -> impl Fn(&[u8]) -> Vec<u8> + Sync + use<'a> {
        let (streams, store, is_edit) = (self.streams, self.store, self.edit.is_some());
        let (outputs, build_dirs) = (self.context.outputs, self.context.build_dirs);
        move |line| {
            let announced = streams.announced(line);
            if announced == Some(Role::Metadata) && is_edit {
                mark_announced(outputs, build_dirs);
            }
            if announced == Some(Role::Metadata)
                && !attempt.is_dropped()
                && let Some(closure) = closure
                && let Some(output) = output_of(outputs, Role::Metadata)
                && let Ok(Reading { identity, digest, assembles, .. }) =
                    reader.read_announced(&build_dirs.cwd.join(&output.path))
                && defence::stands("closures-are-known-when-announced")
                && store.put_closure(&digest, &closure.with_assembles(assembles)).is_ok()
            {
                Memo::of(build_dirs.target.as_deref())
                    .set(&identity, Known { digest, closure: closure.note() });
            }
            attempt.pass(Stream::Stderr, streams.real_paths(line).into_owned(), announced)
        }
    }
}

/// The reason where the compiler could not be started.
pub(super) fn not_run(e: &io::Error) -> BypassReason {
    BypassReason::new(Bypass::UnknownCompiler, e.to_string())
}

/// Whether rustc gives its temporary directories such a name: `rustcXXXXXX`, `rmetaXXXXXX`.
fn is_directory_of_rustc(name: &str) -> bool {
    let rest = name.strip_prefix("rustc").or_else(|| name.strip_prefix("rmeta"));
    rest.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

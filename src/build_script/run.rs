//! The stages of a run: it is served, or the script runs and what it did is stored.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::action::cargo_layout;
use crate::action::inputs::KeyInputs;
use crate::action::portable::Roots;
use crate::action::present::Present;
use crate::action::roots::BuildDirs;
use crate::build_script::clock::RunTime;
use crate::build_script::environment::{self, Decisive, ScriptTexts};
use crate::build_script::observed::{LearnedRun, learn};
use crate::build_script::places::{Places, unit_name};
use crate::build_script::request::RequestedRun;
use crate::build_script::tree::{self, Tree};
use crate::build_script::{key, refused};
use crate::config::Write;
use crate::digest::Digest;
use crate::outcome::{MissReason, Origin, Outcome, Unstored};
use crate::run::call_note::{self, Served};
use crate::run::fetch::{self, MissedUnit};
use crate::run::miss::run_compiler::{self, CompilerOutput, NotRun, Printed, ShownStreams};
use crate::run::record::Record;
use crate::run::restore::Restored;
use crate::store::entry::{Entry, FORMAT, Segment, StoredInputs};
use crate::store::lookup::FoundEntry;
use crate::store::put::Put;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::observe::Scope;
use crate::sys::{fs, process};

/// A run whose unit keys are known.
pub struct KeyedRun<'a> {
    requested: RequestedRun<'a>,
    texts: ScriptTexts,
    /// What decides if the run starts only compilers.
    named: RunKey,
    /// What decides otherwise.
    all: RunKey,
}

/// What decides a run before it begins, and the unit key that is made of it.
struct RunKey {
    inputs: KeyInputs,
    unit_key: Digest,
}

impl<'a> RequestedRun<'a> {
    /// The same with its unit keys.
    ///
    /// # Errors
    /// The script cannot be read.
    pub fn keyed(self) -> std::io::Result<KeyedRun<'a>> {
        let (program, _) = self.memo.digest(Path::new(self.launched.script))?;
        let texts = ScriptTexts::read(&self, &program.digest)?;
        let named = self.key(&program.digest, Decisive::Named(&texts));
        let all = self.key(&program.digest, Decisive::All);
        Ok(KeyedRun { named, all, texts, requested: self })
    }

    fn key(&self, program: &Digest, decisive: Decisive<'_>) -> RunKey {
        let salt = &self.config.key_salt.value;
        let inputs = key::unit_inputs(program, self.places, &self.toolchain, self.env, salt, decisive);
        RunKey { unit_key: inputs.key(), inputs }
    }
}

/// A run whose `OUT_DIR` is in place.
pub struct PlacedRun {
    pub found: FoundEntry,
    pub restored: Restored,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl KeyedRun<'_> {
    /// Serves the run, or runs the script. `None`: the script has not run, and is to run as it would without a cache.
    pub fn serve_or_run(&self, record: &mut Record, watch: &mut Stopwatch) -> Option<ExitCode> {
        let RequestedRun { env, places, config, store, .. } = &self.requested;
        record.unit = unit_name(env, places);
        record.place = places.build_dirs.shown();
        record.unit_key = Some(self.all.unit_key);
        record.times.key_us = watch.lap_us();
        let mut reason = match self.try_hit(Origin::Local, record, watch) {
            Ok(()) => return Some(ExitCode::SUCCESS),
            Err(reason) => reason,
        };
        record.outcome = Outcome::Miss { reason, unstored: None };
        if config.write.value == Write::Off {
            record.outcome = Outcome::Miss { reason, unstored: Some(Unstored::OnlyRead) };
            return None;
        }
        if self.fetch(record, watch) {
            match self.try_hit(Origin::Remote, record, watch) {
                Ok(()) => return Some(ExitCode::SUCCESS),
                Err(again) => reason = again,
            }
        }
        if let Some(why) = refused::reason(&store.machine_dir(), &self.all.unit_key) {
            record.outcome = Outcome::Miss { reason, unstored: Some(why) };
            return None;
        }
        self.run(reason, record, watch)
    }

    /// Asks the daemon to fetch the run from the remote, under either key. True if the store may have it now.
    fn fetch(&self, record: &mut Record, watch: &mut Stopwatch) -> bool {
        let RequestedRun { env, config, toolchain, .. } = &self.requested;
        let mut is_new = false;
        for unit_key in [&self.named.unit_key, &self.all.unit_key] {
            let missed = MissedUnit { unit_key, compiler: &toolchain.digest, is_run: true };
            is_new |= fetch::fetch(env, config, missed, record, watch);
            if record.not_fetched.is_some() {
                break;
            }
        }
        is_new
    }

    fn try_hit(&self, origin: Origin, record: &mut Record, watch: &mut Stopwatch) -> Result<(), MissReason> {
        let found = self.find(record);
        record.times.lookup_us += watch.lap_us();
        let found = found?;
        let placed = self.restore(found, None)?;
        let _ = std::io::stdout().write_all(&placed.stdout);
        let _ = std::io::stderr().write_all(&placed.stderr);
        record.key = Some(placed.found.key);
        record.hit(origin, &placed.found, placed.restored);
        record.times.restore_us = watch.lap_us();
        self.note_call(placed.found.key, record);
        Ok(())
    }

    /// Puts `OUT_DIR` in place if the store has the run and it printed `stdout`, with `stamp` as the time of its files.
    /// Prints nothing.
    ///
    /// # Errors
    /// The store does not have it, or it cannot be placed.
    pub fn place(
        &self,
        record: &mut Record,
        stdout: &[u8],
        stamp: SystemTime,
    ) -> Result<PlacedRun, MissReason> {
        let RequestedRun { env, places, .. } = &self.requested;
        record.unit = unit_name(env, places);
        record.place = places.build_dirs.shown();
        record.unit_key = Some(self.all.unit_key);
        let found = self.find(record)?;
        record.key = Some(found.key);
        let printed = expand(&found.entry.stdout, &places.build_dirs.roots);
        if printed.as_deref() != Some(stdout) {
            return Err(MissReason::InputsChanged);
        }
        let placed = self.restore(found, Some(stamp))?;
        record.hit(Origin::Seeded, &placed.found, placed.restored);
        Ok(placed)
    }

    /// Looks the run up under both unit keys. The record has the one that led to the entry.
    fn find(&self, record: &mut Record) -> Result<FoundEntry, MissReason> {
        let RequestedRun { env, places, store, memo, .. } = &self.requested;
        let mut present = Present::new(&places.build_dirs, env).with_memo(memo);
        let named = store.lookup(&self.named.unit_key, &mut present);
        if named.is_ok() {
            record.unit_key = Some(self.named.unit_key);
        }
        match named {
            Err(MissReason::NewUnit) => store.lookup(&self.all.unit_key, &mut present),
            Err(reason) => store.lookup(&self.all.unit_key, &mut present).map_err(|_| reason),
            found => found,
        }
    }

    /// Puts `OUT_DIR` in place.
    fn restore(&self, found: FoundEntry, stamp: Option<SystemTime>) -> Result<PlacedRun, MissReason> {
        let RequestedRun { places, store, .. } = &self.requested;
        let roots = &places.build_dirs.roots;
        let stdout = expand(&found.entry.stdout, roots).ok_or(MissReason::RestoreFailed)?;
        let stderr = expand(&found.entry.stderr, roots).ok_or(MissReason::RestoreFailed)?;
        let tree = &found.entry.tree;
        let restored = tree::restore(store, tree, &places.out_dir, &places.build_dirs, stamp)?;
        Ok(PlacedRun { found, restored, stdout, stderr })
    }

    /// Notes the call for later build directories.
    fn note_call(&self, key: Digest, record: &mut Record) {
        let RequestedRun { env, places, config, .. } = &self.requested;
        let Places { build_dirs, out_dir } = places;
        let name = cargo_layout::name_of_run(out_dir);
        let is_noted = config.seed.value && config.write.value == Write::On;
        if let (true, Some(target), Some(name)) = (is_noted, &build_dirs.target, name) {
            record.not_seeded = call_note::why_not_seeded(target, &name);
            call_note::note(env, &Served { target, name: &name, out_dir, dep_info: None, key });
        }
    }

    /// Runs the script under observation, and stores what it did.
    fn run(&self, reason: MissReason, record: &mut Record, watch: &mut Stopwatch) -> Option<ExitCode> {
        let RequestedRun { launched, store, .. } = &self.requested;
        let began_ms = clock::now_ms();
        let (start, printed) = (launched.start(), Printed::default());
        let shown = ShownStreams { stdout: &<[u8]>::to_vec, stderr: &<[u8]>::to_vec };
        let output = match run_compiler::run(start, shown, None, Some(Scope::All), &printed) {
            Ok(output) => output,
            Err(NotRun::Unobservable(_)) => {
                store.forget_observability();
                return None;
            }
            Err(NotRun::Failed(_)) => return None,
        };
        let privileged = output.observation.as_ref().and_then(|seen| seen.privileged.clone());
        if output.is_abandoned || privileged.is_some() {
            let program = privileged.unwrap_or_default();
            let why = format!("{} runs with privileges of its own", program.display());
            let why = Unstored::InputsUnknown(why);
            refused::remember(&store.machine_dir(), &self.all.unit_key, &why);
            record.outcome = Outcome::Miss { reason, unstored: Some(why) };
            if output.is_abandoned {
                // Nothing of what it has made so far may be left for the run that counts.
                let _ = fs::remove_dir_all(&self.requested.places.out_dir);
                let _ = fs::create_dir(&self.requested.places.out_dir);
                let again = run_compiler::run(start, shown, None, None, &output.shown);
                return again.ok().map(|again| ExitCode::from(process::exit_code(again.status)));
            }
            return Some(ExitCode::from(process::exit_code(output.status)));
        }
        record.times.compile_us = output.elapsed.as_micros() as u64;
        record.compile_ms = output.elapsed.as_millis() as u64;
        let time = RunTime::new(began_ms, clock::now_ms());
        let unstored = match self.store(&output, &time) {
            Ok(stored) => {
                record.unit_key = Some(stored.unit_key);
                record.key = Some(stored.key);
                record.bytes.stored = stored.n_bytes;
                self.note_call(stored.key, record);
                None
            }
            Err(why) => {
                refused::remember(&store.machine_dir(), &self.all.unit_key, &why);
                Some(why)
            }
        };
        record.outcome = Outcome::Miss { reason, unstored };
        record.times.put_us = watch.lap_us().saturating_sub(record.times.compile_us);
        Some(ExitCode::from(process::exit_code(output.status)))
    }

    /// Stores a run.
    fn store(&self, output: &CompilerOutput, time: &RunTime) -> Result<StoredRun, Unstored> {
        let RequestedRun { env, places, store, .. } = &self.requested;
        if !output.status.success() {
            return Err(Unstored::CompilerFailed);
        }
        let observation = output.observation.as_ref().ok_or_else(|| unknown("it was not observed"))?;
        if !output.is_complete {
            return Err(Unstored::UnexpectedOutput("more was printed than is kept".to_owned()));
        }
        if time.is_in(&output.stdout) || time.is_in(&output.stderr) {
            return Err(Unstored::UnexpectedOutput("the time of the run was printed".to_owned()));
        }
        let tree = Tree::read(&places.out_dir, &places.build_dirs, time)?;
        let learned = learn(&self.requested, observation, tree.roots.clone())?;
        let decisive = Decisive::Named(&self.texts);
        let files = tree.files(&places.out_dir);
        let is_named = learned.is_named
            && !environment::are_in_outputs(
                &self.requested,
                decisive,
                [&output.stdout, &output.stderr],
                files,
            );
        let run_key = if is_named { &self.named } else { &self.all };
        let entry = Entry {
            format: FORMAT,
            unit: unit_name(env, places),
            artifacts: Vec::new(),
            dep_info: Vec::new(),
            checksums: Vec::new(),
            tree: tree.items.clone(),
            stdout: segments(&output.stdout, &places.build_dirs)?,
            stderr: segments(&output.stderr, &places.build_dirs)?,
            closure: Default::default(),
            compile_ms: output.elapsed.as_millis() as u64,
            created_ms: clock::now_ms(),
        };
        let put = run_key.put(entry, learned);
        let n_bytes = put.entry.blobs().map(|(_, size_bytes)| size_bytes).sum();
        let stored = tree.put_blobs(&places.out_dir, store).and_then(|()| store.put(&put));
        stored.map_err(|e| Unstored::StoreFailed(e.to_string()))?;
        Ok(StoredRun { unit_key: run_key.unit_key, key: put.key, n_bytes })
    }
}

/// A run that was stored.
struct StoredRun {
    unit_key: Digest,
    key: Digest,
    /// The size of its files.
    n_bytes: u64,
}

impl RunKey {
    fn put(&self, entry: Entry, learned: LearnedRun) -> Put {
        let LearnedRun { list, inputs: read, .. } = learned;
        let key = read.key_after(Some(self.unit_key));
        let inputs =
            StoredInputs { unit_key: self.unit_key, unit: self.inputs.clone(), read, basis: list.basis };
        Put {
            key,
            entry,
            inputs,
            list,
            files: Vec::new(),
            closure: None,
            variable_names: None,
            program_variable_names: Vec::new(),
        }
    }
}

fn unknown(why: &str) -> Unstored {
    Unstored::InputsUnknown(why.to_owned())
}

/// What was printed on one stream, with portable paths.
fn segments(printed: &[u8], build_dirs: &BuildDirs) -> Result<Vec<Segment>, Unstored> {
    if printed.contains(&0) {
        return Err(unknown("a NUL was printed"));
    }
    let text = (!printed.is_empty()).then(|| Segment::Text(build_dirs.roots.tokenize(printed)));
    Ok(text.into_iter().collect())
}

/// The reverse. `None` where a root is not known here.
fn expand(segments: &[Segment], roots: &Roots) -> Option<Vec<u8>> {
    let mut printed = Vec::new();
    for segment in segments {
        match segment {
            Segment::Text(text) => printed.extend(roots.expand(text)?),
            Segment::Announce(_) => return None,
        }
    }
    Some(printed)
}

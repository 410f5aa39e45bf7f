//! After a build: what cargo called and wrote for each unit becomes the manifest of the build.
//!
//! Cargo's lock is waited for, and not held while units are read: a build that begins meanwhile goes on, and so does who
//! removes the build directory. Where units have come or gone meanwhile, nothing is stored. A unit may also be built while it is
//! read. Cargo empties the hash of a unit before it builds it, and the dep-info of the compiler, whose state was noted
//! with the call, is looked at last: what was read in between belongs to that call.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::action::cargo_layout::{self, Layout};
use crate::action::portable::{Portable, Roots};
use crate::build_script::places::{LaunchedRun, Places};
use crate::digest::Digest;
use crate::invocation::driver::Driver;
use crate::manifest::cargo_files::{self, CargoFile};
use crate::manifest::cargo_hash::Hashed;
use crate::manifest::form::{self, FORMAT, Header, Manifest, PortableCall, SeedUnit};
use crate::manifest::moved;
use crate::run::call_note::{self, CallNote};
use crate::seed::compile::{Compile, unit_of};
use crate::seed::replay;
use crate::seed::share::{self, MadeUnit};
use crate::seed::turn;
use crate::seed::workspace::Build;
use crate::store::Store;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};
use crate::sys::{clock, os};

/// What a harvest brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Harvested {
    /// Units in the manifest.
    pub n_units: usize,
    /// Units whose calls are noted, and which are not in the manifest: cargo did not finish them, or a unit that they
    /// depend on is missing.
    pub n_left_out: usize,
    /// Bytes that are no longer there twice.
    pub freed_bytes: u64,
}

/// A unit while the manifest is made.
struct Draft {
    unit: SeedUnit,
    /// The names of units that must be in the manifest before it, or their ends.
    needs: Vec<String>,
    /// Files of such units whose names do not tell which.
    needed_files: Vec<PathBuf>,
    /// Its outputs, as far as others may need them by name.
    files: Vec<PathBuf>,
    time: SystemTime,
    /// What was made of it here; what was seeded is not looked at again.
    made: Option<MadeUnit>,
}

/// Makes the manifest of the build that `build` describes, and stores it. `state` is the one in which it is. `None`: it is
/// another one by now, and nothing is stored.
///
/// # Errors
/// It cannot be written.
pub fn harvest(
    build: &Build,
    state: &Digest,
    cargo: &Env,
    store: &Store,
) -> std::io::Result<Option<Harvested>> {
    let time_ms = clock::now_ms();
    // Who removes the directory may begin with the outputs.
    let Some(outputs) = turn::outputs(build) else { return Ok(None) };
    let cargo = &build.with_variables(cargo);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut n_noted = 0_usize;
    let roots = replay::roots(&build.workspace, &build.target, cargo);
    let notes = call_note::all(&build.target);
    let claimed = notes.iter().filter_map(|path| path.file_name()?.to_str());
    let claimed: HashSet<&str> = claimed.collect();
    for path in &notes {
        let Some(mut noted) = note(path, build) else { continue };
        n_noted += 1;
        if !leave_out_variables(&mut noted.note, build) {
            continue;
        }
        drafts.extend(draft(&noted, &claimed, cargo, &roots));
    }
    carry_over(&mut drafts, build, cargo, &roots);
    name_needs(&mut drafts);
    need_hashed(&mut drafts, &roots);
    if turn::state(build) != *state || turn::outputs(build).as_ref() != Some(&outputs) {
        return Ok(None);
    }
    let made = drafts.iter_mut().filter_map(|draft| Some((draft.unit.name.clone(), draft.made.take()?)));
    let made: HashMap<String, MadeUnit> = made.collect();
    let units = in_order(drafts);
    let freed_bytes = share::share(&units, &made, build, store);
    let units = of_command(units, build.call.command);
    let harvested =
        Harvested { n_units: units.len(), n_left_out: n_noted.saturating_sub(units.len()), freed_bytes };
    if units.is_empty() {
        return Ok(Some(harvested));
    }
    let header = Header {
        format: FORMAT,
        time_ms,
        packages: build.packages.clone(),
        selection: build.call.selection.clone(),
        compiler: Some(build.compiler),
        lock: Some(build.lock),
        is_from_remote: false,
    };
    Manifest { header, units }.write(&form::path(store, &build.id), store)?;
    Ok(Some(harvested))
}

/// The compiler that calls in the directory `dir` are of.
pub fn compiler(dir: &Path) -> Option<OsString> {
    fs::list(dir).ok()?.into_iter().find_map(|path| {
        let note = CallNote::parse(&fs::private::read(&path).ok()?)?;
        let mut names = note.args.into_iter().take(2);
        names.find(|name| Driver::from_name(name) == Some(Driver::Rustc))
    })
}

/// A call of this build's profile.
struct Noted {
    note: CallNote,
    profile_dir: PathBuf,
    time: SystemTime,
}

fn note(path: &Path, build: &Build) -> Option<Noted> {
    let time = fs::metadata(path).ok()?.modified().ok()?;
    let note = CallNote::parse(&fs::private::read(path).ok()?)?;
    let profile_dir = build.profile_dirs().into_iter().find(|dir| note.out_dir.starts_with(dir))?;
    Some(Noted { note, profile_dir, time })
}

/// Leaves out the variables that files set: who fills a directory reads the files there. False if the call had other values,
/// as before a file was changed.
fn leave_out_variables(note: &mut CallNote, build: &Build) -> bool {
    let in_file = |name: &OsStr| build.variables.iter().find(|variable| variable.name == name);
    let is_same =
        |(name, value): &(OsString, OsString)| in_file(name).is_none_or(|there| there.value == *value);
    let are_same = note.set.iter().all(is_same);
    note.set.retain(|(name, _)| in_file(name).is_none());
    are_same
}

/// The unit of a call, and the names of units that it needs; `None` where cargo has not finished it. The units in `claimed`
/// are those of other calls.
fn draft(noted: &Noted, claimed: &HashSet<&str>, cargo: &Env, build_roots: &Roots) -> Option<Draft> {
    let Noted { note, profile_dir, .. } = noted;
    let env = note.env(cargo);
    let run = LaunchedRun::of(&note.args);
    let compile = if run.is_none() { Some(Compile::of(&env)?) } else { None };
    let roots = match &compile {
        Some(compile) => compile.roots.clone(),
        None => Places::of(&env)?.build_dirs.roots,
    };
    let layout = Layout::of(&note.out_dir);
    let name = match &compile {
        None => cargo_layout::name_of_run(&note.out_dir)?,
        Some(compile) => compile.name.clone().or_else(|| compile.find_unit(profile_dir, claimed))?,
    };
    let dirs = layout.unit_dirs(profile_dir, &name)?;
    let fingerprint = cargo_files::read(&dirs.fingerprint, &roots)?;
    let source = compile.as_ref().map(|compile| compile.source.as_path());
    let hashed = fingerprint.last().and_then(|hash| hashed(&dirs.fingerprint, hash, source, &roots));
    let output = dirs.stdout;
    let (stdout, ran_ns) = match &run {
        Some(_) => {
            let text = roots.tokenize(&fs::read(&output).ok()?);
            let is_portable = build_roots.expand(&text) == fs::read(&output).ok();
            (is_portable.then_some(text), Some(Identity::at(&output).ok()?.modified_ns))
        }
        None => (None, None),
    };
    let dep_info = match &compile {
        Some(Compile { dep_info, .. }) => {
            let digest = replay::dep_info_digest(dep_info, &roots)?;
            (Identity::at(dep_info).ok()?.numbers() == note.dep_info).then_some(Some(digest))?
        }
        None => None,
    };
    if dep_info.is_none() && stdout.is_none() {
        return None;
    }
    let call = portable(note, &roots);
    // A call that would be another one even here is none that can be made again.
    if replay::env(&call, cargo, build_roots).as_ref() != Some(&env) {
        return None;
    }
    let manifests = match replay::manifests(&env, build_roots) {
        Some(files) => Some(unchanged_since(note.cargo_started_ns, &files, build_roots)?),
        None => None,
    };
    let mut needed: Vec<PathBuf> = run.iter().map(|run| PathBuf::from(run.script)).collect();
    if let Some(compile) = &compile {
        needed.extend(compile.externs.iter().cloned());
        needed.extend(env.get("OUT_DIR").map(PathBuf::from));
    }
    let (mut needs, mut needed_files) = (Vec::new(), Vec::new());
    for path in needed {
        match unit_of(&path) {
            Some(unit) => needs.push(unit),
            None => needed_files.push(path),
        }
    }
    let variable = |name: &str| env.get(name).unwrap_or_default().to_string_lossy().into_owned();
    let unit = SeedUnit {
        name,
        package: format!("{} {}", variable("CARGO_PKG_NAME"), variable("CARGO_PKG_VERSION")),
        profile_dir: roots.tokenize(os::bytes(profile_dir)),
        call,
        needs: Vec::new(),
        fingerprint,
        hashed,
        manifests,
        is_check: compile.as_ref().is_some_and(|compile| compile.is_check),
        dep_info,
        stdout,
        ran_ns,
        key: Some(note.key),
    };
    let outputs = match compile {
        Some(compile) => compile.outputs,
        None => vec![(None, output)],
    };
    let files = outputs.iter().map(|(_, path)| path.clone()).collect();
    let made = Some(MadeUnit { key: note.key, outputs });
    Some(Draft { unit, needs, needed_files, files, time: noted.time, made })
}

/// What cargo made `hash` from, which is in the directory `fingerprint`.
fn hashed(fingerprint: &Path, hash: &CargoFile, source: Option<&Path>, roots: &Roots) -> Option<Hashed> {
    let note = fs::read(&fingerprint.join(format!("{}.json", hash.name))).ok()?;
    Hashed::of(&note, &hash.content.bytes(roots)?, source, roots)
}

/// The digest of files that are as they were at a time, in nanoseconds since 1970.
fn unchanged_since(time_ns: i64, files: &[PathBuf], roots: &Roots) -> Option<Digest> {
    let digest = replay::digest_of(files, roots)?;
    for file in files {
        let identity = Identity::at(file).ok()?;
        if identity.modified_ns.max(identity.changed_ns) >= time_ns {
            return None;
        }
    }
    Some(digest)
}

fn portable(note: &CallNote, roots: &Roots) -> PortableCall {
    let text = |text: &std::ffi::OsStr| roots.tokenize(os::bytes(text));
    PortableCall {
        cwd: text(note.cwd.as_os_str()),
        out_dir: text(note.out_dir.as_os_str()),
        args: note.args.iter().map(|arg| text(arg)).collect(),
        set: note.set.iter().map(|(name, value)| (Portable::literal(os::bytes(name)), text(value))).collect(),
        removed: note.removed.iter().map(|name| Portable::literal(os::bytes(name))).collect(),
    }
}

/// Adds the units that were seeded here and that cargo has left as they were.
fn carry_over(drafts: &mut Vec<Draft>, build: &Build, cargo: &Env, roots: &Roots) {
    let from = call_note::seeded_from(&build.target);
    for mut manifest in from.iter().filter_map(|path| Manifest::read(path)) {
        moved::rehash(&mut manifest.units, roots);
        let names: Vec<String> = manifest.units.iter().map(|unit| unit.name.clone()).collect();
        for mut unit in manifest.units {
            let is_new = drafts.iter().all(|draft| draft.unit.name != unit.name);
            let needs = std::mem::take(&mut unit.needs);
            if is_new && is_untouched(&unit, build, roots) {
                let needs = needs.into_iter().filter_map(|need| names.get(need).cloned()).collect();
                let files = unnamed_files(&unit, cargo, roots);
                let time = SystemTime::UNIX_EPOCH;
                drafts.push(Draft { unit, needs, needed_files: Vec::new(), files, time, made: None });
            }
        }
    }
}

/// The outputs of a unit whose name is not in theirs.
fn unnamed_files(unit: &SeedUnit, cargo: &Env, roots: &Roots) -> Vec<PathBuf> {
    let is_named = unit.call.args.iter().any(|arg| arg.as_bytes().starts_with(b"extra-filename="));
    let compile = if is_named { None } else { replay::env(&unit.call, cargo, roots) };
    let outputs = compile.and_then(|env| Compile::of(&env)).map(|compile| compile.outputs);
    outputs.into_iter().flatten().map(|(_, path)| path).collect()
}

/// Whether the hash by which cargo recognizes the unit is still there.
fn is_untouched(unit: &SeedUnit, build: &Build, roots: &Roots) -> bool {
    let Some(hash) = unit.fingerprint.last().filter(|hash| cargo_files::is_name(&hash.name)) else {
        return false;
    };
    let Some(layout) = replay::layout(unit, roots) else { return false };
    let expected = hash.content.bytes(&Roots::default());
    let there = build.profile_dirs().into_iter().any(|dir| {
        let dirs = layout.unit_dirs(&dir, &unit.name);
        dirs.is_some_and(|dirs| fs::read(&dirs.fingerprint.join(&hash.name)).ok() == expected)
    });
    there && expected.is_some()
}

/// Finds the units that drafts need by files whose names do not tell them. What is not found has no name that a unit has.
fn name_needs(drafts: &mut [Draft]) {
    let mut found: HashMap<PathBuf, String> = HashMap::new();
    for draft in drafts.iter() {
        found.extend(draft.files.iter().map(|file| (file.clone(), draft.unit.name.clone())));
    }
    for draft in drafts {
        for file in std::mem::take(&mut draft.needed_files) {
            draft.needs.push(found.get(&file).cloned().unwrap_or_else(|| file.display().to_string()));
        }
    }
}

/// A unit needs those whose hashes count for its own, such as the runs of other build scripts that tell it something.
fn need_hashed(drafts: &mut [Draft], roots: &Roots) {
    let named = drafts.iter().filter_map(|draft| Some((moved::hash(&draft.unit)?, draft.unit.name.clone())));
    let named: HashMap<u64, String> = named.collect();
    for draft in drafts {
        let hashes = draft.unit.hashed.iter().flat_map(|hashed| hashed.dependencies(roots));
        draft.needs.extend(hashes.filter_map(|hash| named.get(&hash).cloned()));
        draft.needs.sort();
        draft.needs.dedup();
    }
}

/// Each unit behind what it needs, otherwise in the order of their calls. What needs a unit that is not there is left out.
fn in_order(mut drafts: Vec<Draft>) -> Vec<SeedUnit> {
    drafts.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.unit.name.cmp(&b.unit.name)));
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut units: Vec<SeedUnit> = Vec::new();
    loop {
        let n_before = units.len();
        let mut waiting = Vec::new();
        for draft in drafts {
            let needs: Option<Vec<usize>> =
                draft.needs.iter().map(|need| position(&positions, need)).collect();
            match needs {
                Some(needs) => {
                    positions.insert(draft.unit.name.clone(), units.len());
                    units.push(SeedUnit { needs, ..draft.unit });
                }
                None => waiting.push(draft),
            }
        }
        drafts = waiting;
        if units.len() == n_before {
            return units;
        }
    }
}

/// The units that a command builds: `check` those that make metadata, and what these need; all others those that do not.
fn of_command(units: Vec<SeedUnit>, command: &str) -> Vec<SeedUnit> {
    let is_check = command == "check";
    let mut is_kept: Vec<bool> = units.iter().map(|unit| unit.is_check == is_check).collect();
    for (index, unit) in units.iter().enumerate().rev().filter(|_| is_check) {
        if is_kept[index] {
            unit.needs.iter().for_each(|need| is_kept[*need] = true);
        }
    }
    let mut positions = vec![None; units.len()];
    let mut kept = Vec::new();
    for (index, mut unit) in units.into_iter().enumerate().filter(|(index, _)| is_kept[*index]) {
        let needs: Option<Vec<usize>> = unit.needs.iter().map(|need| positions[*need]).collect();
        if let Some(needs) = needs {
            positions[index] = Some(kept.len());
            unit.needs = needs;
            kept.push(unit);
        }
    }
    kept
}

/// Where the unit is whose name is `need`, or ends with it.
fn position(positions: &HashMap<String, usize>, need: &str) -> Option<usize> {
    positions
        .get(need)
        .copied()
        .or_else(|| positions.iter().find(|(name, _)| name.ends_with(need)).map(|(_, position)| *position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str, needs: &[&str], seconds: u64) -> Draft {
        let unit = SeedUnit::example(name);
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        Draft { unit, needs, needed_files: Vec::new(), files: Vec::new(), time, made: None }
    }

    #[test]
    fn units_come_behind_what_they_need_and_not_without_it() {
        let units = in_order(vec![
            draft("top-c", &["-b"], 1),
            draft("middle-b", &["-a"], 2),
            draft("base-a", &[], 3),
            draft("orphan-d", &["-x"], 0),
            draft("above-e", &["-d"], 0),
        ]);
        let found: Vec<_> = units.iter().map(|unit| (unit.name.as_str(), unit.needs.clone())).collect();
        assert_eq!(found, [("base-a", vec![]), ("middle-b", vec![0]), ("top-c", vec![1])]);
    }

    #[test]
    fn a_check_needs_what_makes_metadata_and_what_that_needs() {
        let mut units = in_order(vec![
            draft("macro-a", &[], 1),
            draft("check-b", &["-a"], 2),
            draft("program-c", &["-a"], 3),
        ]);
        units[1].is_check = true;
        let names = |command: &str| -> Vec<String> {
            of_command(units.clone(), command).into_iter().map(|unit| unit.name).collect()
        };
        assert_eq!(names("check"), ["macro-a", "check-b"]);
        assert_eq!(names("build"), ["macro-a", "program-c"]);
    }
}

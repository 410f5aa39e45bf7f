//! Fills a new build directory from a manifest.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::action::cargo_layout::{Layout, UnitDirs};
use crate::build_script::places::COMMAND;
use crate::config::Config;
use crate::key::toolchain::Toolchains;
use crate::manifest::cargo_files::{self, write_stamped};
use crate::manifest::form::SeedUnit;
use crate::manifest::moved;
use crate::run::call_note;
use crate::run::record;
use crate::seed::choose::Chosen;
use crate::seed::replay::{self, NotBefore, Refused, Replay, SeededUnit};
use crate::seed::schedule;
use crate::seed::workspace::Build;
use crate::store::Store;
use crate::sys::env::Env;
use crate::sys::fs::{self, private};
use crate::sys::{defence, lock, os, shield};

/// What cargo writes into a build directory that it makes.
const CACHEDIR_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by cargo.
# For information about cache directory tags see https://bford.info/cachedir/
";

/// Files are stamped this much before seeding begins: two ticks of the slowest clock of a kernel. A source that is changed
/// from then on is younger in any case.
const BEFORE: Duration = Duration::from_millis(20);

/// Fills the build directory of `build`, unless there is one for this profile. Each unit that is placed leaves a record;
/// why the others are not is noted for the records of their calls.
///
/// # Errors
/// The directory could not be made or locked.
pub fn fill(
    build: &Build,
    mut chosen: Chosen,
    (cargo, compiler): (&Env, &OsStr),
    config: &Config,
    store: &Store,
) -> io::Result<()> {
    let profile_dirs = build.profile_dirs();
    if profile_dirs.iter().any(|dir| fs::symlink_metadata(dir).is_ok()) {
        return Ok(());
    }
    let cargo = &build.with_variables(cargo);
    let roots = replay::roots(&build.workspace, &build.target, cargo);
    moved::rehash(&mut chosen.manifest.units, &roots);
    let layouts = chosen.manifest.units.iter().filter_map(|unit| replay::layout(unit, &roots));
    let layouts: BTreeSet<Layout> = layouts.collect();
    make_target(&build.target)?;
    let Some(_locks) = lock_all(&profile_dirs, &layouts)? else { return Ok(()) };
    let notes = call_note::dir(&build.target);
    private::create_dir_all(&notes)?;
    call_note::note_seeded(&build.target, &chosen.path)?;
    let now = fs::kernel_time(&notes.join(format!(".{}", fs::unique_name())))?;
    let stamp = SystemTime::UNIX_EPOCH + Duration::from_nanos(now.max(0) as u64) - BEFORE;
    let toolchains = Toolchains::default();
    let made_here = look_at_new_file(&profile_dirs)?;
    let is_from_remote = chosen.manifest.header.is_from_remote;
    let replay = Replay {
        cargo,
        compiler,
        roots: &roots,
        config,
        store,
        stamp,
        made_here,
        toolchains,
        is_from_remote,
    };
    let is_same_selection = chosen.manifest.header.selection == build.call.selection;
    let seeding = Seeding { build, replay, profile_dirs, is_same_selection };
    let refused = seeding.all(&chosen.manifest.units).into_iter();
    call_note::note_not_seeded(&build.target, refused.map(|(name, why)| (name, why.to_string())))
}

/// Makes the build directory as cargo does. Without the mark it would not be recognized.
fn make_target(target: &Path) -> io::Result<()> {
    if fs::metadata(target).is_err() {
        fs::create_dir_all(target)?;
        fs::write_new(&target.join("CACHEDIR.TAG"), CACHEDIR_TAG)?;
    }
    Ok(())
}

/// Makes the directories of the profile and takes cargo's locks; `None` where another process has one.
fn lock_all(profile_dirs: &[PathBuf], layouts: &BTreeSet<Layout>) -> io::Result<Option<Vec<File>>> {
    let mut locks = Vec::new();
    for dir in profile_dirs {
        fs::create_dir_all(dir)?;
        let Some(file) = lock::try_lock_of_cargo(&dir.join(".cargo-lock"))? else { return Ok(None) };
        // It was made in the meantime, by the process that had the lock.
        let is_used = |layout: &Layout| fs::symlink_metadata(&dir.join(layout.first_dir())).is_ok();
        if [Layout::Shared, Layout::PerUnit].iter().any(is_used) {
            return Ok(None);
        }
        // What was learned of a compile or a run may be that they were there.
        for name in layouts.iter().flat_map(|layout| layout.dirs()) {
            fs::create_dir_all(&dir.join(name))?;
        }
        locks.push(file);
    }
    Ok(Some(locks))
}

/// What a file that is made in the build directory looks like.
fn look_at_new_file(profile_dirs: &[PathBuf]) -> io::Result<Metadata> {
    let dir = profile_dirs.first().ok_or(io::ErrorKind::NotFound)?;
    let path = dir.join(format!(".kache-{}", fs::unique_name()));
    fs::write_new(&path, b"")?;
    let metadata = fs::metadata(&path);
    fs::remove(&path)?;
    metadata
}

struct Seeding<'a> {
    build: &'a Build,
    replay: Replay<'a>,
    profile_dirs: Vec<PathBuf>,
    /// The manifest is of a build of the same packages and features.
    is_same_selection: bool,
}

impl Seeding<'_> {
    /// Answers which units are not placed, by name, and why.
    fn all(&self, units: &[SeedUnit]) -> Vec<(String, Refused)> {
        self.make_out_dirs(units);
        let records_dir = Store::records_dir(&self.replay.config.cache_dir.value);
        let needs: Vec<&[usize]> = units.iter().map(|unit| unit.needs.as_slice()).collect();
        let placed_at: Vec<OnceLock<(i64, i64)>> = units.iter().map(|_| OnceLock::new()).collect();
        let results = schedule::run(&needs, |index, failed| {
            if let Some(failed) = failed {
                return Err(Refused::Needs(units[failed].name.clone()));
            }
            let times = || units[index].needs.iter().filter_map(|need| placed_at[*need].get());
            let not_before = NotBefore {
                files_ns: times().map(|(newest_ns, _)| *newest_ns).max().unwrap_or(0),
                metadata_ns: times().map(|(_, metadata_ns)| *metadata_ns).max().unwrap_or(0),
            };
            let placed = shield::shielded(|| self.one(&units[index], not_before));
            let placed = placed.unwrap_or_else(|panicked| Err(Refused::Place(panicked.message)))?;
            let newest_ns = placed.newest_ns;
            placed_at[index].get_or_init(|| (newest_ns, placed.metadata_ns.unwrap_or(newest_ns)));
            record::append(&records_dir, &placed.record);
            Ok(())
        });
        units
            .iter()
            .zip(results)
            .filter_map(|(unit, result)| Some((unit.name.clone(), result.err()?)))
            .collect()
    }

    /// Where a unit has a directory to itself, cargo makes those of all units before it calls anything, and has the loader
    /// look into any one of them: what was learned of a compile may be that it was there, and empty.
    fn make_out_dirs(&self, units: &[SeedUnit]) {
        for unit in units.iter().filter(|unit| self.build.packages.binary_search(&unit.package).is_ok()) {
            if replay::layout(unit, self.replay.roots) == Some(Layout::PerUnit)
                && let Some((_, dirs)) = self.dirs(unit)
            {
                // Without it, the unit may not be found.
                let _ = fs::create_dir_all(&dirs.out);
            }
        }
    }

    /// The directory of the profile of a unit, and its own; `None` where they are not those of this build.
    fn dirs(&self, unit: &SeedUnit) -> Option<(PathBuf, UnitDirs)> {
        let roots = self.replay.roots;
        let profile_dir = os::path(&roots.expand(&unit.profile_dir)?)?;
        let layout = replay::layout(unit, roots)?;
        let dirs = layout.unit_dirs(&profile_dir, &unit.name)?;
        self.profile_dirs.contains(&profile_dir).then_some((profile_dir, dirs))
    }

    /// Outputs first, cargo's own files last. What the unit depends on is not younger than `not_before`.
    fn one(&self, unit: &SeedUnit, not_before: NotBefore) -> Result<SeededUnit, Refused> {
        if self.build.packages.binary_search(&unit.package).is_err() {
            return Err(Refused::NotLocked);
        }
        let not_here = || Refused::Place("a path that is not known here".to_owned());
        let roots = self.replay.roots;
        let (profile_dir, dirs) = self.dirs(unit).ok_or_else(not_here)?;
        let env = replay::env(&unit.call, self.replay.cargo, roots).ok_or_else(not_here)?;
        if defence::stands("manifests-name-no-compiler") {
            self.replay.check_compiler(unit, &env)?;
        }
        let manifests = replay::manifests(&env, roots).map(|files| replay::digest_of(&files, roots));
        match (manifests, unit.manifests) {
            (None, None) => {}
            (Some(now), Some(then)) if now == Some(then) => {}
            _ => return Err(Refused::OtherManifest),
        }
        // Cargo tells members whether they were selected, which its fingerprint does not say.
        if !unit.is_fetched() && !self.is_same_selection {
            return Err(Refused::OtherSelection);
        }
        if unit.fingerprint.iter().any(|file| file.content.bytes(roots).is_none()) {
            return Err(Refused::Place("cargo's own files hold the path of another tree".to_owned()));
        }
        let is_run = env.args.get(1).is_some_and(|command| command == COMMAND);
        let placed = if is_run {
            self.run(unit, &env, &dirs, not_before.files_ns)?
        } else {
            self.replay.compile(unit, &env, &profile_dir, not_before)?
        };
        cargo_files::write(&dirs.fingerprint, &unit.fingerprint, roots, self.replay.stamp)
            .map_err(|e| failed(&e))?;
        Ok(placed)
    }

    fn run(
        &self,
        unit: &SeedUnit,
        env: &Env,
        dirs: &UnitDirs,
        not_before_ns: i64,
    ) -> Result<SeededUnit, Refused> {
        if env.get("OUT_DIR") != Some(dirs.out.as_os_str()) {
            return Err(Refused::Place("another OUT_DIR".to_owned()));
        }
        let (seeded, placed) = self.replay.run(unit, env, not_before_ns)?;
        let printed = [
            (&dirs.stderr, placed.stderr.as_slice()),
            (&dirs.root_output, os::bytes(dirs.out.as_os_str())),
            (&dirs.stdout, &placed.stdout),
        ];
        for (path, bytes) in printed {
            let time = fs::time(seeded.newest_ns);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all);
            made.and_then(|()| write_stamped(path, bytes, time)).map_err(|e| failed(&e))?;
        }
        Ok(seeded)
    }
}

fn failed(error: &io::Error) -> Refused {
    Refused::Place(error.to_string())
}

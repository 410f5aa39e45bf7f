//! Cargo's first question to the compiler, which comes before a new build directory exists: the time to fill it.

use std::path::Path;

use crate::action::roots::BuildDirs;
use crate::config::{self, Write};
use crate::digest::{Digest, Hasher, guard};
use crate::key::toolchain::Toolchain;
use crate::manifest::form::{self, Manifest};
use crate::run::{call_note, start_daemon};
use crate::seed::place;
use crate::seed::workspace::Build;
use crate::seed::{choose, warm};
use crate::settings;
use crate::store::{Bucket, Store};
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity, private};
use crate::sys::parent;
use crate::sys::{os, process, shield};

/// Fills the build directory if cargo asks for the compiler's version for the sake of a new one. Answers nothing: the
/// compiler does.
pub fn seed(env: &Env) {
    // Behind a workspace wrapper, as of clippy, stands the compiler.
    let ([_, compiler, question] | [_, _, compiler, question]) = env.args.as_slice() else { return };
    if question == "-vV" {
        let _ = shield::shielded(|| try_seed(env, compiler));
    }
}

fn try_seed(env: &Env, compiler: &std::ffi::OsStr) -> Option<()> {
    let (config, problems) = settings::for_command(env);
    let is_disabled = config::is_disabled(&|name| env.get(name).map(std::ffi::OsStr::to_os_string));
    if !config.seed.value || is_disabled || problems.iter().any(config::Problem::loses_key) {
        return None;
    }
    let parent = parent::parent().filter(call_note::is_cargo)?;
    let store = Store::configured(&config);
    // A store that has nothing to fill a directory with, and can get nothing, is left as it is.
    let has_manifests = fs::metadata(&store.root().join(form::DIR)).is_ok();
    let asks = config.asks_remote && config.write.value == Write::On;
    if !has_manifests && !asks || store.distrust().is_some() {
        return None;
    }
    // It starts while what cargo builds is found out.
    let is_starting = asks && start_daemon::for_cargo(env, &parent);
    let cargo = call_note::cargo(&parent);
    let build = describe(&cargo, compiler, &store)?;
    let is_new = build.profile_dirs().iter().all(|dir| fs::symlink_metadata(dir).is_err());
    if !is_new {
        return None;
    }
    let whole_cargo = call_note::whole_cargo(&parent);
    if build.is_overruled(&whole_cargo) {
        return None;
    }
    if asks && !has_all(&store, &build) {
        warm::warm(env, &config.cache_dir.value, &build, is_starting);
    }
    let chosen = choose::choose(&store, &build)?;
    // Which is also how the one that was used last is found.
    let _ = fs::touch(&chosen.path);
    place::fill(&build, chosen, (&whole_cargo, compiler), &config, &store).ok()
}

/// Whether the store has a manifest of this very build, and all entries that were its own then.
fn has_all(store: &Store, build: &Build) -> bool {
    let Some(manifest) = Manifest::read(&form::path(store, &build.id)) else { return false };
    let mut keys = manifest.units.iter().filter_map(|unit| unit.key.as_ref());
    keys.all(|key| fs::symlink_metadata(&store.path(Bucket::Entries, key)).is_ok())
}

/// What the call of `cargo` builds.
pub fn describe(cargo: &Env, compiler: &std::ffi::OsStr, store: &Store) -> Option<Build> {
    let machine_dir = store.machine_dir();
    let version = cargo_version(Path::new(cargo.args.first()?), &machine_dir)?;
    let dirs = BuildDirs {
        roots: crate::action::portable::Roots::default(),
        cwd: cargo.cwd.clone()?,
        target: None,
        member: false,
    };
    let toolchain = Toolchain::identify(compiler, None, &dirs, cargo, &machine_dir).ok()?;
    Build::of(cargo, &deciding(&version), &toolchain.digest)
}

/// What a cargo says of itself, without the system that it runs on: that decides nothing, and is another one on another
/// machine.
fn deciding(version: &str) -> String {
    const KEPT: [&str; 4] = ["cargo ", "release: ", "commit-hash: ", "host: "];
    let lines = version.lines().filter(|line| KEPT.iter().any(|kept| line.starts_with(kept)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The version of a cargo: asked once, and remembered as long as the file is the same.
fn cargo_version(program: &Path, machine_dir: &Path) -> Option<String> {
    let identity = Identity::at(program).ok()?;
    let mut name = Hasher::new();
    name.field(os::bytes(program));
    for number in identity.numbers() {
        name.number(number as u64);
    }
    let memo = machine_dir.join(format!("cargo-{}", Digest::to_hex(&name.finish())));
    if let Some(known) = private::read(&memo).ok().and_then(guard::check) {
        return String::from_utf8(known).ok();
    }
    let printed = process::output(program.as_os_str(), &["-vV"], Path::new("/")).ok()?;
    let version = String::from_utf8(printed).ok()?;
    let temporary = machine_dir.join(format!("tmp-{}", fs::unique_name()));
    let _ = private::replace(&memo, &temporary, &guard::add(version.clone().into_bytes()));
    Some(version)
}

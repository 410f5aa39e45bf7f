//! Updates of a made-up program, from a release made here and signed with a key of its own.

#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the machine is made and looked at from outside")]

pub(crate) mod release;

mod updating;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use semver::Version;
use tempfile::TempDir;

use crate::setup::plan::{Journal, NotApplied};
use crate::setup::self_update::update::{Availability, CannotUpdate, InstalledProgram, Staging};
use crate::sys::env::Env;

use release::{Key, Releases, archive};

pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";

/// A home where the installer put version 0.1.0, and a directory of releases.
pub(crate) struct Machine {
    /// One at a time: what one test starts could inherit the lock of another.
    _turn: MutexGuard<'static, ()>,
    temporary: TempDir,
    pub(crate) releases: Releases,
    pub(crate) env: Env,
}

/// A program that says a version and runs what it is put in front of.
pub(crate) fn program(version: &str) -> Vec<u8> {
    format!("#!/bin/sh\n[ \"$1\" = --version ] && echo 'kache {version}' && exit\nexec \"$@\"\n").into_bytes()
}

impl Machine {
    pub(crate) fn new() -> Machine {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = tempfile::Builder::new().prefix("kache-update-").tempdir().unwrap();
        let root = temporary.path().canonicalize().unwrap();
        let path = std::env::var("PATH").unwrap();
        let env = Env::with_vars(&[("HOME", root.join("home").to_str().unwrap()), ("PATH", &path)]);
        let releases = Releases { dir: root.join("releases"), key: Key::new(1) };
        let machine = Machine { _turn: turn, temporary, releases, env };
        machine.write(".local/bin/kache", program("0.1.0"));
        machine.receipt(&format!("file://{}", machine.releases.dir.display()));
        machine
    }

    /// With a release 0.2.0 to update to.
    pub(crate) fn with_release() -> Machine {
        let machine = Machine::new();
        machine.publish("0.2.0", &program("0.2.0"));
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().canonicalize().unwrap().join("home").join(name)
    }

    pub(crate) fn exe(&self) -> PathBuf {
        self.path(".local/bin/kache")
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let mode = if name.contains("bin/") { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn receipt(&self, base_url: &str) {
        self.write(".local/share/kache/receipt.json", receipt("installer", &self.exe(), base_url));
    }

    pub(crate) fn publish(&self, version: &str, program: &[u8]) {
        self.releases.publish(version, TARGET, &archive(program, TARGET));
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::for_user(&self.env).unwrap()
    }

    pub(crate) fn installed(&self, version: &str) -> Result<Option<InstalledProgram>, CannotUpdate> {
        InstalledProgram::find(&self.exe(), Version::parse(version).unwrap(), &self.env)
    }

    /// Looks, and does what is found.
    pub(crate) fn update_from(&self, version: &str) -> Result<Availability, Failed> {
        let installed = self.installed(version)?.expect("the installer put it there");
        let staging = Staging::open(&self.env)?;
        let found = installed.look(&[&self.releases.key.public()], &staging, &self.env)?;
        if let Availability::Newer(update) = &found {
            self.journal().apply(&update.plan, &mut || Ok(update.prove()?))?;
        }
        Ok(found)
    }

    pub(crate) fn update(&self) -> Result<Availability, Failed> {
        self.update_from("0.1.0")
    }

    /// What an update that was refused said. Nothing is changed by it.
    #[track_caller]
    pub(crate) fn refused(&self) -> String {
        let before = self.look();
        let said = match self.update() {
            Ok(_) => panic!("it was not refused"),
            Err(failed) => failed.to_string(),
        };
        assert_eq!(self.look(), before, "{said}");
        said
    }

    /// What the program in its place says.
    pub(crate) fn says(&self) -> String {
        // Another test may be starting a process that has inherited the file as it was written.
        let output = loop {
            match Command::new(self.exe()).arg("--version").output() {
                Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                output => break output.expect("it can be run"),
            }
        };
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Every file of the home with its mode, without what the journal keeps.
    pub(crate) fn look(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut dirs = vec![self.path("")];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.ends_with(".local/state/kache/journal") {
                    continue;
                }
                let mode = entry.metadata().unwrap().permissions().mode();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    found.insert(path, (mode, bytes));
                }
            }
        }
        found
    }
}

/// A receipt as the installer writes it, with a word that is not known here.
pub(crate) fn receipt(method: &str, path: &Path, base_url: &str) -> String {
    format!(
        "{{\n  \"format\": 1,\n  \"method\": \"{method}\",\n  \"version\": \"0.1.0\",\n  \"target\": \"{TARGET}\",\n  \
         \"path\": \"{}\",\n  \"base_url\": \"{base_url}\",\n  \"more\": [1]\n}}\n",
        path.display()
    )
}

/// Why there was no update.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Update(#[from] CannotUpdate),
    #[error(transparent)]
    Apply(#[from] NotApplied),
}

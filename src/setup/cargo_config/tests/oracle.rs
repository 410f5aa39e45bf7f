//! Our chain and the crate `cargo-config2` read the same configurations, and must find the same wrapper, except where the
//! crate is known to differ from cargo.

#![expect(clippy::disallowed_methods, reason = "the files are made from outside")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::super::chain::{self, Chain, WrapperKey, WrapperProgram};
use super::super::effective::{Compiler, Effective};
use crate::sys::env::Env;

/// A home with a project in it.
struct Configuration {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Configuration {
    fn new(files: &[(&str, &str)], vars: &[(&str, &str)]) -> Configuration {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("home/project/crate")).unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Configuration { dir, vars }
    }

    fn cwd(&self) -> PathBuf {
        self.dir.path().join("home/project/crate")
    }

    fn env(&self) -> Env {
        let home = self.dir.path().join("home");
        let mut vars = vec![("HOME", home.to_str().unwrap()), ("USERPROFILE", home.to_str().unwrap())];
        vars.extend(self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Env::with_vars(&vars)
    }

    fn chain(&self) -> Chain {
        chain::resolve(WrapperKey::RustcWrapper, &self.env(), &self.cwd())
    }

    fn effective(&self) -> Option<Effective> {
        let compiler = Compiler { rustc: Path::new("/nowhere/rustc"), host: "x86_64-unknown-linux-gnu" };
        Effective::load(&self.env(), &self.cwd(), &self.chain(), Some(&compiler))
    }
}

/// The wrapper that our chain has in effect.
fn ours(chain: &Chain) -> Option<PathBuf> {
    let winner = chain.winner()?;
    match &winner.program {
        WrapperProgram::At(path) => Some(path.clone()),
        WrapperProgram::Disabled => None,
        // The crate does not look in `PATH`.
        WrapperProgram::NotInPath => Some(PathBuf::from(&winner.value)),
    }
}

const FILES: [&str; 5] = [
    "home/.cargo/config.toml",
    "home/.cargo/config",
    "home/project/.cargo/config.toml",
    "home/project/crate/.cargo/config",
    "home/project/crate/.cargo/config.toml",
];
const VALUES: [&str; 4] = ["/opt/kache", "bin/kache", "kache", "sccache"];

proptest! {
    #[test]
    fn both_readers_find_the_same_wrapper(
        files in prop::collection::vec((0..FILES.len(), 0..VALUES.len()), 0..4),
        vars in prop::collection::vec((0..2_usize, prop::sample::select(vec!["", "/opt/kache", "kache"])), 0..2),
    ) {
        let texts: Vec<(&str, String)> = files
            .iter()
            .map(|(file, value)| (FILES[*file], format!("[build]\njobs = 1\nrustc-wrapper = '{}'\n", VALUES[*value])))
            .collect();
        let files: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let names = WrapperKey::RustcWrapper.variables();
        let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (names[*name], *value)).collect();
        let made = Configuration::new(&files, &vars);
        let theirs = made.effective().expect("nothing is included");
        let ours = ours(&made.chain());
        prop_assert_eq!(ours.as_deref(), theirs.rustc_wrapper());
    }
}

#[test]
fn a_file_that_includes_others_is_left_to_our_reader() {
    let made = Configuration::new(
        &[
            ("home/.cargo/config.toml", "include = ['more.toml']\n"),
            ("home/.cargo/more.toml", "[build]\nrustc-wrapper = '/opt/kache'\n"),
        ],
        &[],
    );
    assert_eq!(ours(&made.chain()), Some(PathBuf::from("/opt/kache")));
    assert!(made.effective().is_none());
}

#[test]
fn flags_linker_and_directories_are_those_that_cargo_would_use() {
    let made = Configuration::new(
        &[
            (
                "home/.cargo/config.toml",
                "[build]\nrustflags = ['-Zthreads=8']\ntarget-dir = 'all'\n[target.x86_64-unknown-linux-gnu]\nlinker = 'clang'\n",
            ),
            ("home/project/.cargo/config.toml", "[build]\ntarget-dir = 'out'\nbuild-dir = 'between'\n"),
        ],
        &[],
    );
    let effective = made.effective().unwrap();
    let host = "x86_64-unknown-linux-gnu";
    assert_eq!(effective.rustflags(host), Some(vec!["-Zthreads=8".to_owned()]));
    assert_eq!(effective.linker(host), Some(PathBuf::from("clang")));
    let project = made.dir.path().join("home/project");
    assert_eq!(effective.target_dir(), Some(project.join("out").as_path()));
    assert_eq!(effective.build_dir(), Some(project.join("between").as_path()));
    let overridden = Configuration { vars: vec![("RUSTFLAGS".to_owned(), "-g".to_owned())], ..made };
    assert_eq!(overridden.effective().unwrap().rustflags(host), Some(vec!["-g".to_owned()]));
}

#[test]
fn a_configuration_with_a_bad_value_is_not_resolved() {
    let made = Configuration::new(&[("home/.cargo/config.toml", "[build]\njobs = 'many'\n")], &[]);
    assert!(made.effective().is_none());
}

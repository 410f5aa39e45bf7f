//! Which environment variables decide a run.
//!
//! It cannot be observed which variables a program reads. A run that starts programs of any kind depends on all that are
//! set, but for those of a session ([`variables::decides_build_script`]). Most runs start nothing but compilers. Such a run
//! depends on the variables that cargo and compilers know, and on those whose name the script could make up from its own
//! texts, or from a text that it reads. What else a terminal, an editor or a CI service sets makes no difference to it.
//!
//! Each kind of run has a unit key of its own. Both are looked up, and what the run was observed to do decides under
//! which one it is stored.

use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::action::variables;
use crate::build_script::request::RequestedRun;
use crate::config::Write;
use crate::digest::Digest;
use crate::key::{linker, variable_names};
use crate::run::miss::observation_context::real_path;
use crate::sys::observe::{Observation, PathState};
use crate::sys::{defence, elf, env, fs, os};

/// What a variable's name begins with if cargo, rustc, the loader, a C compiler or the `cc` crate may know it.
const KNOWN_PREFIXES: &[&str] = &[
    "AR",
    "AS",
    "CARGO",
    "CC",
    "CFLAGS",
    "CLANG",
    "COLLECT_",
    "COMPILER_",
    "CPATH",
    "CPLUS_",
    "CPP",
    "CROSS_",
    "CXX",
    "C_INCLUDE_",
    "DEP_",
    "DYLD_",
    "GCC",
    "GCOV",
    "GLIBC_",
    "HOST_",
    "IPHONEOS_",
    "LC_",
    "LDFLAGS",
    "LD_",
    "LIB",
    "LLVM",
    "MACOSX_",
    "MALLOC_",
    "NM_",
    "NVCC",
    "OBJC",
    "RANLIB",
    "RUST",
    "SDK",
    "TARGET",
    "TVOS_",
    "VISIONOS_",
    "WASI_",
    "WATCHOS_",
    "XROS_",
];

/// Other names of such variables, and what decides where anything is.
const KNOWN_NAMES: &[&str] = &[
    "DEBUG",
    "DEPENDENCIES_OUTPUT",
    "DEVELOPER_DIR",
    "GCONV_PATH",
    "GNUTARGET",
    "HOME",
    "HOST",
    "INCLUDE",
    "LANG",
    "LANGUAGE",
    "LDEMULATION",
    "LINK",
    "LOCPATH",
    "NLSPATH",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "SOURCE_DATE_EPOCH",
    "SUNPRO_DEPENDENCIES",
    "TOOLCHAINS",
    "TZDIR",
    "ZERO_AR_DATE",
    "_LINK_",
];

/// The shortest part of a name that is taken for a sign of the whole, with the underscore beside it.
const LEAST_PART: usize = 3;

/// The same of a part that stands in the script in small letters, where more words are.
const LEAST_SMALL_PART: usize = 6;

/// A shorter name stands in outputs by chance.
const LEAST_NAME: usize = 4;

/// So does a shorter value.
const LEAST_VALUE: usize = 8;

/// Whose values are parts of many paths.
const WHO: &[&str] = &["LOGNAME", "USER"];

/// A text in which a name stands is at most this long; longer files are data.
const MOST_TEXT_BYTES: u64 = 256 << 10;

/// More in `OUT_DIR` is not searched for names.
const MOST_OUTPUT_BYTES: u64 = 64 << 20;

/// What the unit key says of the variables of a run.
#[derive(Clone, Copy)]
pub enum Decisive<'a> {
    /// All but those of a session.
    All,
    /// Those that compilers know, and those that a script with these texts may name.
    Named(&'a ScriptTexts),
}

impl Decisive<'_> {
    /// Whether a variable is part of the unit key, if it is set.
    pub fn includes(self, name: &str) -> bool {
        match self {
            Decisive::All => variables::decides_build_script(name),
            Decisive::Named(texts) => variables::decides_build_script(name) && is_known_or_named(name, texts),
        }
    }
}

fn is_known_or_named(name: &str, texts: &ScriptTexts) -> bool {
    KNOWN_NAMES.contains(&name)
        || KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || texts.may_name(name) && defence::stands("variables-that-build-scripts-name")
}

/// The texts in a script in which the name of a variable can stand.
pub struct ScriptTexts {
    /// As they stand there, but with underscores for hyphens.
    texts: String,
    /// The same in small letters.
    in_small_letters: String,
}

impl ScriptTexts {
    fn new(texts: String) -> ScriptTexts {
        ScriptTexts { in_small_letters: texts.to_ascii_lowercase(), texts }
    }

    /// Those of the script of a run.
    ///
    /// # Errors
    /// The script cannot be read.
    pub fn read(run: &RequestedRun<'_>, program: &Digest) -> io::Result<ScriptTexts> {
        let place = Digest::hash(format!("texts of a build script {}", program.to_hex()).as_bytes());
        if let Some(known) = run.store.variable_names(&place) {
            return Ok(ScriptTexts::new(known));
        }
        let texts = texts_in(&fs::read(Path::new(run.launched.script))?);
        // Where it cannot be kept it is read again next time.
        if run.config.write.value != Write::Off {
            let _ = run.store.put_variable_names(&place, &texts);
        }
        Ok(ScriptTexts::new(texts))
    }

    /// Whether the script may make up the name: it stands there, in any case, or a part of it does that ends or begins with
    /// an underscore, as in `format!("{library}_LIB_DIR")`. `PATH` does in each that starts programs: std names it.
    fn may_name(&self, name: &str) -> bool {
        if name == "PATH" {
            return self.texts.contains(name) && !self.texts.contains(STARTS_PROGRAMS);
        }
        let small = name.to_ascii_lowercase();
        let is_composed = small.match_indices('_').any(|(at, _)| {
            [0..at + 1, at..small.len()].into_iter().any(|part| {
                part.len() >= LEAST_PART && has(&self.texts, &name[part.clone()])
                    || part.len() >= LEAST_SMALL_PART && has(&self.in_small_letters, &small[part])
            })
        });
        is_composed || has(&self.in_small_letters, &small)
    }
}

/// Whether `part` stands in `texts`, which may be long.
fn has(texts: &str, part: &str) -> bool {
    memmem::find(texts.as_bytes(), part.as_bytes()).is_some()
}

/// A word among the texts of a script that can start programs. No name has a blank.
const STARTS_PROGRAMS: &str = "starts programs";

/// Runs of letters, digits, underscores and hyphens in what is loaded of a program, a blank between them. Nothing is left
/// out because it looks like a symbol: a part of a name may.
fn texts_in(program: &[u8]) -> String {
    let n_loaded = variable_names::n_loaded(program).unwrap_or(program.len()).min(program.len());
    let mut runs: Vec<String> = program[..n_loaded]
        .split(|byte| !(variables::is_of_word(*byte) || *byte == b'-'))
        .filter(|run| run.len() >= 2)
        .map(|run| String::from_utf8_lossy(run).replace('-', "_"))
        .collect();
    let starts_programs = elf::symbol_names(program)
        .is_some_and(|symbols| memmem::find(symbols, b"7process7Command").is_some());
    runs.extend(starts_programs.then(|| STARTS_PROGRAMS.to_owned()));
    runs.sort_unstable();
    runs.dedup();
    runs.join(" ")
}

/// The compilers that a run has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compilers {
    /// Whether one was for C, or made an archive of its objects.
    pub has_c: bool,
}

/// Which compilers the run has started; `None` if it has started anything else, which may read any variable.
pub fn started_compilers(run: &RequestedRun<'_>, observation: &Observation) -> Option<Compilers> {
    if !defence::stands("programs-that-build-scripts-start") {
        return Some(Compilers { has_c: false });
    }
    if observation.started_own {
        return None;
    }
    let own = [Some(Path::new(run.launched.script).to_path_buf()), env::current_exe().ok()];
    let own: Vec<_> = own.into_iter().flatten().map(|path| real_path(&path)).collect();
    let sysroot = real_path(&run.toolchain.sysroot);
    let rustc = os::find_program(run.rustc, run.env.get("PATH"), &run.places.build_dirs.cwd);
    let rustc = rustc.map(|path| real_path(&path));
    let started = observation
        .accesses
        .iter()
        .filter(|access| access.uses.executed && matches!(access.found, PathState::File(_)));
    let mut compilers = Compilers { has_c: false };
    for access in started {
        let is_of_rust = own.contains(&access.real)
            || rustc.as_ref() == Some(&access.real)
            || is_of_rustc(&access.real, &sysroot);
        let is_of_c = linker::is_standard(&access.path) || linker::is_part_of_c_compiler(&access.path);
        if !is_of_rust && (!is_of_c || fs::starts_with(&access.path, b"#!").unwrap_or(true)) {
            return None;
        }
        // The loader is started with every program.
        compilers.has_c |= !is_of_rust && !is_shared_library(&access.path);
    }
    Some(compilers)
}

/// Whether it is the rustc of this toolchain, or a linker that this brings along. Beside it are programs with variables of
/// their own, such as rustfmt, and the sysroot of a distribution's rustc is `/usr`.
fn is_of_rustc(real: &Path, sysroot: &Path) -> bool {
    let below = real.strip_prefix(sysroot).ok().filter(|_| sysroot.is_absolute());
    below.is_some_and(|below| below == Path::new("bin/rustc") || below.starts_with("lib/rustlib"))
}

/// Whether it has the name of a library that is loaded, or of the loader.
fn is_shared_library(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// Whether the script may have loaded a library of which it is not known which variables it reads. Where a compiler for C
/// was started, it may be that one's.
pub fn loads_libraries<'a>(mut read: impl Iterator<Item = &'a Path>, compilers: Compilers) -> bool {
    !compilers.has_c && read.any(is_shared_library)
}

/// Whether the script may go through all variables: its symbols tell, and where they were removed nothing does.
pub fn lists_variables(program: &[u8]) -> bool {
    elf::symbol_names(program).is_none_or(names_a_list_of_variables)
}

/// Lists of raw texts ([`std::env::vars_os`]) are what std starts programs with, so there may be one without the script
/// having one. What drops it is in std then, whose symbols are mangled in the newer way.
fn names_a_list_of_variables(symbols: &[u8]) -> bool {
    let has_more_than = |n: usize, symbol: &str| memmem::find_iter(symbols, symbol).nth(n).is_some();
    let is_own = has_more_than(0, "env..VarsOs$GT$")
        || has_more_than(1, "3env6VarsOs")
        || !has_more_than(0, "7process7Command");
    has_more_than(0, "3env4vars") || has_more_than(0, "3env7vars_os") && is_own
}

/// Words in the files that a run has read which may name a variable to the script. They count while a variable of that name
/// is set. What a compiler for C was started for is not searched.
pub fn words_in_texts<'a>(paths: impl Iterator<Item = &'a Path>, compilers: Compilers) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for path in paths.filter(|path| !(compilers.has_c && is_for_a_c_compiler(path))) {
        let is_text = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= MOST_TEXT_BYTES);
        let Some(text) = is_text.then(|| fs::read(path).ok()).flatten().filter(|text| !text.contains(&0))
        else {
            continue;
        };
        let found = variables::capital_words(&text).chain(variables::quoted_words(&text));
        words.extend(found.map(str::to_owned));
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// Headers and sources have no names of variables in them that a compiler would ask for.
fn is_for_a_c_compiler(path: &Path) -> bool {
    const ENDS: &[&str] =
        &["c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "inc", "inl", "m", "mm", "S", "s"];
    let end = path.extension().and_then(|end| end.to_str());
    path.starts_with("/usr/include")
        || path.starts_with("/usr/lib")
        || end.is_some_and(|end| ENDS.contains(&end))
}

/// Whether a variable that is set and not part of the key stands in what the run made, by its name or by its value: then
/// the script knows it, whatever its texts tell. `files` are those in `OUT_DIR`.
pub fn are_in_outputs(
    run: &RequestedRun<'_>,
    decisive: Decisive<'_>,
    printed: [&[u8]; 2],
    mut files: impl Iterator<Item = PathBuf>,
) -> bool {
    let texts = undecided_texts(run, decisive);
    let finders: Vec<_> = texts.into_iter().map(memmem::Finder::new).collect();
    let is_named = |text: &[u8]| finders.iter().any(|finder| finder.find(text).is_some());
    let mut n_left = MOST_OUTPUT_BYTES;
    let mut is_in_file = |path: PathBuf| {
        let Some(left) = fs::metadata(&path).ok().and_then(|found| n_left.checked_sub(found.len())) else {
            return true;
        };
        n_left = left;
        fs::read(&path).map_or(true, |text| is_named(&text))
    };
    printed.into_iter().any(is_named) || files.any(&mut is_in_file)
}

/// The names of variables that are set and not part of the key, and their values. A short value says nothing, and one that
/// is the beginning of a path of the build stands in most outputs.
fn undecided_texts<'r>(run: &RequestedRun<'r>, decisive: Decisive<'_>) -> Vec<&'r [u8]> {
    let out_dir = os::bytes(&run.places.out_dir);
    let mut texts = Vec::new();
    for (name, value) in run.env.vars() {
        let Some(name) = name.to_str().filter(|name| !decisive.includes(name)) else { continue };
        let value = os::bytes(value);
        texts.extend((name.len() >= LEAST_NAME).then_some(name.as_bytes()));
        let is_telling = value.len() >= LEAST_VALUE && !out_dir.starts_with(value) && !WHO.contains(&name);
        texts.extend((is_telling && variables::decides_build_script(name)).then_some(value));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &str) -> ScriptTexts {
        ScriptTexts::new(texts.to_owned())
    }

    #[test]
    fn what_compilers_know_decides_and_what_a_script_names() {
        let texts = texts("OUT_DIRfoo_bar SQLITE _LIB_DIR x starts programs PATH");
        let named = Decisive::Named(&texts);
        for name in [
            "CARGO_PKG_NAME",
            "CC_x86_64",
            "RUSTFLAGS",
            "LD_LIBRARY_PATH",
            "HOME",
            "FOO_BAR",
            "SQLITE_LIB_DIR",
        ] {
            assert!(named.includes(name), "{name}");
        }
        for name in ["TMUX_PANE", "GITHUB_RUN_ID", "PATH", "TERM", "NUM_JOBS", "KACHE_LOG"] {
            assert!(!named.includes(name), "{name}");
        }
        assert!(Decisive::All.includes("TMUX_PANE") && Decisive::All.includes("PATH"));
    }

    #[test]
    fn a_name_may_be_put_together_from_a_part() {
        assert!(texts("OPENSSL").may_name("OPENSSL") && texts("openssl").may_name("OPENSSL"));
        assert!(texts("x_NO_PKG_CONFIG").may_name("FOO_NO_PKG_CONFIG"));
        assert!(texts("FOO_").may_name("FOO_NO_PKG_CONFIG"));
        assert!(texts("_lib_dir").may_name("MINE_LIB_DIR"));
        assert!(!texts("FOO NO").may_name("FOO_NO"));
        assert!(!texts("a _id").may_name("A_ID"));
        assert!(texts("PATH").may_name("PATH") && !texts("PATH starts programs").may_name("PATH"));
        assert!(!texts("path").may_name("PATH"));
    }

    #[test]
    fn texts_are_runs_of_what_a_name_can_be_made_of() {
        assert_eq!(
            texts_in(b"\x7fELF\0x\x05_ROOT\0mine-lib-dir\0_RNvShort\xff"),
            "ELF _RNvShort _ROOT mine_lib_dir"
        );
    }

    #[test]
    fn only_rustc_and_its_linkers_are_its_compilers() {
        let usr = Path::new("/usr");
        assert!(is_of_rustc(Path::new("/usr/bin/rustc"), usr));
        assert!(is_of_rustc(Path::new("/usr/lib/rustlib/x/bin/rust-lld"), usr));
        for other in ["/usr/bin/sh", "/usr/bin/rustfmt", "/usr/lib/git-core/git"] {
            assert!(!is_of_rustc(Path::new(other), usr), "{other}");
        }
        assert!(!is_of_rustc(Path::new("bin/rustc"), Path::new("")));
    }

    #[test]
    fn a_script_that_goes_through_all_variables_is_told_by_its_symbols() {
        assert!(lists_variables(b"\x7fELF no symbols"));
        let lists = |symbols: &[&str]| names_a_list_of_variables(symbols.join("\0").as_bytes());
        let (std_lists, std_drops) =
            ("_RNvNtCs1_3std3env7vars_os", "_RINvNtCs2_4core3ptr13drop_in_placeNtNtCs1_3std3env6VarsOsEB2_");
        let (starts, drops) =
            ("_ZN3std7process7Command3new17h0E", "_ZN4core3ptr37drop_in_place$LT$std..env..VarsOs$GT$17h0E");
        assert!(!lists(&["_ZN3std2rt10lang_start"]));
        assert!(lists(&["_RNvNtCs1_3std3env4vars"]));
        assert!(lists(&[std_lists]));
        assert!(!lists(&[std_lists, std_drops, starts]));
        assert!(lists(&[std_lists, std_drops, starts, drops]));
        assert!(lists(&[std_lists, std_drops, starts, "_RINvCs3_drop_in_placeNtNtCs1_3std3env6VarsOsEB3_"]));
    }
}

//! Which environment variables decide a run.
//!
//! It cannot be observed which variables a program reads. A run that starts programs of any kind depends on all that are
//! set, but for those of a session ([`variables::decides_build_script`]). Most runs start nothing but compilers, and read
//! no text that could name a variable to them; such a run depends on the variables that cargo and compilers know, and on
//! those whose name the script itself could make up from its texts. What else a terminal, an editor or a CI service sets
//! makes no difference to it.
//!
//! Each kind of run has a unit key of its own. Both are looked up, and what the run was observed to do decides under
//! which one it is stored.

use std::io;
use std::path::{Path, PathBuf};

use crate::action::variables;
use crate::build_script::request::RequestedRun;
use crate::config::Write;
use crate::digest::Digest;
use crate::key::{linker, variable_names};
use crate::run::miss::observation_context::real_path;
use crate::sys::env::Env;
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

/// A text in which a name stands is at most this long; longer files are data.
const MOST_TEXT_BYTES: u64 = 256 << 10;

/// More in `OUT_DIR` is not searched for names.
const MOST_OUTPUT_BYTES: u64 = 64 << 20;

/// What the unit key says of the variables of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Decisive<'a> {
    /// All but those of a session.
    All,
    /// Those that compilers know, and those that a script with these texts may name.
    Named(&'a str),
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

fn is_known_or_named(name: &str, texts: &str) -> bool {
    KNOWN_NAMES.contains(&name)
        || KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name != "PATH" && may_name(texts, name) && defence::stands("variables-that-build-scripts-name")
}

/// Whether a program with these `texts` may make up the name: it stands there, in any case, or a part of it does that ends
/// or begins with an underscore, as in `format!("{library}_LIB_DIR")`.
fn may_name(texts: &str, name: &str) -> bool {
    let find = |part: &str| memchr::memmem::find(texts.as_bytes(), part.as_bytes()).is_some();
    let is_composed = name.match_indices('_').any(|(at, _)| {
        let (before, behind) = (&name[..=at], &name[at..]);
        [before, behind].into_iter().any(|part| part.len() >= LEAST_PART && find(part))
    });
    is_composed || find(name) || find(&name.to_lowercase()) || find(&name.to_uppercase())
}

/// The texts in a script in which the name of a variable can stand.
///
/// # Errors
/// The script cannot be read.
pub fn script_texts(run: &RequestedRun<'_>, program: &Digest) -> io::Result<String> {
    if let Some(known) = run.store.variable_names(program) {
        return Ok(known);
    }
    let texts = variable_names::names_in(&fs::read(Path::new(run.launched.script))?);
    // Where it cannot be kept it is read again next time.
    if run.config.write.value != Write::Off {
        let _ = run.store.put_variable_names(program, &texts);
    }
    Ok(texts)
}

/// Whether the run depends on no other variables than those that compilers know and the script names.
pub fn starts_only_compilers(run: &RequestedRun<'_>, observation: &Observation) -> bool {
    if !defence::stands("programs-that-build-scripts-start") {
        return true;
    }
    if observation.started_own {
        return false;
    }
    let own = [Some(Path::new(run.launched.script).to_path_buf()), env::current_exe().ok()];
    let own: Vec<_> = own.into_iter().flatten().map(|path| real_path(&path)).collect();
    let sysroot = real_path(&run.toolchain.sysroot);
    let rustc = os::find_program(run.rustc, run.env.get("PATH"), &run.places.build_dirs.cwd);
    let rustc = rustc.map(|path| real_path(&path));
    let mut started = observation
        .accesses
        .iter()
        .filter(|access| access.uses.executed && matches!(access.found, PathState::File(_)));
    started.all(|access| {
        own.contains(&access.real)
            || access.real.starts_with(&sysroot)
            || rustc.as_ref() == Some(&access.real)
            || (linker::is_standard(&access.path) || linker::is_part_of_c_compiler(&access.path))
                && !fs::starts_with(&access.path, b"#!").unwrap_or(true)
    })
}

/// Whether the script may go through all variables: its symbols tell, and where they were removed nothing does. What
/// starts other programs has the symbols for raw texts in any case.
pub fn lists_variables(program: &[u8]) -> bool {
    elf::symbol_names(program).is_none_or(names_a_list_of_variables)
}

fn names_a_list_of_variables(symbols: &[u8]) -> bool {
    let has = |symbol: &str| memchr::memmem::find(symbols, symbol.as_bytes()).is_some();
    has("3env4vars") || has("3env7vars_os") && !has("7process7Command")
}

/// Words in the files that a run has read, and that are no sources of a C compiler, which may name a variable to the
/// script. They count while a variable of that name is set.
pub fn words_in_texts<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for path in paths.filter(|path| !is_for_a_c_compiler(path)) {
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

/// Whether the name of a variable that is set and not part of the key stands in what the run made: then the script has
/// gone through all of them, whatever its symbols tell. `files` are those in `OUT_DIR`.
pub fn are_named_in_outputs(
    env: &Env,
    decisive: Decisive<'_>,
    printed: [&[u8]; 2],
    files: impl Iterator<Item = PathBuf>,
) -> bool {
    let names: Vec<&str> = env.vars().filter_map(|(name, _)| name.to_str()).collect();
    let names = names.into_iter().filter(|name| name.len() >= 4 && !decisive.includes(name));
    let finders: Vec<_> =
        names.map(|name| memchr::memmem::Finder::new(name.as_bytes()).into_owned()).collect();
    let is_named = |text: &[u8]| finders.iter().any(|finder| finder.find(text).is_some());
    let mut n_left = MOST_OUTPUT_BYTES;
    let mut is_in_file = |path: PathBuf| {
        let Some(left) = fs::metadata(&path).ok().and_then(|found| n_left.checked_sub(found.len())) else {
            return true;
        };
        n_left = left;
        fs::read(&path).map_or(true, |text| is_named(&text))
    };
    let mut files = files;
    printed.into_iter().any(is_named) || files.any(&mut is_in_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compilers_know_decides_and_what_a_script_names() {
        let named = Decisive::Named("OUT_DIRfoo_bar SQLITE _LIB_DIR x");
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
        assert!(may_name("OPENSSL", "OPENSSL") && may_name("openssl", "OPENSSL"));
        assert!(may_name("x_NO_PKG_CONFIG", "FOO_NO_PKG_CONFIG"));
        assert!(may_name("FOO_", "FOO_NO_PKG_CONFIG"));
        assert!(!may_name("FOO NO", "FOO_NO"));
        assert!(!may_name("a _", "A_B"));
    }

    #[test]
    fn a_script_that_goes_through_all_variables_is_told_by_its_symbols() {
        assert!(lists_variables(b"\x7fELF no symbols"));
        assert!(!names_a_list_of_variables(b"_ZN3std2rt10lang_start"));
        assert!(names_a_list_of_variables(b"_RNvNtCs1_3std3env4vars"));
        assert!(names_a_list_of_variables(b"_RNvNtCs1_3std3env7vars_os"));
        assert!(!names_a_list_of_variables(b"_RNvNtCs1_3std3env7vars_os _ZN3std7process7Command6output"));
    }
}

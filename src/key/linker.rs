//! What a link reads besides crates: the linker, start files, the C library, native libraries, scripts.
//!
//! The compiler driver (`cc`) is asked once where it looks; the answer and the content of what was found there are
//! kept under `memo/`, and hold as long as the files are the same ones. A probe that finds nothing is a bypass:
//! two machines that both know nothing are not equal.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::action::memo;
use crate::digest::{Digest, Hasher, guard};
use crate::key::variable_names;
use crate::outcome::{Bypass, BypassReason};
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity, private};
use crate::sys::{defence, os, process};

/// A linker driver and what it brings along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Linker {
    /// Content of the driver, the linkers it would start, start files and the C library.
    pub digest: Digest,
    /// Where it looks for libraries, in order.
    pub library_dirs: Vec<PathBuf>,
    /// The texts in the driver and the linkers that are not [standard](is_standard); see [`variable_names::names_in`].
    pub names: String,
    files: Vec<(PathBuf, [i64; 5])>,
    /// Candidates that stood before a file that was found, and were not there.
    absent: Vec<PathBuf>,
}

/// Files that a link may take from the driver's directories without being told: the first of each name counts.
const BROUGHT_ALONG: &[&str] = &[
    "crt1.o",
    "Scrt1.o",
    "rcrt1.o",
    "gcrt1.o",
    "crti.o",
    "crtn.o",
    "crtbegin.o",
    "crtbeginS.o",
    "crtbeginT.o",
    "crtend.o",
    "crtendS.o",
    "libgcc.a",
    "libgcc_eh.a",
    "libgcc_s.so",
    "libgcc_s.so.1",
    "libc.so",
    "libc.so.6",
    "libc.a",
    "libc_nonshared.a",
    "libm.so",
    "libm.so.6",
    "libmvec.so.1",
    "libm.a",
    "libdl.so",
    "libdl.so.2",
    "libdl.a",
    "libpthread.so",
    "libpthread.so.0",
    "libpthread.a",
    "librt.so",
    "librt.so.1",
    "librt.a",
    "libutil.so",
    "libutil.so.1",
    "libutil.a",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];
/// At least these must be found, or the driver was not understood.
const NEEDED: &[&[&str]] =
    &[&["crt1.o", "Scrt1.o"], &["crti.o"], &["libc.so.6", "libc.so", "libc.a"], &["libgcc.a"]];

fn refuse(detail: impl Into<String>) -> BypassReason {
    BypassReason::new(Bypass::Linker, detail)
}

/// The linker that `name` (the value of `-C linker`, or `cc`) stands for, `flavour` being the value of
/// `-fuse-ld=` where one is given.
pub fn identify(
    name: &OsStr,
    flavour: Option<&str>,
    cwd: &Path,
    env: &Env,
    machine_dir: &Path,
) -> Result<Linker, BypassReason> {
    let driver = os::find_program(name, env.get("PATH"), cwd)
        .ok_or_else(|| refuse(format!("{} is not on PATH", name.to_string_lossy())))?;
    let mut question = Hasher::new();
    question.field(os::bytes(&driver));
    question.field(flavour.unwrap_or_default().as_bytes());
    for variable in ["PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"] {
        question.field(env.get(variable).map_or(&[], |value| os::bytes(value)));
    }
    let kept_path = machine_dir.join(format!("linker-{}", &question.finish().to_hex()[..32]));
    if let Some(known) = recall(&kept_path) {
        return Ok(known);
    }
    let linker = probe(&driver, flavour, cwd, env)?;
    if let Ok(json) = serde_json::to_vec(&linker) {
        let _ = private::create_dir_all(machine_dir);
        let _ = private::replace(
            &kept_path,
            &machine_dir.join(format!("tmp-{}", fs::unique_name())),
            &guard::add(json),
        );
    }
    Ok(linker)
}

pub(super) fn recall(kept_path: &Path) -> Option<Linker> {
    let linker: Linker = serde_json::from_slice(&guard::check(private::read(kept_path).ok()?)?).ok()?;
    let unchanged =
        linker.files.iter().all(|(path, then)| Identity::at(path).is_ok_and(|now| now.numbers() == *then));
    let still_absent = linker.absent.iter().all(|path| fs::symlink_metadata(path).is_err());
    (unchanged && still_absent).then_some(linker)
}

/// Collects files with their content.
struct Collection {
    hasher: Hasher,
    files: Vec<(PathBuf, [i64; 5])>,
    names: String,
}

impl Collection {
    fn add(&mut self, name: &str, path: &Path) -> Result<(), BypassReason> {
        let (digest, identity) =
            memo::hash_file(path).map_err(|e| refuse(format!("{}: {e}", path.display())))?;
        self.hasher.field(name.as_bytes());
        self.hasher.field(digest.as_bytes());
        self.files.push((path.to_path_buf(), identity.numbers()));
        Ok(())
    }

    fn add_program(&mut self, name: &str, path: &Path) -> Result<(), BypassReason> {
        self.add(name, path)?;
        if !is_standard(path) {
            let program = fs::read(path).map_err(|e| refuse(format!("{}: {e}", path.display())))?;
            self.names += &variable_names::names_in(&program);
            self.names.push('\n');
        }
        Ok(())
    }
}

fn probe(driver: &Path, flavour: Option<&str>, cwd: &Path, env: &Env) -> Result<Linker, BypassReason> {
    let mut collection = Collection { hasher: Hasher::new(), files: Vec::new(), names: String::new() };
    collection.add_program("driver", driver)?;
    if defence::stands("linkers-that-are-scripts") && fs::starts_with(driver, b"#!").unwrap_or(true) {
        return Err(refuse(format!("{} is a script: what it starts is not known", driver.display())));
    }

    let mut programs = vec!["collect2".to_owned(), "ld".to_owned()];
    programs.extend(flavour.map(|flavour| format!("ld.{flavour}")));
    for program in &programs {
        let answer = ask(driver, &format!("-print-prog-name={program}"), cwd)?;
        match os::find_program(OsStr::new(answer.trim()), env.get("PATH"), cwd) {
            Some(path) => collection.add_program(program, &path)?,
            // clang has no collect2.
            None if program == "collect2" => {}
            None => return Err(refuse(format!("{program} is not to be found"))),
        }
    }
    let dirs = ask(driver, "-print-search-dirs", cwd)?;
    let dirs = dirs.lines().find_map(|line| line.strip_prefix("libraries:"));
    let dirs = dirs.ok_or_else(|| refuse(format!("{} names no library directories", driver.display())))?;
    let mut library_dirs: Vec<PathBuf> = Vec::new();
    for dir in dirs.trim().trim_start_matches('=').split(':').map(|dir| cwd.join(dir)) {
        if let Ok(dir) = fs::canonical(&dir)
            && !library_dirs.contains(&dir)
        {
            library_dirs.push(dir);
        }
    }
    let mut absent = Vec::new();
    let mut found = Vec::new();
    for name in BROUGHT_ALONG {
        for candidate in library_dirs.iter().map(|dir| dir.join(name)) {
            if fs::metadata(&candidate).is_ok() {
                collection.add(name, &candidate)?;
                found.push(*name);
                break;
            }
            absent.push(candidate);
        }
    }
    for alternatives in NEEDED {
        if !alternatives.iter().any(|name| found.contains(name)) {
            return Err(refuse(format!("{} is not where {} looks", alternatives[0], driver.display())));
        }
    }
    // Of a file that is nowhere, only the first place is watched: most never come.
    absent.retain(|path| {
        path.parent() == library_dirs.first().map(PathBuf::as_path) || found_later(path, &found)
    });
    let names = collection.names;
    Ok(Linker { digest: collection.hasher.finish(), library_dirs, names, files: collection.files, absent })
}

/// What the driver prints for an option.
fn ask(driver: &Path, option: &str, cwd: &Path) -> Result<String, BypassReason> {
    let answer = process::output(driver.as_os_str(), &[option], cwd)
        .map_err(|e| refuse(format!("{} {option}: {e}", driver.display())))?;
    String::from_utf8(answer).map_err(|_| refuse(format!("{} {option}: not UTF-8", driver.display())))
}

/// Whether a program is one of the tools that a linker driver consists of, and installed by the system. The variables
/// that these read are known ([`crate::key::unit`]). A program elsewhere may only be called like one.
pub fn is_standard(path: &Path) -> bool {
    is_installed_tool(path, TOOLS)
}

/// The same of the programs that compile C and make archives of object files.
pub fn is_part_of_c_compiler(path: &Path) -> bool {
    is_installed_tool(path, PARTS_OF_C_COMPILERS)
}

fn is_installed_tool(path: &Path, tools: &[&str]) -> bool {
    let Ok(real) = fs::canonical(path) else { return false };
    let is_installed = !defence::stands("programs-only-named-like-linkers")
        || SYSTEM_PLACES.iter().any(|place| real.starts_with(place));
    is_installed
        && !real.starts_with("/usr/local")
        && has_name_of_tool(path, tools)
        && has_name_of_tool(&real, tools)
}

const SYSTEM_PLACES: &[&str] = &["/usr", "/bin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"];

/// Whether it has the name of such a tool, with any target and version around it (`x86_64-linux-gnu-gcc-13`).
fn has_name_of_tool(path: &Path, tools: &[&str]) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // The loader is started with every program.
    if name.starts_with("ld") && name.contains(".so") {
        return true;
    }
    let stem = name.split('-').rfind(|part| !is_version(part)).unwrap_or_default();
    tools.contains(&stem)
}

fn is_version(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

const TOOLS: &[&str] = &[
    "as", "bfd", "c++", "cc", "clang", "clang++", "collect2", "g++", "gcc", "gold", "ld", "ld.bfd",
    "ld.gold", "ld.lld", "lld", "mold", "objcopy", "strip",
];

const PARTS_OF_C_COMPILERS: &[&str] = &["ar", "cc1", "cc1plus", "nm", "ranlib"];

fn found_later(path: &Path, found: &[&str]) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| found.contains(&name))
}

/// What an argument to the linker driver means for the key.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkArgument {
    /// It names nothing; the text alone decides.
    Plain,
    /// A file that is read, as spelled: found in the working directory, or through `-L`.
    File(OsString),
    /// A library that is looked for: `-lfoo`.
    Library(String),
    /// A directory that is looked in.
    SearchDir(OsString),
    /// Which linker is started.
    Flavour(String),
}

/// Arguments that only say how to link. A trailing `*` stands for any rest.
const PLAIN: &[&str] = &[
    "-static",
    "-static-pie",
    "-static-libgcc",
    "-shared-libgcc",
    "-no-pie",
    "-pie",
    "-nopie",
    "-nostartfiles",
    "-nodefaultlibs",
    "-nostdlib",
    "-rdynamic",
    "-pthread",
    "-s",
    "-S",
    "-g*",
    "-O*",
    "-m32",
    "-m64",
    "-mcpu=*",
    "-march=*",
    "-mtune=*",
    "-Wl,--as-needed",
    "-Wl,--no-as-needed",
    "-Wl,--gc-sections",
    "-Wl,--no-gc-sections",
    "-Wl,--export-dynamic",
    "-Wl,-E",
    "-Wl,--no-undefined",
    "-Wl,-Bstatic",
    "-Wl,-Bdynamic",
    "-Wl,-Bsymbolic*",
    "-Wl,--allow-multiple-definition",
    "-Wl,-z,*",
    "-Wl,-z*",
    "-Wl,-O*",
    "-Wl,--hash-style=*",
    "-Wl,--build-id*",
    "-Wl,--eh-frame-hdr",
    "-Wl,--icf=*",
    "-Wl,--whole-archive",
    "-Wl,--no-whole-archive",
    "-Wl,--start-group",
    "-Wl,--end-group",
    "-Wl,-soname,*",
    "-Wl,-soname=*",
    "-Wl,-rpath,*",
    "-Wl,-rpath=*",
    "-Wl,--rpath=*",
    "-Wl,--enable-new-dtags",
    "-Wl,--disable-new-dtags",
    "-Wl,-s",
    "-Wl,-S",
    "-Wl,--strip-all",
    "-Wl,--strip-debug",
    "-Wl,--threads*",
    "-Wl,--no-threads",
    "-Wl,-u,*",
    "-Wl,--undefined=*",
    "-Wl,--defsym=*",
    "-Wl,--defsym,*",
    "-Wl,--wrap=*",
    "-Wl,--exclude-libs,*",
    "-Wl,--exclude-libs=*",
    "-Wl,-Ttext=*",
    "-Wl,-Ttext,*",
    "-Wl,-Ttext-segment=*",
    "-Wl,--nmagic",
    "-Wl,-n",
    "-Wl,--image-base=*",
    "-Wl,--entry=*",
    "-Wl,-e,*",
    "-Wl,--no-dynamic-linker",
    "-Wl,--unresolved-symbols=*",
    "-Wl,--warn-*",
    "-Wl,--fatal-warnings",
    "-Wl,--no-fatal-warnings",
    "-Wl,--sort-section=*",
    "-Wl,--compress-debug-sections=*",
    "-Wl,--noinhibit-exec",
    "-Wl,--relax",
    "-Wl,--no-relax",
    "-Wl,--pack-dyn-relocs=*",
];

/// Options that a file name follows, after `-Wl,` and at once, after `=` or after a comma.
const FILE_OPTIONS: &[&str] = &[
    "-Wl,-T",
    "-Wl,--script",
    "-T",
    "-Wl,--version-script",
    "-Wl,--dynamic-list",
    "-Wl,--retain-symbols-file",
    "-Wl,--symbol-ordering-file",
    "-Wl,--section-ordering-file",
    "-Wl,--export-dynamic-symbol-list",
];

/// What `argument` means, or that it is not understood.
pub fn classify(argument: &OsStr) -> Result<LinkArgument, BypassReason> {
    let text = argument.to_str().ok_or_else(|| refuse_argument(argument))?;
    if let Some(flavour) = text.strip_prefix("-fuse-ld=") {
        return Ok(LinkArgument::Flavour(flavour.to_owned()));
    }
    if let Some(library) = text.strip_prefix("-l").or_else(|| text.strip_prefix("-Wl,-l")) {
        return Ok(LinkArgument::Library(library.to_owned()));
    }
    if let Some(dir) = text.strip_prefix("-L").or_else(|| text.strip_prefix("-Wl,-L")) {
        return Ok(LinkArgument::SearchDir(dir.into()));
    }
    // `-Wl,-Ttext=0x1000` starts like `-Wl,-T<file>`.
    if is_plain(text) {
        return if has_hidden_parts(text) { Err(refuse_argument(argument)) } else { Ok(LinkArgument::Plain) };
    }
    for option in FILE_OPTIONS {
        if let Some(rest) = text.strip_prefix(option) {
            let file = rest.strip_prefix(['=', ',']).unwrap_or(rest);
            if !file.is_empty() && !file.contains(',') {
                return Ok(LinkArgument::File(file.into()));
            }
        }
    }
    if !text.starts_with(['-', '@']) && !text.is_empty() {
        return Ok(LinkArgument::File(text.into()));
    }
    if !defence::stands("unknown-link-arguments-are-refused") {
        return Ok(LinkArgument::Plain);
    }
    Err(refuse_argument(argument))
}

fn refuse_argument(argument: &OsStr) -> BypassReason {
    refuse(format!("link argument {}", argument.to_string_lossy()))
}

fn is_plain(argument: &str) -> bool {
    PLAIN.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => argument.starts_with(prefix),
        None => argument == *pattern,
    })
}

/// `-Wl,-z,now,-T,script`: more than one option in one argument, beyond the pairs that the table knows.
fn has_hidden_parts(text: &str) -> bool {
    text.starts_with("-Wl,") && text.split(',').skip(2).any(|part| part.starts_with(['-', '@']))
}

/// The files that a linker script includes with `INCLUDE`. `None` if it contains a command that is not understood.
pub fn included_by(script: &[u8]) -> Option<Vec<String>> {
    let text = without_comments(std::str::from_utf8(script).ok()?)?;
    let mut names = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    if names.any(|name| ["INPUT", "GROUP", "SEARCH_DIR", "STARTUP"].contains(&name)) {
        return None;
    }
    let mut words =
        text.split(|c: char| c.is_whitespace() || ";{}()".contains(c)).filter(|word| !word.is_empty());
    let mut included = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "INCLUDE" => included.push(words.next()?.trim_matches('"').to_owned()),
            word if word.contains("INCLUDE") => return None,
            _ => {}
        }
    }
    Some(included)
}

/// The files (absolute or not) and libraries (`-lfoo`) that a script in the place of a shared library sends the linker
/// to; `None` where it does what is not understood.
pub fn named_by(script: &[u8]) -> Option<Vec<String>> {
    let text = without_comments(std::str::from_utf8(script).ok()?)?;
    let mut named = Vec::new();
    let mut format = 0;
    for word in text.split(|c: char| c.is_whitespace() || ",;".contains(c)).flat_map(with_brackets) {
        match word {
            "" | "(" | ")" if format == 0 => {}
            "GROUP" | "INPUT" | "AS_NEEDED" if format == 0 => {}
            "OUTPUT_FORMAT" if format == 0 => format = 1,
            ")" => format = 0,
            _ if format > 0 => {}
            word if word.contains(['/', '.']) || word.starts_with("-l") => {
                named.push(word.trim_matches('"').to_owned());
            }
            _ => return None,
        }
    }
    Some(named)
}

/// A word in pieces, each bracket one of its own.
fn with_brackets(word: &str) -> impl Iterator<Item = &str> {
    word.split_inclusive(['(', ')']).flat_map(|piece| {
        let name = piece.trim_end_matches(['(', ')']);
        [name, &piece[name.len()..]]
    })
}

/// A script without `/* … */`; `None` where one does not end.
fn without_comments(text: &str) -> Option<String> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        kept += before;
        kept.push(' ');
        rest = comment.split_once("*/")?.1;
    }
    Some(kept + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_of_a_linker_are_known_by_all_their_names() {
        let known = ["/usr/bin/cc", "x86_64-linux-gnu-gcc-13", "clang-18", "/x/gcc-ld/ld.lld", "rust-lld"];
        let loaders = ["/lib64/ld-linux-x86-64.so.2", "ld-musl-x86_64.so.1", "ld64.so.2"];
        assert!(loaders.iter().all(|name| has_name_of_tool(Path::new(name), TOOLS)));
        assert!(known.iter().all(|name| has_name_of_tool(Path::new(name), TOOLS)));
        let others = ["/bin/sh", "python3", "ldconfig", "my-tool", "git", "13", ""];
        assert!(others.iter().all(|name| !has_name_of_tool(Path::new(name), TOOLS)));
    }

    #[test]
    fn program_named_like_a_linker_outside_of_the_system_is_not_standard() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("cc");
        fs::write_new(&path, b"").expect("writes");
        assert!(!is_standard(&path));
        assert!(!is_standard(Path::new("/usr/bin/there-is-no-such-thing/cc")));
    }

    #[test]
    fn arguments_with_files_are_told_from_plain_ones() {
        let file = |name: &str| LinkArgument::File(name.into());
        for (argument, meaning) in [
            ("-Wl,--as-needed", LinkArgument::Plain),
            ("-Wl,-z,relro", LinkArgument::Plain),
            ("-Wl,-Ttext=0x1000", LinkArgument::Plain),
            ("-Tlink.x", file("link.x")),
            ("-Wl,-Tlink.x", file("link.x")),
            ("-Wl,-T,link.x", file("link.x")),
            ("-Wl,-Ttext.x", file("text.x")),
            ("-Wl,--version-script=/a/v.map", file("/a/v.map")),
            ("extra.o", file("extra.o")),
            ("-lfoo", LinkArgument::Library("foo".into())),
            ("-L/opt/lib", LinkArgument::SearchDir("/opt/lib".into())),
            ("-fuse-ld=mold", LinkArgument::Flavour("mold".into())),
        ] {
            assert_eq!(classify(OsStr::new(argument)), Ok(meaning), "{argument}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for argument in [
            "@args.rsp",
            "-Wl,@args",
            "-Wl,-z,now,-T,x.ld",
            "-specs=x",
            "-B/dir",
            "--sysroot=/x",
            "-Wl,-Map=x",
            "-o",
        ] {
            assert!(classify(OsStr::new(argument)).is_err(), "{argument}");
        }
    }

    #[test]
    fn scripts_show_what_they_include() {
        assert_eq!(included_by(b"INCLUDE memory.x\nSECTIONS { }"), Some(vec!["memory.x".to_owned()]));
        assert_eq!(included_by(b"a=1;INCLUDE \"b\";c=2"), Some(vec!["b".to_owned()]));
        assert_eq!(included_by(b"/* INPUT(x) */ A = 1;"), Some(Vec::new()));
        for script in
            ["INPUT(libfoo.a)", "SECTIONS{}INPUT(x)", "/**/GROUP (x)", "XINCLUDE y", "/* INPUT", "INCLUDE"]
        {
            assert_eq!(included_by(script.as_bytes()), None, "{script}");
        }
    }

    #[test]
    fn a_script_in_place_of_a_library_names_files() {
        let libc = b"/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\n\
            GROUP ( /lib/libc.so.6 libc_nonshared.a  AS_NEEDED ( /lib64/ld-linux.so.2 -lm) )\n";
        let names = ["/lib/libc.so.6", "libc_nonshared.a", "/lib64/ld-linux.so.2", "-lm"].map(str::to_owned);
        assert_eq!(named_by(libc), Some(names.to_vec()));
        assert_eq!(named_by(b"INPUT(a.so,b.so)"), Some(vec!["a.so".to_owned(), "b.so".to_owned()]));
        for script in ["SEARCH_DIR(/x)", "INCLUDE x.ld", "GROUP(x)", "/* x", "a = 1;"] {
            assert_eq!(named_by(script.as_bytes()), None, "{script}");
        }
    }
}

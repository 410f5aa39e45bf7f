//! The speed floor of a warm build: the least that any `RUSTC_WRAPPER` could do.
//!
//! It looks at the arguments alone and never at a source, so it is **wrong by design** and only good for
//! measuring. A known command line gets its old outputs back: an rlib by hard link, everything that cargo wants
//! fresh by copy (which stamps it), and the old messages. `KACHE_CACHE_DIR` is the store, as for kache, so either
//! can be started in the place of the other.
//!
//! One entry is a directory named after the digest of the arguments: the files by number, and `list`, which says
//! for each file `L` or `C` and where it goes, then an empty line, then the compiler's messages.

#![expect(clippy::disallowed_methods, reason = "it is no part of kache")]

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

fn main() -> io::Result<ExitCode> {
    let argv: Vec<OsString> = env::args_os().skip(1).collect();
    let store = env::var_os("KACHE_CACHE_DIR").map(PathBuf::from);
    let (Some(store), true) = (store, argv.iter().any(|argument| argument == "--out-dir")) else {
        return run_untouched(&argv);
    };
    let mut hasher = DefaultHasher::new();
    argv.hash(&mut hasher);
    let entry = store.join(format!("{:016x}", hasher.finish()));
    match fs::read(entry.join("list")) {
        Ok(list) => restore(&entry, &list).map(|()| ExitCode::SUCCESS),
        Err(_) => compile(&argv, &entry),
    }
}

/// Puts the files of a known command line in place, then repeats its messages.
fn restore(entry: &Path, list: &[u8]) -> io::Result<()> {
    let end = list.windows(2).position(|pair| pair == b"\n\n").expect("a list has an empty line") + 2;
    let lines = str::from_utf8(&list[..end]).expect("paths were UTF-8 when they were written");
    for (number, line) in lines.lines().take_while(|line| !line.is_empty()).enumerate() {
        let (from, to) = (entry.join(number.to_string()), Path::new(&line[1..]));
        let _ = fs::remove_file(to);
        match line.starts_with('L') {
            true => fs::hard_link(&from, to)?,
            false => fs::copy(&from, to).map(drop)?,
        }
    }
    io::stderr().write_all(&list[end..])
}

/// Compiles, and keeps what the compiler says it made.
fn compile(argv: &[OsString], entry: &Path) -> io::Result<ExitCode> {
    let child = Command::new(&argv[0]).args(&argv[1..]).stderr(Stdio::piped()).spawn()?;
    let output = child.wait_with_output()?;
    io::stderr().write_all(&output.stderr)?;
    if !output.status.success() {
        return Ok(ExitCode::FAILURE);
    }
    let outputs = artifacts(&output.stderr);
    let has_metadata = outputs.iter().any(|path| path.ends_with(".rmeta"));
    fs::create_dir_all(entry)?;
    let mut list = String::new();
    for (number, path) in outputs.iter().enumerate() {
        let kept = entry.join(number.to_string());
        let _ = fs::remove_file(&kept);
        fs::hard_link(path, kept)?;
        let how = if has_metadata && path.ends_with(".rlib") { 'L' } else { 'C' };
        list.push_str(&format!("{how}{path}\n"));
    }
    list.push_str(if list.is_empty() { "\n\n" } else { "\n" });
    fs::write(entry.join("list"), [list.as_bytes(), &output.stderr].concat())?;
    Ok(ExitCode::SUCCESS)
}

/// The paths in the compiler's `{"artifact":…}` lines.
fn artifacts(messages: &[u8]) -> Vec<String> {
    let lines = messages.split(|&byte| byte == b'\n');
    let values = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    values.filter_map(|value| Some(value.get("artifact")?.as_str()?.to_owned())).collect()
}

/// A question to the compiler: answered by it, in this very process where the system can do that.
fn run_untouched(argv: &[OsString]) -> io::Result<ExitCode> {
    let mut rustc = Command::new(&argv[0]);
    rustc.args(&argv[1..]);
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut rustc));
    #[cfg(not(unix))]
    return Ok(if rustc.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
}

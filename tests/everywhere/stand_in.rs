//! The stand-ins.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The triple that the stand-in says it runs on.
pub(crate) fn host() -> String {
    let system = match std::env::consts::OS {
        "windows" => "pc-windows-msvc",
        "macos" => "apple-darwin",
        _ => "unknown-linux-gnu",
    };
    format!("{}-{system}", std::env::consts::ARCH)
}

/// A compiler: answers what it is asked for; else writes a library that holds the text of its source, and notes the call
/// in the file `calls.profraw` beside itself: what a measurement leaves is no output of a compile.
pub(crate) fn rustc(args: &[String]) -> ExitCode {
    let exe = std::env::current_exe().expect("this program has a path");
    let bin = exe.parent().expect("it is in a directory");
    let is = |expected: &[&str]| args.iter().map(String::as_str).eq(expected.iter().copied());
    if is(&["-vV"]) {
        println!(
            "rustc 1.95.0 (stand-in)\nbinary: rustc\ncommit-hash: unknown\nhost: {}\nrelease: 1.95.0",
            host()
        );
        return ExitCode::SUCCESS;
    }
    if is(&["--print", "sysroot"]) {
        println!("{}", bin.parent().expect("it is in a toolchain").display());
        return ExitCode::SUCCESS;
    }
    let after = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let (Some(name), Some(out_dir)) = (after("--crate-name"), after("--out-dir")) else {
        eprintln!("error: the stand-in does not understand {args:?}");
        return ExitCode::FAILURE;
    };
    let source = args.iter().find(|arg| arg.ends_with(".rs")).expect("there is a source");
    let extra = args.iter().find_map(|arg| arg.strip_prefix("extra-filename=")).unwrap_or_default();
    let file = |ending: &str| Path::new(out_dir).join(ending);
    note(&bin.join("calls.profraw"));
    let text = fs::read_to_string(source).expect("reads the source");
    if text.contains("broken") {
        eprintln!("error: it is broken");
        return ExitCode::FAILURE;
    }
    for ending in ["rlib", "rmeta"] {
        let path = file(&format!("lib{name}{extra}.{ending}"));
        let _ = fs::remove_file(&path);
        fs::write(path, format!("{ending} of {text}")).expect("writes an output");
    }
    let info = file(&format!("{name}{extra}.d"));
    // As rustc writes them: blanks are told apart only in the names of sources.
    let lines = format!("{}: {source}\n\n{source}:\n", info.display());
    fs::write(&info, lines).expect("writes the dep-info");
    eprintln!("warning: the stand-in warns");
    ExitCode::SUCCESS
}

/// Neither reads the file nor makes it: a compile that did would not be stored.
fn note(calls: &Path) {
    let mut calls = fs::OpenOptions::new().append(true).open(calls).expect("the world has made it");
    calls.write_all(b".").expect("notes the call");
}

/// How many compilations were noted.
pub(crate) fn n_calls(calls: &Path) -> usize {
    fs::read(calls).expect("the world has made it").len()
}

/// Cargo, which only asks the compiler for its version, through the wrapper that its configuration names.
pub(crate) fn cargo(args: &[String]) -> ExitCode {
    if args.first().is_none_or(|arg| arg != "tree") {
        println!("cargo 1.95.0 (stand-in)");
        return ExitCode::SUCCESS;
    }
    let home = PathBuf::from(std::env::var_os("CARGO_HOME").expect("it is set"));
    let config = fs::read_to_string(home.join("config.toml")).unwrap_or_default();
    let wrapper = config.lines().find_map(|line| line.trim_start().strip_prefix("rustc-wrapper = "));
    let wrapper = wrapper.map(|value| value.trim().trim_matches(['\'', '"']).replace("\\\\", "\\"));
    let mut command = match wrapper.filter(|wrapper| !wrapper.is_empty()) {
        Some(wrapper) => {
            let mut command = Command::new(wrapper);
            command.arg("rustc");
            command
        }
        None => Command::new("rustc"),
    };
    match command.arg("-vV").output() {
        Ok(output) if output.status.success() => ExitCode::SUCCESS,
        result => {
            eprintln!("error: could not execute process: {result:?}");
            ExitCode::from(101)
        }
    }
}

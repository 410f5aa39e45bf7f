//! Outputs by target, crate type and emit set. Every row is what rustc 1.95 made or announced.

use std::path::PathBuf;

use crate::invocation::outputs::outputs;
use crate::invocation::tests::parse_line;
use crate::invocation::{Output, Role};
use crate::outcome::{Bypass, BypassReason};

const LINUX: &str = "x86_64-unknown-linux-gnu";

fn outputs_on(host: &str, more: &str) -> Result<Vec<Output>, BypassReason> {
    let line = format!("--crate-name foo --out-dir o src/lib.rs -Cextra-filename=-ab {more}");
    outputs(&parse_line(&line).expect("understood"), host)
}

fn spelled(outputs: &[Output]) -> Vec<(Role, String)> {
    outputs.iter().map(|output| (output.role, output.path.to_string_lossy().replace('\\', "/"))).collect()
}

fn expect(host: &str, more: &str, expected: &[(Role, &str)]) {
    let found = outputs_on(host, more).expect(more);
    let expected: Vec<_> = expected.iter().map(|(role, path)| (*role, (*path).to_owned())).collect();
    assert_eq!(spelled(&found), expected, "{host} {more}");
}

#[test]
fn every_crate_type_leaves_its_files_on_linux() {
    let table = [
        ("--crate-type bin", Role::Executable, "o/foo-ab"),
        ("--crate-type lib", Role::Rlib, "o/libfoo-ab.rlib"),
        ("--crate-type dylib", Role::Dylib, "o/libfoo-ab.so"),
        ("--crate-type cdylib", Role::Cdylib, "o/libfoo-ab.so"),
        ("--crate-type staticlib", Role::Staticlib, "o/libfoo-ab.a"),
        ("--crate-type proc-macro", Role::ProcMacro, "o/libfoo-ab.so"),
        ("--test", Role::Executable, "o/foo-ab"),
        ("--test --crate-type lib,cdylib", Role::Executable, "o/foo-ab"),
        ("", Role::Executable, "o/foo-ab"),
    ];
    for (crate_type, role, path) in table {
        let dep_info = (Role::DepInfo, "o/foo-ab.d");
        let metadata = (Role::Metadata, "o/libfoo-ab.rmeta");
        expect(
            LINUX,
            &format!("{crate_type} --emit=link,metadata,dep-info"),
            &[dep_info, metadata, (role, path)],
        );
        expect(LINUX, &format!("{crate_type} --emit=dep-info,metadata"), &[dep_info, metadata]);
        expect(LINUX, &format!("{crate_type} --emit=dep-info"), &[dep_info]);
    }
}

#[test]
fn several_crate_types_come_in_argv_order() {
    let rlib = (Role::Rlib, "o/libfoo-ab.rlib");
    let cdylib = (Role::Cdylib, "o/libfoo-ab.so");
    let staticlib = (Role::Staticlib, "o/libfoo-ab.a");
    expect(LINUX, "--emit link --crate-type cdylib,lib,staticlib", &[cdylib, rlib, staticlib]);
    expect(LINUX, "--emit link --crate-type lib --crate-type cdylib", &[rlib, cdylib]);
}

#[test]
fn explicit_paths_are_taken_as_spelled() {
    expect(
        LINUX,
        "--crate-type lib --emit=dep-info=a.d,metadata=x/m,link=y",
        &[(Role::DepInfo, "a.d"), (Role::Metadata, "x/m"), (Role::Rlib, "y")],
    );
}

#[test]
fn names_follow_the_target_not_the_host() {
    use Role::{Cdylib, DebugInfo, Dylib, Executable, ExportFile, ImportLibrary, ProcMacro, Rlib, Staticlib};
    let msvc_dll = |role| {
        vec![
            (role, "o/foo-ab.dll"),
            (ImportLibrary, "o/foo-ab.dll.lib"),
            (ExportFile, "o/foo-ab.dll.exp"),
            (DebugInfo, "o/foo-ab.pdb"),
        ]
    };
    let gnu_dll = |role| vec![(role, "o/foo-ab.dll"), (ImportLibrary, "o/libfoo-ab.dll.a")];
    let table = [
        ("x86_64-pc-windows-msvc", "bin", vec![(Executable, "o/foo-ab.exe"), (DebugInfo, "o/foo-ab.pdb")]),
        ("x86_64-pc-windows-msvc", "lib", vec![(Rlib, "o/libfoo-ab.rlib")]),
        ("x86_64-pc-windows-msvc", "staticlib", vec![(Staticlib, "o/foo-ab.lib")]),
        ("aarch64-pc-windows-msvc", "cdylib", msvc_dll(Cdylib)),
        ("aarch64-pc-windows-msvc", "proc-macro", msvc_dll(ProcMacro)),
        ("x86_64-pc-windows-gnu", "bin", vec![(Executable, "o/foo-ab.exe")]),
        ("x86_64-pc-windows-gnullvm", "dylib", gnu_dll(Dylib)),
        ("x86_64-pc-windows-gnu", "staticlib", vec![(Staticlib, "o/libfoo-ab.a")]),
        ("aarch64-apple-darwin", "bin", vec![(Executable, "o/foo-ab")]),
        ("aarch64-apple-ios-sim", "cdylib", vec![(Cdylib, "o/libfoo-ab.dylib")]),
        ("aarch64-apple-darwin", "proc-macro", vec![(ProcMacro, "o/libfoo-ab.dylib")]),
        ("wasm32-unknown-unknown", "bin", vec![(Executable, "o/foo-ab.wasm")]),
        ("wasm32-wasip2", "cdylib,lib", vec![(Cdylib, "o/foo-ab.wasm"), (Rlib, "o/libfoo-ab.rlib")]),
        ("x86_64-unknown-uefi", "bin", vec![(Executable, "o/foo-ab.efi"), (DebugInfo, "o/foo-ab.pdb")]),
        ("thumbv7em-none-eabi", "bin", vec![(Executable, "o/foo-ab")]),
        ("aarch64-linux-android", "cdylib", vec![(Cdylib, "o/libfoo-ab.so")]),
        ("x86_64-unknown-freebsd", "dylib", vec![(Dylib, "o/libfoo-ab.so")]),
        ("x86_64-unknown-linux-musl", "bin", vec![(Executable, "o/foo-ab")]),
        ("x86_64-alpine-linux-musl", "proc-macro", vec![(ProcMacro, "o/libfoo-ab.so")]),
        ("no-such-target", "lib", vec![(Rlib, "o/libfoo-ab.rlib")]),
    ];
    for (triple, crate_type, expected) in table {
        expect(LINUX, &format!("--emit link --crate-type {crate_type} --target {triple}"), &expected);
        expect(triple, &format!("--emit link --crate-type {crate_type}"), &expected);
    }
    expect(LINUX, "--emit link --crate-type lib --target my.json", &[(Rlib, "o/libfoo-ab.rlib")]);
    let executable_on_host = [(Executable, "o/foo-ab")];
    expect("aarch64-apple-darwin", &format!("--emit link --target {LINUX}"), &executable_on_host);
}

#[test]
fn outputs_that_cannot_be_named_are_a_bypass() {
    let table = [
        (LINUX, "--crate-type lib,cdylib --emit link=x"),
        (LINUX, "--crate-type dylib,cdylib --emit link"),
        (LINUX, "--crate-type bin,lib --emit link"),
        (LINUX, "--crate-type proc-macro,lib --emit link"),
        (LINUX, "--crate-type lib --emit metadata=x,link=x"),
        (LINUX, "--crate-type bin --emit link --target my.json"),
        (LINUX, "--crate-type cdylib --emit link -C target-feature=+sse,+crt-static"),
        (LINUX, "--crate-type dylib --emit link --target wasm32-wasip1"),
        ("wasm32-unknown-emscripten", "--emit link"),
        ("avr-none", "--emit link"),
        ("thumbv7em-none-eabi", "--crate-type cdylib --emit link"),
        ("aarch64-apple-watchos", "--crate-type dylib --emit link"),
        ("x86_64-unknown-linux-musl", "--crate-type cdylib,lib --emit link"),
    ];
    for (host, more) in table {
        let reason = outputs_on(host, more).expect_err(more);
        assert_eq!(reason.why, Bypass::CrateType, "{more}");
    }
}

#[test]
fn the_last_word_about_the_c_library_decides_whether_there_are_dynamic_libraries() {
    let dynamic =
        "--crate-type cdylib --emit link -C target-feature=+crt-static -Ctarget_feature=-crt-static";
    let expected = [(Role::Cdylib, "o/libfoo-ab.so")];
    expect(LINUX, dynamic, &expected);
    expect("x86_64-unknown-linux-musl", dynamic, &expected);
    expect(
        LINUX,
        "--crate-type proc-macro --emit link -C target-feature=+crt-static",
        &[(Role::ProcMacro, "o/libfoo-ab.so")],
    );
}

#[test]
fn debug_information_in_files_of_its_own_is_a_bypass_where_there_is_any() {
    const MAC: &str = "aarch64-apple-darwin";
    const MSVC: &str = "x86_64-pc-windows-msvc";
    let table = [
        (LINUX, "lib", "-g -Csplit-debuginfo=unpacked", false),
        (LINUX, "lib", "-g -Csplit-debuginfo=packed", true),
        (LINUX, "lib", "-Csplit-debuginfo=unpacked", true),
        (LINUX, "lib", "-g -Cdebuginfo=0 -Csplit-debuginfo=unpacked", true),
        (LINUX, "lib", "-Cdebuginfo=line-tables-only -Csplit-debuginfo=unpacked", false),
        (LINUX, "staticlib", "-g -Csplit-debuginfo=packed", true),
        (LINUX, "bin", "-g -Csplit-debuginfo=packed", false),
        (LINUX, "bin", "-g -Csplit-debuginfo=packed -Csplit-debuginfo=off", true),
        (LINUX, "bin", "-g", true),
        (MAC, "lib", "-g -Csplit-debuginfo=unpacked", true),
        (MAC, "bin", "-g -Csplit-debuginfo=unpacked", false),
        (MAC, "bin", "-g", false),
        (MAC, "bin", "-g -Csplit-debuginfo=off", true),
        (MAC, "proc-macro", "-Csplit-debuginfo=unpacked", true),
        (MSVC, "bin", "-g -Csplit-debuginfo=packed", true),
    ];
    for (host, crate_type, more, fits) in table {
        let found = outputs_on(host, &format!("--emit link --crate-type {crate_type} {more}"));
        let why = found.as_ref().err().map(|reason| reason.why);
        assert_eq!(why, (!fits).then_some(Bypass::SideOutput), "{host} {crate_type} {more}");
        assert!(outputs_on(host, &format!("--emit metadata --crate-type {crate_type} {more}")).is_ok());
    }
}

#[test]
fn only_what_a_linker_makes_counts_as_linked() {
    let line = "--crate-type cdylib --emit dep-info,metadata,link";
    let outputs = outputs_on("x86_64-pc-windows-msvc", line).expect("understood");
    let linked: Vec<PathBuf> =
        outputs.iter().filter(|output| output.role.is_linked()).map(|output| output.path.clone()).collect();
    assert_eq!(linked, [PathBuf::from("o").join("foo-ab.dll")]);
    let beside = outputs.iter().filter(|output| output.role.is_side_file()).count();
    assert_eq!(beside, 3);
}

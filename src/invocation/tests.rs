//! Argv in, [`Invocation`] or reason out.

mod outputs;
mod recorded;
mod spelling;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::emit::EmitKind;
use super::parse::parse;
use super::*;
use crate::outcome::{Bypass, BypassReason};

/// The least that is a compilation.
const LEAST: &str =
    "--crate-name foo --crate-type lib --emit=dep-info,metadata,link --out-dir out src/lib.rs";

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// No argument file can be read.
fn no_files(_: &Path) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

fn parse_words(args: &[OsString]) -> Result<Invocation, BypassReason> {
    parse(args, &no_files)
}

fn parse_line(line: &str) -> Result<Invocation, BypassReason> {
    parse_words(&words(line))
}

/// The least compilation with more arguments.
fn with(more: &str) -> Result<Invocation, BypassReason> {
    parse_line(&format!("{LEAST} {more}"))
}

fn with_file(content: &[u8], more: &str) -> Result<Invocation, BypassReason> {
    let args = words(&format!("{LEAST} {more}"));
    parse(&args, &|path| if path == Path::new("args") { Ok(content.to_vec()) } else { no_files(path) })
}

fn flags(invocation: &Invocation) -> Vec<(&str, &str)> {
    invocation.flags.iter().map(|flag| (flag.name, flag.value.to_str().expect("argv is UTF-8"))).collect()
}

fn why(result: Result<Invocation, BypassReason>) -> Option<Bypass> {
    result.err().map(|reason| reason.why)
}

/// More arguments for the least compilation, separated by `|`, and what they come to.
const REFUSED: &[(Bypass, &str)] = &[
    (
        Bypass::Query,
        "-vV|-V|-Vv|--version|-h|--help|--help -v|--explain E0001|--print cfg|--print=file-names",
    ),
    (Bypass::Query, "-C help|-Chelp|--codegen=help|-W help|-Whelp|-A help|--force-warn help|-Z help"),
    (Bypass::Query, "-Zunpretty=expanded|-Z ls=root"),
    (Bypass::Stdin, "-|-- -"),
    (Bypass::NoSource, "other.rs|-- -O|-- other.rs"),
    (Bypass::NotCargo, "-o x|-ox"),
    (Bypass::EmitKind, "--emit=asm|--emit mir=x|--emit dep-info=-|--emit="),
    (Bypass::CrateType, "--crate-type=|--crate-type proc_macro|--crate-type sdylib"),
    (Bypass::SideOutput, "-C save-temps|-Csave_temps=no|-C remark=all|-C ar=x|-C profile-generate"),
    (
        Bypass::SideOutput,
        "-C profile-generate=dir|-C linker-plugin-lto=/usr/lib/LLVMgold.so|-C passes=dot-cfg",
    ),
    (Bypass::SideOutput, "-C llvm-args=-pass-remarks-output=x|-C llvm-args|-C passes"),
    (
        Bypass::UnknownArgument,
        "--no-such-option|--code=opt-level=3|-Q|-gQ|--test=1|--pretty normal|--env-set A=B",
    ),
    (Bypass::UnknownArgument, "-C no-such=1|-C=opt-level=3|-C opt__level=1|-C|--cfg|--json=timing|--target="),
    (
        Bypass::UnknownArgument,
        "-Z no-such|-Zself-profile|-Zshell-argfiles|-Zdump-mir=all|-Zcrate-attr=x|-Zcodegen-backend=gcc",
    ),
    (Bypass::UnknownArgument, "--crate-name foo|--edition=2021 --edition=2021|--test --test|-v --verbose"),
    (Bypass::UnknownArgument, "-C incremental|-gCincremental=x|-gC incremental=x|--color=auto --color=auto"),
    (Bypass::UnknownArgument, "-C extra-filename|-C extra-filename=/x|-L dependency=|-L@RUSTC_BUILTIN/x"),
    (Bypass::UnknownArgument, "--extern a-b=x|--extern =x|--extern a=|--extern bad:a=x"),
    (Bypass::UnknownArgument, "-l raw-dylib=x|-l =x|-l static:bundle=x|-l static=x:"),
    (Bypass::ArgumentFile, "@missing|--cfg @missing|-- @missing"),
];

#[test]
fn what_is_not_understood_is_a_bypass_with_its_reason() {
    for (expected, cases) in REFUSED {
        for case in cases.split('|') {
            assert_eq!(why(with(case)), Some(*expected), "{case}");
        }
    }
    for absent in ["--crate-name foo", "--emit=dep-info,metadata,link", "--out-dir out"] {
        assert_eq!(why(parse_line(&LEAST.replace(absent, ""))), Some(Bypass::NotCargo), "no {absent}");
    }
    assert_eq!(why(parse_line(&LEAST.replace("src/lib.rs", ""))), Some(Bypass::NoSource));
    assert_eq!(why(parse_line(&LEAST.replace("name foo", "name a/b"))), Some(Bypass::UnknownArgument));
}

#[test]
fn the_reason_names_the_argument() {
    let reason = with("-C no_such=1").expect_err("unknown");
    assert_eq!(reason, BypassReason::new(Bypass::UnknownArgument, "-C no_such=1"));
}

#[test]
fn flags_keep_their_order_and_get_their_long_spelling() {
    let invocation = with(concat!(
        "-O -Copt_level=1 -g --cfg a -Dwarnings -W unused -A x -F y --force-warn=z --cap-lints warn -Zthreads=2 ",
        "--check-cfg cfg(a) --edition 2024 -C metadata=m -C prefer-dynamic -Ctarget-cpu=native -v ",
        "--error-format=json --json=artifacts,future-incompat --remap-path-prefix a=b --sysroot s ",
        "-C llvm-args=-inline-threshold=3 -C linker-plugin-lto=yes -C link-arg=-lm --color=never"
    ))
    .expect("understood");
    let expected = [
        ("O", ""),
        ("codegen", "opt-level=1"),
        ("codegen", "debuginfo=2"),
        ("cfg", "a"),
        ("deny", "warnings"),
        ("warn", "unused"),
        ("allow", "x"),
        ("forbid", "y"),
        ("force-warn", "z"),
        ("cap-lints", "warn"),
        ("Z", "threads=2"),
        ("check-cfg", "cfg(a)"),
        ("edition", "2024"),
        ("codegen", "metadata=m"),
        ("codegen", "prefer-dynamic"),
        ("codegen", "target-cpu=native"),
        ("verbose", ""),
        ("error-format", "json"),
        ("json", "artifacts,future-incompat"),
        ("remap-path-prefix", "a=b"),
        ("sysroot", "s"),
        ("codegen", "llvm-args=-inline-threshold=3"),
        ("codegen", "linker-plugin-lto=yes"),
        ("codegen", "link-arg=-lm"),
    ];
    assert_eq!(flags(&invocation), expected);
    assert!(invocation.json_diagnostics && invocation.json_artifacts);
    assert_eq!(invocation.codegen("opt-level").collect::<Vec<_>>(), [Some("1")]);
    assert_eq!(invocation.codegen("prefer-dynamic").collect::<Vec<_>>(), [None]);
}

#[test]
fn unstable_options_that_are_understood_are_flags() {
    let invocation =
        with("-Zembed_metadata=no -Z checksum-hash-algorithm=blake3 -Zhint-msrv=1.80 --json=timings")
            .expect("understood");
    let expected = [
        ("Z", "embed-metadata=no"),
        ("Z", "checksum-hash-algorithm=blake3"),
        ("Z", "hint-msrv=1.80"),
        ("json", "timings"),
    ];
    assert_eq!(flags(&invocation), expected);
    assert!(invocation.has_unstable("embed-metadata") && !invocation.has_unstable("embed"));
}

#[test]
fn terminal_options_do_not_decide_anything() {
    assert_eq!(with("--color=always --diagnostic-width=80"), with(""));
}

#[test]
fn crate_types_are_deduplicated_and_default_to_bin() {
    let types = |more: &str| {
        parse_line(&format!("{} {more}", LEAST.replace("--crate-type lib", "")))
            .expect("understood")
            .crate_types
    };
    assert_eq!(types("--crate-type=lib,rlib,cdylib --crate-type lib"), [CrateType::Rlib, CrateType::Cdylib]);
    assert_eq!(types(""), [CrateType::Bin]);
    assert_eq!(types("--test"), []);
}

#[test]
fn incremental_is_dropped_by_position_in_every_spelling() {
    let first = words(LEAST).len();
    for (spelling, count) in [
        ("-C incremental=x", 2),
        ("-Cincremental=x", 1),
        ("--codegen incremental=x", 2),
        ("--codegen=incremental=x", 1),
        ("--C=incremental=", 1),
    ] {
        let invocation = with(&format!("{spelling} -O")).expect(spelling);
        assert_eq!(invocation.left_out, (first..first + count).collect::<Vec<_>>(), "{spelling}");
        assert_eq!(flags(&invocation), [("O", "")], "{spelling}");
    }
    for content in ["-Cincremental=x\n", "-C\nincremental=x\n", "-gCincremental=x"] {
        assert_eq!(why(with_file(content.as_bytes(), "@args")), Some(Bypass::ArgumentFile), "{content}");
    }
    assert_eq!(why(with_file(b"incremental=x", "-C @args")), Some(Bypass::ArgumentFile));
}

#[test]
fn extern_search_path_and_library_arguments_are_taken_apart() {
    let invocation = with(concat!(
        "--extern proc_macro --extern=a=x=y.rlib --extern noprelude,priv:b=b.rlib -Ldependency=deps -L native=n ",
        "-L crate=c -L framework=f -L all=a -L some=dir -lz -l static:+whole-archive,-bundle=foo:bar -ldylib=a=b"
    ))
    .expect("understood");
    let extern_crate = |options: &str, name: &str, path: Option<&str>| Extern {
        options: options.to_owned(),
        name: name.to_owned(),
        path: path.map(PathBuf::from),
    };
    let expected = [
        extern_crate("", "proc_macro", None),
        extern_crate("", "a", Some("x=y.rlib")),
        extern_crate("noprelude,priv", "b", Some("b.rlib")),
    ];
    assert_eq!(invocation.externs, expected);
    let paths: Vec<_> = invocation.search_paths.iter().map(|path| (path.kind, path.path.as_path())).collect();
    let expected = [
        (SearchKind::Dependency, Path::new("deps")),
        (SearchKind::Native, Path::new("n")),
        (SearchKind::Crate, Path::new("c")),
        (SearchKind::Framework, Path::new("f")),
        (SearchKind::All, Path::new("a")),
        (SearchKind::All, Path::new("some=dir")),
    ];
    assert_eq!(paths, expected);
    let library = |kind: Option<&str>, modifiers: &[&str], name: &str, rename: Option<&str>| NativeLib {
        kind: kind.map(str::to_owned),
        modifiers: modifiers.iter().map(|modifier| (*modifier).to_owned()).collect(),
        name: name.into(),
        rename: rename.map(OsString::from),
    };
    let expected = [
        library(None, &[], "z", None),
        library(Some("static"), &["+whole-archive", "-bundle"], "foo", Some("bar")),
        library(Some("dylib"), &[], "a=b", None),
    ];
    assert_eq!(invocation.native_libs, expected);
}

#[test]
fn targets_are_triples_or_specifications() {
    let target = |value: &str| with(&format!("--target {value}")).expect("understood").target;
    assert_eq!(target("wasm32-wasip1"), Some(Target::Triple("wasm32-wasip1".to_owned())));
    assert_eq!(target("dir/my.json"), Some(Target::Spec(PathBuf::from("dir/my.json"))));
    assert_eq!(with("").expect("understood").target, None);
}

#[test]
fn extra_filename_is_a_field_and_a_flag_and_the_last_one_counts() {
    let invocation = with("-C extra_filename=-a -Cextra-filename=-b").expect("understood");
    assert_eq!(invocation.extra_filename, "-b");
    assert_eq!(flags(&invocation), [("codegen", "extra-filename=-a"), ("codegen", "extra-filename=-b")]);
}

#[test]
fn argument_files_stand_for_their_lines_wherever_they_occur() {
    let expanded = with("--cfg a -O").expect("understood");
    for (content, more) in [
        ("--cfg\na\n-O\n", "@args"),
        ("--cfg\r\na\r\n-O", "@args"),
        ("a\n-O", "--cfg @args"),
        ("--cfg=a", "@args -O"),
        ("", "--cfg @args a -O"),
    ] {
        let mut invocation = with_file(content.as_bytes(), more).expect(content);
        assert_eq!(invocation.argument_files, [PathBuf::from("args")]);
        invocation.argument_files.clear();
        assert_eq!(invocation, expanded, "{content:?} {more}");
    }
}

#[test]
fn argument_files_are_neither_quoted_nor_nested_nor_trimmed() {
    let nested = with_file(b"--cfg\n@args\n", "@args").expect("an @ in a file stands for itself");
    assert_eq!(flags(&nested), [("cfg", "@args")]);
    let quoted = with_file(b"--cfg\nfeature=\"a b\"\n", "@args").expect("understood");
    assert_eq!(flags(&quoted), [("cfg", "feature=\"a b\"")]);
    for (content, reason) in [
        (&b"\n-O\n"[..], Bypass::NoSource),
        (b"@args\n", Bypass::NoSource),
        (b"-O \n", Bypass::UnknownArgument),
        (b"-O\r", Bypass::UnknownArgument),
        (b"--cfg\n\xff\n", Bypass::ArgumentFile),
    ] {
        assert_eq!(why(with_file(content, "@args")), Some(reason), "{content:?}");
    }
}

#[test]
fn sources_may_follow_two_dashes() {
    let dashes = LEAST.replace("src/lib.rs", "-O -- src/lib.rs");
    assert_eq!(parse_line(&dashes), with("-O"));
}

#[test]
fn emit_kinds_are_known_with_their_paths() {
    let line = LEAST.replace("dep-info,metadata,link", "dep-info,metadata=m.rmeta");
    let emits = parse_line(&line).expect("understood").emits;
    let expected = [(EmitKind::DepInfo, None), (EmitKind::Metadata, Some(PathBuf::from("m.rmeta")))];
    let expected = expected.map(|(kind, path)| emit::Emit { kind, path });
    assert_eq!(emits, expected);
}

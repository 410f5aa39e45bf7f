//! What cargo 1.95 really says, recorded from a workspace of two packages.

use std::path::{Path, PathBuf};

use crate::invocation::outputs::outputs;
use crate::invocation::tests::{flags, parse_words};
use crate::invocation::{CrateType, Extern, Invocation, SearchKind, SearchPath};

const JSON: &str = "diagnostic-rendered-ansi,artifacts,future-incompat";
const CHECK_CFG: &str = "cfg(feature, values(\"default\", \"std\"))";

/// A recorded line: `'…'` keeps spaces together, as a shell does.
fn recorded(line: &str) -> Invocation {
    let mut args: Vec<String> = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            args.push(part.to_owned());
        } else {
            args.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let args: Vec<_> = args.into_iter().map(Into::into).collect();
    parse_words(&args).expect("cargo's own words")
}

fn names(invocation: &Invocation) -> Vec<String> {
    let outputs = outputs(invocation, "x86_64-unknown-linux-gnu").expect("modelled");
    let name = |path: &Path| path.strip_prefix(&invocation.out_dir).expect("in --out-dir").to_owned();
    outputs.iter().map(|output| name(&output.path).to_string_lossy().into_owned()).collect()
}

fn extern_crate(name: &str, path: Option<&str>) -> Extern {
    Extern { options: String::new(), name: name.to_owned(), path: path.map(PathBuf::from) }
}

#[test]
fn a_library() {
    let invocation = recorded(concat!(
        "--crate-name a_crate --edition=2024 a/src/lib.rs --error-format=json ",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat --crate-type lib --emit=dep-info,metadata,link ",
        "-C embed-bitcode=no -C debuginfo=2 --deny=unused --cfg 'feature=\"default\"' --cfg 'feature=\"std\"' ",
        "--check-cfg 'cfg(docsrs,test)' --check-cfg 'cfg(feature, values(\"default\", \"std\"))' ",
        "-C metadata=59227c2047bb6f8e -C extra-filename=-6e62d14cc35bc1df --out-dir /w/debug/deps ",
        "-C incremental=/w/debug/incremental -L dependency=/w/debug/deps ",
        "--extern pm=/w/debug/deps/libpm-2c61cc1d30490ca0.so",
    ));
    assert_eq!(invocation.crate_name, "a_crate");
    assert_eq!(invocation.crate_types, [CrateType::Rlib]);
    assert_eq!(invocation.source, PathBuf::from("a/src/lib.rs"));
    assert_eq!(invocation.out_dir, PathBuf::from("/w/debug/deps"));
    assert_eq!(invocation.extra_filename, "-6e62d14cc35bc1df");
    assert_eq!(invocation.externs, [extern_crate("pm", Some("/w/debug/deps/libpm-2c61cc1d30490ca0.so"))]);
    let dependencies = SearchPath { kind: SearchKind::Dependency, path: PathBuf::from("/w/debug/deps") };
    assert_eq!(invocation.search_paths, [dependencies]);
    assert!(invocation.json_diagnostics && invocation.json_artifacts && !invocation.test);
    assert_eq!(invocation.left_out, [28, 29]);
    let expected = [
        ("edition", "2024"),
        ("error-format", "json"),
        ("json", JSON),
        ("codegen", "embed-bitcode=no"),
        ("codegen", "debuginfo=2"),
        ("deny", "unused"),
        ("cfg", "feature=\"default\""),
        ("cfg", "feature=\"std\""),
        ("check-cfg", "cfg(docsrs,test)"),
        ("check-cfg", CHECK_CFG),
        ("codegen", "metadata=59227c2047bb6f8e"),
        ("codegen", "extra-filename=-6e62d14cc35bc1df"),
    ];
    assert_eq!(flags(&invocation), expected);
    let stem = "a_crate-6e62d14cc35bc1df";
    assert_eq!(
        names(&invocation),
        [format!("{stem}.d"), format!("lib{stem}.rmeta"), format!("lib{stem}.rlib")]
    );
}

#[test]
fn a_binary() {
    let invocation = recorded(concat!(
        "--crate-name a_crate --edition=2024 a/src/main.rs --error-format=json ",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat --crate-type bin --emit=dep-info,link ",
        "-C embed-bitcode=no -C debuginfo=2 -C metadata=8cb98c2d8977ef7c -C extra-filename=-203b49f1a7f24c35 ",
        "--out-dir /w/debug/deps -L dependency=/w/debug/deps ",
        "--extern a_crate=/w/debug/deps/liba_crate-6e62d14cc35bc1df.rlib -L native=/w/debug/build/z-1/out -l z",
    ));
    assert_eq!(invocation.crate_types, [CrateType::Bin]);
    assert!(invocation.left_out.is_empty());
    assert_eq!(invocation.native_libs.len(), 1);
    assert_eq!(names(&invocation), ["a_crate-203b49f1a7f24c35.d", "a_crate-203b49f1a7f24c35"]);
}

#[test]
fn a_build_script() {
    let invocation = recorded(concat!(
        "--crate-name build_script_build --edition=2024 a/build.rs --error-format=json ",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat --crate-type bin --emit=dep-info,link ",
        "-C embed-bitcode=no --check-cfg 'cfg(docsrs,test)' -C metadata=9e0b12b114ebb287 ",
        "-C extra-filename=-3e7fd3af1f6fd166 --out-dir /w/debug/build/a-crate-3e7fd3af1f6fd166 ",
        "-C incremental=/w/debug/incremental -L dependency=/w/debug/deps --cap-lints allow",
    ));
    assert_eq!(flags(&invocation).last(), Some(&("cap-lints", "allow")));
    let stem = "build_script_build-3e7fd3af1f6fd166";
    assert_eq!(names(&invocation), [format!("{stem}.d"), stem.to_owned()]);
}

#[test]
fn a_procedural_macro() {
    let invocation = recorded(concat!(
        "--crate-name pm --edition=2021 pm/src/lib.rs --error-format=json ",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat --crate-type proc-macro --emit=dep-info,link ",
        "-C prefer-dynamic -C embed-bitcode=no -C debuginfo=2 --check-cfg 'cfg(feature, values())' ",
        "-C metadata=bc7c1998b6da53ae -C extra-filename=-2c61cc1d30490ca0 --out-dir /w/debug/deps ",
        "-L dependency=/w/debug/deps --extern proc_macro",
    ));
    assert_eq!(invocation.externs, [extern_crate("proc_macro", None)]);
    assert_eq!(names(&invocation), ["pm-2c61cc1d30490ca0.d", "libpm-2c61cc1d30490ca0.so"]);
}

#[test]
fn a_test() {
    let invocation = recorded(concat!(
        "--crate-name it --edition=2024 a/tests/it.rs --error-format=json ",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat --emit=dep-info,link -C embed-bitcode=no ",
        "-C debuginfo=2 --deny=unused --test -C metadata=84663e019453872b -C extra-filename=-3cb388f2bb4c3100 ",
        "--out-dir /w/debug/deps -L dependency=/w/debug/deps",
    ));
    assert!(invocation.test && invocation.crate_types.is_empty());
    assert_eq!(names(&invocation), ["it-3cb388f2bb4c3100.d", "it-3cb388f2bb4c3100"]);
}

/// clippy-driver gets the arguments that rustc would get.
#[test]
fn a_clippy_run_of_a_binary() {
    let invocation = recorded(concat!(
        "--crate-name a_crate --edition=2024 a/src/main.rs --error-format=json ",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat --crate-type bin --emit=dep-info,metadata ",
        "-C opt-level=3 -C embed-bitcode=no -C metadata=37860c00832541e2 -C extra-filename=-57d5c130e6117ebf ",
        "--out-dir /w/release/deps -C strip=debuginfo -L dependency=/w/release/deps ",
        "--extern a_crate=/w/release/deps/liba_crate-746d397116a1d44d.rmeta",
    ));
    assert_eq!(names(&invocation), ["a_crate-57d5c130e6117ebf.d", "liba_crate-57d5c130e6117ebf.rmeta"]);
}

//! What is asked of the compiler: lint levels, formats, kinds of output, flags in every order, and what is no
//! compilation at all.

use kache::action::input_kinds::InputKind;
use kache::outcome::{Bypass, Outcome};
use kache::store::Store;

use crate::step::{Step, hits, misses};
use crate::world::{World, package};

#[test]
fn a_lint_that_becomes_an_error_fails_the_build() {
    let world = World::project("lints");
    world.build().all_missed();
    world.edit("Cargo.toml", "\"warn\"", "\"deny\"");
    world.build().fails_with("error: unused variable: `unused`");
    world.clean();
    world.build().fails_with("error: unused variable: `unused`");
    world.edit("Cargo.toml", "\"deny\"", "\"warn\"");
    let step = world.build();
    step.all_hit();
    assert!(step.stderr().contains("warning: unused variable: `unused`"), "{step}");
    world.edit("Cargo.toml", "\"warn\"", "\"allow\"");
    let step = world.build();
    step.all_missed();
    assert!(!step.stderr().contains("unused variable"), "{step}");
}

#[test]
fn flags_of_the_environment_that_deny_fail_the_build() {
    let mut world = World::project("lints");
    world.build().all_missed();
    world.set("RUSTFLAGS", "-D warnings");
    world.rebuild().fails_with("error: unused variable: `unused`");
    world.unset("RUSTFLAGS");
    world.rebuild().all_hit();
}

/// Of what was seeded cargo says that it is fresh.
#[test]
fn every_message_format_is_as_without_a_cache() {
    let world = World::project("lints").env("KACHE_SEED", "0");
    for format in
        ["human", "short", "json", "json-diagnostic-short", "json-diagnostic-rendered-ansi", "human"]
    {
        let build = ["build", "--message-format", format];
        let first = world.cargo(build);
        first.succeeds();
        world.clean();
        let second = world.cargo(build);
        second.all_hit();
        let mut plain = world.command("cargo");
        plain.args(build).env("RUSTC_WRAPPER", "");
        world.clean();
        let plain = world.run(plain);
        plain.succeeds();
        for step in [&first, &second] {
            assert_eq!(step.stdout(), plain.stdout(), "{format}");
            assert_eq!(untimed(step), untimed(&plain), "{format}");
        }
        world.clean();
    }
}

/// What was printed to standard error, without how long it took.
fn untimed(step: &Step) -> Vec<&str> {
    step.stderr().lines().filter(|line| !line.contains("Finished")).collect()
}

#[test]
fn a_check_does_not_serve_a_build_nor_the_other_way() {
    let world = World::project("two-crates");
    world.cargo(["check"]).all_missed();
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
    world.cargo(["check"]).all_hit();
    world.noop_of(["check"]);
    world.clean();
    world.cargo(["check"]).all_hit();
    world.same_as_plain_cargo_of(&["check"]);
}

#[test]
fn clippy_does_not_serve_a_check_nor_the_other_way() {
    let world = World::project("two-crates");
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub fn same(x: u32) -> u32 { return x; }\n");
    let clippy = world.cargo(["clippy"]);
    clippy.all_missed();
    assert!(clippy.stderr().contains("needless_return"), "{clippy}");
    world.clean();
    let check = world.cargo(["check"]);
    check.all_missed();
    assert!(!check.stderr().contains("needless_return"), "{check}");
    world.clean();
    let clippy = world.cargo(["clippy"]);
    clippy.all_hit();
    assert!(clippy.stderr().contains("needless_return"), "{clippy}");
    world.same_as_plain_cargo_of(&["clippy"]);
}

#[test]
fn what_clippy_denies_fails_after_it_was_a_warning() {
    let world = World::project("two-crates");
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub fn same(x: u32) -> u32 { return x; }\n");
    world.cargo(["clippy"]).all_missed();
    for _ in 0..2 {
        world.clean();
        world.cargo(["clippy", "--", "-D", "warnings"]).fails_with("error: unneeded `return` statement");
    }
    world.clean();
    world.cargo(["clippy"]).all_hit();
}

#[test]
fn a_configuration_of_clippy_decides_wherever_it_appears() {
    let world = World::project("two-crates");
    let arguments = "a: u8, b: u8, c: u8";
    world.edit(
        "words/src/lib.rs",
        "mod a;",
        &format!("mod a;\npub fn many({arguments}) {{ let _ = (a, b, c); }}\n"),
    );
    let says = |step: &Step| step.stderr().contains("too_many_arguments");
    assert!(!says(world.cargo(["clippy"]).all_missed()));
    // For the workspace and for the package, and gone again.
    for file in ["clippy.toml", "words/.clippy.toml"] {
        world.write(file, "too-many-arguments-threshold = 2\n");
        world.clean();
        assert!(says(world.cargo(["clippy"]).succeeds()), "{file}");
        world.write(file, "too-many-arguments-threshold = 3\n");
        world.clean();
        assert!(!says(world.cargo(["clippy"]).succeeds()), "{file}");
        world.remove(file);
        world.clean();
        assert!(!says(world.cargo(["clippy"]).all_hit()), "{file}");
    }
}

#[test]
fn a_manifest_that_clippy_reads_decides() {
    let world = World::project("two-crates");
    world.edit("words/src/lib.rs", "mod a;", "#![warn(clippy::cargo_common_metadata)]\nmod a;");
    world.edit("words/Cargo.toml", "publish = false\n", "");
    let says = |step: &Step| step.stderr().contains("missing `package.keywords`");
    assert!(says(world.cargo(["clippy"]).all_missed()));
    world.edit("words/Cargo.toml", "edition =", "keywords = [\"x\"]\nedition =");
    world.clean();
    assert!(!says(world.cargo(["clippy"]).succeeds()));
}

#[test]
fn cargo_fix_edits_sources_as_without_a_cache() {
    let world = World::project("two-crates");
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub fn f() -> u32 { let mut x = 1; x }\n");
    world.cargo(["check"]).all_missed();
    world.clean();
    let step = world.cargo(["fix", "--lib", "-p", "words", "--allow-no-vcs", "--allow-dirty"]);
    step.succeeds();
    assert!(step.records().iter().all(|record| !matches!(record.outcome, Outcome::Hit { .. })), "{step}");
    let source = std::fs::read_to_string(world.tree().join("words/src/lib.rs")).expect("reads");
    assert!(source.contains("let x = 1"), "{source}");
}

/// The key of a native build holds what the processor is, so that another machine does not take it.
#[test]
fn a_native_build_is_keyed_by_the_processor() {
    let world = World::project("two-crates").env("RUSTFLAGS", "-C target-cpu=native");
    let step = world.build();
    step.all_missed();
    let store = Store::at(&world.cache());
    for record in step.records() {
        let inputs = store.inputs(&record.key.expect("it was stored")).expect("they are kept");
        assert!(inputs.unit.iter().any(|input| input.kind == InputKind::Processor), "{step}");
    }
    world.rebuild().all_hit();
}

/// A tree with one library, for calls without cargo.
fn library() -> World {
    let world = World::files(&[(
        "src/lib.rs",
        "pub fn f() -> u32 { let unused = 1; if cfg!(a) { 1 } else { 2 } }\n",
    )]);
    std::fs::create_dir(world.tree().join("out")).expect("makes a directory");
    world
}

const LIBRARY: &str =
    "--crate-name x --crate-type lib --emit=dep-info,metadata,link --out-dir out src/lib.rs";

/// Calls kache as cargo would, with these arguments for rustc.
fn rustc(world: &World, args: &str) -> Step {
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.arg("rustc").args(args.split_whitespace());
    world.run(command)
}

fn library_with(world: &World, more: &str) -> Step {
    rustc(world, &format!("{LIBRARY} {more}"))
}

#[test]
fn every_change_of_flags_misses_and_every_repetition_hits() {
    let world = library();
    let all = [
        "",
        "-C opt-level=1",
        "-C opt-level=1 -C opt-level=3",
        "-C opt-level=3 -C opt-level=1",
        "--cfg a --cfg bc",
        "--cfg ab --cfg c",
        "--cfg abc",
        "-C metadata=1",
        "-C extra-filename=-1",
        "-C debuginfo=1",
        "-g",
        "--edition 2021",
        "--cap-lints allow",
        "-A unused",
        "-W unused",
        "-A unused -W unused",
        "-W unused -A unused",
        "--force-warn unused_variables",
        "--check-cfg cfg(a)",
        "--error-format=json",
        "--error-format=json --json=artifacts",
        "--error-format=short",
        "--remap-path-prefix=/a=/b",
        "-L native=/one",
        "-L native=/one -L native=/two",
        "-L native=/two -L native=/one",
        "-C target-feature=+avx2",
        "-C panic=abort",
    ];
    let printed: Vec<String> = all
        .iter()
        .map(|more| {
            let step = library_with(&world, more);
            step.expect(hits(0), misses(1));
            step.all_stored();
            step.stderr().to_owned()
        })
        .collect();
    for (more, printed) in all.iter().zip(printed) {
        let step = library_with(&world, more);
        step.expect(hits(1), misses(0));
        assert_eq!(step.stderr(), printed, "{more}");
    }
    // How a terminal looks, and where the files go, is nobody's content.
    library_with(&world, "--color never --diagnostic-width 40").expect(hits(1), misses(0));
}

#[test]
fn another_source_is_another_crate() {
    let world = library();
    library_with(&world, "").expect(hits(0), misses(1));
    world.write("src/other.rs", "pub fn other() {}\n");
    rustc(&world, &LIBRARY.replace("lib.rs", "other.rs")).expect(hits(0), misses(1));
}

#[test]
fn repeated_compile_hits() {
    let world = library();
    library_with(&world, "").expect(hits(0), misses(1));
    library_with(&world, "").expect(hits(1), misses(0));
}

#[test]
fn each_kind_of_output_is_its_own() {
    let world = library();
    let emit = |kinds: &str| rustc(&world, &LIBRARY.replace("dep-info,metadata,link", kinds));
    for kinds in ["dep-info,metadata", "dep-info,link", "dep-info,metadata,link"] {
        std::fs::remove_dir_all(world.tree().join("out")).expect("removes");
        std::fs::create_dir(world.tree().join("out")).expect("makes a directory");
        emit(kinds).expect(hits(0), misses(1));
        for (file, kind) in
            [("out/x.d", "dep-info"), ("out/libx.rmeta", "metadata"), ("out/libx.rlib", "link")]
        {
            assert_eq!(world.tree().join(file).exists(), kinds.contains(kind), "{file} of {kinds}");
        }
        emit(kinds).expect(hits(1), misses(0));
    }
}

#[test]
fn what_is_not_understood_is_left_to_the_compiler() {
    let world = library();
    for (args, why) in [
        (format!("{LIBRARY} -C save-temps"), Bypass::SideOutput),
        (format!("{LIBRARY} -C profile-generate"), Bypass::SideOutput),
        (format!("{LIBRARY} -Z self-profile"), Bypass::UnknownArgument),
        (format!("{LIBRARY} -C no-such-option"), Bypass::UnknownArgument),
        (format!("{LIBRARY} --no-such-option"), Bypass::UnknownArgument),
        (format!("{LIBRARY} -o out/elsewhere"), Bypass::NotCargo),
        (format!("{LIBRARY} -C debuginfo=2 -C split-debuginfo=unpacked"), Bypass::SideOutput),
        (LIBRARY.replace("metadata", "asm"), Bypass::EmitKind),
        (LIBRARY.replace("src/lib.rs", ""), Bypass::NoSource),
        (LIBRARY.replace("--out-dir out", ""), Bypass::NotCargo),
        (format!("{LIBRARY} @no-such-file"), Bypass::ArgumentFile),
        (format!("{LIBRARY} --extern found"), Bypass::UnknownExtern),
        (format!("{LIBRARY} --sysroot /nowhere"), Bypass::UnknownCompiler),
    ] {
        for _ in 0..2 {
            let step = rustc(&world, &args);
            assert_eq!(step.bypasses(), [why], "{step}");
        }
    }
}

#[test]
fn a_question_is_answered_by_the_compiler() {
    let world = library();
    library_with(&world, "").expect(hits(0), misses(1));
    for question in
        ["-vV", "--print cfg", &format!("{LIBRARY} --print=file-names"), "--explain E0308", "--version"]
    {
        let mut plain = world.command("rustc");
        plain.args(question.split_whitespace());
        let (ours, plain) = (rustc(&world, question), world.run(plain));
        assert_eq!(ours.stdout(), plain.succeeds().stdout(), "{question}");
        assert!(ours.succeeds().records().is_empty(), "{ours}");
    }
    let shown = rustc(&world, &format!("{LIBRARY} -Zunpretty=expanded"));
    assert!(shown.records().is_empty() && !shown.stderr().contains("\"artifact\""), "{shown}");
}

#[test]
fn a_source_from_standard_input_is_compiled() {
    let world = library();
    let mut command = world.command("sh");
    let kache = env!("CARGO_BIN_EXE_kache");
    command.args([
        "-c",
        &format!("echo 'fn main() {{}}' | {kache} rustc --crate-name y --out-dir out --emit link -"),
    ]);
    let step = world.run(command);
    assert!(step.succeeds().records().is_empty(), "{step}");
    assert!(world.tree().join("out/y").exists());
}

#[test]
fn what_a_build_script_tries_is_left_to_the_compiler() {
    let world = library().env("OUT_DIR", "/nowhere");
    let out_dir = world.tree().join("build/out");
    std::fs::create_dir_all(&out_dir).expect("makes a directory");
    let world = world.env("OUT_DIR", &out_dir);
    for _ in 0..2 {
        let step =
            rustc(&world, &LIBRARY.replace("--out-dir out", &format!("--out-dir {}", out_dir.display())));
        assert_eq!(step.succeeds().bypasses(), [Bypass::Probe], "{step}");
    }
}

#[test]
fn flags_in_a_file_decide() {
    let world = library();
    world.write("flags", "--cfg\na\n");
    library_with(&world, "@flags").expect(hits(0), misses(1));
    library_with(&world, "@flags").expect(hits(1), misses(0));
    world.write("flags", "--cfg\nb\n");
    library_with(&world, "@flags").expect(hits(0), misses(1));
    library_with(&world, "--cfg a").expect(hits(1), misses(0));
}

/// A specification in a file, named by path or found by name.
#[test]
fn a_target_specification_decides() {
    let spec = |cpu: &str| {
        format!(
            "{{\"arch\": \"x86_64\", \"cpu\": \"{cpu}\", \"llvm-target\": \"x86_64-unknown-none-elf\", \
             \"target-pointer-width\": 64, \"data-layout\": \
             \"e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128\"}}"
        )
    };
    let world = World::files(&[
        ("src/lib.rs", "#![feature(no_core)]\n#![no_core]\n"),
        ("specs/x86_64-unknown-none-special.json", &spec("x86-64")),
    ]);
    std::fs::create_dir(world.tree().join("out")).expect("makes a directory");
    let world = world.env("RUSTC_BOOTSTRAP", "1").env("RUST_TARGET_PATH", "specs");
    for target in ["specs/x86_64-unknown-none-special.json", "x86_64-unknown-none-special"] {
        let more = format!("--target {target} -Z unstable-options");
        world.write("specs/x86_64-unknown-none-special.json", spec("x86-64"));
        library_with(&world, &more).expect(hits(0), misses(1));
        library_with(&world, &more).expect(hits(1), misses(0));
        world.write("specs/x86_64-unknown-none-special.json", spec("skylake"));
        library_with(&world, &more).expect(hits(0), misses(1));
    }
}

/// No `--extern` names it: rustc finds the crate in a searched directory.
#[test]
fn a_crate_that_is_found_by_its_name_decides() {
    let world = World::files(&[
        ("found.rs", "pub const N: u32 = 1;\n"),
        ("src/lib.rs", "extern crate found;\npub const N: u32 = found::N;\n"),
    ]);
    std::fs::create_dir(world.tree().join("out")).expect("makes a directory");
    let find = |kind: &str, step: fn(&Step)| {
        for n in ["1", "2"] {
            world.write("found.rs", format!("pub const N: u32 = {n};\n"));
            let mut made = world.command("rustc");
            made.args(["--crate-type", kind, "-C", "prefer-dynamic", "--out-dir", "libs", "found.rs"]);
            world.run(made).succeeds();
            step(&library_with(&world, "-L libs"));
        }
        std::fs::remove_dir_all(world.tree().join("libs")).expect("removes");
    };
    let never_hits = |step: &Step| assert_eq!(step.succeeds().n_hits(), 0, "{step}");
    find("lib", never_hits);
    find("dylib", never_hits);
}

#[test]
fn a_profile_that_guides_the_compiler_is_read() {
    let world = library();
    // It is none, of which the compiler only warns.
    for content in ["one", "two"] {
        world.write("profile", content);
        library_with(&world, "-C profile-use=profile").expect(hits(0), misses(1));
        library_with(&world, "-C profile-use=profile").expect(hits(1), misses(0));
    }
    assert_eq!(library_with(&world, "-C profile-use=nowhere").bypasses(), [Bypass::UnreadableInput]);
}

#[test]
fn a_workspace_wrapper_that_is_not_known_is_left_alone() {
    let world = World::files(&[("Cargo.toml", &package("wrapped", "")), ("src/main.rs", "fn main() {}\n")]);
    world.write("wrap.sh", "#!/bin/sh\nexec \"$@\" --cfg wrapped\n");
    let script = world.tree().join("wrap.sh");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("makes it executable");
    let world = world.env("RUSTC_WORKSPACE_WRAPPER", &script);
    for _ in 0..2 {
        let step = world.build();
        let is_left_alone = |why: &Bypass| *why == Bypass::UnknownDriver;
        assert!(step.succeeds().bypasses().iter().all(is_left_alone), "{step}");
        assert_eq!((step.n_hits(), step.n_misses()), (0, 0), "{step}");
        world.clean();
    }
}

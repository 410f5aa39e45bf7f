//! Debuggers, `addr2line` and backtraces find sources wherever they are started, as with plain cargo; and nothing of how
//! that is done shows.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::run::compilation_dir::PLACEHOLDER;
use memchr::memmem;

use crate::edits::project;
use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, files_below, package};

/// A workspace of a program with a test and an example, a library that it depends on, and a C library.
fn workspace() -> World {
    World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"words\", \"capi\"]\n"),
        ("app/Cargo.toml", &package("app", "[dependencies]\nwords = { path = \"../words\" }\n")),
        (
            "app/src/main.rs",
            "mod inner;\nfn main() {\n    match std::env::args().nth(1).as_deref() {\n        \
             Some(\"own\") => inner::own(),\n        Some(\"generic\") => drop(words::generic(2u8)),\n        \
             _ => println!(\"{} {} {}\", file!(), words::caller(), words::generic(1u8)),\n    }\n}\n",
        ),
        ("app/src/inner.rs", "#[inline(never)]\npub fn own() {\n    panic!(\"own\");\n}\n"),
        ("app/tests/fails.rs", "#[test]\nfn fails() {\n    assert_eq!(words::generic(2u8), \"\");\n}\n"),
        ("app/examples/shows.rs", "fn main() {\n    words::generic(2u8);\n}\n"),
        ("words/Cargo.toml", &package("words", "")),
        (
            "words/src/lib.rs",
            "use std::fmt::Debug;\n\
             pub fn generic<T: Debug>(value: T) -> String {\n    let text = format!(\"{value:?}\");\n    \
             assert_ne!(text, \"2\", \"word\");\n    text\n}\n\
             #[track_caller]\npub fn caller() -> &'static std::panic::Location<'static> {\n    \
             std::panic::Location::caller()\n}\n",
        ),
        (
            "capi/Cargo.toml",
            &package(
                "capi",
                "[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\nwords = { path = \"../words\" }\n",
            ),
        ),
        (
            "capi/src/lib.rs",
            "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> usize {\n    words::generic(3u8).len()\n}\n",
        ),
    ])
}

/// What a compile of everything there leaves for people, by name, and the function that they look at.
const PROGRAMS: [(&str, &str); 4] = [
    ("app", "app::inner::own"),
    ("examples/shows", "shows::main"),
    ("deps/fails-*", "fails::fails"),
    ("libcapi.so", "answer"),
];

const EVERYTHING: [&str; 2] = ["build", "--all-targets"];

/// The file with this name; `*` stands for what cargo puts behind a name.
fn program(target: &Path, name: &str) -> PathBuf {
    let path = target.join("debug").join(name);
    let Some(start) = path.to_str().and_then(|path| path.strip_suffix('*')) else { return path };
    let files = files_below(&target.join("debug/deps")).into_iter();
    let mut files = files.filter(|file| file.to_str().is_some_and(|file| file.starts_with(start)));
    files.find(|file| file.extension().is_none()).unwrap_or_else(|| panic!("there is no {start}"))
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// What tools say of programs in `target`, from the root, the workspace and another directory.
fn seen(world: &World, target: &Path, programs: &[(&str, &str)]) -> String {
    let elsewhere = world.root().join("home");
    let mut seen = String::new();
    for dir in [Path::new("/"), world.tree(), &elsewhere] {
        for (name, function) in programs {
            let path = program(target, name);
            seen += &format!("== {name} from {}\n", dir.display());
            if has("gdb") {
                seen += &in_gdb(&path, function, dir);
            } else {
                skip("gdb", "no gdb is here");
            }
            if has("addr2line") {
                seen += &by_address(&path, function, dir);
            } else {
                skip("addr2line", "no addr2line is here");
            }
            if path.extension().is_none() {
                seen += &backtraces(&path, dir);
            }
        }
    }
    seen
}

fn run(command: &mut Command, dir: &Path) -> String {
    let output = command.current_dir(dir).output().expect("it can be started");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The source of a function, and where it and the directory of its compilation are.
fn in_gdb(program: &Path, function: &str, dir: &Path) -> String {
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-ex"]).arg(format!("list {function}")).args(["-ex", "info source"]);
    let text = run(command.arg(program), dir);
    let wanted = |line: &&str| {
        line.starts_with(|first: char| first.is_ascii_digit())
            || ["Current source", "Compilation dir", "Located in", "Contains"]
                .iter()
                .any(|it| line.starts_with(it))
    };
    text.lines().filter(wanted).map(|line| line.to_owned() + "\n").collect()
}

/// The place of a function by its address.
fn by_address(program: &Path, function: &str, dir: &Path) -> String {
    let symbols = run(Command::new("nm").arg("--demangle").arg(program), dir);
    let ends = [format!(" {function}"), format!(" {function}::h")];
    let line = symbols.lines().find(|line| line.ends_with(&ends[0]) || line.contains(&ends[1]));
    let address = line.and_then(|line| line.split(' ').next());
    let Some(address) = address else { return format!("{function} has no address\n") };
    run(Command::new("addr2line").arg("-e").arg(program).arg(address), dir)
}

/// What it prints when it panics, in each of its ways.
fn backtraces(program: &Path, dir: &Path) -> String {
    let mut shown = String::new();
    for argument in ["own", "generic", ""] {
        let mut command = Command::new(program);
        command.env_clear().env("RUST_BACKTRACE", "1").args((!argument.is_empty()).then_some(argument));
        for line in run(&mut command, dir).lines() {
            // Of threads and times.
            let is_same = !line.starts_with("thread ") && !line.starts_with("test result");
            let line = if is_same { line } else { line.rsplit(" panicked").next().unwrap_or_default() };
            if !line.contains("finished in") {
                shown += &format!("{line}\n");
            }
        }
    }
    shown
}

/// What tools say where plain cargo has built everything.
fn seen_with_plain_cargo(world: &World, args: &[&str], programs: &[(&str, &str)]) -> String {
    let target = world.root().join("target-of-cargo");
    let mut command = world.command("cargo");
    command.args(args).env_remove("RUSTC_WRAPPER").env("CARGO_TARGET_DIR", &target);
    world.run(command).succeeds();
    let seen = seen(world, &target, programs).replace(&target.display().to_string(), "<target>");
    fs::remove_dir_all(&target).expect("it can be removed");
    seen
}

/// Tools say of what was built in this tree what they say of what plain cargo builds.
fn is_seen_as_with_plain_cargo(world: &World) {
    is_seen_so(world, &EVERYTHING, &PROGRAMS);
}

#[track_caller]
fn is_seen_so(world: &World, args: &[&str], programs: &[(&str, &str)]) {
    let target = world.target();
    let ours = seen(world, &target, programs).replace(&target.display().to_string(), "<target>");
    let plain = seen_with_plain_cargo(world, args, programs);
    for (ours, plain) in ours.lines().zip(plain.lines()) {
        assert_eq!(ours, plain);
    }
    assert_eq!(ours, plain);
    shows_no_placeholder(world);
}

/// The placeholder is in no text that is kept, and in programs only where debug information is.
fn shows_no_placeholder(world: &World) {
    for path in files_below(&world.target()) {
        let content = fs::read(&path).unwrap_or_default();
        let name = path.extension().unwrap_or_default();
        if name == "rlib" || name == "rmeta" || path.components().any(|it| it.as_os_str() == "incremental") {
            continue;
        }
        if !content.starts_with(b"\x7fELF") {
            assert!(memmem::find(&content, PLACEHOLDER.as_bytes()).is_none(), "it is in {}", path.display());
            continue;
        }
        let sections = sections_with_placeholder(&path, &content);
        let others = sections.iter().filter(|name| !name.starts_with(".debug_") && *name != ".rustc");
        assert_eq!(others.count(), 0, "it is in {sections:?} of {}", path.display());
    }
}

/// The sections of an ELF file in which the placeholder stands.
fn sections_with_placeholder(path: &Path, content: &[u8]) -> BTreeSet<String> {
    let table = run(Command::new("readelf").args(["--sections", "--wide"]).arg(path), Path::new("/"));
    let hex = |field: &str| usize::from_str_radix(field, 16).ok();
    let section = |line: &str| {
        let mut fields = line.split_once(']')?.1.split_whitespace();
        let (name, _) = (fields.next()?, fields.next()?);
        let (at, n_bytes) = (fields.nth(1).and_then(hex)?, fields.next().and_then(hex)?);
        let bytes = content.get(at..at + n_bytes)?;
        memmem::find(bytes, PLACEHOLDER.as_bytes()).map(|_| name.to_owned())
    };
    let found: BTreeSet<String> = table.lines().filter_map(section).collect();
    let is_anywhere = memmem::find(content, PLACEHOLDER.as_bytes()).is_some();
    assert_eq!(is_anywhere, !found.is_empty(), "{}", path.display());
    found
}

/// All programs have the directory of this tree in their debug information, and none has the placeholder.
fn have_its_directory(world: &World, programs: &[(&str, &str)]) {
    let directory = [b"\0", world.tree().as_os_str().as_encoded_bytes(), b"\0"].concat();
    for (name, _) in programs {
        let path = program(&world.target(), name);
        let content = fs::read(&path).expect("it can be read");
        let seen = in_gdb(&path, "app::inner::own", Path::new("/"));
        let is_there = memmem::find(&content, &directory).is_some();
        assert!(is_there, "{} does not know its directory\n{seen}", path.display());
        let left = sections_with_placeholder(&path, &content);
        assert!(left.is_empty(), "it is in {left:?} of {}", path.display());
    }
}

#[test]
fn programs_and_c_libraries_lead_to_the_sources_of_the_tree_that_they_are_in() {
    let world = workspace();
    world.cargo(EVERYTHING).all_missed();
    have_its_directory(&world, &PROGRAMS);
    is_seen_as_with_plain_cargo(&world);
    world.clean();
    world.cargo(EVERYTHING).all_hit();
    world.same_as_plain_cargo_of(&EVERYTHING);
    let other = world.relocate("another tree");
    other.cargo(EVERYTHING).all_hit();
    have_its_directory(&other, &PROGRAMS);
    is_seen_as_with_plain_cargo(&other);
    other.same_as_plain_cargo_of(&EVERYTHING);
    other.noop_of(EVERYTHING);
}

#[test]
fn programs_that_were_edited_or_seeded_lead_to_their_sources() {
    let world = workspace().env("KACHE_INCREMENTAL", "auto").env("KACHE_SEED", "1");
    world.cargo(EVERYTHING).all_missed();
    let other = world.checkout("edited");
    other.cargo(EVERYTHING).all_hit();
    for (file, old, new) in
        [("app/src/inner.rs", "own\"", "other\""), ("words/src/lib.rs", "\"word\"", "\"words\"")]
    {
        other.edit(file, old, new);
        let step = other.cargo(EVERYTHING);
        step.succeeds();
        assert!(!step.edited_units().is_empty() && step.n_misses() == 0, "{step}");
        have_its_directory(&other, &PROGRAMS);
        is_seen_as_with_plain_cargo(&other);
        other.noop_of(EVERYTHING);
    }
    world.harvest().succeeds();
    let third = world.checkout("seeded");
    let step = third.cargo(EVERYTHING);
    step.all_hit();
    have_its_directory(&third, &PROGRAMS);
    is_seen_as_with_plain_cargo(&third);
    third.noop_of(EVERYTHING);
    // What is stored stays as it was.
    world.clean();
    world.cargo(EVERYTHING).all_hit();
    have_its_directory(&world, &PROGRAMS);
}

/// The options of a compile, and whether tools find sources as with plain cargo.
#[test]
fn programs_of_other_kinds_lead_to_their_sources_or_are_as_before() {
    let flags = [
        ("-C dwarf-version=5", true),
        ("-C debuginfo=line-tables-only", true),
        ("-C linker-features=-lld -C link-arg=-Wl,-O2", true),
        ("-C strip=debuginfo", true),
        ("-C debuginfo=0", true),
        ("-C split-debuginfo=unpacked", false),
        ("-C link-arg=-Wl,--compress-debug-sections=zlib", false),
    ];
    let programs = &PROGRAMS[..1];
    for (flags, leads_there) in flags {
        let world = workspace().env("RUSTFLAGS", flags).env("CARGO_INCREMENTAL", "0");
        let step = world.build();
        step.succeeds();
        if leads_there {
            step.all_missed();
            is_seen_so(&world, &["build"], programs);
            let other = world.relocate("other");
            other.build().all_hit();
            is_seen_so(&other, &["build"], programs);
        } else {
            // What the library has is called `.`; so tools find it from the workspace.
            let seen = in_gdb(&program(&world.target(), "app"), "words::caller", world.tree());
            assert!(seen.is_empty() || seen.contains("Location::caller()"), "{flags}: {seen}");
            let content = fs::read(program(&world.target(), "app")).expect("it can be read");
            assert!(memmem::find(&content, PLACEHOLDER.as_bytes()).is_none(), "{flags}");
            shows_no_placeholder(&world);
        }
    }
}

#[test]
fn a_program_in_the_root_of_its_workspace_leads_to_its_sources() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/main.rs", "mod inner;\nfn main() {\n    inner::own();\n}\n"),
        ("src/inner.rs", "#[inline(never)]\npub fn own() {\n    panic!(\"own\");\n}\n"),
    ]);
    let programs = &PROGRAMS[..1];
    world.build().all_missed();
    is_seen_so(&world, &["build"], programs);
    let other = world.relocate("other");
    other.build().all_hit();
    have_its_directory(&other, programs);
    is_seen_so(&other, &["build"], programs);
}

/// What `app` prints here, and where plain cargo has built it.
fn printed(world: &World) -> (String, String) {
    let ours = world.run_bin("app");
    let target = world.root().join("target-of-cargo");
    let mut command = world.command("cargo");
    command.arg("build").env_remove("RUSTC_WRAPPER").env("CARGO_TARGET_DIR", &target);
    world.run(command).succeeds();
    let plain = world.run_file(&target.join("debug/app"));
    fs::remove_dir_all(target).expect("it can be removed");
    (ours, plain)
}

/// The location of a panic in what is included by an absolute name.
const LOCATION: &str = "fn main() {\n    std::panic::set_hook(Box::new(|info| print!(\"{}\", info.location().unwrap())));\n    \
                        let _ = std::panic::catch_unwind(|| included());\n}\n";

/// Where an absolute name would begin with the placeholder, the unit is compiled as if there were none.
#[test]
fn panics_in_sources_that_are_included_by_absolute_names_do_not_print_the_placeholder() {
    for (manifest_dir, included, again) in [
        ("", "more/included.rs", true),
        ("", "src/included.rs", false),
        ("app/", "more/included.rs", false),
        ("app/", "../included.rs", false),
    ] {
        let main = format!("include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{included}\"));\n{LOCATION}");
        let world = project_of(&[
            (&format!("{manifest_dir}Cargo.toml"), &package("app", "")),
            (&format!("{manifest_dir}src/main.rs"), &main),
            (&format!("{manifest_dir}src/other.rs"), ""),
            (&format!("{manifest_dir}more/other.rs"), ""),
            (&format!("{manifest_dir}{included}"), "fn included() {\n    panic!();\n}\n"),
        ]);
        if !manifest_dir.is_empty() {
            world.write("Cargo.toml", "[workspace]\nmembers = [\"app\"]\n");
        }
        let step = world.build();
        step.all_missed();
        let shown = format!("./{manifest_dir}{included}:2:5");
        let (ours, plain) = printed(&world);
        assert_eq!(ours, shown);
        assert_eq!(plain, format!("{}{}", world.tree().display(), &shown[1..]));
        let content = fs::read(program(&world.target(), "app")).expect("it can be read");
        let directory = [b"\0", world.tree().as_os_str().as_encoded_bytes(), b"\0"].concat();
        assert_eq!(memmem::find(&content, &directory).is_none(), again, "{manifest_dir}{included}");
        shows_no_placeholder(&world);
        // An edit, and another tree.
        world.edit(&format!("{manifest_dir}src/main.rs"), "fn main() {", "fn main() { // edited");
        world.build().only_edited(&["app bin"]);
        assert_eq!(world.run_bin("app"), shown);
        shows_no_placeholder(&world);
        world.edit(&format!("{manifest_dir}src/main.rs"), "fn main() { // edited", "fn main() {");
        let other = world.checkout("other");
        other.build().all_hit();
        assert_eq!(other.run_bin("app"), shown);
        // A mistake in it.
        other.write(&format!("{manifest_dir}{included}"), "fn included() { let x: u8 = \"\"; }\n");
        let step: Step = other.build();
        step.fails_with("mismatched types");
        let path = other.tree().join(format!("{manifest_dir}{included}:1:29"));
        assert!(step.stderr().contains(&format!("--> {}", path.display())), "{step}");
        assert!(!step.stderr().contains(PLACEHOLDER), "{step}");
    }
}

fn project_of(files: &[(&str, &str)]) -> World {
    World::files(files).env("KACHE_INCREMENTAL", "auto")
}

/// Spans, callers and macros, across crates: everything says what it says with plain cargo.
#[test]
fn programs_and_procedural_macros_see_names_as_with_plain_cargo() {
    let spans = "use proc_macro::*;\n\
                 #[proc_macro]\npub fn spans(tokens: TokenStream) -> TokenStream {\n    \
                 let files: Vec<String> = tokens.into_iter().map(|it| it.span().file()).collect();\n    \
                 format!(\"{:?}\", files.join(\" \")).parse().unwrap()\n}\n";
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"words\", \"spans\"]\n"),
        (
            "app/Cargo.toml",
            &package(
                "app",
                "[dependencies]\nwords = { path = \"../words\" }\nspans = { path = \"../spans\" }\n",
            ),
        ),
        (
            "app/src/main.rs",
            "use std::any::type_name_of_val;\nfn main() {\n    \
             println!(\"{} {} {} {}\", file!(), words::here!(), words::generic(1), words::at(2));\n    \
             println!(\"{} {}\", spans::spans!(a b), words::of!(c));\n    \
             println!(\"{}\", type_name_of_val(&|| 1));\n}\n",
        ),
        ("words/Cargo.toml", &package("words", "[dependencies]\nspans = { path = \"../spans\" }\n")),
        (
            "words/src/lib.rs",
            "pub use spans;\n#[macro_export]\nmacro_rules! here { () => { file!() } }\n\
             #[macro_export]\nmacro_rules! of { ($it:tt) => { $crate::spans::spans!(x y $it) } }\n\
             pub fn generic<T>(_: T) -> &'static str { file!() }\n\
             pub fn at<T>(_: T) -> String { caller() }\n\
             #[track_caller]\nfn caller() -> String { std::panic::Location::caller().to_string() }\n",
        ),
        ("spans/Cargo.toml", &package("spans", "[lib]\nproc-macro = true\n")),
        ("spans/src/lib.rs", spans),
    ]);
    world.build().all_missed();
    let (ours, plain) = printed(&world);
    assert_eq!(ours, plain);
    shows_no_placeholder(&world);
    let other = world.relocate("other");
    other.build().all_hit();
    let (ours, plain) = printed(&other);
    assert_eq!(ours, plain);
}

/// Errors in what was made from other members name them as with plain cargo.
#[test]
fn diagnostics_that_lead_to_other_members_are_as_with_plain_cargo() {
    let world = workspace();
    world.build().all_missed();
    world.write(
        "app/src/main.rs",
        "mod inner;\nfn main() {\n    words::generic();\n    let _: u8 = words::caller();\n    inner::own();\n}\n",
    );
    let step = world.build();
    step.fails_with("words/src/lib.rs:2:8");
    let mut command = world.command("cargo");
    command.arg("build").env_remove("RUSTC_WRAPPER").env("CARGO_TARGET_DIR", world.root().join("plain"));
    let plain = world.run(command);
    let errors = |step: &Step| {
        let lines: Vec<String> = step.stderr().lines().map(str::to_owned).collect();
        let is_of_cargo =
            |line: &String| line.contains("Compiling") || line.contains("waiting for other jobs");
        lines.into_iter().filter(|line| !is_of_cargo(line)).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(errors(&step), errors(&plain));
}

/// Where there is no room for the directory, it is `.` as before.
#[test]
fn a_workspace_with_a_very_long_path_is_served_and_finds_its_sources_from_there() {
    let world = workspace();
    world.build().all_missed();
    let other = world.checkout(&"long".repeat(60));
    other.build().all_hit();
    assert_eq!(other.run_bin("app"), "app/src/main.rs app/src/main.rs:6:44 1\n");
    if has("gdb") {
        let seen = in_gdb(&program(&other.target(), "app"), "app::inner::own", other.tree());
        assert!(seen.contains("panic!(\"own\")"), "{seen}");
    } else {
        skip("gdb", "no gdb is here");
    }
    other.noop();
}

/// Their bytes decide what depends on them: the tree must not stand in them.
#[test]
fn build_scripts_and_procedural_macros_stay_the_same_in_all_trees() {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"made\"]\n"),
        ("app/Cargo.toml", &package("app", "[dependencies]\nmade = { path = \"../made\" }\n")),
        ("app/build.rs", "fn main() {\n    println!(\"cargo::rerun-if-changed=build.rs\");\n}\n"),
        ("app/src/main.rs", "fn main() {\n    println!(\"{}\", made::one!());\n}\n"),
        ("made/Cargo.toml", &package("made", "[lib]\nproc-macro = true\n")),
        (
            "made/src/lib.rs",
            "#[proc_macro]\npub fn one(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
             \"1\".parse().unwrap()\n}\n",
        ),
    ])
    .env("KACHE_CACHE_BUILD_SCRIPTS", "1");
    world.build().all_missed();
    let other = world.checkout("other");
    other.build().all_hit();
    let of_the_build = |world: &World| -> Vec<(OsString, Vec<u8>)> {
        let files = files_below(&world.target()).into_iter().filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name == "kache-build-script"
                || name.ends_with(".so") && path.ends_with(Path::new("deps").join(&*name))
        });
        files
            .map(|path| {
                let content = fs::read(&path).expect("it can be read");
                (path.strip_prefix(world.target()).expect("it is below").into(), content)
            })
            .collect()
    };
    let there = of_the_build(&world);
    assert_eq!(there.len(), 2, "a build script and a library");
    assert!(there == of_the_build(&other), "they differ");
    have_its_directory(&other, &PROGRAMS[..1]);
}

/// A program that is there already may be running, or have another name: it gets replaced, not written to.
#[test]
fn what_was_placed_before_is_not_written_to() {
    let world = project("two-crates");
    world.build().all_missed();
    let kept = world.root().join("kept");
    fs::hard_link(world.target().join("debug/app"), &kept).expect("it can be linked");
    let before = fs::read(&kept).expect("it can be read");
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    world.edit("words/src/a.rs", "moon", "world");
    world.build().all_hit();
    assert!(fs::read(&kept).expect("it can be read") == before, "it was written to");
}

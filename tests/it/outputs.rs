//! Outputs: what a compile or a hit leaves behind is all that was asked for, whole at every moment, and never written
//! through another name of a file.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use kache::digest::guard;
use kache::outcome::{MissReason, Outcome, Unstored};

use crate::step::{hits, misses, read_records};
use crate::world::{World, package};

/// A compiler that first writes over its outputs where they lie. rustc makes most of them again by itself, but is free
/// not to.
const OVERWRITES: &str = r#"
use std::io::Write as _;
use std::process::{Command, exit};
use std::{env, fs};
fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let value = |option: &str| args.windows(2).find(|pair| pair[0] == option).map(|pair| &pair[1]);
    if let (Some(dir), Some(name)) = (value("--out-dir"), value("--crate-name")) {
        for file in fs::read_dir(dir).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with(&format!("lib{name}-")) {
                fs::OpenOptions::new().write(true).open(file.path()).unwrap().write_all(b"torn").unwrap();
            }
        }
    }
    exit(Command::new(env::var("REAL").unwrap()).args(&args).status().unwrap().code().unwrap());
}
"#;

fn with_overwriting_compiler(world: World) -> World {
    let bin = world.root().join("bin");
    fs::create_dir(&bin).expect("makes a directory");
    fs::write(bin.join("overwrites.rs"), OVERWRITES).expect("writes");
    let mut compile = world.command("rustc");
    compile.current_dir(&bin).args(["overwrites.rs", "-o", "rustc"]);
    world.run(compile).succeeds();
    let sysroot = world.command("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
    let sysroot = String::from_utf8(sysroot.stdout).expect("is text");
    // It lists a directory, whose names would be inputs.
    let world = world.env("KACHE_OBSERVE", "off");
    world.env("REAL", Path::new(sysroot.trim()).join("bin/rustc")).env("RUSTC", bin.join("rustc"))
}

/// Without cargo, which removes some of what it will have made again.
#[test]
fn no_compile_writes_into_a_file_that_the_store_has_too() {
    let mut world = with_overwriting_compiler(World::files(&[]));
    let compiler = world.root().join("bin/rustc");
    let call = |world: &World, n: u8| {
        world.write("words.rs", format!("pub const N: u8 = {n};\n"));
        fs::create_dir_all(world.tree().join("out")).expect("makes a directory");
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.arg(&compiler).args(["--crate-name", "words", "--crate-type", "lib", "words.rs"]);
        command.args(["--emit", "dep-info,metadata,link", "--out-dir", "out", "-C", "extra-filename=-1"]);
        let step = world.run(command);
        step.succeeds();
        step
    };
    call(&world, 1).expect(hits(0), misses(1));
    for (config, is_disabled) in [
        ("", "0"),
        // Compiled to know its crate closure, left to the compiler alone, and not even looked at.
        ("[cache]\nbypass_crates = [\"words\"]\n", "0"),
        ("no configuration", "0"),
        ("", "1"),
    ] {
        call(&world, 1).expect(hits(1), misses(0));
        world.write(".kache.toml", config);
        world.set("KACHE_DISABLED", is_disabled);
        assert_eq!(call(&world, 2).n_hits(), 0);
        world.remove(".kache.toml");
        world.set("KACHE_DISABLED", "0");
        let step = call(&world, 1);
        assert_eq!(step.n_hits(), 1, "a blob was written to: {config:?} {is_disabled}\n{step}");
    }
}

/// Who prints that to the compiler's standard error is a procedural macro. Whatever it is: what may have outputs that
/// nobody knows of is not stored.
#[test]
fn what_announces_an_output_that_is_not_expected_is_not_stored() {
    let announcement =
        r#"{\"$message_type\":\"artifact\",\"artifact\":\"/nowhere/x.dwo\",\"emit\":\"link\"}"#;
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"macros\"]\n"),
        ("macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n")),
        (
            "macros/src/lib.rs",
            &format!(
                "use proc_macro::TokenStream;\n#[proc_macro]\npub fn one(_: TokenStream) -> TokenStream {{\n    \
                 if option_env!(\"NOTHING\").is_none() {{ eprintln!(\"{{}}\", \"{announcement}\"); }}\n    \
                 \"1\".parse().unwrap()\n}}\n"
            ),
        ),
        ("app/Cargo.toml", &package("app", "[dependencies]\nmacros = { path = \"../macros\" }\n")),
        ("app/src/main.rs", "fn main() { println!(\"{}\", macros::one!()); }\n"),
    ]);
    for _ in 0..2 {
        let step = world.build();
        step.succeeds();
        let unstored = step.unstored_of("app", "bin");
        assert!(matches!(unstored, Unstored::UnexpectedOutput(what) if what.contains("x.dwo")), "{step}");
        assert_eq!(world.run_bin("app"), "1\n");
        world.clean();
    }
}

/// Files of all entries of a store.
fn entries(world: &World) -> Vec<PathBuf> {
    let dirs = fs::read_dir(world.cache().join("store/v2/entries")).expect("lists").flatten();
    dirs.flat_map(|dir| fs::read_dir(dir.path()).expect("lists").flatten()).map(|file| file.path()).collect()
}

#[test]
fn an_entry_that_lacks_an_output_is_no_hit() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let remove_all: fn(&mut Vec<serde_json::Value>) = Vec::clear;
    for without in [remove_all, |artifacts| drop(artifacts.remove(0)), |artifacts| drop(artifacts.pop())] {
        for file in entries(&world) {
            let whole = guard::check(fs::read(&file).expect("reads")).expect("is whole");
            let mut entry: serde_json::Value = serde_json::from_slice(&whole).expect("is JSON");
            without(entry["artifacts"].as_array_mut().expect("is a list"));
            fs::write(&file, guard::add(serde_json::to_vec(&entry).expect("serializes"))).expect("writes");
        }
        let step = world.rebuild();
        step.all_missed();
        assert_eq!(step.miss_reason_of("words", "lib"), MissReason::EntryDamaged, "{step}");
        assert_eq!(world.run_bin("app"), "hello world a note\n");
        world.same_as_plain_cargo();
        world.rebuild().all_hit();
        world.noop();
    }
}

/// Ends the others, even where this one panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One links what others restore at the same time, again and again: over the very file, and beside it as further names
/// of the same blob.
#[test]
fn whoever_reads_while_others_restore_reads_whole_files() {
    const N_BYTES: usize = 3 << 20;
    let world = World::files(&[
        (
            "words.rs",
            "pub const BYTES: &[u8] = include_bytes!(\"large\");\npub fn one() -> u8 { BYTES[1] }\n",
        ),
        ("app.rs", "fn main() { println!(\"{} {}\", words::one(), words::BYTES.len()); }\n"),
    ]);
    world.write("large", (0..N_BYTES).map(|n| (n * 7 % 251) as u8).collect::<Vec<u8>>());
    let compile = |out: &str| {
        fs::create_dir_all(world.tree().join(out)).expect("makes a directory");
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.args(["rustc", "--crate-name", "words", "--crate-type", "lib", "words.rs"]);
        command.args(["--emit=dep-info,metadata,link", "--out-dir", out]);
        command
    };
    let link = || -> Vec<u8> {
        let mut command = world.command("rustc");
        command.args(["--crate-name", "app", "app.rs", "-o", "app", "--extern", "words=one/libwords.rlib"]);
        command.args(["-L", "dependency=one"]);
        world.run(command).succeeds();
        fs::read(world.tree().join("app")).expect("reads")
    };
    world.run(compile("one")).succeeds();
    let files = ["one/libwords.rlib", "one/libwords.rmeta"].map(|name| world.tree().join(name));
    let content = files.each_ref().map(|file| fs::read(file).expect("reads"));
    assert!(content.iter().all(|content| content.len() > N_BYTES));
    let linked = link();
    let n_before = read_records(&world.cache()).len();
    let is_over = AtomicBool::new(false);
    let until_over = |work: &dyn Fn()| {
        while !is_over.load(Ordering::Relaxed) {
            work();
        }
    };
    std::thread::scope(|scope| {
        let restore = |out: &'static str| {
            let restoring = || {
                let ended = compile(out).output().expect("kache runs");
                assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            };
            until_over(&restoring);
        };
        let others = [
            scope.spawn(move || restore("one")),
            scope.spawn(move || restore("two")),
            // Gone for a moment is gone.
            scope.spawn(|| until_over(&|| assert!(files.iter().all(|file| file.exists())))),
            scope.spawn(|| {
                until_over(&|| {
                    for (file, content) in files.iter().zip(&content) {
                        let now = fs::read(file).unwrap_or_default();
                        assert!(now == *content, "{} is torn: {} bytes", file.display(), now.len());
                    }
                });
            }),
        ];
        let ends = Ends(&is_over);
        let links: Vec<bool> = (0..5).map(|_| link() == linked).collect();
        drop(ends);
        assert!(
            others.into_iter().all(|other| other.join().is_ok()),
            "somebody read a file that was not whole"
        );
        assert_eq!(links, [true; 5]);
    });
    let records = read_records(&world.cache()).split_off(n_before);
    assert!(records.len() > 10 && records.iter().all(|record| matches!(record.outcome, Outcome::Hit { .. })));
    assert_eq!(world.run_file(&world.tree().join("app")), format!("7 {N_BYTES}\n"));
}

/// Size and times tell nothing: another file is another file.
#[test]
fn a_library_that_another_of_its_size_and_time_has_replaced_is_another() {
    let world = World::project("two-crates");
    let libraries = || -> Vec<PathBuf> {
        let deps = fs::read_dir(world.target().join("debug/deps")).expect("lists").flatten();
        let is_library = |path: &PathBuf| path.extension().is_some_and(|e| e == "rlib" || e == "rmeta");
        let mut found: Vec<PathBuf> = deps.map(|file| file.path()).filter(is_library).collect();
        found.sort();
        found
    };
    world.build().all_missed();
    let old: Vec<Vec<u8>> = libraries().iter().map(|path| fs::read(path).expect("reads")).collect();
    world.edit("words/src/a.rs", "world", "earth");
    world.build().all_missed();
    for (path, old) in libraries().iter().zip(&old) {
        let now = fs::metadata(path).expect("is there");
        assert_eq!(now.size(), old.len() as u64);
        let beside = path.with_extension("new");
        fs::write(&beside, old).expect("writes");
        let file = fs::File::options().write(true).open(&beside).expect("opens");
        file.set_modified(now.modified().expect("has a time")).expect("sets the time");
        fs::rename(&beside, path).expect("replaces");
    }
    world.cargo(["clean", "-q", "-p", "app"]).succeeds();
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}

/// `cp -p` of another build's library over this one's, and any tool that sets times back: size, inode and time of
/// modification tell nothing.
#[test]
fn a_library_that_was_overwritten_with_its_times_set_back_is_another() {
    let world = World::project("two-crates");
    let library = |kind: &str| -> PathBuf {
        let deps = fs::read_dir(world.target().join("debug/deps")).expect("lists").flatten();
        let mut paths = deps.map(|file| file.path());
        paths.find(|path| path.extension().is_some_and(|e| e == kind)).expect("is there")
    };
    let relink = || {
        world.cargo(["clean", "-q", "-p", "app"]).succeeds();
        let step = world.build();
        step.succeeds();
        step
    };
    world.build().all_missed();
    let old = ["rlib", "rmeta"].map(|kind| fs::read(library(kind)).expect("reads"));
    world.edit("words/src/a.rs", "world", "earth");
    world.build().all_missed();
    for seconds in [0, 1, 100_000] {
        // What is overwritten here is no file of the store.
        let files = ["rlib", "rmeta"].map(|kind| {
            let path = library(kind);
            let (bytes, own) = (fs::read(&path).expect("reads"), path.with_extension("own"));
            let modified = fs::metadata(&path).and_then(|now| now.modified()).expect("has a time");
            fs::write(&own, &bytes).expect("writes");
            fs::File::options().write(true).open(&own).expect("opens").set_modified(modified).expect("sets");
            fs::rename(&own, &path).expect("replaces");
            (path, bytes, modified)
        });
        relink();
        relink().expect(hits(1), misses(0));
        assert_eq!(world.run_bin("app"), "hello earth a note\n");
        for ((path, _, modified), old) in files.iter().zip(&old) {
            let file = fs::File::options().write(true).open(path).expect("opens");
            (&file).write_all(old).expect("writes in place");
            let earlier = *modified - std::time::Duration::from_secs(seconds);
            file.set_modified(earlier).expect("sets the time back");
        }
        relink();
        assert_eq!(world.run_bin("app"), "hello world a note\n");
        for (path, bytes, modified) in &files {
            let file = fs::File::options().write(true).open(path).expect("opens");
            (&file).write_all(bytes).expect("writes in place");
            file.set_modified(*modified).expect("sets the time back");
        }
    }
    let other = world.checkout("other");
    other.build().all_hit();
    assert_eq!(other.run_bin("app"), "hello earth a note\n");
}

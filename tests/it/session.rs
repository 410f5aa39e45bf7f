//! The environment that a shell, a job or an editor brings along: what of it changes what a compiler makes or prints is
//! never served to others, and what does not costs nothing.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::outcome::Bypass;

use crate::observing::reading;
use crate::robust::cargo_build_after;
use crate::step::Step;
use crate::world::{World, package};

/// Compiles a C file to a program or, with `-shared` among `flags`, a library.
fn compile_c(world: &World, path: &Path, source: &str, flags: &[&str]) {
    let file = path.with_extension("c");
    fs::create_dir_all(path.parent().expect("files are in directories")).expect("creates the directory");
    fs::write(&file, source).expect("writes the source");
    let mut command = world.command("cc");
    command.arg("-o").arg(path).args(flags).arg(&file);
    world.run(command).succeeds();
    fs::remove_file(file).expect("removes the source");
}

/// A linker that is a program of its own, and writes a variable into what it links.
const LINKER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int n, char **args) {
    char option[200];
    char **all = calloc(n + 2, sizeof *all);
    for (int i = 1; i < n; i++) all[i] = args[i];
    all[0] = "cc";
    const char *value = getenv("STAMP_OF_BUILD");
    if (value) {
        snprintf(option, sizeof option, "-Wl,-rpath,/stamp/%s", value);
        all[n] = option;
    }
    execvp("cc", all);
    return 1;
}
"#;

fn with_linker(name: &str) -> World {
    let world = World::project("two-crates");
    let linker = world.root().join("tools").join(name);
    compile_c(&world, &linker, LINKER, &[]);
    world.env("RUSTFLAGS", format!("-C linker={}", linker.display()))
}

fn holds(world: &World, text: &str) -> bool {
    let binary = fs::read(world.target().join("debug/app")).expect("reads");
    binary.windows(text.len()).any(|part| part == text.as_bytes())
}

/// The variable decides although nothing but the program names it.
fn stamp_decides(world: &mut World) {
    world.build().all_missed();
    world.rebuild().all_hit();
    for value in ["one", "two"] {
        world.set("STAMP_OF_BUILD", value);
        world.rebuild().only_missed(&["app bin"]);
        assert!(holds(world, &format!("/stamp/{value}")), "{value}");
        world.rebuild().all_hit();
    }
    world.unset("STAMP_OF_BUILD");
    world.set("STAMP_OF_ANOTHER", "three");
    world.rebuild().all_hit();
    assert!(!holds(world, "/stamp/"));
}

#[test]
fn variable_read_by_a_compiled_linker_decides() {
    stamp_decides(&mut with_linker("my-linker"));
}

#[test]
fn variable_read_by_a_program_that_is_only_named_like_a_linker_decides() {
    stamp_decides(&mut with_linker("cc"));
}

#[test]
fn variable_read_by_a_compiled_linker_decides_without_observation() {
    stamp_decides(&mut with_linker("my-linker").env("KACHE_OBSERVE", "off"));
}

/// The name is in a library of the program that the macro starts.
#[test]
fn variable_read_by_the_library_of_a_started_program_decides() {
    let mut world = reading("sh:../../../tools/ask");
    let library = world.root().join("tools/libask.so");
    let ask = "#include <stdlib.h>\nconst char *ask(void) { const char *v = getenv(\"some_flavor\"); \
               return v ? v : \"none\"; }\n";
    compile_c(&world, &library, ask, &["-shared", "-fPIC"]);
    let main = "#include <stdio.h>\nconst char *ask(void);\nint main(void) { puts(ask()); return 0; }\n";
    let flags = [library.to_str().expect("is text"), "-Wl,-rpath,$ORIGIN"];
    let program = world.root().join("tools/ask");
    let file = program.with_extension("c");
    fs::write(&file, main).expect("writes the source");
    let mut command = world.command("cc");
    command.arg("-o").arg(&program).arg(&file).args(flags);
    world.run(command).succeeds();
    let program = program.to_str().expect("is text").to_owned();
    world.edit("app/src/main.rs", "../../../tools/ask", &program);
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "none");
    world.rebuild().all_hit();
    for value in ["sweet", "sour"] {
        world.set("some_flavor", value);
        world.rebuild().only_missed(&["app bin"]);
        assert_eq!(world.run_bin("app"), value);
        world.rebuild().all_hit();
    }
}

/// Each makes an interpreter run code that no script names.
#[test]
fn variable_that_makes_an_interpreter_run_more_code_decides() {
    let scripts: [(&str, &str, &str, &str); 3] = [
        ("ENV", "sh:sh -ic : 2>/dev/null", "rc", "echo $SWEETS"),
        ("BASH_ENV", "sh:bash -c :", "rc", "echo extra"),
        ("PERL5OPT", "sh:perl -e 1", "My.pm", "print 'extra'; 1;"),
    ];
    for (variable, call, file, code) in scripts {
        let interpreter = call.trim_start_matches("sh:").split(' ').next().expect("has a word");
        if !Path::new("/usr/bin").join(interpreter).exists() {
            continue;
        }
        let mut world = reading(call);
        world.build().all_missed();
        assert_eq!(world.run_bin("app"), "", "{variable}");
        let path = world.root().join(file);
        fs::write(&path, code.replace("$SWEETS", "extra")).expect("writes");
        let value = match variable {
            "PERL5OPT" => format!("-I{} -MMy", world.root().display()),
            _ => path.display().to_string(),
        };
        world.set(variable, value);
        world.rebuild().only_missed(&["app bin"]);
        assert_eq!(world.run_bin("app"), "extra", "{variable}");
        world.unset(variable);
        world.rebuild().all_hit();
        assert_eq!(world.run_bin("app"), "", "{variable}");
    }
}

/// A shell believes `PWD` only where it runs.
#[test]
fn directory_of_the_shell_does_not_matter_to_a_script() {
    let mut world = reading("sh:echo one");
    let tree = world.tree().to_path_buf();
    world.set("PWD", &tree);
    world.build().all_missed();
    world.set("PWD", "/nowhere");
    world.rebuild().only_missed(&["app bin"]);
    world.set("PWD", "/");
    world.rebuild().all_hit();
}

#[test]
fn preloaded_library_leaves_compiles_alone() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    let library = world.root().join("libextra.so");
    compile_c(&world, &library, "int extra(void) { return 1; }\n", &["-shared", "-fPIC"]);
    world.set("LD_PRELOAD", &library);
    let step = world.rebuild();
    step.succeeds();
    assert_eq!(step.bypasses(), [Bypass::LoadedCode; 2], "{step}");
    world.unset("LD_PRELOAD");
    world.rebuild().all_hit();
}

/// What they made the compiler print is not replayed, and they print where everything is in the store.
#[test]
fn noise_of_one_build_is_not_replayed_to_another() {
    let noises = [
        ("RUSTC_LOG", "rustc_metadata=info"),
        ("LD_DEBUG", "statistics"),
        ("MALLOC_CONF", "stats_print:true"),
        ("LD_PRELOAD", "/nonexistent.so"),
    ];
    for (variable, value) in noises {
        let mut world = World::project("two-crates");
        let printed = |step: &crate::step::Step| {
            let lines = step.stderr().lines();
            lines.filter(|line| !line.contains("Compiling") && !line.contains("Finished")).count()
        };
        world.set(variable, value);
        let first = world.build();
        first.succeeds();
        assert_eq!(first.n_bypasses(), first.records().len(), "{variable}\n{first}");
        world.unset(variable);
        let step = world.rebuild();
        step.all_missed();
        assert_eq!(printed(&step), 0, "{variable}\n{step}");
        world.set(variable, value);
        let again = world.rebuild();
        assert_eq!((again.n_hits(), again.n_misses()), (0, 0), "{variable}\n{again}");
    }
}

#[test]
fn panic_that_a_macro_survives_is_not_stored() {
    let mut world = reading("thread:data/one");
    let panics =
        "\"thread\" => std::thread::spawn(|| -> String { panic!(\"oh\") }).join().unwrap_or_default(),";
    world.edit(
        "reader/src/lib.rs",
        "\"thread\" => std::thread::scope(|scope| scope.spawn(|| text(path)).join().unwrap()),",
        panics,
    );
    for value in ["0", "1"] {
        world.set("RUST_BACKTRACE", value);
        let step = if value == "0" { world.build() } else { world.rebuild() };
        step.succeeds();
        assert!(step.stderr().contains("panicked at"), "{step}");
        assert_eq!(step.stderr().contains("stack backtrace:"), value == "1", "{step}");
        step.unstored_of("app", "bin");
    }
}

#[test]
fn library_directory_that_is_not_there_does_not_matter() {
    let mut world = reading("sh:echo one");
    world.build().all_missed();
    for value in ["/nowhere", "/nowhere/lib:/neither/lib"] {
        world.set("LD_LIBRARY_PATH", value);
        world.rebuild().all_hit();
    }
    // One that holds nothing that is loaded is as good as none.
    let dir = world.root().join("lib");
    compile_c(&world, &dir.join("libnobody.so"), "int nobody(void) { return 1; }\n", &["-shared", "-fPIC"]);
    world.set("LD_LIBRARY_PATH", &dir);
    world.rebuild().all_hit();
}

#[test]
fn library_found_through_a_variable_decides() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    let system = Command::new("cc").arg("-print-file-name=libc.so.6").output().expect("cc runs");
    let system = PathBuf::from(String::from_utf8(system.stdout).expect("is text").trim());
    let dir = world.root().join("lib");
    fs::create_dir(&dir).expect("creates");
    fs::copy(system.canonicalize().expect("is there"), dir.join("libc.so.6")).expect("copies");
    world.set("LD_LIBRARY_PATH", &dir);
    let step = world.rebuild();
    step.succeeds();
    assert_eq!(step.n_hits(), 0, "{step}");
    world.unset("LD_LIBRARY_PATH");
    world.rebuild().all_hit();
}

#[test]
fn tunables_of_the_c_library_count_by_value() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    world.set("GLIBC_TUNABLES", "glibc.malloc.arena_max=2");
    world.rebuild().all_missed();
    world.rebuild().all_hit();
    world.unset("GLIBC_TUNABLES");
    world.rebuild().all_hit();
}

/// `temporary:<name>` reads a file there.
fn ask_for_temporary_directory(world: &World) {
    let known = "\"file\" => text(path),";
    let more = "\"temporary\" => text(&std::env::temp_dir().join(name)),";
    world.edit("reader/src/lib.rs", known, &format!("{known}\n        {more}"));
}

/// Shells of Nix, jobs of clusters and CI have one each.
#[test]
fn another_temporary_directory_does_not_matter() {
    let mut world = reading("sh:echo one");
    ask_for_temporary_directory(&world);
    let temporary = |world: &mut World, name: &str| {
        let dir = world.root().join(name).join("tmp");
        fs::create_dir_all(&dir).expect("creates");
        for variable in ["TMPDIR", "TMP", "TEMP"] {
            world.set(variable, &dir);
        }
        dir
    };
    let first = temporary(&mut world, "shell.one");
    world.build().all_missed();
    fs::remove_dir_all(first.parent().expect("is in a directory")).expect("removes");
    let second = temporary(&mut world, "shell.two");
    world.rebuild().all_hit();
    fs::remove_dir_all(second.parent().expect("is in a directory")).expect("removes");
    ["TMPDIR", "TMP", "TEMP"].iter().for_each(|variable| world.unset(variable));
    world.rebuild().all_hit();
}

#[test]
fn scratch_files_in_another_temporary_directory_do_not_matter() {
    let mut world = reading("sh:f=$(mktemp) && echo made >$f && cat $f && rm $f");
    for (number, name) in ["one", "two"].into_iter().enumerate() {
        let dir = world.root().join(name);
        fs::create_dir(&dir).expect("creates");
        world.set("TMPDIR", &dir);
        if number == 0 {
            world.build().all_missed();
        } else {
            world.rebuild().all_hit();
        }
        assert_eq!(world.run_bin("app"), "made");
        fs::remove_dir_all(&dir).expect("removes");
    }
}

#[test]
fn file_that_a_macro_finds_in_the_temporary_directory_decides() {
    let mut world = reading("temporary:override.txt");
    ask_for_temporary_directory(&world);
    let dirs = ["one", "two", "three"].map(|name| world.root().join(name));
    dirs.iter().for_each(|dir| fs::create_dir(dir).expect("creates"));
    fs::write(dirs[1].join("override.txt"), "found").expect("writes");
    let mut build = |dir: &Path, printed: &str| {
        world.set("TMPDIR", dir);
        if world.target().exists() {
            world.clean();
        }
        world.build().succeeds();
        assert_eq!(world.run_bin("app"), printed, "{}", dir.display());
    };
    build(&dirs[0], "none");
    build(&dirs[1], "found");
    build(&dirs[2], "none");
    fs::write(dirs[1].join("override.txt"), "changed").expect("writes");
    build(&dirs[1], "changed");
}

/// Both are started through links in sysroots that look the same; the loader takes the library beside the real file.
#[test]
fn compiler_copied_beside_another_driver_is_another_compiler() {
    let world = World::files(&[("Cargo.toml", &package("app", "")), ("src/main.rs", "fn main() {}\n")]);
    let mut question = world.command("rustc");
    question.args(["--print", "sysroot"]);
    let sysroot = PathBuf::from(world.run(question).stdout().trim());
    let copy = world.root().join("copy");
    fs::create_dir_all(copy.join("bin")).expect("creates");
    fs::create_dir_all(copy.join("lib")).expect("creates");
    fs::copy(sysroot.join("bin/rustc"), copy.join("bin/rustc")).expect("copies");
    for library in fs::read_dir(sysroot.join("lib")).expect("lists") {
        let library = library.expect("lists");
        let target = copy.join("lib").join(library.file_name());
        if library.file_name().to_string_lossy().starts_with("librustc_driver") {
            fs::copy(library.path(), &target).expect("copies");
            // Bytes behind the end change nothing but the content.
            let mut content = fs::OpenOptions::new().append(true).open(&target).expect("opens");
            content.write_all(b"another").expect("appends");
        } else {
            symlink(library.path(), &target).expect("links");
        }
    }
    let view = |name: &str, compiler: &Path| {
        let view = world.root().join(name);
        fs::create_dir_all(view.join("bin")).expect("creates");
        symlink(compiler, view.join("bin/rustc")).expect("links");
        symlink(sysroot.join("lib"), view.join("lib")).expect("links");
        view.join("bin/rustc")
    };
    let genuine = view("genuine", &sysroot.join("bin/rustc"));
    let other = view("other", &copy.join("bin/rustc"));
    fs::create_dir(world.tree().join("out")).expect("creates");
    // Cargo would have the loader look in the sysroot first, whatever lies beside the compiler.
    let build = |compiler: &Path| {
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.arg(compiler).args(["--crate-name", "app", "--crate-type", "bin", "src/main.rs"]);
        command.args(["--emit", "dep-info,link", "--out-dir", "out", "-C", "extra-filename=-1"]);
        world.run(command)
    };
    build(&genuine).all_missed();
    build(&genuine).all_hit();
    let step = build(&other);
    step.succeeds();
    assert_eq!(step.n_hits(), 0, "{step}");
    build(&genuine).all_hit();
}

/// `/etc/ld.so.preload` has the loader put libraries into every program. It is the machine's, so the builds see a copy of
/// `/etc`.
#[test]
fn library_that_is_loaded_into_every_program_decides() {
    let world = World::project("two-crates");
    let (etc, library) = (world.root().join("etc"), world.root().join("libevery.so"));
    let copied = world.command("cp").args(["-a", "/etc"]).arg(&etc).status().expect("cp runs");
    assert!(copied.success());
    let list = etc.join("ld.so.preload");
    let _ = fs::remove_file(&list);
    let build = || -> Option<Step> {
        let _ = fs::remove_dir_all(world.target());
        let mut command = cargo_build_after(&world, "mount --make-rprivate /; mount --bind \"$ETC\" /etc")?;
        command.env("ETC", &etc);
        let step = world.run(command);
        if step.stderr().contains("mount:") {
            crate::skip::skip("unshare", "nothing can be mounted here");
            return None;
        }
        Some(step)
    };
    let Some(step) = build() else { return };
    step.all_missed();
    let build = || build().expect("it could be mounted before");
    build().all_hit();
    for number in ["1", "2"] {
        compile_c(&world, &library, &format!("int every = {number};\n"), &["-shared", "-fPIC"]);
        fs::write(&list, format!("{}\n", library.display())).expect("writes");
        build().all_missed();
        build().all_hit();
    }
    // Who cannot load it says so in every compile.
    fs::remove_file(&library).expect("removes");
    let step = build();
    step.succeeds();
    assert_eq!(step.bypasses(), [Bypass::UnknownCompiler; 2], "{step}");
    fs::remove_file(&list).expect("removes");
    build().all_hit();
}

//! What goes into a link, or steers it, without any dep-info naming it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use kache::outcome::Bypass;

use crate::step::Step;
use crate::world::{World, package};

/// Compiles C, and puts it where a linker finds it: `file` is an object, an archive or a shared library.
fn compile_c(world: &World, content: &str, file: &str) {
    world.write("native/value.c", content);
    let dir = world.tree().join("native");
    let run = |command: &mut Command| {
        let status = command.current_dir(&dir).status().expect("the C toolchain is installed");
        assert!(status.success(), "{command:?}: {status}");
    };
    let _ = fs::remove_file(dir.join(file));
    if file.ends_with(".so") {
        run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "value.c", "-o", file]));
    } else if file.ends_with(".o") {
        run(Command::new("cc").args(["-c", "-fPIC", "-O1", "value.c", "-o", file]));
    } else {
        run(Command::new("cc").args(["-c", "-fPIC", "-O1", "value.c", "-o", "value.o"]));
        run(Command::new("ar").args(["crs", file, "value.o"]));
        fs::remove_file(dir.join("value.o")).expect("removes");
    }
}

fn value(n: u32) -> String {
    format!("int value(void) {{ return {n}; }}\n")
}

/// A binary that prints what the C function `value` returns; `attribute` says where that is, `build` is the body of
/// the build script, in which `dir` is the directory of native files.
fn caller(attribute: &str, build: &str) -> World {
    World::files(&[
        ("Cargo.toml", &package("caller", "")),
        (
            "build.rs",
            &format!(
                "fn main() {{\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    \
                 let dir = concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/native\");\n    let _ = dir;\n    {build}\n}}\n"
            ),
        ),
        (
            "src/main.rs",
            &format!(
                "{attribute}\nunsafe extern \"C\" {{ safe fn value() -> i32; }}\nfn main() {{ println!(\"{{}}\", value()); }}\n"
            ),
        ),
    ])
}

/// What the build script and the attribute do, how the file is called, and whether the first build can be stored.
fn new_content_is_linked(attribute: &str, build: &str, file: &str) {
    let world = caller(attribute, build);
    compile_c(&world, &value(7), file);
    world.build().succeeds();
    let printed = |world: &World| run_with_libraries(world, "caller");
    assert_eq!(printed(&world), "7\n");
    compile_c(&world, &value(8), file);
    world.rebuild().only_missed(&["caller bin"]);
    assert_eq!(printed(&world), "8\n");
    compile_c(&world, &value(7), file);
    world.rebuild().all_hit();
    assert_eq!(printed(&world), "7\n");
    world.same_as_plain_cargo();
}

fn run_with_libraries(world: &World, name: &str) -> String {
    let mut command = Command::new(world.target().join("debug").join(name));
    let output = command.env("LD_LIBRARY_PATH", world.tree().join("native")).output().expect("it runs");
    String::from_utf8(output.stdout).expect("is text")
}

#[test]
fn an_archive_that_is_rebuilt_in_place_is_linked_again() {
    let world = World::project("native-static");
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "value 7 doubled 14\n");
    world.edit("cval/c/cval.h", "7", "8");
    were_compiled(&world.build(), &["app bin", "cval lib"]);
    assert_eq!(world.run_bin("app"), "value 8 doubled 16\n");
    world.edit("cval/c/cval.h", "8", "7");
    world.build().all_hit();
    assert_eq!(world.run_bin("app"), "value 7 doubled 14\n");
    world.same_as_plain_cargo();
    let world = world.relocate("other");
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "value 7 doubled 14\n");
}

/// These units were compiled. Where nothing is observed, the library between may be one more: rules take an archive for
/// read by every crate that is compiled with its directory among those that are searched.
fn were_compiled(step: &Step, units: &[&str]) {
    let is_off = std::env::var("KACHE_TEST_OBSERVE").is_ok_and(|mode| mode == "off");
    let has_between = step.missed_units().iter().any(|unit| unit == "mid lib");
    let between: &[&str] = if is_off && has_between { &["mid lib"] } else { &[] };
    step.missed(&[units, between].concat());
}

/// Another content of the archive `cval` is linked into the binary.
fn cval_is_linked_again(world: &World) {
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "value 7 doubled 14\n");
    world.edit("cval/c/cval.h", "7", "8");
    let step = world.rebuild();
    were_compiled(&step, &["app bin", "cval lib"]);
    assert_ne!(step.n_hits(), 0, "nothing was served\n{step}");
    assert_eq!(world.run_bin("app"), "value 8 doubled 16\n");
}

/// Nothing but the source names the archive, and no crate bundles it: it goes into the binary alone.
#[test]
fn an_archive_that_an_attribute_names_is_linked_again() {
    let world = World::project("native-static");
    world.edit("cval/build.rs", "    println!(\"cargo::rustc-link-lib=static=cval\");\n", "");
    world.edit("cval/src/lib.rs", "unsafe extern", "#[link(name = \"cval\")]\nunsafe extern");
    cval_is_linked_again(&world);
}

#[test]
fn an_archive_that_is_not_bundled_is_linked_again() {
    let world = World::project("native-static");
    world.edit("cval/build.rs", "link-lib=static=cval", "link-lib=static:-bundle=cval");
    cval_is_linked_again(&world);
}

/// The binary is linked with the archive of a library that does not hold it.
#[test]
fn an_archive_elsewhere_that_is_not_bundled_is_linked_again() {
    let world = outside_caller("static:-bundle=value");
    fs::rename(world.tree().join("src/main.rs"), world.tree().join("src/lib.rs")).expect("renames");
    world.edit("src/lib.rs", "safe fn", "pub safe fn");
    world.edit("src/lib.rs", "fn main() {", "pub fn call() {");
    world.write("src/main.rs", "fn main() { caller::call(); }\n");
    new_archive_is_linked(&world, "caller", &["caller bin", "caller lib"]);
}

/// The crate between has no reason to change, and the binary names neither the archive nor the crate that holds it.
#[test]
fn an_archive_that_is_bundled_two_crates_away_is_linked_again() {
    let world = outside_caller("static=value");
    for name in ["build.rs", "src", "native"] {
        fs::create_dir_all(world.tree().join("leaf")).expect("makes a directory");
        fs::rename(world.tree().join(name), world.tree().join("leaf").join(name)).expect("renames");
    }
    fs::rename(world.tree().join("leaf/src/main.rs"), world.tree().join("leaf/src/lib.rs")).expect("renames");
    world.edit("leaf/src/lib.rs", "fn main() {", "pub fn call() {");
    world.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"mid\", \"leaf\"]\n");
    world.write("leaf/Cargo.toml", package("leaf", ""));
    world.write("mid/Cargo.toml", package("mid", "[dependencies]\nleaf = { path = \"../leaf\" }\n"));
    world.write("mid/src/lib.rs", "pub fn call() { leaf::call(); }\n");
    world.write("app/Cargo.toml", package("app", "[dependencies]\nmid = { path = \"../mid\" }\n"));
    world.write("app/src/main.rs", "fn main() { mid::call(); }\n");
    link_outside(&world);
    new_archive_is_linked(&world, "app", &["app bin", "leaf lib"]);
}

#[test]
fn every_way_to_name_a_library_sees_its_content() {
    let search = r#"println!("cargo::rustc-link-search=native={dir}");"#;
    let library = format!("{search} println!(\"cargo::rustc-link-lib=value\");");
    new_content_is_linked("", &library, "libvalue.a");
    let argument = r#"println!("cargo::rustc-link-arg=-L{dir}"); println!("cargo::rustc-link-arg=-lvalue");"#;
    new_content_is_linked("", argument, "libvalue.a");
    let object = r#"println!("cargo::rustc-link-arg={dir}/value.o");"#;
    new_content_is_linked("", object, "value.o");
    let verbatim = format!("{search} println!(\"cargo::rustc-link-lib=static:+verbatim=value.lib\");");
    new_content_is_linked("", &verbatim, "value.lib");
}

/// Another content of the archive outside is linked into `program`, and only `units` are compiled for that.
fn new_archive_is_linked(world: &World, program: &str, units: &[&str]) {
    compile_c(world, &value(7), "libvalue.a");
    world.build().all_missed();
    assert_eq!(world.run_bin(program), "7\n");
    compile_c(world, &value(8), "libvalue.a");
    let step = world.rebuild();
    were_compiled(&step, units);
    assert_ne!(step.n_hits(), 0, "nothing was served\n{step}");
    assert_eq!(world.run_bin(program), "8\n");
}

/// The native files of the project are those outside of it.
fn link_outside(world: &World) {
    std::os::unix::fs::symlink(world.root().join("outside"), world.tree().join("native"))
        .expect("makes a link");
}

/// A [`caller`] whose native files are outside of the project, where only what is named counts.
fn outside_caller(library: &str) -> World {
    let world = caller(
        "",
        &format!(
            "let dir = std::fs::canonicalize(dir).unwrap();\n    \
             println!(\"cargo::rustc-link-search=native={{}}\", dir.display());\n    \
             println!(\"cargo::rustc-link-lib={library}\");"
        ),
    );
    fs::create_dir_all(world.root().join("outside")).expect("makes a directory");
    link_outside(&world);
    world
}

#[test]
fn a_shared_library_that_was_upgraded_is_linked_again() {
    let world = outside_caller("dylib=value");
    compile_c(&world, &value(7), "libvalue.so");
    world.build().all_missed();
    assert_eq!(run_with_libraries(&world, "caller"), "7\n");
    compile_c(&world, &value(8), "libvalue.so");
    world.rebuild().only_missed(&["caller bin"]);
    assert_eq!(run_with_libraries(&world, "caller"), "8\n");
}

/// A shared library may be a text that sends the linker to other files.
#[test]
fn a_library_that_is_a_script_is_followed() {
    let world = outside_caller("dylib=value");
    world.write("native/libvalue.so", "/* GNU ld script */ GROUP(libreal.a AS_NEEDED(-lc))\n");
    compile_c(&world, &value(7), "libreal.a");
    world.build().all_missed();
    assert_eq!(world.run_bin("caller"), "7\n");
    compile_c(&world, &value(8), "libreal.a");
    world.rebuild().only_missed(&["caller bin"]);
    assert_eq!(world.run_bin("caller"), "8\n");
}

#[test]
fn a_library_that_appears_in_an_earlier_directory_is_linked() {
    for (kind, suffix) in [("native=", "a"), ("", "a"), ("", "so"), ("native=", "so")] {
        let build = format!(
            r#"println!("cargo::rustc-link-search={kind}{{dir}}/first");
            println!("cargo::rustc-link-search={kind}{{dir}}"); println!("cargo::rustc-link-lib=value");"#
        );
        let world = caller("", &build);
        compile_c(&world, &value(7), &format!("libvalue.{suffix}"));
        world.write("native/first/about", "");
        world.build().all_missed();
        compile_c(&world, &value(8), &format!("first/libvalue.{suffix}"));
        world.rebuild().only_missed(&["caller bin"]);
        if suffix == "a" {
            assert_eq!(world.run_bin("caller"), "8\n", "{kind}");
        }
    }
}

#[test]
fn a_version_script_decides() {
    let world = World::project("link-script");
    world.build().all_missed();
    assert_eq!(world.run_bin("link-script"), "fixture_one exported\nfixture_two hidden\n");
    world.edit("version.map", "fixture_one;", "fixture_one; fixture_two;");
    world.build().missed(&["link_script bin"]);
    assert_eq!(world.run_bin("link-script"), "fixture_one exported\nfixture_two exported\n");
    world.edit("version.map", "fixture_one; fixture_two;", "fixture_one;");
    world.build().all_hit();
    assert_eq!(world.run_bin("link-script"), "fixture_one exported\nfixture_two hidden\n");
    world.same_as_plain_cargo();
}

/// As for microcontrollers: a script found through `-L`, with a part that it includes.
#[test]
fn a_linker_script_and_what_it_includes_decide() {
    let world = World::files(&[
        ("Cargo.toml", &package("scripted", "")),
        (
            "build.rs",
            "fn main() {\n    println!(\"cargo::rustc-link-search={}/script\", env!(\"CARGO_MANIFEST_DIR\"));\n    \
             println!(\"cargo::rustc-link-arg-bins=-Wl,-Tlink.x\");\n    println!(\"cargo::rerun-if-changed=build.rs\");\n}\n",
        ),
        ("script/link.x", "INCLUDE memory.x\nSECTIONS { .custom : { *(.custom) } } INSERT AFTER .rodata;\n"),
        ("script/memory.x", "fixture_value = 7;\n"),
        (
            "src/main.rs",
            "unsafe extern \"C\" { static fixture_value: u8; }\n\
             fn main() { println!(\"{}\", &raw const fixture_value as usize & 15); }\n",
        ),
    ]);
    world.write(".cargo/config.toml", "[build]\nrustflags = [\"-Crelocation-model=static\"]\n");
    world.build().all_missed();
    assert_eq!(world.run_bin("scripted"), "7\n");
    world.write("script/memory.x", "fixture_value = 8;\n");
    world.rebuild().only_missed(&["scripted bin"]);
    assert_eq!(world.run_bin("scripted"), "8\n");
    world.write("script/link.x", "fixture_value = 9;SECTIONS{}INSERT AFTER .rodata;\n");
    world.rebuild().only_missed(&["scripted bin"]);
    assert_eq!(world.run_bin("scripted"), "9\n");
}

/// Where an argument hides what it names and nothing can be observed, the link is left to the compiler.
#[test]
fn a_file_of_link_arguments_is_left_alone() {
    let world =
        caller("", r#"println!("cargo::rustc-link-arg=@{dir}/arguments");"#).env("KACHE_OBSERVE", "off");
    compile_c(&world, &value(7), "libone.a");
    compile_c(&world, &value(8), "libtwo.a");
    for (name, printed) in [("one", "7\n"), ("two", "8\n")] {
        world.write("native/arguments", format!("{}/native/lib{name}.a", world.tree().display()));
        let step = world.build();
        assert_eq!(step.succeeds().bypasses(), [Bypass::Linker], "{step}");
        assert_eq!(world.run_bin("caller"), printed);
        world.clean();
    }
}

#[test]
fn another_linker_first_on_the_path_is_another_linker() {
    // Nothing is observed: the rules alone must tell.
    let mut world = World::project("two-crates").env("KACHE_OBSERVE", "off");
    world.build().all_missed();
    let bin = world.root().join("bin");
    fs::create_dir(&bin).expect("makes a directory");
    // A program of its own that becomes the real one.
    let real = which("cc");
    fs::write(
        bin.join("cc.c"),
        format!("#include <unistd.h>\nint main(int n, char **args) {{ (void)n; args[0] = \"{real}\"; return execv(args[0], args); }}\n"),
    )
    .expect("writes");
    let made = Command::new("cc").current_dir(&bin).args(["cc.c", "-o", "cc"]).status().expect("runs");
    assert!(made.success());
    let path = std::env::var("PATH").expect("is text");
    world.set("PATH", format!("{}:{path}", bin.display()));
    world.rebuild().only_missed(&["app bin"]);
    // What a script starts is not known.
    fs::remove_file(bin.join("cc")).expect("removes");
    fs::write(bin.join("cc"), format!("#!/bin/sh\nexec {real} \"$@\"\n")).expect("writes");
    fs::set_permissions(bin.join("cc"), fs::Permissions::from_mode(0o755)).expect("makes it executable");
    world.clean();
    let step = world.build();
    assert_eq!(step.succeeds().bypasses(), [Bypass::Linker], "{step}");
    world.set("PATH", path);
    world.rebuild().all_hit();
}

fn which(name: &str) -> String {
    let path = std::env::var("PATH").expect("is text");
    let found = path.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.exists());
    found.expect("it is installed").display().to_string()
}

#[test]
fn a_variable_that_the_linker_reads_decides() {
    // The linker that comes with the compiler does not read it.
    let mut world = World::project("two-crates").env("RUSTFLAGS", "-C linker-features=-lld");
    world.build().all_missed();
    world.set("LD_RUN_PATH", "/nowhere/lib");
    world.rebuild().only_missed(&["app bin"]);
    let binary = fs::read(world.target().join("debug/app")).expect("reads");
    assert!(binary.windows(12).any(|part| part == b"/nowhere/lib"));
    world.unset("LD_RUN_PATH");
    world.rebuild().all_hit();
}

/// Programs that are stripped in place are no second names of a blob.
#[test]
fn what_is_stripped_in_place_is_whole_when_it_is_served_again() {
    let world = World::project("kinds");
    world.build().all_missed();
    world.rebuild().all_hit();
    let n_bytes = |world: &World| fs::metadata(world.target().join("debug/app")).expect("is there").len();
    let whole = n_bytes(&world);
    for file in ["app", "libkinds_cdylib.so", "libmulti.a", "libkinds_staticlib.a"] {
        let path = world.target().join("debug").join(file);
        let status =
            Command::new("strip").arg("--strip-debug").arg(&path).status().expect("strip is installed");
        assert!(status.success(), "{file}");
    }
    let world = world.checkout("other");
    world.build().all_hit();
    assert_eq!(n_bytes(&world), whole);
    world.same_as_plain_cargo();
}

#[test]
fn an_rlib_that_is_changed_in_place_is_not_served() {
    let world = World::project("two-crates");
    world.build().all_missed();
    world.rebuild().all_hit();
    let deps = fs::read_dir(world.target().join("debug/deps")).expect("lists");
    let rlibs = deps
        .map(|file| file.expect("lists").path())
        .filter(|path| path.extension().is_some_and(|e| e == "rlib"));
    for rlib in rlibs {
        let mut content = fs::read(&rlib).expect("reads");
        let middle = content.len() / 2;
        content[middle] ^= 1;
        // In place: whatever other names the file has see it.
        fs::write(&rlib, content).expect("writes");
    }
    let world = world.checkout("other");
    world.build().only_missed(&["words lib"]);
    assert_eq!(world.run_bin("app"), "hello world a note\n");
    world.same_as_plain_cargo();
}

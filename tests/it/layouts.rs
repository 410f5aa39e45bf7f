//! Cargo's two layouts of a build directory: one directory for all dependencies, and one for each unit.
//!
//! The second is the only one from cargo 1.100 on; older ones have it behind a flag.

use std::fs;
use std::path::Path;

use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, files_below, package};

/// The flags that choose each layout which the cargo at hand has.
pub(crate) fn layouts(world: &World) -> Vec<&'static [&'static str]> {
    let new: &[&str] = &["-Z", "build-dir-new-layout"];
    let mut command = world.command("cargo");
    let output = command.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "help"]).output().expect("cargo runs");
    if String::from_utf8_lossy(&output.stdout).contains("build-dir-new-layout") {
        vec![&[], new]
    } else {
        skip("new-layout", "this cargo has one layout only");
        vec![&[]]
    }
}

/// Builds with `flags`.
fn build(world: &World, flags: &[&str]) -> Step {
    world.cargo(["build"].iter().chain(flags))
}

/// Builds with `flags` in a build directory that is not there yet.
fn rebuild(world: &World, flags: &[&str]) -> Step {
    world.clean();
    build(world, flags)
}

/// A program that prints what a macro finds: in a variable whose name is nowhere in one piece, and in a file beside
/// the package. Its build script declares these, and nothing else.
fn declaring() -> World {
    let macros = "use proc_macro::*;\n\
         #[proc_macro] pub fn found(_: TokenStream) -> TokenStream {\n    \
         let package = std::env::var(\"CARGO_MANIFEST_DIR\").unwrap();\n    \
         let file = std::fs::read_to_string(package + \"/../sha\" + \"red/a.txt\").unwrap();\n    \
         let variable = std::env::var([\"chosen\", \"value\"].join(\"_\")).unwrap_or_default();\n    \
         TokenTree::Literal(Literal::string(&format!(\"{variable} {file}\"))).into()\n}\n";
    let script = "fn main() {\n    println!(\"cargo::rerun-if-env-changed=chosen_value\");\n    \
         println!(\"cargo::rerun-if-changed=../shared/a.txt\");\n}\n";
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"macros\"]\n"),
        ("macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n")),
        ("macros/src/lib.rs", macros),
        ("app/Cargo.toml", &package("app", "[dependencies]\nmacros = { path = \"../macros\" }\n")),
        ("app/build.rs", script),
        ("app/src/main.rs", "fn main() { println!(\"{}\", macros::found!()); }\n"),
        ("shared/a.txt", "one"),
    ]);
    world.env("RUSTC_BOOTSTRAP", "1")
}

#[test]
fn variable_declared_by_a_build_script_decides_in_every_layout() {
    let mut world = declaring();
    for flags in layouts(&world) {
        world.unset("chosen_value");
        build(&world, flags).succeeds();
        for value in ["a", "b"] {
            world.set("chosen_value", value);
            rebuild(&world, flags).only_missed(&["app bin"]);
            assert_eq!(world.run_bin("app"), format!("{value} one\n"), "{flags:?}");
        }
        world.set("chosen_value", "a");
        rebuild(&world, flags).all_hit();
        assert_eq!(world.run_bin("app"), "a one\n", "{flags:?}");
        world.clean();
    }
}

/// Where nothing is observed, what a build script declares is all that is known of files beside the package.
#[test]
fn file_declared_by_a_build_script_decides_in_every_layout() {
    let world = declaring().env("KACHE_OBSERVE", "off");
    for flags in layouts(&world) {
        world.write("shared/a.txt", "one");
        build(&world, flags).succeeds();
        for content in ["two", "three"] {
            world.write("shared/a.txt", content);
            rebuild(&world, flags).only_missed(&["app bin"]);
            assert_eq!(world.run_bin("app"), format!(" {content}\n"), "{flags:?}");
        }
        world.write("shared/a.txt", "two");
        rebuild(&world, flags).all_hit();
        assert_eq!(world.run_bin("app"), " two\n", "{flags:?}");
        world.clean();
    }
}

/// Nobody knows what was declared then.
#[test]
fn unit_whose_build_script_output_is_lost_is_left_alone() {
    let world = declaring();
    for flags in layouts(&world) {
        build(&world, flags).succeeds();
        let mut lost = 0;
        for file in files_below(&world.target()) {
            if file.ends_with("output") || file.ends_with("run/stdout") {
                fs::remove_file(file).expect("removes");
                lost += 1;
            }
        }
        assert_ne!(lost, 0, "{flags:?}");
        // Called as cargo would: with this file gone, cargo itself runs the script first.
        let out_dir = files_below(&world.target()).into_iter().find(|file| file.ends_with("root-output"));
        let unit = out_dir.expect("a build script ran");
        let unit = unit.ancestors().find(|dir| dir.join("out").is_dir()).expect("it has an OUT_DIR");
        let step = compile_directly(&world, &unit.join("out"));
        let is_left_alone = |why: &kache::outcome::Bypass| *why == kache::outcome::Bypass::UnreadableInput;
        assert!(step.succeeds().bypasses().iter().all(is_left_alone), "{step}");
        assert_eq!(step.bypasses().len(), 1, "{step}");
        world.clean();
    }
}

/// Compiles the program with kache in front of rustc, without cargo.
fn compile_directly(world: &World, out_dir: &Path) -> Step {
    let library = files_below(&world.target()).into_iter().find(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libmacros") && name.ends_with(".so")
    });
    let library = library.expect("the macros were built");
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command
        .args(["rustc", "--crate-name", "app", "--edition=2024", "app/src/main.rs", "--crate-type", "bin"])
        .args(["--emit=dep-info,metadata", "-C", "metadata=direct", "-C", "extra-filename=-direct"])
        .arg("--out-dir")
        .arg(library.parent().expect("has one"))
        .arg("--extern")
        .arg(format!("macros={}", library.display()))
        .env("CARGO_MANIFEST_DIR", world.tree().join("app"))
        .env("OUT_DIR", out_dir);
    world.run(command)
}

/// Marks a build directory as newer cargos do, which mark the directory of a target too.
fn mark(world: &World, triple: &str) {
    let of_target = world.target().join(triple);
    fs::create_dir_all(&of_target).expect("makes the directories");
    for dir in [&world.target(), &of_target] {
        fs::write(dir.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55").expect("writes");
    }
}

/// A package outside of the workspace is compiled in its own directory, like one of the registry: only the build
/// directory says which project it is for.
#[test]
fn outside_packages_with_macros_hit_in_another_checkout_with_a_target() {
    let world = World::files(&[]);
    let beside = world.root().join("beside");
    for (file, content) in [
        ("macros/Cargo.toml", package("macros", "[lib]\nproc-macro = true\n[workspace]\n")),
        (
            "macros/src/lib.rs",
            "use proc_macro::*;\n#[proc_macro] pub fn one(_: TokenStream) -> TokenStream { \"1\".parse().unwrap() }\n"
                .to_owned(),
        ),
        (
            "user/Cargo.toml",
            package("user", "[dependencies]\nmacros = { path = \"../macros\" }\n[workspace]\n"),
        ),
        ("user/src/lib.rs", "pub fn one() -> u32 { macros::one!() }\n".to_owned()),
    ] {
        let path = beside.join(file);
        fs::create_dir_all(path.parent().expect("has one")).expect("makes a directory");
        fs::write(path, content).expect("writes");
    }
    let dependency = format!("[dependencies]\nuser = {{ path = \"{}\" }}\n", beside.join("user").display());
    world.write("Cargo.toml", package("app", &dependency));
    world.write("src/main.rs", "fn main() { println!(\"{}\", user::one()); }\n");
    let world = world.env("RUSTC_BOOTSTRAP", "1");
    let host = world.command("rustc").arg("--print=host-tuple").output().expect("runs").stdout;
    let host = String::from_utf8(host).expect("is text");
    for flags in layouts(&world) {
        let flags = [flags, &["--target", host.trim()]].concat();
        mark(&world, host.trim());
        build(&world, &flags).succeeds();
        let other = world.checkout(&format!("other-{}", flags.len()));
        mark(&other, host.trim());
        build(&other, &flags).all_hit();
        world.clean();
    }
}

//! Random changes of all that build scripts look at, over a workspace of them, with build directories that are kept,
//! removed, or new in another checkout: after each, the program prints what it prints with cargo alone and the same history.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::random::Random;
use crate::world::{World, package};

/// Generates a constant from what `text` evaluates to.
fn script(text: &str) -> String {
    format!(
        "use std::{{env, fs, process::Command}};\n\
         #[allow(dead_code)] fn list(dir: &str) -> Vec<String> {{\n\
             let entries = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());\n\
             let mut names: Vec<_> = entries.collect(); names.sort(); names }}\n\
         #[allow(dead_code)] fn said(program: &str, args: &[&str]) -> String {{\n\
             String::from_utf8(Command::new(program).args(args).output().unwrap().stdout).unwrap() }}\n\
         #[allow(dead_code)] fn var(name: &str) -> String {{ env::var(name).unwrap_or_default() }}\n\
         #[allow(dead_code)] fn read(file: &str) -> String {{ fs::read_to_string(file).unwrap_or_default() }}\n\
         fn main() {{\n\
             let text: String = {{ {text} }};\n\
             let code = format!(\"pub const TEXT: &str = {{text:?}};\");\n\
             fs::write(format!(\"{{}}/text.rs\", env::var(\"OUT_DIR\").unwrap()), code).unwrap();\n\
         }}\n"
    )
}

const LIBRARY: &str = "include!(concat!(env!(\"OUT_DIR\"), \"/text.rs\"));\n";

/// Packages, and the text that their scripts make.
const PACKAGES: [(&str, &str); 7] = [
    ("file", "println!(\"cargo::rerun-if-changed=data.txt\"); read(\"data.txt\")"),
    ("dir", "println!(\"cargo::rerun-if-changed=items\"); list(\"items\").join(\",\")"),
    (
        "var",
        "println!(\"cargo::rerun-if-env-changed=FLAVOR\"); println!(\"cargo::metadata=flavor={}\", var(\"FLAVOR\")); var(\"FLAVOR\")",
    ),
    ("undeclared", "read(\"data.txt\") + &var(\"UNDECLARED\")"),
    (
        "program",
        "println!(\"cargo::rerun-if-changed=../bin/tool\"); said(\"tool\", &[]) + &said(&env::var(\"RUSTC\").unwrap(), &[\"--version\"])",
    ),
    ("dependent", "println!(\"cargo::rerun-if-changed=build.rs\"); var(\"DEP_VAR_FLAVOR\")"),
    (
        "native",
        "println!(\"cargo::rerun-if-changed=c\"); let out = env::var(\"OUT_DIR\").unwrap();\n\
         assert!(Command::new(\"cc\").args([\"-c\", \"c/a.c\", \"-o\"]).arg(format!(\"{out}/a.o\")).status().unwrap().success());\n\
         assert!(Command::new(\"ar\").args([\"crs\"]).args([format!(\"{out}/liba.a\"), format!(\"{out}/a.o\")]).status().unwrap().success());\n\
         println!(\"cargo::rustc-link-search=native={out}\"); println!(\"cargo::rustc-link-lib=static=a\"); String::new()",
    ),
];

/// What may stand in files that scripts look at; `None`: the file is not there.
const FILES: [(&str, &[Option<&str>]); 8] = [
    ("file/data.txt", &[Some("a"), Some("b"), Some(""), None]),
    ("dir/items/x", &[Some("1"), Some("2"), None]),
    ("dir/items/y", &[None, Some("1")]),
    ("undeclared/data.txt", &[Some("a"), Some("b"), None]),
    ("bin/tool", &[Some("#!/bin/sh\necho one\n"), Some("#!/bin/sh\necho two\n")]),
    ("native/c/a.h", &[Some("#define VALUE 1\n"), Some("#define VALUE 2\n")]),
    (
        "native/c/a.c",
        &[
            Some("#include \"a.h\"\nint value(void) { return VALUE; }\n"),
            Some("#include \"a.h\"\nint value(void) { return VALUE + 10; }\n"),
        ],
    ),
    ("var/src/more.rs", &[Some("pub const MORE: u8 = 1;\n"), Some("pub const MORE: u8 = 2;\n")]),
];

const VARIABLES: [(&str, &[&str]); 3] =
    [("FLAVOR", &["sweet", "sour"]), ("UNDECLARED", &["", "set"]), ("UNRELATED", &["1", "2"])];

fn workspace() -> World {
    let names: Vec<String> = PACKAGES.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let members = format!("[workspace]\nresolver = \"3\"\nmembers = [\"app\", {}]\n", names.join(", "));
    let world = World::files(&[("Cargo.toml", &members)]);
    let mut dependencies = "[dependencies]\n".to_owned();
    let mut main = "fn main() {\n".to_owned();
    for (name, text) in PACKAGES {
        let links = match name {
            "var" => "links = \"var\"\n",
            "dependent" => "[dependencies]\nvar = { path = \"../var\" }\n",
            _ => "",
        };
        world.write(&format!("{name}/Cargo.toml"), package(name, links));
        world.write(&format!("{name}/build.rs"), script(text));
        let more = match name {
            "var" => "mod more;\npub use more::MORE;\n",
            "native" => {
                "unsafe extern \"C\" { fn value() -> i32; }\npub fn get() -> i32 { unsafe { value() } }\n"
            }
            _ => "",
        };
        world.write(&format!("{name}/src/lib.rs"), format!("{LIBRARY}{more}"));
        dependencies += &format!("{name} = {{ path = \"../{name}\" }}\n");
        main += &format!("    println!(\"{name}: {{}}\", {name}::TEXT.trim());\n");
    }
    main += "    println!(\"{} {}\", var::MORE, native::get());\n}\n";
    world.write("app/Cargo.toml", package("app", &dependencies));
    world.write("app/src/main.rs", main);
    world
}

/// Puts a text or nothing at a place, as an editor or a tool that keeps times does.
fn put(world: &World, file: &str, text: Option<&str>, is_old: bool) {
    let path = world.tree().join(file);
    let Some(text) = text else {
        let _ = fs::remove_file(path);
        return;
    };
    if fs::read_to_string(&path).ok().as_deref() == Some(text) {
        return;
    }
    world.write(file, text);
    if file == "bin/tool" {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("can be started");
    }
    if is_old {
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(1_000_000);
        let file = fs::File::options().write(true).open(&path).expect("opens");
        file.set_modified(time).expect("sets the time");
    }
}

/// The build directory of cargo without a cache, which is used and removed whenever the other one is.
fn plain_target(world: &World) -> PathBuf {
    world.tree().join("plain")
}

fn with_variables(world: World, choices: &[usize]) -> World {
    let path = std::env::var("PATH").expect("there is a path");
    let path = format!("{}:{path}", world.tree().join("bin").display());
    VARIABLES
        .iter()
        .zip(choices)
        .fold(world.env("PATH", path), |world, ((name, values), choice)| world.env(name, values[*choice]))
}

fn program(target: &Path) -> PathBuf {
    target.join("debug/app")
}

fn play(seed: u64, n_steps: usize, seeds: bool) {
    let mut random = Random::new(seed);
    let mut world =
        workspace().env("KACHE_CACHE_BUILD_SCRIPTS", "1").env("KACHE_SEED", if seeds { "1" } else { "0" });
    let mut variables = [0; VARIABLES.len()];
    for (file, texts) in FILES {
        put(&world, file, texts[0], false);
    }
    let mut n_runs = 0;
    for n in 0..n_steps {
        match random.below(8) {
            0..=3 => {
                let (file, texts) = FILES[random.below(FILES.len())];
                put(&world, file, texts[random.below(texts.len())], random.below(4) == 0);
            }
            4 => {
                let place = random.below(VARIABLES.len());
                variables[place] = random.below(VARIABLES[place].1.len());
            }
            5 => {
                let _ = fs::remove_dir_all(plain_target(&world));
                world = world.relocate(&format!("tree-{n}"));
            }
            _ => {}
        }
        if random.below(2) == 0 {
            let _ = fs::remove_dir_all(world.target());
            let _ = fs::remove_dir_all(plain_target(&world));
        }
        world = with_variables(world, &variables);
        let step = world.build();
        step.succeeds();
        if seeds {
            // Where all was seeded, nothing was called that could be harvested.
            let _ = world.harvest();
        }
        let mut plain = world.command("cargo");
        plain.arg("build").env("RUSTC_WRAPPER", "").env("CARGO_TARGET_DIR", plain_target(&world));
        world.run(plain).succeeds();
        let (ours, theirs) =
            (world.run_file(&program(&world.target())), world.run_file(&program(&plain_target(&world))));
        assert_eq!(ours, theirs, "seed {seed}, step {n}\n{step}");
        n_runs += step.records().iter().filter(|record| record.unit.kind == "build-script-run").count();
    }
    assert!(n_runs > n_steps / 2, "{n_runs} runs were seen in {n_steps} steps");
}

#[test]
fn random_changes_behave_as_with_plain_cargo() {
    play(1, 12, false);
    play(2, 12, true);
}

#[test]
#[ignore = "stress: a thousand steps take half an hour"]
fn many_random_changes_behave_as_with_plain_cargo() {
    play(3, 500, false);
    play(4, 500, true);
}

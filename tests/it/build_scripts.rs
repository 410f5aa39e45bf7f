//! Runs of build scripts: served where nothing that decided has changed, run again where anything has, and never stored
//! where they did more than fill `OUT_DIR`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use kache::outcome::{Outcome, Unstored};

use crate::step::Step;
use crate::world::{World, package};

/// A project whose build script is `script` and whose program prints what it generated.
fn project(script: &str) -> World {
    let main =
        "include!(concat!(env!(\"OUT_DIR\"), \"/generated.rs\"));\nfn main() { println!(\"{TEXT}\"); }\n";
    let script = format!(
        "use std::{{env, fs, path::{{Path, PathBuf}}, process::Command}};\n\
         fn out() -> PathBuf {{ env::var_os(\"OUT_DIR\").unwrap().into() }}\n\
         fn generate(text: &str) {{\n\
             let code = format!(\"pub const TEXT: &str = {{text:?}};\");\n\
             fs::write(out().join(\"generated.rs\"), code).unwrap();\n\
         }}\n\
         #[allow(dead_code)] fn unused(_: &Path) {{ let _ = Command::new(\"a\"); }}\n\
         fn main() {{ {script} }}\n"
    );
    World::files(&[("Cargo.toml", &package("app", "")), ("build.rs", &script), ("src/main.rs", main)])
        .env("KACHE_CACHE_BUILD_SCRIPTS", "1")
}

/// How the run of the build script ended in a step; `None` where none was asked for.
fn run(step: &Step) -> Option<&Outcome> {
    step.succeeds();
    let mut runs = step.records().iter().filter(|record| record.unit.kind == "build-script-run");
    let run = runs.next().map(|record| &record.outcome);
    assert!(runs.next().is_none(), "{step}");
    run
}

#[track_caller]
fn is_served(step: &Step) {
    assert!(matches!(run(step), Some(Outcome::Hit { .. })), "{step}");
}

#[track_caller]
fn is_stored(step: &Step) {
    assert!(matches!(run(step), Some(Outcome::Miss { unstored: None, .. })), "{step}");
}

/// Why the run was not stored.
#[track_caller]
fn refused(step: &Step) -> String {
    match run(step) {
        Some(Outcome::Miss {
            unstored: Some(Unstored::InputsUnknown(why) | Unstored::UnexpectedOutput(why)),
            ..
        }) => why.clone(),
        _ => panic!("it was stored or served\n{step}"),
    }
}

/// A build from nothing.
fn rebuild(world: &World) -> Step {
    let _ = fs::remove_dir_all(world.target());
    world.build()
}

/// What the program prints.
fn printed(world: &World) -> String {
    world.run_bin("app").trim_end().to_owned()
}

#[test]
fn a_run_is_served_where_nothing_changed_and_in_another_checkout() {
    let world = project(
        "generate(\"made\"); println!(\"cargo::rustc-env=MADE={}\", out().display()); eprintln!(\"said\");\n\
         println!(\"cargo::warning=from {}\", env::var(\"CARGO_MANIFEST_DIR\").unwrap());",
    );
    is_stored(&world.build());
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "made");
    world.noop();
    let world = world.relocate("other");
    let step = world.build();
    is_served(&step);
    let warning = format!("from {}", world.tree().display());
    assert!(step.stderr().contains(&warning), "{step}");
    assert_eq!(printed(&world), "made");
    world.noop();
}

/// The first file or directory of this name in a directory of a build script or its run.
fn in_build_dirs(world: &World, name: &str) -> PathBuf {
    let build = fs::read_dir(world.target().join("debug/build")).expect("is there");
    let mut places = build.map(|dir| dir.expect("is there").path().join(name));
    places.find(|place| place.symlink_metadata().is_ok()).expect("a build script has run")
}

/// Every path below the only `OUT_DIR` with what it is.
fn out_dir(world: &World) -> Vec<String> {
    let out = in_build_dirs(world, "out");
    let mut found = Vec::new();
    let mut waiting = vec![out.clone()];
    while let Some(dir) = waiting.pop() {
        for item in fs::read_dir(dir).expect("is there") {
            let path = item.expect("is there").path();
            let metadata = fs::symlink_metadata(&path).expect("is there");
            let name = path.strip_prefix(&out).expect("is below").display().to_string();
            found.push(if metadata.is_symlink() {
                format!("{name} -> {}", fs::read_link(&path).expect("is a link").display())
            } else if metadata.is_dir() {
                waiting.push(path);
                format!("{name}/")
            } else {
                let text = fs::read_to_string(&path).expect("is text");
                format!("{name} {:o} {text}", metadata.permissions().mode() & 0o777)
            });
        }
    }
    found.sort();
    found
}

#[test]
fn everything_that_a_run_left_comes_back_as_it_was() {
    let world = project(
        "generate(\"x\"); let out = out();\n\
         fs::create_dir_all(out.join(\"a/empty\")).unwrap();\n\
         fs::write(out.join(\"a/tool\"), \"#!/bin/sh\").unwrap();\n\
         let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);\n\
         fs::set_permissions(out.join(\"a/tool\"), mode(0o755)).unwrap();\n\
         fs::write(out.join(\"a/fixed\"), \"1\").unwrap();\n\
         fs::set_permissions(out.join(\"a/fixed\"), mode(0o444)).unwrap();\n\
         fs::write(out.join(\"a/nothing\"), \"\").unwrap();\n\
         std::os::unix::fs::symlink(\"a/tool\", out.join(\"latest\")).unwrap();",
    );
    is_stored(&world.build());
    let before = out_dir(&world);
    assert_eq!(before.len(), 7, "{before:?}");
    is_served(&rebuild(&world));
    assert_eq!(out_dir(&world), before);
}

#[test]
fn a_file_that_the_script_reads_decides_whatever_it_declares() {
    let world = project(
        "println!(\"cargo::rerun-if-changed=build.rs\"); generate(&fs::read_to_string(\"data.txt\").unwrap());",
    );
    world.write("data.txt", "one");
    is_stored(&world.build());
    world.write("data.txt", "two");
    is_stored(&rebuild(&world));
    assert_eq!(printed(&world), "two");
    world.write("data.txt", "one");
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "one");
}

#[test]
fn another_script_is_another_run() {
    let world = project("generate(\"one\");");
    is_stored(&world.build());
    world.edit("build.rs", "one", "two");
    is_stored(&rebuild(&world));
    assert_eq!(printed(&world), "two");
    world.edit("build.rs", "two", "one");
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "one");
}

#[test]
fn names_in_a_directory_and_files_that_are_not_there_decide() {
    let world = project(
        "let n = fs::read_dir(\"data\").unwrap().count(); let has = Path::new(\"option\").exists();\n\
         generate(&format!(\"{n} {has}\"));",
    );
    world.write("data/a", "");
    is_stored(&world.build());
    world.write("data/b", "");
    is_stored(&rebuild(&world));
    world.write("option", "");
    is_stored(&rebuild(&world));
    assert_eq!(printed(&world), "2 true");
    world.remove("option");
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "2 false");
}

#[test]
fn what_a_program_that_the_script_starts_reads_decides() {
    let world = project(
        "let text = Command::new(\"sh\").args([\"-c\", \"cat deep/file; tool\"]).output().unwrap().stdout;\n\
         generate(&String::from_utf8(text).unwrap());",
    );
    let bin = world.root().join("bin");
    let tool = |text: &str| {
        fs::create_dir_all(&bin).expect("makes a directory");
        fs::write(bin.join("tool"), format!("#!/bin/sh\necho {text}\n")).expect("writes");
        fs::set_permissions(bin.join("tool"), fs::Permissions::from_mode(0o755)).expect("is ours");
    };
    let path = std::env::var("PATH").expect("is set");
    let world = world.env("PATH", format!("{}:{path}", bin.display()));
    tool("first");
    world.write("deep/file", "a");
    is_stored(&world.build());
    world.write("deep/file", "b");
    is_stored(&rebuild(&world));
    assert_eq!(printed(&world), "bfirst");
    tool("second");
    is_stored(&rebuild(&world));
    assert_eq!(printed(&world), "bsecond");
    tool("first");
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "bfirst");
}

#[test]
fn a_c_library_is_built_again_when_a_header_or_a_flag_changed() {
    let mut world = project(
        "let object = out().join(\"c.o\"); let mut cc = Command::new(\"cc\");\n\
         cc.args([\"-c\", \"c/c.c\", \"-o\"]).arg(&object);\n\
         if let Some(flags) = env::var_os(\"CFLAGS\") { cc.arg(flags); }\n\
         assert!(cc.status().unwrap().success());\n\
         let mut ar = Command::new(\"ar\"); ar.args([\"crD\"]).arg(out().join(\"libc_part.a\")).arg(&object);\n\
         assert!(ar.status().unwrap().success());\n\
         generate(&fs::read(object).unwrap().len().to_string());",
    );
    world.write("c/c.c", "#include \"c.h\"\nint value(void) { return VALUE; }\n");
    world.write("c/c.h", "#define VALUE 1\n");
    is_stored(&world.build());
    world.write("c/c.h", "#define VALUE 2\n");
    is_stored(&rebuild(&world));
    world.set("CFLAGS", "-g");
    is_stored(&rebuild(&world));
    world.unset("CFLAGS");
    is_served(&rebuild(&world));
}

#[test]
fn variables_decide_but_for_those_of_the_session_that_nobody_asks_for() {
    let mut world = project("generate(&env::var(\"FLAVOR\").unwrap_or_default());");
    is_stored(&world.build());
    world.set("FLAVOR", "sweet");
    is_stored(&rebuild(&world));
    assert_eq!(printed(&world), "sweet");
    world.set("SSH_TTY", "/dev/pts/7");
    world.set("CARGO_BUILD_JOBS", "1");
    world.unset("CARGO_BUILD_JOBS");
    is_served(&rebuild(&world));

    for name in ["SSH_TTY", "PWD", "TMPDIR", "TERM"] {
        let mut asking = project(&format!("generate(&env::var(\"{name}\").unwrap_or_default());"));
        is_stored(&asking.build());
        let value = asking.root().join("trees").display().to_string();
        asking.set(name, &value);
        is_stored(&rebuild(&asking));
        assert_eq!(printed(&asking), value);
    }
}

/// Two runs with another value of `name` in between: whether the second one is served.
fn is_served_with_another(name: &str, mut world: World) -> bool {
    is_stored(&world.build());
    world.set(name, "another value");
    let again = rebuild(&world);
    let is_served = matches!(run(&again), Some(Outcome::Hit { .. }));
    let ours = printed(&world);
    world.clean();
    let mut cargo = world.command("cargo");
    cargo.args(["build"]).env("RUSTC_WRAPPER", "");
    world.run(cargo).succeeds();
    assert_eq!(printed(&world), ours, "{again}");
    is_served
}

#[test]
fn variables_of_terminals_editors_and_services_that_nothing_names_do_not_decide() {
    for name in ["TERM_SESSION_ID", "VSCODE_PID", "GITHUB_RUN_NUMBER", "AWS_SECURITY_TOKEN"] {
        assert!(is_served_with_another(name, project("generate(\"x\");")), "{name}");
    }
    let path = std::env::var("PATH").expect("is set");
    let mut world = project("generate(\"x\");").env("PATH", &path);
    is_stored(&world.build());
    world.set("PATH", format!("{}:{path}", world.root().join("bin").display()));
    is_served(&rebuild(&world));
}

#[test]
fn variables_that_nothing_names_do_not_decide_for_a_script_that_starts_compilers() {
    let library = "let object = out().join(\"c.o\");\n\
         assert!(Command::new(\"cc\").args([\"-c\", \"c.c\", \"-o\"]).arg(&object).status().unwrap().success());\n\
         let mut ar = Command::new(\"ar\"); ar.args([\"crD\"]).arg(out().join(\"libc_part.a\")).arg(&object);\n\
         assert!(ar.status().unwrap().success()); generate(\"x\");";
    let compiler = "let rustc = env::var_os(\"RUSTC\").unwrap();\n\
         let version = Command::new(rustc).arg(\"--version\").output().unwrap().stdout;\n\
         generate(&String::from_utf8(version).unwrap());";
    for script in [library, compiler] {
        let project = || {
            let world = project(script);
            world.write("c.c", "#include <stdio.h>\nint value(void) { return BUFSIZ; }\n");
            world
        };
        assert!(is_served_with_another("TERM_SESSION_ID", project()), "{script}");
        for name in ["C_INCLUDE_PATH", "CFLAGS", "LANG", "LD_BIND_NOW"] {
            assert!(!is_served_with_another(name, project()), "{name} {script}");
        }
    }
}

#[test]
fn variables_decide_whose_names_a_script_puts_together_or_reads() {
    for script in [
        "generate(&env::var(format!(\"{}_LIB_DIR\", \"mine\".to_uppercase())).unwrap_or_default());",
        "generate(&env::var(format!(\"MINE_{}\", \"lib-dir\".replace('-', \"_\").to_uppercase())).unwrap_or_default());",
        "generate(&env::var(\"mine_lib_dir\".to_uppercase()).unwrap_or_default());",
        "generate(&env::var(\"mine-lib-dir\".replace('-', \"_\").to_uppercase()).unwrap_or_default());",
        "generate(&env::var(format!(\"{}_lib_dir\", \"mine\").to_uppercase()).unwrap_or_default());",
        "generate(&env::var(fs::read_to_string(\"name.txt\").unwrap().trim()).unwrap_or_default());",
    ] {
        let world = project(script);
        world.write("name.txt", "MINE_LIB_DIR\n");
        assert!(!is_served_with_another("MINE_LIB_DIR", world), "{script}");
    }
    let script = "generate(&env::var(format!(\"{}_ROOT\", \"mine\".to_uppercase())).unwrap_or_default());";
    assert!(!is_served_with_another("MINE_ROOT", project(script)));
}

#[test]
fn the_search_path_decides_for_a_script_that_writes_it_down() {
    for start in ["", "assert!(Command::new(\"cc\").arg(\"--version\").output().unwrap().status.success());"]
    {
        let path = std::env::var("PATH").expect("is set");
        let mut world =
            project(&format!("{start} generate(&env::var(\"PATH\").unwrap());")).env("PATH", &path);
        is_stored(&world.build());
        let path = format!("{path}:{}", world.root().join("bin").display());
        world.set("PATH", &path);
        is_stored(&rebuild(&world));
        assert!(printed(&world).ends_with(&path), "{start}");
    }
}

#[test]
fn every_variable_decides_for_a_script_that_goes_through_all() {
    for script in [
        "generate(&env::vars().filter(|(name, _)| name.len() == 4).map(|it| it.1).collect::<String>());",
        "generate(&format!(\"{:?}\", env::vars_os().filter(|it| it.0.len() == 4).collect::<Vec<_>>()));",
        "Command::new(\"cc\").arg(\"--version\").output().unwrap();\n\
         let mut text = String::new(); for (name, value) in env::vars_os() {\n\
         if name.len() == 4 { text += value.to_str().unwrap(); } } generate(&text);",
    ] {
        assert!(!is_served_with_another("QXJZ", project(script)), "{script}");
    }
}

#[test]
fn every_variable_decides_for_a_script_that_starts_other_programs() {
    let shell = "let mut sh = Command::new(\"sh\"); sh.args([\"-c\", \"eval echo '$'Q''XJZ\"]);\n\
         generate(&String::from_utf8(sh.output().unwrap().stdout).unwrap());";
    let own = "let tool = out().join(\"tool\");\n\
         assert!(Command::new(\"cc\").args([\"tool.c\", \"-o\"]).arg(&tool).status().unwrap().success());\n\
         generate(&String::from_utf8(Command::new(&tool).output().unwrap().stdout).unwrap());\n\
         fs::remove_file(tool).unwrap();";
    // It brings its settings from where a variable says.
    let formatter = "let rustfmt = Path::new(&env::var_os(\"RUSTC\").unwrap()).with_file_name(\"rustfmt\");\n\
         let _ = Command::new(rustfmt).arg(\"--version\").output(); generate(\"x\");";
    for script in [shell, own, formatter] {
        let world = project(script);
        world.write(
            "tool.c",
            "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {\n\
             char name[] = {81, 88, 74, 90, 0}; char *value = getenv(name);\n\
             puts(value ? value : \"none\"); return 0; }\n",
        );
        assert!(!is_served_with_another("QXJZ", world), "{script}");
    }
}

#[test]
fn a_file_beside_the_store_is_an_input() {
    let mut world = project("generate(&fs::read_to_string(\"data.txt\").unwrap());");
    world.write("data.txt", "one");
    world.set("KACHE_CACHE_DIR", world.root());
    let built = |world: &World| {
        let _ = fs::remove_dir_all(world.target());
        let mut cargo = world.command("cargo");
        cargo.arg("build");
        world.run(cargo).succeeds();
        printed(world)
    };
    assert_eq!(built(&world), "one");
    world.write("data.txt", "two");
    assert_eq!(built(&world), "two");
    assert!(!fs::read_dir(world.root().join("records")).expect("is used").collect::<Vec<_>>().is_empty());
}

#[test]
fn a_commit_decides_for_a_script_that_asks_git() {
    let world = project(
        "let head = Command::new(\"git\").args([\"rev-parse\", \"HEAD\"]).output().unwrap().stdout;\n\
         generate(String::from_utf8(head).unwrap().trim());",
    );
    let git = |args: &[&str]| {
        let mut git = world.command("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@localhost"]).args(args);
        world.run(git).succeeds();
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "one"]);
    is_stored(&world.build());
    let first = printed(&world);
    is_served(&rebuild(&world));
    git(&["commit", "-q", "--allow-empty", "-m", "two"]);
    is_stored(&rebuild(&world));
    assert_ne!(printed(&world), first);
}

#[test]
fn a_script_that_asks_the_compiler_is_served() {
    let world = project(
        "let rustc = env::var_os(\"RUSTC\").unwrap(); let ask = |rustc: &mut Command| {\n\
             let probe = out().join(\"probe.rs\"); fs::write(&probe, \"pub fn a() {}\").unwrap();\n\
             rustc.args([\"--crate-type\", \"lib\", \"--crate-name\", \"probe\", \"--emit\", \"metadata\", \"--out-dir\"]);\n\
             rustc.arg(out()).arg(&probe).status().unwrap().success() };\n\
         let plain = ask(&mut Command::new(&rustc));\n\
         let wrapper = env::var_os(\"RUSTC_WRAPPER\").filter(|it| !it.is_empty());\n\
         let wrapped = wrapper.map(|it| ask(Command::new(it).arg(&rustc)));\n\
         generate(&format!(\"{plain} {wrapped:?}\"));",
    );
    let config = world.root().join("home/.config/kache/config.toml");
    fs::create_dir_all(world.root().join("home/.config")).expect("makes a directory");
    is_stored(&world.build());
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "true Some(true)");
    // What kache reads when it is called so decides nothing.
    fs::create_dir_all(config.parent().expect("is below")).expect("makes a directory");
    for wait in ["5s", "7s"] {
        fs::write(&config, format!("[cache]\nwait = \"{wait}\"\n")).expect("writes");
        is_served(&rebuild(&world));
    }
    for links in ["off", "auto"] {
        world.write(".kache.toml", format!("[cache]\nlinks = \"{links}\"\n"));
        is_served(&rebuild(&world));
    }
}

#[test]
fn a_script_that_reads_the_configuration_of_kache_itself_runs_again_when_that_changes() {
    let world = project(
        "let home = env::var(\"HOME\").unwrap();\n\
         generate(&fs::read_to_string(format!(\"{home}/.config/kache/config.toml\")).unwrap_or_default());",
    );
    is_stored(&world.build());
    let config = world.root().join("home/.config/kache/config.toml");
    fs::create_dir_all(config.parent().expect("is below")).expect("makes a directory");
    for wait in ["5s", "7s"] {
        fs::write(&config, format!("[cache]\nwait = \"{wait}\"\n")).expect("writes");
        is_stored(&rebuild(&world));
        assert!(printed(&world).contains(wait));
        is_served(&rebuild(&world));
    }
}

#[test]
fn a_run_that_writes_anywhere_else_runs_each_time() {
    let world = project("fs::write(\"left.txt\", \"here\").unwrap(); generate(\"x\");");
    for _ in 0..2 {
        assert!(refused(&rebuild(&world)).contains("left.txt"));
        assert!(world.tree().join("left.txt").exists());
        fs::remove_file(world.tree().join("left.txt")).expect("is there");
    }
}

#[test]
fn a_run_that_only_leaves_a_probe_of_the_compiler_in_a_temporary_directory_is_served() {
    let script = |emit: &str| {
        format!(
            "let left = env::temp_dir().join(\"left\");\n\
             let mut rustc = Command::new(env::var_os(\"RUSTC\").unwrap());\n\
             rustc.args([\"--crate-type\", \"lib\", \"--emit\", \"{emit}\", \"-o\"]).arg(left).arg(\"src/probe.rs\");\n\
             generate(&rustc.status().unwrap().success().to_string());"
        )
    };
    let machine = |emit: &str| {
        let mut world = project(&script(emit));
        let temporary = world.root().join("temporary");
        fs::create_dir_all(&temporary).expect("makes a directory");
        world.set("TMPDIR", &temporary);
        world.write("src/probe.rs", "pub fn a() {}\n");
        world
    };
    let world = machine("metadata");
    is_stored(&world.build());
    is_served(&rebuild(&world));
    fs::remove_file(world.root().join("temporary/left")).expect("is there");
    is_served(&rebuild(&world));
    assert_eq!(printed(&world), "true");
    let world = machine("dep-info");
    assert!(refused(&world.build()).contains("temporary/left"));
    // What another build has left there is replaced, and counts only where it is read.
    let world = machine("metadata");
    let leave = |text: &str| fs::write(world.root().join("temporary/left"), text).expect("writes");
    leave("an earlier build");
    is_stored(&world.build());
    leave("another one");
    is_served(&rebuild(&world));
    world.edit("build.rs", "let mut rustc", "let _ = fs::read(&left);\nlet mut rustc");
    assert!(refused(&rebuild(&world)).contains("temporary/left"));
}

#[test]
fn a_run_that_writes_down_the_time_runs_each_time() {
    let world = project(
        "let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();\n\
         generate(&now.as_secs().to_string());",
    );
    for _ in 0..2 {
        assert!(refused(&rebuild(&world)).contains("time of the run"));
    }
    let world = project(
        "println!(\"cargo::rustc-env=BUILT=`{:?}`\", std::time::SystemTime::now()); generate(\"x\");",
    );
    assert!(refused(&rebuild(&world)).contains("time of the run"));
}

#[test]
fn a_run_that_asks_a_server_runs_each_time() {
    let world = project(
        "let asked = std::net::TcpStream::connect(\"127.0.0.1:9\").is_ok(); generate(&asked.to_string());",
    );
    for _ in 0..2 {
        assert!(!refused(&rebuild(&world)).is_empty());
    }
}

#[test]
fn generated_code_that_holds_its_own_path_stays_where_it_was_made() {
    let world = project("generate(&out().display().to_string());");
    is_stored(&world.build());
    is_served(&rebuild(&world));
    let first = printed(&world);
    let world = world.relocate("other");
    is_stored(&world.build());
    assert_ne!(printed(&world), first);
    assert!(printed(&world).starts_with(world.tree().to_str().expect("is text")));
}

#[test]
fn a_script_that_finds_its_earlier_output_runs_as_without_a_cache() {
    let world = project(
        "println!(\"cargo::rerun-if-changed=data.txt\"); let old = out().join(\"generated.rs\").exists();\n\
         generate(&format!(\"{} {old}\", fs::read_to_string(\"data.txt\").unwrap()));",
    );
    world.write("data.txt", "one");
    is_stored(&world.build());
    assert_eq!(printed(&world), "one false");
    world.write("data.txt", "two");
    let step = world.build();
    assert!(run(&step).is_none(), "{step}");
    assert_eq!(printed(&world), "two true");
}

#[test]
fn a_script_that_fails_fails_as_without_a_cache() {
    let world = project("eprintln!(\"what is wrong\"); std::process::exit(7);");
    for _ in 0..2 {
        let step = rebuild(&world);
        step.fails_with("what is wrong");
        assert!(step.stderr().contains("exit status: 7"), "{step}");
    }
}

#[test]
fn a_script_runs_without_kache_once_that_is_gone() {
    let world = project(
        "println!(\"cargo::rerun-if-changed=data.txt\"); generate(&fs::read_to_string(\"data.txt\").unwrap());",
    );
    world.write("data.txt", "one");
    is_stored(&world.build());
    let link = in_build_dirs(&world, "kache");
    fs::remove_file(&link).expect("is there");
    std::os::unix::fs::symlink("/nowhere/kache", &link).expect("is made");
    world.write("data.txt", "two");
    let mut cargo = world.command("cargo");
    cargo.args(["build"]).env("RUSTC_WRAPPER", "");
    world.run(cargo).succeeds();
    assert_eq!(printed(&world), "two");
}

#[test]
fn a_script_sees_its_own_name_and_variables_as_without_a_cache() {
    let script = "let mut vars: Vec<String> = env::vars().map(|(name, value)| format!(\"{name}={value}\")).collect();\n\
         vars.retain(|it| !it.starts_with(\"CARGO_MAKEFLAGS\") && !it.starts_with(\"KACHE\") && !it.contains(\"RUSTC_WRAPPER\"));\n\
         vars.sort(); let args: Vec<String> = env::args().collect();\n\
         generate(&format!(\"{vars:?} {args:?} {:?}\", env::current_dir()));";
    let world = project(script);
    is_stored(&world.build());
    let ours = printed(&world);
    world.clean();
    let mut cargo = world.command("cargo");
    cargo.args(["build"]).env("RUSTC_WRAPPER", "");
    world.run(cargo).succeeds();
    assert_eq!(printed(&world), ours);
}

#[test]
fn packages_and_the_user_can_have_their_scripts_run_each_time() {
    let mut world = project("generate(\"x\");");
    world.write(".kache.toml", "[cache]\nbypass_build_scripts = [\"app\"]\n");
    for _ in 0..2 {
        assert!(run(&rebuild(&world)).is_none());
    }
    world.remove(".kache.toml");
    world.set("KACHE_CACHE_BUILD_SCRIPTS", "0");
    assert!(run(&rebuild(&world)).is_none());
    world.set("KACHE_CACHE_BUILD_SCRIPTS", "1");
    is_stored(&rebuild(&world));
    world.set("KACHE_DISABLED", "1");
    assert!(run(&rebuild(&world)).is_none());
}

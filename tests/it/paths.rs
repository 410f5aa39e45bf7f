//! Paths in outputs and in what is printed: real where somebody asks for them, mapped elsewhere.

use std::fs;
use std::path::Path;

use crate::step::Step;
use crate::world::{World, package};

/// Builds with plain cargo, in place of what kache built, and removes that.
fn plain(world: &World, args: &[&str]) -> Step {
    if world.target().exists() {
        world.clean();
    }
    let mut command = world.command("cargo");
    command.args(args).env_remove("RUSTC_WRAPPER");
    world.run(command)
}

/// What `app` prints, which must be what it prints when plain cargo has built it here. Nothing that was built is left.
fn prints_as_with_plain_cargo(world: &World) -> String {
    let printed = world.run_bin("app");
    plain(world, &["build"]).succeeds();
    assert_eq!(printed, world.run_bin("app"));
    world.clean();
    printed
}

/// A build script that writes `code` to `g.rs`, and a text beside it.
fn generating(code: &str) -> String {
    format!(
        "fn main() {{\n    let dir = std::env::var(\"OUT_DIR\").unwrap();\n    \
         std::fs::write(format!(\"{{dir}}/g.rs\"), {code:?}).unwrap();\n    \
         std::fs::write(format!(\"{{dir}}/g.rs.txt\"), \"beside\").unwrap();\n    \
         println!(\"cargo::rerun-if-changed=build.rs\");\n}}\n"
    )
}

const INCLUDED: &str = "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n";

/// The package `app`, whose build script generates `code`, and that depends on `words`.
fn generated(code: &str, main: &str, words: &str) -> World {
    World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nwords = { path = \"words\" }\n[workspace]\n")),
        ("build.rs", &generating(code)),
        ("src/main.rs", &format!("{INCLUDED}{main}")),
        ("words/Cargo.toml", &package("words", "")),
        ("words/src/lib.rs", words),
    ])
}

/// The app is served where it was built, and not in another checkout; in both it prints what plain cargo's prints.
/// What else there is serves both.
fn keeps_its_real_paths(world: World) -> String {
    world.build().all_missed();
    let printed = prints_as_with_plain_cargo(&world);
    world.build().all_hit();
    prints_as_with_plain_cargo(&world);
    let other = world.checkout("other");
    other.build().only_missed(&["app bin"]);
    assert_ne!(printed, prints_as_with_plain_cargo(&other));
    other.build().all_hit();
    other.noop();
    printed
}

#[test]
fn generated_code_that_asks_for_its_path_gets_the_real_one() {
    let code = "pub fn g() -> &'static str { file!() }\n\
                #[track_caller] fn at() -> &'static str { std::panic::Location::caller().file() }\n\
                pub fn c() -> &'static str { at() }";
    let world =
        generated(code, "fn main() { println!(\"{} {} {}\", g(), c(), words::W); }", "pub const W: u8 = 1;");
    let target = world.target().display().to_string();
    let printed = keeps_its_real_paths(world);
    assert!(printed.starts_with(&target), "{printed}");
}

/// Nothing of the path itself is in the program.
#[test]
fn what_generated_code_makes_of_its_path_is_bound_to_it() {
    let world = generated("pub const N: usize = file!().len();", "fn main() { println!(\"{N}\"); }", "");
    let manifest = "[dependencies]\nwords = { path = \"words\" }\n[workspace]\n[profile.dev]\ndebug = 0\n";
    world.write("Cargo.toml", package("app", manifest));
    world.build().all_missed();
    let printed = prints_as_with_plain_cargo(&world);
    let other = world.relocate("elsewhere");
    other.build().only_missed(&["app bin"]);
    assert_ne!(prints_as_with_plain_cargo(&other), printed);
}

/// Its own sources have relative names.
#[test]
fn code_of_a_member_that_asks_for_its_path_is_shared_each_time() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/main.rs", "fn main() {\n    println!(\"{} 1\", file!());\n}\n"),
    ]);
    world.build().all_missed();
    world.edit("src/main.rs", "1", "2");
    world.build().all_missed();
    let other = world.relocate("other");
    other.build().all_hit();
    assert_eq!(other.run_bin("app"), "src/main.rs 2\n");
}

#[test]
fn generated_code_may_include_what_lies_beside_it() {
    let code = "pub const G: &str = include_str!(concat!(file!(), \".txt\"));";
    let world =
        generated(code, "fn main() { println!(\"{G} {} {}\", file!(), words::W); }", "pub const W: u8 = 1;");
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "beside src/main.rs 1\n");
    world.rebuild().all_hit();
    world.noop();
}

#[test]
fn generated_code_asks_by_a_macro_of_its_own_crate() {
    let code = "pub const G: &str = here!();";
    let main = "fn main() { println!(\"{G} {}\", words::W); }";
    let world = generated(code, main, "pub const W: u8 = 1;");
    world.write("src/main.rs", format!("macro_rules! here {{ () => {{ file!() }} }}\n{INCLUDED}{main}"));
    keeps_its_real_paths(world);
}

#[test]
fn generated_code_asks_by_a_macro_of_a_dependency() {
    let words = "#[macro_export] macro_rules! here { () => { $crate::inner!() } }\n\
                 #[macro_export] macro_rules! inner { () => { file!() } }\n";
    let code =
        "const _: () = assert!(words::here!().as_bytes()[0] == b'/');\npub const G: &str = words::here!();";
    keeps_its_real_paths(generated(code, "fn main() { println!(\"{G}\"); }", words));
}

#[test]
fn generated_code_asks_by_a_macro_that_it_hands_the_name() {
    let words = "#[macro_export] macro_rules! with { ($m:ident) => { $m!() } }\n";
    let code = "pub const G: &str = words::with!(file);";
    keeps_its_real_paths(generated(code, "fn main() { println!(\"{G}\"); }", words));
}

#[test]
fn generated_code_asks_by_a_procedural_macro() {
    for body in
        ["\"file!()\".parse().unwrap()", "format!(\"{:?}\", Span::call_site().file()).parse().unwrap()"]
    {
        let words = format!(
            "use proc_macro::{{Span, TokenStream}};\n\
             #[proc_macro] pub fn here(_: TokenStream) -> TokenStream {{ let _ = Span::call_site(); {body} }}\n"
        );
        let code = "pub const G: &str = words::here!();";
        let world = generated(code, "fn main() { println!(\"{G}\"); }", &words);
        world.write("words/Cargo.toml", package("words", "[lib]\nproc-macro = true\n"));
        keeps_its_real_paths(world);
    }
}

/// The location of a caller in generated code is mapped, unless that keeps it from being compiled.
#[test]
fn a_compile_that_fails_because_of_mapped_paths_is_done_with_real_ones() {
    let words =
        "#[track_caller] pub const fn here() -> &'static str { core::panic::Location::caller().file() }";
    let code =
        "const _: () = assert!(words::here().as_bytes()[0] == b'/');\npub const G: &str = words::here();";
    keeps_its_real_paths(generated(code, "fn main() { println!(\"{G}\"); }", words));
}

#[test]
fn errors_beside_generated_code_are_shown_once_and_with_real_paths() {
    let world = generated(
        "pub fn g() -> u8 { let unused = 1; 2 }",
        "fn main() { println!(\"{} {}\", g(), nothing); }",
        "",
    );
    let ours = world.build();
    let ours = ours.fails_with("E0425").stderr();
    let theirs = plain(&world, &["build"]);
    assert_eq!(without_times(ours), without_times(theirs.fails_with("E0425").stderr()));
}

#[test]
fn code_that_is_named_by_an_absolute_path_gets_that_path() {
    let main = "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/src/included.rs\"));\n\
                fn main() { println!(\"{}\", f()); }";
    let world = World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nwords = { path = \"words\" }\n[workspace]\n")),
        ("src/main.rs", main),
        ("src/included.rs", "pub fn f() -> &'static str { file!() }"),
        ("words/Cargo.toml", &package("words", "")),
        ("words/src/lib.rs", ""),
    ]);
    let expected = format!("{}/src/included.rs\n", world.tree().display());
    assert_eq!(keeps_its_real_paths(world), expected);
}

#[test]
fn a_module_with_an_absolute_path_gets_that_path() {
    let world = generated("", "", "");
    let module = world.tree().join("shared/s.rs");
    world.write("shared/s.rs", "pub fn s() -> &'static str { file!() }");
    world.write("build.rs", "fn main() {}");
    world.write(
        "src/main.rs",
        format!("#[path = {module:?}]\nmod s;\nfn main() {{ println!(\"{{}}\", s::s()); }}"),
    );
    world.build().all_missed();
    assert_eq!(prints_as_with_plain_cargo(&world), format!("{}\n", module.display()));
    world.build().all_hit();
    assert_eq!(prints_as_with_plain_cargo(&world), format!("{}\n", module.display()));
}

/// Nobody asks for the path in code that may panic, has documentation that mentions `file!`, and derives.
#[test]
fn generated_code_that_does_not_ask_is_shared() {
    let words = "#[macro_export] macro_rules! twice { ($e:expr) => { $e + $e } }\n\
                 #[macro_export] macro_rules! here { () => { file!() } }\n";
    let code = "/// See file!() and here!().\n#[derive(Clone, Debug)]\npub struct G(pub u8);\n\
                pub fn g(n: u8) -> G { assert!(n < 9, \"file!()\"); G(words::twice!(n)) }";
    let world = generated(code, "fn main() { println!(\"{:?} {}\", g(2), words::here!()); }", words);
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "G(4) src/main.rs\n");
    let other = world.relocate("other");
    other.build().all_hit();
    assert_eq!(other.run_bin("app"), "G(4) src/main.rs\n");
    other.noop();
}

/// The library includes nothing of what the build script has generated for the program.
#[test]
fn a_library_beside_a_program_that_asks_is_shared() {
    let world = generated("pub fn g() -> &'static str { file!() }", "fn main() { app::f(); g(); }", "");
    world.write("src/lib.rs", "pub fn f() { println!(\"f\") }");
    world.build().all_missed();
    let other = world.relocate("other");
    other.build().only_missed(&["app bin"]);
}

#[test]
fn code_that_no_longer_asks_is_shared_again() {
    let world =
        generated("pub fn g() -> &'static str { file!() }", "fn main() { println!(\"{}\", g()); }", "");
    world.build().all_missed();
    let asking = prints_as_with_plain_cargo(&world);
    world.write("build.rs", generating("pub fn g() -> &'static str { \"no path\" }"));
    world.build().only_missed(&["app bin", "app build-script"]);
    assert_eq!(prints_as_with_plain_cargo(&world), "no path\n");
    let other = world.checkout("other");
    other.build().all_hit();
    world.write("build.rs", generating("pub fn g() -> &'static str { file!() }"));
    world.build().all_hit();
    assert_eq!(world.run_bin("app"), asking);
}

fn without_times(printed: &str) -> Vec<String> {
    let is_timed = |line: &&str| !line.contains("Finished");
    let mut lines: Vec<String> = printed.lines().filter(is_timed).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What cargo shows, in every form, is what plain cargo shows: when it is compiled, when it is served, and elsewhere.
#[test]
fn every_message_format_names_real_files() {
    let code = "pub fn g() -> u8 { let unused = 1; 2 }\n#[deprecated] pub fn old() {}\npub fn h() { old() }";
    let world = generated(
        code,
        "fn main() { let unused = 1; println!(\"{}\", g()); h() }",
        "pub fn w() { let unused = 1; }",
    )
    // Of what was seeded cargo says that it is fresh.
    .env("KACHE_SEED", "0");
    let formats = [
        ("human", "never"),
        ("human", "always"),
        ("short", "never"),
        ("short", "always"),
        ("json", "never"),
        ("json-diagnostic-short", "never"),
        ("json-diagnostic-rendered-ansi", "never"),
        ("json-diagnostic-short,json-diagnostic-rendered-ansi", "never"),
        ("json-render-diagnostics", "never"),
    ];
    let shown = |step: &Step| {
        step.succeeds();
        (without_times(step.stdout()), without_times(step.stderr()))
    };
    let other = world.checkout("other");
    for (format, color) in formats {
        let args = ["check", "--message-format", format, "--color", color];
        for (world, times) in [(&world, 2), (&other, 1)] {
            let theirs = shown(&plain(world, &args));
            for _ in 0..times {
                world.clean();
                assert_eq!(shown(&world.cargo(args)), theirs, "{format}, color {color}");
            }
        }
    }
}

/// A moved cargo home: everything of a registry is served if its own paths are mapped.
#[test]
fn a_cargo_home_elsewhere_is_served_with_portable_paths() {
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nwords = \"0.1\"\n[workspace]\n")),
        ("src/main.rs", "fn main() { words::w!(); println!(\"{}\", words::f(None)); }"),
    ])
    .env("KACHE_PATHS", "portable");
    let build_script = generating("pub fn g(n: Option<u8>) -> u8 { n.unwrap_or(2) }");
    let home = |world: &mut World, name: &str| {
        let home = world.root().join(name);
        let write = |file: &str, content: &str| {
            let path = home.join(file);
            fs::create_dir_all(path.parent().expect("it has one")).expect("creates the directory");
            fs::write(path, content).expect("writes the file");
        };
        let source = format!(
            "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = {:?}\n",
            home.join("registry/src")
        );
        write("config.toml", &source);
        let words = "[dependencies]\nmacros = \"0.1\"\n";
        write("registry/src/words/Cargo.toml", &package("words", words));
        write("registry/src/words/build.rs", &build_script);
        write(
            "registry/src/words/src/lib.rs",
            &format!(
                "pub use macros::w;\n{INCLUDED}pub fn f(n: Option<u8>) -> u8 {{ g(n) + n.map_or(1, |n| n / n) }}"
            ),
        );
        write("registry/src/macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n"));
        write(
            "registry/src/macros/src/lib.rs",
            "#[proc_macro] pub fn w(_: proc_macro::TokenStream) -> proc_macro::TokenStream { \"{}\".parse().unwrap() }",
        );
        for package in ["words", "macros"] {
            write(&format!("registry/src/{package}/.cargo-checksum.json"), "{\"files\":{},\"package\":null}");
        }
        world.set("CARGO_HOME", &home);
    };
    for args in [["build", "--release"], ["build", "--profile=dev"]] {
        home(&mut world, "home-1");
        world.cargo(args).all_missed();
        world.clean();
        fs::rename(world.root().join("home-1"), world.root().join("home-2")).expect("moves the home");
        home(&mut world, "home-2");
        world.cargo(args).all_hit();
        world.noop_of(args);
        world.clean();
        fs::remove_dir_all(world.root().join("home-2")).expect("removes the home");
    }
}

/// A checkout whose configuration of cargo names a place in it, with a package of a registry beside it.
fn configured(configuration: impl Fn(&Path) -> String) -> (World, World) {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nwords = \"0.1\"\n[workspace]\n")),
        ("src/main.rs", "fn main() { println!(\"{}\", words::f()); }"),
        ("tools/my-cc", "#!/bin/sh\nexec cc \"$@\"\n"),
    ]);
    let registry = world.root().join("home/vendored");
    let write = |file: &str, content: &str| {
        let path = registry.join(file);
        fs::create_dir_all(path.parent().expect("it has one")).expect("creates the directory");
        fs::write(path, content).expect("writes the file");
    };
    write("words/Cargo.toml", &package("words", ""));
    write("words/build.rs", &generating("pub fn g() { panic!() }"));
    write(
        "words/src/lib.rs",
        &format!("{INCLUDED}pub fn f() -> u8 {{ if std::env::args().count() > 9 {{ g() }} 3 }}"),
    );
    write("words/.cargo-checksum.json", "{\"files\":{},\"package\":null}");
    let source = format!("[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = {registry:?}\n");
    fs::write(world.root().join("home/.cargo/config.toml"), source).expect("writes the configuration");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(world.tree().join("tools/my-cc"), mode).expect("makes it executable");
    let other = world.checkout("other");
    for world in [&world, &other] {
        world.write(".cargo/config.toml", configuration(world.tree()));
    }
    (world, other)
}

#[test]
fn a_linker_of_the_checkout_is_no_input_of_libraries() {
    let target = "[target.'cfg(all())']\nlinker = \"tools/my-cc\"\n";
    let (world, other) = configured(|_| target.to_owned());
    world.build().all_missed();
    let step = other.build();
    step.succeeds();
    assert!(!step.missed_units().contains(&"words lib".to_owned()), "{step}");
    assert_eq!(other.run_bin("app"), "3\n");
    other.noop();
}

#[test]
fn a_remapping_of_the_checkout_is_the_same_in_another() {
    let flags =
        |tree: &Path| format!("[build]\nrustflags = [\"--remap-path-prefix={}=/src\"]\n", tree.display());
    let (world, other) = configured(flags);
    world.build().all_missed();
    other.build().all_hit();
    assert_eq!(other.run_bin("app"), "3\n");
    let elsewhere = |tree: &Path| {
        format!("[build]\nrustflags = [\"--remap-path-prefix={}=/elsewhere\"]\n", tree.display())
    };
    other.write(".cargo/config.toml", elsewhere(other.tree()));
    other.rebuild().all_missed();
}

/// What else is remapped decides: an output holds no trace of where that really is.
#[test]
fn a_remapping_that_covers_other_directories_is_another() {
    let flags =
        |path: &Path| format!("[build]\nrustflags = [\"--remap-path-prefix={}=/src\"]\n", path.display());
    let (world, other) = configured(|tree| flags(tree.ancestors().nth(2).expect("it has two")));
    world.build().all_missed();
    other.write(".cargo/config.toml", flags(other.tree()));
    assert!(other.build().missed_units().contains(&"words lib".to_owned()));
}

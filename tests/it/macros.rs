//! What procedural macros read behind the compiler's back: files, directories and variables that no dep-info names.

use kache::outcome::{Bypass, Unstored};

use crate::sources::build_while;
use crate::world::{World, package};

/// Units of the fixture that run a macro, and the binary that prints what they read.
const USERS: [&str; 6] =
    ["app bin", "consumer lib", "dir_user lib", "env_user lib", "file_user lib", "outside_user lib"];

/// Whether `world`, built again, prints `line`.
fn prints(world: &World, line: &str) {
    let printed = world.run_bin("app");
    assert!(printed.lines().any(|this| this == line), "no `{line}` in\n{printed}");
}

#[test]
fn a_variable_that_only_a_macro_reads_decides() {
    let mut world = World::project("macros");
    world.build().all_missed();
    prints(&world, "env unset");
    for value in ["one", "two"] {
        world.set("KACHE_FIXTURE_ENV", value);
        world.rebuild().only_missed(&["app bin", "consumer lib", "env_user lib"]);
        prints(&world, &format!("env {value}"));
        prints(&world, &format!("consumer env {value}"));
    }
    for (value, printed) in [("one", "env one"), ("two", "env two")] {
        world.set("KACHE_FIXTURE_ENV", value);
        world.rebuild().all_hit();
        prints(&world, printed);
    }
    world.unset("KACHE_FIXTURE_ENV");
    world.rebuild().all_hit();
    prints(&world, "env unset");
    world.same_as_plain_cargo();
}

#[test]
fn a_file_that_only_a_macro_reads_decides() {
    let world = World::project("macros");
    world.build().all_missed();
    world.write("file-user/data/value.txt", "changed");
    world.rebuild().only_missed(&["app bin", "file_user lib"]);
    prints(&world, "file changed");
    // Through a re-export: no procedural macro is among the externs.
    world.write("consumer/data/value.txt", "changed too");
    world.rebuild().only_missed(&["app bin", "consumer lib"]);
    prints(&world, "consumer file changed too");
    let world = world.relocate("other");
    world.build().all_hit();
    prints(&world, "file changed");
    world.same_as_plain_cargo();
}

#[test]
fn a_directory_that_only_a_macro_lists_decides() {
    let world = World::project("macros");
    world.build().all_missed();
    prints(&world, "dir a.txt,b.txt");
    world.write("dir-user/data/c.txt", "");
    world.rebuild().only_missed(&["app bin", "dir_user lib"]);
    prints(&world, "dir a.txt,b.txt,c.txt");
    world.remove("dir-user/data/c.txt");
    world.rebuild().all_hit();
    prints(&world, "dir a.txt,b.txt");
    world.write("dir-user/data/empty/below", "");
    world.rebuild().only_missed(&["app bin", "dir_user lib"]);
    prints(&world, "dir a.txt,b.txt,empty");
}

#[test]
fn swapping_the_contents_of_two_files_decides() {
    let world = reader(r#"macros::file!("a.txt"), macros::file!("b.txt")"#);
    world.write("app/a.txt", "1");
    world.write("app/b.txt", "2");
    world.build().all_missed();
    world.write("app/a.txt", "2");
    world.write("app/b.txt", "1");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "2 1 \n");
}

#[test]
fn a_declared_file_outside_of_the_package_decides() {
    let world = World::project("macros");
    let manifest = package("outside-user", "[dependencies]\nmacros = { path = \"../macros\" }\n");
    let declared = "[package.metadata.kache]\nextra-inputs = [\"../shared/**\"]\n";
    world.write("outside-user/Cargo.toml", manifest + declared);
    world.build().all_missed();
    world.write("shared/value.txt", "changed");
    world.rebuild().only_missed(&["app bin", "outside_user lib"]);
    prints(&world, "outside changed");
    world.write("shared/value.txt", "shared\n");
    world.rebuild().all_hit();
    let world = world.relocate("other");
    world.write("shared/value.txt", "elsewhere");
    world.build().only_missed(&["app bin", "outside_user lib"]);
    prints(&world, "outside elsewhere");
}

#[test]
fn a_declaration_that_is_not_understood_leaves_the_unit_alone() {
    let world = World::project("macros");
    let manifest = package("outside-user", "[dependencies]\nmacros = { path = \"../macros\" }\n");
    world.write(
        "outside-user/Cargo.toml",
        manifest + "[package.metadata.kache]\nextra-inputs = \"../shared\"\n",
    );
    let step = world.build();
    step.succeeds();
    assert_eq!(step.bypasses(), [Bypass::UnreadableInput], "{step}");
}

#[test]
fn what_the_macro_itself_became_decides() {
    let world = World::project("macros");
    world.build().all_missed();
    world.edit("macros/src/lib.rs", "string(&names.join(\",\"))", "string(&names.join(\";\"))");
    let mut missed = vec!["macros proc-macro", "reexport lib"];
    missed.extend(USERS);
    world.rebuild().missed(&missed);
    prints(&world, "dir a.txt;b.txt");
}

#[test]
fn a_variable_that_the_configuration_declares_decides() {
    let world = reader("macros::composed!()");
    let mut world = world.env("KACHE_FIXTURE_COMPOSED", "one");
    world.write(".kache.toml", "[cache]\nkey_env_vars = [\"KACHE_FIXTURE_COMPOSED\"]\n");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.set("KACHE_FIXTURE_COMPOSED", "two");
    world.rebuild().all_missed();
    assert_eq!(world.run_bin("app"), "two \n");
    world.set("KACHE_FIXTURE_COMPOSED", "one");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "one \n");
}

/// The name stands in the library of the macro, and nowhere else.
#[test]
fn a_variable_that_a_macros_library_names_decides() {
    let mut world = reader("macros::named!()").env("KACHE_FIXTURE_NAMED", "one");
    world.build().all_missed();
    world.set("KACHE_FIXTURE_NAMED", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two \n");
}

/// No `env!` names the variable: the path is found in what was made.
#[test]
fn a_path_that_a_macro_puts_into_the_output_is_bound_to_its_tree() {
    let world = reader("macros::place!()");
    world.build().all_missed();
    world.rebuild().all_hit();
    let world = world.relocate("other");
    world.build().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app").trim(), world.tree().join("app").to_str().expect("is text"));
}

/// The archive holds bitcode, in which texts do not begin where bytes do.
#[test]
fn a_path_that_a_macro_hides_in_bitcode_is_bound_to_its_tree() {
    let world = reader("base::place(), plain::text()");
    let members = "members = [\"app\", \"base\", \"macros\", \"plain\"]\n[profile.dev]\nlto = \"fat\"\n";
    world.write("Cargo.toml", format!("[workspace]\nresolver = \"3\"\n{members}"));
    world.edit("app/Cargo.toml", "macros =", "plain = { path = \"../plain\" }\nbase =");
    world.edit("app/Cargo.toml", "../macros", "../base");
    world.write("base/Cargo.toml", package("base", "[dependencies]\nmacros = { path = \"../macros\" }\n"));
    world.write("base/src/lib.rs", "pub fn place() -> &'static str { macros::place!() }\n");
    world.write("plain/Cargo.toml", package("plain", ""));
    world.write("plain/src/lib.rs", "pub fn text() -> &'static str { \"plain\" }\n");
    world.build().all_missed();
    world.rebuild().all_hit();
    let world = world.relocate("other");
    world.build().only_missed(&["app bin", "base lib"]);
    let base = world.tree().join("base");
    assert_eq!(world.run_bin("app"), format!("{} plain \n", base.display()));
}

#[test]
fn what_the_manifest_says_of_the_package_decides() {
    let world = reader("macros::about!()");
    world.build().all_missed();
    world.edit("app/Cargo.toml", "edition", "description = \"news\"\nedition");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "news \n");
}

#[test]
fn a_directory_that_is_called_target_is_part_of_the_package() {
    let world = reader(r#"macros::file!("src/target/name.txt")"#);
    world.write("app/src/target/name.txt", "one");
    world.build().all_missed();
    world.write("app/src/target/name.txt", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two \n");
}

#[test]
fn the_build_directory_inside_of_the_package_is_not_part_of_it() {
    let world = reader(r#"macros::file!("name.txt")"#).within("app");
    world.remove("Cargo.toml");
    world.write("app/name.txt", "one");
    world.build().all_missed();
    world.noop();
    world.rebuild().all_hit();
    // Made by hand, cargo does not mark it.
    std::fs::remove_dir_all(world.target()).expect("removes the build directory");
    std::fs::create_dir(world.target()).expect("creates the build directory");
    world.build().all_hit();
    world.cargo(["build", "--release"]).all_missed();
    world.rebuild().all_hit();
}

#[test]
fn a_directory_behind_a_link_is_part_of_the_package() {
    let world = reader(r#"macros::file!("linked/name.txt")"#);
    world.write("elsewhere/name.txt", "one");
    std::os::unix::fs::symlink("../elsewhere", world.tree().join("app/linked")).expect("makes a link");
    // A link to where it is in.
    std::os::unix::fs::symlink(".", world.tree().join("app/again")).expect("makes a link");
    world.build().all_missed();
    world.write("elsewhere/name.txt", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two \n");
}

/// The build script says nothing of what it looks at.
#[test]
fn a_generated_file_that_only_a_macro_reads_decides() {
    let world = reader("macros::generated!()");
    world.write("hidden.txt", "one");
    world.write(
        "app/build.rs",
        "fn main() {\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         std::fs::copy(\"../hidden.txt\", std::path::Path::new(&out).join(\"name.txt\")).unwrap();\n}\n",
    );
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "one \n");
    world.rebuild().all_hit();
    world.write("hidden.txt", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two \n");
}

#[test]
fn what_a_build_script_watches_decides_for_macros_too() {
    let world = reader(r#"macros::file!("../watched.txt")"#);
    world.write("watched.txt", "one");
    world.write("app/build.rs", "fn main() { println!(\"cargo::rerun-if-changed=../watched.txt\"); }\n");
    world.build().all_missed();
    world.write("watched.txt", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two \n");
}

#[test]
fn a_variable_that_a_build_script_watches_decides_for_macros_too() {
    let mut world = reader("macros::composed!()").env("KACHE_FIXTURE_COMPOSED", "one");
    world.write(
        "app/build.rs",
        "fn main() { println!(\"cargo::rerun-if-env-changed=KACHE_FIXTURE_COMPOSED\"); }\n",
    );
    world.build().all_missed();
    world.set("KACHE_FIXTURE_COMPOSED", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two \n");
}

#[test]
fn a_file_that_changes_while_a_macro_runs_is_not_stored() {
    // Who observes sees which of the two was read; the rules cannot.
    let world = reader(r#"macros::wait!(), macros::file!("name.txt")"#).env("KACHE_OBSERVE", "off");
    world.write("app/name.txt", "old");
    let step = build_while(&world, || world.write("app/name.txt", "new"));
    step.succeeds();
    assert!(matches!(step.unstored_of("app", "bin"), Unstored::InputChanged(_)), "{step}");
    assert_eq!(world.run_bin("app"), " new \n");
    world.write("app/name.txt", "old");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), " old \n");
}

#[test]
fn a_file_that_appears_while_a_macro_runs_is_not_stored() {
    // Who observes sees which of the two was read; the rules cannot.
    let world = reader(r#"macros::wait!(), macros::list!("data")"#).env("KACHE_OBSERVE", "off");
    world.write("app/data/a", "");
    let step = build_while(&world, || world.write("app/data/b", ""));
    step.succeeds();
    assert!(matches!(step.unstored_of("app", "bin"), Unstored::InputChanged(_)), "{step}");
    assert_eq!(world.run_bin("app"), " a,b \n");
    world.remove("app/data/b");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), " a \n");
}

#[test]
fn a_declared_file_that_changes_while_a_macro_runs_is_not_stored() {
    let world = reader(r#"macros::wait!(), macros::file!("../shared.txt")"#).env("KACHE_OBSERVE", "off");
    let declared = "[package.metadata.kache]\nextra-inputs = [\"../shared.txt\"]\n";
    let manifest = package("app", "[dependencies]\nmacros = { path = \"../macros\" }\n");
    world.write("app/Cargo.toml", manifest + declared);
    world.write("shared.txt", "old");
    let step = build_while(&world, || world.write("shared.txt", "new"));
    step.succeeds();
    assert!(matches!(step.unstored_of("app", "bin"), Unstored::InputChanged(_)), "{step}");
    world.write("shared.txt", "old");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), " old \n");
}

/// A binary that prints what these macros make.
fn reader(macros: &str) -> World {
    World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"macros\"]\n"),
        ("macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n")),
        ("macros/src/lib.rs", MACROS),
        ("app/Cargo.toml", &package("app", "[dependencies]\nmacros = { path = \"../macros\" }\n")),
        (
            "app/src/main.rs",
            &format!(
                "fn main() {{\n    for text in [{macros}] {{ print!(\"{{text}} \"); }}\n    println!();\n}}\n"
            ),
        ),
    ])
}

/// `wait` shows that the compiler is at work, and waits for a sign; without a directory for that, it does nothing.
const MACROS: &str = r#"
use proc_macro::{Literal, TokenStream, TokenTree};
use std::path::{Path, PathBuf};

fn string(text: &str) -> TokenStream { TokenTree::Literal(Literal::string(text.trim())).into() }

fn within(variable: &str, path: &str) -> PathBuf { PathBuf::from(std::env::var_os(variable).unwrap()).join(path) }

fn read(path: &Path) -> TokenStream { string(&std::fs::read_to_string(path).unwrap()) }

fn argument(input: TokenStream) -> String { input.to_string().trim_matches('"').to_owned() }

#[proc_macro]
pub fn file(input: TokenStream) -> TokenStream { read(&within("CARGO_MANIFEST_DIR", &argument(input))) }

#[proc_macro]
pub fn generated(_: TokenStream) -> TokenStream { read(&within("OUT_DIR", "name.txt")) }

#[proc_macro]
pub fn list(input: TokenStream) -> TokenStream {
    let entries = std::fs::read_dir(within("CARGO_MANIFEST_DIR", &argument(input))).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    string(&names.join(","))
}

#[proc_macro]
pub fn about(_: TokenStream) -> TokenStream { string(&std::env::var("CARGO_PKG_DESCRIPTION").unwrap()) }

#[proc_macro]
pub fn place(_: TokenStream) -> TokenStream { string(within("CARGO_MANIFEST_DIR", "").to_str().unwrap().trim_end_matches('/')) }

#[proc_macro]
pub fn named(_: TokenStream) -> TokenStream { string(&std::env::var("KACHE_FIXTURE_NAMED").unwrap()) }

/// The name of this variable stands nowhere.
#[proc_macro]
pub fn composed(_: TokenStream) -> TokenStream {
    let name: String = ["KACHE", "FIXTURE", "COMPOSED"].join("_");
    string(&std::env::var(name).unwrap())
}

#[proc_macro]
pub fn wait(_: TokenStream) -> TokenStream {
    let dir = within("CARGO_MANIFEST_DIR", "../handshake");
    if dir.exists() {
        std::fs::write(dir.join("started"), "").unwrap();
        while !dir.join("go").exists() { std::thread::sleep(std::time::Duration::from_millis(5)); }
    }
    string("")
}
"#;

/// Between two compiles that read the variable stands one whose source does not name it.
#[test]
fn a_variable_that_was_not_set_is_an_input_although_another_source_does_not_name_it() {
    for variable in ["ZOO_BAR", "zoo_bar"] {
        let mut world = World::files(&[
            ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"mac\"]\n"),
            ("mac/Cargo.toml", &package("mac", "[lib]\nproc-macro = true\n")),
            (
                "mac/src/lib.rs",
                r#"
                use proc_macro::{Literal, TokenStream, TokenTree};
                #[proc_macro]
                pub fn value(name: TokenStream) -> TokenStream {
                    let value = std::env::var(name.to_string().trim_matches('"')).unwrap_or_else(|_| "unset".into());
                    TokenTree::Literal(Literal::string(&value)).into()
                }
                "#,
            ),
            ("app/Cargo.toml", &package("app", "[dependencies]\nmac = { path = \"../mac\" }\n")),
            (
                "app/src/main.rs",
                &format!("fn main() {{ println!(\"{{}}\", mac::value!(\"{variable}\")); }}\n"),
            ),
        ]);
        world.build().all_missed();
        assert_eq!(world.run_bin("app"), "unset\n");
        let call = format!("mac::value!(\"{variable}\")");
        world.edit("app/src/main.rs", &call, "2");
        world.build().missed(&["app bin"]);
        world.edit("app/src/main.rs", "\"{}\", 2", &format!("\"{{}}\", {call}"));
        world.set(variable, "1");
        world.rebuild().only_missed(&["app bin"]);
        assert_eq!(world.run_bin("app"), "1\n");
        world.unset(variable);
        world.rebuild().all_hit();
        assert_eq!(world.run_bin("app"), "unset\n");
    }
}

/// rustc opens each library whose name begins like that of a macro it needs. Which are there is chance: the order of a
/// build, features, what an earlier build left behind.
#[test]
fn libraries_that_are_only_named_like_a_macro_decide_nothing() {
    let world = World::files(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"mac\", \"mac_more\", \"user\"]\n",
        ),
        ("mac/Cargo.toml", &package("mac", "[lib]\nproc-macro = true\n[features]\nmore = []\n")),
        (
            "mac/src/lib.rs",
            "#[proc_macro]\npub fn one(_: proc_macro::TokenStream) -> proc_macro::TokenStream { \"1\".parse().unwrap() }\n",
        ),
        ("mac_more/Cargo.toml", &package("mac_more", "")),
        ("mac_more/src/lib.rs", ""),
        ("user/Cargo.toml", &package("user", "[dependencies]\nmac = { path = \"../mac\" }\n")),
        ("user/src/lib.rs", "pub use mac::one;\n"),
        ("app/Cargo.toml", &package("app", "[dependencies]\nuser = { path = \"../user\" }\n")),
        ("app/src/main.rs", "fn main() { println!(\"{}\", user::one!()); }\n"),
    ]);
    world.cargo(["build", "-p", "mac", "--features", "more"]).all_missed();
    world.cargo(["build", "-p", "mac_more"]).all_missed();
    world.cargo(["build", "-p", "app"]).all_missed();
    world.clean();
    world.cargo(["build", "-p", "app"]).all_hit();
    // Nor do they where they are there on a hit alone.
    world.edit("app/src/main.rs", "{}", "{} again");
    world.cargo(["build", "-p", "app"]).missed(&["app bin"]);
    world.clean();
    world.cargo(["build", "-p", "mac", "--features", "more"]).all_hit();
    world.cargo(["build", "-p", "app"]).all_hit();
    // The one that is meant does.
    world.edit("mac/src/lib.rs", "1", "2");
    world.cargo(["build", "-p", "app"]).all_missed();
    assert_eq!(world.run_bin("app"), "2 again\n");
}

//! What the store tells somebody who can read it about the values of variables.

use std::fs;
use std::path::Path;

use kache::digest::Digest;

use crate::step::{hits, misses};
use crate::world::{World, package};

const VALUE: &str = "hunter2-of-the-deploy-token";

/// A value decides as a declared variable, in `option_env!`, and in a procedural macro; no output holds it.
fn project() -> World {
    let macros = "use proc_macro::TokenStream;\n\
        #[proc_macro] pub fn length(_: TokenStream) -> TokenStream {\n\
            std::env::var(\"ASKED_TOKEN\").map_or(0, |value| value.len()).to_string().parse().unwrap()\n\
        }\n";
    let main = "fn main() {\n\
        const SET: bool = option_env!(\"READ_TOKEN\").is_some();\n\
        println!(\"{SET} {}\", macros::length!());\n\
        }\n";
    World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nmacros = { path = \"macros\" }\n\n[workspace]\n")),
        ("src/main.rs", main),
        ("macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n")),
        ("macros/src/lib.rs", macros),
        (".kache.toml", "[cache]\nkey_env_vars = [\"DECLARED_TOKEN\"]\n"),
    ])
}

const VARIABLES: [&str; 4] = ["DECLARED_TOKEN", "READ_TOKEN", "ASKED_TOKEN", "KACHE_KEY_SALT"];

#[test]
fn no_file_of_the_store_holds_a_value_of_a_variable_or_its_digest() {
    let world = VARIABLES.iter().fold(project(), |world, name| world.env(name, VALUE));
    world.build().expect(hits(0), misses(2));
    assert_eq!(world.run_bin("app"), format!("true {}\n", VALUE.len()));
    let texts = [VALUE.to_owned(), Digest::hash(VALUE.as_bytes()).to_hex()];
    let mut n_files = 0;
    each_file(&world.cache(), &mut |path, content| {
        n_files += 1;
        for text in &texts {
            let found = memchr::memmem::find(content, text.as_bytes());
            assert_eq!(found, None, "{} holds {text}", path.display());
        }
    });
    assert!(n_files > 8, "{n_files}");
    world.rebuild().expect(hits(2), misses(0));
}

#[test]
fn why_miss_names_a_variable_whose_value_changed() {
    let world = VARIABLES.iter().fold(project(), |world, name| world.env(name, VALUE));
    world.build().succeeds();
    for name in ["READ_TOKEN", "DECLARED_TOKEN"] {
        let mut world = world.checkout(name);
        world.set(name, "replacement");
        world.build().succeeds();
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        let output = command.args(["why-miss", "app"]).output().expect("kache runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains(name) && !told.contains("replacement"), "{told}");
    }
}

fn each_file(dir: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for child in fs::read_dir(dir).expect("the directory can be listed") {
        let path = child.expect("the directory can be listed").path();
        if path.is_dir() {
            each_file(&path, look);
        } else {
            look(&path, &fs::read(&path).expect("the file can be read"));
        }
    }
}

//! Writes the table of languages that the library includes.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=languages.txt");
    let names = fs::read_to_string("languages.txt").expect("languages.txt is part of the package");
    let rows: String = names.lines().map(|name| format!("    \"{name}\",\n")).collect();
    let table = format!("/// The languages that are known.\npub const LANGUAGES: &[&str] = &[\n{rows}];\n");
    let out_dir = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out_dir).join("languages.rs"), table).expect("the directory can be written to");
}

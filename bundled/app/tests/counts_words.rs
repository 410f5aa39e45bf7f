//! The program on a real file.

use std::fs;
use std::process::Command;

#[test]
fn words_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (text, settings) = (dir.path().join("text"), dir.path().join("settings.toml"));
    fs::write(&text, "one two three to").unwrap();
    fs::write(&settings, "shortest-word = 3").unwrap();
    let program = env!("CARGO_BIN_EXE_trial");
    let output = Command::new(program).arg("--settings").args([&settings, &text]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("\"n_words\":3"), "{printed}");
}

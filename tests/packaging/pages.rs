//! Completions and manual pages, which the program's own definition of its arguments gives.

use std::process::Command;

use clap::ValueEnum as _;
use kache::cli::command::definition;
use kache::cli::completions::{Shell, script};

use crate::committed::{Files, are_committed};
use crate::skip::skip;

fn completions() -> Files {
    let files = Shell::value_variants().iter();
    files.map(|shell| (format!("completions/{}", shell.file_name()), script(*shell, definition()))).collect()
}

/// One page for the program and one for each command.
fn pages() -> Files {
    let mut whole = definition().disable_help_subcommand(true);
    whole.build();
    let mut files = Files::new();
    let mut open = vec![whole];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).expect("writes to memory");
        let page = String::from_utf8(page).expect("a page is UTF-8");
        files.insert(format!("man/man1/{name}.1"), page);
    }
    files
}

#[test]
fn what_is_generated_for_shells_is_what_the_program_says() {
    are_committed(&["completions"], &completions());
}

#[test]
fn what_is_generated_as_manual_pages_is_what_the_program_says() {
    let pages = pages();
    assert!(pages.contains_key("man/man1/kache.1") && pages.contains_key("man/man1/kache-why-miss.1"));
    are_committed(&["man"], &pages);
}

#[test]
fn the_program_prints_what_is_committed() {
    for shell in Shell::value_variants() {
        let name = shell.to_possible_value().expect("each shell has a name").get_name().to_owned();
        let printed = Command::new(env!("CARGO_BIN_EXE_kache")).args(["completions", &name]).output();
        let printed = printed.expect("kache starts").stdout;
        let expected = script(*shell, definition());
        assert!(printed == expected.as_bytes(), "{name}");
    }
}

#[test]
fn every_command_is_completed_in_every_shell() {
    for (file, script) in completions() {
        for command in definition().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(script.contains(command.get_name()), "{file} lacks {}", command.get_name());
        }
    }
}

#[test]
fn shells_that_are_here_understand_their_completions() {
    for (shell, check, file) in [
        ("bash", &["-n"][..], "completions/kache.bash"),
        ("zsh", &["-n"], "completions/_kache"),
        ("fish", &["--no-execute"], "completions/kache.fish"),
    ] {
        let path = crate::committed::root().join(file);
        match Command::new(shell).args(check).arg(&path).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success() && said.is_empty(), "{shell}: {said}");
            }
            Err(e) => skip(shell, &format!("{file} is not checked: {shell}: {e}")),
        }
    }
}

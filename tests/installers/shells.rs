//! Files that shells read: that new ones find kache, and that what cannot be written there does not stop the rest.

use std::fs;

use crate::POSES;
use crate::machine::{Machine, have};
use crate::skip::skip;

/// Of a place that cannot be written to a note is made; the rest is installed, and goes without a trace.
fn notes_and_goes_on(prepare: impl Fn(&Machine), expected: &str) {
    let machine = Machine::with_release(POSES);
    machine.write(".bashrc", "a=1\n");
    prepare(&machine);
    let before = machine.look();
    machine.run("sh", &[]).with(0, expected);
    assert!(machine.path(".local/bin/kache").exists(), "{expected}");
    assert!(machine.read(".bashrc").contains("kache/env"), "{expected}");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before, "{expected}");
}

#[test]
fn a_shell_whose_directory_cannot_be_written_to_does_not_stop_the_rest() {
    notes_and_goes_on(
        |machine| machine.write(".config/fish/conf.d", "a file"),
        "fish/conf.d is not a directory; put this into what that shell reads when it starts: contains --",
    );
    notes_and_goes_on(
        |machine| machine.link("/nowhere/conf.d", ".config/fish/conf.d"),
        "fish/conf.d is not a directory; put this",
    );
    notes_and_goes_on(
        |machine| machine.write(".config/nushell/autoload", "a file"),
        "nushell/autoload is not a directory; put this into what that shell reads when it starts: $env.PATH",
    );
    let machine = Machine::with_release(POSES);
    machine.write("probe/x", "");
    machine.mode("probe", 0o555);
    if fs::write(machine.path("probe/y"), "").is_ok() {
        skip("no-root", "directories that cannot be written to are not tried: this is root");
        return;
    }
    for dir in [".config/fish", ".config/fish/conf.d"] {
        notes_and_goes_on(
            |machine| {
                fs::create_dir_all(machine.path(dir)).unwrap();
                machine.mode(dir, 0o555);
            },
            "cannot be written to by",
        );
    }
}

#[test]
fn links_of_the_user_that_lead_nowhere_stay() {
    for place in [
        ".config/fish/conf.d/kache.fish",
        ".config/nushell/autoload/kache.nu",
        ".config/nushell/autoload/kache-completions.nu",
        ".local/share/bash-completion/completions/kache",
        ".local/share/man/man1/kache.1",
    ] {
        notes_and_goes_on(
            |machine| machine.link("/nowhere/mine", place),
            &format!("{place} is not from this script; it was left alone"),
        );
    }
}

#[test]
fn a_file_of_the_user_in_a_place_for_completions_stays() {
    notes_and_goes_on(
        |machine| machine.write(".local/share/bash-completion/completions/kache", "mine\n"),
        "completions/kache is not from this script; it was left alone",
    );
}

#[test]
fn a_file_that_came_into_a_place_where_writing_failed_stays() {
    let machine = Machine::with_release(POSES);
    machine.write(".config/fish/conf.d", "a file");
    machine.run("sh", &["--no-init"]).with(0, "conf.d is not a directory");
    fs::remove_file(machine.path(".config/fish/conf.d")).unwrap();
    machine.write(".config/fish/conf.d/kache.fish", "mine\n");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.read(".config/fish/conf.d/kache.fish"), "mine\n");
}

/// With these files there (`name` or `name: content`), new shells of a user of the first find kache, each called with
/// its options.
fn is_found(shells: &[&[&str]], files: &[&str]) {
    let shell = shells[0][0];
    if !have(shell) {
        skip(shell, &format!("{shell} is not asked: it is not here"));
        return;
    }
    let machine = Machine::with_release(POSES);
    machine.set("SHELL", &format!("/bin/{shell}"));
    for file in files {
        let (name, content) = file.split_once(": ").unwrap_or((file, "# mine"));
        machine.write(name, &format!("{content}\n"));
    }
    let before = machine.look();
    machine.run("sh", &["--no-init"]).with(0, "Shells that read one of these to its end find it: ");
    let program = machine.path(".local/bin/kache").display().to_string();
    for shell in shells {
        assert_eq!(machine.found_by(shell), program, "{shell:?} with {files:?}");
    }
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before, "{shells:?} with {files:?}");
}

#[test]
fn a_new_zsh_finds_kache() {
    let set_by_zsh_alone = ".zshenv: ZDOTDIR=$HOME/z";
    for files in [
        &[][..],
        &[".profile", ".bashrc"],
        &[".bash_profile"],
        &[".config/fish/config.fish"],
        &[".zshrc"],
        &[".zshenv"],
        &[".zprofile", ".bashrc"],
        &[set_by_zsh_alone, "z/.zshrc"],
        &[set_by_zsh_alone, "z/unrelated", ".zshrc"],
    ] {
        is_found(&[&["zsh", "-i"], &["zsh", "-l", "-i"]], files);
    }
}

#[test]
fn a_new_bash_finds_kache() {
    for files in
        [&[][..], &[".bashrc"], &[".profile"], &[".bash_profile"], &[".bash_login", ".zshrc"], &[".zshrc"]]
    {
        is_found(&[&["bash", "-i"], &["bash", "-l", "-i"]], files);
    }
}

#[test]
fn a_new_fish_and_a_new_sh_find_kache() {
    for files in [&[][..], &[".bashrc"], &[".config/fish/config.fish", ".zshrc"]] {
        is_found(&[&["fish"]], files);
        is_found(&[&["dash", "-l"]], files);
    }
}

#[test]
fn a_shell_that_is_not_known_or_not_writable_is_not_promised() {
    let machine = Machine::with_release(POSES);
    machine.set("SHELL", "/bin/tcsh");
    machine.run("sh", &["--no-init"]).with(0, "tcsh is not set up: put ");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    machine.set("SHELL", "/bin/zsh");
    machine.link("/nowhere/zshrc", ".zshrc");
    let said = machine.run("sh", &["--no-init"]).with(0, ".zshrc cannot be written; put this into it: ");
    assert!(said.contains("bin is not on PATH") && !said.contains("find it"), "{said}");
    assert!(machine.is_link(".zshrc"));
}

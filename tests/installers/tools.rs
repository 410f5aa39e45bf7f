//! The programs that the script calls: those that are missing, and those that do not do what they should.

use crate::POSES;
use crate::machine::Machine;

#[test]
fn a_system_without_some_programs_installs_and_uninstalls_all_the_same() {
    for missing in [&["awk"][..], &["find"], &["cmp"], &["mktemp"], &["id", "ls", "tr"], &["cmp", "readlink"]]
    {
        let machine = Machine::with_release(POSES);
        machine.write(".profile", "no line break at the end");
        let before = machine.look();
        missing.iter().for_each(|program| machine.without(program));
        let said = machine.run("sh", &[]).with(0, "called: init -y");
        assert!(!said.contains("not found"), "{missing:?}: {said}");
        let after = machine.look();
        machine.run("sh", &[]).with(0, "is installed");
        assert_eq!(machine.look(), after, "{missing:?}: nothing is done a second time");
        machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
        assert_eq!(machine.look(), before, "{missing:?}");
    }
}

#[test]
fn a_program_without_which_it_does_not_go_is_named() {
    for missing in ["tar", "gzip", "cut", "sed", "cp", "wc", "dirname", "uname"] {
        let machine = Machine::with_release(POSES);
        let before = machine.look();
        machine.without(missing);
        let said = machine.run("sh", &[]).with(1, &format!("not on PATH: {missing}\n"));
        assert!(said.contains("hint: install"), "{said}");
        assert_eq!(machine.look(), before, "{missing}");
    }
}

#[test]
fn links_of_dotfiles_stay_links_where_readlink_cannot_follow_them() {
    let machine = Machine::with_release(POSES);
    machine.write("dotfiles/bashrc", "mine\n");
    machine.link("dotfiles/bashrc", ".bashrc");
    machine.tool("readlink", "exit 1");
    let before = machine.look();
    machine.run("sh", &["--no-init"]).with(0, "is installed");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}

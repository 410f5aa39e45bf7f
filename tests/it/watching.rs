//! The screen of `kache monitor`, on a terminal and as text.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use crate::home::Home;
#[cfg(target_os = "linux")]
use crate::terminal::Typed;

/// A home in which the package `p` was built with kache.
fn built() -> Home {
    let mut home = Home::new();
    home.package("works");
    home.within("works");
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    home.cargo_works();
    home
}

#[test]
#[cfg(target_os = "linux")]
fn a_screen_on_a_terminal_shows_builds_and_gives_the_terminal_back() {
    let home = built();
    let run = |keys: &[&str], signal| Typed { line: "monitor", keys, signal, columns: 80 }.run(&home);
    for (keys, signal) in [
        (&["q"][..], None),
        (&["2", "3", "?", "q"], None),
        (&["\x03"], None),
        (&[], Some("TERM")),
        (&[], Some("HUP")),
    ] {
        let Some((code, shown)) = run(keys, signal) else { return };
        assert_eq!(code, 0, "{keys:?} {signal:?}: {shown}");
        assert!(shown.contains("Last") || shown.contains("Building"), "{shown}");
        for (on, off) in
            [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?1000h", "\x1b[?1000l"), ("\x1b[?25l", "\x1b[?25h")]
        {
            let (_, after) = shown.rsplit_once(on).unwrap_or_else(|| panic!("{on:?} is missing: {shown}"));
            assert!(after.contains(off), "{keys:?} {signal:?}: {off:?} is missing: {after:?}");
        }
    }
}

#[test]
fn the_screen_can_be_printed_once() {
    let empty = Home::new();
    empty.run(&["monitor", "--once"]).with(0, "No builds yet");
    let home = built();
    let once = home.run(&["monitor", "--once"]);
    once.with(0, "p 0.1.0 lib").with(0, "1 Build  2 Projects  3 Store");
    assert_eq!(once.out.lines().count(), 24, "{}", once.out);
    assert!(!once.out.contains('\u{1b}'), "{}", once.out);
    home.run(&["monitor", "--once", "--since", "0s"]).with(0, "No builds yet");
    home.run(&["monitor", "--once", "--json"]).with(2, "cannot be used with");
}

/// A defect while a setting is written.
#[test]
#[cfg(all(target_os = "linux", debug_assertions))]
fn a_screen_that_panics_gives_the_terminal_back_and_leaves_the_file_as_it_was() {
    for step in ["1", "2", "3"] {
        let mut home = Home::new();
        home.write(".config/kache/config.toml", "# mine\n[cache]\nshared = false\n");
        home.set("KACHE_TEST_PANIC", step);
        let keys = ["\x1b[B", "\r", "\x7f\x7f\x7f\x7f\x7ftrue", "\r"];
        let editor = Typed { line: "config", keys: &keys, signal: None, columns: 80 };
        let Some((code, shown)) = editor.run(&home) else { return };
        assert_ne!(code, 0, "{shown}");
        let (_, after) = shown.rsplit_once("\x1b[?1049h").expect("it took the screen");
        let (_, after) = after.split_once("\x1b[?1049l").expect("it gave the screen back");
        assert!(after.contains("a defect was asked for") && after.contains("\x1b[?25h"), "{after:?}");
        assert_eq!(home.read(".config/kache/config.toml"), "# mine\n[cache]\nshared = false\n");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_screen_whose_terminal_is_gone_ends() {
    use std::io::Read as _;
    let home = built();
    for line in ["monitor", "config"] {
        let note = home.path("process");
        let _ = std::fs::remove_file(&note);
        let mut command = home.command("script");
        let shell = format!("echo $$ > '{}'; exec '{}' {line}", note.display(), home.kache().display());
        command.args(["-qefc", &shell, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
        let pipe = std::process::Stdio::piped;
        let started = command.stdin(pipe()).stdout(pipe()).stderr(std::process::Stdio::null()).spawn();
        let Ok(mut terminal) = started else {
            return crate::skip::skip("script", "there is no `script`, which makes a terminal");
        };
        let (mut shown, mut letter) = (Vec::new(), [0]);
        let output = terminal.stdout.as_mut().expect("is piped");
        while !shown.ends_with(b"\x1b[?25l") && output.read(&mut letter).expect("can be read") == 1 {
            shown.push(letter[0]);
        }
        let process = std::fs::read_to_string(&note).expect("the shell has written it");
        terminal.kill().expect("can be killed");
        terminal.wait().expect("has ended");
        let process = std::path::Path::new("/proc").join(process.trim());
        let since = std::time::Instant::now();
        while process.exists() {
            assert!(since.elapsed().as_secs() < 20, "kache {line} goes on without a terminal");
            std::thread::yield_now();
        }
    }
}

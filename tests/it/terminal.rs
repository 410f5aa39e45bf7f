//! What commands print on a terminal, and what they print elsewhere.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

#[cfg(target_os = "linux")]
use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

#[cfg(target_os = "linux")]
use crate::home::Ended;
use crate::home::Home;
#[cfg(target_os = "linux")]
use crate::skip::skip;

/// What `kache <line>` prints on a terminal of 80 columns, on either stream. `None` where no terminal can be made.
#[cfg(target_os = "linux")]
fn on_terminal(home: &Home, line: &str) -> Option<String> {
    if !Path::new("/usr/bin/script").exists() {
        skip("script", "there is no `script`, which makes a terminal");
        return None;
    }
    let kache = home.kache().display().to_string();
    let mut command = home.command("/usr/bin/script");
    command.args(["-qec", &format!("stty cols 80 rows 24; '{kache}' {line}"), "/dev/null"]);
    let ended = Ended::of(command.stdin(std::process::Stdio::null()).output().unwrap());
    Some(ended.out + &ended.err)
}

/// A command on a terminal where somebody types.
#[cfg(target_os = "linux")]
pub(crate) struct Typed<'a> {
    /// The arguments of kache.
    pub(crate) line: &'a str,
    /// What is typed, in order: each at the next prompt, which hides the cursor.
    pub(crate) keys: &'a [&'a str],
    /// The signal that it gets when all keys were typed.
    pub(crate) signal: Option<&'a str>,
    pub(crate) columns: u16,
}

#[cfg(target_os = "linux")]
impl Typed<'_> {
    /// Runs it. Returns how it ended, and what it showed; `None` where no terminal can be made.
    pub(crate) fn run(&self, home: &Home) -> Option<(i32, String)> {
        const HIDE_CURSOR: &[u8] = b"\x1b[?25l";
        let mut command = home.command("script");
        let line =
            format!("stty cols {} rows 24; exec '{}' {}", self.columns, home.kache().display(), self.line);
        command.args(["-qefc", &line, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            skip("script", "there is no `script`, which makes a terminal");
            return None;
        };
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut shown, mut letter, mut keys) = (Vec::new(), [0], self.keys.iter());
        let mut signal = self.signal;
        while output.read(&mut letter).unwrap() == 1 {
            shown.push(letter[0]);
            if !shown.ends_with(HIDE_CURSOR) {
                continue;
            }
            if let Some(keys) = keys.next() {
                input.write_all(keys.as_bytes()).unwrap();
                input.flush().unwrap();
            } else if let Some(signal) = signal.take() {
                // The terminal's own process has one child.
                let parent = child.id().to_string();
                let status = Command::new("pkill").args(["--signal", signal, "--parent", &parent]).status();
                assert!(status.unwrap().success());
            }
        }
        Some((child.wait().unwrap().code().unwrap(), String::from_utf8_lossy(&shown).into_owned()))
    }
}

fn home() -> Home {
    let mut home = Home::new();
    let bin = home.path(".cargo/bin");
    home.set("PATH", &format!("{}:{}", bin.display(), home.var("PATH")));
    home.package("project");
    home.within("project");
    home
}

const ESCAPE: char = '\u{1b}';

/// Without the sequences that move the cursor or clear a line, which are progress.
#[cfg(target_os = "linux")]
fn without_progress(said: &str) -> String {
    let mut text = said.replace('\r', "");
    for sequence in ["\u{1b}[2K", "\u{1b}[K", "\u{1b}[1A", "\u{1b}[1B", "\u{1b}[?25h", "\u{1b}[?25l"] {
        text = text.replace(sequence, "");
    }
    text
}

#[test]
fn a_pipe_gets_words_without_colors_and_no_progress() {
    let home = home();
    let doctor = home.run(&["doctor"]);
    doctor.with(1, "ok      program    5 checks\n").with(1, "\n  PROBLEM  wrapper ");
    let failed = home.run(&["gc", "--max-age", "x"]);
    failed.with(2, "error: invalid value").with(2, "\nhint: ");
    for ended in [doctor, failed, home.run(&["--help"]), home.run(&["list"])] {
        assert!(!format!("{}{}", ended.out, ended.err).contains([ESCAPE, '✓']), "{}{}", ended.out, ended.err);
    }
    assert!(home.run(&["doctor"]).err.is_empty());
}

#[test]
fn colors_can_be_forced_and_turned_off() {
    let mut home = home();
    let is_colored = |home: &Home, args: &[&str]| home.run(args).out.contains(ESCAPE);
    for line in ["--color always list --help", "list --color=always --help"] {
        assert!(is_colored(&home, &line.split(' ').collect::<Vec<_>>()), "{line}");
    }
    assert!(home.run(&["frob", "--color", "always"]).err.starts_with("\u{1b}[1m\u{1b}[31merror:"));
    home.set("CLICOLOR_FORCE", "1");
    assert!(is_colored(&home, &["--help"]));
    assert!(!is_colored(&home, &["--help", "--color", "never"]));
    home.set("NO_COLOR", "1");
    assert!(!is_colored(&home, &["--help"]));
    assert!(is_colored(&home, &["--help", "--color", "always"]));
    home.run(&["list", "--color", "loud"]).with(2, "[possible values: auto, always, never]");
    // No color reaches a program that reads JSON.
    let json = home.run(&["list", "--json", "--color", "always"]);
    assert!(!json.with(0, "\"format\": 1").out.contains(ESCAPE), "{}", json.out);
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_symbols_colors_and_progress() {
    let mut home = home();
    home.set("TERM", "xterm-256color");
    home.set("LANG", "C.UTF-8");
    let Some(said) = on_terminal(&home, "doctor") else { return };
    assert!(said.contains("\u{1b}[1m\u{1b}[32m✓ \u{1b}[0m\u{1b}[1mprogram   \u{1b}[0m 5 checks"), "{said}");
    assert!(said.contains("\u{1b}[1m\u{1b}[31m✗ \u{1b}[0m\u{1b}[1mcargo "), "{said}");
    assert!(said.contains("Checking: "), "progress: {said}");
    let ended_with = "`kache doctor -v` shows all checks.\r\n";
    assert!(said.ends_with(ended_with), "progress is gone at the end: {said:?}");
    home.set("NO_COLOR", "1");
    let said = without_progress(&on_terminal(&home, "doctor").unwrap());
    assert!(said.contains("✓ program    5 checks") && !said.contains(ESCAPE), "{said}");
    home.unset("NO_COLOR");
    home.set("LANG", "C");
    let said = on_terminal(&home, "doctor").unwrap();
    assert!(said.contains("\u{1b}[1m\u{1b}[32mok      \u{1b}[0m"), "{said}");
    assert!(said.is_ascii(), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_dumb_terminal_gets_what_a_pipe_gets() {
    let mut home = home();
    home.set("TERM", "dumb");
    home.set("LANG", "C.UTF-8");
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    home.cargo_works();
    for line in ["doctor", "list", "doctor --verify"] {
        let Some(said) = on_terminal(&home, line) else { return };
        let ended = home.run(&line.split(' ').collect::<Vec<_>>());
        let mut pipe: Vec<&str> = ended.out.lines().chain(ended.err.lines()).collect();
        let said = said.replace('\r', "");
        let mut terminal: Vec<&str> = said.lines().collect();
        pipe.sort_unstable();
        terminal.sort_unstable();
        // Free disk space and times may differ between two calls.
        let is_steady = |line: &&&str| !line.contains(" room ") && !line.contains("ago");
        let (pipe, terminal): (Vec<_>, Vec<_>) =
            (pipe.iter().filter(is_steady).collect(), terminal.iter().filter(is_steady).collect());
        assert_eq!(terminal, pipe, "{line}");
    }
}

#[test]
fn long_steps_are_announced_where_there_is_no_terminal() {
    let home = home();
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    home.cargo_works();
    assert_eq!(home.run(&["doctor", "--verify"]).err, "Reading the store …\n");
}

#[test]
fn all_checks_are_shown_only_if_asked_for() {
    let home = home();
    for flag in ["-v", "--verbose"] {
        home.run(&["doctor", flag])
            .with(1, "program\n  ok       on-path ")
            .with(1, "\n  ok       config-files ");
    }
    let brief = home.run(&["doctor"]);
    assert!(!brief.out.contains("config-files"), "{}", brief.out);
    brief.with(1, "PROBLEM cargo      8 checks, 1 problem\n  PROBLEM  wrapper ");
    brief.with(1, "fix: `kache doctor --fix`").with(1, "1 problem found");
}

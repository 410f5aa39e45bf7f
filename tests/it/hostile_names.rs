//! Names that would drive a terminal: whatever is printed of them is escaped, in every command that prints names.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::world::{World, package};

const KACHE: &str = env!("CARGO_BIN_EXE_kache");

/// Clears the screen, sets a title, reverses the direction of text, and goes back to the start of the line.
const DIRECTORY: &str = "d\u{1b}[2J\u{202e}\u{7f}";
const MODULE: &str = "m\u{1b}]0;title\u{7}\u{2066}\u{200f}.rs";
const INCLUDED: &str = "t\u{9b}31m\u{61c}\r\t\u{2028}.txt";
const CACHE: &str = "cache\u{1b}[8m\u{202d}";
const SEVERAL_LINES: &str = "x\u{1b}c\nerror: \u{2069}fake";

/// A project below a directory with a hostile name, built twice with a change in between.
struct Hostile {
    world: World,
    dir: PathBuf,
}

impl Hostile {
    fn built() -> Hostile {
        let mut world = World::files(&[]);
        let cache = world.root().join(CACHE);
        world.set("KACHE_CACHE_DIR", &cache);
        let dir = world.tree().join(DIRECTORY);
        let file = |name: &str, content: &str| world.write(&format!("{DIRECTORY}/{name}"), content);
        file("Cargo.toml", &package("app", ""));
        file(
            "src/main.rs",
            &format!(
                "#[path = \"{}\"] mod m;\nfn main() {{ println!(\"{{}}{{}}{{:?}}\", m::X, include_str!(\"{}\"), option_env!(\"V\\u{{1b}}\")); }}\n",
                MODULE.escape_default(),
                INCLUDED.escape_default()
            ),
        );
        file(&format!("src/{INCLUDED}"), "1");
        for content in ["pub const X: u8 = 1;\n", "pub const X: u8 = 2;\n"] {
            file(&format!("src/{MODULE}"), content);
            let built = world.command("cargo").args(["build", "-q"]).current_dir(&dir).output();
            let built = built.expect("cargo runs");
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        }
        Hostile { world, dir }
    }

    fn cache(&self) -> PathBuf {
        self.world.root().join(CACHE)
    }

    /// Adds a record whose every text is hostile.
    fn forge_record(&self) {
        let records = fs::read_dir(self.cache().join("records")).expect("there are records");
        let file = records.map(|file| file.expect("lists").path()).max().expect("there is a file");
        let content = fs::read_to_string(&file).expect("reads");
        let mut record: Value = serde_json::from_str(content.lines().last().expect("a line")).expect("JSON");
        record["unit"]["crate_name"] = SEVERAL_LINES.into();
        record["unit"]["version"] = "1\u{202e}".into();
        record["unit"]["target"] = "\u{1b}[1m".into();
        record["place"] = "/p\u{1b}[2K\u{2067}".into();
        record["problems"] = vec![SEVERAL_LINES].into();
        record["inputs"]["unobserved"] = "\u{7}bell".into();
        let mut file = File::options().append(true).open(file).expect("opens");
        writeln!(file, "{record}").expect("writes");
    }

    fn kache(&self, args: &[&str]) -> Output {
        self.world.command(KACHE).args(args).current_dir(&self.dir).output().expect("kache runs")
    }
}

/// No control character but the end of a line, and none that changes the direction of text, reaches a terminal.
#[track_caller]
fn is_tame(args: &[&str], bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("it prints text");
    let is_wild = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
            || matches!(c, '\u{2028}' | '\u{2029}')
    };
    if let Some(c) = text.chars().find(|c| is_wild(*c)) {
        let line = text.lines().find(|line| line.contains(c));
        panic!("kache {args:?} prints {c:?} in {line:?}");
    }
    text
}

#[test]
fn hostile_names_are_escaped_in_every_command_that_prints_names() {
    let hostile = Hostile::built();
    let output = hostile.kache(&["why-miss", "app"]);
    let said = is_tame(&["why-miss", "app"], &output.stdout);
    assert!(said.contains(r"d\u{1b}[2J\u{202e}\u{7f}") && said.contains(r"m\u{1b}]0;title"), "{said}");
    hostile.forge_record();
    let hostile_argument = "\u{1b}[31mapp\u{202e}";
    let commands: &[(&[&str], &str)] = &[
        (&["list"], "app"),
        (&["list", "app", "--inputs"], r"m\u{1b}]0;title\u{7}\u{2066}\u{200f}.rs"),
        (&["list", hostile_argument], r"\u{1b}[31mapp\u{202e}"),
        (&["why-miss", "app"], r"/p\u{1b}[2K\u{2067}"),
        (&["why-miss", "app"], r"x\u{1b}c\nerror: \u{2069}fake"),
        (&["why-miss", hostile_argument], r"\u{1b}[31mapp\u{202e}"),
        (&["stats"], r"cache\u{1b}[8m\u{202d}"),
        (&["stats"], r"x\u{1b}c\nerror: \u{2069}fake"),
        (&["stats"], r"\u{7}bell"),
        (&["config"], r"cache\u{1b}[8m\u{202d}"),
        (&["doctor", "-v"], r"cache\u{1b}[8m\u{202d}"),
        (&["doctor"], "checks"),
        (&["doctor", "--verify"], "entries"),
        (&["doctor", "--report"], "kache"),
        (&["doctor", "--fix", "--check"], ""),
        (&["gc", "--dry-run"], ""),
        (&["gc"], ""),
        (&["init", "--check", "--no-service"], ""),
        (&["uninstall", "--check"], ""),
        (&["daemon"], ""),
        (&["purge", "--dry-run"], ""),
        (&[hostile_argument], r"\u{1b}[31mapp\u{202e}"),
        (&["stats", "--since", hostile_argument], r"\u{1b}[31mapp\u{202e}"),
    ];
    for (args, expected) in commands {
        let output = hostile.kache(args);
        let said = is_tame(args, &output.stdout) + &is_tame(args, &output.stderr);
        assert!(
            said.contains(expected),
            "kache {args:?} does not say {expected}:\n{}",
            &said[..said.len().min(3000)]
        );
    }
}

#[test]
fn hostile_names_in_json_are_escaped_as_json() {
    let hostile = Hostile::built();
    hostile.forge_record();
    for args in [
        &["list", "--json"][..],
        &["list", "app", "--inputs", "--json"],
        &["why-miss", "app", "--json"],
        &["stats", "--json"],
        &["config", "--json"],
        &["doctor", "--json"],
        &["doctor", "--verify", "--json"],
        &["gc", "--dry-run", "--json"],
        &["init", "--check", "--no-service", "--json"],
        &["uninstall", "--check", "--json"],
        &["purge", "--dry-run", "--json"],
    ] {
        let output = hostile.kache(args);
        let text = is_tame(args, &output.stdout);
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("kache {args:?}: {e}\n{text}"));
        if args[0] == "stats" {
            // What is escaped is read back as it was.
            assert_eq!(value["store"]["path"], hostile.cache().to_str().expect("a text"));
            assert_eq!(value["problems"][SEVERAL_LINES], 1, "{value}");
        }
    }
}

#[test]
fn a_hostile_name_in_the_configuration_is_escaped_where_commands_refuse_it() {
    let world = World::files(&[(
        "x/.kache.toml",
        "[cache]\n\"a\\u001b[2J\\u202e\" = 1\nlocal_max_size = \"\\u001b\\u2066\"\n",
    )]);
    let dir = world.tree().join("x").join(DIRECTORY);
    fs::create_dir(&dir).expect("makes a directory");
    for args in [&["stats"][..], &["list"], &["config"], &["doctor"]] {
        let output = world.command(KACHE).args(args).current_dir(&dir).output().expect("kache runs");
        let said = is_tame(args, &output.stdout) + &is_tame(args, &output.stderr);
        assert!(said.contains(r"\u{1b}"), "kache {args:?}:\n{said}");
    }
}

#[test]
fn completions_are_printed_byte_for_byte() {
    let world = World::files(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "nushell", "powershell"] {
        let output = world.command(KACHE).args(["completions", shell]).output().expect("kache runs");
        let text = String::from_utf8(output.stdout).expect("it prints text");
        assert!(output.status.success() && !text.contains(r"\t\t") && !text.contains(r"\u{"), "{shell}");
    }
}

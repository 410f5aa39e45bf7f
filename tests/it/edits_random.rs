//! Random edits, undos, branch switches, other features and cleaned build directories, over a workspace in which
//! incremental and other compiles mix: after each, programs behave and the compiler warns as with cargo alone.

use std::fs;

use crate::random::Random;
use crate::step::Step;
use crate::world::{World, package};

/// What stands in a source: one of several texts at each place.
#[derive(Clone, PartialEq)]
struct State {
    choices: [usize; PLACES.len()],
}

/// The places: a file, and what may stand there. All combinations compile.
const PLACES: [(&str, &[&str]); 9] = [
    (
        "base/src/lib.rs",
        &[
            "pub fn word() -> &'static str { \"one\" }",
            "pub fn word() -> &'static str { \"two\" }",
            "#[inline] pub fn word() -> &'static str { \"three\" }",
            "\npub fn word() -> &'static str { let unused = 1; \"four\" }",
        ],
    ),
    (
        "base/src/lib.rs",
        &[
            "pub fn number() -> u32 { 7 }",
            "pub fn number() -> u64 { 8 }",
            "pub const fn number() -> u8 { 9 }",
        ],
    ),
    (
        "base/src/lib.rs",
        &[
            "#[macro_export] macro_rules! place { () => { line!() } }",
            "#[macro_export] macro_rules! place { () => { file!() } }",
            "\n\n#[macro_export] macro_rules! place { () => { concat!(file!(), \":\", line!()) } }",
        ],
    ),
    (
        "base/src/generic.rs",
        &[
            "pub fn show<T: std::fmt::Debug>(t: T) -> String { format!(\"{t:?}\") }",
            "pub fn show<T: std::fmt::Debug>(t: T) -> String { format!(\"<{t:?}>\") }",
            "fn inner() -> String { \"!\".into() } pub fn show<T: std::fmt::Debug>(t: T) -> String { format!(\"{t:?}\") + &inner() }",
        ],
    ),
    (
        "mid/src/lib.rs",
        &[
            "pub fn text() -> String { format!(\"{} {}\", base::word(), base::number()) }",
            "pub fn text() -> String { let x = 1; format!(\"{}-{}\", base::word(), base::number()) }",
        ],
    ),
    (
        "mid/src/lib.rs",
        &[
            "pub const WHERE: &str = include_str!(\"note.txt\");",
            "pub const WHERE: &str = concat!(include_str!(\"note.txt\"), \"+\");",
        ],
    ),
    ("mid/src/note.txt", &["a", "b", "c"]),
    (
        "app/src/main.rs",
        &[
            "#[cfg(feature = \"loud\")] const END: &str = \"!\"; #[cfg(not(feature = \"loud\"))] const END: &str = \".\";",
            "#[cfg(feature = \"loud\")] const END: &str = \"!!\"; #[cfg(not(feature = \"loud\"))] const END: &str = \"..\";",
        ],
    ),
    (
        "app/src/main.rs",
        &[
            "fn main() { println!(\"{} {} {} {}{END}\", mid::text(), mid::WHERE, base::place!(), base::generic::show([1])); }",
            "fn unused() {} fn main() { println!(\"{} {} {}{END}\", base::generic::show(\"a\"), mid::text(), base::place!()); }",
        ],
    ),
];

impl State {
    /// The content of each file: its places in order.
    fn write(&self, world: &World) {
        let mut files: Vec<(&str, String)> = Vec::new();
        for ((file, texts), choice) in PLACES.iter().zip(self.choices) {
            let text = texts[choice];
            match files.iter_mut().find(|(known, _)| known == file) {
                Some((_, content)) => *content += &format!("\n{text}\n"),
                None => files.push((file, text.to_owned())),
            }
        }
        for (file, mut content) in files {
            if file == "base/src/lib.rs" {
                content += "pub mod generic;\n#[test] fn works() { assert!(!word().is_empty()); }\n";
            }
            // As an editor does: what is the same is not written.
            if fs::read_to_string(world.tree().join(file)).ok().as_deref() != Some(&content) {
                world.write(file, content);
            }
        }
    }
}

fn workspace() -> World {
    let base = "[dependencies]\nbase = { path = \"../base\" }\n";
    World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"base\", \"mid\", \"app\"]\n[profile.optimized]\ninherits = \"dev\"\nopt-level = 1\n"),
        ("base/Cargo.toml", &package("base", "")),
        ("mid/Cargo.toml", &package("mid", base)),
        ("app/Cargo.toml", &package("app", &format!("[features]\nloud = []\n{base}mid = {{ path = \"../mid\" }}\n"))),
    ])
    .env("KACHE_INCREMENTAL", "auto")
}

/// What the compiler said, without cargo's own progress and in an order of its own: units end in any order.
fn said(step: &Step) -> Vec<String> {
    let own = ["Compiling", "Checking", "Finished", "Executable", "Removed", "Fresh", "Dirty", "Blocking"];
    // Of a library and its test, whichever ends later says that a warning is a duplicate.
    let is_count = |line: &str| line.starts_with("warning: `") && line.contains(" generated ");
    let is_own = |line: &str| is_count(line) || own.iter().any(|word| line.trim_start().starts_with(word));
    let mut lines: Vec<String> =
        step.stderr().lines().filter(|line| !is_own(line)).map(str::to_owned).collect();
    lines.sort();
    lines
}

fn play(seed: u64, n_steps: usize) {
    let mut random = Random::new(seed);
    let world = workspace();
    let mut state = State { choices: [0; PLACES.len()] };
    let mut earlier = vec![state.clone()];
    let (mut n_edits, mut n_hits) = (0, 0);
    state.write(&world);
    world.build().all_missed();
    for n in 0..n_steps {
        let mut is_undo = false;
        match random.below(10) {
            // One edit.
            0..=4 => {
                let place = random.below(PLACES.len());
                state.choices[place] = random.below(PLACES[place].1.len());
            }
            // Everything is undone, or a switch to any state that was there.
            5 | 6 => {
                state = earlier[0].clone();
                is_undo = true;
            }
            7 => state = earlier[random.below(earlier.len())].clone(),
            // Several at once.
            8 => {
                for (place, (_, texts)) in PLACES.iter().enumerate() {
                    state.choices[place] = random.below(texts.len());
                }
            }
            _ => {
                let _ = fs::remove_dir_all(world.target());
            }
        }
        state.write(&world);
        earlier.push(state.clone());
        let profile = if random.below(4) == 0 && !is_undo { "optimized" } else { "dev" };
        let mut args = match random.below(5) + usize::from(is_undo) * 2 {
            0 => vec!["check"],
            1 => vec!["test", "--no-run"],
            _ => vec!["build"],
        };
        args.extend(["--profile", profile]);
        if random.below(6) == 0 && !is_undo {
            args.extend(["--features", "app/loud"]);
        }
        let step = world.cargo(&args);
        let mut plain = world.command("cargo");
        plain.args(&args).env("RUSTC_WRAPPER", "").env("CARGO_TARGET_DIR", world.root().join("plain"));
        let plain = world.run(plain);
        let at = format!("seed {seed}, step {n}: cargo {}", args.join(" "));
        plain.succeeds();
        step.succeeds();
        assert_eq!(step.n_bypasses(), 0, "{at}\n{step}");
        assert_eq!(said(&step), said(&plain), "{at}\n{step}\n{plain}");
        if args[0] == "build" {
            let dir = if profile == "dev" { "debug" } else { profile };
            let ours = world.run_file(&world.target().join(dir).join("app"));
            let theirs = world.run_file(&world.root().join("plain").join(dir).join("app"));
            assert_eq!(ours, theirs, "{at}\n{step}");
        }
        n_edits += step.edited_units().len();
        n_hits += step.n_hits();
    }
    assert!(n_edits > n_steps / 4 && n_hits > n_steps / 10, "{n_edits} edits, {n_hits} hits");
}

#[test]
fn random_edits_behave_as_with_plain_cargo() {
    play(1, 20);
}

#[test]
#[ignore = "stress: 500 steps take some minutes"]
fn many_random_edits_behave_as_with_plain_cargo() {
    play(2, 500);
}

//! Makes the README's animation from a real run: a cold build, a warm one, a second worktree, and what the monitor shows.
//!
//! ```text
//! cargo run --release --example demo [-- --kache PATH]
//! ```
//!
//! Writes `assets/demo/demo.svg`, and `assets/demo/still.svg` for those who want no motion. Everything happens in a
//! temporary directory, with a copy of `tests/fixtures/big`, a store and a home of its own. Lines are shown as they were
//! printed; long pauses between them are shortened, so the times to look at are those that cargo prints.
//!
//! In reading order: `recording` (runs commands, and notes when they printed what), `picture` (draws a recording).

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(
    clippy::disallowed_methods,
    reason = "it drives cargo and files from outside, and is no part of kache"
)]

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::picture::Motion;
use crate::recording::{Recorder, Step};

mod picture;
mod recording;

/// What is played, in order. `{kache}` is the program; the second worktree is made by git.
const STEPS: &[Step] = &[
    Step {
        says: "the first build compiles everything, and stores it",
        shown: "cargo build",
        run: "cargo build",
        within: "big",
    },
    Step {
        says: "nothing is left, and nothing has to be compiled",
        shown: "cargo clean && cargo build",
        run: "cargo clean && cargo build",
        within: "big",
    },
    Step {
        says: "a second worktree has it, too",
        shown: "git worktree add ../fix && cd ../fix && cargo build",
        run: "git worktree add ../fix && cd ../fix && cargo build",
        within: "big",
    },
    Step { says: "", shown: "kache monitor --once", run: "\"$KACHE\" monitor --once", within: "big" },
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let mut kache = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/kache"));
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--kache") => kache = args.next().ok_or("--kache needs a path")?.into(),
            _ => return Err("usage: demo [--kache PATH]".into()),
        }
    }
    if !kache.is_file() {
        return Err(format!("{} is missing: run `cargo build --release`", kache.display()).into());
    }
    let recorder = Recorder::new(&kache.canonicalize()?)?;
    let mut lines = Vec::new();
    for step in STEPS {
        println!("$ {}", step.shown);
        recorder.play(step, &mut lines)?;
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    std::fs::create_dir_all(&dir)?;
    for (name, motion) in [("demo.svg", Motion::Played), ("still.svg", Motion::Still)] {
        let path = dir.join(name);
        std::fs::write(&path, picture::draw(&lines, motion))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

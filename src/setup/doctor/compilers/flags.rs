//! Compiler flags that make cache hits rare.

use crate::setup::cargo_config::values;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct FlagsCheck;

impl Check for FlagsCheck {
    fn id(&self) -> &'static str {
        "rustflags"
    }

    fn group(&self) -> Group {
        Group::Compilers
    }

    fn looks_at(&self) -> &'static str {
        "RUSTFLAGS and `rustflags` in cargo's configuration"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let flags = flags_in_effect(machine);
        let Some((place, _)) = flags.iter().find(|(_, words)| has_threads(words)) else {
            return match flags.iter().find(|(_, words)| measures_coverage(words)) {
                Some((place, _)) => measured(place),
                None => Finding::ok("no flag makes hits rare"),
            };
        };
        Finding::note(format!("{place} enables the parallel front end, `-Zthreads`"))
            .details([
                "its output may differ from run to run, and then dependent crates are recompiled".to_owned()
            ])
            .hint("remove it if there are unexpected misses: `kache why-miss <crate>`")
    }
}

fn measured(place: &str) -> Finding {
    Finding::note(format!(
        "{place} makes programs write profiles: `-C instrument-coverage` or `profile-generate`"
    ))
    .details([
        "procedural macros of the workspace write one each time they run, so crates that use them are never \
             cached; those of a registry write none where their users are cache hits"
            .to_owned(),
    ])
    .hint("set it only for builds that measure, as `cargo llvm-cov` does")
}

/// The places whose flags cargo uses. Of those for all targets one wins; those for a single target count, because it is
/// not known which targets are built.
fn flags_in_effect(machine: &Machine) -> Vec<(String, Vec<String>)> {
    let mut places = flags(machine);
    let effective = machine.effective();
    let used = effective.and_then(|(effective, host)| effective.rustflags(&host?));
    if let Some(used) = used {
        // One flag may be written as several words, and a word may hold a blank.
        let used: Vec<&str> = used.iter().flat_map(|flag| flag.split(' ')).collect();
        places.retain(|(place, words)| {
            place.contains("CARGO_TARGET_")
                || place.contains("target.")
                || words.iter().any(|word| used.contains(&word.as_str()))
        });
    }
    places
}

/// Where flags are set, and their words.
fn flags(machine: &Machine) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (name, value) in machine.env.vars() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let of_target = name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS");
        if of_target || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"].contains(&&*name) {
            // One of the variables separates its words by a control character, so that they can contain blanks.
            let words = value.split([' ', '\x1f']).map(str::to_owned).collect();
            found.push((name.into_owned(), words));
        }
    }
    for value in values::in_files(&machine.chain().files) {
        if value.keys.last().is_some_and(|key| key == "rustflags") {
            let words = value.words.iter().flat_map(|words| words.split(' ')).map(str::to_owned);
            found.push((format!("`{}`, set by {},", value.name(), value.origin), words.collect()));
        }
    }
    found
}

fn measures_coverage(words: &[String]) -> bool {
    words.iter().any(|word| word.strip_prefix("-C").is_some_and(writes_profiles))
        || words.windows(2).any(|pair| ["-C", "--codegen"].contains(&&*pair[0]) && writes_profiles(&pair[1]))
}

fn writes_profiles(option: &str) -> bool {
    option == "instrument-coverage"
        || option.starts_with("instrument-coverage=")
        || option.starts_with("profile-generate")
}

fn has_threads(words: &[String]) -> bool {
    words.iter().any(|word| word.starts_with("-Zthreads"))
        || words.windows(2).any(|pair| pair[0] == "-Z" && pair[1].starts_with("threads"))
}

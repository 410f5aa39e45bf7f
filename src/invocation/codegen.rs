//! `-C` and `-Z`: what each option decides. What is in no list of this file and of [`unstable`] is a bypass.

use crate::invocation::Invocation;
use crate::invocation::raw::unknown;
use crate::invocation::unstable;
use crate::outcome::{Bypass, BypassReason};
use crate::sys::defence;

/// What a `-C` or `-Z` option means for a cached compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It decides contents. The text is `name=value` with the name in its dashed spelling.
    Contents(String),
    /// `-C extra-filename`: decides names, and contents.
    ExtraFilename { text: String, value: String },
    /// `-C incremental`, with its directory.
    Incremental(String),
}

/// The stable `-C` options of rustc 1.95 that only decide contents.
const CODEGEN: &[&str] = &[
    "code-model",
    "codegen-units",
    "collapse-macro-debuginfo",
    "control-flow-guard",
    "debug-assertions",
    "debuginfo",
    "default-linker-libraries",
    "dlltool",
    "dwarf-version",
    "embed-bitcode",
    "force-frame-pointers",
    "force-unwind-tables",
    "inline-threshold",
    "instrument-coverage",
    "jump-tables",
    "link-arg",
    "link-args",
    "link-dead-code",
    "link-self-contained",
    "linker",
    "linker-features",
    "linker-flavor",
    "lto",
    "metadata",
    "no-prepopulate-passes",
    "no-redzone",
    "no-stack-check",
    "no-vectorize-loops",
    "no-vectorize-slp",
    "opt-level",
    "overflow-checks",
    "panic",
    "prefer-dynamic",
    "profile-use",
    "relocation-model",
    "relro-level",
    "rpath",
    "soft-float",
    // Which files it adds depends on the target: `outputs` decides.
    "split-debuginfo",
    "strip",
    "symbol-mangling-version",
    "target-cpu",
    "target-feature",
    "unsafe-allow-abi-mismatch",
];

/// `-C` options with outputs of their own, or with effects outside the crate.
const SIDE_OUTPUTS: &[&str] = &["ar", "profile-generate", "remark", "save-temps"];

/// Arguments for LLVM known to change nothing but code. LLVM's own list has thousands, many of which write files.
const LLVM_ARGS: &[&str] = &[
    "align-all-functions",
    "align-all-nofallthru-blocks",
    "enable-machine-outliner",
    "enable-misched",
    "import-instr-limit",
    "inline-threshold",
    "inlinehint-threshold",
    "sanitizer-coverage-inline-8bit-counters",
    "sanitizer-coverage-level",
    "sanitizer-coverage-pc-table",
    "sanitizer-coverage-stack-depth",
    "sanitizer-coverage-trace-compares",
    "sanitizer-coverage-trace-divs",
    "sanitizer-coverage-trace-geps",
    "unroll-threshold",
    "vectorize-loops",
    "vectorize-slp",
    "wasm-enable-eh",
    "wasm-use-legacy-eh",
];

/// LLVM passes known to change nothing but code.
const PASSES: &[&str] = &["sancov-module"];

/// The meaning of `-C <text>`.
pub fn codegen(text: &str) -> Result<Meaning, BypassReason> {
    let (name, value) = split(text);
    if SIDE_OUTPUTS.contains(&name.as_str()) {
        if !defence::stands("options-with-outputs-of-their-own") {
            return Ok(Meaning::Contents(join(&name, value)));
        }
        return Err(side_output(text));
    }
    let contents = match name.as_str() {
        "help" => return Err(BypassReason::new(Bypass::Query, format!("-C {text}"))),
        "incremental" => match value {
            Some(value) => return Ok(Meaning::Incremental(value.to_owned())),
            None => return Err(unknown(format!("-C {text}"))),
        },
        "extra-filename" => {
            let value = value.filter(|value| !value.contains(['/', '\\']));
            let value = value.ok_or_else(|| unknown(format!("-C {text}")))?.to_owned();
            return Ok(Meaning::ExtraFilename { text: join(&name, Some(&value)), value });
        }
        "linker-plugin-lto" => value.is_none_or(is_bool),
        "llvm-args" => value.is_some_and(|value| value.split(' ').all(is_harmless_llvm_arg)),
        "passes" => value.is_some_and(|value| value.split(' ').all(|pass| PASSES.contains(&pass))),
        known if CODEGEN.contains(&known) => true,
        _ if !defence::stands("unknown-codegen-options-are-refused") => true,
        _ => return Err(unknown(format!("-C {text}"))),
    };
    if contents { Ok(Meaning::Contents(join(&name, value))) } else { Err(side_output(text)) }
}

fn side_output(text: &str) -> BypassReason {
    BypassReason::new(Bypass::SideOutput, format!("-C {text}"))
}

/// The meaning of `-Z <text>`.
pub fn debugging(text: &str) -> Result<Meaning, BypassReason> {
    let (name, value) = split(text);
    if unstable::is_query(&name) {
        Err(BypassReason::new(Bypass::Query, format!("-Z {text}")))
    } else if unstable::is_understood(&name, value) {
        Ok(Meaning::Contents(join(&name, value)))
    } else {
        if !defence::stands("unknown-unstable-options-are-refused") {
            return Ok(Meaning::Contents(join(&name, value)));
        }
        Err(unknown(format!("-Z {text}")))
    }
}

impl Invocation {
    /// Whether a `-Z` option was given, with whatever value.
    pub fn has_unstable(&self, name: &str) -> bool {
        let mut options = self.flags.iter().filter(|flag| flag.name == "Z");
        options.any(|flag| flag.value.to_str().is_some_and(|text| split(text).0 == name))
    }

    /// The values of a `-C` option in argv order, `None` where it was given without one. Of most options the last
    /// one counts.
    pub fn codegen<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Option<&'a str>> {
        let flags = self.flags.iter().filter(|flag| flag.name == "codegen");
        flags.filter_map(move |flag| {
            let text = flag.value.to_str()?;
            match text.split_once('=') {
                Some((found, value)) => (found == name).then_some(Some(value)),
                None => (text == name).then_some(None),
            }
        })
    }
}

/// Underscores and dashes are the same to rustc.
fn split(text: &str) -> (String, Option<&str>) {
    match text.split_once('=') {
        Some((name, value)) => (name.replace('_', "-"), Some(value)),
        None => (text.replace('_', "-"), None),
    }
}

fn join(name: &str, value: Option<&str>) -> String {
    value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"))
}

fn is_bool(value: &str) -> bool {
    matches!(value, "y" | "yes" | "on" | "true" | "n" | "no" | "off" | "false")
}

fn is_harmless_llvm_arg(arg: &str) -> bool {
    let arg = arg.trim_start_matches('-');
    arg.is_empty() || LLVM_ARGS.contains(&arg.split_once('=').map_or(arg, |(name, _)| name))
}

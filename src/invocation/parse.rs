//! From options and values to an [`Invocation`], or to the reason why there is none.
//!
//! Everything here is an allow-list: an option, a value or a combination that is not known to be understood is a
//! bypass. What rustc would refuse is a bypass too, so that rustc itself says so.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::invocation::codegen::{self, Meaning};
use crate::invocation::raw::{self, ArgumentPosition, RawOption, ReadFile, unknown};
use crate::invocation::{
    CrateType, Extern, Flag, Invocation, NativeLib, SearchKind, SearchPath, Target, emit,
};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::defence;

/// What `--json` may ask for.
const JSON: &[&str] = &[
    "artifacts",
    "diagnostic-rendered-ansi",
    "diagnostic-short",
    "diagnostic-unicode",
    "future-incompat",
    // Lines about the time that sections took, which are not kept.
    "timings",
    "unused-externs",
    "unused-externs-silent",
];

const LINK_MODIFIERS: &[&str] = &["as-needed", "bundle", "export-symbols", "verbatim", "whole-archive"];

/// Understands the arguments that follow the compiler's path.
pub fn parse(args: &[OsString], read_file: ReadFile<'_>) -> Result<Invocation, BypassReason> {
    let raw = raw::split(args, read_file)?;
    if defence::stands("questions-to-the-compiler") {
        refuse_queries(&raw.options)?;
    }
    let mut seen = Seen::default();
    for option in raw.options {
        seen.option(option)?;
    }
    seen.finish(&raw.sources, raw.argument_files)
}

/// A question is one wherever it stands: rustc answers it and ignores the rest.
fn refuse_queries(options: &[RawOption]) -> Result<(), BypassReason> {
    let query = options.iter().find(|option| match option.name {
        "help" | "version" | "print" | "explain" => true,
        "codegen" | "Z" | "allow" | "warn" | "force-warn" | "deny" | "forbid" => option.value == "help",
        _ => false,
    });
    match query {
        Some(option) => Err(BypassReason::new(Bypass::Query, format!("--{} {}", option.name, option.value))),
        None => Ok(()),
    }
}

/// What has been read of argv so far.
#[derive(Default)]
struct Seen {
    crate_name: Option<String>,
    crate_types: Vec<CrateType>,
    test: bool,
    target: Option<Target>,
    out_dir: Option<PathBuf>,
    extra_filename: OsString,
    emits: Vec<emit::Emit>,
    externs: Vec<Extern>,
    search_paths: Vec<SearchPath>,
    native_libs: Vec<NativeLib>,
    flags: Vec<Flag>,
    json_diagnostics: bool,
    json_artifacts: bool,
    left_out: Vec<usize>,
    incremental: Option<PathBuf>,
}

impl Seen {
    fn option(&mut self, option: RawOption) -> Result<(), BypassReason> {
        let RawOption { name, value, position } = option;
        match name {
            "crate-name" => self.crate_name = Some(crate_name(value)?),
            "crate-type" => self.add_crate_types(&value)?,
            "test" => self.test = true,
            "target" => self.target = Some(target(value)?),
            "out-dir" => self.out_dir = Some(PathBuf::from(value)),
            "emit" => emit::add(&mut self.emits, &value)?,
            "extern" => self.externs.push(extern_crate(&value)?),
            "L" => self.search_paths.push(search_path(&value)?),
            "l" => self.native_libs.push(native_lib(&value)?),
            "codegen" => self.codegen(codegen::codegen(&value)?, "codegen", position)?,
            "Z" => self.codegen(codegen::debugging(&value)?, "Z", position)?,
            "g" => self.flag("codegen", "debuginfo=2".to_owned()),
            // Not spelled out: what it stands for has changed between releases.
            "O" => self.flag("O", value),
            "json" => self.json(value)?,
            "error-format" => {
                self.json_diagnostics = value == "json";
                self.flag(name, value);
            }
            "color" | "diagnostic-width" => {}
            "o" if !defence::stands("an-output-with-a-name") => {}
            "o" => return Err(BypassReason::new(Bypass::NotCargo, format!("-o {value}"))),
            "allow" | "warn" | "force-warn" | "deny" | "forbid" | "cap-lints" | "cfg" | "check-cfg"
            | "edition" | "sysroot" | "remap-path-prefix" | "remap-path-scope" | "verbose" => {
                self.flag(name, value);
            }
            _ if !defence::stands("unknown-options-are-refused") => {}
            _ => return Err(unknown(format!("--{name} {value}"))),
        }
        Ok(())
    }

    fn flag(&mut self, name: &'static str, value: String) {
        self.flags.push(Flag { name, value: value.into() });
        if !defence::stands("flags-keep-their-order") {
            self.flags.rotate_right(1);
        }
    }

    fn add_crate_types(&mut self, list: &str) -> Result<(), BypassReason> {
        for item in list.split(',') {
            let crate_type = match item {
                "bin" => CrateType::Bin,
                "lib" | "rlib" => CrateType::Rlib,
                "dylib" => CrateType::Dylib,
                "cdylib" => CrateType::Cdylib,
                "staticlib" => CrateType::Staticlib,
                "proc-macro" => CrateType::ProcMacro,
                _ => return Err(BypassReason::new(Bypass::CrateType, list)),
            };
            if !self.crate_types.contains(&crate_type) {
                self.crate_types.push(crate_type);
            }
        }
        Ok(())
    }

    fn codegen(
        &mut self,
        meaning: Meaning,
        name: &'static str,
        position: ArgumentPosition,
    ) -> Result<(), BypassReason> {
        match (meaning, position) {
            (Meaning::Contents(text), _) => self.flag(name, text),
            (Meaning::ExtraFilename { text, value }, _) => {
                self.extra_filename = value.into();
                self.flag(name, text);
            }
            (Meaning::Incremental(dir), ArgumentPosition::Own { first, count }) => {
                let count = if defence::stands("all-of-incremental-is-dropped") { count } else { 1 };
                self.left_out.extend(first..first + count);
                self.incremental = Some(dir).filter(|dir| !dir.is_empty()).map(PathBuf::from);
            }
            // It cannot be left out by position.
            (Meaning::Incremental(_), ArgumentPosition::Shared) => {
                return Err(unknown("-C incremental in a cluster"));
            }
            (Meaning::Incremental(_), ArgumentPosition::ArgumentFile) => {
                return Err(BypassReason::new(Bypass::ArgumentFile, "-C incremental"));
            }
        }
        Ok(())
    }

    fn json(&mut self, list: String) -> Result<(), BypassReason> {
        if let Some(item) = list.split(',').find(|item| !JSON.contains(item)) {
            return Err(unknown(format!("--json={item}")));
        }
        self.json_artifacts |= list.split(',').any(|item| item == "artifacts");
        self.flag("json", list);
        Ok(())
    }

    fn finish(self, sources: &[String], argument_files: Vec<PathBuf>) -> Result<Invocation, BypassReason> {
        let source = match sources {
            sources
                if defence::stands("source-from-standard-input")
                    && sources.iter().any(|source| source == "-") =>
            {
                return Err(BypassReason::new(Bypass::Stdin, "-"));
            }
            [source] if !source.is_empty() => PathBuf::from(source),
            sources => return Err(BypassReason::new(Bypass::NoSource, sources.join(" "))),
        };
        if self.emits.is_empty() {
            return Err(missing("--emit"));
        }
        let mut crate_types = self.crate_types;
        if crate_types.is_empty() && !self.test {
            crate_types.push(CrateType::Bin);
        }
        Ok(Invocation {
            crate_name: self.crate_name.ok_or_else(|| missing("--crate-name"))?,
            crate_types,
            test: self.test,
            source,
            target: self.target,
            out_dir: self.out_dir.ok_or_else(|| missing("--out-dir"))?,
            extra_filename: self.extra_filename,
            emits: self.emits,
            externs: self.externs,
            search_paths: self.search_paths,
            native_libs: self.native_libs,
            flags: self.flags,
            argument_files,
            json_diagnostics: self.json_diagnostics,
            json_artifacts: self.json_artifacts,
            left_out: self.left_out,
            incremental: self.incremental,
        })
    }
}

fn missing(option: &str) -> BypassReason {
    BypassReason::new(Bypass::NotCargo, format!("no {option}"))
}

/// Part of every file name: no separators.
fn crate_name(name: String) -> Result<String, BypassReason> {
    let valid = !name.is_empty() && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric());
    if valid { Ok(name) } else { Err(unknown(format!("--crate-name {name}"))) }
}

fn target(value: String) -> Result<Target, BypassReason> {
    match value.as_str() {
        "" => Err(unknown("--target")),
        spec if spec.ends_with(".json") => Ok(Target::Spec(PathBuf::from(spec))),
        _ => Ok(Target::Triple(value)),
    }
}

fn extern_crate(value: &str) -> Result<Extern, BypassReason> {
    let (name, path) = match value.split_once('=') {
        Some((_, "")) => return Err(unknown(format!("--extern {value}"))),
        Some((name, path)) => (name, Some(PathBuf::from(path))),
        None => (value, None),
    };
    let (options, name) = name.split_once(':').unwrap_or(("", name));
    let known_options = options.is_empty()
        || options.split(',').all(|option| matches!(option, "priv" | "noprelude" | "nounused" | "force"));
    let valid_name =
        !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if !known_options || !valid_name {
        return Err(unknown(format!("--extern {value}")));
    }
    Ok(Extern { options: options.to_owned(), name: name.to_owned(), path })
}

fn search_path(value: &str) -> Result<SearchPath, BypassReason> {
    const KINDS: &[(&str, SearchKind)] = &[
        ("dependency=", SearchKind::Dependency),
        ("crate=", SearchKind::Crate),
        ("native=", SearchKind::Native),
        ("framework=", SearchKind::Framework),
        ("all=", SearchKind::All),
    ];
    // Another kind is no kind: `-L some=dir` is a directory called `some=dir`.
    let kinds = KINDS.iter().find_map(|(prefix, kind)| Some((*kind, value.strip_prefix(prefix)?)));
    let (kind, path) = kinds.unwrap_or((SearchKind::All, value));
    // `@RUSTC_BUILTIN` stands for a directory of the toolchain, on nightly.
    if path.is_empty() || path.starts_with('@') {
        return Err(unknown(format!("-L {value}")));
    }
    Ok(SearchPath { kind, path: PathBuf::from(path) })
}

fn native_lib(value: &str) -> Result<NativeLib, BypassReason> {
    let (kind, name) = match value.split_once('=') {
        Some((kind, name)) => (Some(kind), name),
        None => (None, value),
    };
    let (kind, modifiers) = match kind.map(|kind| kind.split_once(':').unwrap_or((kind, ""))) {
        Some((kind, modifiers)) => (Some(kind), modifiers),
        None => (None, ""),
    };
    let known_kind = kind.is_none_or(|kind| matches!(kind, "static" | "dylib" | "framework" | "link-arg"));
    let modifiers: Vec<String> =
        modifiers.split(',').filter(|modifier| !modifier.is_empty()).map(str::to_owned).collect();
    let known_modifiers = modifiers.iter().all(|modifier| {
        modifier.strip_prefix(['+', '-']).is_some_and(|modifier| LINK_MODIFIERS.contains(&modifier))
    });
    let (name, rename) = match name.split_once(':') {
        Some((name, rename)) => (name, Some(rename)),
        None => (name, None),
    };
    if !known_kind || !known_modifiers || name.is_empty() || rename == Some("") {
        return Err(unknown(format!("-l {value}")));
    }
    Ok(NativeLib {
        kind: kind.map(str::to_owned),
        modifiers,
        name: name.into(),
        rename: rename.map(OsString::from),
    })
}

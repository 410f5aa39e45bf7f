//! The unit key, the first level of the key: made from all that is known before any source is read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::action::input_kinds::InputKind;
use crate::action::inputs::KeyInputs;
use crate::action::memo::{self, ClosureNote, Known};
use crate::action::portable::{Portable, Root};
use crate::action::snapshot::InputSnapshot;
use crate::action::variables;
use crate::digest::Digest;
use crate::invocation::driver::Driver;
use crate::invocation::{Flag, Invocation, NativeLib, SearchKind, Target};
use crate::key::closure::CrateClosure;
use crate::key::context::KeyContext;
use crate::key::{SCHEMA, capability, declared};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::{defence, fs, host, os};

/// The first level of the key.
pub struct UnitKey {
    /// What it is made from.
    pub inputs: KeyInputs,
    /// The digest of these.
    pub key: Digest,
    /// The files that were read for it, in the state in which they were.
    pub watch: InputSnapshot,
    /// Content of the externs' files, in argv order.
    pub externs: Vec<Digest>,
    /// Procedural macros that could read on their own may run.
    pub runs_macros: bool,
    /// One of them has cargo find the manifest of the workspace.
    pub finds_manifest: bool,
}

/// Why a unit has no key.
#[derive(Debug)]
pub enum NoKey {
    /// It cannot be cached.
    Bypass(BypassReason),
    /// The dependency of this name was compiled incrementally, so its content is not known.
    Edited(String),
}

impl From<BypassReason> for NoKey {
    fn from(reason: BypassReason) -> NoKey {
        NoKey::Bypass(reason)
    }
}

/// Makes the unit key.
pub fn unit(context: &KeyContext<'_>) -> Result<UnitKey, NoKey> {
    if defence::stands("other-sysroots-are-refused") {
        refuse_other_sysroot(context)?;
    }
    if defence::stands("variables-for-side-outputs") {
        refuse_side_output_variables(context)?;
    }
    let mut inputs = KeyInputs::default();
    let mut watch = InputSnapshot::default();
    inputs.text(InputKind::Schema, Portable::literal("schema"), Portable::literal(SCHEMA));
    if !context.salt.is_empty() {
        inputs.digest(InputKind::Salt, Portable::literal("salt"), Digest::hash(context.salt.as_bytes()));
    }
    inputs.digest(
        InputKind::Compiler,
        Portable::literal(&context.toolchain.release),
        context.toolchain.digest,
    );
    inputs.text(InputKind::Paths, Portable::literal("paths"), Portable::literal(context.paths));
    add_arguments(context, &mut inputs);
    add_argument_files(context, &mut inputs, &mut watch)?;
    add_variables(context, &mut inputs, &mut watch);
    add_native_libraries(context, &mut inputs, &mut watch)?;
    add_extra_inputs(context, &mut inputs, &mut watch)?;
    let externs = add_externs(context, &mut inputs, &mut watch)?;
    let runs_macros = defence::stands("macros-behind-the-externs")
        && externs.iter().any(|known| known.closure == ClosureNote::Macros);
    let externs: Vec<Digest> = externs.into_iter().map(|known| known.digest).collect();
    let mut finds_manifest = false;
    if runs_macros {
        let closure = closure_of_externs(context, &externs)?;
        add_macros(context, &closure, &mut inputs)?;
        finds_manifest =
            closure.hidden_readers().any(|(_, procedural_macro)| procedural_macro.finds_manifest);
    }
    let key = inputs.key();
    Ok(UnitKey { inputs, key, watch, externs, runs_macros, finds_manifest })
}

/// The identity of the compiler covers the std of its own sysroot, not another one.
fn refuse_other_sysroot(context: &KeyContext<'_>) -> Result<(), BypassReason> {
    let own = fs::canonical(&context.toolchain.sysroot).ok();
    for flag in context.invocation.flags.iter().filter(|flag| flag.name == "sysroot") {
        if own.is_none() || fs::canonical(&context.build_dirs.cwd.join(&flag.value)).ok() != own {
            let detail = format!("--sysroot {}", flag.value.to_string_lossy());
            return Err(BypassReason::new(Bypass::UnknownCompiler, detail));
        }
    }
    Ok(())
}

/// Variables by which linkers and their drivers are asked to write another file, wherever that may be.
const SIDE_OUTPUT_VARIABLES: &[&str] = &[
    "CC_LOG_DIAGNOSTICS_FILE",
    "CC_PRINT_HEADERS_FILE",
    "CC_PRINT_INTERNAL_STAT_FILE",
    "CC_PRINT_OPTIONS_FILE",
    "CC_PRINT_PROC_STAT_FILE",
    "LINK_REPRO",
    "LLD_REPRODUCE",
    "MOLD_REPRO",
];

/// A hit would not write these files.
fn refuse_side_output_variables(context: &KeyContext<'_>) -> Result<(), BypassReason> {
    if !links_output(context) {
        return Ok(());
    }
    for name in SIDE_OUTPUT_VARIABLES {
        if context.env.get(name).is_some_and(|value| !value.is_empty()) {
            return Err(BypassReason::new(Bypass::SideOutput, *name));
        }
    }
    Ok(())
}

/// Whether the linker runs for one of the outputs.
fn links_output(context: &KeyContext<'_>) -> bool {
    context.outputs.iter().any(|output| output.role.is_linked())
}

fn add_arguments(context: &KeyContext<'_>, inputs: &mut KeyInputs) {
    let invocation = context.invocation;
    add_argument(context, inputs, "crate-name", invocation.crate_name.as_bytes());
    for crate_type in &invocation.crate_types {
        add_argument(context, inputs, "crate-type", format!("{crate_type:?}").as_bytes());
    }
    if invocation.test {
        add_argument(context, inputs, "test", b"");
    }
    if let Some(Target::Triple(triple)) = &invocation.target {
        add_argument(context, inputs, "target", triple.as_bytes());
    }
    for output in context.outputs {
        add_argument(context, inputs, "output", format!("{:?}", output.role).as_bytes());
    }
    let is_linked = links_output(context);
    let mut flags = Cow::Borrowed(&invocation.flags);
    if !defence::stands("the-order-of-arguments") {
        flags.to_mut().sort_by(|a, b| (a.name, &a.value).cmp(&(b.name, &b.value)));
    }
    for flag in flags.iter() {
        if let Some(texts) = remapping(context, flag) {
            for (name, text) in &texts {
                add_argument(context, inputs, name, text);
            }
        } else if is_linked || !is_for_linker(flag) {
            add_argument(context, inputs, flag.name, os::bytes(&flag.value));
        }
    }
    for path in invocation.search_paths.iter().filter(|path| path.kind != SearchKind::Dependency) {
        let name = format!("search-{:?}", path.kind).to_lowercase();
        add_argument(context, inputs, &name, os::bytes(&path.path));
    }
    for library in &invocation.native_libs {
        let kind = format!("{}:{}", library.kind.as_deref().unwrap_or_default(), library.modifiers.join(","));
        let rename = library.rename.as_ref().map_or(&[][..], |name| os::bytes(name));
        add_argument(context, inputs, "library-kind", kind.as_bytes());
        add_argument(context, inputs, "library", os::bytes(&library.name));
        add_argument(context, inputs, "library-rename", rename);
    }
    if defence::stands("relative-paths-to-libraries") && has_rpath(invocation) && is_linked {
        add_rpath(context, inputs);
    }
    add_source_path(context, inputs);
}

fn add_argument(context: &KeyContext<'_>, inputs: &mut KeyInputs, name: &str, value: &[u8]) {
    if defence::counts(format_args!("argument {name} {}", value.escape_ascii())) {
        inputs.text(InputKind::Argument, Portable::literal(name), context.build_dirs.roots.tokenize(value));
    }
}

/// Whether `-C rpath` is given and not turned off.
fn has_rpath(invocation: &Invocation) -> bool {
    let last = invocation.codegen("rpath").next_back();
    last.is_some_and(|value| !matches!(value, Some("n" | "no" | "off" | "false")))
}

/// The rpath is relative: it leads from where the outputs really are to where the toolchain really is.
fn add_rpath(context: &KeyContext<'_>, inputs: &mut KeyInputs) {
    let out_dir = context.build_dirs.cwd.join(&context.invocation.out_dir);
    for path in [&out_dir, &context.toolchain.sysroot] {
        let path = if defence::stands("libraries-from-where-links-lead") {
            fs::canonical(path).unwrap_or_else(|_| path.clone())
        } else {
            path.clone()
        };
        inputs.text(InputKind::Paths, Portable::literal("rpath"), Portable::literal(os::bytes(&path)));
    }
}

/// Where the crate root is, and for packages from outside the workspace, the working directory.
fn add_source_path(context: &KeyContext<'_>, inputs: &mut KeyInputs) {
    let source = context.portable(os::bytes(&context.invocation.source));
    if defence::stands("where-the-crate-root-lies") {
        inputs.text(InputKind::SourcePath, Portable::literal("source"), source);
    }
    if !context.build_dirs.member {
        let directory = context.portable(os::bytes(&context.build_dirs.cwd));
        if defence::stands("directories-of-packages-outside") {
            inputs.text(InputKind::SourcePath, Portable::literal("directory"), directory);
        }
    }
}

/// Whether only a link reads this option. Cargo makes the path of a linker in a project's configuration absolute, so it
/// differs between checkouts.
fn is_for_linker(flag: &Flag) -> bool {
    let options: [&[u8]; 3] = [b"linker=", b"link-arg=", b"link-args="];
    flag.name == "codegen" && options.iter().any(|option| os::bytes(&flag.value).starts_with(option))
}

/// What a `--remap-path-prefix` of the user's own does. The directory is named from the build directory if that lies in
/// it: packages from elsewhere know no workspace. Which other directories lie in it, and where, decides as well: of
/// those, an output holds no real path that it could be bound to.
fn remapping(context: &KeyContext<'_>, flag: &Flag) -> Option<Vec<(&'static str, Vec<u8>)>> {
    let value = os::bytes(&flag.value);
    // rustc splits at the last one.
    let at = memchr::memrchr(b'=', value).filter(|_| flag.name == "remap-path-prefix")?;
    let (from, to) = (os::path(&value[..at])?, &value[at + 1..]);
    let roots = &context.build_dirs.roots;
    let mut named = os::bytes(&from).to_vec();
    if let Some(target) = context.build_dirs.target.as_deref()
        && let Ok(below) = target.strip_prefix(&from)
        && roots.spellings().all(|(path, _)| path != os::bytes(&from))
    {
        named = [os::bytes(target), &b"/..".repeat(below.components().count())].concat();
    }
    let mut texts = vec![(flag.name, [named.as_slice(), b"=", to].concat())];
    let known = roots.spellings().filter_map(|(path, root)| Some((root.token(), os::path(path)?)));
    let others =
        [("directory", context.build_dirs.cwd.clone()), ("sysroot", context.toolchain.sysroot.clone())]
            .into_iter();
    for (name, path) in known.chain(others) {
        if defence::stands("what-lies-in-remapped-directories")
            && let Ok(below) = path.strip_prefix(&from)
        {
            texts.push((name, os::bytes(below).to_vec()));
        }
    }
    Some(texts)
}

/// Crates of the toolchain itself, which need no path.
const OWN_CRATES: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];

/// The specification of a target that the compiler finds by its name: in `RUST_TARGET_PATH`, or in its sysroot.
fn found_specification(context: &KeyContext<'_>) -> Option<PathBuf> {
    let Some(Target::Triple(triple)) = &context.invocation.target else { return None };
    let path_variable = context.env.get("RUST_TARGET_PATH").unwrap_or_default();
    let listed = os::split_paths(path_variable)
        .map(|dir| context.build_dirs.cwd.join(dir).join(format!("{triple}.json")));
    let own = context.toolchain.sysroot.join("lib/rustlib").join(triple).join("target.json");
    listed.chain([own]).find(|path| fs::metadata(path).is_ok())
}

/// Files that arguments name: target specifications and profiles.
fn add_argument_files(
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    let mut paths: Vec<(&str, PathBuf)> = Vec::new();
    if let Some(Target::Spec(path)) = &context.invocation.target {
        paths.push(("target", path.clone()));
    }
    if let Some(path) =
        found_specification(context).filter(|_| defence::stands("targets-found-by-their-names"))
    {
        // It may name a linker, and files for it.
        if links_output(context) {
            return Err(BypassReason::new(Bypass::Linker, path.to_string_lossy()));
        }
        paths.push(("target", path));
    }
    for flag in context.invocation.flags.iter().filter(|flag| matches!(flag.name, "codegen" | "Z")) {
        let value = os::bytes(&flag.value);
        if let Some(path) = value.strip_prefix(b"profile-use=").and_then(os::path) {
            paths.push(("profile-use", path));
        }
        if value == b"target-cpu=native" || value == b"tune-cpu=native" {
            let cpu = host::cpu_description().ok_or_else(|| {
                BypassReason::new(Bypass::UnknownCompiler, "native code for a processor that cannot be told")
            })?;
            inputs.digest(InputKind::Processor, Portable::literal("native"), Digest::hash(&cpu));
        }
    }
    for (name, path) in paths {
        let path = context.build_dirs.cwd.join(path);
        if !defence::stands("unreadable-argument-files-are-refused") && memo::hash_file(&path).is_err() {
            continue;
        }
        let (digest, identity) = memo::hash_file(&path).map_err(|e| unreadable(&path, &e))?;
        inputs.digest(InputKind::ArgumentFile, Portable::literal(name), digest);
        watch.add(path, identity);
    }
    Ok(())
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> BypassReason {
    BypassReason::new(Bypass::UnreadableInput, format!("{}: {error}", path.display()))
}

/// Variables that the compiler or the linker reads without telling.
const COMPILER_VARIABLES: &[&str] = &[
    "GLIBC_TUNABLES",
    "RUSTC_BOOTSTRAP",
    "RUSTC_FORCE_RUSTC_VERSION",
    "RUSTC_FORCE_INCR_COMP_ARTIFACT_HEADER",
    "RUST_TARGET_PATH",
    "SDKROOT",
    "MACOSX_DEPLOYMENT_TARGET",
    "IPHONEOS_DEPLOYMENT_TARGET",
    "TVOS_DEPLOYMENT_TARGET",
    "WATCHOS_DEPLOYMENT_TARGET",
    "XROS_DEPLOYMENT_TARGET",
    "SOURCE_DATE_EPOCH",
];
const LINK_VARIABLES: &[&str] = &[
    "CCC_OVERRIDE_OPTIONS",
    "COMPILER_PATH",
    "CPATH",
    "C_INCLUDE_PATH",
    "DEVELOPER_DIR",
    "GCC_EXEC_PREFIX",
    "GCC_SPECS",
    "GNUTARGET",
    "LDEMULATION",
    "LD_RUN_PATH",
    "LIB",
    "LIBRARY_PATH",
    "LINK",
    "TOOLCHAINS",
    "ZERO_AR_DATE",
    "_LINK_",
];
const CLIPPY_VARIABLES: &[&str] =
    &["CLIPPY_ARGS", "CLIPPY_CONF_DIR", "CLIPPY_DISABLE_DOCS_LINKS", "CARGO_PRIMARY_PACKAGE", "SYSROOT"];

/// What cargo tells about the package, as far as it comes from the manifest alone.
const PACKAGE_VARIABLES: &[&str] = &[
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
];

fn add_variables(context: &KeyContext<'_>, inputs: &mut KeyInputs, watch: &mut InputSnapshot) {
    add_set_variables(context, inputs, InputKind::CompilerVariable, COMPILER_VARIABLES);
    add_set_variables(context, inputs, InputKind::PackageVariable, PACKAGE_VARIABLES);
    if links_output(context) && defence::stands("variables-that-linkers-read") {
        add_set_variables(context, inputs, InputKind::CompilerVariable, LINK_VARIABLES);
    }
    if context.driver == Driver::Clippy && defence::stands("clippy-is-another-compiler") {
        if defence::stands("variables-that-clippy-reads") {
            add_set_variables(context, inputs, InputKind::CompilerVariable, CLIPPY_VARIABLES);
        }
        add_lint_config(context, inputs, watch);
    }
    // Declaring a variable is an input itself: it leads away from entries made before it was declared.
    for name in context.declared_variables {
        let value = context.env.get(name).map(|value| Portable::literal(os::bytes(value)));
        inputs.variable(InputKind::DeclaredVariable, Portable::literal(name), value.as_ref());
    }
}

/// Adds those of the variables `names` that are set.
fn add_set_variables(context: &KeyContext<'_>, inputs: &mut KeyInputs, kind: InputKind, names: &[&str]) {
    for name in names {
        if let Some(value) = context.env.get(name) {
            inputs.variable(kind, Portable::literal(name), Some(&context.portable(os::bytes(value))));
        }
    }
}

/// clippy reads the first `clippy.toml` above the package; rustc's dep-info names one that is there, but not the
/// places where one could appear. Its lints of manifests read those and the lock file.
fn add_lint_config(context: &KeyContext<'_>, inputs: &mut KeyInputs, watch: &mut InputSnapshot) {
    let Some(start) = context.env.get("CLIPPY_CONF_DIR").or_else(|| context.env.get("CARGO_MANIFEST_DIR"))
    else {
        return;
    };
    let start = context.build_dirs.cwd.join(start);
    let configurations =
        start.ancestors().flat_map(|dir| [".clippy.toml", "clippy.toml"].map(|name| dir.join(name)));
    let package = context.env.get("CARGO_MANIFEST_DIR").map_or(&*context.build_dirs.cwd, Path::new);
    let manifests = [package.join("Cargo.toml")].into_iter();
    let of_workspace = ["Cargo.toml", "Cargo.lock"].map(|name| context.build_dirs.cwd.join(name));
    for path in configurations.chain(manifests).chain(of_workspace) {
        match memo::hash_file(&path) {
            Ok((digest, identity)) => {
                inputs.digest(InputKind::LintConfig, context.portable(os::bytes(&path)), digest);
                watch.add(path, identity);
            }
            Err(_) => watch.add_absent(path),
        }
    }
}

/// Static libraries go into the output whole. Those that this checkout or its builds made count even unnamed: a
/// `#[link]` attribute may ask for them.
fn add_native_libraries(
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    let dirs = context.search_dirs(&[SearchKind::Native, SearchKind::All]);
    let mut libraries = Vec::new();
    for library in &context.invocation.native_libs {
        if library.kind.as_deref() == Some("static") {
            let Some(path) = find_static(library, &dirs) else {
                return Err(BypassReason::new(Bypass::NativeLibrary, library.name.to_string_lossy()));
            };
            libraries.push(path);
        }
    }
    for dir in &dirs {
        if is_own(context, dir) && defence::stands("archives-that-no-argument-names") {
            let mut listed = fs::list(dir).unwrap_or_default();
            listed.retain(|path| path.extension().is_some_and(|suffix| suffix == "a" || suffix == "lib"));
            libraries.extend(listed);
        }
    }
    libraries.sort();
    libraries.dedup();
    for path in libraries {
        let (known, identity) = context.memo.digest(&path).map_err(|e| unreadable(&path, &e))?;
        inputs.digest(InputKind::StaticLibrary, context.portable(os::bytes(&path)), known.digest);
        watch.add(path, identity);
    }
    Ok(())
}

/// Whether this package, or a person, put what is in `dir` there. What other build scripts made goes into the
/// crates that they belong to.
fn is_own(context: &KeyContext<'_>, dir: &Path) -> bool {
    if is_below_variable(context, "OUT_DIR", dir) {
        return true;
    }
    let in_checkout = is_below_variable(context, "CARGO_MANIFEST_DIR", dir)
        || context.build_dirs.member && dir.starts_with(&context.build_dirs.cwd);
    let in_target = context.build_dirs.target.as_ref().is_some_and(|target| dir.starts_with(target));
    in_checkout && !in_target
}

/// Whether `dir` is in the directory that this variable names.
fn is_below_variable(context: &KeyContext<'_>, variable: &str, dir: &Path) -> bool {
    context.env.get(variable).is_some_and(|parent| dir.starts_with(parent))
}

/// The one file that `-l static=name` can mean; `None` where there is none, or two spellings in one directory.
fn find_static(library: &NativeLib, dirs: &[PathBuf]) -> Option<PathBuf> {
    let name = os::bytes(&library.name);
    let verbatim = library.modifiers.iter().any(|modifier| modifier == "+verbatim");
    let spellings: Vec<Vec<u8>> = if verbatim {
        vec![name.to_vec()]
    } else {
        vec![[b"lib", name, b".a"].concat(), [name, b".lib"].concat(), [name, b".a"].concat()]
    };
    for dir in dirs {
        let candidates = spellings.iter().filter_map(|spelling| Some(dir.join(os::path(spelling)?)));
        let mut found = candidates.filter(|path| fs::metadata(path).is_ok());
        if let Some(path) = found.next() {
            return found.next().is_none().then_some(path);
        }
    }
    None
}

/// `[package.metadata.kache] extra-inputs`. Registry and git packages cannot declare any: they are what they are.
fn add_extra_inputs(
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    let Some(package) = context.env.get("CARGO_MANIFEST_DIR") else { return Ok(()) };
    if context.portable(os::bytes(package)).is_under(Root::CargoHome) {
        return Ok(());
    }
    let declared_paths = declared::extra_inputs(Path::new(package))
        .map_err(|detail| BypassReason::new(Bypass::UnreadableInput, format!("extra-inputs: {detail}")))?;
    for path in declared_paths {
        let digest = declared::tree(&path, context.memo, watch).map_err(|e| unreadable(&path, &e))?;
        inputs.digest(InputKind::DeclaredFile, context.portable(os::bytes(&path)), digest);
    }
    Ok(())
}

fn add_externs(
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<Vec<Known>, NoKey> {
    let mut externs = Vec::new();
    for this in &context.invocation.externs {
        let name = Portable::literal(format!("{}:{}", this.options, this.name));
        let Some(path) = &this.path else {
            if !OWN_CRATES.contains(&this.name.as_str()) {
                return Err(BypassReason::new(Bypass::UnknownExtern, &this.name).into());
            }
            inputs.text(InputKind::Extern, name, Portable::literal("by name"));
            continue;
        };
        let path = context.build_dirs.cwd.join(path);
        let (mut known, identity) = context.memo.digest(&path).map_err(|e| unreadable(&path, &e))?;
        if known.closure == ClosureNote::Edited && defence::stands("dependents-of-edits-have-no-key") {
            return Err(NoKey::Edited(this.name.clone()));
        }
        if known.closure == ClosureNote::Unknown {
            let closure =
                context.known.closure(&known.digest).or_else(|| context.known.adopt(&path, &known.digest));
            let closure = closure.ok_or_else(|| BypassReason::new(Bypass::UnknownExtern, &this.name))?;
            known.closure = closure.note();
            if !memo::is_racy(&identity) {
                context.memo.set(&identity, known);
            }
        }
        inputs.digest(InputKind::Extern, name, known.digest);
        watch.add(path, identity);
        externs.push(known);
    }
    Ok(externs)
}

/// Content of the externs' files, where all can be read.
pub fn extern_digests(context: &KeyContext<'_>) -> Option<Vec<Digest>> {
    let paths = context.invocation.externs.iter().filter_map(|this| this.path.as_ref());
    paths.map(|path| Some(context.memo.digest(&context.build_dirs.cwd.join(path)).ok()?.0.digest)).collect()
}

/// The crate closure of these externs.
pub fn closure_of_externs(
    context: &KeyContext<'_>,
    externs: &[Digest],
) -> Result<CrateClosure, BypassReason> {
    let mut all = CrateClosure::default();
    for extern_digest in externs {
        let closure = context.known.closure(extern_digest);
        all.extend(closure.ok_or_else(|| BypassReason::new(Bypass::UnknownExtern, extern_digest.to_hex()))?);
    }
    Ok(all)
}

/// What procedural macros could read and no observation shows: variables whose names appear in their libraries, and
/// those that the package's build script declared.
fn add_macros(
    context: &KeyContext<'_>,
    closure: &CrateClosure,
    inputs: &mut KeyInputs,
) -> Result<(), BypassReason> {
    let mut readable = String::new();
    for (stem, procedural_macro) in closure.hidden_readers() {
        inputs.digest(InputKind::Macro, stem.clone(), procedural_macro.digest);
        let names = context.known.library_variable_names(&procedural_macro.digest);
        readable += &names.ok_or_else(|| BypassReason::new(Bypass::UnknownExtern, stem.to_string()))?;
        readable.push('\n');
    }
    if defence::stands("profiles-that-macros-write") && capability::writes_profile(&readable) {
        let why = "a procedural macro writes a profile each time that it runs";
        return Err(BypassReason::new(Bypass::SideOutput, why));
    }
    for name in variables::read_among(context.env, &readable) {
        inputs.variable(InputKind::MacroVariable, Portable::literal(name), context.asked(name).as_ref());
    }
    if let Some(out_dir) = context.env.get("OUT_DIR").map(Path::new) {
        let declared = declared::rerun_if(out_dir, context.build_dirs.target.as_deref());
        let declared = declared.map_err(|e| unreadable(out_dir, &e))?;
        for name in declared.variables {
            let value = context.env.get(&name).map(|value| context.portable(os::bytes(value)));
            if defence::stands("variables-that-build-scripts-watch") {
                inputs.variable(InputKind::DeclaredVariable, Portable::literal(&name), value.as_ref());
            }
        }
    }
    Ok(())
}

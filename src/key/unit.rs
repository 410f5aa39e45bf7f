//! The first level of the key: all that is known before any source is read.

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
use crate::invocation::{Flag, NativeLib, SearchKind, Target};
use crate::key::closure::CrateClosure;
use crate::key::context::KeyContext;
use crate::key::{SCHEMA, capability, declared};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::{defence, fs, host, os};

/// The first level of the key, made.
pub struct Unit {
    pub inputs: KeyInputs,
    pub key: Digest,
    pub watch: InputSnapshot,
    /// Content of the externs' files, in argv order.
    pub externs: Vec<Digest>,
    /// Procedural macros that could read on their own may run.
    pub runs_macros: bool,
    /// One of them has cargo find the manifest of the workspace.
    pub finds_manifest: bool,
}

/// Makes the unit key.
pub fn unit(context: &KeyContext<'_>) -> Result<Unit, BypassReason> {
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
    Ok(Unit { inputs, key, watch, externs, runs_macros, finds_manifest })
}

/// The identity of the compiler covers the std of its own sysroot, not another one.
fn refuse_other_sysroot(context: &KeyContext<'_>) -> Result<(), BypassReason> {
    let own = fs::canonical(&context.toolchain.sysroot).ok();
    let is_own = |path: PathBuf| own.is_some() && fs::canonical(&path).ok() == own;
    let flags = context.invocation.flags.iter().filter(|flag| flag.name == "sysroot");
    match flags.map(|flag| &flag.value).find(|value| !is_own(context.build_dirs.cwd.join(value))) {
        Some(value) => {
            Err(BypassReason::new(Bypass::UnknownCompiler, format!("--sysroot {}", value.to_string_lossy())))
        }
        None => Ok(()),
    }
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
    let links = context.outputs.iter().any(|output| output.role.is_linked());
    let is_set = |name: &&&str| context.env.get(name).is_some_and(|value| !value.is_empty());
    match SIDE_OUTPUT_VARIABLES.iter().find(is_set).filter(|_| links) {
        Some(name) => Err(BypassReason::new(Bypass::SideOutput, *name)),
        None => Ok(()),
    }
}

fn add_arguments(context: &KeyContext<'_>, inputs: &mut KeyInputs) {
    let invocation = context.invocation;
    let mut argument = |name: &str, value: &[u8]| {
        if defence::counts(format_args!("argument {name} {}", value.escape_ascii())) {
            inputs.text(
                InputKind::Argument,
                Portable::literal(name),
                context.build_dirs.roots.tokenize(value),
            );
        }
    };
    argument("crate-name", invocation.crate_name.as_bytes());
    for crate_type in &invocation.crate_types {
        argument("crate-type", format!("{crate_type:?}").as_bytes());
    }
    if invocation.test {
        argument("test", b"");
    }
    if let Some(Target::Triple(triple)) = &invocation.target {
        argument("target", triple.as_bytes());
    }
    for output in context.outputs {
        argument("output", format!("{:?}", output.role).as_bytes());
    }
    let is_linked = context.outputs.iter().any(|output| output.role.is_linked());
    let mut flags = Cow::Borrowed(&invocation.flags);
    if !defence::stands("the-order-of-arguments") {
        flags.to_mut().sort_by(|a, b| (a.name, &a.value).cmp(&(b.name, &b.value)));
    }
    for flag in flags.iter() {
        if let Some(texts) = remapping(context, flag) {
            texts.iter().for_each(|(name, text)| argument(name, text));
        } else if is_linked || !is_for_linker(flag) {
            argument(flag.name, os::bytes(&flag.value));
        }
    }
    for path in invocation.search_paths.iter().filter(|path| path.kind != SearchKind::Dependency) {
        argument(&format!("search-{:?}", path.kind).to_lowercase(), os::bytes(&path.path));
    }
    for library in &invocation.native_libs {
        let kind = format!("{}:{}", library.kind.as_deref().unwrap_or_default(), library.modifiers.join(","));
        argument("library-kind", kind.as_bytes());
        argument("library", os::bytes(&library.name));
        argument("library-rename", library.rename.as_ref().map_or(&[], |name| os::bytes(name)));
    }
    // It leads from the outputs to the toolchain, by a relative path between where they really are.
    let is_on = |value: Option<&str>| !matches!(value, Some("n" | "no" | "off" | "false"));
    let has_rpath = invocation.codegen("rpath").next_back().is_some_and(is_on);
    if defence::stands("relative-paths-to-libraries") && has_rpath && is_linked {
        let out_dir = context.build_dirs.cwd.join(&invocation.out_dir);
        for path in [&out_dir, &context.toolchain.sysroot] {
            let path = if defence::stands("libraries-from-where-links-lead") {
                fs::canonical(path).unwrap_or_else(|_| path.clone())
            } else {
                path.clone()
            };
            inputs.text(InputKind::Paths, Portable::literal("rpath"), Portable::literal(os::bytes(&path)));
        }
    }
    let source = context.portable(os::bytes(&invocation.source));
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
    let below = |path: &Path| path.strip_prefix(&from).ok().map(Path::to_path_buf);
    let named = match context.build_dirs.target.as_deref().and_then(|target| Some((target, below(target)?))) {
        Some((target, below)) if roots.spellings().all(|(path, _)| path != os::bytes(&from)) => {
            [os::bytes(target), &b"/..".repeat(below.components().count())].concat()
        }
        _ => os::bytes(&from).to_vec(),
    };
    let mut texts = vec![(flag.name, [named.as_slice(), b"=", to].concat())];
    let known = roots.spellings().filter_map(|(path, root)| Some((root.token(), os::path(path)?)));
    let others =
        [("directory", context.build_dirs.cwd.clone()), ("sysroot", context.toolchain.sysroot.clone())]
            .into_iter();
    for (name, path) in known.chain(others) {
        if defence::stands("what-lies-in-remapped-directories") {
            texts.extend(below(&path).map(|below| (name, os::bytes(&below).to_vec())));
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
        if context.outputs.iter().any(|output| output.role.is_linked()) {
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
    let mut variables = |kind: InputKind, names: &mut dyn Iterator<Item = &str>| {
        for name in names {
            if let Some(value) = context.env.get(name) {
                inputs.variable(kind, Portable::literal(name), Some(&context.portable(os::bytes(value))));
            }
        }
    };
    variables(InputKind::CompilerVariable, &mut COMPILER_VARIABLES.iter().copied());
    variables(InputKind::PackageVariable, &mut PACKAGE_VARIABLES.iter().copied());
    let links = context.outputs.iter().any(|output| output.role.is_linked());
    if links && defence::stands("variables-that-linkers-read") {
        variables(InputKind::CompilerVariable, &mut LINK_VARIABLES.iter().copied());
    }
    if context.driver == Driver::Clippy && defence::stands("clippy-is-another-compiler") {
        if defence::stands("variables-that-clippy-reads") {
            variables(InputKind::CompilerVariable, &mut CLIPPY_VARIABLES.iter().copied());
        }
        add_lint_config(context, inputs, watch);
    }
    // Declaring a variable is an input itself: it leads away from entries made before it was declared.
    for name in context.declared_variables {
        let value = context.env.get(name).map(|value| Portable::literal(os::bytes(value)));
        inputs.variable(InputKind::DeclaredVariable, Portable::literal(name), value.as_ref());
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
    let dirs = || {
        let paths = context.invocation.search_paths.iter();
        let native = paths.filter(|path| matches!(path.kind, SearchKind::Native | SearchKind::All));
        native.map(|path| context.build_dirs.cwd.join(&path.path))
    };
    let mut libraries = Vec::new();
    for library in &context.invocation.native_libs {
        if library.kind.as_deref() == Some("static") {
            let found = find_static(library, dirs());
            libraries.push(
                found.ok_or_else(|| {
                    BypassReason::new(Bypass::NativeLibrary, library.name.to_string_lossy())
                })?,
            );
        }
    }
    for dir in dirs().filter(|dir| is_own(context, dir) && defence::stands("archives-that-no-argument-names"))
    {
        let listed = fs::list(&dir).unwrap_or_default();
        let is_archive =
            |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "a" || suffix == "lib");
        libraries.extend(listed.into_iter().filter(is_archive));
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
    let is_below = |root: Option<&Path>| root.is_some_and(|root| dir.starts_with(root));
    let variable = |name: &str| is_below(context.env.get(name).map(Path::new));
    let in_checkout = variable("CARGO_MANIFEST_DIR")
        || context.build_dirs.member && dir.starts_with(&context.build_dirs.cwd);
    variable("OUT_DIR") || in_checkout && !is_below(context.build_dirs.target.as_deref())
}

/// The one file that `-l static=name` can mean; `None` where there is none, or two spellings in one directory.
fn find_static(library: &NativeLib, dirs: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
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
    let refuse =
        |detail: String| BypassReason::new(Bypass::UnreadableInput, format!("extra-inputs: {detail}"));
    for path in declared::extra_inputs(Path::new(package)).map_err(refuse)? {
        let digest = declared::tree(&path, context.memo, watch).map_err(|e| unreadable(&path, &e))?;
        inputs.digest(InputKind::DeclaredFile, context.portable(os::bytes(&path)), digest);
    }
    Ok(())
}

fn add_externs(
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<Vec<Known>, BypassReason> {
    let mut externs = Vec::new();
    for this in &context.invocation.externs {
        let name = Portable::literal(format!("{}:{}", this.options, this.name));
        let Some(path) = &this.path else {
            if !OWN_CRATES.contains(&this.name.as_str()) {
                return Err(BypassReason::new(Bypass::UnknownExtern, &this.name));
            }
            inputs.text(InputKind::Extern, name, Portable::literal("by name"));
            continue;
        };
        let path = context.build_dirs.cwd.join(path);
        let (mut known, identity) = context.memo.digest(&path).map_err(|e| unreadable(&path, &e))?;
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

/// What procedural macros could read and no observation shows: variables whose names stand in their libraries, and
/// those that the package's build script declared.
fn add_macros(
    context: &KeyContext<'_>,
    closure: &CrateClosure,
    inputs: &mut KeyInputs,
) -> Result<(), BypassReason> {
    let mut readable = String::new();
    for (stem, procedural_macro) in closure.hidden_readers() {
        inputs.digest(InputKind::Macro, stem.clone(), procedural_macro.digest);
        let names = context.known.library_words(&procedural_macro.digest);
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

//! Binds an entry to roots whose real paths may stand in an output where a search for their bytes cannot see them.

use memchr::memmem;

use crate::action::portable::Root;
use crate::invocation::Invocation;
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::key::unit::Unit;
use crate::run::path_remap::PathRemap;
use crate::sys::{defence, fs, os};

/// Adds the roots that may stand in an output where a search for their bytes cannot see them.
pub fn bind_to_roots(
    context: &KeyContext<'_>,
    unit: &Unit,
    dep_info: &DepInfo,
    remap: &PathRemap,
    found: &mut Vec<Root>,
) {
    if !remap.maps {
        return;
    }
    let roots = &context.build_dirs.roots;
    let mut bind = |root: Root| {
        if roots.value(root).is_some() && !found.contains(&root) {
            found.push(root);
        }
    };
    if defence::stands("real-paths-bind-to-roots") {
        remap.bound.iter().copied().for_each(&mut bind);
    }
    // Texts in LLVM bitcode are not on byte boundaries: whatever was read of them counts as kept. A macro can ask for
    // any path without a trace. What is linked is no bitcode any more.
    let makes_bitcode = makes_bitcode(context.invocation);
    let keeps_bitcode = makes_bitcode && context.outputs.iter().any(|output| output.role.is_archive());
    if compresses_debug_sections(context.invocation)
        || keeps_bitcode && unit.runs_macros && defence::stands("paths-that-bitcode-hides")
    {
        Root::ALL.into_iter().for_each(&mut bind);
    }
    for (name, value) in &dep_info.variables {
        let value = roots.tokenize(value.as_deref().unwrap_or_default());
        let mut mentioned = Root::ALL.into_iter().filter(|root| value.mentions(*root)).peekable();
        if mentioned.peek().is_some() && (makes_bitcode || !is_only_included(name, context, dep_info)) {
            mentioned.for_each(&mut bind);
        }
    }
    found.sort_unstable();
}

/// Whether every place in the sources that names the variable does it to include a file. A path that is used in any
/// other way may end up in the output in a form that no search finds. Where no source names it, a macro of another
/// crate does: for `OUT_DIR` to include what was generated there, as is the custom, for others to do anything.
fn is_only_included(name: &[u8], context: &KeyContext<'_>, dep_info: &DepInfo) -> bool {
    let quoted = [b"\"", name, b"\""].concat();
    let mut n_named = 0;
    let is_included = |file: &Vec<u8>| {
        let source = os::path(file).and_then(|file| fs::read(&context.build_dirs.cwd.join(file)).ok());
        source.is_some_and(|source| {
            let mut build_dirs = memmem::find_iter(&source, &quoted).inspect(|_| n_named += 1);
            build_dirs.all(|at| is_inside_include(&source[..at]))
        })
    };
    dep_info.files.iter().all(is_included)
        && (n_named > 0 || name == b"OUT_DIR" || !defence::stands("variables-that-foreign-macros-read"))
}

/// Whether `before` ends with `include!(concat!(env!(`, or the same without `concat!`, in any of the three includes.
fn is_inside_include(before: &[u8]) -> bool {
    let Some(before) = strip_call(before, "env") else { return false };
    let before = strip_call(before, "concat").unwrap_or(before);
    ["include", "include_str", "include_bytes"].iter().any(|include| strip_call(before, include).is_some())
}

/// What stands before a call of the macro `name` that `text` ends with.
fn strip_call<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    let text = text.trim_ascii_end().strip_suffix(b"(")?.trim_ascii_end().strip_suffix(b"!")?;
    let text = text.strip_suffix(name.as_bytes())?;
    let continues = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    (!defence::stands("macros-called-like-an-include") || !text.last().is_some_and(continues)).then_some(text)
}

/// Of the linker (`-Wl,--compress-debug-sections=zlib`, which may be cut short), of its driver (`-gz`), and of rustc
/// (`-Z debuginfo-compression=zlib`).
fn compresses_debug_sections(invocation: &Invocation) -> bool {
    invocation.flags.iter().any(|flag| is_compression(os::bytes(&flag.value)))
}

fn is_compression(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 2] = [b"-compress-d", b"debuginfo-compression"];
    let mut words = value.split(|byte| b" =,".contains(byte));
    words.any(|word| word == b"-gz") || NAMES.iter().any(|name| memmem::find(value, name).is_some())
}

fn makes_bitcode(invocation: &Invocation) -> bool {
    let on = |name: &str, off: &[&str]| {
        invocation
            .codegen(name)
            .next_back()
            .is_some_and(|value| !value.is_some_and(|value| off.contains(&value)))
    };
    on("linker-plugin-lto", &["n", "no", "off"])
        || on("lto", &["n", "no", "off", "false"])
        || on("embed-bitcode", &["n", "no", "off", "false"])
}

#[cfg(test)]
mod tests {
    use super::{is_compression, is_inside_include};

    #[test]
    fn a_variable_in_an_include_is_told_from_one_that_is_used() {
        assert!(is_inside_include(b"include!(concat!(env!("));
        assert!(is_inside_include(b"#[doc = include_str!(concat!(\n    env!("));
        assert!(is_inside_include(b"include_bytes!(env!("));
        assert!(is_inside_include(b"std::include!(env!("));
        assert!(!is_inside_include(b"const DIR: &str = env!("));
        assert!(!is_inside_include(b"not_include!(concat!(env!("));
        assert!(!is_inside_include(b"include!(concat!(option_env!("));
        assert!(!is_inside_include(b"const FILE: &str = concat!(env!("));
    }
    #[test]
    fn debug_information_that_is_compressed_is_known_by_every_option() {
        let compresses = [
            "link-arg=-gz",
            "link-args=-s -gz=zlib",
            "link-arg=-Wl,--compress-debug-sections=zstd",
            "link-arg=--compress-debug=zlib",
            "debuginfo-compression=zlib",
        ];
        assert!(compresses.iter().all(|value| is_compression(value.as_bytes())));
        let others = ["link-arg=-g", "link-arg=-Wl,-z,now", "link-arg=a-gz", "debuginfo=2"];
        assert!(!others.iter().any(|value| is_compression(value.as_bytes())));
    }
}

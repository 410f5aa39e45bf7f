//! Binds an entry to roots whose real paths may stand in an output where a search for their bytes cannot see them.

use memchr::memmem;

use crate::action::portable::{Root, Roots};
use crate::invocation::Invocation;
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::key::unit::UnitKey;
use crate::run::compilation_dir;
use crate::run::path_remap::PathRemap;
use crate::sys::{defence, fs, os};

/// Adds the roots that may stand in an output where a search for their bytes cannot see them.
pub fn bind_to_roots(
    context: &KeyContext<'_>,
    unit: &UnitKey,
    dep_info: &DepInfo,
    remap: &PathRemap,
    found: &mut Vec<Root>,
) {
    if !remap.maps {
        return;
    }
    let roots = &context.build_dirs.roots;
    if defence::stands("real-paths-bind-to-roots") {
        for root in remap.bound {
            bind(*root, roots, found);
        }
    }
    // Texts in LLVM bitcode are not on byte boundaries: assume that every path which was read ended up in them. A macro can ask for
    // any path without a trace. What is linked is no bitcode any more.
    let makes_bitcode = makes_bitcode(context.invocation);
    let keeps_bitcode = makes_bitcode && context.outputs.iter().any(|output| output.role.is_archive());
    if compilation_dir::compresses(context.invocation)
        || keeps_bitcode && unit.runs_macros && defence::stands("paths-that-bitcode-hides")
    {
        for root in Root::ALL {
            bind(root, roots, found);
        }
    }
    for (name, value) in &dep_info.variables {
        let value = roots.tokenize(value.as_deref().unwrap_or_default());
        let mut mentioned = Root::ALL.into_iter().filter(|root| value.mentions(*root)).peekable();
        if mentioned.peek().is_some() && (makes_bitcode || !is_only_included(name, context, dep_info)) {
            for root in mentioned {
                bind(root, roots, found);
            }
        }
    }
    found.sort_unstable();
}

/// Adds a root to those `found`, once, if this build has it.
fn bind(root: Root, roots: &Roots, found: &mut Vec<Root>) {
    if roots.value(root).is_some() && !found.contains(&root) {
        found.push(root);
    }
}

/// Whether every place in the sources that names the variable does it to include a file. A path that is used in any
/// other way may end up in the output in a form that no search finds. Where no source names it, a macro of another
/// crate does: for `OUT_DIR` to include what was generated there, as is the custom, for others to do anything.
fn is_only_included(name: &[u8], context: &KeyContext<'_>, dep_info: &DepInfo) -> bool {
    let quoted = [b"\"", name, b"\""].concat();
    let mut is_named = false;
    for file in &dep_info.files {
        let source = os::path(file).and_then(|file| fs::read(&context.build_dirs.cwd.join(file)).ok());
        let Some(source) = source else { return false };
        for at in memmem::find_iter(&source, &quoted) {
            is_named = true;
            if !is_inside_include(&source[..at]) {
                return false;
            }
        }
    }
    is_named || name == b"OUT_DIR" || !defence::stands("variables-that-foreign-macros-read")
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
    let is_part_of_name = defence::stands("macros-called-like-an-include") && ends_in_name(text);
    (!is_part_of_name).then_some(text)
}

/// Whether a name that follows `text` is only the end of a longer name.
fn ends_in_name(text: &[u8]) -> bool {
    text.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii())
}

fn makes_bitcode(invocation: &Invocation) -> bool {
    is_on(invocation, "linker-plugin-lto", &["n", "no", "off"])
        || is_on(invocation, "lto", &["n", "no", "off", "false"])
        || is_on(invocation, "embed-bitcode", &["n", "no", "off", "false"])
}

/// Whether the last `-C name` has another value than those in `off`.
fn is_on(invocation: &Invocation, name: &str, off: &[&str]) -> bool {
    let last = invocation.codegen(name).next_back();
    last.is_some_and(|value| !value.is_some_and(|value| off.contains(&value)))
}

#[cfg(test)]
mod tests {
    use super::is_inside_include;

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
}

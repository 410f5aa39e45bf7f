//! `--emit`: which kinds of output are asked for, and where.

use std::path::PathBuf;

use crate::outcome::{Bypass, BypassReason};
use crate::sys::defence;

/// One requested kind of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emit {
    pub kind: EmitKind,
    /// `--emit kind=path`, as spelled. `None`: a name of the compiler's choice in `--out-dir`.
    pub path: Option<PathBuf>,
}

/// The kinds that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmitKind {
    DepInfo,
    Metadata,
    Link,
}

/// Adds what one `--emit` asks for. As in rustc, a kind given again replaces the path it had.
pub fn add(emits: &mut Vec<Emit>, list: &str) -> Result<(), BypassReason> {
    for item in list.split(',') {
        let emit = parse_item(item)?;
        match emits.iter_mut().find(|earlier| earlier.kind == emit.kind) {
            Some(earlier) => *earlier = emit,
            None => emits.push(emit),
        }
    }
    Ok(())
}

fn parse_item(item: &str) -> Result<Emit, BypassReason> {
    let (kind, path) = match item.split_once('=') {
        Some((kind, path)) => (kind, Some(path)),
        None => (item, None),
    };
    let kind = match kind {
        "dep-info" => EmitKind::DepInfo,
        "metadata" => EmitKind::Metadata,
        "link" => EmitKind::Link,
        _ if !defence::stands("unknown-kinds-of-output") => EmitKind::Metadata,
        _ => return Err(BypassReason::new(Bypass::EmitKind, item)),
    };
    match path {
        // Standard output, or nothing that can be written.
        Some("-" | "") => Err(BypassReason::new(Bypass::EmitKind, item)),
        path => Ok(Emit { kind, path: path.map(PathBuf::from) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(lists: &[&str]) -> Result<Vec<(EmitKind, Option<&'static str>)>, BypassReason> {
        let mut emits = Vec::new();
        lists.iter().try_for_each(|list| add(&mut emits, list))?;
        Ok(emits.iter().map(|emit| (emit.kind, emit.path.as_ref().map(|_| "path"))).collect())
    }

    #[test]
    fn lists_and_repetitions_add_up_in_order() {
        use EmitKind::{DepInfo, Link, Metadata};
        assert_eq!(
            kinds(&["dep-info,metadata=x", "link"]),
            Ok(vec![(DepInfo, None), (Metadata, Some("path")), (Link, None)])
        );
        assert_eq!(kinds(&["link=x,link"]), Ok(vec![(Link, None)]));
        assert_eq!(kinds(&["link,dep-info,link=x"]), Ok(vec![(Link, Some("path")), (DepInfo, None)]));
    }

    #[test]
    fn other_kinds_and_standard_output_are_a_bypass() {
        for list in ["asm", "link,obj", "dep-info=-", "metadata=", "", "link,", "link, metadata", "mir=x"] {
            let reason = kinds(&[list]).expect_err(list);
            assert_eq!(reason.why, Bypass::EmitKind, "{list}");
        }
    }
}

//! The workspace that is built by default. It is embedded in the program.
//!
//! Its lock file is that of kache itself. Cargo drops the packages that the workspace does not need, and everything that
//! remains was needed to build kache.

use std::io;
use std::path::Path;

use crate::sys::fs;

/// The files below `bundled/`. Manifests have another name there, because cargo excludes directories with a manifest
/// from a package.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../bundled/manifest.toml")),
    ("Cargo.lock", include_str!("../../../Cargo.lock")),
    ("app/Cargo.toml", include_str!("../../../bundled/app/manifest.toml")),
    ("app/src/main.rs", include_str!("../../../bundled/app/src/main.rs")),
    ("app/tests/counts_words.rs", include_str!("../../../bundled/app/tests/counts_words.rs")),
    ("digest/Cargo.toml", include_str!("../../../bundled/digest/manifest.toml")),
    ("digest/src/lib.rs", include_str!("../../../bundled/digest/src/lib.rs")),
    ("macros/Cargo.toml", include_str!("../../../bundled/macros/manifest.toml")),
    ("macros/src/lib.rs", include_str!("../../../bundled/macros/src/lib.rs")),
    ("model/Cargo.toml", include_str!("../../../bundled/model/manifest.toml")),
    ("model/build.rs", include_str!("../../../bundled/model/build.rs")),
    ("model/languages.txt", include_str!("../../../bundled/model/languages.txt")),
    ("model/src/lib.rs", include_str!("../../../bundled/model/src/lib.rs")),
    ("settings/Cargo.toml", include_str!("../../../bundled/settings/manifest.toml")),
    ("settings/src/lib.rs", include_str!("../../../bundled/settings/src/lib.rs")),
];

/// Writes the workspace into `dir`, a new directory.
pub(super) fn unpack(dir: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = dir.join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write_new(&path, text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    fn files_below(dir: &Path) -> Vec<PathBuf> {
        let children = fs::list(dir).unwrap().into_iter();
        children.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_workspace_is_embedded() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundled");
        let mut there = BTreeSet::new();
        for path in files_below(&dir) {
            let name = path.strip_prefix(&dir).unwrap().to_str().unwrap().replace('\\', "/");
            there.insert(name.replace("manifest.toml", "Cargo.toml"));
        }
        let known: BTreeSet<String> =
            FILES.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name != "Cargo.lock").collect();
        assert_eq!(there, known);
    }
}

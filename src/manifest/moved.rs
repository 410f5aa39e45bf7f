//! A manifest in other directories than those in which its build was harvested.

use std::collections::HashMap;

use crate::action::portable::{Portable, Roots};
use crate::manifest::cargo_files::Content;
use crate::manifest::cargo_hash;
use crate::manifest::form::SeedUnit;

/// The hash by which cargo recognizes a unit.
pub fn hash(unit: &SeedUnit) -> Option<u64> {
    let Content::Text(digits) = &unit.fingerprint.last()?.content else { return None };
    cargo_hash::from_digits(digits.as_bytes())
}

/// Gives units the hashes that they have with these roots. Each comes behind those whose hashes count for its own.
pub fn rehash(units: &mut [SeedUnit], roots: &Roots) {
    let mut others = HashMap::new();
    for unit in units {
        let Some(before) = hash(unit) else { continue };
        let moved = unit.hashed.as_ref().and_then(|hashed| hashed.moved(before, roots, &others));
        if let (Some((now, hashed)), Some(file)) = (moved, unit.fingerprint.last_mut()) {
            others.insert(before, now);
            file.content = Content::Text(Portable::literal(cargo_hash::digits(now)));
            unit.hashed = Some(hashed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::action::portable::Root;
    use crate::manifest::cargo_files::CargoFile;
    use crate::manifest::cargo_hash::Hashed;

    // A program in /trees/app and a library in /trees/lib, built by cargo 1.95.
    const LIB_HASH: &[u8] = b"1b96c81a29096f83";
    const LIB: &str = r#"{"rustc":7458672600737419911,"features":"[]","declared_features":"[]","target":4773767642272307250,"profile":8731458305071235362,"path":17040854635994477081,"deps":[],"local":[{"CheckDepInfo":{"dep_info":"debug/.fingerprint/lib-e62e648ec5aa2d11/dep-lib-lib","checksum":false}}],"rustflags":[],"config":8247474407144887393,"compile_kind":0}"#;
    const APP_HASH: &[u8] = b"e099d074b831f79c";
    const APP: &str = r#"{"rustc":7458672600737419911,"features":"[]","declared_features":"[]","target":586088003218259792,"profile":8731458305071235362,"path":4942398508502643691,"deps":[[3309463014962437276,"lib",false,9470798613531104795]],"local":[{"CheckDepInfo":{"dep_info":"debug/.fingerprint/app-3446aeca90e7f6aa/dep-bin-app","checksum":false}}],"rustflags":[],"config":8247474407144887393,"compile_kind":0}"#;

    fn roots(home: &str) -> Roots {
        let mut roots = Roots::default();
        roots.add(Root::Home, home.as_bytes());
        roots
    }

    fn unit(hash: &[u8], note: &str, source: &str) -> SeedUnit {
        let hashed = Hashed::of(note.as_bytes(), hash, Some(Path::new(source)), &roots("/trees"));
        let content = Content::Text(Portable::literal(hash));
        SeedUnit {
            fingerprint: vec![CargoFile { name: String::new(), content }],
            hashed: Some(hashed.expect("the note leads to the hash")),
            ..SeedUnit::example("")
        }
    }

    fn units() -> [SeedUnit; 2] {
        [unit(LIB_HASH, LIB, "/trees/lib/src/lib.rs"), unit(APP_HASH, APP, "src/main.rs")]
    }

    #[test]
    fn hashes_follow_those_of_dependencies() {
        let mut moved = units();
        rehash(&mut moved, &roots("/trees"));
        assert_eq!(moved, units(), "nothing has moved");

        rehash(&mut moved, &roots("/trees2"));
        let [lib, app] = &moved;
        assert_ne!(hash(lib), hash(&units()[0]));
        assert_ne!(hash(app), hash(&units()[1]));
        let hashed = app.hashed.as_ref().expect("it has a note");
        assert_eq!(hashed.dependencies(&roots("/trees2")), [hash(lib).expect("a hash")]);

        rehash(&mut moved, &roots("/trees"));
        assert_eq!(moved, units(), "and back");
    }
}

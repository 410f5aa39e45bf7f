//! Finds out how files get from one directory into another, by trying it with a small file that is removed afterwards.

use std::io;
use std::path::{Path, PathBuf};

use super::{clones_files, hard_link, open, reflink, remove, unique_name, write_new};

/// How a file of one directory gets into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Clone,
    Link,
    Copy,
}

/// A file that goes when this does.
struct Passing(PathBuf);

impl Passing {
    fn below(dir: &Path) -> io::Result<Passing> {
        let passing = Passing(name_in(dir));
        write_new(&passing.0, b"kache").map(|()| passing)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = remove(&self.0);
    }
}

fn name_in(dir: &Path) -> PathBuf {
    dir.join(format!(".kache-probe-{}", unique_name()))
}

/// How a file that is made in `from` gets into `to`; both are there.
///
/// # Errors
/// A file cannot be made in one of them.
pub fn way(from: &Path, to: &Path) -> io::Result<Way> {
    let made = Passing::below(from)?;
    drop(Passing::below(to)?);
    let other = Passing(name_in(to));
    if clones_files(to) && open(&made.0).is_ok_and(|file| reflink(&file, &other.0, false).is_ok()) {
        return Ok(Way::Clone);
    }
    Ok(if hard_link(&made.0, &other.0).is_ok() { Way::Link } else { Way::Copy })
}

#[cfg(test)]
mod tests {
    use super::super::{Step, fault, list};
    use super::*;

    #[test]
    fn a_file_is_linked_where_it_can_be_and_nothing_is_left() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        for dir in [&from, &to] {
            std::fs::create_dir(dir).expect("makes");
        }
        assert!(matches!(way(&from, &to), Ok(Way::Link | Way::Clone)));
        // As between two file systems.
        let refused = fault::fail_every(Step::Link, io::ErrorKind::CrossesDevices, || way(&from, &to));
        assert_eq!(refused.ok(), Some(if clones_files(&to) { Way::Clone } else { Way::Copy }));
        assert_eq!((list(&from).expect("lists").len(), list(&to).expect("lists").len()), (0, 0));
        assert!(way(&from, &dir.path().join("gone")).is_err());
        assert_eq!(list(&from).expect("lists").len(), 0);
    }
}

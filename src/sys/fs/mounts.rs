//! Where other file systems are mounted. Removing a directory that holds one would empty that, too.

use std::io;
use std::path::{Path, PathBuf};

/// Something mounted at `dir` or below. On Linux also a bind mount of the same file system, which metadata does not show.
#[cfg(target_os = "linux")]
pub fn mount_in(dir: &Path) -> io::Result<Option<PathBuf>> {
    let table = std::fs::read("/proc/self/mountinfo")?;
    Ok(points(&table).find(|point| point.starts_with(dir)))
}

/// Something mounted at `dir`, as its device shows. What is mounted below shows while its directories are walked.
#[cfg(not(target_os = "linux"))]
pub fn mount_in(dir: &Path) -> io::Result<Option<PathBuf>> {
    use super::Identity;
    let Some(outer) = dir.parent() else { return Ok(Some(dir.to_owned())) };
    let is_mounted = Identity::at(dir)?.device != Identity::at(outer)?.device;
    Ok(is_mounted.then(|| dir.to_owned()))
}

/// The fifth word of each line, in which octal numbers stand for spaces, tabs, line feeds and backslashes.
#[cfg(target_os = "linux")]
fn points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let words = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    words.map(|word| PathBuf::from(std::ffi::OsString::from_vec(unescaped(word))))
}

#[cfg(target_os = "linux")]
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, more)) = rest.split_first() {
        let octal = more.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped.filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[3..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    bytes
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_spaces_in_them() {
        let table =
            b"36 35 98:0 /m /mnt/a\\040b\\134 rw - ext3 /dev/root rw\n37 35 0:4 / /proc rw - proc proc rw\n";
        let found: Vec<PathBuf> = points(table).collect();
        assert_eq!(found, [PathBuf::from("/mnt/a b\\"), PathBuf::from("/proc")]);
        assert_eq!(mount_in(Path::new("/proc")).expect("is read").as_deref(), Some(Path::new("/proc")));
    }
}

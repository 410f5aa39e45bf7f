//! Names of object files in an archive that an incremental compile has made. The compiler gives them a word that is
//! another one each time, as `0j4kmfo` in `core-1f0a.5z3v.0j4kmfo.rcgu.o`. It is replaced, so that equal compiles make
//! equal archives, and what is linked with one is found again.

use std::fs::File;
use std::io;
use std::path::Path;

use memchr::memmem;

use crate::sys::fs;

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

/// Where the size stands in the header of a member.
const SIZE: std::ops::Range<usize> = 48..58;

/// What the name of an object file of rustc ends with, after the word and a dot.
const SUFFIX: &[u8] = b".rcgu.o";
const WORD_BYTES: usize = 7;
const PLAIN_WORD: [u8; WORD_BYTES] = [b'0'; WORD_BYTES];

/// More than this is no list of names.
const MOST_BYTES: usize = 64 << 20;

/// Replaces the words in the names of the archive at `path`. One that is made in another way stays as it is.
///
/// # Errors
/// It cannot be read or written to.
pub fn make_plain(path: &Path) -> io::Result<()> {
    let mut archive = fs::open_to_change(path)?;
    if read(&archive, 0, MAGIC.len())? != MAGIC {
        return Ok(());
    }
    let mut names: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut at = MAGIC.len() as u64;
    loop {
        let header = read(&archive, at, HEADER_BYTES)?;
        let Some(size) = size_of_member(&header) else { break };
        let content = at + HEADER_BYTES as u64;
        if header.starts_with(b"// ") {
            // All long names, one after the other. No member has one of its own.
            names.push((content, read(&archive, content, size.min(MOST_BYTES as u64) as usize)?));
            break;
        }
        if let Some(n_bytes) = header.strip_prefix(b"#1/").and_then(|rest| number(&rest[..13])) {
            names.push((content, read(&archive, content, n_bytes.min(MOST_BYTES as u64) as usize)?));
        }
        at = content + size + size % 2;
    }
    let Some(word) = common_word(names.iter().map(|(_, names)| names.as_slice())) else { return Ok(()) };
    for (at, names) in &mut names {
        if replace(names, &word) {
            write(&mut archive, *at, names)?;
        }
    }
    Ok(())
}

/// Up to `n_bytes` from `at` on.
fn read(archive: &File, at: u64, n_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; n_bytes];
    let n_read = fs::read_at(archive, &mut bytes, at)?;
    bytes.truncate(n_read);
    Ok(bytes)
}

fn write(archive: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    let n_written = fs::write_at(archive, bytes, at)?;
    if n_written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// The size of a member; `None` after the last one.
fn size_of_member(header: &[u8]) -> Option<u64> {
    (header.len() == HEADER_BYTES && header.ends_with(b"`\n")).then_some(())?;
    number(&header[SIZE])
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.trim_end().parse().ok()
}

/// Where the words stand in a list of names.
fn words(names: &[u8]) -> impl Iterator<Item = usize> {
    let ends = memmem::find_iter(names, SUFFIX);
    ends.filter_map(|end| {
        let start = end.checked_sub(WORD_BYTES)?;
        let is_word = names[start..end].iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        (is_word && names[..start].ends_with(b".")).then_some(start)
    })
}

/// The word in all names that have one. Those of dependencies in a static library are plain already.
fn common_word<'n>(lists: impl Iterator<Item = &'n [u8]>) -> Option<[u8; WORD_BYTES]> {
    let mut found = None;
    for names in lists {
        for start in words(names) {
            let word: [u8; WORD_BYTES] = names[start..start + WORD_BYTES].try_into().ok()?;
            if word != PLAIN_WORD && *found.get_or_insert(word) != word {
                return None;
            }
        }
    }
    found
}

/// Whether the word was there.
fn replace(names: &mut [u8], word: &[u8; WORD_BYTES]) -> bool {
    let starts: Vec<usize> = words(names).filter(|start| names[*start..].starts_with(word)).collect();
    for start in &starts {
        names[*start..start + WORD_BYTES].copy_from_slice(&PLAIN_WORD);
    }
    !starts.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let mut member = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len());
        assert_eq!(member.len(), HEADER_BYTES);
        let mut member = std::mem::take(&mut member).into_bytes();
        member.extend(content);
        if content.len() % 2 == 1 {
            member.push(b'\n');
        }
        member
    }

    fn archive(members: &[Vec<u8>]) -> Vec<u8> {
        [MAGIC, &members.concat()].concat()
    }

    /// With a table of names, and with the name in front of each content.
    fn archives(word: &str) -> [Vec<u8>; 2] {
        let names =
            format!("a-1.one.{word}.rcgu.o/\na-1.two.{word}.rcgu.o/\nnative.o/\nb-1.one.0000000.rcgu.o/\n");
        let object = format!("code that names {word}.rcgu.o");
        let table = [
            member("/", b"symbols"),
            member("//", names.as_bytes()),
            member("lib.rmeta/", b"metadata"),
            member("/0", object.as_bytes()),
        ];
        let name = format!("a-1.one.{word}.rcgu.o");
        let inline = [
            member("lib.rmeta/", b"odd"),
            member(&format!("#1/{}", name.len()), &[name.as_bytes(), object.as_bytes()].concat()),
        ];
        [archive(&table), archive(&inline)]
    }

    fn made_plain(content: &[u8]) -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("liba.rlib");
        fs::write_new(&path, content).expect("written");
        make_plain(&path).expect("can be changed");
        fs::read(&path).expect("can be read")
    }

    #[test]
    fn names_no_longer_differ_and_contents_stay() {
        for (one, plain) in archives("0j4kmfo").iter().zip(archives("0000000")) {
            let made = made_plain(one);
            let object = |bytes: &[u8]| memmem::find(bytes, b"code that names 0j4kmfo").is_some();
            assert!(object(&made));
            let expected = String::from_utf8(plain).expect("text");
            let expected = expected.replace("names 0000000", "names 0j4kmfo");
            assert_eq!(String::from_utf8(made).expect("text"), expected);
        }
    }

    #[test]
    fn names_of_other_forms_stay() {
        for names in [
            "a-1.a.1f0a-cgu.0.rcgu.o/\n",
            "a-1.one.0j4kmfo.rcgu.o/\na-1.two.0j4kmfp.rcgu.o/\n",
            "a-1.one.0J4KMFO.rcgu.o/\n",
            "0j4kmfo.rcgu.o/\n",
            "a-1.one.0j4kmfo.o/\n",
        ] {
            let content = archive(&[member("//", names.as_bytes())]);
            assert_eq!(made_plain(&content), content, "{names}");
        }
    }

    #[test]
    fn what_is_no_archive_or_only_a_part_of_one_stays() {
        for archive in archives("0j4kmfo") {
            for n in 0..archive.len().min(3 * HEADER_BYTES) {
                let made = made_plain(&archive[..n]);
                assert_eq!(made.len(), n);
            }
        }
        assert_eq!(made_plain(b""), b"");
        assert_eq!(made_plain(b"!<thin>\nx"), b"!<thin>\nx");
    }
}

//! Extracts the program from a release archive into memory, so that an archive cannot choose a path to write to.

use std::io::{self, Read as _};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

/// What an archive may unpack to, and the program in it.
const MOST_UNPACKED_BYTES: u64 = 512 << 20;
const MOST_PROGRAM_BYTES: u64 = 200 << 20;

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum CannotUnpack {
    #[error("the archive is damaged: {0}")]
    Damaged(io::Error),
    #[error("the archive contains `{name}`, which is {what}")]
    Unexpected { name: String, what: &'static str },
    #[error("the archive does not contain `{name}`")]
    NoProgram { name: String },
    #[error("the archive is too large")]
    TooLarge,
}

/// The program in the archive for `target`.
pub fn program(archive: &[u8], target: &str) -> Result<Vec<u8>, CannotUnpack> {
    bounded(archive, target, MOST_UNPACKED_BYTES, MOST_PROGRAM_BYTES)
}

fn bounded(
    archive: &[u8],
    target: &str,
    most_bytes: u64,
    most_program_bytes: u64,
) -> Result<Vec<u8>, CannotUnpack> {
    let top = format!("kache-{target}");
    let wanted = format!("{top}/kache");
    let mut tar = Archive::new(GzDecoder::new(archive).take(most_bytes));
    let read = find(&mut tar, &top, &wanted, most_program_bytes);
    // What follows is unpacked as well: the end has a checksum of all.
    let mut rest = tar.into_inner();
    let at_end = io::copy(&mut rest, &mut io::sink());
    match read {
        _ if rest.limit() == 0 => Err(CannotUnpack::TooLarge),
        Ok(program) => {
            at_end.map_err(CannotUnpack::Damaged)?;
            program.ok_or(CannotUnpack::NoProgram { name: wanted })
        }
        Err(error) => Err(error),
    }
}

fn find(
    tar: &mut Archive<impl io::Read>,
    top: &str,
    wanted: &str,
    most_bytes: u64,
) -> Result<Option<Vec<u8>>, CannotUnpack> {
    let mut program = None;
    for entry in tar.entries().map_err(CannotUnpack::Damaged)? {
        let mut entry = entry.map_err(CannotUnpack::Damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_file = match entry.header().entry_type() {
            EntryType::Regular => true,
            EntryType::Directory => false,
            // Words about the whole archive.
            EntryType::XGlobalHeader => continue,
            _ => return Err(unexpected(&name, "neither a file nor a directory")),
        };
        if !is_below(&name, top) {
            return Err(unexpected(&name, "outside of its directory"));
        }
        if !is_file || name != wanted {
            continue;
        }
        if program.is_some() {
            return Err(unexpected(&name, "there twice"));
        }
        let mut bytes = Vec::new();
        entry.by_ref().take(most_bytes + 1).read_to_end(&mut bytes).map_err(CannotUnpack::Damaged)?;
        if bytes.len() as u64 > most_bytes {
            return Err(CannotUnpack::TooLarge);
        }
        if bytes.len() as u64 != entry.size() {
            return Err(CannotUnpack::Damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        program = Some(bytes);
    }
    Ok(program)
}

fn unexpected(name: &str, what: &'static str) -> CannotUnpack {
    CannotUnpack::Unexpected { name: name.to_owned(), what }
}

/// Whether `name` is `top` or in it.
fn is_below(name: &str, top: &str) -> bool {
    let mut parts = name.trim_end_matches('/').split('/');
    parts.next() == Some(top) && parts.all(|part| !matches!(part, "" | "." | "..")) && !name.contains('\\')
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    /// An archive of entries with these kinds, names and contents. The names are written as they are.
    fn archive(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (kind, name, content) in entries {
            let mut header = Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            header.set_size(content.len() as u64);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        packed(&tar.into_inner().unwrap())
    }

    fn packed(tar: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(tar).unwrap();
        gz.finish().unwrap()
    }

    const FILE: EntryType = EntryType::Regular;
    const DIR: EntryType = EntryType::Directory;
    const GOOD: (EntryType, &str, &[u8]) = (FILE, "kache-t/kache", b"program");

    #[test]
    fn the_program_is_found_among_the_rest() {
        let rest: [(EntryType, &str, &[u8]); 5] = [
            (EntryType::XGlobalHeader, "pax_global_header", b"20 comment=something\n"),
            (DIR, "kache-t/", b""),
            (DIR, "kache-t/man/man1", b""),
            (FILE, "kache-t/man/man1/kache", b"no program"),
            (FILE, "kache-t/README.md", &[b'x'; 100_000]),
        ];
        let bytes = archive(&[&rest[..], &[GOOD, (FILE, "kache-t/LICENSE", b"last")]].concat());
        assert_eq!(program(&bytes, "t").unwrap(), b"program");
    }

    #[test]
    fn links_devices_and_names_that_lead_elsewhere_are_refused() {
        for (kind, name) in [
            (EntryType::Symlink, "kache-t/kache"),
            (EntryType::Link, "kache-t/kache"),
            (EntryType::Symlink, "kache-t/other"),
            (EntryType::Fifo, "kache-t/pipe"),
            (EntryType::Char, "kache-t/device"),
            (EntryType::Block, "kache-t/disk"),
            (FILE, "/kache-t/kache"),
            (FILE, "/etc/passwd"),
            (FILE, "kache-t/../kache"),
            (FILE, "../kache-t/kache"),
            (FILE, "kache-t//kache"),
            (FILE, "kache-t/./kache"),
            (FILE, "kache-t\\kache"),
            (FILE, "other/kache"),
            (FILE, "kache"),
            (DIR, "../"),
        ] {
            for entries in [&[(kind, name, &b""[..])][..], &[GOOD, (kind, name, b"")]] {
                let refused = program(&archive(entries), "t").unwrap_err();
                assert!(matches!(refused, CannotUnpack::Unexpected { .. }), "{kind:?} {name}: {refused}");
            }
        }
        let refused = program(&archive(&[GOOD, GOOD]), "t").unwrap_err().to_string();
        assert_eq!(refused, "the archive contains `kache-t/kache`, which is there twice");
    }

    #[test]
    fn an_archive_without_the_program_or_of_another_target_is_refused() {
        let empty = &b""[..];
        for entries in [&[][..], &[(DIR, "kache-t/kache", empty)], &[(FILE, "kache-t/kache.exe", empty)]] {
            assert!(matches!(program(&archive(entries), "t"), Err(CannotUnpack::NoProgram { .. })));
        }
        assert!(matches!(program(&archive(&[GOOD]), "other"), Err(CannotUnpack::Unexpected { .. })));
    }

    #[test]
    fn a_damaged_or_truncated_archive_is_refused_wherever_it_ends() {
        let bytes = archive(&[(DIR, "kache-t/", b""), GOOD]);
        for length in 0..bytes.len() {
            let refused = program(&bytes[..length], "t").unwrap_err();
            assert!(matches!(refused, CannotUnpack::Damaged(_)), "{length}: {refused}");
        }
        let mut damaged = bytes.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert!(matches!(program(&damaged, "t"), Err(CannotUnpack::Damaged(_))));
        for noise in [&b"<html>not found</html>"[..], &[0; 1024]] {
            assert!(matches!(program(noise, "t"), Err(CannotUnpack::Damaged(_))));
        }
        // A header that promises more than there is.
        let mut header = Header::new_ustar();
        header.set_path("kache-t/kache").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        let lying = packed(&[header.as_bytes().as_slice(), b"program"].concat());
        assert!(matches!(program(&lying, "t"), Err(CannotUnpack::Damaged(_))));
    }

    #[test]
    fn what_unpacks_to_too_much_is_not_held() {
        let bytes = archive(&[GOOD, (FILE, "kache-t/big", &[0; 1 << 20])]);
        assert!(matches!(bounded(&bytes, "t", 1 << 16, 1 << 10), Err(CannotUnpack::TooLarge)));
        let bytes = archive(&[(FILE, "kache-t/kache", &[0; 1 << 20])]);
        assert!(matches!(bounded(&bytes, "t", 1 << 30, 1 << 10), Err(CannotUnpack::TooLarge)));
        assert_eq!(bounded(&bytes, "t", 1 << 30, 1 << 20).unwrap().len(), 1 << 20);
    }
}

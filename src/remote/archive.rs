//! The archive inside of a pack: a tar file that holds regular files with short names, and nothing else.
//!
//! Any tar program can read what is written here. Reading is strict, so that an archive made by somebody else can
//! neither name a place outside of it, nor make the reader allocate memory or follow links: headers of other kinds are
//! errors, and a file is read only up to the size that its header declares.

use std::io::{self, Read, Write};

/// The size of a header, and what sizes are rounded up to.
const BLOCK: usize = 512;
/// The largest size that eleven octal digits can say.
const MAX_BYTES: u64 = 0o777_7777_7777;

/// Why an archive is not one of ours.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    #[error("failed to read the archive: {0}")]
    Read(#[from] io::Error),
    #[error("the archive is truncated")]
    Truncated,
    #[error("invalid header in the archive: {0}")]
    Header(&'static str),
    #[error("data follows the end of the archive")]
    Trailing,
}

/// Writes an archive.
pub struct Writer<W: Write> {
    to: W,
}

impl<W: Write> Writer<W> {
    pub fn new(to: W) -> Writer<W> {
        Writer { to }
    }

    /// Adds a file of `size_bytes`, all of which `from` must yield.
    pub fn add(&mut self, name: &str, size_bytes: u64, from: &mut dyn Read) -> io::Result<()> {
        if size_bytes > MAX_BYTES {
            return Err(io::Error::other("a file is too large for an archive"));
        }
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(size_bytes);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.to.write_all(header.as_bytes())?;
        let n_bytes = io::copy(&mut from.take(size_bytes), &mut self.to)?;
        if n_bytes != size_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.to.write_all(&[0; BLOCK][..padding(size_bytes)])
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; 2 * BLOCK])?;
        Ok(self.to)
    }
}

/// How many bytes follow a file of this size until the next header.
fn padding(size_bytes: u64) -> usize {
    (BLOCK - (size_bytes % BLOCK as u64) as usize) % BLOCK
}

/// Reads an archive, file by file.
pub struct Reader<R: Read> {
    from: R,
    /// What is left of the file that was last announced, with its padding.
    left: u64,
    padding: usize,
}

/// The name and size of the next file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub name: String,
    pub size_bytes: u64,
}

impl<R: Read> Reader<R> {
    pub fn new(from: R) -> Reader<R> {
        Reader { from, left: 0, padding: 0 }
    }

    /// The next file, whose content is read with [`Reader::content`] before this is called again. `None` at the end,
    /// which must be the end of everything.
    pub fn announced(&mut self) -> Result<Option<Announced>, BadArchive> {
        if self.left > 0 {
            return Err(BadArchive::Truncated);
        }
        let mut rest = [0; BLOCK];
        fill(&mut self.from, &mut rest[..self.padding])?;
        self.padding = 0;
        let mut header = [0; BLOCK];
        fill(&mut self.from, &mut header)?;
        if header == [0; BLOCK] {
            fill(&mut self.from, &mut header)?;
            if header != [0; BLOCK] {
                return Err(BadArchive::Header("a single empty block"));
            }
            return if self.from.read(&mut [0])? == 0 { Ok(None) } else { Err(BadArchive::Trailing) };
        }
        let announced = parse(&header)?;
        self.left = announced.size_bytes;
        self.padding = padding(announced.size_bytes);
        Ok(Some(announced))
    }

    /// The content of the file that was last announced.
    pub fn content(&mut self) -> Content<'_, R> {
        Content { reader: self }
    }
}

/// The content of one file. It is an error if the archive ends before it does.
pub struct Content<'a, R: Read> {
    reader: &'a mut Reader<R>,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_wanted = usize::try_from(self.reader.left).unwrap_or(usize::MAX).min(buffer.len());
        if n_wanted == 0 {
            return Ok(0);
        }
        let n_read = self.reader.from.read(&mut buffer[..n_wanted])?;
        if n_read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is truncated"));
        }
        self.reader.left -= n_read as u64;
        Ok(n_read)
    }
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), BadArchive> {
    from.read_exact(buffer).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => BadArchive::Truncated,
        _ => BadArchive::Read(e),
    })
}

/// Reads a header, of which only the form that [`Writer`] writes is accepted.
fn parse(header: &[u8; BLOCK]) -> Result<Announced, BadArchive> {
    if &header[257..265] != b"ustar\x0000" {
        return Err(BadArchive::Header("not the format ustar"));
    }
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    let sum_field: u64 = header[148..156].iter().map(|byte| u64::from(*byte)).sum();
    if octal(&header[148..156]) != Some(sum - sum_field + 8 * u64::from(b' ')) {
        return Err(BadArchive::Header("wrong checksum"));
    }
    if header[156] != b'0' {
        return Err(BadArchive::Header("not a regular file"));
    }
    if header[157..257].iter().chain(&header[345..500]).any(|byte| *byte != 0) {
        return Err(BadArchive::Header("a link, or a long name"));
    }
    let name = header[..100].split(|byte| *byte == 0).next().unwrap_or_default();
    let is_plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(byte));
    if name.is_empty() || !is_plain {
        return Err(BadArchive::Header("an invalid name"));
    }
    let size_bytes = octal(&header[124..136]).ok_or(BadArchive::Header("an invalid size"))?;
    Ok(Announced { name: String::from_utf8_lossy(name).into_owned(), size_bytes })
}

/// A number in octal digits, which blanks or a NUL may end.
fn octal(field: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = field.iter().copied().take_while(|byte| *byte != 0 && *byte != b' ').collect();
    let is_number = !digits.is_empty() && digits.iter().all(|byte| (b'0'..=b'7').contains(byte));
    is_number.then(|| digits.iter().fold(0, |number, byte| number * 8 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (name, content) in files {
            writer.add(name, content.len() as u64, &mut &content[..]).expect("writes");
        }
        writer.finish().expect("writes")
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, BadArchive> {
        let mut reader = Reader::new(bytes);
        let mut files = Vec::new();
        while let Some(announced) = reader.announced()? {
            let mut content = Vec::new();
            reader.content().read_to_end(&mut content)?;
            files.push((announced.name, content));
        }
        Ok(files)
    }

    #[test]
    fn files_go_there_and_back() {
        let large = vec![7; 1024];
        let files = [("pack.json", &b"{}"[..]), ("blobs/ab", &large), ("empty", b"")];
        let expected: Vec<(String, Vec<u8>)> =
            files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        assert_eq!(read(&archive(&files)).expect("reads"), expected);
        // Other programs read the same.
        let bytes = archive(&files);
        let mut other = tar::Archive::new(&bytes[..]);
        let names: Vec<_> =
            other.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn a_cut_or_longer_archive_is_refused() {
        let bytes = archive(&[("a", b"content"), ("b", &[1; 700])]);
        for n_bytes in 0..bytes.len() {
            assert!(read(&bytes[..n_bytes]).is_err(), "{n_bytes}");
        }
        assert!(matches!(read(&[&bytes[..], b"x"].concat()), Err(BadArchive::Trailing)));
    }

    #[test]
    fn only_regular_files_with_plain_names_are_read() {
        for kind in [
            tar::EntryType::Symlink,
            tar::EntryType::Link,
            tar::EntryType::Directory,
            tar::EntryType::Fifo,
            tar::EntryType::Char,
            tar::EntryType::XHeader,
            tar::EntryType::GNULongName,
            tar::EntryType::GNUSparse,
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_path("a").unwrap();
            header.set_size(0);
            header.set_cksum();
            assert!(read(&[header.as_bytes(), &[0; 1024][..]].concat()).is_err(), "{kind:?}");
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_path("a").unwrap();
        header.set_size(0);
        header.set_cksum();
        assert!(read(&[header.as_bytes(), &[0; 1024][..]].concat()).is_ok());
        header.as_mut_bytes()[345] = b'/';
        header.set_cksum();
        assert!(read(&[header.as_bytes(), &[0; 1024][..]].concat()).is_err(), "a prefix");
    }
}

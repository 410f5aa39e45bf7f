//! Reads the segments and sections of ELF files.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::sys::fs;

/// `PT_INTERP`: the kind of the segment that names the loader.
pub const INTERPRETER: usize = 3;

/// A part of the file that the program is made of.
pub struct Segment {
    /// `p_type` of the ELF specification.
    pub kind: usize,
    /// Where it starts in the file, in bytes.
    pub at: usize,
    /// How many bytes of the file it has.
    pub n_bytes: usize,
}

/// The segments of an ELF file that begins with `head`; `None` for another file, and in place of a segment that is
/// damaged or not described in `head`.
pub fn segments(head: &[u8]) -> Option<impl Iterator<Item = Option<Segment>>> {
    let (is_64, is_little) = class(head)?;
    let word_bytes = if is_64 { 8 } else { 4 };
    let file = Numbers { head, is_little };
    // `e_phoff`, `e_phentsize`, `e_phnum`; then `p_offset` and `p_filesz`.
    let (table, sizes) = if is_64 { (32, 54) } else { (28, 42) };
    let (offset, size) = if is_64 { (8, 32) } else { (4, 16) };
    let table = file.read(table, word_bytes)?;
    let (row_bytes, n_rows) = (file.read(sizes, 2)?, file.read(sizes + 2, 2)?);
    Some((0..n_rows).map(move |row| {
        let row = row_start(table, row_bytes, row)?;
        Some(Segment {
            kind: file.read(row, 4)?,
            at: file.read(row.checked_add(offset)?, word_bytes)?,
            n_bytes: file.read(row.checked_add(size)?, word_bytes)?,
        })
    }))
}

/// The names of the symbols in an ELF file, each with a NUL behind it; `None` for another file, and for one that has no
/// table of symbols, or a damaged one.
pub fn symbol_names(file: &[u8]) -> Option<&[u8]> {
    /// `SHT_SYMTAB` of the ELF specification.
    const SYMBOLS: usize = 2;
    let (is_64, is_little) = class(file)?;
    let numbers = Numbers { head: file, is_little };
    let word_bytes = if is_64 { 8 } else { 4 };
    // `e_shoff`, `e_shentsize`, `e_shnum`; then `sh_offset`, `sh_size` and `sh_link`.
    let (table, sizes) = if is_64 { (40, 58) } else { (32, 46) };
    let (offset, size, link) = if is_64 { (24, 32, 40) } else { (16, 20, 24) };
    let table = numbers.read(table, word_bytes)?;
    let (row_bytes, n_rows) = (numbers.read(sizes, 2)?, numbers.read(sizes + 2, 2)?);
    let mut rows = (0..n_rows).filter_map(|row| row_start(table, row_bytes, row));
    let symbols = rows.find(|row| row.checked_add(4).and_then(|at| numbers.read(at, 4)) == Some(SYMBOLS))?;
    let names = row_start(table, row_bytes, numbers.read(symbols.checked_add(link)?, 4)?)?;
    let start = numbers.read(names.checked_add(offset)?, word_bytes)?;
    let n_bytes = numbers.read(names.checked_add(size)?, word_bytes)?;
    file.get(start..start.checked_add(n_bytes)?)
}

/// Where a row of a table starts.
fn row_start(table: usize, row_bytes: usize, row: usize) -> Option<usize> {
    table.checked_add(row_bytes.checked_mul(row)?)
}

/// Sections that hold nothing but strings, each with a NUL behind it, to which debug information refers.
const DEBUG_STRINGS: [&[u8]; 2] = [b".debug_str", b".debug_line_str"];

/// The most that is read of the names of sections, in bytes.
const MOST_OF_NAMES: usize = 1 << 20;

/// Where in `file` the sections are that hold the strings of its debug information, in bytes. There are none where it is
/// no ELF file, has no such sections or an unusual number of sections, and where they are compressed or loaded.
///
/// # Errors
/// The file cannot be read, or ends before a section does.
pub fn debug_strings(file: &File) -> io::Result<Vec<Range<u64>>> {
    let head = part(file, 0..64).unwrap_or_default();
    let Some(layout) = SectionLayout::of(&head) else { return Ok(Vec::new()) };
    let table = part(file, layout.table.clone())?;
    let mut rows = table.chunks_exact(layout.row_bytes);
    let Some((_, names)) = rows.nth(layout.n_names_row).and_then(|row| layout.section(row)) else {
        return Ok(Vec::new());
    };
    if names.end - names.start > MOST_OF_NAMES as u64 {
        return Ok(Vec::new());
    }
    let names = part(file, names)?;
    let rows = table.chunks_exact(layout.row_bytes);
    let mut found = Vec::new();
    for (name, range) in rows.filter_map(|row| layout.section(row)) {
        let name = names.get(name..).unwrap_or_default();
        if DEBUG_STRINGS.contains(&name.split(|byte| *byte == 0).next().unwrap_or_default()) {
            found.push(range);
        }
    }
    Ok(found)
}

/// A part of a file.
fn part(file: &File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let mut n_read = 0;
    while n_read < bytes.len() {
        match fs::read_at(file, &mut bytes[n_read..], range.start + n_read as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => n_read += n,
        }
    }
    Ok(bytes)
}

/// How the table of sections is laid out.
struct SectionLayout {
    is_64: bool,
    is_little: bool,
    table: Range<u64>,
    row_bytes: usize,
    /// The row of the section with the names of all sections.
    n_names_row: usize,
}

impl SectionLayout {
    /// That of the ELF file that begins with `head`.
    fn of(head: &[u8]) -> Option<SectionLayout> {
        let (is_64, is_little) = class(head)?;
        let file = Numbers { head, is_little };
        // `e_shoff`; `e_shentsize`, `e_shnum` and `e_shstrndx`.
        let (table, sizes) = if is_64 { (40, 58) } else { (32, 46) };
        let table = file.read(table, if is_64 { 8 } else { 4 })? as u64;
        let row_bytes = file.read(sizes, 2)?;
        let n_rows = file.read(sizes + 2, 2)?;
        let n_names_row = file.read(sizes + 4, 2)?;
        // Where there are more than these numbers can say, they stand elsewhere.
        let is_usual = n_names_row < n_rows && row_bytes == if is_64 { 64 } else { 40 };
        let end = table.checked_add((row_bytes * n_rows) as u64)?;
        is_usual.then_some(SectionLayout { is_64, is_little, table: table..end, row_bytes, n_names_row })
    }

    /// Where the name of a section stands among the names, and where it is in the file; `None` for one that is compressed,
    /// loaded, or not in the file.
    fn section(&self, row: &[u8]) -> Option<(usize, Range<u64>)> {
        let row = Numbers { head: row, is_little: self.is_little };
        let word_bytes = if self.is_64 { 8 } else { 4 };
        // `sh_flags`, `sh_offset` and `sh_size`.
        let (flags, offset, size) = if self.is_64 { (8, 24, 32) } else { (8, 16, 20) };
        let (name, kind, flags) = (row.read(0, 4)?, row.read(4, 4)?, row.read(flags, word_bytes)?);
        let (offset, size) = (row.read(offset, word_bytes)? as u64, row.read(size, word_bytes)? as u64);
        let is_plain = kind != NO_BITS && flags & (LOADED | COMPRESSED) == 0;
        is_plain.then_some((name, offset..offset.checked_add(size)?))
    }
}

/// `SHT_NOBITS`: the kind of a section that has no bytes in the file.
const NO_BITS: usize = 8;
/// `SHF_ALLOC`.
const LOADED: usize = 2;
/// `SHF_COMPRESSED`.
const COMPRESSED: usize = 0x800;

/// Whether an ELF file that begins with `head` is one of 64 bits, and whether it is little-endian.
fn class(head: &[u8]) -> Option<(bool, bool)> {
    let is_64 = match head.strip_prefix(b"\x7fELF")?.first()? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let is_little = match head.get(5)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    Some((is_64, is_little))
}

/// The numbers in the beginning of a file.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    head: &'a [u8],
    is_little: bool,
}

impl Numbers<'_> {
    fn read(self, at: usize, n_bytes: usize) -> Option<usize> {
        let bytes = self.head.get(at..at.checked_add(n_bytes)?)?;
        let mut number = 0;
        for index in 0..n_bytes {
            let byte = bytes[if self.is_little { n_bytes - 1 - index } else { index }];
            number = number << 8 | usize::from(byte);
        }
        Some(number)
    }
}

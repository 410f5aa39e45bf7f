//! Reads the segments of ELF files.

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
    let word_bytes = if is_64 { 8 } else { 4 };
    let file = Numbers { head, is_little };
    // `e_phoff`, `e_phentsize`, `e_phnum`; then `p_offset` and `p_filesz`.
    let (table, sizes) = if is_64 { (32, 54) } else { (28, 42) };
    let (offset, size) = if is_64 { (8, 32) } else { (4, 16) };
    let table = file.read(table, word_bytes)?;
    let (row_bytes, n_rows) = (file.read(sizes, 2)?, file.read(sizes + 2, 2)?);
    Some((0..n_rows).map(move |row| {
        let row = table.checked_add(row.checked_mul(row_bytes)?)?;
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
    let is_64 = file.starts_with(b"\x7fELF\x02");
    let numbers = Numbers { head: file, is_little: *file.strip_prefix(b"\x7fELF")?.get(1)? == 1 };
    let word_bytes = if is_64 { 8 } else { 4 };
    // `e_shoff`, `e_shentsize`, `e_shnum`; then `sh_offset`, `sh_size` and `sh_link`.
    let (table, sizes) = if is_64 { (40, 58) } else { (32, 46) };
    let (offset, size, link) = if is_64 { (24, 32, 40) } else { (16, 20, 24) };
    let table = numbers.read(table, word_bytes)?;
    let (row_bytes, n_rows) = (numbers.read(sizes, 2)?, numbers.read(sizes + 2, 2)?);
    let row = |index: usize| table.checked_add(row_bytes.checked_mul(index)?);
    let mut rows = (0..n_rows).filter_map(row);
    let symbols = rows.find(|row| numbers.read(row + 4, 4) == Some(SYMBOLS))?;
    let names = row(numbers.read(symbols + link, 4)?)?;
    let start = numbers.read(names.checked_add(offset)?, word_bytes)?;
    let n_bytes = numbers.read(names.checked_add(size)?, word_bytes)?;
    file.get(start..start.checked_add(n_bytes)?)
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

//! What an ELF file says of its parts.

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

/// The segments of an ELF file that begins with `head`; `None` for what is none, and in place of one that is damaged or
/// not told of in `head`.
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
    let number = move |at: usize, n_bytes: usize| {
        let bytes = head.get(at..at.checked_add(n_bytes)?)?;
        let add = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        Some(if is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let word = if is_64 { 8 } else { 4 };
    // `e_phoff`, `e_phentsize`, `e_phnum`; then `p_offset` and `p_filesz`.
    let (table, sizes) = if is_64 { (32, 54) } else { (28, 42) };
    let (offset, size) = if is_64 { (8, 32) } else { (4, 16) };
    let (table, row_bytes, n_rows) = (number(table, word)?, number(sizes, 2)?, number(sizes + 2, 2)?);
    let segment = move |row: usize| {
        let row = table.checked_add(row.checked_mul(row_bytes)?)?;
        let (at, n_bytes) = (number(row.checked_add(offset)?, word)?, number(row.checked_add(size)?, word)?);
        Some(Segment { kind: number(row, 4)?, at, n_bytes })
    };
    Some((0..n_rows).map(segment))
}

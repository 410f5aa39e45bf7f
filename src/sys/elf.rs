//! What an ELF file says of its parts.

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
/// not told of in `head`. The class must be that of 64 bit, the bytes in the order of most machines.
pub fn segments(head: &[u8]) -> Option<impl Iterator<Item = Option<Segment>>> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = move |at: usize, n_bytes: usize| {
        let bytes = head.get(at..at.checked_add(n_bytes)?)?;
        Some(bytes.iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (table, row_bytes, n_rows) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let segment = move |row: usize| {
        let row = table.checked_add(row.checked_mul(row_bytes)?)?;
        let (at, n_bytes) = (number(row.checked_add(8)?, 8)?, number(row.checked_add(32)?, 8)?);
        Some(Segment { kind: number(row, 4)?, at, n_bytes })
    };
    Some((0..n_rows).map(segment))
}

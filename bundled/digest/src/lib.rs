//! Telling texts apart, and their words.

/// A short name for a text; another text has another.
pub fn name_of(text: &[u8]) -> String {
    blake3::hash(text).to_hex()[..16].to_owned()
}

/// The words of a text.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr2(b' ', b'\n', rest);
        let word = &rest[..end.unwrap_or(rest.len())];
        let is_over = rest.is_empty();
        rest = end.map_or(&[][..], |end| &rest[end + 1..]);
        (!is_over).then_some(word)
    })
    .filter(|word| !word.is_empty())
}

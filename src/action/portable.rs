//! Paths ↔ root tokens: what makes an artifact of one checkout usable in another.
//!
//! A [`Portable`] text is an argument, path or value in which every occurrence of a known root directory is replaced
//! by a token. A token is a NUL and a letter inside, since no argument, variable or path can hold a NUL; written out,
//! it is `<workspace>`, and a literal `<` is escaped. So no real text can be mistaken for a token.

use std::fmt;
use std::io::{self, Read};

use memchr::memmem;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A directory whose place differs between checkouts or machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// The build directory (`target/`).
    Target,
    /// The workspace that the package is a member of: the directory in which cargo runs rustc for members.
    Workspace,
    /// `CARGO_HOME`: registry and git sources.
    CargoHome,
    /// The user's home.
    Home,
}

impl Root {
    /// All of them.
    pub const ALL: [Root; 4] = [Root::Target, Root::Workspace, Root::CargoHome, Root::Home];

    fn letter(self) -> u8 {
        match self {
            Root::Target => b't',
            Root::Workspace => b'w',
            Root::CargoHome => b'c',
            Root::Home => b'h',
        }
    }

    fn of_letter(letter: u8) -> Option<Root> {
        Root::ALL.into_iter().find(|root| root.letter() == letter)
    }

    /// The token as people see it.
    pub fn token(self) -> &'static str {
        match self {
            Root::Target => "<target>",
            Root::Workspace => "<workspace>",
            Root::CargoHome => "<cargo-home>",
            Root::Home => "<home>",
        }
    }
}

/// A text with root tokens. Ordered and compared by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Portable(Vec<u8>);

impl Portable {
    /// A text that holds no path. A NUL in it is dropped: the systems have no such strings.
    pub fn literal(text: impl AsRef<[u8]>) -> Portable {
        Portable(text.as_ref().iter().copied().filter(|byte| *byte != 0).collect())
    }

    /// The bytes, tokens as NUL and letter.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text up to its last `/`, that included, and the rest.
    pub fn split_name(&self) -> (Portable, Portable) {
        let at = self.0.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        (Portable(self.0[..at].to_vec()), Portable(self.0[at..].to_vec()))
    }

    /// One text after the other.
    #[must_use]
    pub fn with(&self, rest: &Portable) -> Portable {
        Portable([self.0.as_slice(), &rest.0].concat())
    }

    /// Whether it starts with the token of `root`.
    pub fn is_under(&self, root: Root) -> bool {
        self.0.starts_with(&[0, root.letter()])
    }

    /// Whether the token of `root` stands anywhere in it.
    pub fn mentions(&self, root: Root) -> bool {
        memmem::find(&self.0, &[0, root.letter()]).is_some()
    }
}

impl fmt::Display for Portable {
    /// For people: tokens by name, anything unprintable replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        while let Some(at) = memchr::memchr(0, rest) {
            f.write_str(&String::from_utf8_lossy(&rest[..at]))?;
            let root = rest.get(at + 1).copied().and_then(Root::of_letter);
            f.write_str(root.map_or("<?>", Root::token))?;
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        f.write_str(&String::from_utf8_lossy(rest))
    }
}

impl fmt::Debug for Portable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Portable {
    /// Tokens by name; `<`, `%` and bytes that are not UTF-8 as `%XX`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len());
        let mut rest = self.0.as_slice();
        loop {
            let end = memchr::memchr(0, rest).unwrap_or(rest.len());
            escape(&rest[..end], &mut text);
            match rest.get(end + 1).copied() {
                Some(letter) => text.push_str(Root::of_letter(letter).map_or("%00", Root::token)),
                None => return serializer.serialize_str(&text),
            }
            rest = &rest[end + 2..];
        }
    }
}

fn escape(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '<' => text.push_str("%3C"),
                '%' => text.push_str("%25"),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl<'de> Deserialize<'de> for Portable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Portable, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        unescape(&text).map(Portable).ok_or_else(|| de::Error::custom("not a portable text"))
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr3(b'<', b'%', 0, rest) {
        bytes.extend_from_slice(&rest[..at]);
        let tail = &rest[at..];
        if tail[0] == b'<' {
            let root = Root::ALL.into_iter().find(|root| tail.starts_with(root.token().as_bytes()))?;
            bytes.extend_from_slice(&[0, root.letter()]);
            rest = &tail[root.token().len()..];
        } else {
            let digits = std::str::from_utf8(tail.get(1..3)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0 && tail[0] == b'%')?);
            rest = &tail[3..];
        }
    }
    bytes.extend_from_slice(rest);
    Some(bytes)
}

/// The roots of one invocation, each in every spelling that is known for it.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// Longest first, so that a root inside another one is found before it.
    spellings: Vec<(Vec<u8>, Root)>,
    /// One spelling of each, for writing real paths.
    first: Vec<(Root, Vec<u8>)>,
}

impl Roots {
    /// Adds a spelling of `root`; the first one is used for writing. A root directory of the file system, or a
    /// relative path, is not a root that could be told from other text.
    pub fn add(&mut self, root: Root, path: &[u8]) {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let absolute = path.first() == Some(&b'/') || path.get(1) == Some(&b':') || path.starts_with(b"\\\\");
        if path.len() < 2 || !absolute || path.contains(&0) {
            return;
        }
        if !self.first.iter().any(|(this, _)| *this == root) {
            self.first.push((root, path.to_vec()));
        }
        if !self.spellings.iter().any(|(spelling, _)| spelling == path) {
            self.spellings.push((path.to_vec(), root));
            self.spellings.sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.len()));
        }
    }

    /// The real path of `root` here.
    pub fn value(&self, root: Root) -> Option<&[u8]> {
        self.first.iter().find(|(this, _)| *this == root).map(|(_, path)| path.as_slice())
    }

    /// Every spelling, longest first.
    pub fn spellings(&self) -> impl Iterator<Item = (&[u8], Root)> {
        self.spellings.iter().map(|(spelling, root)| (spelling.as_slice(), *root))
    }

    /// Replaces every root that stands in `text` as a path of its own or at the start of one.
    pub fn tokenize(&self, text: &[u8]) -> Portable {
        let mut portable = Vec::with_capacity(text.len());
        let mut at = 0;
        let mut copied = 0;
        while at < text.len() {
            let begins = at == 0 || !continues_name(text[at - 1]) && text[at - 1] != b'/';
            let root = begins.then(|| self.root_at(&text[at..])).flatten();
            match root {
                Some((length, root)) => {
                    portable.extend(text[copied..at].iter().filter(|byte| **byte != 0));
                    portable.extend_from_slice(&[0, root.letter()]);
                    at += length;
                    copied = at;
                }
                None => at += 1,
            }
        }
        portable.extend(text[copied..].iter().filter(|byte| **byte != 0));
        Portable(portable)
    }

    /// The root that `text` starts with, and how long its spelling is.
    fn root_at(&self, text: &[u8]) -> Option<(usize, Root)> {
        self.spellings
            .iter()
            .find(|(spelling, _)| {
                text.starts_with(spelling)
                    && !text.get(spelling.len()).is_some_and(|byte| continues_name(*byte))
            })
            .map(|(spelling, root)| (spelling.len(), *root))
    }

    /// The real text; `None` where it names a root that this invocation does not have.
    pub fn expand(&self, portable: &Portable) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(portable.0.len() + 64);
        let mut rest = portable.0.as_slice();
        while let Some(at) = memchr::memchr(0, rest) {
            text.extend_from_slice(&rest[..at]);
            text.extend_from_slice(self.value(Root::of_letter(*rest.get(at + 1)?)?)?);
            rest = &rest[at + 2..];
        }
        text.extend_from_slice(rest);
        Some(text)
    }

    /// The roots whose real path occurs anywhere in what `reader` yields, whatever stands before or after it: strings
    /// in object code follow each other without a separator. Where one root lies in another, the longer one counts.
    /// `seen` gets every piece once, in order.
    pub fn found_in(
        &self,
        reader: &mut impl Read,
        found: &mut Vec<Root>,
        mut seen: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let finders = self.finders();
        // What starts in the last bytes of a piece is looked at together with the next one.
        let n_carried = self.spellings.first().map_or(0, |(longest, _)| longest.len());
        let mut buffer = vec![0; n_carried + PIECE_BYTES];
        let mut n_kept = 0;
        loop {
            let n_read = match reader.read(&mut buffer[n_kept..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                n_read => n_read?,
            };
            let filled = n_kept + n_read;
            seen(&buffer[n_kept..filled]);
            let is_end = n_read == 0;
            let end = if is_end { filled } else { filled.saturating_sub(n_carried) };
            self.look_at(&buffer[..filled], end, &finders, found);
            if is_end {
                return Ok(());
            }
            buffer.copy_within(end..filled, 0);
            n_kept = filled - end;
        }
    }

    /// Finders of all spellings but those that start with another one.
    fn finders(&self) -> Vec<memmem::Finder<'_>> {
        let spellings = self.spellings.iter().map(|(spelling, _)| spelling.as_slice());
        spellings.filter(|spelling| !self.continues_another(spelling)).map(memmem::Finder::new).collect()
    }

    /// Whether a shorter spelling is the start of this one.
    fn continues_another(&self, spelling: &[u8]) -> bool {
        self.spellings.iter().any(|(other, _)| other.len() < spelling.len() && spelling.starts_with(other))
    }

    /// Adds the roots that start before `end`.
    fn look_at(&self, bytes: &[u8], end: usize, finders: &[memmem::Finder<'_>], found: &mut Vec<Root>) {
        for at in finders.iter().flat_map(|finder| finder.find_iter(bytes)).filter(|at| *at < end) {
            let longest = self.spellings.iter().find(|(spelling, _)| bytes[at..].starts_with(spelling));
            if let Some((_, root)) = longest.filter(|(_, root)| !found.contains(root)) {
                found.push(*root);
            }
        }
    }
}

/// How much is read at once: it stays in the processor's cache while it is hashed and searched, and its memory is not
/// mapped again for each file.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether a byte can go on with a file name, so that what stands before it is not the whole of a path.
fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'@' | b'~') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> Roots {
        let mut roots = Roots::default();
        roots.add(Root::Workspace, b"/home/me/work");
        roots.add(Root::Target, b"/home/me/work/target");
        roots.add(Root::Home, b"/home/me");
        roots
    }

    #[test]
    fn the_longest_root_wins() {
        assert_eq!(roots().tokenize(b"/home/me/work/target/debug").to_string(), "<target>/debug");
        assert_eq!(roots().tokenize(b"a=/home/me/work,/home/me").to_string(), "a=<workspace>,<home>");
    }

    #[test]
    fn a_longer_name_is_another_directory() {
        assert_eq!(roots().tokenize(b"/home/me/workshop/x").to_string(), "<home>/workshop/x");
        assert_eq!(roots().tokenize(b"/srv/home/me/work").to_string(), "/srv/home/me/work");
    }

    #[test]
    fn tokens_go_there_and_back() {
        let text = b"-L native=/home/me/work/target/x/out:/home/me/work/<workspace>%41\xff";
        let portable = roots().tokenize(text);
        assert_eq!(roots().expand(&portable).as_deref(), Some(text.as_slice()));
        let json = serde_json::to_string(&portable).expect("serializes");
        assert_eq!(serde_json::from_str::<Portable>(&json).expect("parses"), portable);
    }

    #[test]
    fn a_directory_named_like_a_token_is_no_root() {
        assert_ne!(roots().tokenize(b"/home/me/work/a"), Portable::literal("<workspace>/a"));
        let json = serde_json::to_string(&Portable::literal("<workspace>/a")).expect("serializes");
        assert_eq!(json, r#""%3Cworkspace>/a""#);
    }

    #[test]
    fn unknown_tokens_and_bad_escapes_are_refused() {
        for bad in [r#""<elsewhere>/a""#, r#""%4""#, r#""%zz""#, r#""%00""#, r#""a\u0000b""#] {
            assert!(serde_json::from_str::<Portable>(bad).is_err(), "{bad}");
        }
    }

    /// Yields a text in pieces of a given size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    fn found_in(bytes: &[u8], piece: usize) -> Vec<Root> {
        let (mut found, mut seen) = (Vec::new(), Vec::new());
        let read =
            roots().found_in(&mut Pieces(bytes, piece), &mut found, |part| seen.extend_from_slice(part));
        read.expect("reads from memory");
        assert_eq!(seen, bytes);
        found.sort_unstable();
        found
    }

    #[test]
    fn roots_are_found_between_other_bytes_and_the_inner_one_counts() {
        for piece in 1..40 {
            assert_eq!(found_in(b"xx/home/me/work/targetyy", piece), [Root::Target]);
            assert_eq!(found_in(b"\0/home/me/worksrc", piece), [Root::Workspace]);
            assert_eq!(found_in(b"/home/me/work/targe", piece), [Root::Workspace]);
            assert_eq!(found_in(b"/home/me/work/target/home/me/", piece), [Root::Target, Root::Home]);
            assert_eq!(found_in(b"/home/m", piece), []);
        }
    }

    #[test]
    fn the_root_of_the_file_system_is_no_root() {
        let mut roots = Roots::default();
        roots.add(Root::Home, b"/");
        roots.add(Root::Workspace, b"relative");
        assert_eq!(roots.tokenize(b"/x").to_string(), "/x");
    }
}

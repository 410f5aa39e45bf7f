//! rustc's dep-info (`.d`): which files and variables a compile read.
//!
//! ```text
//! <output>: <file> <file> …      one such line for each output
//! <file>:                        one such line for each file
//! # env-dep:NAME=value           or `# env-dep:NAME` where it is not set
//! # checksum:<algorithm>=<hexadecimal> file_len:<bytes> <file>     with `-Z checksum-hash-algorithm`
//! ```
//! Blanks in the names of files are written as `\ `, those in outputs are not; values escape backslash, newline and
//! carriage return. The list of the rules cannot be split without doubt, the lines of single files can. A dep-info is
//! accepted only if writing what was read from it gives the same bytes again; so nothing that is not understood is
//! ever taken for understood.

use crate::sys::defence;
use std::borrow::Cow;

use memchr::memmem;

/// A parsed dep-info.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DepInfo {
    /// The outputs named in front of the rules, in order.
    pub targets: Vec<Vec<u8>>,
    /// The files that were read, in order.
    pub files: Vec<Vec<u8>>,
    /// The variables that were read, with their values.
    pub variables: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// What is said of the content of files: their positions in `files`, in order, and the text in front of the name.
    pub checksums: Vec<(usize, String)>,
}

/// A dep-info that is not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("dep-info is not understood")]
pub struct NotUnderstood;

const VARIABLE: &[u8] = b"# env-dep:";
const CHECKSUM: &[u8] = b"# checksum:";

impl DepInfo {
    /// Reads a dep-info.
    pub fn parse(bytes: &[u8]) -> Result<DepInfo, NotUnderstood> {
        let mut info = DepInfo::default();
        let mut rules = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Some(variable) = line.strip_prefix(VARIABLE) {
                let (name, value) = match memchr::memchr(b'=', variable) {
                    Some(at) => (&variable[..at], Some(unescape_value(&variable[at + 1..])?)),
                    None => (variable, None),
                };
                info.variables.push((unescape_value(name)?, value));
            } else if let Some(checksum) = line.strip_prefix(CHECKSUM) {
                info.add_checksum(checksum)?;
            } else if let (Some(name), true) = (line.strip_suffix(b":"), !rules.is_empty()) {
                info.files.push(unescape_name(name));
            } else {
                rules.push(line);
            }
        }
        let listed: Vec<u8> =
            info.files.iter().flat_map(|file| [b" ", escape_name(file).as_ref()].concat()).collect();
        let tail = [b":", listed.as_slice()].concat();
        for rule in rules {
            info.targets.push(rule.strip_suffix(tail.as_slice()).ok_or(NotUnderstood)?.to_vec());
        }
        if info.targets.is_empty() || defence::stands("unclear-dep-info-is-refused") && info.write() != bytes
        {
            return Err(NotUnderstood);
        }
        Ok(info)
    }

    /// Lines about content are in the order of the files; not every file has one.
    fn add_checksum(&mut self, line: &[u8]) -> Result<(), NotUnderstood> {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let (Some(checksum), Some(length), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(NotUnderstood);
        };
        let text = [checksum, length].join(&b' ');
        let text = String::from_utf8(text).map_err(|_| NotUnderstood)?;
        let name = unescape_name(name);
        let first = self.checksums.last().map_or(0, |(index, _)| index + 1);
        let place = self.files.iter().skip(first).position(|file| *file == name).ok_or(NotUnderstood)?;
        self.checksums.push((first + place, text));
        Ok(())
    }

    /// Writes it as rustc does.
    pub fn write(&self) -> Vec<u8> {
        let names: Vec<Cow<'_, [u8]>> = self.files.iter().map(|file| escape_name(file)).collect();
        let n_list_bytes: usize = names.iter().map(|name| name.len() + 2).sum();
        let mut bytes = Vec::with_capacity((self.targets.len() + 1) * (n_list_bytes + 128));
        for target in &self.targets {
            bytes.extend_from_slice(target);
            bytes.push(b':');
            for name in &names {
                bytes.push(b' ');
                bytes.extend_from_slice(name);
            }
            bytes.extend_from_slice(b"\n\n");
        }
        for name in &names {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(b":\n");
        }
        if !self.variables.is_empty() {
            bytes.push(b'\n');
        }
        for (name, value) in &self.variables {
            bytes.extend_from_slice(VARIABLE);
            escape_value(name, &mut bytes);
            if let Some(value) = value {
                bytes.push(b'=');
                escape_value(value, &mut bytes);
            }
            bytes.push(b'\n');
        }
        for (index, text) in &self.checksums {
            bytes.extend_from_slice(CHECKSUM);
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(names.get(*index).map_or(&[][..], AsRef::as_ref));
            bytes.push(b'\n');
        }
        bytes
    }
}

fn escape_name(name: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b' ', name).is_none() {
        return Cow::Borrowed(name);
    }
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b' ').collect();
    Cow::Owned(parts.join(b"\\ ".as_slice()))
}

fn unescape_name(escaped: &[u8]) -> Vec<u8> {
    if !defence::stands("blanks-in-dep-info") {
        return escaped.to_vec();
    }
    let mut name = Vec::with_capacity(escaped.len());
    let mut from = 0;
    for at in memmem::find_iter(escaped, b"\\ ") {
        name.extend_from_slice(&escaped[from..at]);
        from = at + 1;
    }
    name.extend_from_slice(&escaped[from..]);
    name
}

fn escape_value(value: &[u8], escaped: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'\n' => escaped.extend_from_slice(b"\\n"),
            b'\r' => escaped.extend_from_slice(b"\\r"),
            b'\\' => escaped.extend_from_slice(b"\\\\"),
            byte => escaped.push(*byte),
        }
    }
}

fn unescape_value(escaped: &[u8]) -> Result<Vec<u8>, NotUnderstood> {
    if !defence::stands("escapes-in-dep-info") {
        return Ok(escaped.to_vec());
    }
    let mut value = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b'\\') => b'\\',
                _ => return Err(NotUnderstood),
            },
            byte => *byte,
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_rustc_writes_is_read() {
        let text = b"/t/my deps/a.d: src/lib.rs src/my\\ file.rs\n\n/t/deps/liba.rmeta: src/lib.rs src/my\\ file.rs\n\n\
            src/lib.rs:\nsrc/my\\ file.rs:\n\n# env-dep:A=1\\n2\\\\\n# env-dep:B\n# env-dep:C=\n";
        let info = DepInfo::parse(text).expect("parses");
        assert_eq!(info.targets, [b"/t/my deps/a.d".to_vec(), b"/t/deps/liba.rmeta".to_vec()]);
        assert_eq!(info.files, [b"src/lib.rs".to_vec(), b"src/my file.rs".to_vec()]);
        assert_eq!(
            info.variables,
            [
                (b"A".to_vec(), Some(b"1\n2\\".to_vec())),
                (b"B".to_vec(), None),
                (b"C".to_vec(), Some(Vec::new()))
            ]
        );
    }

    #[test]
    fn checksums_are_read_and_belong_to_their_files() {
        let text = b"/t/a.d: a\\ b.rs c.rlib d.rs\n\na\\ b.rs:\nc.rlib:\nd.rs:\n\n# env-dep:A\n\
            # checksum:blake3=01 file_len:2 a\\ b.rs\n# checksum:sha256=02 file_len:0 d.rs\n";
        let info = DepInfo::parse(text).expect("parses");
        assert_eq!(
            info.checksums,
            [(0, "blake3=01 file_len:2".to_owned()), (2, "sha256=02 file_len:0".to_owned())]
        );
        let others = DepInfo { files: [&b"x.rs"[..], b"y", b"z.rs"].map(<[u8]>::to_vec).to_vec(), ..info };
        let written = String::from_utf8(others.write()).expect("is text");
        assert!(
            written.ends_with("blake3=01 file_len:2 x.rs\n# checksum:sha256=02 file_len:0 z.rs\n"),
            "{written}"
        );
    }

    #[test]
    fn truncated_and_foreign_text_is_refused() {
        let text = b"/t/a.d: x.rs y.rs\n\nx.rs:\ny.rs:\n\n# env-dep:A=1\n";
        for end in 0..text.windows(3).position(|w| w == b"# e").expect("has variables") - 1 {
            assert_eq!(DepInfo::parse(&text[..end]).ok(), None, "{end}");
        }
        assert!(DepInfo::parse(b"/t/a.d: x.rs\n\nx.rs:\n\n# checksum:blake3=1 file_len:2 x.rs\n").is_err());
        assert!(DepInfo::parse(b"/t/a.d: x.rs\n\nx.rs:\n# checksum:blake3=1 file_len:2 y.rs\n").is_err());
        assert!(DepInfo::parse(b"/t/a.d: x.rs\n\nx.rs:\n# checksum:blake3=1 x.rs\n").is_err());
        assert!(DepInfo::parse(b"/t/a.d: x.rs\r\n\r\nx.rs:\r\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = DepInfo::parse(&bytes);
        }

        #[test]
        fn any_names_and_values_survive(
            files in prop::collection::vec("[^\n\0\\\\:]{1,12}", 1..5),
            values in prop::collection::vec(prop::option::of("[^\0]{0,9}"), 0..4),
        ) {
            let info = DepInfo {
                targets: vec![b"/t/a b.d".to_vec()],
                files: files.into_iter().map(String::into_bytes).collect(),
                variables: values.into_iter().map(|value| (b"N".to_vec(), value.map(String::into_bytes))).collect(),
                checksums: Vec::new(),
            };
            prop_assert_eq!(DepInfo::parse(&info.write()), Ok(info));
        }
    }
}

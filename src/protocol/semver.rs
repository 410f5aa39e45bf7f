//! Versions of releases, in the order of Semantic Versioning: the one order for builds, daemons and updates.

use std::fmt;

/// `1.2.3` or `1.2.3-rc.1`. No metadata: a release has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Semver {
    numbers: [u64; 3],
    pre: Vec<Part>,
}

/// A part of what stands after the hyphen; numbers go before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

impl Semver {
    /// The version that `text` is; `None` if it is none.
    pub fn parse(text: &str) -> Option<Semver> {
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) => (numbers, pre.split('.').map(Part::parse).collect::<Option<_>>()?),
            None => (text, Vec::new()),
        };
        let numbers: Vec<u64> = numbers.split('.').map(number).collect::<Option<_>>()?;
        Some(Semver { numbers: numbers.try_into().ok()?, pre })
    }

    /// Whether it is only for those who asked for it.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    fn rank(&self) -> ([u64; 3], bool, &[Part]) {
        (self.numbers, self.pre.is_empty(), &self.pre)
    }
}

/// A number as versions have it: no sign, and no zeros in front, so that each has one spelling.
fn number(text: &str) -> Option<u64> {
    let is_spelt_well =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_spelt_well)
}

impl Part {
    fn parse(text: &str) -> Option<Part> {
        if let Some(number) = number(text) {
            return Some(Part::Number(number));
        }
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && text.bytes().any(|byte| !byte.is_ascii_digit());
        is_word.then(|| Part::Word(text.to_owned()))
    }
}

impl PartialOrd for Semver {
    fn partial_cmp(&self, other: &Semver) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Semver {
    fn cmp(&self, other: &Semver) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl fmt::Display for Semver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        for (index, part) in self.pre.iter().enumerate() {
            f.write_str(if index == 0 { "-" } else { "." })?;
            match part {
                Part::Number(number) => write!(f, "{number}")?,
                Part::Word(word) => f.write_str(word)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_semantic_versioning_says() {
        let oldest_first = [
            "0.9.9",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc-1.1",
            "1.0.0",
            "1.0.1",
            "1.2.0",
            "1.10.0",
        ];
        let versions = oldest_first.map(|text| Semver::parse(text).unwrap());
        assert!(versions.is_sorted_by(|older, newer| older < newer));
        assert_eq!(versions.map(|version| version.to_string()), oldest_first);
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "1.2.x",
            "01.2.3",
            "+1.2.3",
            "1.2.3-",
            "1.2.3-a..b",
            "1.2.3+a",
        ]
        .into_iter()
        .chain(["1.2.3-01", "1.2.3-a/b", "1.2.3 ", "1.2.99999999999999999999", "../1.2.3"])
        {
            assert_eq!(Semver::parse(text), None, "{text}");
        }
    }
}

//! Many paths in little space: those that follow each other in one directory name it once.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::action::portable::Portable;

/// Paths in order. Written as `[[directory, name, name, …], …]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<Portable>);

impl Paths {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Portable> {
        self.0.iter()
    }
}

impl FromIterator<Portable> for Paths {
    fn from_iter<T: IntoIterator<Item = Portable>>(paths: T) -> Paths {
        Paths(paths.into_iter().collect())
    }
}

impl Serialize for Paths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut groups: Vec<Vec<Portable>> = Vec::new();
        for path in &self.0 {
            let (directory, name) = path.split_name();
            match groups.last_mut().filter(|group| group[0] == directory) {
                Some(group) => group.push(name),
                None => groups.push(vec![directory, name]),
            }
        }
        groups.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Paths, D::Error> {
        let groups = <Vec<Vec<Portable>>>::deserialize(deserializer)?;
        let mut paths = Vec::new();
        for group in &groups {
            let (directory, names) = group.split_first().ok_or_else(|| D::Error::custom("no directory"))?;
            paths.extend(names.iter().map(|name| directory.with(name)));
        }
        Ok(Paths(paths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::portable::{Root, Roots};

    #[test]
    fn a_directory_is_written_once_for_its_paths_in_a_row() {
        let mut roots = Roots::default();
        roots.add(Root::Target, b"/t");
        let paths = ["/t/deps/a", "/t/deps/b", "/usr/lib/c", "/t", "d", "/"];
        let paths: Paths = paths.iter().map(|path| roots.tokenize(path.as_bytes())).collect();
        let json = serde_json::to_string(&paths).expect("serializes");
        assert_eq!(json, r#"[["<target>/deps/","a","b"],["/usr/lib/","c"],["","<target>","d"],["/",""]]"#);
        assert_eq!(serde_json::from_str::<Paths>(&json).expect("parses"), paths);
        assert!(serde_json::from_str::<Paths>("[[]]").is_err());
    }
}

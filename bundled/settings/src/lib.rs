//! What the program can be told in a file.

use serde::Deserialize;

/// The settings; each may be left out.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// Words with fewer bytes are not counted.
    pub shortest_word: usize,
}

impl Settings {
    /// The settings in this text.
    pub fn parse(text: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn what_is_left_out_is_the_default() {
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        assert_eq!(Settings::parse("shortest-word = 4").unwrap().shortest_word, 4);
    }
}

//! Text for people, made of parts that say what they are. Colours and symbols are chosen where the text is printed.

/// What a part of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// The title of a section or of a column.
    Heading,
    Error,
    Warning,
    Hint,
    Ok,
    /// A line of a diff.
    Added,
    Removed,
}

/// The verdict at the start of a line. Printed as a word, or as a symbol where a terminal shows one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Ok,
    Note,
    Problem,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Styled(Style, String),
    Mark(Mark),
}

/// A text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

impl Text {
    pub fn new() -> Text {
        Text::default()
    }

    /// Appends plain text.
    pub fn push(&mut self, text: impl Into<String>) {
        self.push_styled(Style::Plain, text);
    }

    /// Appends text in a style.
    pub fn push_styled(&mut self, style: Style, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.parts.push(Part::Styled(style, text));
        }
    }

    /// Appends a mark.
    pub fn push_mark(&mut self, mark: Mark) {
        self.parts.push(Part::Mark(mark));
    }

    /// Appends another text.
    pub fn append(&mut self, other: Text) {
        self.parts.extend(other.parts);
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text without styles, and with words for marks.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Styled(_, part) => text += part,
                Part::Mark(mark) => text += mark.word(),
            }
        }
        text
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Text {
        let mut styled = Text::new();
        styled.push(text);
        styled
    }
}

impl Mark {
    /// The mark as a word, as wide as all of them.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Ok => "ok      ",
            Mark::Note => "note    ",
            Mark::Problem => "PROBLEM ",
        }
    }

    /// The mark as a symbol of one column.
    pub fn symbol(self) -> &'static str {
        match self {
            Mark::Ok => "✓",
            Mark::Note => "!",
            Mark::Problem => "✗",
        }
    }

    /// The style of the mark.
    pub fn style(self) -> Style {
        match self {
            Mark::Ok => Style::Ok,
            Mark::Note => Style::Warning,
            Mark::Problem => Style::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_words_for_marks() {
        let mut text = Text::from("a ");
        text.push_mark(Mark::Problem);
        text.push_styled(Style::Hint, "b");
        assert_eq!(text.plain(), "a PROBLEM b");
    }
}

//! Rust code cut into tokens, as far as the checks need: names and signs with their lines. Comments, strings and
//! characters are left out, so that nothing said in them is taken for code.

/// A name, a number or one sign; `::` is one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// All tokens of `code`.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut reader = Reader { chars: code.chars().collect(), at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(c) = reader.peek(0) {
        let line = reader.line;
        let text = match c {
            '/' if reader.peek(1) == Some('/') => reader.skip_line(),
            '/' if reader.peek(1) == Some('*') => reader.skip_block_comment(),
            '"' => reader.skip_string(),
            '\'' => reader.skip_character(),
            ':' if reader.peek(1) == Some(':') => Some(reader.take(2)),
            _ if c.is_alphanumeric() || c == '_' => reader.word(),
            _ if c.is_whitespace() => reader.skip(1),
            _ => Some(reader.take(1)),
        };
        tokens.extend(text.map(|text| Token { text, line }));
    }
    tokens
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self, n_chars: usize) -> String {
        let end = (self.at + n_chars).min(self.chars.len());
        let text: String = self.chars[self.at..end].iter().collect();
        self.line += text.matches('\n').count();
        self.at = end;
        text
    }

    fn skip(&mut self, n_chars: usize) -> Option<String> {
        self.take(n_chars);
        None
    }

    fn skip_line(&mut self) -> Option<String> {
        let rest = &self.chars[self.at..];
        self.skip(rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()))
    }

    fn skip_block_comment(&mut self) -> Option<String> {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => (depth, _) = (depth + 1, self.take(2)),
                (Some('*'), Some('/')) => (depth, _) = (depth - 1, self.take(2)),
                (Some(_), _) => drop(self.take(1)),
                (None, _) => return None,
            }
            if depth == 0 {
                return None;
            }
        }
    }

    fn skip_string(&mut self) -> Option<String> {
        self.take(1);
        while let Some(c) = self.peek(0) {
            self.take(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                break;
            }
        }
        None
    }

    /// `r"…"`, `r#"…"#` and so on, from the first `#` or the quote.
    fn skip_raw_string(&mut self) -> Option<String> {
        let n_hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        self.take(n_hashes + 1);
        while let Some(c) = self.peek(0) {
            self.take(1);
            if c == '"' && (0..n_hashes).all(|i| self.peek(i) == Some('#')) {
                self.take(n_hashes);
                break;
            }
        }
        None
    }

    /// A character; or a lifetime, of which only the sign is left out.
    fn skip_character(&mut self) -> Option<String> {
        match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                self.take(3);
                let rest = &self.chars[self.at..];
                self.skip(rest.iter().position(|c| *c == '\'').map_or(rest.len(), |i| i + 1))
            }
            (Some(_), Some('\'')) => self.skip(3),
            _ => {
                self.take(1);
                self.word();
                None
            }
        }
    }

    /// A name or a number; what stands in front of a string (`b`, `r`, `c`, `br`, …) goes with it.
    fn word(&mut self) -> Option<String> {
        let rest = &self.chars[self.at..];
        let n_chars = rest.iter().position(|c| !c.is_alphanumeric() && *c != '_').unwrap_or(rest.len());
        let word = self.take(n_chars);
        let is_prefix = matches!(word.as_str(), "b" | "c" | "r" | "br" | "cr");
        match (self.peek(0), self.peek(1)) {
            (Some('"'), _) if is_prefix && word.ends_with('r') => self.skip_raw_string(),
            (Some('"'), _) if is_prefix => self.skip_string(),
            (Some('\''), _) if word == "b" => self.skip_character(),
            (Some('#'), Some('"' | '#')) if is_prefix && word.ends_with('r') => self.skip_raw_string(),
            (Some('#'), Some(_)) if word == "r" => {
                self.take(1);
                self.word()
            }
            _ => Some(word),
        }
    }
}

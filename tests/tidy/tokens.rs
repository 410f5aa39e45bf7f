//! Rust code as a flat list of tokens with their lines: names, numbers and signs. Comments, documentation, strings,
//! characters and lifetimes are left out, so that nothing said in them is taken for code.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

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
pub(crate) fn tokens(code: TokenStream) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(code, &mut tokens);
    tokens
}

fn flatten(code: TokenStream, tokens: &mut Vec<Token>) {
    let mut trees = code.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(name) => {
                let name = name.to_string();
                tokens.push(Token { text: name.trim_start_matches("r#").to_owned(), line });
            }
            TokenTree::Literal(literal) => {
                let literal = literal.to_string();
                if literal.starts_with(|c: char| c.is_ascii_digit()) {
                    tokens.push(Token { text: literal, line });
                }
            }
            TokenTree::Group(group) => {
                let is_attribute = tokens.last().is_some_and(|sign| matches!(sign.text.as_str(), "#" | "!"));
                if is_attribute && is_documentation(&group) {
                    while tokens.last().is_some_and(|sign| matches!(sign.text.as_str(), "#" | "!")) {
                        tokens.pop();
                    }
                    continue;
                }
                let (open, close) = signs(group.delimiter());
                tokens.extend(open.map(|sign| Token { text: sign.to_owned(), line }));
                flatten(group.stream(), tokens);
                let line = group.span_close().start().line;
                tokens.extend(close.map(|sign| Token { text: sign.to_owned(), line }));
            }
            TokenTree::Punct(sign) if sign.as_char() == '\'' => drop(trees.next()),
            TokenTree::Punct(sign) => {
                let is_joint = sign.as_char() == ':' && sign.spacing() == Spacing::Joint;
                let is_path_separator =
                    is_joint && matches!(trees.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
                if is_path_separator {
                    trees.next();
                    tokens.push(Token { text: "::".to_owned(), line });
                } else {
                    tokens.push(Token { text: sign.to_string(), line });
                }
            }
        }
    }
}

/// Whether it is what a documentation comment becomes: `[doc = "…"]`.
fn is_documentation(attribute: &Group) -> bool {
    let mut trees = attribute.stream().into_iter();
    let is_doc = matches!(trees.next(), Some(TokenTree::Ident(name)) if name == "doc");
    is_doc && matches!(trees.next(), Some(TokenTree::Punct(sign)) if sign.as_char() == '=')
}

fn signs(delimiter: Delimiter) -> (Option<&'static str>, Option<&'static str>) {
    match delimiter {
        Delimiter::Parenthesis => (Some("("), Some(")")),
        Delimiter::Brace => (Some("{"), Some("}")),
        Delimiter::Bracket => (Some("["), Some("]")),
        Delimiter::None => (None, None),
    }
}

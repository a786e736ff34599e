//! Text of a selector to tokens, in one pass.

use super::{MAX_LENGTH, ParseError};

/// The longest name of a label, in bytes.
const MAX_IDENTIFIER: usize = 512;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// The name of a label.
    Label(&'a str),
    /// The contents of a string literal.
    Text(&'a str),
    /// `has(name)`.
    Has(&'a str),
    /// `all()`.
    All,
    /// `global()`.
    Global,
    /// `(`
    LeftParenthesis,
    /// `)`
    RightParenthesis,
    /// `{`
    LeftBrace,
    /// `}`
    RightBrace,
    /// `,`
    Comma,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `!`
    Not,
    /// What stands between a label and its value or values.
    Operator(Operator),
    /// The end of the text.
    End,
}

/// What stands between a label and its value or values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `==`
    Equals,
    /// `!=`
    NotEquals,
    /// `contains`
    Contains,
    /// `starts with`
    StartsWith,
    /// `ends with`
    EndsWith,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// Operators that are words, as a first word and the one that must follow it after any number of blanks.
const WORDS: [(&str, &str, Operator); 5] = [
    ("contains", "", Operator::Contains),
    ("starts", "with", Operator::StartsWith),
    ("ends", "with", Operator::EndsWith),
    ("not", "in", Operator::NotIn),
    ("in", "", Operator::In),
];

/// Whether the language can read this as the name of a label.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_identifier_byte)
}

fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./-".contains(&byte)
}

/// All tokens with their offsets; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, usize)>, ParseError> {
    if text.len() > MAX_LENGTH {
        return Err(ParseError {
            message: format!("selector is longer than {MAX_LENGTH} bytes"),
            offset: MAX_LENGTH,
        });
    }
    let mut lexer = Lexer { text, offset: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let offset = lexer.offset;
        let token = lexer.next(matches!(tokens.last(), Some((Token::Label(_), _))))?;
        tokens.push((token, offset));
        if token == Token::End {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self, after_label: bool) -> Result<Token<'a>, ParseError> {
        let Some(first) = self.rest().bytes().next() else { return Ok(Token::End) };
        match first {
            b'(' => Ok(self.take(1, Token::LeftParenthesis)),
            b')' => Ok(self.take(1, Token::RightParenthesis)),
            b'{' => Ok(self.take(1, Token::LeftBrace)),
            b'}' => Ok(self.take(1, Token::RightBrace)),
            b',' => Ok(self.take(1, Token::Comma)),
            b'&' => self.pair("&&", Token::And),
            b'|' => self.pair("||", Token::Or),
            b'=' => self.pair("==", Token::Operator(Operator::Equals)),
            b'!' if self.rest().starts_with("!=") => Ok(self.take(2, Token::Operator(Operator::NotEquals))),
            b'!' => Ok(self.take(1, Token::Not)),
            b'"' => self.string('"'),
            b'\'' => self.string('\''),
            _ if after_label => self.word_operator(),
            _ => self.word(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn skip_blanks(&mut self) {
        self.offset += self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { message: message.into(), offset: self.offset })
    }

    fn take(&mut self, length: usize, token: Token<'a>) -> Token<'a> {
        self.offset += length;
        token
    }

    fn pair(&mut self, text: &str, token: Token<'a>) -> Result<Token<'a>, ParseError> {
        if self.rest().starts_with(text) {
            Ok(self.take(text.len(), token))
        } else {
            self.error(format!("expected {text}"))
        }
    }

    fn string(&mut self, quote: char) -> Result<Token<'a>, ParseError> {
        let contents = &self.rest()[1..];
        match contents.find(quote) {
            Some(length) => Ok(self.take(length + 2, Token::Text(&contents[..length]))),
            None => self.error("unterminated string"),
        }
    }

    fn word_operator(&mut self) -> Result<Token<'a>, ParseError> {
        let Some((first, second, operator)) = WORDS.iter().find(|(first, ..)| self.rest().starts_with(first))
        else {
            return self.error("expected an operator after the label");
        };
        let start = self.offset;
        self.offset += first.len();
        if !second.is_empty() {
            self.skip_blanks();
        }
        let at_boundary = |rest: &str| !rest.bytes().next().is_some_and(is_identifier_byte);
        match self.rest().strip_prefix(second) {
            Some(rest) if at_boundary(rest) => Ok(self.take(second.len(), Token::Operator(*operator))),
            Some(_) | None => {
                self.offset = start;
                self.error("expected an operator after the label")
            }
        }
    }

    fn word(&mut self) -> Result<Token<'a>, ParseError> {
        match () {
            () if self.rest().starts_with("has(") => {
                self.offset += "has(".len();
                self.skip_blanks();
                let name = self.identifier()?;
                self.closing(Token::Has(name))
            }
            () if self.rest().starts_with("all(") => {
                self.offset += "all(".len();
                self.closing(Token::All)
            }
            () if self.rest().starts_with("global(") => {
                self.offset += "global(".len();
                self.closing(Token::Global)
            }
            () => self.identifier().map(Token::Label),
        }
    }

    fn closing(&mut self, token: Token<'a>) -> Result<Token<'a>, ParseError> {
        self.skip_blanks();
        self.pair(")", token)
    }

    fn identifier(&mut self) -> Result<&'a str, ParseError> {
        let length = self.rest().bytes().take_while(|byte| is_identifier_byte(*byte)).count();
        match length {
            0 => self.error("expected a label name, a string or an operator"),
            1..=MAX_IDENTIFIER => {
                let name = &self.rest()[..length];
                self.offset += length;
                Ok(name)
            }
            _ => self.error(format!("label name is longer than {MAX_IDENTIFIER} bytes")),
        }
    }
}

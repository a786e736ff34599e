//! The grammar of policy-model §3, one method for each production.

use std::collections::BTreeSet;

use super::Selector;

/// The longest label name.
const LONGEST_LABEL: usize = 512;

/// Reads a selector; `None` if the text is none.
pub fn parse(text: &str) -> Option<Selector> {
    let mut reader = Reader { rest: text };
    reader.blanks();
    if reader.rest.is_empty() {
        return Some(Selector::All);
    }
    let selector = reader.or()?;
    reader.blanks();
    reader.rest.is_empty().then_some(selector)
}

/// The text that is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// `and ("||" and)*`.
    fn or(&mut self) -> Option<Selector> {
        let mut operands = vec![self.and()?];
        while self.token("||") {
            operands.push(self.and()?);
        }
        Some(if operands.len() == 1 { operands.remove(0) } else { Selector::Or(operands) })
    }

    /// `operation ("&&" operation)*`.
    fn and(&mut self) -> Option<Selector> {
        let mut operands = vec![self.operation()?];
        while self.token("&&") {
            operands.push(self.operation()?);
        }
        Some(if operands.len() == 1 { operands.remove(0) } else { Selector::And(operands) })
    }

    /// `"!"* primary`; pairs of `!` cancel.
    fn operation(&mut self) -> Option<Selector> {
        let mut negations = 0_usize;
        while self.token("!") {
            negations += 1;
        }
        let operand = self.primary()?;
        Some(if negations % 2 == 1 { Selector::Not(Box::new(operand)) } else { operand })
    }

    /// A call, a parenthesis or a comparison. The words of calls are calls only where the parenthesis touches them.
    fn primary(&mut self) -> Option<Selector> {
        if self.token("all(") {
            return self.token(")").then_some(Selector::All);
        }
        if self.token("global(") {
            return self.token(")").then_some(Selector::Global);
        }
        if self.token("has(") {
            let label = self.label()?;
            return self.token(")").then_some(Selector::Has(label));
        }
        if self.token("(") {
            let inner = self.or()?;
            return self.token(")").then_some(inner);
        }
        let label = self.label()?;
        self.comparison(label)
    }

    /// What follows a label name.
    fn comparison(&mut self, label: String) -> Option<Selector> {
        if self.token("==") {
            return Some(Selector::Equals(label, self.string()?));
        }
        if self.token("!=") {
            return Some(Selector::NotEquals(label, self.string()?));
        }
        if self.words(&["contains"]) {
            return Some(Selector::Contains(label, self.string()?));
        }
        if self.words(&["starts", "with"]) {
            return Some(Selector::StartsWith(label, self.string()?));
        }
        if self.words(&["ends", "with"]) {
            return Some(Selector::EndsWith(label, self.string()?));
        }
        if self.words(&["in"]) {
            return Some(Selector::In(label, self.set()?));
        }
        if self.words(&["not", "in"]) {
            return Some(Selector::NotIn(label, self.set()?));
        }
        None
    }

    /// `"{" [ STRING ("," STRING)* [","] ] "}"`.
    fn set(&mut self) -> Option<BTreeSet<String>> {
        let mut values = BTreeSet::new();
        if !self.token("{") {
            return None;
        }
        loop {
            if self.token("}") {
                return Some(values);
            }
            values.insert(self.string()?);
            if !self.token(",") {
                return self.token("}").then_some(values);
            }
        }
    }

    /// A literal in either kind of quotes, without escapes.
    fn string(&mut self) -> Option<String> {
        self.blanks();
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest;
        Some(value.to_owned())
    }

    /// A label name.
    fn label(&mut self) -> Option<String> {
        self.blanks();
        let end = self.rest.find(|c| !is_label_character(c)).unwrap_or(self.rest.len());
        let (label, rest) = self.rest.split_at(end);
        self.rest = rest;
        (1..=LONGEST_LABEL).contains(&label.len()).then(|| label.to_owned())
    }

    /// An operator of words, which may touch each other, and must not run on into further characters of a label name.
    fn words(&mut self, words: &[&str]) -> bool {
        let mut rest = self.rest;
        for word in words {
            rest = match without_blanks(rest).strip_prefix(word) {
                Some(rest) => rest,
                None => return false,
            };
        }
        let complete = !rest.starts_with(is_label_character);
        if complete {
            self.rest = rest;
        }
        complete
    }

    /// Exactly this text after any blanks.
    fn token(&mut self, token: &str) -> bool {
        match without_blanks(self.rest).strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Space and TAB; nothing else is blank.
    fn blanks(&mut self) {
        self.rest = without_blanks(self.rest);
    }
}

fn without_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn is_label_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-')
}

//! The canonical text of a selector: one space between words, double quotes, parentheses around each conjunction and disjunction and nowhere else.

use std::fmt::{self, Display, Formatter, Write};
use std::sync::Arc;

use super::{
    ast::{Node, Test},
    lex::is_identifier,
};

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Label(key, test) => write_test(f, key, test),
            Self::Not(node) => write!(f, "!{node}"),
            Self::AllOf(nodes) => write_group(f, nodes, " && "),
            Self::AnyOf(nodes) => write_group(f, nodes, " || "),
        }
    }
}

fn write_group(f: &mut Formatter<'_>, nodes: &[Arc<Node>], operator: &str) -> fmt::Result {
    f.write_char('(')?;
    write_list(f, nodes, operator)?;
    f.write_char(')')
}

fn write_test(f: &mut Formatter<'_>, key: &str, test: &Test) -> fmt::Result {
    let key = Key(key);
    match test {
        Test::Present => write!(f, "has({key})"),
        Test::Equals(value) => write!(f, "{key} == {}", Value(value)),
        Test::NotEquals(value) => write!(f, "{key} != {}", Value(value)),
        Test::Contains(value) => write!(f, "{key} contains {}", Value(value)),
        Test::StartsWith(value) => write!(f, "{key} starts with {}", Value(value)),
        Test::EndsWith(value) => write!(f, "{key} ends with {}", Value(value)),
        Test::In(values) => write_set(f, key, "in", values),
        Test::NotIn(values) => write_set(f, key, "not in", values),
    }
}

fn write_set(f: &mut Formatter<'_>, key: Key<'_>, operator: &str, values: &[Arc<str>]) -> fmt::Result {
    write!(f, "{key} {operator} {{")?;
    let values: Vec<Value<'_>> = values.iter().map(|value| Value(value)).collect();
    write_list(f, &values, ", ")?;
    f.write_char('}')
}

fn write_list<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { separator })?;
        item.fmt(f)?;
    }
    Ok(())
}

/// The name of a label: bare if the language can read it so.
#[derive(Clone, Copy)]
struct Key<'a>(&'a str);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_identifier(self.0) { f.write_str(self.0) } else { write_unreadable(f, self.0) }
    }
}

/// A value in such quotes as it does not hold itself.
struct Value<'a>(&'a str);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.contains('"'), self.0.contains('\'')) {
            (false, _) => write!(f, "\"{}\"", self.0),
            (true, false) => write!(f, "'{}'", self.0),
            (true, true) => write_unreadable(f, self.0),
        }
    }
}

/// What the language has no way to write: between backquotes, each inner one doubled.
fn write_unreadable(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "`{}`", text.replace('`', "``"))
}

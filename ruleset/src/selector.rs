//! The selector language of Calico: a predicate over labels.
//!
//! Text becomes a private tree; the tree has one canonical text, and everything else follows from that text: equality, order, and the content id under
//! which equal selectors share one address set. Canonical text and id are those of Calico for every selector that can be written in the language.
//!
//! Invariants:
//! * Whitespace is space and TAB only, as in Calico; a newline outside a string literal is an error. A text of blanks alone is `all()`.
//! * Reading is bounded: [`MAX_LENGTH`] bytes, [`MAX_DEPTH`] nested parentheses, one pass over the text. Runs of `!` do not nest.
//! * Constructors take any key and any value, also such as cannot be written in the language. Different selectors have different canonical texts even
//!   then: a key that is no identifier, and a value that holds both kinds of quotes, print between backquotes with each inner backquote doubled. No
//!   selector that was read from text prints a backquote outside of a string literal.
//! * Canonical text reads back as a selector of the same meaning and, but for one case, of the same text: `!(!x)` prints `!!x` (as in Calico), which reads
//!   as `x`.

mod ast;
mod canonical;
mod lex;
mod mention;
mod parse;
mod restriction;

#[cfg(test)]
mod tests;

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha224};

pub(crate) use restriction::Restriction;

use ast::{Node, Test};

/// The longest text that is read, in bytes. The API admits 1,024 characters; selectors converted from Kubernetes objects may be longer.
pub const MAX_LENGTH: usize = 64 * 1024;

/// The deepest nesting of parentheses that is read: as deep as they nest in a selector that the API admits, and no threat to a thread's stack.
pub const MAX_DEPTH: usize = 512;

/// A parsed selector. Two selectors are equal if their canonical texts are. Clones share one tree.
#[derive(Clone)]
pub struct Selector(Arc<Parsed>);

struct Parsed {
    root: Arc<Node>,
    canonical: OnceLock<Arc<str>>,
    id: OnceLock<SelectorId>,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct ParseError {
    /// What was expected.
    pub message: String,
    /// Where, in bytes from the start.
    pub offset: usize,
}

/// The content id of a selector: `s:` and the base64url SHA-224 of `s:` and its canonical text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SelectorId(Arc<str>);

impl SelectorId {
    /// The id as text, `s:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Selector {
    /// Reads a selector.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text).map(Self::from)
    }

    /// The canonical text.
    pub fn canonical(&self) -> &Arc<str> {
        self.0.canonical.get_or_init(|| self.0.root.to_string().into())
    }

    /// The content id.
    pub fn id(&self) -> SelectorId {
        let digest = |text: &str| {
            URL_SAFE_NO_PAD.encode(Sha224::new().chain_update("s:").chain_update(text).finalize())
        };
        self.0.id.get_or_init(|| SelectorId(format!("s:{}", digest(self.canonical())).into())).clone()
    }

    /// Whether it matches an object whose labels `label` finds. `global()` matches everything (it has a meaning only where
    /// [`Self::with_all_and_global`] gives it one).
    pub fn matches<'a>(&self, label: &dyn Fn(&str) -> Option<&'a str>) -> bool {
        self.0.root.matches(label)
    }

    /// What every match must have, by label: a lower bound to index by. A label that is not in the map may be anything.
    pub(crate) fn restrictions(&self) -> BTreeMap<Arc<str>, Restriction> {
        restriction::restrictions(&self.0.root)
    }

    /// `all()`.
    pub fn all() -> Self {
        Node::All.into()
    }

    /// `key == "value"`; the value may hold anything.
    pub fn equals(key: &str, value: &str) -> Self {
        Node::Label(key.into(), Test::Equals(value.into())).into()
    }

    /// `key != "value"`.
    pub fn not_equals(key: &str, value: &str) -> Self {
        Node::Label(key.into(), Test::NotEquals(value.into())).into()
    }

    /// `key in {"a", "b"}`.
    pub fn is_in<'a>(key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        Node::Label(key.into(), Test::In(ast::value_set(values))).into()
    }

    /// `key not in {"a", "b"}`.
    pub fn not_in<'a>(key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        Node::Label(key.into(), Test::NotIn(ast::value_set(values))).into()
    }

    /// `has(key)`.
    pub fn has(key: &str) -> Self {
        Node::Label(key.into(), Test::Present).into()
    }

    /// `(self && other)`. A conjunction takes in `other` as its last term, so that a long chain does not nest.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (first, other) = (self.into_root(), other.into_root());
        let terms = match &*first {
            Node::AllOf(terms) => terms.iter().cloned().chain([other]).collect(),
            Node::All | Node::Global | Node::Label(..) | Node::Not(_) | Node::AnyOf(_) => vec![first, other],
        };
        Node::AllOf(terms).into()
    }

    /// `!self`, or what stands behind the `!` that is already there.
    #[must_use]
    pub fn negated(self) -> Self {
        match &*self.0.root {
            Node::Not(inner) => inner.as_ref().clone().into(),
            Node::All | Node::Global | Node::Label(..) | Node::AllOf(_) | Node::AnyOf(_) => {
                Node::Not(Arc::clone(&self.0.root)).into()
            }
        }
    }

    /// The same expression with this before every label name (`pcns.` and `pcsa.`, the labels that endpoints inherit).
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Self {
        self.0.root.map(&|leaf| match leaf {
            Node::Label(key, test) => Some(Node::Label(format!("{prefix}{key}").into(), test.clone())),
            Node::All | Node::Global | Node::Not(_) | Node::AllOf(_) | Node::AnyOf(_) => None,
        })
    }

    /// The same expression with every term `all()` replaced by one term and every `global()` by another. Text in string literals is left alone.
    #[must_use]
    pub fn with_all_and_global(&self, all: &Self, global: &Self) -> Self {
        self.0.root.map(&|leaf| match leaf {
            Node::All => Some(all.0.root.as_ref().clone()),
            Node::Global => Some(global.0.root.as_ref().clone()),
            Node::Label(..) | Node::Not(_) | Node::AllOf(_) | Node::AnyOf(_) => None,
        })
    }

    fn into_root(self) -> Arc<Node> {
        match Arc::try_unwrap(self.0) {
            Ok(own) => own.root,
            Err(shared) => Arc::clone(&shared.root),
        }
    }
}

impl From<Node> for Selector {
    fn from(root: Node) -> Self {
        Self(Arc::new(Parsed { root: Arc::new(root), canonical: OnceLock::new(), id: OnceLock::new() }))
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.canonical() == other.canonical()
    }
}

impl Eq for Selector {}

impl Ord for Selector {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canonical().cmp(other.canonical())
    }
}

impl PartialOrd for Selector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Selector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.canonical())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({})", self.canonical())
    }
}

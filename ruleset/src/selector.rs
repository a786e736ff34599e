//! The selector language of Calico (policy-model §3).
//!
//! Interface that the rest of the crate relies on; to be filled in.

use std::{fmt, sync::Arc};

/// A parsed selector. Two selectors are equal if their canonical texts are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    canonical: Arc<str>,
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

/// The content id of a selector: `s:` and the base64url SHA-224 of its canonical text.
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
    pub fn parse(_text: &str) -> Result<Self, ParseError> {
        todo!()
    }

    /// The canonical text.
    pub fn canonical(&self) -> &Arc<str> {
        &self.canonical
    }

    /// The content id.
    pub fn id(&self) -> SelectorId {
        todo!()
    }

    /// Whether it matches an object whose labels `label` finds.
    pub fn matches<'a>(&self, _label: &dyn Fn(&str) -> Option<&'a str>) -> bool {
        todo!()
    }

    /// `all()`.
    pub fn all() -> Self {
        todo!()
    }

    /// `key == "value"`; the value may hold anything.
    pub fn equals(_key: &str, _value: &str) -> Self {
        todo!()
    }

    /// `key != "value"`.
    pub fn not_equals(_key: &str, _value: &str) -> Self {
        todo!()
    }

    /// `key in {"a", "b"}`.
    pub fn is_in<'a>(_key: &str, _values: impl IntoIterator<Item = &'a str>) -> Self {
        todo!()
    }

    /// `key not in {"a", "b"}`.
    pub fn not_in<'a>(_key: &str, _values: impl IntoIterator<Item = &'a str>) -> Self {
        todo!()
    }

    /// `has(key)`.
    pub fn has(_key: &str) -> Self {
        todo!()
    }

    /// `(self && other)`.
    #[must_use]
    pub fn and(self, _other: Self) -> Self {
        todo!()
    }

    /// `!self`.
    #[must_use]
    pub fn negated(self) -> Self {
        todo!()
    }

    /// The same expression with this before every label name (`pcns.` and `pcsa.`, policy-model §2.5).
    #[must_use]
    pub fn prefixed(&self, _prefix: &str) -> Self {
        todo!()
    }

    /// The same expression with `all()` replaced by one term and `global()` by another (policy-model §2.5, §2.6).
    #[must_use]
    pub fn with_all_and_global(&self, _all: &Self, _global: &Self) -> Self {
        todo!()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

//! The tree of a selector and its evaluation.

use std::sync::Arc;

use super::Selector;

/// A predicate over labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// `all()`: true.
    All,
    /// `global()`: true as it stands.
    Global,
    /// A test of the value of one label.
    Label(Arc<str>, Test),
    /// `!…`.
    Not(Arc<Node>),
    /// `(… && …)`, at least two terms.
    AllOf(Vec<Arc<Node>>),
    /// `(… || …)`, at least two terms.
    AnyOf(Vec<Arc<Node>>),
}

/// A test of the value of a label. An absent label passes only the two negative ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// `has(key)`.
    Present,
    /// `key == "…"`.
    Equals(Arc<str>),
    /// `key != "…"`.
    NotEquals(Arc<str>),
    /// `key contains "…"`.
    Contains(Arc<str>),
    /// `key starts with "…"`.
    StartsWith(Arc<str>),
    /// `key ends with "…"`.
    EndsWith(Arc<str>),
    /// `key in {…}`: sorted bytewise, each value once.
    In(Vec<Arc<str>>),
    /// `key not in {…}`: sorted bytewise, each value once.
    NotIn(Vec<Arc<str>>),
}

/// The values of `in` and `not in`.
pub(super) fn value_set<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Arc<str>> {
    let mut values: Vec<&str> = values.into_iter().collect();
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(Arc::from).collect()
}

impl Node {
    /// Whether it matches an object whose labels `label` finds.
    pub(super) fn matches<'a>(&self, label: &dyn Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            Self::All | Self::Global => true,
            Self::Label(key, test) => test.passes(label(key)),
            Self::Not(node) => !node.matches(label),
            Self::AllOf(nodes) => nodes.iter().all(|node| node.matches(label)),
            Self::AnyOf(nodes) => nodes.iter().any(|node| node.matches(label)),
        }
    }

    /// The same tree with each leaf replaced for which `replace` has another.
    pub(super) fn map(&self, replace: &dyn Fn(&Self) -> Option<Self>) -> Selector {
        self.replaced(replace).into()
    }

    fn replaced(&self, replace: &dyn Fn(&Self) -> Option<Self>) -> Self {
        let each = |nodes: &[Arc<Self>]| nodes.iter().map(|node| Arc::new(node.replaced(replace))).collect();
        match self {
            Self::All | Self::Global | Self::Label(..) => replace(self).unwrap_or_else(|| self.clone()),
            Self::Not(node) => Self::Not(Arc::new(node.replaced(replace))),
            Self::AllOf(nodes) => Self::AllOf(each(nodes)),
            Self::AnyOf(nodes) => Self::AnyOf(each(nodes)),
        }
    }
}

impl Test {
    fn passes(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return matches!(self, Self::NotEquals(_) | Self::NotIn(_)) };
        let contained = |values: &[Arc<str>]| values.binary_search_by(|known| (**known).cmp(value)).is_ok();
        match self {
            Self::Present => true,
            Self::Equals(wanted) => value == &**wanted,
            Self::NotEquals(unwanted) => value != &**unwanted,
            Self::Contains(part) => value.contains(&**part),
            Self::StartsWith(start) => value.starts_with(&**start),
            Self::EndsWith(end) => value.ends_with(&**end),
            Self::In(values) => contained(values),
            Self::NotIn(values) => !contained(values),
        }
    }
}

//! What every match of a selector must have: lower bounds to index by.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::ast::{Node, Test};

/// What a selector asks of one label at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Restriction {
    /// It is not there.
    Absent,
    /// It is there.
    Present,
    /// It is there with one of these values; with none of them, nothing matches.
    OneOf(BTreeSet<Arc<str>>),
    /// It is there and not there: nothing matches.
    Contradiction,
}

type Restrictions = BTreeMap<Arc<str>, Restriction>;

/// The restrictions of a selector by label; a label that is not in the map may be anything.
pub(super) fn restrictions(node: &Node) -> Restrictions {
    match node {
        Node::All | Node::Global => Restrictions::new(),
        Node::Label(key, test) => {
            of_test(test).map(|restriction| (Arc::clone(key), restriction)).into_iter().collect()
        }
        Node::Not(node) => of_negation(node),
        Node::AllOf(nodes) => {
            nodes.iter().fold(Restrictions::new(), |both, node| all_of(both, restrictions(node)))
        }
        Node::AnyOf(nodes) => {
            let mut branches = nodes.iter().map(|node| restrictions(node));
            let first = branches.next().unwrap_or_default();
            branches.fold(first, any_of)
        }
    }
}

fn of_test(test: &Test) -> Option<Restriction> {
    match test {
        Test::Equals(value) => Some(Restriction::OneOf(BTreeSet::from([Arc::clone(value)]))),
        // Calico keeps no values for an empty set; that only misses an optimization.
        Test::In(values) if !values.is_empty() => Some(Restriction::OneOf(values.iter().cloned().collect())),
        Test::In(_) | Test::Present | Test::Contains(_) | Test::StartsWith(_) | Test::EndsWith(_) => {
            Some(Restriction::Present)
        }
        Test::NotEquals(_) | Test::NotIn(_) => None,
    }
}

fn of_negation(node: &Node) -> Restrictions {
    match node {
        Node::Label(key, Test::Present) => Restrictions::from([(Arc::clone(key), Restriction::Absent)]),
        Node::All | Node::Global | Node::Label(..) | Node::Not(_) | Node::AllOf(_) | Node::AnyOf(_) => {
            Restrictions::new()
        }
    }
}

fn all_of(mut both: Restrictions, other: Restrictions) -> Restrictions {
    for (key, right) in other {
        let combined = match both.remove(&key) {
            Some(left) => left.and(right),
            None => right,
        };
        both.insert(key, combined);
    }
    both
}

fn any_of(either: Restrictions, mut other: Restrictions) -> Restrictions {
    let combined = |(key, left): (Arc<str>, Restriction)| {
        let right = other.remove(&key)?;
        left.or(right).map(|restriction| (key, restriction))
    };
    either.into_iter().filter_map(combined).collect()
}

impl Restriction {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Absent, Self::Absent) => Self::Absent,
            (Self::Present, Self::Present) => Self::Present,
            (Self::OneOf(left), Self::OneOf(right)) => {
                Self::OneOf(left.intersection(&right).cloned().collect())
            }
            (Self::Present, Self::OneOf(values)) | (Self::OneOf(values), Self::Present) => {
                Self::OneOf(values)
            }
            (Self::Absent, Self::Present | Self::OneOf(_))
            | (Self::Present | Self::OneOf(_), Self::Absent)
            | (Self::Contradiction, _)
            | (_, Self::Contradiction) => Self::Contradiction,
        }
    }

    /// What holds in either case; `None` if nothing does.
    fn or(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Contradiction, restriction) | (restriction, Self::Contradiction) => Some(restriction),
            (Self::Absent, Self::Absent) => Some(Self::Absent),
            (Self::OneOf(mut left), Self::OneOf(right)) => {
                left.extend(right);
                Some(Self::OneOf(left))
            }
            (Self::Present, Self::Present | Self::OneOf(_)) | (Self::OneOf(_), Self::Present) => {
                Some(Self::Present)
            }
            (Self::Absent, Self::Present | Self::OneOf(_))
            | (Self::Present | Self::OneOf(_), Self::Absent) => None,
        }
    }
}

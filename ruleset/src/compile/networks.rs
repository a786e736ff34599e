//! Lists of networks that the node's surroundings bring: compared one by one where they are few (6 ns each), looked up in a set where they are many.

use std::sync::Arc;

use ipnet::IpNet;

use super::address_set::merge;
use crate::{
    address::Family,
    name::SetName,
    nft::{AddressSide, Elements, Match, Operator, Set},
};

/// Networks up to this many are compared one by one.
const INLINE: usize = 4;

/// Networks of one family.
#[derive(Clone, Debug)]
pub(super) enum Networks {
    /// Compared one by one.
    Few(Vec<IpNet>),
    /// Looked up.
    Many(Arc<Set>),
}

impl Networks {
    /// Those of a list that are of a family. `name` is that of the set, should they be many.
    pub(super) fn of(name: &str, comment: &str, nets: impl Iterator<Item = IpNet>, family: Family) -> Self {
        let mut ours: Vec<IpNet> =
            nets.filter(|net| Family::of_net(net) == family).map(|net| net.trunc()).collect();
        ours.sort();
        ours.dedup();
        if ours.len() <= INLINE {
            return Self::Few(ours);
        }
        Self::Many(Arc::new(Set {
            name: SetName::from(name),
            capacity: None,
            comment: comment.into(),
            elements: Elements::Intervals(merge(ours.iter().copied())),
        }))
    }

    /// An address lies in one of them: alternatives, each for a rule of its own.
    pub(super) fn inside(&self, side: AddressSide) -> Vec<Match> {
        self.matches(side, Operator::Is)
    }

    /// An address lies in none of them: all have to hold.
    pub(super) fn outside(&self, side: AddressSide) -> Vec<Match> {
        self.matches(side, Operator::IsNot)
    }

    fn matches(&self, side: AddressSide, operator: Operator) -> Vec<Match> {
        match self {
            Self::Few(nets) => nets.iter().map(|net| Match::Net(side, operator, *net)).collect(),
            Self::Many(set) => vec![Match::InSet(side, operator, set.name.clone())],
        }
    }

    /// The set, if they are many.
    pub(super) fn set(&self) -> Option<&Arc<Set>> {
        match self {
            Self::Few(_) => None,
            Self::Many(set) => Some(set),
        }
    }
}

//! The policy model: what every API's policies become at the border.
//!
//! All kinds share one shape. Selectors are already combined with what the API adds to them (own namespace, service account, prefixes of inherited
//! labels), so that later stages match one expression against one set of labels.

mod key;
mod rule;
mod stage;
mod tier;

pub use key::{PolicyKey, PolicyKind};
pub use rule::{Action, Entity, Rule, Traffic};
pub use stage::Stage;
pub use tier::{Order, Tier, TierAction, TierDefault};

use std::collections::BTreeSet;

use crate::{name::TierName, selector::Selector};

/// The direction of traffic as the endpoint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Towards the endpoint.
    Ingress,
    /// From the endpoint.
    Egress,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// A value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerDirection<T> {
    /// For traffic towards the endpoint.
    pub ingress: T,
    /// For traffic from the endpoint.
    pub egress: T,
}

impl<T> PerDirection<T> {
    /// The value of a direction.
    pub fn get(&self, direction: Direction) -> &T {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// A value for each direction.
    pub fn from_fn(mut value: impl FnMut(Direction) -> T) -> Self {
        Self { ingress: value(Direction::Ingress), egress: value(Direction::Egress) }
    }
}

/// A policy of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Kind, namespace and name.
    pub key: PolicyKey,
    /// The tier it stands in.
    pub tier: TierName,
    /// Its place in the tier; ties are broken by [`PolicyKey::tie_break`].
    pub order: Order,
    /// Where in the packet path it decides.
    pub stage: Stage,
    /// The endpoints it governs: an expression over their effective labels.
    pub subject: Selector,
    /// The directions it governs. A policy isolates its subject in each of these, even without a rule.
    pub directions: BTreeSet<Direction>,
    /// Rules in order, for traffic towards the subject.
    pub ingress: Vec<Rule>,
    /// Rules in order, for traffic from the subject.
    pub egress: Vec<Rule>,
}

impl Policy {
    /// The rules of a direction; empty where the policy does not govern it.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            _ if !self.directions.contains(&direction) => &[],
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Gives back the room that lists have beyond what they hold. Most policies of a cluster are kept for long and never changed.
    pub(crate) fn shrink(&mut self) {
        for rules in [&mut self.ingress, &mut self.egress] {
            rules.shrink_to_fit();
            for entity in rules.iter_mut().flat_map(|rule| [&mut rule.source, &mut rule.destination]) {
                entity.nets.shrink_to_fit();
                entity.not_nets.shrink_to_fit();
                entity.ports.shrink_to_fit();
                entity.not_ports.shrink_to_fit();
            }
        }
    }
}

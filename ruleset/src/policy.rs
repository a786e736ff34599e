//! The policy model: what every API's policies become at the border.
//!
//! All kinds share one shape. Selectors are already combined with what the API adds to them (own namespace, service account, prefixes of inherited
//! labels), so that later stages match one expression against one set of labels.

mod key;
mod rule;
mod tier;

pub use key::{PolicyKey, PolicyKind};
pub use rule::{Action, Entity, Rule, Traffic};
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

/// A policy of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Kind, namespace and name.
    pub key: PolicyKey,
    /// The tier it stands in.
    pub tier: TierName,
    /// Its place in the tier; ties are broken by [`PolicyKey::tie_break`].
    pub order: Order,
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
}

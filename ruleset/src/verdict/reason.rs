//! Why a packet goes on or not.

use crate::{
    name::TierName,
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey},
};

/// Why a packet goes on or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A rule of a policy.
    Rule {
        /// The direction, as the pod sees it.
        direction: Direction,
        /// The tier of the policy.
        tier: TierName,
        /// The policy.
        policy: PolicyKey,
        /// The place in the rule list of the API object, from 0.
        index: u32,
    },
    /// The end of a tier whose policies select the pod, none of whose rules matched.
    EndOfTier {
        /// The direction, as the pod sees it.
        direction: Direction,
        /// The tier.
        tier: TierName,
        /// The policies, in order.
        policies: Vec<PolicyKey>,
    },
    /// The closed stand-in of a policy.
    StandIn {
        /// The direction, as the pod sees it.
        direction: Direction,
        /// The policy.
        policy: PolicyKey,
    },
    /// The profile of the pod's namespace, behind the last tier.
    Profile {
        /// The direction, as the pod sees it.
        direction: Direction,
    },
    /// What stands in no policy.
    Builtin {
        /// The direction, as the pod sees it; none for what belongs to the node.
        direction: Option<Direction>,
        /// Which.
        role: Builtin,
    },
    /// A pod to itself: the packet never leaves its network namespace.
    Loopback,
}

impl Reason {
    /// The name of a reason that is no rule, as answers print it: `end-of-tier`, `profile`, `host-to-own-pod`, `loopback`, ….
    pub fn builtin(&self) -> Option<&'static str> {
        match self {
            Self::Rule { .. } | Self::StandIn { .. } => None,
            Self::EndOfTier { .. } => Some("end-of-tier"),
            Self::Profile { .. } => Some("profile"),
            Self::Builtin { role, .. } => Some(role.as_str()),
            Self::Loopback => Some("loopback"),
        }
    }

    /// The direction of the policy, as the pod sees it.
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Self::Rule { direction, .. }
            | Self::EndOfTier { direction, .. }
            | Self::Profile { direction }
            | Self::StandIn { direction, .. } => Some(*direction),
            Self::Builtin { direction, .. } => *direction,
            Self::Loopback => None,
        }
    }

    /// A built-in of the node.
    pub(super) fn of_node(role: Builtin) -> Self {
        Self::Builtin { direction: None, role }
    }

    /// Whether policies said so, by a rule or by having none that matched.
    pub fn is_policy(&self) -> bool {
        matches!(self, Self::Rule { .. } | Self::EndOfTier { .. } | Self::StandIn { .. })
    }
}

impl From<&Origin> for Reason {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Rule { tier, policy, direction, index } => Self::Rule {
                direction: *direction,
                tier: tier.clone(),
                policy: policy.clone(),
                index: *index,
            },
            Origin::EndOfTier { tier, direction, policies } => {
                Self::EndOfTier { direction: *direction, tier: tier.clone(), policies: policies.clone() }
            }
            Origin::Policy { policy, direction, .. } | Origin::StandIn { policy, direction } => {
                Self::StandIn { direction: *direction, policy: policy.clone() }
            }
            Origin::Profile { direction } => Self::Profile { direction: *direction },
            Origin::Endpoint { direction, role, .. } | Origin::HostEndpoint { direction, role, .. } => {
                Self::Builtin { direction: Some(*direction), role: *role }
            }
            Origin::Builtin(role) => Self::Builtin { direction: None, role: *role },
        }
    }
}

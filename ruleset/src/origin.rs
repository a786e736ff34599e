//! Why a rule, chain or set exists. Comments, log prefixes, error attribution and the answer of `eval` are derived from this; nothing is parsed back out
//! of names.

use std::fmt;

use crate::{
    name::{HostEndpointName, ObjectName, TierName},
    policy::{Direction, PolicyKey},
};

/// The reason of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A rule of a policy.
    Rule {
        /// The tier of the policy.
        tier: TierName,
        /// The policy.
        policy: PolicyKey,
        /// The direction.
        direction: Direction,
        /// The place in the rule list of the API object, from 0.
        index: u32,
    },
    /// The jump into a policy.
    Policy {
        /// The tier of the policy.
        tier: TierName,
        /// The policy.
        policy: PolicyKey,
        /// The direction.
        direction: Direction,
    },
    /// The end of a tier that isolates.
    EndOfTier {
        /// The tier.
        tier: TierName,
        /// The direction.
        direction: Direction,
        /// The endpoint's policies in that tier, whose rules all missed.
        policies: Vec<PolicyKey>,
    },
    /// The namespace's profile, which decides where no tier did.
    Profile {
        /// The direction.
        direction: Direction,
    },
    /// A policy that the kernel refused or that could not be compiled; all that it governs is closed.
    StandIn {
        /// The policy.
        policy: PolicyKey,
        /// The direction.
        direction: Direction,
    },
    /// What belongs to an endpoint itself.
    Endpoint {
        /// The endpoint.
        pod: ObjectName,
        /// The direction.
        direction: Direction,
        /// Which of its rules.
        role: Builtin,
    },
    /// What belongs to a host endpoint itself.
    HostEndpoint {
        /// The host endpoint.
        name: HostEndpointName,
        /// The direction.
        direction: Direction,
        /// Which of its rules.
        role: Builtin,
    },
    /// What belongs to the node as a whole.
    Builtin(Builtin),
}

/// Rules that come from no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Builtin {
    /// Packets of flows that were admitted.
    Established,
    /// Packets that connection tracking cannot place.
    Invalid,
    /// A source address that is not the pod's own.
    SourceAddress,
    /// From or to a workload interface that no endpoint has.
    UnknownInterface,
    /// Neither end is an endpoint of this node.
    NoPolicy,
    /// The node's own traffic to its own pods.
    HostToOwnPod,
    /// A pod's traffic to its own node, after its egress policy.
    EndpointToHost,
    /// Neighbour and multicast listener discovery.
    NeighbourDiscovery,
    /// The way from one stage to the next.
    Dispatch,
    /// A port that host endpoint policy cannot close.
    Failsafe,
    /// What a host endpoint does where no policy and no profile decided.
    HostEndpointDefault,
    /// What is judged where its interface is known: the node's own traffic whose destination was translated.
    Translated,
    /// A limit on packets.
    PacketRate,
    /// A limit on connections.
    ConnectionLimit,
    /// The DSCP of what a pod sends out of the cluster.
    Dscp,
    /// Encapsulated packets from a pod.
    Encapsulation,
    /// Translation of what leaves the cluster.
    NatOutgoing,
    /// Packets to a service address that no service answers.
    ServiceLoop,
    /// An address that leads to a pod.
    FloatingAddress,
}

impl Builtin {
    /// The name in comments and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Invalid => "invalid",
            Self::SourceAddress => "source-address",
            Self::UnknownInterface => "unknown-interface",
            Self::NoPolicy => "no-policy",
            Self::HostToOwnPod => "host-to-own-pod",
            Self::EndpointToHost => "endpoint-to-host",
            Self::NeighbourDiscovery => "neighbour-discovery",
            Self::Dispatch => "dispatch",
            Self::Failsafe => "failsafe",
            Self::HostEndpointDefault => "host-endpoint-default",
            Self::Translated => "translated",
            Self::PacketRate => "packet-rate",
            Self::ConnectionLimit => "connection-limit",
            Self::Dscp => "dscp",
            Self::Encapsulation => "encapsulation",
            Self::NatOutgoing => "nat-outgoing",
            Self::ServiceLoop => "service-loop",
            Self::FloatingAddress => "floating-address",
        }
    }
}

impl Origin {
    /// The policy at whose door this is to be laid.
    pub fn policy(&self) -> Option<&PolicyKey> {
        match self {
            Self::Rule { policy, .. } | Self::Policy { policy, .. } | Self::StandIn { policy, .. } => {
                Some(policy)
            }
            Self::EndOfTier { .. }
            | Self::Profile { .. }
            | Self::Endpoint { .. }
            | Self::HostEndpoint { .. }
            | Self::Builtin(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    /// The comment of the rule: what a person reads in `nft list`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { tier, policy, direction, index } => {
                write!(f, "{policy} {direction}[{index}] tier {tier}")
            }
            Self::Policy { tier, policy, .. } => write!(f, "{policy} tier {tier}"),
            Self::EndOfTier { tier, direction, policies } => {
                write!(f, "end of tier {tier} {direction}:")?;
                policies.iter().try_for_each(|policy| write!(f, " {policy}"))
            }
            Self::Profile { .. } => f.write_str("profile"),
            Self::StandIn { policy, direction } => write!(f, "{policy} {direction}: closed stand-in"),
            Self::HostEndpoint { name, role, .. } => write!(f, "{} of {name}", role.as_str()),
            Self::Endpoint { role, .. } | Self::Builtin(role) => f.write_str(role.as_str()),
        }
    }
}

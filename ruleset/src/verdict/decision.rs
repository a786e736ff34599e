//! What was decided about a packet on its way, read from the trace of the rules it met.

use crate::{
    evaluate::{Outcome, Trace},
    name::ObjectName,
    nft::Hook,
    origin::{Builtin, Origin},
    policy::Direction,
    verdict::{Reason, Verdict, route::Crossing},
};

/// One decision about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// The pod at whose interface; none where the node decided for itself, or nobody did.
    pub pod: Option<ObjectName>,
    /// Why.
    pub reason: Reason,
}

impl Decision {
    /// What a node decided about a packet that crossed it, in order: for the sending pod, for the receiving pod, for the node itself. Never empty; the
    /// last one is a deny if the packet was dropped.
    ///
    /// In each direction the last rule that could have decided did: a rule that logs or passes on is followed by another one.
    pub(super) fn of(trace: &Trace, crossing: &Crossing) -> Vec<Self> {
        let origins = || trace.path.iter().rev().map(|step| step.origin.as_ref());
        let mut decisions: Vec<Self> = [Direction::Egress, Direction::Ingress]
            .into_iter()
            .filter_map(|direction| origins().find(|origin| decides(origin, direction)))
            .map(|origin| Self::new(Verdict::Allow, Reason::from(origin), crossing))
            .collect();
        match trace.outcome {
            Outcome::Accepted => {
                decisions.extend(Self::of_node(origins().next(), crossing, decisions.is_empty()))
            }
            Outcome::Dropped => {
                let reason = origins().next().map_or(Reason::of_node(Builtin::Dispatch), Reason::from);
                decisions.retain(|decision| decision.reason != reason);
                decisions.push(Self::new(Verdict::Deny, reason, crossing));
            }
        }
        decisions
    }

    /// What the node itself had to say about a packet that it let through: `last` is the rule that did. What only carries on the decision of a pod's
    /// policies is no decision.
    fn of_node(last: Option<&Origin>, crossing: &Crossing, alone: bool) -> Option<Self> {
        let role = match (last, crossing.hook) {
            (Some(Origin::Builtin(Builtin::NeighbourDiscovery)), _) => Builtin::NeighbourDiscovery,
            (_, Hook::Input) => Builtin::EndpointToHost,
            (_, Hook::Output) => Builtin::HostToOwnPod,
            (_, Hook::Forward) if alone => Builtin::NoPolicy,
            (_, Hook::Forward | Hook::Prerouting | Hook::Postrouting) => return None,
        };
        Some(Self::new(Verdict::Allow, Reason::of_node(role), crossing))
    }

    fn new(verdict: Verdict, reason: Reason, crossing: &Crossing) -> Self {
        let pod = match reason.direction() {
            Some(Direction::Egress) => crossing.sender.clone(),
            Some(Direction::Ingress) => crossing.receiver.clone(),
            None => None,
        };
        Self { verdict, pod, reason }
    }

    /// The decision about traffic that no policy sees.
    pub(super) fn no_policy() -> Self {
        Self { verdict: Verdict::Allow, pod: None, reason: Reason::of_node(Builtin::NoPolicy) }
    }

    /// The decision about traffic of a pod to itself.
    pub(super) fn loopback(pod: Option<ObjectName>) -> Self {
        Self { verdict: Verdict::Allow, pod, reason: Reason::Loopback }
    }
}

/// Whether a rule of this origin can have the last word about a direction of a pod's traffic.
fn decides(origin: &Origin, wanted: Direction) -> bool {
    match origin {
        Origin::Rule { direction, .. }
        | Origin::Profile { direction }
        | Origin::EndOfTier { direction, .. }
        | Origin::StandIn { direction, .. } => *direction == wanted,
        Origin::Endpoint { direction, role, .. } | Origin::HostEndpoint { direction, role, .. } => {
            *direction == wanted && *role != Builtin::Dispatch
        }
        Origin::Policy { .. } | Origin::Builtin(_) => false,
    }
}

//! What was decided about a packet on its way, read from the traces of the rules it met.

use crate::{
    evaluate::{Outcome, Step},
    name::ObjectName,
    nft::Hook,
    origin::{Builtin, Origin},
    policy::{Action, Direction, PolicyKey},
    verdict::{Place, Reason, Verdict, route::Crossing},
};

/// One decision about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// At whose interface; none where the node decided for itself, or nobody did.
    pub at: Option<Place>,
    /// Why.
    pub reason: Reason,
}

/// The action of a rule of a policy, if the policy is known.
pub(super) type Actions<'a> = dyn Fn(&PolicyKey, Direction, u32) -> Option<Action> + 'a;

impl Decision {
    /// What a node decided about a packet that crossed it, in order: at each place in each direction, then for the node itself. Never empty; the last one
    /// is a deny if the packet was dropped.
    ///
    /// At a place the last rule that could have decided did: one that logs or passes on decides nothing, nor does the way to a chain.
    pub(super) fn of(
        outcome: Outcome,
        path: &[(Option<&Place>, &Step)],
        crossing: &Crossing,
        actions: &Actions<'_>,
    ) -> Vec<Self> {
        let mut decisions = Vec::new();
        for (at, step) in path {
            if at.is_some() && decides(&step.origin, actions) {
                Self::new(Verdict::Allow, *at, Reason::from(&*step.origin)).stand_in(&mut decisions);
            }
        }
        let last = path.last().map(|(at, step)| (*at, &*step.origin));
        match outcome {
            Outcome::Accepted => {
                let last = last.map(|(_, origin)| origin);
                decisions.extend(Self::of_node(last, crossing, decisions.is_empty()));
            }
            Outcome::Dropped => {
                let reason = last.map_or(Reason::of_node(Builtin::Dispatch), |(_, origin)| origin.into());
                Self::new(Verdict::Deny, last.and_then(|(at, _)| at), reason).stand_in(&mut decisions);
            }
        }
        decisions
    }

    /// Stands in for an earlier decision at the same place in the same direction.
    fn stand_in(self, decisions: &mut Vec<Self>) {
        let is_same =
            |other: &Self| other.at == self.at && other.reason.direction() == self.reason.direction();
        decisions.retain(|other| self.at.is_none() || !is_same(other));
        decisions.push(self);
    }

    /// What the node itself had to say about a packet that it let through: `last` is the rule that did. What only carries on what was decided at a place
    /// is no decision.
    fn of_node(last: Option<&Origin>, crossing: &Crossing, alone: bool) -> Option<Self> {
        let role = match (last, crossing.hook) {
            (Some(Origin::Builtin(role @ (Builtin::NeighbourDiscovery | Builtin::Encapsulation))), _) => {
                *role
            }
            (_, Hook::Input) if crossing.sender.is_some() => Builtin::EndpointToHost,
            (_, Hook::Output) if crossing.receiver.is_some() => Builtin::HostToOwnPod,
            (_, _) if alone => Builtin::NoPolicy,
            (_, _) => return None,
        };
        Some(Self::new(Verdict::Allow, None, Reason::of_node(role)))
    }

    fn new(verdict: Verdict, at: Option<&Place>, reason: Reason) -> Self {
        Self { verdict, at: at.cloned(), reason }
    }

    /// The decision about traffic that no policy sees.
    pub(super) fn no_policy() -> Self {
        Self::new(Verdict::Allow, None, Reason::of_node(Builtin::NoPolicy))
    }

    /// The decision about traffic of a pod to itself.
    pub(super) fn loopback(pod: Option<ObjectName>) -> Self {
        Self { verdict: Verdict::Allow, at: pod.map(Place::Pod), reason: Reason::Loopback }
    }
}

/// Whether a rule of this origin can have the last word at a place.
fn decides(origin: &Origin, actions: &Actions<'_>) -> bool {
    match origin {
        Origin::Rule { policy, direction, index, .. } => match actions(policy, *direction, *index) {
            Some(Action::Pass | Action::Log) => false,
            Some(Action::Allow | Action::Deny) | None => true,
        },
        Origin::Profile { .. } | Origin::EndOfTier { .. } | Origin::StandIn { .. } => true,
        Origin::Endpoint { role, .. } | Origin::HostEndpoint { role, .. } => *role != Builtin::Dispatch,
        Origin::Policy { .. } | Origin::Builtin(_) => false,
    }
}

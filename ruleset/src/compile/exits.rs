//! Where the rules of a policy lead. The same policy stands in several places of the layout, and in each an allow, a deny and a pass mean something else.

use super::{Layout, reject, skeleton};
use crate::{
    nft::{Statement, Verdict},
    policy::Direction,
};

/// What the actions of rules turn into.
#[derive(Clone, Debug)]
pub(super) struct Exits {
    /// What an allow does, behind its counter.
    pub(super) allow: Vec<Statement>,
    /// Where a deny and the end of a tier lead.
    pub(super) deny: Verdict,
    /// Where a pass leads.
    pub(super) pass: Verdict,
    /// What becomes of log rules.
    pub(super) logs: Logs,
}

/// What becomes of log rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logs {
    /// They write.
    Written,
    /// They are left out: the packet has met them before.
    LeftOut,
}

impl Exits {
    /// Those of the chains of pods. What egress policy admits has yet to pass the ingress policy of the receiver, if that is here.
    pub(super) fn of_pods(direction: Direction, layout: &Layout) -> Self {
        let allow = match direction {
            Direction::Ingress => Verdict::Accept,
            Direction::Egress => Verdict::Goto(skeleton::to_workload()),
        };
        Self::with(vec![Statement::Verdict(allow)], reject::deny(layout))
    }

    /// Those of a place where an allow is final, in a hook that permits rejections.
    pub(super) fn accepting(layout: &Layout) -> Self {
        Self::with(vec![Statement::Verdict(Verdict::Accept)], reject::deny(layout))
    }

    /// Those of a chain that the join of all new packets has jumped to: what is allowed goes on there.
    pub(super) fn returning(layout: &Layout) -> Self {
        Self::with(vec![Statement::Verdict(Verdict::Return)], reject::deny(layout))
    }

    /// Those of a place where an allow is what is given, and a pass ends the tier's own chain.
    pub(super) fn with(allow: Vec<Statement>, deny: Verdict) -> Self {
        Self { allow, deny, pass: Verdict::Return, logs: Logs::Written }
    }

    /// The same for packets that have met these rules before, so that nothing is logged twice.
    pub(super) fn again(self) -> Self {
        Self { logs: Logs::LeftOut, ..self }
    }
}

//! Policy by the destination that was dialled (`preDNAT`).
//!
//! It is judged in the hooks `forward` and `input`, not ahead of the translation: connection tracking knows what was dialled, so that no mark has to carry
//! the verdict from one hook to another, no further hook has to be passed, and established flows pass by. Packets whose destination was translated are
//! judged in a branch of their own, in which the same rules look at what was dialled; for all others the destination they have is the one.
//!
//! An allow spares a packet all other ingress policy of the host endpoint. What no rule decides goes on to it, and so does what comes to a failsafe port,
//! which spares a packet this stage only.

use super::{Place, program::Program};
use crate::{
    compile::{exits::Exits, failsafe, name::Lane},
    ir::{DestinationView, TierStep},
    nft::{Match, Operator, PortSide, Statement, Verdict},
};

/// Adds the stage, if there are tiers.
pub(super) fn stage(
    program: &mut Program<'_>,
    place: Place<'_>,
    tiers: &[TierStep],
    exits: &Exits,
    lane: Lane,
) {
    if tiers.is_empty() {
        return;
    }
    let spared = [Statement::Verdict(Verdict::Goto(program.behind(tiers)))];
    let mut dialled = program.branch(Match::Translated(Operator::Is), lane);
    dialled.extend(failsafe::inbound(place, PortSide::Dialled, &spared));
    dialled.tiers(tiers, exits, DestinationView::Dialled, None);
    program.extend(failsafe::inbound(place, PortSide::Destination, &spared));
    program.tiers(tiers, exits, DestinationView::Current, None);
    program.join(dialled);
}

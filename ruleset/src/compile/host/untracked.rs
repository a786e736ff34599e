//! Policy ahead of connection tracking (`doNotTrack`).
//!
//! What it allows is neither tracked nor judged by other policy of the host endpoint. No memory carries this to the later hooks: there the packet is known
//! by being untracked, and the same rules are asked once more. So a packet that somebody else has excepted from tracking gains nothing by that.
//!
//! Failsafe ports, and the answers of those of the other direction, stand ahead of it and stay tracked, lest half a flow be.

use super::{Place, program::Program};
use crate::{
    compile::{exits::Exits, failsafe, name::Lane, rendered::Rendered},
    ir::{DestinationView, HostEndpoint, TierStep},
    nft::{CtState, Match, Operator, PortSide, Statement, Verdict},
    policy::Direction,
};

/// Whether an endpoint has such policy, in any direction.
pub(super) fn is_present(endpoint: &HostEndpoint) -> bool {
    Direction::ALL.into_iter().any(|direction| !endpoint.untracked.get(direction).is_empty())
}

/// Room for passes: what is left of 15 jumps by the chain itself.
const PASSES: usize = 14;

/// The chains ahead of connection tracking, in both directions if there are tiers in one.
pub(super) fn raw(place: Place<'_>, endpoint: &HostEndpoint, rendered: &mut Rendered) {
    if !is_present(endpoint) {
        return;
    }
    let accept = [Statement::Verdict(Verdict::Accept)];
    let allow = vec![Statement::Notrack, Statement::Verdict(Verdict::Accept)];
    let exits = Exits::with(allow, Verdict::Drop);
    for direction in Direction::ALL {
        let (lane, failsafes) = match direction {
            Direction::Ingress => {
                let ports = failsafe::inbound(place, PortSide::Destination, &accept);
                (Lane::RawIn, [ports, failsafe::answers_in(place, &accept)])
            }
            Direction::Egress => {
                let ports = failsafe::outbound(place, &accept);
                (Lane::RawOut, [ports, failsafe::answers_out(place, &accept)])
            }
        };
        let mut program = Program::new(place, lane, direction, PASSES);
        program.extend(failsafes.into_iter().flatten());
        let tiers = endpoint.untracked.get(direction);
        program.tiers(tiers, &exits, DestinationView::Current, Some(&Verdict::Return));
        program.finish(rendered);
    }
}

/// Adds the question of later hooks, if there are tiers: was it this policy that excepted the packet from tracking?
pub(super) fn stage(program: &mut Program<'_>, tiers: &[TierStep], exits: Exits, lane: Lane) {
    if tiers.is_empty() {
        return;
    }
    let mut untracked = program.branch(Match::Ct(Operator::Is, CtState::Untracked), lane);
    untracked.tiers(tiers, &exits.again(), DestinationView::Current, None);
    program.join(untracked);
}

//! Traffic that the node forwards through a host endpoint (`applyOnForward`), and what pods send to the node as far as it was dialled (`preDNAT`).
//!
//! The join of all new packets jumps here before it goes on to the receiver's policy. What is allowed returns there, and so does what no tier isolates.
//! No profile and no failsafe port has a say, except that the failsafe ports precede pre-DNAT policy, which is the node's own.

use super::{Place, pre_dnat, program::Program, untracked};
use crate::{
    compile::{exits::Exits, name::Lane, rendered::Rendered},
    ir::{DestinationView, HostEndpoint, Profile},
    nft::{InterfaceSide, Match, Operator, Rule, Statement, Verdict},
    origin::Builtin,
    policy::Direction,
};

/// Room for passes: what is left of 15 jumps by the longest way to the join (4), the dispatch, the chain itself, and a rejection. Each branch takes two.
const PASSES: usize = 8;

/// Whether an endpoint has a chain for a direction.
pub(super) fn is_present(endpoint: &HostEndpoint, direction: Direction) -> bool {
    let pre_dnat = match direction {
        Direction::Ingress => !endpoint.pre_dnat.is_empty(),
        Direction::Egress => false,
    };
    let is_closed = endpoint.forwarded_end == Profile::Deny;
    pre_dnat || is_closed || !endpoint.forwarded.get(direction).is_empty()
}

/// By the interface that packets came in by.
pub(super) fn inbound(place: Place<'_>, endpoint: &HostEndpoint, rendered: &mut Rendered) {
    if !is_present(endpoint, Direction::Ingress) {
        return;
    }
    let tiers = &endpoint.forwarded.ingress;
    let branches = [&endpoint.untracked.ingress, &endpoint.pre_dnat];
    let branches = branches.into_iter().filter(|tiers| !tiers.is_empty()).count();
    let exits = Exits::returning(place.around.layout);
    let mut program = Program::new(place, Lane::ForwardIn, Direction::Ingress, PASSES - 2 * branches);
    untracked::stage(&mut program, &endpoint.untracked.ingress, exits.clone(), Lane::UntrackedForward);
    pre_dnat::stage(&mut program, place, &endpoint.pre_dnat, &exits, Lane::DialledForward);
    let end = end(endpoint, &exits);
    if !tiers.is_empty() || endpoint.forwarded_end == Profile::Deny {
        // What a pod sends to its node is not forwarded.
        program.push([Match::HasInterface(InterfaceSide::Out, Operator::IsNot)], Verdict::Return);
    }
    program.tiers(tiers, &exits, DestinationView::Current, Some(&end));
    program.extend(closed(place, endpoint, Direction::Ingress, end));
    program.finish(rendered);
}

/// What becomes of a packet that no tier decided.
fn end(endpoint: &HostEndpoint, exits: &Exits) -> Verdict {
    match endpoint.forwarded_end {
        Profile::Allow => Verdict::Return,
        Profile::Deny => exits.deny.clone(),
    }
}

/// The end of an endpoint that is closed for want of understanding.
fn closed(place: Place<'_>, endpoint: &HostEndpoint, direction: Direction, end: Verdict) -> Option<Rule> {
    let origin = place.origin(direction, Builtin::HostEndpointDefault);
    let statements = vec![Statement::Counter, Statement::Verdict(end)];
    (endpoint.forwarded_end == Profile::Deny).then_some(Rule { statements, origin })
}

/// By the interface that packets leave by.
pub(super) fn outbound(place: Place<'_>, endpoint: &HostEndpoint, rendered: &mut Rendered) {
    if !is_present(endpoint, Direction::Egress) {
        return;
    }
    let exits = Exits::returning(place.around.layout);
    let mut program = Program::new(place, Lane::ForwardOut, Direction::Egress, PASSES);
    let tiers = &endpoint.forwarded.egress;
    let end = end(endpoint, &exits);
    program.tiers(tiers, &exits, DestinationView::Current, Some(&end));
    program.extend(closed(place, endpoint, Direction::Egress, end));
    program.finish(rendered);
}

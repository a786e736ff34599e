//! Traffic that begins or ends at the node itself.
//!
//! Inbound, policies that also govern pods are jumps to the chains that pods share, as an allow is final for both. Outbound they are laid out: what the
//! shared egress chains admit goes on to the receiver's ingress policy, which is nothing to the node.

use super::{Place, pre_dnat, program::Program, untracked};
use crate::{
    compile::{exits::Exits, failsafe, group, name::Lane, rendered::Rendered, skeleton},
    ir::{DestinationView, HostEndpoint, Profile},
    nft::{PortSide, Rule, Verdict},
    origin::Builtin,
    policy::Direction,
    settings::DenyAction,
};

/// Room for passes inbound: what is left of 15 jumps by the chain itself, two branches with their ends, and a tier, a policy and a rejection below them.
const PASSES_IN: usize = 7;
/// Outbound: likewise, by the chain, a branch with its end, and a rejection.
const PASSES_OUT: usize = 11;

/// What comes in. `steps` are those of its group: local tiers, then the profile.
pub(super) fn inbound(place: Place<'_>, endpoint: &HostEndpoint, steps: &[Rule], rendered: &mut Rendered) {
    let exits = Exits::accepting(place.around.layout);
    let mut program = Program::new(place, Lane::In, Direction::Ingress, PASSES_IN);
    program.extend(invalid(place, Direction::Ingress));
    untracked::stage(&mut program, &endpoint.untracked.ingress, exits.clone(), Lane::UntrackedIn);
    pre_dnat::stage(&mut program, place, &endpoint.pre_dnat, &exits, Lane::DialledIn);
    program.extend(failsafe::inbound(place, PortSide::Destination, &exits.allow));
    program.extend(steps.iter().cloned());
    program.finish(rendered);
}

/// What goes out, where its interface is known at once and where it is known only behind the translation.
pub(super) fn outbound(place: Place<'_>, endpoint: &HostEndpoint, rendered: &mut Rendered) {
    let exits = Exits::accepting(place.around.layout);
    out(place, endpoint, Lane::Out, exits.clone(), rendered);
    match place.around.layout.settings.deny {
        DenyAction::Drop => {}
        // The kernel permits no rejection behind routing.
        DenyAction::Reject => {
            let exits = Exits { deny: Verdict::Drop, ..exits };
            out(place, endpoint, Lane::TranslatedOut, exits, rendered);
        }
    }
}

/// What connection tracking cannot place is an endpoint's business, not that of interfaces which nobody put under policy.
fn invalid(place: Place<'_>, direction: Direction) -> Option<Rule> {
    skeleton::invalid(place.around.layout, || place.origin(direction, Builtin::Invalid))
}

fn out(place: Place<'_>, endpoint: &HostEndpoint, lane: Lane, exits: Exits, rendered: &mut Rendered) {
    let verdicts = &endpoint.local.egress;
    let mut program = Program::new(place, lane, Direction::Egress, PASSES_OUT);
    // Connection tracking has no entry for an untracked packet, so it is never among the translated.
    if lane == Lane::Out {
        program.extend(invalid(place, Direction::Egress));
        untracked::stage(&mut program, &endpoint.untracked.egress, exits.clone(), Lane::UntrackedOut);
    }
    program.extend(failsafe::outbound(place, &exits.allow));
    let behind = match verdicts.profile {
        Profile::Allow => Verdict::Accept,
        Profile::Deny => exits.deny.clone(),
    };
    program.tiers(&verdicts.tiers, &exits, DestinationView::Current, Some(&behind));
    program.extend([group::profile(verdicts.profile, Some(place.endpoint), Direction::Egress, exits)]);
    program.finish(rendered);
}

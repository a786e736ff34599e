//! Encapsulated packets: how nodes carry the traffic of pods to each other, which is nothing to host endpoints, and what pods must not imitate.

use std::sync::Arc;

use super::{Layout, networks::Networks, skeleton::Frame};
use crate::{
    address::Family,
    nft::{AddressSide, Match, Operator, PortSide, Rule, Set, Statement, Verdict},
    origin::{Builtin, Origin},
    port::PortRange,
    protocol::Protocol,
    resource::Tunnel,
    settings::{Encapsulation, Switch},
};

/// IPv4 in IP, which is what IPIP tunnels carry.
const IPIP: Protocol = Protocol(4);

/// Encapsulated packets from or to those that take part. `side` is where the other end stands.
pub(super) fn admitted(frame: &Frame<'_>, side: AddressSide) -> Vec<Rule> {
    let ends = peers(frame).inside(side);
    let rules = frame.surroundings.tunnels.iter().flat_map(|tunnel| {
        let kind = match (tunnel, frame.family) {
            (Tunnel::Ipip, Family::V4) => vec![Match::Protocol(Operator::Is, IPIP)],
            // The outer header of IPIP is of IPv4.
            (Tunnel::Ipip, Family::V6) => return Vec::new(),
            (Tunnel::Vxlan, _) => vxlan(frame.layout.settings.encapsulation).to_vec(),
        };
        ends.iter().map(|end| [kind.clone(), vec![end.clone()]].concat()).collect()
    });
    rules
        .map(|matches| ended(matches, Verdict::Accept, Origin::Builtin(Builtin::Encapsulation).into()))
        .collect()
}

/// What a pod must not send, as its node would take it for what another node's pods sent.
pub(super) fn guard(layout: &Layout, origin: &Arc<Origin>) -> Vec<Rule> {
    let encapsulation = layout.settings.encapsulation;
    let refused = [
        (encapsulation.vxlan, vxlan(encapsulation).to_vec()),
        (encapsulation.ipip, vec![Match::Protocol(Operator::Is, IPIP)]),
    ];
    let refused = refused.into_iter().filter(|(switch, _)| *switch == Switch::Disabled);
    refused.map(|(_, matches)| ended(matches, Verdict::Drop, origin.clone())).collect()
}

/// The set of those that take part, if they are many and a rule asks for them.
pub(super) fn sets(frame: &Frame<'_>) -> Option<Arc<Set>> {
    let asked = !frame.hosts.is_empty() && !admitted(frame, AddressSide::Source).is_empty();
    peers(frame).set().filter(|_| asked).cloned()
}

fn peers(frame: &Frame<'_>) -> Networks {
    let hosts = frame.surroundings.hosts.iter().map(|address| (*address).into());
    let nets = hosts.chain(frame.layout.settings.external_nodes.iter().copied());
    Networks::of("tunnel-peers", "nodes that carry traffic of pods to each other", nets, frame.family)
}

fn vxlan(encapsulation: Encapsulation) -> [Match; 2] {
    let port = PortRange::single(encapsulation.vxlan_port);
    [
        Match::Protocol(Operator::Is, Protocol::UDP),
        Match::Port(PortSide::Destination, Operator::Is, vec![port]),
    ]
}

fn ended(matches: Vec<Match>, verdict: Verdict, origin: Arc<Origin>) -> Rule {
    let matches = matches.into_iter().map(Statement::Match);
    let statements = matches.chain([Statement::Counter, Statement::Verdict(verdict)]).collect();
    Rule { statements, origin }
}

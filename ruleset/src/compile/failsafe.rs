//! Failsafe ports: what keeps a node within reach whatever policy says of its host endpoints.
//!
//! A rule per port, since the lists are short and each port is to be read with its counter.

use std::sync::Arc;

use super::host::Place;
use crate::{
    address::Family,
    nft::{AddressSide, Match, Operator, PortSide, Rule, Statement},
    origin::{Builtin, Origin},
    policy::Direction,
    port::PortRange,
    settings::Failsafe,
};

/// The ports of the node that others reach. `port` says where the port is looked for.
pub(super) fn inbound(place: Place<'_>, port: PortSide, allow: &[Statement]) -> Vec<Rule> {
    let list = &place.around.layout.settings.failsafe_inbound;
    rules(list, AddressSide::Source, port, place, Direction::Ingress, allow)
}

/// The ports of others that the node reaches.
pub(super) fn outbound(place: Place<'_>, allow: &[Statement]) -> Vec<Rule> {
    let list = &place.around.layout.settings.failsafe_outbound;
    rules(list, AddressSide::Destination, PortSide::Destination, place, Direction::Egress, allow)
}

/// What others answer from the ports that the node reaches.
pub(super) fn answers_in(place: Place<'_>, allow: &[Statement]) -> Vec<Rule> {
    let list = &place.around.layout.settings.failsafe_outbound;
    rules(list, AddressSide::Source, PortSide::Source, place, Direction::Ingress, allow)
}

/// What the node answers from the ports that others reach.
pub(super) fn answers_out(place: Place<'_>, allow: &[Statement]) -> Vec<Rule> {
    let list = &place.around.layout.settings.failsafe_inbound;
    rules(list, AddressSide::Destination, PortSide::Source, place, Direction::Egress, allow)
}

fn rules(
    list: &[Failsafe],
    peer: AddressSide,
    port: PortSide,
    place: Place<'_>,
    direction: Direction,
    allow: &[Statement],
) -> Vec<Rule> {
    let origin: Arc<Origin> = place.origin(direction, Builtin::Failsafe);
    let ours = list.iter().filter(|failsafe| {
        failsafe.protocol.has_ports() && failsafe.net.is_none_or(|net| Family::of_net(&net) == place.family)
    });
    ours.map(|failsafe| {
        let net = failsafe.net.filter(|net| net.prefix_len() > 0);
        let matches = [
            Match::Protocol(Operator::Is, failsafe.protocol),
            Match::Port(port, Operator::Is, vec![PortRange::single(failsafe.port)]),
        ];
        let matches = matches.into_iter().chain(net.map(|net| Match::Net(peer, Operator::Is, net.trunc())));
        let statements = matches.map(Statement::Match).chain([Statement::Counter]);
        Rule { statements: statements.chain(allow.iter().cloned()).collect(), origin: origin.clone() }
    })
    .collect()
}

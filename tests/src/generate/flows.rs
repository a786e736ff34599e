//! Flows that aim at what a universe has.

use std::net::IpAddr;

use super::{Rng, vocabulary::Vocabulary};
use crate::flow::{Flow, Peer};

/// A flow between peers that exist, or next to what rules tell apart.
pub fn generate(rng: &mut Rng, vocabulary: &Vocabulary) -> Flow {
    let from = peer(rng, vocabulary);
    let to = peer(rng, vocabulary);
    let mut flow = Flow {
        from,
        to,
        protocol: 6,
        source_port: None,
        port: None,
        icmp_type: None,
        icmp_code: None,
        family: None,
        at: None,
    };
    let by_address = [&flow.from, &flow.to].into_iter().find_map(|peer| match peer {
        Peer::Address(address) => Some(if address.is_ipv4() { 4 } else { 6 }),
        Peer::Pod { .. } | Peer::Node(_) => None,
    });
    // Always given between names, so that the family that ICMP needs is known here.
    let family = by_address.unwrap_or_else(|| *rng.pick(&[4, 4, 6]));
    if by_address.is_none() || rng.chance(20) {
        flow.family = Some(family);
    }
    match rng.between(1, 10) {
        1 => {
            flow.protocol = if family == 4 { 1 } else { 58 };
            flow.icmp_type = Some(*rng.pick(&[0, 3, 8, 128, 133, 134, 135, 136]));
            flow.icmp_code = Some(*rng.pick(&[0, 1, 255]));
        }
        2 if rng.chance(50) => flow.protocol = *rng.pick(&[47, 136, 255]),
        3..=4 if !vocabulary.named_ports.is_empty() => {
            let (protocol, port) = *rng.pick(&vocabulary.named_ports);
            flow.protocol = protocol;
            flow.port = Some(port);
        }
        _ => {
            flow.protocol = *rng.pick(&[6, 6, 6, 17, 17, 132]);
            flow.port = Some(*rng.pick(&vocabulary.ports));
        }
    }
    if matches!(flow.protocol, 6 | 17 | 132 | 136) {
        let usual = rng.chance(60);
        flow.source_port = Some(if usual { 40000 } else { *rng.pick(&vocabulary.ports) });
        flow.port.get_or_insert(80);
    }
    flow
}

/// A flow, often to a service, sometimes with ports that are failsafe, or the answer to another.
pub fn through_nodes(rng: &mut Rng, vocabulary: &Vocabulary) -> Flow {
    let mut flow = generate(rng, vocabulary);
    let nodes: Vec<&Peer> = vocabulary.peers.iter().filter(|peer| matches!(peer, Peer::Node(_))).collect();
    if rng.chance(15) {
        flow.from = (*rng.pick(&nodes)).clone();
    }
    if rng.chance(20) {
        flow.from = Peer::Address(*rng.pick(&vocabulary.outside));
    }
    if rng.chance(45) {
        let front = rng.pick(&vocabulary.fronts);
        flow = Flow {
            to: front.to.clone(),
            protocol: front.protocol,
            port: Some(front.port),
            at: front.at.clone(),
            icmp_type: None,
            icmp_code: None,
            ..flow
        };
    } else if rng.chance(25) {
        flow.to = (*rng.pick(&nodes)).clone();
    }
    // Over its loopback interface nothing of a node's own comes in or goes out.
    if flow.from == flow.to {
        flow.from = Peer::Address(*rng.pick(&vocabulary.outside));
    }
    let family = |peer: &Peer| match peer {
        Peer::Address(address) => Some(if address.is_ipv4() { 4 } else { 6 }),
        Peer::Pod { .. } | Peer::Node(_) => None,
    };
    flow.family = family(&flow.to).or(family(&flow.from)).or(flow.family).or(Some(4));
    if matches!(flow.protocol, 1 | 58) {
        flow.protocol = if flow.family == Some(4) { 1 } else { 58 };
    }
    if flow.protocol == 47 && rng.chance(50) {
        flow.protocol = 4;
    }
    // No other discovery crosses a node, and what a node says as a router is not in play.
    let between_nodes = matches!((&flow.from, &flow.to), (Peer::Node(_), Peer::Node(_)));
    match flow.icmp_type {
        Some(134) => flow.icmp_type = Some(128),
        Some(133 | 135 | 136) if !between_nodes => flow.icmp_type = Some(128),
        _ => {}
    }
    if matches!(flow.protocol, 6 | 17) && flow.at.is_none() && rng.chance(4) {
        (flow.protocol, flow.port) = (17, Some(4789));
    }
    if matches!(flow.protocol, 6 | 17 | 132 | 136) {
        flow.source_port.get_or_insert(40000);
    }
    flow
}

fn peer(rng: &mut Rng, vocabulary: &Vocabulary) -> Peer {
    let address = match rng.between(1, 20) {
        1..=15 => return rng.pick(&vocabulary.peers).clone(),
        16..=17 => *rng.pick(&vocabulary.addresses),
        18 => *rng.pick(&vocabulary.outside),
        _ => *rng.pick(&vocabulary.borders),
    };
    if is_host(address) { Peer::Address(address) } else { rng.pick(&vocabulary.peers).clone() }
}

/// Whether the address can be one host's, in the network that packets cross.
fn is_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || broadcast)
}

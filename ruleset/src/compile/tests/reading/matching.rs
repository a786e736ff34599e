//! Whether a rule of the intermediate form is about a packet.

use std::net::IpAddr;

use crate::{
    address::Family,
    ir::{AddressPort, AddressSetKey, DestinationView, Entity, Members, NodePolicy, Rule},
    packet::{Packet, Payload},
    policy::Traffic,
    protocol::{Icmp, Protocol},
};

/// Whether a rule matches, if rules look at this destination unless they say otherwise.
pub(super) fn matches(policy: &NodePolicy, rule: &Rule, packet: &Packet, view: DestinationView) -> bool {
    let (sport, dport) = match packet.payload {
        Payload::Ports { source, destination, .. } => (Some(source), Some(destination)),
        Payload::Icmp { .. } | Payload::Other(_) => (None, None),
    };
    let translated = packet.dialled.filter(|_| packet.tracking.has_entry());
    let destination = match (rule.view, view) {
        (DestinationView::Current, DestinationView::Current) => Some((packet.destination, dport)),
        (DestinationView::Dialled, _) | (_, DestinationView::Dialled) => {
            translated.map(|dialled| (dialled.destination, dialled.port))
        }
    };
    let Some((destination, dport)) = destination else { return false };
    let protocol = packet.payload.protocol();
    traffic(&rule.traffic, packet)
        && end(policy, &rule.source, packet.source, protocol, sport)
        && end(policy, &rule.destination, destination, protocol, dport)
}

fn traffic(traffic: &Traffic, packet: &Packet) -> bool {
    let protocol = packet.payload.protocol();
    let own = if packet.family() == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
    let is = |icmp: Icmp| {
        let Payload::Icmp { protocol, kind, code } = packet.payload else { return false };
        let asked = match icmp {
            Icmp::Any => true,
            Icmp::Type(asked) => kind == asked,
            Icmp::TypeCode(asked, detail) => (kind, code) == (asked, detail),
        };
        protocol == traffic.protocol.unwrap_or(own) && asked
    };
    traffic.family.is_none_or(|family| family == packet.family())
        && traffic.protocol.is_none_or(|asked| asked == protocol)
        && traffic.not_protocol.is_none_or(|asked| asked != protocol)
        && traffic.icmp.is_none_or(is)
        && traffic.not_icmp.is_none_or(|icmp| !is(icmp))
}

fn end(policy: &NodePolicy, entity: &Entity, address: IpAddr, protocol: Protocol, port: Option<u16>) -> bool {
    let ours = |nets: &[ipnet::IpNet]| nets.iter().any(|net| Family::of_net(net) == Family::of(&address));
    let within = |nets: &[ipnet::IpNet]| nets.iter().any(|net| net.contains(&address));
    let numbered = port.filter(|_| protocol.has_ports());
    let in_set = |key: &AddressSetKey| holds(policy, key, address, protocol, port);
    let listed = entity.ports.iter().any(|range| numbered.is_some_and(|port| range.contains(port)))
        || entity.named_ports.iter().any(in_set);
    let compares = !entity.ports.is_empty() || !entity.not_ports.is_empty();
    (entity.nets.is_empty() || within(&entity.nets))
        && (entity.not_nets.is_empty() || ours(&entity.not_nets) && !within(&entity.not_nets))
        && entity.sets.iter().all(in_set)
        && !entity.not_sets.iter().any(in_set)
        && (entity.ports.is_empty() && entity.named_ports.is_empty() || listed)
        && (!compares || numbered.is_some())
        && !entity.not_ports.iter().any(|range| numbered.is_some_and(|port| range.contains(port)))
        && !entity.not_named_ports.iter().any(in_set)
}

fn holds(
    policy: &NodePolicy,
    key: &AddressSetKey,
    address: IpAddr,
    protocol: Protocol,
    port: Option<u16>,
) -> bool {
    let family = Family::of(&address);
    match &policy.address_sets[key].members {
        Members::Nets(nets) => nets.get(family).iter().any(|net| net.contains(&address)),
        Members::AddressPorts(members) => {
            port.is_some_and(|port| members.get(family).contains(&AddressPort { address, protocol, port }))
        }
    }
}

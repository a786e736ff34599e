//! Whether a condition holds for a packet.
//!
//! Every condition loads something of the packet first. What is not there to be loaded makes the rule miss, whatever the operator: a port of a packet
//! without ports, a type of a packet that is no ICMP. (The kernel would load any two bytes that stand in that place; rules ask for the protocol before.)
//! A lookup of address, protocol and port loads the protocol too, so that a packet without ports is in no such set, and `!=` holds for it, as in the kernel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use imbl::OrdSet;
use ipnet::IpNet;

use crate::{
    ir::AddressPort,
    name::{InterfaceName, SetName},
    nft::{
        AddressSide, CtState, Elements, Hook, InterfaceMatch, InterfaceSide, Interval, Match, Operator,
        PortSide, Table,
    },
    packet::{Packet, Payload, Tracking},
};

/// Whether a condition of a rule in this table holds.
pub(super) fn holds(condition: &Match, packet: &Packet, table: &Table) -> bool {
    match condition {
        Match::Protocol(operator, protocol) => compare(*operator, packet.payload.protocol() == *protocol),
        Match::Net(side, operator, net) => {
            address(packet, *side).is_some_and(|address| compare(*operator, net.contains(&address)))
        }
        Match::AnyOf(side, operator, addresses) => {
            address(packet, *side).is_some_and(|address| compare(*operator, addresses.contains(&address)))
        }
        Match::InSet(side, operator, set) => {
            let contained = address(packet, *side).and_then(|address| contains_address(table, set, &address));
            contained.is_some_and(|contained| compare(*operator, contained))
        }
        Match::AddressPortInSet(side, operator, set) => {
            let contained = contains_address_port(table, set, packet, *side);
            contained.is_some_and(|contained| compare(*operator, contained))
        }
        Match::Port(side, operator, ranges) => {
            let contained = |port| ranges.iter().any(|range| range.contains(port));
            port(packet, *side).is_some_and(|port| compare(*operator, contained(port)))
        }
        Match::IcmpType(operator, asked) => {
            icmp(packet.payload).is_some_and(|(kind, _)| compare(*operator, kind == *asked))
        }
        Match::IcmpTypeCode(operator, kind, code) => {
            icmp(packet.payload).is_some_and(|message| compare(*operator, message == (*kind, *code)))
        }
        Match::IcmpTypes(kinds) => icmp(packet.payload).is_some_and(|(kind, _)| kinds.contains(&kind)),
        Match::Interface(side, operator, asked) => {
            // The kernel compares with an empty name where there is no interface.
            let name = interface(packet, *side).map_or("", InterfaceName::as_str);
            compare(*operator, names(asked, name))
        }
        Match::Ct(operator, state) => compare(*operator, state.bits() & bits(packet.tracking) != 0),
        Match::Translated(operator) => {
            packet.tracking.has_entry() && compare(*operator, packet.dialled.is_some())
        }
        Match::HasInterface(side, operator) => compare(*operator, interface(packet, *side).is_some()),
        // Routing has decided before our hooks: what is at `input` is for this node, what is at `forward` is not. What the node sends to itself is at
        // `output` and not told apart from what leaves it.
        Match::LocalDestination => packet.hook == Hook::Input,
    }
}

/// The interface on a side.
pub(super) fn interface(packet: &Packet, side: InterfaceSide) -> Option<&InterfaceName> {
    match side {
        InterfaceSide::In => packet.in_interface.as_ref(),
        InterfaceSide::Out => packet.out_interface.as_ref(),
    }
}

fn compare(operator: Operator, equal: bool) -> bool {
    match operator {
        Operator::Is => equal,
        Operator::IsNot => !equal,
    }
}

/// `NF_CT_STATE_BIT` of a packet's state; of what is established or related, both.
fn bits(tracking: Tracking) -> u32 {
    match tracking {
        Tracking::New => CtState::New,
        Tracking::Established => CtState::EstablishedOrRelated,
        Tracking::Invalid => CtState::Invalid,
        Tracking::Untracked => CtState::Untracked,
    }
    .bits()
}

/// The address on a side; none if connection tracking would have to know it and does not.
fn address(packet: &Packet, side: AddressSide) -> Option<IpAddr> {
    match side {
        AddressSide::Source => Some(packet.source),
        AddressSide::Destination => Some(packet.destination),
        AddressSide::Dialled => packet.dialled().map(|dialled| dialled.destination),
    }
}

fn port(packet: &Packet, side: PortSide) -> Option<u16> {
    match (packet.payload, side) {
        (Payload::Ports { source, .. }, PortSide::Source) => Some(source),
        (Payload::Icmp { .. } | Payload::Other(_), PortSide::Source) => None,
        (payload, PortSide::Destination) => payload.destination_port(),
        (_, PortSide::Dialled) => packet.dialled()?.port,
    }
}

fn icmp(payload: Payload) -> Option<(u8, u8)> {
    match payload {
        Payload::Icmp { kind, code, .. } => Some((kind, code)),
        Payload::Ports { .. } | Payload::Other(_) => None,
    }
}

fn names(asked: &InterfaceMatch, name: &str) -> bool {
    match asked {
        InterfaceMatch::Exact(exact) => exact.as_str() == name,
        InterfaceMatch::Prefix(prefix) => name.starts_with(&**prefix),
    }
}

/// Whether a set holds an address; none if there is no such set of addresses, which the kernel would not have loaded.
fn contains_address(table: &Table, set: &SetName, address: &IpAddr) -> Option<bool> {
    match &table.sets.get(set)?.elements {
        Elements::Addresses(nets) => Some(nets.contains(&IpNet::from(*address))),
        Elements::Intervals(intervals) => Some(within(intervals, *address)),
        Elements::AddressPorts(_) | Elements::InterfaceVerdicts(_) | Elements::PortVerdicts(_) => None,
    }
}

/// Intervals are disjoint, so that only the last one that begins at or before the address can hold it.
fn within(intervals: &OrdSet<Interval>, address: IpAddr) -> bool {
    let highest = match address {
        IpAddr::V4(_) => Ipv4Addr::BROADCAST.into(),
        IpAddr::V6(_) => Ipv6Addr::from(u128::MAX).into(),
    };
    let limit = Interval { first: address, last: highest };
    intervals
        .range(..=limit)
        .next_back()
        .is_some_and(|interval| interval.first <= address && address <= interval.last)
}

fn contains_address_port(table: &Table, set: &SetName, packet: &Packet, side: AddressSide) -> Option<bool> {
    let Elements::AddressPorts(members) = &table.sets.get(set)?.elements else { return None };
    let address = address(packet, side)?;
    let protocol = packet.payload.protocol();
    let member = port(packet, side.port()).map(|port| AddressPort { address, protocol, port });
    Some(member.is_some_and(|member| members.contains(&member)))
}

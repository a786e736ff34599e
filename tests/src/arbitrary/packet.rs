//! Packets.

use ferrule_ruleset::{
    address::Family,
    nft::Hook,
    packet::{Dialled, Packet, Payload, Tracking},
    protocol::Protocol,
};
use proptest::{option, prelude::*, sample::select};

use crate::arbitrary::{PROTOCOLS, address, interfaces};

/// A packet at any hook.
pub fn packet() -> impl Strategy<Value = Packet> {
    let hook = select(Hook::ALL.to_vec());
    let interface = || option::weighted(0.8, select(interfaces()));
    let tracking = prop_oneof![
        6 => Just(Tracking::New),
        1 => Just(Tracking::Established),
        1 => Just(Tracking::Invalid),
        1 => Just(Tracking::Untracked),
    ];
    let dialled = option::weighted(0.4, (0..16_u8, 0..8_u16));
    let addresses = (select(Family::ALL.to_vec()), 0..16_u8, 0..16_u8, dialled).prop_map(
        |(family, source, destination, dialled)| {
            let dialled = dialled.map(|(number, port)| (address(family, number), port));
            (address(family, source), address(family, destination), dialled)
        },
    );
    (hook, interface(), interface(), addresses, payload(), tracking).prop_map(
        |(hook, in_interface, out_interface, (source, destination, dialled), payload, tracking)| Packet {
            hook,
            in_interface,
            out_interface,
            source,
            destination,
            payload,
            tracking,
            dialled: dialled.map(|(destination, port)| Dialled {
                destination,
                port: payload.destination_port().map(|_| port),
            }),
        },
    )
}

fn payload() -> impl Strategy<Value = Payload> {
    (select(PROTOCOLS.to_vec()), 0..8_u16, 0..8_u16, 0..4_u8, 0..3_u8).prop_map(
        |(protocol, source, destination, kind, code)| match protocol {
            Protocol::ICMP | Protocol::ICMPV6 => Payload::Icmp { protocol, kind, code },
            Protocol::TCP | Protocol::UDP | Protocol::SCTP | Protocol::UDPLITE => {
                Payload::Ports { protocol, source, destination }
            }
            _ => Payload::Other(protocol),
        },
    )
}

//! Random packets at every hook, among the addresses, ports and interfaces of the random node policies.

use proptest::{option, prelude::*, sample::select, strategy::Strategy};

use super::strategy::{ADDRESSES, PORTS};
use crate::{
    name::InterfaceName,
    nft::Hook,
    packet::{Dialled, Packet, Payload, Tracking},
    protocol::Protocol,
};

fn payload() -> impl Strategy<Value = Payload> {
    let protocol = select(&[Protocol::TCP, Protocol::UDP, Protocol::UDP, Protocol::UDPLITE][..]);
    let ports = (protocol, select(&PORTS[..]), select(&PORTS[..]));
    let ports =
        ports.prop_map(|(protocol, source, destination)| Payload::Ports { protocol, source, destination });
    let kind = select(&[7u8, 8, 134, 135][..]);
    let icmp = (select(&[Protocol::ICMP, Protocol::ICMPV6][..]), kind, 0..2u8);
    let icmp = icmp.prop_map(|(protocol, kind, code)| Payload::Icmp { protocol, kind, code });
    let other = select(&[Protocol(4), Protocol(253)][..]).prop_map(Payload::Other);
    prop_oneof![5 => ports, 1 => icmp, 1 => other]
}

fn interface() -> impl Strategy<Value = InterfaceName> {
    let names = &["cali0", "cali1", "vm2", "cali3", "eth0", "eth0", "eth1", "eth2"][..];
    select(names).prop_map(InterfaceName::from)
}

/// A packet at any hook, as connection tracking may know it there.
pub(super) fn packet() -> impl Strategy<Value = Packet> {
    let tracking = select(
        &[
            Tracking::New,
            Tracking::New,
            Tracking::New,
            Tracking::Established,
            Tracking::Invalid,
            Tracking::Untracked,
        ][..],
    );
    let dialled = option::of((0..3usize, select(&PORTS[..])));
    (
        0..3usize,
        0..3usize,
        0..2usize,
        payload(),
        (interface(), interface()),
        select(&Hook::ALL[..]),
        tracking,
        (dialled, any::<bool>()),
    )
        .prop_map(|(from, to, family, payload, (came, leaves), hook, tracking, (dialled, forwarded))| {
            let address = |index: usize| ADDRESSES[family * 3 + index].parse().unwrap();
            // Ahead of connection tracking, and its translation, no packet is known.
            let tracking = if hook == Hook::Prerouting { Tracking::Invalid } else { tracking };
            let dialled = dialled.filter(|_| tracking.has_entry()).map(|(index, port)| Dialled {
                destination: address(index),
                port: payload.destination_port().map(|_| port),
            });
            let came = match hook {
                Hook::Output => None,
                Hook::Postrouting => Some(came).filter(|_| forwarded),
                Hook::Prerouting | Hook::Input | Hook::Forward => Some(came),
            };
            let leaves = match hook {
                Hook::Prerouting | Hook::Input => None,
                Hook::Forward | Hook::Output | Hook::Postrouting => Some(leaves),
            };
            Packet {
                hook,
                in_interface: came,
                out_interface: leaves,
                source: address(from),
                destination: address(to),
                payload,
                tracking,
                dialled,
            }
        })
}

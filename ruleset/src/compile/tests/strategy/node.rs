//! What surrounds the pods of a random node: host endpoints, settings, networks, and what pods ask for besides policy.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use imbl::OrdMap;
use ipnet::IpNet;
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Strategy};

use super::{ADDRESSES, NETS, PORTS, policy_key, verdicts};
use crate::{
    ir::{Endpoint, HostEndpoint, HostInterface, Profile, Surroundings, TierStep},
    name::{HostEndpointName, InterfaceName, TierName},
    policy::{PerDirection, TierAction},
    protocol::Protocol,
    resource::{Limits, PacketRate, Tunnel},
    settings::{
        DenyAction, Encapsulation, EndpointToHost, Failsafe, InvalidPackets, LogRate, NatExclusions,
        NatOutgoing, RateUnit, ServiceLoops, Settings, Switch,
    },
};

fn tiers(ends: &'static [TierAction]) -> impl Strategy<Value = Vec<TierStep>> {
    let step = move |tier: &'static str| {
        (vec(0..4usize, 1..3), select(ends)).prop_map(move |(policies, end)| TierStep {
            tier: TierName::from(tier),
            policies: policies.into_iter().collect::<BTreeSet<_>>().into_iter().map(policy_key).collect(),
            end,
        })
    };
    let some = (option::of(step("first")), option::of(step("second")));
    let some = some.prop_map(|(first, second)| first.into_iter().chain(second).collect());
    prop_oneof![1 => Just(Vec::new()), 2 => some]
}

fn host_endpoint(name: &'static str, interface: HostInterface) -> impl Strategy<Value = HostEndpoint> {
    const ANY: &[TierAction] = &[TierAction::Deny, TierAction::Pass];
    const PASS: &[TierAction] = &[TierAction::Pass];
    let untracked = if interface == HostInterface::Others { 0..1usize } else { 0..2 };
    let forwarded = (tiers(ANY), tiers(ANY));
    let end = prop_oneof![6 => Just(Profile::Allow), 1 => Just(Profile::Deny)];
    ((verdicts(), verdicts()), (forwarded, end), tiers(PASS), (tiers(PASS), tiers(PASS), untracked)).prop_map(
        move |(local, (forwarded, forwarded_end), pre_dnat, (raw_in, raw_out, untracked))| {
            let keep = |tiers: Vec<TierStep>| if untracked > 0 { tiers } else { Vec::new() };
            HostEndpoint {
                name: HostEndpointName::from(name),
                interface: interface.clone(),
                local: PerDirection { ingress: local.0, egress: local.1 },
                forwarded: PerDirection { ingress: forwarded.0, egress: forwarded.1 },
                forwarded_end,
                pre_dnat,
                untracked: PerDirection { ingress: keep(raw_in), egress: keep(raw_out) },
            }
        },
    )
}

/// Up to three host endpoints: at `eth0`, at `eth1`, and at all others.
pub(super) fn host_endpoints() -> impl Strategy<Value = OrdMap<HostEndpointName, Arc<HostEndpoint>>> {
    let at = |interfaces: &[&str]| {
        HostInterface::Named(interfaces.iter().map(|interface| InterfaceName::from(*interface)).collect())
    };
    let some = |name, interface| option::weighted(0.6, host_endpoint(name, interface));
    let all = (
        some("zero", at(&["eth0"])),
        some("one", at(&["eth1", "eth2"])),
        some("others", HostInterface::Others),
    );
    let all = all.prop_map(|(zero, one, others)| [zero, one, others].into_iter().flatten());
    let present = all.prop_map(|all| all.map(|it| (it.name.clone(), Arc::new(it))).collect());
    prop_oneof![1 => Just(OrdMap::new()), 4 => present]
}

fn failsafes() -> impl Strategy<Value = Vec<Failsafe>> {
    let protocol = select(&[Protocol::TCP, Protocol::UDP][..]);
    let net = option::of(select(&NETS[..]).prop_map(|net| net.parse().unwrap()));
    let failsafe = (protocol, select(&PORTS[..]), net);
    vec(failsafe.prop_map(|(protocol, port, net)| Failsafe { protocol, port, net }), 0..2)
}

/// Settings, with VXLAN at a port that packets have.
pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let switch = || select(&[Switch::Disabled, Switch::Enabled][..]);
    let deny = select(&[DenyAction::Drop, DenyAction::Reject][..]);
    let invalid = select(&[InvalidPackets::Drop, InvalidPackets::Judge][..]);
    let to_host = select(&[EndpointToHost::Accept, EndpointToHost::Drop][..]);
    let loops = select(&[ServiceLoops::Drop, ServiceLoops::Reject, ServiceLoops::Disabled][..]);
    let exclusions = select(&[NatExclusions::PoolsOnly, NatExclusions::PoolsAndHosts][..]);
    let rate = option::of(Just(LogRate { lines: 10, per: RateUnit::Minute, burst: 5 }));
    ((deny, invalid, to_host, loops, exclusions), (failsafes(), failsafes()), (switch(), switch()), rate)
        .prop_map(
            |(
                (deny, invalid, endpoint_to_host, service_loops, exclusions),
                failsafes,
                (vxlan, ipip),
                log_rate,
            )| {
                Settings {
                    endpoint_to_host,
                    invalid,
                    deny,
                    failsafe_inbound: failsafes.0,
                    failsafe_outbound: failsafes.1,
                    log_rate,
                    encapsulation: Encapsulation { vxlan, ipip, vxlan_port: PORTS[0] },
                    nat: NatOutgoing { exclusions, ..NatOutgoing::default() },
                    service_loops,
                    ..Settings::default()
                }
            },
        )
}

/// Networks around the node.
pub(super) fn surroundings() -> impl Strategy<Value = Surroundings> {
    let nets = |most| vec(select(&NETS[..]).prop_map(|net| net.parse().unwrap()), 0..most);
    let hosts = vec(select(&ADDRESSES[..]).prop_map(|address| address.parse().unwrap()), 0..3);
    let tunnels = vec(select(&[Tunnel::Ipip, Tunnel::Vxlan][..]), 0..2);
    // More than are compared one by one, in some.
    (nets(9), nets(2), hosts, nets(3), tunnels).prop_map(
        |(pools, translated, hosts, service_ranges, tunnels)| Surroundings {
            pools: pools.into_iter().collect(),
            translated: translated.into_iter().collect(),
            hosts: hosts.into_iter().collect(),
            service_ranges: service_ranges.into_iter().collect(),
            tunnels: tunnels.into_iter().collect(),
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let packets = option::of(Just(PacketRate { per_second: 100, burst: 5 }));
    (packets, option::of(1..3u32)).prop_map(|(packets, connections)| Limits { packets, connections })
}

/// What a pod asks for besides policy.
#[derive(Clone, Debug)]
pub(super) struct Extras {
    limits: PerDirection<Limits>,
    dscp: Option<u8>,
    floating: bool,
    allowed_sources: BTreeSet<IpNet>,
}

impl Extras {
    /// Nothing, in half of all.
    pub(super) fn any() -> impl Strategy<Value = Option<Self>> {
        let besides = vec(select(&NETS[..]).prop_map(|net| net.parse().unwrap()), 0..2);
        let some = (limits(), limits(), option::of(0..64u8), any::<bool>(), besides);
        option::of(some.prop_map(|(ingress, egress, dscp, floating, besides)| Self {
            limits: PerDirection { ingress, egress },
            dscp,
            floating,
            allowed_sources: besides.into_iter().collect(),
        }))
    }

    /// Gives them to an endpoint.
    pub(super) fn give(self, endpoint: &mut Endpoint) {
        endpoint.limits = self.limits;
        endpoint.dscp = self.dscp;
        endpoint.allowed_sources = self.allowed_sources;
        let inner = endpoint.addresses.iter().copied().filter(|_| self.floating);
        let outer = |inner: &IpAddr| match inner {
            IpAddr::V4(_) => "192.0.2.1".parse().unwrap(),
            IpAddr::V6(_) => "2001:db8::1".parse().unwrap(),
        };
        endpoint.floating = inner.map(|inner| (outer(&inner), inner)).collect();
    }
}

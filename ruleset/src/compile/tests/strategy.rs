//! Random node policies: few endpoints, policies and sets, so that they meet often.

mod node;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbl::OrdMap;
use ipnet::IpNet;
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Strategy};

use crate::{
    address::PerFamily,
    ir::{
        ActivePolicy, AddressPort, AddressSet, AddressSetKey, DestinationView, Endpoint, Entity, Members,
        NodePolicy, Profile, Rule, SubjectKind, TierStep, Verdicts,
    },
    name::{InterfaceName, ObjectName, PortName, TierName},
    net_set::NetSet,
    policy::{Action, Direction, PerDirection, PolicyKey, PolicyKind, TierAction, Traffic},
    port::PortRange,
    protocol::{Icmp, Protocol},
    selector::Selector,
};

/// Addresses that packets, members and rules share.
pub(super) const ADDRESSES: [&str; 6] =
    ["10.0.0.1", "10.0.0.2", "10.0.1.1", "fd00::1", "fd00::2", "fd00:1::1"];
/// Ports that packets and rules share.
pub(super) const PORTS: [u16; 4] = [53, 80, 81, 443];

const NETS: [&str; 8] = [
    "10.0.0.1/32",
    "10.0.0.0/24",
    "10.0.1.0/24",
    "0.0.0.0/0",
    "fd00::1/128",
    "fd00::/64",
    "fd00:1::/32",
    "::/0",
];

fn nets() -> impl Strategy<Value = Vec<IpNet>> {
    vec(select(&NETS[..]).prop_map(|net| net.parse().unwrap()), 0..3)
}

fn set_key(index: usize) -> AddressSetKey {
    AddressSetKey::Selector(Selector::equals("set", &index.to_string()).id())
}

fn port_key(index: usize) -> AddressSetKey {
    AddressSetKey::NamedPort {
        selector: Selector::all().id(),
        protocol: None,
        port: PortName::new(format!("p{index}")),
    }
}

/// Often one question or none, so that rules match often.
fn entity() -> impl Strategy<Value = Entity> {
    let port = || select(&PORTS[..]).prop_map(PortRange::single);
    let one = prop_oneof![
        port().prop_map(|port| Entity { ports: vec![port], ..Entity::default() }),
        port().prop_map(|port| Entity { not_ports: vec![port], ..Entity::default() }),
        (0..2usize).prop_map(|set| Entity { sets: vec![set_key(set)], ..Entity::default() }),
        (0..2usize).prop_map(|set| Entity { named_ports: vec![port_key(set)], ..Entity::default() }),
        (0..2usize).prop_map(|set| Entity { not_named_ports: vec![port_key(set)], ..Entity::default() }),
        nets().prop_map(|nets| Entity { nets, ..Entity::default() }),
    ];
    prop_oneof![2 => Just(Entity::default()), 2 => one, 1 => several_questions()]
}

fn several_questions() -> impl Strategy<Value = Entity> {
    let sets = || vec((0..2usize).prop_map(set_key), 0..2);
    let named = || vec((0..2usize).prop_map(port_key), 0..2);
    let range = (select(&PORTS[..]), 0..30u16)
        .prop_map(|(first, more)| PortRange { first, last: first + if more < 20 { 0 } else { more } });
    let ports = vec(range, 0..3);
    let not_ports = vec(select(&PORTS[..]).prop_map(PortRange::single), 0..2);
    let not_named = option::weighted(0.2, named());
    let few = |list: Vec<_>, keep: bool| if keep { list } else { Vec::new() };
    let kept = (any::<bool>(), any::<bool>(), any::<bool>());
    (nets(), nets(), sets(), sets(), ports, named(), not_ports, (kept, not_named)).prop_map(
        move |(
            nets,
            not_nets,
            sets,
            not_sets,
            ports,
            named_ports,
            not_ports,
            ((with_nets, with_not, with_named), not_named),
        )| Entity {
            nets: few(nets, with_nets),
            not_nets: few(not_nets, with_not),
            sets,
            not_sets,
            ports,
            named_ports: if with_named { named_ports } else { Vec::new() },
            not_ports,
            not_named_ports: not_named.unwrap_or_default(),
        },
    )
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let protocol = || {
        option::weighted(0.3, select(&[Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6][..]))
    };
    let icmp = || option::weighted(0.1, select(&[Icmp::Any, Icmp::Type(8), Icmp::TypeCode(8, 0)][..]));
    (protocol(), protocol(), icmp(), icmp()).prop_map(|(protocol, not_protocol, icmp, not_icmp)| Traffic {
        family: None,
        protocol,
        not_protocol: not_protocol.filter(|_| protocol.is_none()),
        icmp,
        not_icmp,
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let action = select(&[Action::Allow, Action::Allow, Action::Deny, Action::Pass, Action::Log][..]);
    let views = [DestinationView::Current, DestinationView::Current, DestinationView::Dialled];
    let parts = (action, traffic(), entity(), entity(), select(views.to_vec()));
    let rule = parts.prop_map(|(action, traffic, source, destination, view)| Rule {
        action,
        index: 0,
        traffic,
        source,
        destination,
        view,
    });
    vec(rule, 0..4).prop_map(|rules| (0..).zip(rules).map(|(index, rule)| Rule { index, ..rule }).collect())
}

/// The key of a policy of the small universe.
fn policy_key(index: usize) -> PolicyKey {
    PolicyKey { kind: PolicyKind::GlobalNetworkPolicy, namespace: None, name: format!("p{index}").into() }
}

fn verdicts() -> impl Strategy<Value = Verdicts> {
    let end = select(&[TierAction::Deny, TierAction::Pass][..]);
    let step = |tier: &'static str| {
        (vec(0..4usize, 1..4), end.clone()).prop_map(move |(policies, end)| {
            let policies: BTreeSet<usize> = policies.into_iter().collect();
            TierStep {
                tier: TierName::from(tier),
                policies: policies.into_iter().map(policy_key).collect(),
                end,
            }
        })
    };
    let profile = select(&[Profile::Allow, Profile::Deny][..]);
    (option::of(step("first")), option::of(step("second")), profile).prop_map(|(first, second, profile)| {
        Verdicts { tiers: first.into_iter().chain(second).collect(), profile }
    })
}

fn members(strings: &[&str]) -> PerFamily<NetSet> {
    let nets: Vec<IpNet> = strings.iter().map(|net| net.parse().unwrap()).collect();
    PerFamily::from_fn(|family| {
        nets.iter().filter(|net| crate::address::Family::of_net(net) == family).copied().collect()
    })
}

fn address_sets() -> impl Strategy<Value = OrdMap<AddressSetKey, Arc<AddressSet>>> {
    let nets = vec(vec(select(&NETS[..]), 0..4), 2);
    let named = vec(vec((select(&ADDRESSES[..]), select(&PORTS[..])), 0..4), 2);
    (nets, named).prop_map(|(nets, named)| {
        let nets =
            nets.iter().enumerate().map(|(index, nets)| (set_key(index), Members::Nets(members(nets))));
        let named = named.iter().enumerate().map(|(index, ports)| {
            let of = |family| {
                let ports = ports.iter().map(|(address, port)| AddressPort {
                    address: address.parse().unwrap(),
                    protocol: Protocol::TCP,
                    port: *port,
                });
                ports.filter(|member| crate::address::Family::of(&member.address) == family).collect()
            };
            (port_key(index), Members::AddressPorts(PerFamily::from_fn(of)))
        });
        nets.chain(named)
            .map(|(key, members)| (key, Arc::new(AddressSet { description: "set".into(), members })))
            .collect()
    })
}

/// A policy with some of its parts as another has them, each chosen by a bit.
pub(super) fn mixed(policy: &NodePolicy, other: &NodePolicy, bits: u16) -> NodePolicy {
    let of = |bit: u16| if bits & 1 << bit == 0 { policy } else { other };
    let policies = (0..).zip(policy.policies.keys());
    NodePolicy {
        endpoints: of(0).endpoints.clone(),
        address_sets: of(1).address_sets.clone(),
        host_endpoints: of(2).host_endpoints.clone(),
        surroundings: of(3).surroundings.clone(),
        settings: of(4).settings.clone(),
        policies: policies.map(|(place, key)| (key.clone(), of(5 + place).policies[key].clone())).collect(),
    }
}

/// A node policy with the pods `t/0` to `t/2` at `cali0` to `cali2`, each with one address of either family, and host endpoints.
pub(super) fn node_policy() -> impl Strategy<Value = NodePolicy> {
    let subjects = select(vec![
        vec![SubjectKind::Pod],
        vec![SubjectKind::Pod, SubjectKind::Host],
        vec![SubjectKind::Host],
    ]);
    let policies = vec((rules(), rules(), subjects), 4);
    let endpoints = vec(option::weighted(0.8, (verdicts(), verdicts(), node::Extras::any())), 3);
    let around = (node::host_endpoints(), node::settings(), node::surroundings());
    (policies, endpoints, address_sets(), around).prop_map(
        |(policies, endpoints, address_sets, (host_endpoints, settings, surroundings))| NodePolicy {
            policies: (0..)
                .zip(policies)
                .map(|(index, parts)| (policy_key(index), Arc::new(policy(index, parts))))
                .collect(),
            endpoints: (0..)
                .zip(endpoints)
                .filter_map(|(index, parts)| Some(endpoint(index, parts?)))
                .collect(),
            address_sets,
            host_endpoints,
            surroundings: surroundings.into(),
            settings: settings.into(),
        },
    )
}

fn policy(
    index: usize,
    (ingress, egress, subjects): (Vec<Rule>, Vec<Rule>, Vec<SubjectKind>),
) -> ActivePolicy {
    ActivePolicy {
        key: policy_key(index),
        tier: TierName::from("first"),
        directions: Direction::ALL.into(),
        subjects: subjects.into_iter().collect(),
        ingress,
        egress,
    }
}

fn endpoint(
    index: usize,
    (ingress, egress, extras): (Verdicts, Verdicts, Option<node::Extras>),
) -> (ObjectName, Arc<Endpoint>) {
    let pod = ObjectName::new("t", index.to_string());
    let addresses = [ADDRESSES[index], ADDRESSES[index + 3]].map(|address| address.parse().unwrap()).into();
    // One that no prefix tells from a host's.
    let interface = InterfaceName::new(if index == 2 { "vm2".to_owned() } else { format!("cali{index}") });
    let mut endpoint = Endpoint {
        pod: pod.clone(),
        interface,
        addresses,
        allowed_sources: BTreeSet::new(),
        limits: PerDirection::default(),
        dscp: None,
        floating: BTreeMap::new(),
        ingress,
        egress,
    };
    if let Some(extras) = extras {
        extras.give(&mut endpoint);
    }
    (pod, Arc::new(endpoint))
}

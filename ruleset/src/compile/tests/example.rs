//! One node with everything, as a person reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    address::PerFamily,
    compile::{Options, compile},
    ir::{
        ActivePolicy, AddressSet, AddressSetKey, DestinationView, Endpoint, Entity, HostEndpoint,
        HostInterface, Members, NodePolicy, Profile, Rule, SubjectKind, Surroundings, TierStep, Verdicts,
    },
    name::{HostEndpointName, InterfaceName, ObjectName, TierName},
    policy::{Action, Direction, PerDirection, PolicyKey, PolicyKind, TierAction, Traffic},
    port::PortRange,
    protocol::Protocol,
    render::render,
    resource::{Limits, PacketRate, Tunnel},
    selector::Selector,
    settings::{DenyAction, Failsafe, LogPrefix, LogRate, NatExclusions, NatOutgoing, RateUnit, Settings},
};

fn key(name: &str) -> PolicyKey {
    PolicyKey { kind: PolicyKind::GlobalNetworkPolicy, namespace: None, name: name.into() }
}

fn friends() -> AddressSetKey {
    AddressSetKey::Selector(Selector::equals("role", "friend").id())
}

fn rule(action: Action, port: Option<u16>, source: Entity) -> Rule {
    let destination =
        Entity { ports: port.map(PortRange::single).into_iter().collect(), ..Entity::default() };
    let protocol = port.map(|_| Protocol::TCP);
    Rule {
        action,
        index: 0,
        traffic: Traffic { protocol, ..Traffic::default() },
        source,
        destination,
        view: DestinationView::Current,
    }
}

fn from_friends() -> Entity {
    Entity { sets: vec![friends()], ..Entity::default() }
}

fn policy(name: &str, subjects: &[SubjectKind], rules: [Vec<Rule>; 2]) -> (PolicyKey, Arc<ActivePolicy>) {
    let [ingress, egress] =
        rules.map(|rules| (0..).zip(rules).map(|(index, rule)| Rule { index, ..rule }).collect::<Vec<_>>());
    let policy = ActivePolicy {
        key: key(name),
        tier: TierName::from("default"),
        directions: Direction::ALL.into(),
        subjects: subjects.iter().copied().collect(),
        ingress,
        egress,
    };
    (key(name), Arc::new(policy))
}

fn tier(name: &str, policies: &[&str], end: TierAction) -> TierStep {
    TierStep { tier: TierName::from(name), policies: policies.iter().map(|name| key(name)).collect(), end }
}

fn verdicts(tiers: Vec<TierStep>, profile: Profile) -> Verdicts {
    Verdicts { tiers, profile }
}

fn policies() -> imbl::OrdMap<PolicyKey, Arc<ActivePolicy>> {
    use Action::{Allow, Deny, Log, Pass};
    use SubjectKind::{Host, Pod};
    let any = Entity::default;
    let dialled = Rule { view: DestinationView::Dialled, ..rule(Allow, Some(80), any()) };
    [
        policy("web", &[Pod, Host], [vec![rule(Allow, Some(8080), from_friends())], vec![dialled]]),
        policy(
            "node",
            &[Host],
            [
                vec![rule(Log, None, any()), rule(Pass, Some(10250), any()), rule(Deny, Some(23), any())],
                vec![rule(Allow, Some(443), any())],
            ],
        ),
        policy("node-ports", &[Host], [vec![rule(Deny, Some(30080), from_friends())], Vec::new()]),
        policy("fast", &[Host], [vec![rule(Allow, Some(11211), any())], vec![rule(Allow, None, any())]]),
    ]
    .into_iter()
    .collect()
}

fn pod() -> Endpoint {
    let inner = "10.0.0.1".parse().unwrap();
    Endpoint {
        pod: ObjectName::new("shop", "web"),
        interface: InterfaceName::from("cali1"),
        addresses: BTreeSet::from([inner, "fd00::1".parse().unwrap()]),
        allowed_sources: BTreeSet::from(["192.0.2.0/28".parse().unwrap()]),
        limits: PerDirection::from_fn(|_| Limits {
            packets: Some(PacketRate { per_second: 1000, burst: 20 }),
            connections: Some(50),
        }),
        dscp: Some(46),
        floating: BTreeMap::from([("203.0.113.1".parse().unwrap(), inner)]),
        ingress: verdicts(vec![tier("default", &["web"], TierAction::Deny)], Profile::Allow),
        egress: verdicts(vec![tier("default", &["web"], TierAction::Deny)], Profile::Allow),
    }
}

fn host_endpoints() -> [HostEndpoint; 2] {
    let local = verdicts(
        vec![tier("security", &["node"], TierAction::Deny), tier("default", &["web"], TierAction::Deny)],
        Profile::Deny,
    );
    let uplink = HostEndpoint {
        name: HostEndpointName::from("uplink"),
        interface: HostInterface::Named([InterfaceName::from("eth0")].into()),
        local: PerDirection { ingress: local.clone(), egress: local },
        forwarded: PerDirection {
            ingress: vec![
                tier("security", &["node"], TierAction::Pass),
                tier("default", &["web"], TierAction::Deny),
            ],
            egress: Vec::new(),
        },
        forwarded_end: Profile::Allow,
        pre_dnat: vec![tier("default", &["node-ports"], TierAction::Pass)],
        untracked: PerDirection::from_fn(|_| vec![tier("default", &["fast"], TierAction::Pass)]),
    };
    let others = HostEndpoint {
        name: HostEndpointName::from("others"),
        interface: HostInterface::Others,
        local: PerDirection::from_fn(|_| verdicts(Vec::new(), Profile::Allow)),
        forwarded: PerDirection {
            ingress: Vec::new(),
            egress: vec![tier("default", &["node"], TierAction::Deny)],
        },
        forwarded_end: Profile::Allow,
        pre_dnat: Vec::new(),
        untracked: PerDirection::default(),
    };
    [uplink, others]
}

fn settings() -> Settings {
    let any = |port| Failsafe { protocol: Protocol::TCP, port, net: None };
    let near = Failsafe { net: Some("10.1.0.0/16".parse().unwrap()), ..any(179) };
    Settings {
        deny: DenyAction::Reject,
        failsafe_inbound: vec![any(22), near],
        failsafe_outbound: vec![any(6443)],
        log_prefix: LogPrefix::Template("%t/%n".into()),
        log_rate: Some(LogRate { lines: 10, per: RateUnit::Minute, burst: 5 }),
        nat: NatOutgoing {
            address: None,
            ports: Some(PortRange { first: 40000, last: 50000 }),
            exclusions: NatExclusions::PoolsAndHosts,
        },
        ..Settings::default()
    }
}

fn node() -> NodePolicy {
    let nets = ["10.0.0.9/32", "fd00::9/128"].map(|net| net.parse().unwrap());
    let of = |family| nets.into_iter().filter(|net| crate::address::Family::of_net(net) == family).collect();
    let members = Members::Nets(PerFamily::from_fn(of));
    let set = AddressSet { description: "role == 'friend'".into(), members };
    let surroundings = Surroundings {
        pools: BTreeSet::from(["10.0.0.0/16".parse().unwrap(), "fd00::/48".parse().unwrap()]),
        translated: BTreeSet::from(["10.0.0.0/16".parse().unwrap()]),
        hosts: (1..=6).map(|index| format!("10.1.0.{index}").parse().unwrap()).collect(),
        service_ranges: BTreeSet::from(["10.96.0.0/12".parse().unwrap()]),
        tunnels: BTreeSet::from([Tunnel::Ipip, Tunnel::Vxlan]),
    };
    NodePolicy {
        endpoints: [pod()].map(|pod| (pod.pod.clone(), Arc::new(pod))).into_iter().collect(),
        policies: policies(),
        address_sets: [(friends(), Arc::new(set))].into_iter().collect(),
        host_endpoints: host_endpoints().map(|it| (it.name.clone(), Arc::new(it))).into_iter().collect(),
        surroundings: surroundings.into(),
        settings: settings().into(),
    }
}

#[test]
fn a_node_with_everything_reads_like_this() {
    let text = render(&compile(&node(), &Options::default()));
    assert_eq!(text, include_str!("example.nft"));
}

#[test]
fn no_pod_takes_the_address_of_a_node_or_of_a_service() {
    let with = |floating: &str| {
        let inner = "10.0.0.1".parse().unwrap();
        let pod = Endpoint { floating: BTreeMap::from([(floating.parse().unwrap(), inner)]), ..pod() };
        let endpoints = [(pod.pod.clone(), Arc::new(pod))].into_iter().collect();
        let ruleset = compile(&NodePolicy { endpoints, ..node() }, &Options::default());
        render(&ruleset).contains("dnat to")
    };
    assert!(with("203.0.113.1"));
    assert!(!with("10.1.0.3"));
    assert!(!with("10.96.0.1"));
}

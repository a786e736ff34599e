//! What the evaluator says of conditions on connection tracking and devices is what the kernel does with real packets: translated, dialled and direct ones,
//! of others and of the node itself, tracked and not.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use ferrule_ruleset::{
    address::Family,
    evaluate::{Outcome, evaluate},
    ir::AddressPort,
    name::ChainName,
    nft::{
        AddressSide, BaseChain, Chain, ChainKind, CtState, Elements, Hook, InterfaceSide, Match, Operator,
        PortSide, Rule, Ruleset, Set, Statement, Verdict,
    },
    origin::{Builtin, Origin},
    packet::{Dialled, Packet, Payload, Tracking},
    port::PortRange,
    protocol::Protocol,
    render::render,
};
use ferrule_tests::{
    namespace::Namespace,
    wires::{Wires, address},
};
use ipnet::IpNet;

const DIALLED: u16 = 30080;
const SERVED: u16 = 8080;
/// To this port nothing is tracked.
const UNTRACKED: u16 = 7777;

/// A packet that is sent, and as what it shows where.
struct Probe {
    from: Sender,
    to: (IpAddr, u16),
    source_port: u16,
    seen: Vec<(&'static str, Packet)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Node,
}

/// Where it is looked: the chain, and how it is hooked in.
const CHAINS: [(&str, Hook, i32); 7] = [
    ("raw", Hook::Prerouting, -310),
    ("tracked", Hook::Prerouting, -150),
    ("translated", Hook::Prerouting, -90),
    ("input", Hook::Input, 0),
    ("forward", Hook::Forward, 0),
    ("output", Hook::Output, 0),
    ("postrouting", Hook::Postrouting, 0),
];

fn probes(family: Family) -> Vec<Probe> {
    let (client, server) = (address(family, 1, 2), address(family, 2, 2));
    let (near, far) = (address(family, 1, 1), address(family, 2, 1));
    let device = |name: &str| Some(name.into());
    let packet = |source, (destination, port), source_port, tracking| Packet {
        hook: Hook::Forward,
        in_interface: device("to-client"),
        out_interface: device("to-server"),
        source,
        destination,
        payload: Payload::Ports { protocol: Protocol::UDP, source: source_port, destination: port },
        tracking,
        dialled: None,
    };
    let arriving = |packet: &Packet| Packet { out_interface: None, ..packet.clone() };
    // Ahead of connection tracking there is no entry.
    let raw = |packet: &Packet| ("raw", Packet { tracking: Tracking::Invalid, ..arriving(packet) });
    let through = |packet: &Packet| [("forward", packet.clone()), ("postrouting", packet.clone())];

    let direct = packet(client, (server, 9000), 4001, Tracking::New);
    let untracked = packet(client, (server, UNTRACKED), 4002, Tracking::Untracked);
    let local = packet(client, (near, 9001), 4003, Tracking::New);
    let own = Packet { in_interface: None, ..packet(far, (server, 9002), 4004, Tracking::New) };
    let before = packet(client, (near, DIALLED), 4005, Tracking::New);
    let after = Packet {
        dialled: Some(Dialled { destination: near, port: Some(DIALLED) }),
        ..packet(client, (server, SERVED), 4005, Tracking::New)
    };
    let own_after = Packet { in_interface: None, source: far, ..after.clone() };
    let own_after = Packet {
        dialled: Some(Dialled { destination: server, port: Some(DIALLED) }),
        payload: Payload::Ports { protocol: Protocol::UDP, source: 4006, destination: SERVED },
        ..own_after
    };
    let probe = |from, to, source_port, seen| Probe { from, to, source_port, seen };
    let at = |name, packet: &Packet| (name, arriving(packet));
    vec![
        probe(
            Sender::Client,
            (server, 9000),
            4001,
            [raw(&direct), at("tracked", &direct), at("translated", &direct)]
                .into_iter()
                .chain(through(&direct))
                .collect(),
        ),
        probe(
            Sender::Client,
            (server, UNTRACKED),
            4002,
            [raw(&untracked), at("tracked", &untracked), at("translated", &untracked)]
                .into_iter()
                .chain(through(&untracked))
                .collect(),
        ),
        probe(
            Sender::Client,
            (near, 9001),
            4003,
            vec![raw(&local), at("tracked", &local), at("translated", &local), at("input", &local)],
        ),
        probe(Sender::Node, (server, 9002), 4004, vec![("output", own.clone()), ("postrouting", own)]),
        probe(
            Sender::Client,
            (near, DIALLED),
            4005,
            [raw(&before), at("tracked", &before), at("translated", &after)]
                .into_iter()
                .chain(through(&after))
                .collect(),
        ),
        probe(
            Sender::Node,
            (server, DIALLED),
            4006,
            vec![("output", own_after.clone()), ("postrouting", own_after)],
        ),
    ]
}

fn conditions(family: Family) -> Vec<Match> {
    let (near, server) = (address(family, 1, 1), address(family, 2, 2));
    let ports = |port| Match::Port(PortSide::Dialled, Operator::Is, vec![PortRange::single(port)]);
    let mut conditions = vec![ports(SERVED), ports(DIALLED)];
    for operator in [Operator::Is, Operator::IsNot] {
        for side in [AddressSide::Destination, AddressSide::Dialled] {
            conditions.extend([
                Match::Net(side, operator, near.into()),
                Match::Net(side, operator, IpNet::new(server, family.width() - 8).unwrap().trunc()),
                Match::Net(side, operator, IpNet::new(near, family.width() - 9).unwrap().trunc()),
                Match::Net(side, operator, IpNet::new(near, 0).unwrap().trunc()),
                Match::AnyOf(side, operator, vec![near, server]),
                Match::InSet(side, operator, "near".into()),
                Match::AddressPortInSet(side, operator, "near-dialled".into()),
            ]);
        }
        conditions.extend([
            Match::Port(PortSide::Dialled, operator, vec![PortRange { first: 30000, last: 32767 }]),
            Match::Translated(operator),
            Match::HasInterface(InterfaceSide::In, operator),
            Match::HasInterface(InterfaceSide::Out, operator),
        ]);
        let states = [CtState::EstablishedOrRelated, CtState::Invalid, CtState::New, CtState::Untracked];
        conditions.extend(states.map(|state| Match::Ct(operator, state)));
    }
    conditions
}

fn rule(statements: Vec<Statement>) -> Rule {
    Rule { statements, origin: Arc::new(Origin::Builtin(Builtin::Dispatch)) }
}

/// At each hook, for each probe and condition, in this order, a rule that ends with the given statement.
fn ruleset(end: &Statement) -> Ruleset {
    let mut ruleset = Ruleset::default();
    for family in Family::ALL {
        let table = ruleset.tables.get_mut(family);
        for (name, hook, priority) in CHAINS {
            let rules =
                probes(family).iter().flat_map(|probe| one_each(family, probe.source_port, end)).collect();
            let base = Some(BaseChain { hook, priority, kind: ChainKind::Filter });
            table.chains.insert(name.into(), Arc::new(Chain { name: name.into(), base, rules }));
        }
        let named = |name: &str, elements| {
            Arc::new(Set { name: name.into(), capacity: None, comment: "".into(), elements })
        };
        let near = address(family, 1, 1);
        let member = AddressPort { address: near, protocol: Protocol::UDP, port: DIALLED };
        table.sets.insert(
            "near".into(),
            named("near", Elements::Addresses([IpNet::from(near)].into_iter().collect())),
        );
        let members = Elements::AddressPorts([member].into_iter().collect());
        table.sets.insert("near-dialled".into(), named("near-dialled", members));
    }
    ruleset
}

fn one_each(family: Family, source_port: u16, end: &Statement) -> Vec<Rule> {
    let of_probe = || {
        [
            Match::Protocol(Operator::Is, Protocol::UDP),
            Match::Port(PortSide::Source, Operator::Is, vec![PortRange::single(source_port)]),
        ]
    };
    let rule_of = |condition| {
        let conditions = of_probe().into_iter().chain([condition]).map(Statement::Match);
        rule(conditions.chain([end.clone()]).collect())
    };
    conditions(family).into_iter().map(rule_of).collect()
}

/// Whether a packet matches a rule, by the evaluator: the rule drops it.
fn predicted(family: Family, whole: &Ruleset, packet: &Packet, hook: Hook, place: usize) -> bool {
    let mut alone = whole.clone();
    let table = alone.tables.get_mut(family);
    let (name, ..) = CHAINS[0];
    let rules = vec![table.chains[&ChainName::from(name)].rules[place].clone()];
    let base = Some(BaseChain { hook, priority: 0, kind: ChainKind::Filter });
    table.chains = [(ChainName::from("alone"), Arc::new(Chain { name: "alone".into(), base, rules }))]
        .into_iter()
        .collect();
    evaluate(&alone, &Packet { hook, ..packet.clone() }).outcome == Outcome::Dropped
}

/// Packets that each rule of each chain counted.
fn counted(node: &Namespace, family: Family) -> BTreeMap<String, Vec<u64>> {
    let listing = node.execute("nft", &["list", "table", &family.to_string(), "ferrule"], "").unwrap();
    let mut chains: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut chain = String::new();
    for line in listing.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("chain ").and_then(|rest| rest.strip_suffix(" {")) {
            chain = name.to_owned();
        } else if let Some((_, rest)) = line.split_once(" counter packets ") {
            chains.entry(chain.clone()).or_default().push(rest.split(' ').next().unwrap().parse().unwrap());
        }
    }
    chains
}

/// What kube-proxy would do: port 30080 of anybody goes to the server, and something stays untracked.
fn others(family: Family) -> String {
    let server = match address(family, 2, 2) {
        IpAddr::V4(address) => format!("{address}:{SERVED}"),
        IpAddr::V6(address) => format!("[{address}]:{SERVED}"),
    };
    format!(
        "table {family} other {{
            chain a {{ type nat hook prerouting priority -100; udp dport {DIALLED} dnat to {server}; }}
            chain b {{ type nat hook output priority -100; udp dport {DIALLED} dnat to {server}; }}
            chain c {{ type filter hook prerouting priority -300; udp dport {UNTRACKED} notrack; }}
        }}\n"
    )
}

#[test]
fn conditions_hold_for_the_packets_that_the_evaluator_says() {
    let wires = Wires::lay("vocab").unwrap();
    let text = render(&ruleset(&Statement::Counter));
    wires.node.execute("nft", &["-f", "-"], &(text + &Family::ALL.map(others).concat())).unwrap();
    let whole = ruleset(&Statement::Verdict(Verdict::Drop));
    for family in Family::ALL {
        let probes = probes(family);
        for probe in &probes {
            let (sender, own) = match probe.from {
                Sender::Client => (&wires.client, address(family, 1, 2)),
                Sender::Node => (&wires.node, address(family, 2, 1)),
            };
            // A packet that arrives has been counted wherever it was.
            let (receiver, at) = match probe.to {
                (_, DIALLED) => (&wires.server, (address(family, 2, 2), SERVED)),
                to if to.0 == address(family, 1, 1) => (&wires.node, to),
                to => (&wires.server, to),
            };
            let receiver = receiver.run(|| UdpSocket::bind(at).unwrap());
            receiver.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
            let sender = sender.run(|| UdpSocket::bind(SocketAddr::new(own, probe.source_port)).unwrap());
            assert_eq!(sender.send_to(b"probe", probe.to).unwrap(), 5);
            assert_eq!(receiver.recv(&mut [0; 9]).unwrap(), 5, "{family} {}", probe.source_port);
        }
        compare(family, &whole, &probes, &counted(&wires.node, family));
    }
}

fn compare(family: Family, whole: &Ruleset, probes: &[Probe], counted: &BTreeMap<String, Vec<u64>>) {
    let conditions = conditions(family);
    let mut matches = 0;
    for (name, hook, _) in CHAINS {
        for (row, probe) in probes.iter().enumerate() {
            let seen = probe.seen.iter().find(|(chain, _)| *chain == name).map(|(_, packet)| packet);
            for (column, condition) in conditions.iter().enumerate() {
                let place = row * conditions.len() + column;
                let expected = seen.is_some_and(|packet| predicted(family, whole, packet, hook, place));
                assert_eq!(
                    counted[name][place],
                    u64::from(expected),
                    "{family} {name}: {condition:?} for {}: {seen:?}",
                    probe.source_port
                );
                matches += usize::from(expected);
            }
        }
    }
    assert!(matches > 200, "{matches}");
}

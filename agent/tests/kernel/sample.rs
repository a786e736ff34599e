//! Rulesets for tests, the same for both families.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ferrule_ruleset::{
    address::{Family, PerFamily},
    ir::AddressPort,
    name::{ChainName, InterfaceName, SetName, TierName},
    nft::{
        AddressSide, BaseChain, Chain, ChainKind, CtState, Elements, Hook, InterfaceMatch, InterfaceSide,
        Interval, Match, Operator, PortSide, ProtocolPort, Rule, Ruleset, Set, Statement, Table, Verdict,
    },
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey, PolicyKind},
    port::PortRange,
    protocol::Protocol,
};
use ipnet::IpNet;

/// The n-th address of a family's test network.
pub fn address(family: Family, n: u32) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(0x0a00_0000 + n).into(),
        Family::V6 => Ipv6Addr::from_bits((0xfd00 << 112) + u128::from(n)).into(),
    }
}

/// A network: the first so many bits of an address.
pub fn net(family: Family, n: u32, prefix: u8) -> IpNet {
    IpNet::new(address(family, n), prefix).unwrap().trunc()
}

/// Why the n-th rule of the test policy stands where it stands.
pub fn origin(n: usize) -> Origin {
    let policy = PolicyKey {
        kind: PolicyKind::KubernetesNetworkPolicy,
        namespace: Some("default".into()),
        name: "web".into(),
    };
    let (direction, index) = (Direction::Ingress, n as u32);
    Origin::Rule { tier: TierName::new("default"), policy, direction, index }
}

/// A rule of the test policy.
pub fn rule(n: usize, statements: Vec<Statement>) -> Rule {
    Rule { statements, origin: Arc::new(origin(n)) }
}

/// A rule that counts and returns if a condition holds.
pub fn returns(n: usize, conditions: impl IntoIterator<Item = Match>) -> Rule {
    let conditions = conditions.into_iter().map(Statement::Match);
    rule(n, conditions.chain([Statement::Counter, Statement::Verdict(Verdict::Return)]).collect())
}

/// A chain that is hooked in nowhere.
pub fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    Chain { name: name.into(), base: None, rules }
}

/// A set.
pub fn set(name: &str, capacity: Option<u32>, elements: Elements) -> Set {
    Set { name: name.into(), capacity, comment: format!("members of {name}").into(), elements }
}

/// A table.
pub fn table(chains: impl IntoIterator<Item = Chain>, sets: impl IntoIterator<Item = Set>) -> Table {
    Table {
        chains: chains.into_iter().map(|chain| (chain.name.clone(), Arc::new(chain))).collect(),
        sets: sets.into_iter().map(|set| (set.name.clone(), Arc::new(set))).collect(),
    }
}

/// A ruleset with the same table for each family.
pub fn ruleset(mut make: impl FnMut(Family) -> Table) -> Ruleset {
    Ruleset { tables: PerFamily::from_fn(&mut make) }
}

/// A ruleset with every kind of statement, condition, set and chain.
pub fn everything() -> Ruleset {
    ruleset(|family| table(chains(family), sets(family)))
}

fn chains(family: Family) -> Vec<Chain> {
    let builtin = |statements| Rule { statements, origin: Arc::new(Origin::Builtin(Builtin::Dispatch)) };
    let base = |hook, priority| Some(BaseChain { hook, priority, kind: ChainKind::Filter });
    let dispatch = |side| builtin(vec![Statement::InterfaceMap(side, SetName::new("dispatch"))]);
    let dispatch = [InterfaceSide::In, InterfaceSide::Out].map(dispatch).to_vec();
    vec![
        Chain { base: base(Hook::Forward, 0), ..chain("forward", dispatch) },
        Chain { base: base(Hook::Input, -5), ..chain("input", vec![]) },
        Chain { base: base(Hook::Output, 1000), ..chain("output", vec![]) },
        chain("from/default/web", verdicts()),
        chain(
            "matches/default/web",
            conditions(family).into_iter().enumerate().map(|(n, m)| returns(n, m)).collect(),
        ),
    ]
}

fn verdicts() -> Vec<Rule> {
    let target = || ChainName::new("matches/default/web");
    let counted = |n, verdict| rule(n, vec![Statement::Counter, Statement::Verdict(verdict)]);
    vec![
        rule(0, vec![Statement::PortMap(SetName::new("ports"))]),
        returns(1, []),
        rule(2, vec![Statement::Log("policy web: ".into()), Statement::Verdict(Verdict::Jump(target()))]),
        counted(3, Verdict::Return),
        counted(4, Verdict::Drop),
        counted(5, Verdict::Accept),
        counted(6, Verdict::Goto(target())),
    ]
}

/// Each condition with what has to stand before it.
pub fn conditions(family: Family) -> Vec<Vec<Match>> {
    let tcp = || Match::Protocol(Operator::Is, Protocol::TCP);
    let icmp = || {
        Match::Protocol(
            Operator::Is,
            match family {
                Family::V4 => Protocol::ICMP,
                Family::V6 => Protocol::ICMPV6,
            },
        )
    };
    let range = |first, last| PortRange { first, last };
    let mut conditions = vec![
        vec![Match::Ct(Operator::Is, CtState::EstablishedOrRelated)],
        vec![Match::Ct(Operator::Is, CtState::Invalid)],
        vec![Match::LocalDestination],
        vec![icmp(), Match::IcmpTypes(vec![8, 128])],
    ];
    for prefix in prefixes(family) {
        conditions.push(vec![Match::Net(
            AddressSide::Source,
            Operator::Is,
            net(family, 0x0001_0203, prefix),
        )]);
    }
    for operator in [Operator::Is, Operator::IsNot] {
        let several = || [1, 2, 9].map(|n| address(family, n)).to_vec();
        conditions.extend([
            vec![Match::Protocol(operator, Protocol::SCTP)],
            vec![Match::Net(AddressSide::Destination, operator, net(family, 0x0001_0203, family.width()))],
            vec![Match::Net(
                AddressSide::Destination,
                operator,
                net(family, 0x0001_0203, family.width() - 9),
            )],
            vec![Match::AnyOf(AddressSide::Source, operator, several())],
            vec![Match::AnyOf(AddressSide::Destination, operator, several())],
            vec![Match::InSet(AddressSide::Source, operator, "addresses".into())],
            vec![Match::InSet(AddressSide::Destination, operator, "intervals".into())],
            vec![Match::AddressPortInSet(AddressSide::Source, operator, "address-ports".into())],
            vec![Match::AddressPortInSet(AddressSide::Destination, operator, "address-ports".into())],
            vec![tcp(), Match::Port(PortSide::Source, operator, vec![PortRange::single(80)])],
            vec![tcp(), Match::Port(PortSide::Destination, operator, vec![range(80, 90)])],
            vec![
                tcp(),
                Match::Port(
                    PortSide::Destination,
                    operator,
                    vec![PortRange::single(80), PortRange::single(90)],
                ),
            ],
            vec![
                tcp(),
                Match::Port(
                    PortSide::Destination,
                    operator,
                    vec![range(0, 79), range(90, 99), range(65530, 65535)],
                ),
            ],
            vec![icmp(), Match::IcmpType(operator, 3)],
            vec![icmp(), Match::IcmpTypeCode(operator, 3, 4)],
            vec![Match::Interface(InterfaceSide::In, operator, InterfaceMatch::Exact("eth0".into()))],
            vec![Match::Interface(InterfaceSide::Out, operator, InterfaceMatch::Prefix("cali".into()))],
        ]);
    }
    conditions
}

/// Lengths at and around every boundary that the encoder treats apart.
fn prefixes(family: Family) -> Vec<u8> {
    let all = [0, 1, 7, 8, 9, 16, 23, 24, 25, 31, 32, 33, 48, 63, 64, 65, 96, 120, 127, 128];
    all.into_iter().filter(|prefix| *prefix <= family.width()).collect()
}

fn sets(family: Family) -> Vec<Set> {
    let interval = |first, last| Interval { first: address(family, first), last: address(family, last) };
    let top = match family {
        Family::V4 => {
            Interval { first: Ipv4Addr::new(240, 0, 0, 0).into(), last: Ipv4Addr::BROADCAST.into() }
        }
        Family::V6 => Interval {
            first: Ipv6Addr::from_bits(0xff00 << 112).into(),
            last: Ipv6Addr::from_bits(u128::MAX).into(),
        },
    };
    let member = |n, protocol, port| AddressPort { address: address(family, n), protocol, port };
    let leads = |chain: &str| Verdict::Goto(chain.into());
    vec![
        set(
            "addresses",
            Some(1024),
            Elements::Addresses((1..9).map(|n| IpNet::from(address(family, n))).collect()),
        ),
        set("bare", None, Elements::Addresses((1..9).map(|n| IpNet::from(address(family, n))).collect())),
        set("empty", None, Elements::Intervals([].into_iter().collect())),
        set(
            "intervals",
            None,
            Elements::Intervals(
                [interval(256, 511), interval(1024, 1024), interval(4096, 5000), top].into_iter().collect(),
            ),
        ),
        set(
            "address-ports",
            None,
            Elements::AddressPorts(
                [
                    member(1, Protocol::TCP, 80),
                    member(1, Protocol::UDP, 53),
                    member(2, Protocol::SCTP, 65535),
                ]
                .into_iter()
                .collect(),
            ),
        ),
        set(
            "dispatch",
            None,
            Elements::InterfaceVerdicts(
                [
                    (InterfaceName::from("cali0123456789a"), leads("from/default/web")),
                    (InterfaceName::from("cali1"), Verdict::Drop),
                ]
                .into_iter()
                .collect(),
            ),
        ),
        set(
            "ports",
            Some(64),
            Elements::PortVerdicts(
                [
                    (ProtocolPort { protocol: Protocol::TCP, port: 80 }, leads("matches/default/web")),
                    (ProtocolPort { protocol: Protocol::UDP, port: 53 }, Verdict::Accept),
                ]
                .into_iter()
                .collect(),
            ),
        ),
    ]
}

/// A ruleset of a given size: policy chains of 10 rules that look into sets, and sets of addresses.
pub fn sized(rules: usize, elements: usize) -> Ruleset {
    ruleset(|family| {
        let (rules, elements) = (rules / 2, elements / 2);
        let chains = (0..rules.div_ceil(10)).map(|n| {
            let rules = (0..10.min(rules - n * 10)).map(|index| {
                let conditions = [
                    Match::Protocol(Operator::Is, Protocol::TCP),
                    Match::Port(
                        PortSide::Destination,
                        Operator::Is,
                        vec![PortRange::single(index as u16 + 1)],
                    ),
                    Match::InSet(AddressSide::Source, Operator::Is, "addresses".into()),
                ];
                returns(n * 10 + index, conditions)
            });
            chain(&format!("ingress/knp/default/policy-{n}"), rules.collect())
        });
        let members = (0..elements as u32).map(|n| IpNet::from(address(family, n))).collect();
        let capacity = Some((elements * 2).max(16) as u32);
        table(chains, [set("addresses", capacity, Elements::Addresses(members))])
    })
}

/// A chain at a hook.
pub fn based(name: &str, hook: Hook, priority: i32, kind: ChainKind, rules: Vec<Rule>) -> Chain {
    Chain { base: Some(BaseChain { hook, priority, kind }), ..chain(name, rules) }
}

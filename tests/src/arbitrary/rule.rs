//! Rules: conditions in any order that makes sense, then what is done.

use std::sync::Arc;

use ferrule_ruleset::{
    address::Family,
    name::{ChainName, NamespaceName, SetName},
    nft::{
        AddressSide, CtState, InterfaceMatch, InterfaceSide, Match, NatPorts, Operator, PortSide, Reject,
        Rule, Statement, Verdict,
    },
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey, PolicyKind},
    port::PortRange,
    protocol::Protocol,
};
use ipnet::IpNet;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::arbitrary::{PROTOCOLS, action, address, interfaces};

/// Where the rules of a chain may lead.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// By a verdict of their own.
    pub(super) targets: Vec<ChainName>,
    /// By a verdict map.
    pub(super) maps: Vec<Statement>,
    /// What else may end a rule.
    pub(super) ends: Vec<Statement>,
}

/// A rule of a chain of this layer. Sets are named as [`super::table`] names them, whether the table has them or not.
pub(super) fn rule(family: Family, layer: &Layer) -> BoxedStrategy<Rule> {
    // Protocol and port stand next to each other or apart, and before or behind what else is asked.
    let conditions =
        (transport(), vec(condition(family), 0..3), 0..3_usize).prop_map(|(mut transport, others, place)| {
            let place = place.min(transport.len());
            transport.splice(place..place, others).for_each(drop);
            transport
        });
    (conditions, action::on_the_way(), any::<bool>(), log(), end(layer), origin())
        .prop_map(|(conditions, on_the_way, counted, log, end, origin)| {
            let mut statements: Vec<Statement> = conditions.into_iter().map(Statement::Match).collect();
            statements.extend(on_the_way);
            statements.extend(counted.then_some(Statement::Counter));
            statements.extend(log);
            statements.extend(end);
            let mut statements = explained(&statements);
            // nft refuses a rule that says nothing.
            if statements.is_empty() {
                statements.push(Statement::Counter);
            }
            Rule { statements, origin: Arc::new(origin) }
        })
        .boxed()
}

/// Without what nft 1.0.6 refuses, or lists so that it cannot read it again, for want of the one protocol of the rule in the right place.
fn explained(statements: &[Statement]) -> Vec<Statement> {
    let protocol = statements.iter().find_map(protocol);
    let with_ports = |protocol: Protocol| protocol.has_ports() || protocol == Protocol::UDPLITE;
    let fits = |(place, statement): (usize, &Statement)| {
        if looks_at_dialled_port(statement) {
            protocol.is_some_and(with_ports)
                && statements[..place].iter().any(|before| self::protocol(before).is_some())
                && !statements[place..].iter().any(looks_at_header)
        } else if matches!(statement, Statement::Reject(Reject::TcpReset)) {
            protocol == Some(Protocol::TCP)
        } else if chooses_port(statement) {
            protocol.is_some_and(with_ports)
        } else {
            !looks_up_port(statement) || protocol.is_none_or(with_ports)
        }
    };
    statements.iter().enumerate().filter(|each| fits(*each)).map(|(_, statement)| statement.clone()).collect()
}

/// The protocol that a statement asks for.
fn protocol(statement: &Statement) -> Option<Protocol> {
    match statement.condition() {
        Some(Match::Protocol(Operator::Is, protocol)) => Some(*protocol),
        Some(_) | None => None,
    }
}

fn looks_at_dialled_port(statement: &Statement) -> bool {
    let side = |condition| {
        matches!(
            condition,
            &Match::Port(PortSide::Dialled, ..) | &Match::AddressPortInSet(AddressSide::Dialled, ..)
        )
    };
    statement.condition().is_some_and(side)
}

fn looks_up_port(statement: &Statement) -> bool {
    matches!(statement, Statement::PortMap(_) | Statement::Match(Match::AddressPortInSet(..)))
}

/// Whether nft leaves it to the listing of this statement to say which protocol.
fn looks_at_header(statement: &Statement) -> bool {
    let port = matches!(statement, Statement::Match(Match::Port(..))) || looks_up_port(statement);
    matches!(statement, Statement::Reject(Reject::TcpReset)) || (port && !looks_at_dialled_port(statement))
}

fn chooses_port(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Masquerade(NatPorts { range: Some(_), .. })
            | Statement::SourceNat(_, NatPorts { range: Some(_), .. })
    )
}

/// A verdict, towards one of these chains or none.
pub(super) fn verdict(targets: &[ChainName]) -> BoxedStrategy<Verdict> {
    let plain = select(vec![Verdict::Accept, Verdict::Drop, Verdict::Return]);
    if targets.is_empty() {
        return plain.boxed();
    }
    let target = select(targets.to_vec());
    let leads = (target, any::<bool>())
        .prop_map(|(target, back)| if back { Verdict::Jump(target) } else { Verdict::Goto(target) });
    prop_oneof![1 => plain, 2 => leads].boxed()
}

/// Ranges of ports, disjoint, in order.
fn ports() -> impl Strategy<Value = Vec<PortRange>> {
    select(vec![
        vec![(0, 0)],
        vec![(1, 3)],
        vec![(0, 0), (2, 3)],
        vec![(1, 1), (3, 5), (7, 65535)],
        vec![(5, 5)],
    ])
    .prop_map(|ranges| ranges.into_iter().map(|(first, last)| PortRange { first, last }).collect())
}

/// Conditions on protocol, ports and ICMP that belong together, in this order.
fn transport() -> BoxedStrategy<Vec<Match>> {
    let with_ports = select(vec![Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::UDPLITE]);
    let port = || {
        (select(vec![PortSide::Source, PortSide::Destination]), operator(), ports())
            .prop_map(|(side, operator, ports)| Match::Port(side, operator, ports))
    };
    // A list of dialled ports loads, but nft 1.0.6 cannot read its own listing of it.
    let dialled =
        (operator(), select(vec![(80, 80), (1, 3), (5, 65535)])).prop_map(|(operator, (first, last))| {
            Match::Port(PortSide::Dialled, operator, vec![PortRange { first, last }])
        });
    let with_dialled = (select(vec![Protocol::TCP, Protocol::UDP]), option::of(port()), dialled);
    let message = prop_oneof![
        (operator(), 0..4_u8).prop_map(|(operator, kind)| Match::IcmpType(operator, kind)),
        (operator(), 0..4_u8, 0..3_u8)
            .prop_map(|(operator, kind, code)| Match::IcmpTypeCode(operator, kind, code)),
        select(vec![vec![0, 1], vec![1, 2, 3], vec![133, 135]]).prop_map(Match::IcmpTypes),
    ];
    let protocol = |protocol| Match::Protocol(Operator::Is, protocol);
    prop_oneof![
        Just(Vec::new()),
        (operator(), select(PROTOCOLS.to_vec()))
            .prop_map(|(operator, it)| vec![Match::Protocol(operator, it)]),
        (with_ports, vec(port(), 1..3)).prop_map(move |(it, ports)| [vec![protocol(it)], ports].concat()),
        with_dialled.prop_map(move |(it, port, dialled)| {
            [protocol(it)].into_iter().chain(port).chain([dialled]).collect()
        }),
        (select(vec![Protocol::ICMP, Protocol::ICMPV6]), message)
            .prop_map(move |(it, message)| vec![protocol(it), message]),
    ]
    .boxed()
}

fn net(family: Family) -> impl Strategy<Value = IpNet> {
    (0..16_u8, select(vec![0, 28, 30, 31, 32])).prop_map(move |(number, length)| {
        let length = if length == 0 { 0 } else { family.width() - 32 + length };
        IpNet::new_assert(address(family, number), length).trunc()
    })
}

fn condition(family: Family) -> BoxedStrategy<Match> {
    let side = || select(vec![AddressSide::Source, AddressSide::Destination, AddressSide::Dialled]);
    let device = || select(vec![InterfaceSide::In, InterfaceSide::Out]);
    let interface = prop_oneof![
        select(interfaces()).prop_map(InterfaceMatch::Exact),
        select(vec!["cali", "e"]).prop_map(|prefix| InterfaceMatch::Prefix(prefix.into())),
    ];
    prop_oneof![
        (side(), operator(), net(family)).prop_map(|(side, operator, net)| Match::Net(side, operator, net)),
        (side(), operator(), 0..8_u8, 8..16_u8).prop_map(move |(side, operator, one, other)| {
            Match::AnyOf(side, operator, vec![address(family, one), address(family, other)])
        }),
        (side(), operator(), select(vec!["s/plain", "s.capped", "cidr-1"]))
            .prop_map(|(side, operator, set)| Match::InSet(side, operator, SetName::from(set))),
        (side(), operator()).prop_map(|(side, operator)| Match::AddressPortInSet(
            side,
            operator,
            SetName::from("named_ports")
        )),
        (device(), operator(), interface)
            .prop_map(|(side, operator, name)| Match::Interface(side, operator, name)),
        (
            operator(),
            select(vec![CtState::EstablishedOrRelated, CtState::Invalid, CtState::New, CtState::Untracked])
        )
            .prop_map(|(operator, state)| Match::Ct(operator, state)),
        operator().prop_map(Match::Translated),
        (device(), operator()).prop_map(|(side, operator)| Match::HasInterface(side, operator)),
        Just(Match::LocalDestination),
    ]
    .boxed()
}

fn operator() -> impl Strategy<Value = Operator> {
    select(vec![Operator::Is, Operator::IsNot])
}

fn log() -> impl Strategy<Value = Option<Statement>> {
    option::weighted(0.1, select(vec!["knp/default/web: ", "#{;'\\"]))
        .prop_map(|prefix| prefix.map(|prefix| Statement::Log(prefix.into())))
}

fn end(layer: &Layer) -> BoxedStrategy<Option<Statement>> {
    let verdict = verdict(&layer.targets).prop_map(Statement::Verdict);
    let others: Vec<Statement> = layer.maps.iter().chain(&layer.ends).cloned().collect();
    let end = match others.is_empty() {
        true => verdict.boxed(),
        false => prop_oneof![3 => verdict, 1 => select(others)].boxed(),
    };
    option::weighted(0.9, end).boxed()
}

fn origin() -> impl Strategy<Value = Origin> {
    let name = select(vec!["web".to_owned(), "odd \"quotes\"\n$x\\".to_owned(), "ü".repeat(100)]);
    let policy = (name, any::<bool>()).prop_map(|(name, global)| PolicyKey {
        kind: if global { PolicyKind::GlobalNetworkPolicy } else { PolicyKind::KubernetesNetworkPolicy },
        namespace: (!global).then(|| NamespaceName::from("default")),
        name: name.into(),
    });
    let direction = select(Direction::ALL.to_vec());
    prop_oneof![
        (policy, direction, 0..3_u32).prop_map(|(policy, direction, index)| Origin::Rule {
            tier: "default".into(),
            policy,
            direction,
            index
        }),
        Just(Origin::Builtin(Builtin::Dispatch)),
    ]
}

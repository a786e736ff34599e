//! What exists once per table: base chains, dispatch maps, and the way from egress to ingress.
//!
//! ```text
//! forward, input:  iifname vmap @from-workload ─goto→ from/<ns>/<pod> ─allow→ to-workload
//!                  iifname "cali*" drop                                         │
//!                  ct state established,related accept   (forward only)         │
//!                  ct state invalid drop                 (forward only)         │
//!                  goto to-workload ────────────────────────────────────────────┤
//! to-workload:     oifname vmap @to-workload ─goto→ to/<ns>/<pod> ─allow→ accept
//!                  oifname "cali*" drop
//!                  accept
//! output:          oifname "cali*" accept
//! ```
//!
//! Dispatch stands before the established rule because a pod's source address has to be tested on established packets too, and finding the
//! interface is most of that test's price: one lookup serves both. The established rule of a pod's own packets is in its chain, behind the test.
//!
//! All base chains have priority `filter - 10`: after every DNAT (−100) and before the filter chains of others (0), whoever registers first.
//! Architecture invariant: no rule of ours reads or writes a packet mark or a connection mark.

use std::sync::Arc;

use imbl::OrdMap;

use super::{Layout, rendered::rule};
use crate::{
    address::Family,
    name::{ChainName, InterfaceName, SetName},
    nft::{
        BaseChain, Chain, ChainKind, CtState, Elements, Hook, InterfaceMatch, InterfaceSide, Match, Operator,
        Rule, Set, Statement, Verdict,
    },
    origin::{Builtin, Origin},
    policy::Direction,
    protocol::Protocol,
    settings::{EndpointToHost, InvalidPackets},
};

/// The priority of our base chains: `filter - 10`.
pub const PRIORITY: i32 = -10;

/// ICMPv6 types that a node must hear from its pods whatever policy says: multicast listener query, report, done (130–132) and report v2 (143),
/// router solicitation (133), neighbour solicitation and advertisement (135, 136). RFC 4861, RFC 2710, RFC 3810. Deliberately absent: router
/// advertisement (134) and redirect (137), by which a pod could steer its node.
const DISCOVERY: [u8; 7] = [130, 131, 132, 133, 135, 136, 143];

/// The chain that goes on with the receiver's ingress policy.
pub(super) fn to_workload() -> ChainName {
    ChainName::from("to-workload")
}

/// The map that finds an endpoint's chain by interface.
pub fn dispatch_map(direction: Direction) -> SetName {
    SetName::from(match direction {
        Direction::Egress => "from-workload",
        Direction::Ingress => "to-workload",
    })
}

/// All chains of the skeleton.
pub(super) fn chains(family: Family, layout: &Layout) -> Vec<Chain> {
    vec![
        base(Hook::Forward, forward(layout)),
        base(Hook::Input, input(family, layout)),
        base(Hook::Output, output(layout)),
        admitted(layout),
    ]
}

fn base(hook: Hook, rules: Vec<Rule>) -> Chain {
    Chain {
        name: ChainName::new(hook.to_string()),
        base: Some(BaseChain { hook, priority: PRIORITY, kind: ChainKind::Filter }),
        rules,
    }
}

/// The dispatch map of a direction.
pub(super) fn dispatch(direction: Direction, verdicts: &OrdMap<InterfaceName, Verdict>) -> Set {
    Set {
        name: dispatch_map(direction),
        capacity: None,
        comment: match direction {
            Direction::Egress => "what endpoints send, by the interface it comes in".into(),
            Direction::Ingress => "what endpoints receive, by the interface it leaves".into(),
        },
        elements: Elements::InterfaceVerdicts(verdicts.clone()),
    }
}

fn forward(layout: &Layout) -> Vec<Rule> {
    let mut rules = vec![lookup(Direction::Egress)];
    rules.extend(unknown(InterfaceSide::In, layout));
    rules.extend(tracking(layout, |builtin| Arc::new(Origin::Builtin(builtin))));
    rules.push(rule([Statement::Verdict(Verdict::Goto(to_workload()))], Origin::Builtin(Builtin::Dispatch)));
    rules
}

fn input(family: Family, layout: &Layout) -> Vec<Rule> {
    let mut rules: Vec<Rule> = match family {
        Family::V4 => Vec::new(),
        Family::V6 => vec![discovery()],
    };
    rules.push(lookup(Direction::Egress));
    rules.extend(unknown(InterfaceSide::In, layout));
    rules
}

fn discovery() -> Rule {
    let matches = [Match::Protocol(Operator::Is, Protocol::ICMPV6), Match::IcmpTypes(DISCOVERY.to_vec())];
    rule(
        matches.into_iter().map(Statement::Match).chain([Statement::Verdict(Verdict::Accept)]),
        Origin::Builtin(Builtin::NeighbourDiscovery),
    )
}

/// Policy has no say on what the node itself sends to its pods. Nothing here decides; the counter shows a person that probes pass by design.
fn output(layout: &Layout) -> Vec<Rule> {
    let accept = |prefix| {
        let statements =
            [interface(InterfaceSide::Out, prefix), Statement::Counter, Statement::Verdict(Verdict::Accept)];
        rule(statements, Origin::Builtin(Builtin::HostToOwnPod))
    };
    layout.options.prefixes.iter().map(|prefix| accept(prefix.as_str())).collect()
}

/// Behind egress policy: the receiver's ingress policy, if the receiver is an endpoint of this node. Every way through it ends in a verdict, since
/// rules of a chain that was jumped to go here and must not come back.
fn admitted(layout: &Layout) -> Chain {
    let mut rules = vec![lookup(Direction::Ingress)];
    rules.extend(unknown(InterfaceSide::Out, layout));
    match layout.settings.endpoint_to_host {
        EndpointToHost::Drop => rules.push(rule(
            [
                Statement::Match(Match::LocalDestination),
                Statement::Counter,
                Statement::Verdict(Verdict::Drop),
            ],
            Origin::Builtin(Builtin::EndpointToHost),
        )),
        EndpointToHost::Accept | EndpointToHost::Return => {}
    }
    rules.push(rule([Statement::Verdict(Verdict::Accept)], Origin::Builtin(Builtin::NoPolicy)));
    Chain { name: to_workload(), base: None, rules }
}

fn lookup(direction: Direction) -> Rule {
    let side = match direction {
        Direction::Egress => InterfaceSide::In,
        Direction::Ingress => InterfaceSide::Out,
    };
    rule([Statement::InterfaceMap(side, dispatch_map(direction))], Origin::Builtin(Builtin::Dispatch))
}

/// A workload's interface that no endpoint has is closed. These rules stay when the agent is gone.
fn unknown(side: InterfaceSide, layout: &Layout) -> impl Iterator<Item = Rule> + '_ {
    layout.options.prefixes.iter().map(move |prefix| {
        let statements =
            [interface(side, prefix.as_str()), Statement::Counter, Statement::Verdict(Verdict::Drop)];
        rule(statements, Origin::Builtin(Builtin::UnknownInterface))
    })
}

fn interface(side: InterfaceSide, prefix: &str) -> Statement {
    Statement::Match(Match::Interface(side, Operator::Is, InterfaceMatch::Prefix(prefix.into())))
}

/// Packets of admitted flows pass; what connection tracking cannot place is dropped, unless the node is told to judge it.
pub(super) fn tracking(layout: &Layout, origin: impl Fn(Builtin) -> Arc<Origin>) -> Vec<Rule> {
    let mut rules = vec![Rule {
        statements: vec![
            Statement::Match(Match::Ct(Operator::Is, CtState::EstablishedOrRelated)),
            Statement::Verdict(Verdict::Accept),
        ],
        origin: origin(Builtin::Established),
    }];
    match layout.settings.invalid {
        InvalidPackets::Drop => rules.push(Rule {
            statements: vec![
                Statement::Match(Match::Ct(Operator::Is, CtState::Invalid)),
                // Connection tracking verifies the checksum of UDP-Lite as if it were UDP (`udplite_error` in nf_conntrack_proto_udp.c) and takes
                // every genuine packet for invalid, so these are left to policy.
                Statement::Match(Match::Protocol(Operator::IsNot, Protocol::UDPLITE)),
                Statement::Counter,
                Statement::Verdict(Verdict::Drop),
            ],
            origin: origin(Builtin::Invalid),
        }),
        InvalidPackets::Judge => {}
    }
    rules
}

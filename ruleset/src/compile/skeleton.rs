//! What exists once per table: base chains, dispatch maps, and the way from egress to ingress.
//!
//! ```text
//! forward, input:  iifname vmap @from-workload ─jump→ from/<ns>/<pod> ─allow→ to-workload
//!                  iifname "cali*" drop                                         │
//!                  ct state established,related accept   (forward only)         │
//!                  ct state invalid drop                 (forward only)         │
//!                  goto to-workload ────────────────────────────────────────────┤
//! to-workload:     oifname vmap @to-workload ─jump→ to/<ns>/<pod> ─allow→ accept
//!                  oifname "cali*" drop
//!                  accept
//! output:          oifname "cali*" accept
//! ```
//!
//! Host endpoints, limits, translations and the like add to this where they exist, and to nothing where they do not.
//!
//! Dispatch stands before the established rule because a pod's source address has to be tested on established packets too, and finding the
//! interface is most of that test's price: one lookup serves both. The established rule of a pod's own packets is in its chain, behind the test.
//!
//! All base chains of policy have priority `filter - 10`, but those ahead of connection tracking: after every DNAT (−100) and before the filter chains of others (0), whoever registers first.
//! Architecture invariant: no rule of ours reads or writes a packet mark or a connection mark.

mod discovery;
mod join;
mod local;
mod own_pods;

pub(super) use discovery::{Heard, discovery};
pub(super) use own_pods::is_unprefixed;

use std::{collections::BTreeMap, sync::Arc};

use imbl::OrdMap;

use super::{
    Layout, dscp,
    host::Hosts,
    limit,
    name::Lane,
    nat, reject,
    rendered::{Rendered, rule},
    service_loop, tunnel,
};
use crate::{
    address::Family,
    ir::{Endpoint, Surroundings},
    name::{ChainName, InterfaceName, ObjectName, SetName},
    nft::{
        BaseChain, Chain, ChainKind, CtState, Elements, Hook, InterfaceMatch, InterfaceSide, Match, Operator,
        Rule, Set, Statement, Verdict,
    },
    origin::{Builtin, Origin},
    policy::Direction,
    protocol::Protocol,
    settings::InvalidPackets,
};

/// The priority of our base chains: `filter - 10`.
pub const PRIORITY: i32 = -10;

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

/// Everything that the skeleton of a table depends on.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) family: Family,
    pub(super) layout: &'a Layout,
    pub(super) hosts: Hosts<'a>,
    pub(super) surroundings: &'a Surroundings,
    /// Endpoints for which base chains do more than dispatch.
    pub(super) extras: &'a BTreeMap<ObjectName, Arc<Endpoint>>,
}

/// The skeleton of a table: its chains, and the sets that they look into.
pub(super) fn render(frame: &Frame<'_>) -> Rendered {
    let Frame { family, layout, hosts, .. } = *frame;
    let mut chains = vec![forward(frame), local::input(frame), local::output(frame), join::chain(frame)];
    chains.extend(local::postrouting(frame));
    chains.extend(hosts.forward_chains());
    chains.extend(hosts.raw_chains(family));
    chains.extend(reject::chain(layout));
    chains.extend(limit::chains(frame));
    chains.extend(dscp::chain(frame));
    chains.extend(nat::chains(frame));
    let lanes = [
        Lane::In,
        local::translated_lane(layout),
        Lane::Out,
        Lane::ForwardIn,
        Lane::ForwardOut,
        Lane::RawIn,
        Lane::RawOut,
    ];
    let mut sets: BTreeMap<SetName, Arc<Set>> = BTreeMap::new();
    let maps =
        hosts.maps(&lanes).into_iter().chain(limit::map(frame)).chain(own_pods::map(frame)).map(Arc::new);
    let lists = tunnel::sets(frame).into_iter().chain(service_loop::sets(frame));
    let lists = lists.chain(dscp::sets(frame)).chain(nat::sets(frame));
    sets.extend(maps.chain(lists).map(|set| (set.name.clone(), set)));
    Rendered {
        chains: chains.into_iter().map(|chain| (family, Arc::new(chain))).collect(),
        sets: sets.into_values().map(|set| (family, set)).collect(),
    }
}

/// A base chain that filters.
pub(super) fn base(name: &str, hook: Hook, priority: i32, rules: Vec<Rule>) -> Chain {
    let base = BaseChain { hook, priority, kind: ChainKind::Filter };
    Chain { name: ChainName::from(name), base: Some(base), rules }
}

/// The dispatch map of a direction. Its verdicts are jumps, although every way through the chain of an endpoint ends in a verdict: a packet that is under way
/// while the chain comes finds it without rules, and comes back to the rule behind the lookup as if the interface were not in the map yet. So map and chain
/// may come in one batch.
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

fn forward(frame: &Frame<'_>) -> Chain {
    let layout = frame.layout;
    let mut rules: Vec<Rule> = limit::lookup(frame).into_iter().collect();
    rules.push(lookup(Direction::Egress));
    rules.extend(unknown(InterfaceSide::In, layout));
    rules.extend(tracking(layout, |builtin| Arc::new(Origin::Builtin(builtin))));
    rules.push(rule([Statement::Verdict(Verdict::Goto(to_workload()))], Origin::Builtin(Builtin::Dispatch)));
    base("forward", Hook::Forward, PRIORITY, rules)
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
    let established = established(origin(Builtin::Established));
    std::iter::once(established).chain(invalid(layout, || origin(Builtin::Invalid))).collect()
}

fn established(origin: Arc<Origin>) -> Rule {
    let state = Match::Ct(Operator::Is, CtState::EstablishedOrRelated);
    Rule { statements: vec![Statement::Match(state), Statement::Verdict(Verdict::Accept)], origin }
}

/// What connection tracking cannot place is dropped, unless the node is told to judge it.
pub(super) fn invalid(layout: &Layout, origin: impl FnOnce() -> Arc<Origin>) -> Option<Rule> {
    match layout.settings.invalid {
        InvalidPackets::Drop => Some(Rule {
            statements: vec![
                Statement::Match(Match::Ct(Operator::Is, CtState::Invalid)),
                // Connection tracking verifies the checksum of UDP-Lite as if it were UDP (`udplite_error` in nf_conntrack_proto_udp.c) and takes
                // every genuine packet for invalid, so these are left to policy.
                Statement::Match(Match::Protocol(Operator::IsNot, Protocol::UDPLITE)),
                Statement::Counter,
                Statement::Verdict(Verdict::Drop),
            ],
            origin: origin(),
        }),
        InvalidPackets::Judge => None,
    }
}

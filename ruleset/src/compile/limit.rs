//! Limits on the traffic of a pod.
//!
//! A limit on packets counts those of established flows too, so it stands ahead of the rule that lets them pass. What a pod sends is counted in the pod's
//! own chain, behind the test of its source. For what it receives there is a map at the very front of `forward`, as long as one pod of the node asks
//! for it. A limit on connections counts what is new, behind that rule; the kernel leaves it to TCP to say when a connection ends.
//!
//! The kernel keeps the state of a limit with its rule. These rules say nothing but the limit itself, so that no other change writes them anew.

use std::sync::Arc;

use imbl::OrdMap;

use super::{name, rendered::rule, skeleton::Frame};
use crate::{
    ir::Endpoint,
    name::{InterfaceName, SetName},
    nft::{
        Chain, CtState, Elements, InterfaceSide, LimitSense, Match, Operator, RateLimit, RateUnit, Reject,
        Rule, Set, Statement, Verdict,
    },
    origin::{Builtin, Origin},
    policy::Direction,
    protocol::Protocol,
    resource::PacketRate,
};

/// The rule that drops what is beyond the limit on packets.
pub(super) fn packets(endpoint: &Endpoint, direction: Direction) -> Option<Rule> {
    let PacketRate { per_second, burst } = endpoint.limits.get(direction).packets?;
    let limit = RateLimit {
        sense: LimitSense::Over,
        packets: u64::from(per_second.max(1)),
        per: RateUnit::Second,
        burst: burst.max(1),
    };
    let statements = vec![Statement::Limit(limit), Statement::Counter, Statement::Verdict(Verdict::Drop)];
    Some(Rule { statements, origin: origin(endpoint, direction, Builtin::PacketRate) })
}

/// The rule that refuses connections beyond the limit.
pub(super) fn connections(endpoint: &Endpoint, direction: Direction) -> Option<Rule> {
    let most = endpoint.limits.get(direction).connections?;
    let matches = [Match::Protocol(Operator::Is, Protocol::TCP), Match::Ct(Operator::Is, CtState::New)];
    let end = [Statement::ConnectionsOver(most), Statement::Counter, Statement::Reject(Reject::TcpReset)];
    let statements = matches.into_iter().map(Statement::Match).chain(end).collect();
    Some(Rule { statements, origin: origin(endpoint, direction, Builtin::ConnectionLimit) })
}

fn origin(endpoint: &Endpoint, direction: Direction, role: Builtin) -> Arc<Origin> {
    Arc::new(Origin::Endpoint { pod: endpoint.pod.clone(), direction, role })
}

/// The chains of limits on packets towards pods.
pub(super) fn chains(frame: &Frame<'_>) -> Vec<Chain> {
    let limited = frame.extras.values().filter_map(|endpoint| {
        let rule = packets(endpoint, Direction::Ingress)?;
        Some(Chain { name: name::limit(&endpoint.pod), base: None, rules: vec![rule] })
    });
    limited.collect()
}

/// The map of these chains, if there is one.
pub(super) fn map(frame: &Frame<'_>) -> Option<Set> {
    let limited = frame.extras.values().filter(|endpoint| endpoint.limits.ingress.packets.is_some());
    let verdicts: OrdMap<InterfaceName, Verdict> = limited
        .map(|endpoint| (endpoint.interface.clone(), Verdict::Jump(name::limit(&endpoint.pod))))
        .collect();
    let comment = "limits on packets, by the interface that they leave by".into();
    let elements = Elements::InterfaceVerdicts(verdicts.clone());
    (!verdicts.is_empty()).then(|| Set { name: map_name(), capacity: None, comment, elements })
}

/// The rule that looks into the map, if there is one.
pub(super) fn lookup(frame: &Frame<'_>) -> Option<Rule> {
    let statement = Statement::InterfaceMap(InterfaceSide::Out, map_name());
    map(frame).map(|_| rule([statement], Origin::Builtin(Builtin::Dispatch)))
}

fn map_name() -> SetName {
    SetName::from("limited")
}

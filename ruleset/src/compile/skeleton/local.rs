//! The base chains of what begins or ends at the node.
//!
//! ```text
//! input:        discovery (ip6), iifname vmap @from-workload, iifname "cali*" drop        as without host endpoints; then
//!               advertisements (ip6), established accept, tunnels accept, iifname vmap @from-host, host/in/<others>
//! output:       oifname "cali*" accept                                                    as without host endpoints; then
//!               oifname vmap @own-pods, for pods whose interface no prefix begins,
//!               discovery (ip6), established accept, tunnels accept, translated accept, oifname vmap @to-host, host/out/<others>
//! postrouting:  came in by an interface accept, established accept, oifname "cali*" accept, oifname vmap @own-pods,
//!               translated: oifname vmap @to-host, host/out/<others>
//! ```
//!
//! Where the destination of what the node sends is translated, it still has its former interface at `output`, and the real one only at `postrouting`. So
//! each packet of the node is judged in one of the two, told apart by whether it was translated. One without an entry in connection tracking was not.

use std::sync::Arc;

use super::{Frame, Heard, base, discovery, established, lookup, own_pods, unknown};
use crate::{
    compile::{Layout, name::Lane, rendered::rule, tunnel},
    nft::{AddressSide, Chain, CtState, Hook, InterfaceSide, Match, Operator, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::Direction,
    settings::DenyAction,
};

pub(super) fn input(frame: &Frame<'_>) -> Chain {
    let Frame { family, layout, hosts, .. } = *frame;
    let mut rules: Vec<Rule> = discovery(family, Heard::Pods).into_iter().collect();
    rules.push(lookup(Direction::Egress));
    rules.extend(unknown(InterfaceSide::In, layout));
    if !hosts.is_empty() {
        rules.extend(discovery(family, Heard::Routers));
        rules.push(established(Arc::new(Origin::Builtin(Builtin::Established))));
        rules.extend(tunnel::admitted(frame, AddressSide::Source));
        rules.extend(hosts.dispatch(Lane::In, None));
    }
    base("input", Hook::Input, super::PRIORITY, rules)
}

pub(super) fn output(frame: &Frame<'_>) -> Chain {
    let Frame { family, hosts, .. } = *frame;
    let mut rules: Vec<Rule> = own_pods::rules(frame);
    if !hosts.is_empty() {
        rules.extend(discovery(family, Heard::Pods));
        rules.push(established(Arc::new(Origin::Builtin(Builtin::Established))));
        rules.extend(tunnel::admitted(frame, AddressSide::Destination));
        rules.push(accept(Match::Translated(Operator::Is), Builtin::Translated));
        rules.extend(hosts.dispatch(Lane::Out, None));
    }
    base("output", Hook::Output, super::PRIORITY, rules)
}

/// The node's own traffic once its destination is translated, if there is a host endpoint to judge it.
pub(super) fn postrouting(frame: &Frame<'_>) -> Option<Chain> {
    let Frame { layout, hosts, .. } = *frame;
    if hosts.is_empty() {
        return None;
    }
    let mut rules = vec![
        accept(Match::HasInterface(InterfaceSide::In, Operator::Is), Builtin::Dispatch),
        accept(Match::Ct(Operator::Is, CtState::EstablishedOrRelated), Builtin::Established),
    ];
    rules.extend(own_pods::rules(frame));
    let translated = Match::Translated(Operator::Is);
    rules.extend(hosts.dispatch(translated_lane(layout), Some(&translated)));
    Some(base("postrouting", Hook::Postrouting, super::PRIORITY, rules))
}

/// The lane of the chains that judge at `postrouting`.
pub(super) fn translated_lane(layout: &Layout) -> Lane {
    match layout.settings.deny {
        DenyAction::Drop => Lane::Out,
        DenyAction::Reject => Lane::TranslatedOut,
    }
}

fn accept(kind: Match, role: Builtin) -> Rule {
    rule([Statement::Match(kind), Statement::Verdict(Verdict::Accept)], Origin::Builtin(role))
}

//! Packets to a service address that no service answers. Nobody translates them, so they would follow the default route out of the cluster, from where the
//! address leads back in. Those that are still on the way to such an address behind all policy go no further.

use std::sync::Arc;

use super::{networks::Networks, rendered::rule, skeleton::Frame};
use crate::{
    nft::{AddressSide, InterfaceSide, Match, Operator, Reject, Rule, Set, Statement, Verdict},
    origin::{Builtin, Origin},
    settings::ServiceLoops,
};

/// The rules at the end of the join of all new packets.
pub(super) fn rules(frame: &Frame<'_>) -> Vec<Rule> {
    let end = match frame.layout.settings.service_loops {
        ServiceLoops::Drop => Statement::Verdict(Verdict::Drop),
        ServiceLoops::Reject => Statement::Reject(Reject::AdminProhibited),
        ServiceLoops::Disabled => return Vec::new(),
    };
    let ranges = ranges(frame).inside(AddressSide::Destination).into_iter();
    // What a pod sends to its own node has arrived.
    let forwarded = Match::HasInterface(InterfaceSide::Out, Operator::Is);
    ranges
        .map(|range| {
            let statements = [forwarded.clone(), range].map(Statement::Match);
            let statements = statements.into_iter().chain([Statement::Counter, end.clone()]);
            rule(statements, Origin::Builtin(Builtin::ServiceLoop))
        })
        .collect()
}

/// The set of the ranges, if they are many.
pub(super) fn sets(frame: &Frame<'_>) -> Option<Arc<Set>> {
    match frame.layout.settings.service_loops {
        ServiceLoops::Drop | ServiceLoops::Reject => ranges(frame).set().cloned(),
        ServiceLoops::Disabled => None,
    }
}

fn ranges(frame: &Frame<'_>) -> Networks {
    let ranges = frame.surroundings.service_ranges.iter().copied();
    Networks::of("service-ranges", "addresses of services", ranges, frame.family)
}

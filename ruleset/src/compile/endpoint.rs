//! The two chains of an endpoint.
//!
//! `from/<ns>/<pod>` reads: own source addresses, flows already admitted, then the tiers with each policy one jump, then the profile.
//! `to/<ns>/<pod>` reads: the tiers, then the profile.

use std::{net::IpAddr, sync::Arc};

use super::{Layout, name, skeleton};
use crate::{
    address::Family,
    ir::Endpoint,
    nft::{AddressSide, Chain, Match, Operator, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::Direction,
};

/// The chain of an endpoint in one direction; `steps` are those of its group.
pub(super) fn chain(
    endpoint: &Endpoint,
    direction: Direction,
    family: Family,
    steps: &[Rule],
    layout: &Layout,
) -> Chain {
    let mut rules = match direction {
        Direction::Egress => own(endpoint, family, layout),
        Direction::Ingress => Vec::new(),
    };
    rules.extend(steps.iter().cloned());
    Chain { name: name::endpoint(&endpoint.pod, direction), base: None, rules }
}

/// The test of the source address, and the flows that were admitted before. It precedes them, lest a pod speak into the flow of another.
fn own(endpoint: &Endpoint, family: Family, layout: &Layout) -> Vec<Rule> {
    let of =
        |role| Arc::new(Origin::Endpoint { pod: endpoint.pod.clone(), direction: Direction::Egress, role });
    let addresses: Vec<IpAddr> =
        endpoint.addresses.iter().filter(|address| Family::of(address) == family).copied().collect();
    let foreign = match addresses.as_slice() {
        [] => None,
        [address] => Some(Match::Net(AddressSide::Source, Operator::IsNot, (*address).into())),
        several => Some(Match::AnyOf(AddressSide::Source, Operator::IsNot, several.to_vec())),
    };
    let statements = foreign
        .into_iter()
        .map(Statement::Match)
        .chain([Statement::Counter, Statement::Verdict(Verdict::Drop)]);
    let mut rules = vec![Rule { statements: statements.collect(), origin: of(Builtin::SourceAddress) }];
    rules.extend(skeleton::tracking(layout, of));
    rules
}

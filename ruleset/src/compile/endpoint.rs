//! The two chains of an endpoint.
//!
//! `from/<ns>/<pod>` reads: own source addresses, limit on packets, flows already admitted, limit on connections, encapsulated packets, then the tiers
//! with each policy one jump, then the profile. `to/<ns>/<pod>` reads: limit on connections, the tiers, then the profile.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::{Layout, limit, name, rendered::up_to_first_end, skeleton, tunnel};
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
        Direction::Ingress => limit::connections(endpoint, direction).into_iter().collect(),
    };
    rules.extend(steps.iter().cloned());
    // Whoever has no address of the family sends nothing, so that nothing is asked behind that.
    let rules = up_to_first_end(rules);
    Chain { name: name::endpoint(&endpoint.pod, direction), base: None, rules }
}

/// Ahead of policy: the test of the source address, limits, and the flows that were admitted before. The test precedes them, lest a pod speak into the flow
/// of another.
fn own(endpoint: &Endpoint, family: Family, layout: &Layout) -> Vec<Rule> {
    let direction = Direction::Egress;
    let of = |role| Arc::new(Origin::Endpoint { pod: endpoint.pod.clone(), direction, role });
    let mut rules: Vec<Rule> = foreign(endpoint, family, of(Builtin::SourceAddress)).into_iter().collect();
    rules.extend(limit::packets(endpoint, direction));
    rules.extend(skeleton::tracking(layout, of));
    rules.extend(limit::connections(endpoint, direction));
    rules.extend(tunnel::guard(layout, &of(Builtin::Encapsulation)));
    rules
}

/// Drops what is neither from an address of the endpoint nor from a network that it may send from besides; none if it may send from any.
fn foreign(endpoint: &Endpoint, family: Family, origin: Arc<Origin>) -> Option<Rule> {
    let addresses: Vec<IpAddr> =
        endpoint.addresses.iter().filter(|address| Family::of(address) == family).copied().collect();
    let own = match addresses.as_slice() {
        [] => None,
        [address] => Some(Match::Net(AddressSide::Source, Operator::IsNot, (*address).into())),
        several => Some(Match::AnyOf(AddressSide::Source, Operator::IsNot, several.to_vec())),
    };
    let besides: Vec<&IpNet> =
        endpoint.allowed_sources.iter().filter(|net| Family::of_net(net) == family).collect();
    if besides.iter().any(|net| net.prefix_len() == 0) {
        return None;
    }
    let besides =
        besides.into_iter().map(|net| Match::Net(AddressSide::Source, Operator::IsNot, net.trunc()));
    let statements = own.into_iter().chain(besides).map(Statement::Match);
    let statements = statements.chain([Statement::Counter, Statement::Verdict(Verdict::Drop)]).collect();
    Some(Rule { statements, origin })
}

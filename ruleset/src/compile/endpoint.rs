//! The two chains of an endpoint.
//!
//! `from/<ns>/<pod>` reads: own source addresses, flows already admitted, then the tiers with each policy one jump, then the profile.
//! `to/<ns>/<pod>` reads: the tiers, then the profile.

use std::{net::IpAddr, sync::Arc};

use super::{Options, name, rendered::verdict_rule, skeleton, tier};
use crate::{
    address::Family,
    ir::{ActivePolicy, Endpoint, Profile},
    nft::{AddressSide, Chain, Match, Operator, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey},
};

/// Finds the policies that steps refer to.
pub(super) type Policies = imbl::OrdMap<PolicyKey, Arc<ActivePolicy>>;

/// The chain of an endpoint in one direction.
pub(super) fn chain(
    endpoint: &Endpoint,
    direction: Direction,
    family: Family,
    policies: &Policies,
    options: &Options,
) -> Chain {
    let mut rules = match direction {
        Direction::Egress => own(endpoint, family, options),
        Direction::Ingress => Vec::new(),
    };
    let verdicts = endpoint.verdicts(direction);
    for step in &verdicts.tiers {
        rules.extend(tier::steps(step, direction, policies, options));
    }
    rules.push(verdict_rule(
        profile(verdicts.profile, direction),
        origin(endpoint, direction, Builtin::Profile),
    ));
    Chain { name: name::endpoint(&endpoint.pod, direction), base: None, rules }
}

/// The test of the source address, and the flows that were admitted before. It precedes them, lest a pod speak into the flow of another.
fn own(endpoint: &Endpoint, family: Family, options: &Options) -> Vec<Rule> {
    let of = |role| Arc::new(origin(endpoint, Direction::Egress, role));
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
    rules.extend(skeleton::tracking(options, of));
    rules
}

fn origin(endpoint: &Endpoint, direction: Direction, role: Builtin) -> Origin {
    Origin::Endpoint { pod: endpoint.pod.clone(), direction, role }
}

fn profile(profile: Profile, direction: Direction) -> Verdict {
    match (profile, direction) {
        (Profile::Deny, _) => Verdict::Drop,
        (Profile::Allow, Direction::Ingress) => Verdict::Accept,
        (Profile::Allow, Direction::Egress) => Verdict::Goto(skeleton::to_workload()),
    }
}

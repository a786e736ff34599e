//! The DSCP of what pods send out of the cluster, answers included.
//!
//! It is set behind routing and ahead of the translation of sources, where a pod is still known by its address.

use std::{net::IpAddr, sync::Arc};

use super::{
    outside::Cluster,
    rendered::rule,
    skeleton::{self, Frame},
};
use crate::{
    address::Family,
    ir::Endpoint,
    nft::{AddressSide, Chain, Hook, Match, Operator, Rule, Set, Statement},
    origin::{Builtin, Origin},
    settings::NatExclusions,
};

/// That of the kernel's own `mangle` tables, ahead of every translation of sources (100).
const PRIORITY: i32 = -150;

/// The base chain, if a pod asks for it.
pub(super) fn chain(frame: &Frame<'_>) -> Option<Chain> {
    let cluster = cluster(frame);
    let rules: Vec<Rule> = frame
        .extras
        .values()
        .filter_map(|endpoint| {
            let codepoint = endpoint.dscp.filter(|codepoint| *codepoint < 64)?;
            let matches = [from(endpoint, frame.family)?].into_iter().chain(cluster.is_left());
            let statements = matches.map(Statement::Match).chain([Statement::Dscp(codepoint)]);
            Some(rule(statements, Origin::Builtin(Builtin::Dscp)))
        })
        .collect();
    (!rules.is_empty()).then(|| skeleton::base("codepoints", Hook::Postrouting, PRIORITY, rules))
}

/// The sets that it looks into.
pub(super) fn sets(frame: &Frame<'_>) -> Vec<Arc<Set>> {
    match chain(frame) {
        Some(_) => cluster(frame).sets().collect(),
        None => Vec::new(),
    }
}

fn cluster(frame: &Frame<'_>) -> Cluster {
    Cluster::of(frame, NatExclusions::PoolsAndHosts)
}

/// The source is an address of the pod; none if it has none of this family.
fn from(endpoint: &Endpoint, family: Family) -> Option<Match> {
    let ours = endpoint.addresses.iter().filter(|address| Family::of(address) == family).copied();
    let ours: Vec<IpAddr> = ours.collect();
    match ours.as_slice() {
        [] => None,
        [address] => Some(Match::Net(AddressSide::Source, Operator::Is, (*address).into())),
        _ => Some(Match::AnyOf(AddressSide::Source, Operator::Is, ours)),
    }
}

//! What is out of the cluster: neither in an address pool nor, where that counts, a node.

use std::sync::Arc;

use super::{networks::Networks, skeleton::Frame};
use crate::{
    nft::{AddressSide, Match, Set},
    settings::NatExclusions,
};

/// What the cluster is made of.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pools: Networks,
    hosts: Option<Networks>,
}

impl Cluster {
    /// Pools, and nodes if those count.
    pub(super) fn of(frame: &Frame<'_>, exclusions: NatExclusions) -> Self {
        let pools = frame.surroundings.pools.iter().copied();
        let hosts = frame.surroundings.hosts.iter().map(|address| (*address).into());
        Self {
            pools: Networks::of("pools", "addresses of pods", pools, frame.family),
            hosts: match exclusions {
                NatExclusions::PoolsOnly => None,
                NatExclusions::PoolsAndHosts => {
                    Some(Networks::of("hosts", "addresses of nodes", hosts, frame.family))
                }
            },
        }
    }

    /// The destination is out of it: all have to hold.
    pub(super) fn is_left(&self) -> Vec<Match> {
        let parts = [Some(&self.pools), self.hosts.as_ref()].into_iter().flatten();
        parts.flat_map(|networks| networks.outside(AddressSide::Destination)).collect()
    }

    /// The sets of what is many.
    pub(super) fn sets(&self) -> impl Iterator<Item = Arc<Set>> {
        let parts = [Some(&self.pools), self.hosts.as_ref()].into_iter().flatten();
        parts.filter_map(Networks::set).cloned()
    }
}

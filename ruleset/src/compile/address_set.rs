//! Address sets of the intermediate form to nft sets.
//!
//! Single addresses become a hash set that shares its members with the intermediate form. As soon as one member is a network, the set is of another
//! name and holds disjoint intervals, merged here, because the kernel refuses overlaps. Sets of IPv4 addresses state a `size`, for which the kernel has a
//! faster hash; the size is part of the name, and outgrowing it is the change to another set.

use std::{net::IpAddr, sync::Arc};

use imbl::{OrdSet, ordmap::DiffItem};
use ipnet::IpNet;

use super::name;
use crate::{
    address::{Family, PerFamily},
    ir::{AddressSet, AddressSetKey, Members},
    name::SetName,
    net_set::{NetChange, NetSet},
    nft::{Elements, Interval, Set},
};

/// Steps of `size`. Wide apart, so that a set is seldom rebuilt; a function of the count alone, so that the result does not depend on history.
const CAPACITIES: [u32; 7] = [128, 1 << 10, 1 << 13, 1 << 16, 1 << 19, 1 << 22, 1 << 25];

/// An address set and what it was rendered to.
#[derive(Clone, Debug)]
pub(super) struct RenderedSet {
    source: Arc<AddressSet>,
    /// Members that are networks, not single addresses, by family.
    networks: PerFamily<usize>,
    /// The nft sets, by family.
    pub(super) sets: PerFamily<Arc<Set>>,
}

impl RenderedSet {
    /// Renders a set; `last` is its former rendering, from which the count of networks is carried on.
    pub(super) fn render(key: &AddressSetKey, source: &Arc<AddressSet>, last: Option<&Self>) -> Self {
        let networks = PerFamily::from_fn(|family| count_networks(source, family, last));
        let sets = PerFamily::from_fn(|family| Arc::new(set(key, source, family, *networks.get(family))));
        Self { source: source.clone(), networks, sets }
    }

    /// The names of the sets, which rules refer to.
    pub(super) fn names(&self) -> PerFamily<SetName> {
        PerFamily::from_fn(|family| self.sets.get(family).name.clone())
    }
}

/// How many members are networks, by what differs from the last version.
fn count_networks(source: &AddressSet, family: Family, last: Option<&RenderedSet>) -> usize {
    let Members::Nets(now) = &source.members else { return 0 };
    let now = now.get(family);
    let empty = NetSet::default();
    let (before, count) = match last.map(|last| (&last.source.members, last.networks.get(family))) {
        Some((Members::Nets(before), count)) => (before.get(family), *count),
        Some((Members::AddressPorts(_), _)) | None => (&empty, 0),
    };
    before.diff(now).fold(count, |count, change| match change {
        NetChange::Added(net) => count + usize::from(is_network(&net)),
        NetChange::Removed(net) => count - usize::from(is_network(&net)),
    })
}

fn is_network(net: &IpNet) -> bool {
    net.prefix_len() != net.max_prefix_len()
}

fn set(key: &AddressSetKey, source: &AddressSet, family: Family, networks: usize) -> Set {
    let comment = source.description.clone();
    match &source.members {
        Members::AddressPorts(members) => Set {
            name: name::address_set(key, "ports"),
            capacity: None,
            comment,
            elements: Elements::AddressPorts(members.get(family).clone()),
        },
        Members::Nets(members) if networks > 0 => Set {
            name: name::address_set(key, "nets"),
            capacity: None,
            comment,
            elements: Elements::Intervals(merge(members.get(family).iter())),
        },
        Members::Nets(members) => addresses(key, comment, family, members.get(family)),
    }
}

fn addresses(key: &AddressSetKey, comment: Arc<str>, family: Family, members: &NetSet) -> Set {
    let capacity = match family {
        Family::V4 => CAPACITIES.into_iter().find(|capacity| members.len() <= *capacity as usize),
        // The fast hash is for keys of 4 bytes.
        Family::V6 => None,
    };
    let kind = capacity.map_or("addr".to_owned(), |capacity| format!("addr{capacity}"));
    Set {
        name: name::address_set(key, &kind),
        capacity,
        comment,
        elements: Elements::Addresses(members.clone()),
    }
}

/// Networks as disjoint intervals that do not touch. The input is in order of first address.
pub(super) fn merge(nets: impl IntoIterator<Item = IpNet>) -> OrdSet<Interval> {
    let mut intervals: Vec<Interval> =
        nets.into_iter().map(|net| Interval { first: net.network(), last: net.broadcast() }).collect();
    intervals.sort();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if successor(last.last).is_none_or(|next| interval.first <= next) => {
                last.last = last.last.max(interval.last)
            }
            Some(_) | None => merged.push(interval),
        }
    }
    merged.into_iter().collect()
}

/// The address behind this one; none at the end of the family.
fn successor(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => u32::from(address).checked_add(1).map(|next| IpAddr::V4(next.into())),
        IpAddr::V6(address) => u128::from(address).checked_add(1).map(|next| IpAddr::V6(next.into())),
    }
}

/// What differs between two versions of a map of units, by key; units that are the same pointer are skipped.
pub(super) fn changes<'a, K: Ord + Clone, V: Eq>(
    before: &'a imbl::OrdMap<K, Arc<V>>,
    now: &'a imbl::OrdMap<K, Arc<V>>,
) -> impl Iterator<Item = (&'a K, Option<&'a Arc<V>>)> {
    before.diff(now).map(|item| match item {
        DiffItem::Add(key, unit) => (key, Some(unit)),
        DiffItem::Update { new: (key, unit), .. } => (key, Some(unit)),
        DiffItem::Remove(key, _) => (key, None),
    })
}

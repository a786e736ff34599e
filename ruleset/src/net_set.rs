//! Sets of networks that share structure with their earlier versions.
//!
//! Address sets hold most of a large cluster's pods several times over. A network that may be of either family takes 18 bytes, one that is known to be of
//! IPv4 takes 5, and trees of them are as much smaller; so each family stands in a tree of its own.

use imbl::{OrdSet, ordset::DiffItem};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A set of networks of either family, in the order of [`IpNet`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetSet {
    v4: OrdSet<Ipv4Net>,
    v6: OrdSet<Ipv6Net>,
}

/// A difference of two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetChange {
    /// Only the later set has it.
    Added(IpNet),
    /// Only the earlier set has it.
    Removed(IpNet),
}

impl NetSet {
    /// How many networks there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether this very network is one of them.
    pub fn contains(&self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(net) => self.v4.contains(net),
            IpNet::V6(net) => self.v6.contains(net),
        }
    }

    /// Adds a network. Whether it is new.
    pub fn insert(&mut self, net: IpNet) -> bool {
        // One that is there already is left alone, so that no node is copied for it.
        if self.contains(&net) {
            return false;
        }
        match net {
            IpNet::V4(net) => self.v4.insert(net).is_none(),
            IpNet::V6(net) => self.v6.insert(net).is_none(),
        }
    }

    /// Takes a network out. Whether it was there.
    pub fn remove(&mut self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(net) => self.v4.remove(net).is_some(),
            IpNet::V6(net) => self.v6.remove(net).is_some(),
        }
    }

    /// The networks in order.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> {
        self.v4.iter().copied().map(IpNet::V4).chain(self.v6.iter().copied().map(IpNet::V6))
    }

    /// What leads to a later set, at the cost of what the two do not share.
    pub fn diff(&self, later: &Self) -> impl Iterator<Item = NetChange> {
        self.v4.diff(&later.v4).map(change).chain(self.v6.diff(&later.v6).map(change))
    }
}

fn change<T: Copy + Into<IpNet>>(item: DiffItem<'_, '_, T>) -> NetChange {
    match item {
        DiffItem::Add(net) => NetChange::Added((*net).into()),
        DiffItem::Remove(net) => NetChange::Removed((*net).into()),
    }
}

impl FromIterator<IpNet> for NetSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        let mut set = Self::default();
        for net in nets {
            set.insert(net);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    fn nets() -> impl Strategy<Value = BTreeSet<IpNet>> {
        let texts = ["10.0.0.1/32", "10.0.0.0/8", "192.0.2.7/32", "fd00::1/128", "fd00::/8", "::/0"];
        btree_set(proptest::sample::select(texts.to_vec()), 0..6)
            .prop_map(|texts| texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds_in_the_same_order(nets in nets(), others in nets()) {
            let mut set: NetSet = nets.iter().copied().collect();
            prop_assert!(set.iter().eq(nets.iter().copied()));
            prop_assert_eq!((set.len(), set.is_empty()), (nets.len(), nets.is_empty()));
            for net in &others {
                prop_assert_eq!(set.contains(net), nets.contains(net));
                prop_assert_eq!(set.clone().insert(*net), !nets.contains(net));
                prop_assert_eq!(set.remove(net), nets.contains(net));
            }
            prop_assert!(set.iter().eq(nets.difference(&others).copied()));
        }

        #[test]
        fn the_difference_leads_from_one_to_the_other(before in nets(), later in nets()) {
            let set = |nets: &BTreeSet<IpNet>| nets.iter().copied().collect::<NetSet>();
            let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
            for change in set(&before).diff(&set(&later)) {
                let is_news = match change {
                    NetChange::Added(net) => added.insert(net),
                    NetChange::Removed(net) => removed.insert(net),
                };
                prop_assert!(is_news);
            }
            prop_assert_eq!(added, &later - &before);
            prop_assert_eq!(removed, &before - &later);
        }
    }
}

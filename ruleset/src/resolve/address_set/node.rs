//! Nodes as peers: sets of the addresses of the nodes that a selector matches.
//!
//! Nodes are found by the labels of their Node objects, and endpoints by theirs: no selector of the one kind meets an object of the other.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ipnet::IpNet;

use super::AddressSets;
use crate::{
    ir::{AddressSet, AddressSetKey, Members},
    name::NodeName,
    resolve::{
        matching::{Change, ItemId, Matching, SelectorSlot},
        member::Counted,
        put,
    },
    resource::Node,
    selector::Selector,
};

/// Every node of the cluster, and the sets that active policies make of them.
#[derive(Debug, Default)]
pub(super) struct NodeSets {
    matching: Matching,
    items: HashMap<NodeName, ItemId>,
    nets: HashMap<ItemId, BTreeSet<IpNet>>,
    slots: BTreeMap<AddressSetKey, SelectorSlot>,
    sets: HashMap<SelectorSlot, UsedNodeSet>,
    stale: BTreeSet<AddressSetKey>,
}

/// A set with the number of policies that refer to it.
#[derive(Debug)]
struct UsedNodeSet {
    users: usize,
    key: AddressSetKey,
    description: Arc<str>,
    members: Counted<IpNet>,
}

impl NodeSets {
    /// One more policy refers to a set.
    pub(super) fn acquire(&mut self, key: &AddressSetKey, selector: &Selector) {
        if let Some(set) = self.slots.get(key).and_then(|slot| self.sets.get_mut(slot)) {
            set.users += 1;
            return;
        }
        let slot = self.matching.insert_selector(selector.clone());
        let mut members = Counted::default();
        for nets in self.matching.items(slot).filter_map(|id| self.nets.get(&id)) {
            members.replace(&BTreeSet::new(), nets);
        }
        let description = format!("nodes of {selector}").into();
        self.slots.insert(key.clone(), slot);
        self.sets.insert(slot, UsedNodeSet { users: 1, key: key.clone(), description, members });
        self.stale.insert(key.clone());
    }

    /// One policy less refers to a set. Tells whether it was the last.
    fn release(&mut self, key: &AddressSetKey) -> bool {
        let Some(slot) = self.slots.get(key).copied() else { return false };
        let Some(set) = self.sets.get_mut(&slot) else { return false };
        set.users -= 1;
        if set.users > 0 {
            return false;
        }
        self.sets.remove(&slot);
        self.slots.remove(key);
        self.stale.remove(key);
        self.matching.remove_selector(slot);
        true
    }

    fn set_node(&mut self, name: &NodeName, node: &Node) {
        let id = *self.items.entry(name.clone()).or_insert_with(|| self.matching.new_item());
        let nets: BTreeSet<IpNet> = node.addresses.iter().copied().map(IpNet::from).collect();
        let old = self.nets.insert(id, nets.clone()).unwrap_or_default();
        let slots: Vec<SelectorSlot> = self.matching.selectors(id).collect();
        slots.into_iter().for_each(|slot| self.replace(slot, &old, &nets));
        let changes = self.matching.set_item(id, &node.labels, &[]);
        self.take_in(&changes, &nets);
    }

    fn remove_node(&mut self, name: &NodeName) {
        let Some(id) = self.items.remove(name) else { return };
        let nets = self.nets.remove(&id).unwrap_or_default();
        let changes = self.matching.remove_item(id);
        self.take_in(&changes, &nets);
    }

    fn take_in(&mut self, changes: &[Change], nets: &BTreeSet<IpNet>) {
        let nothing = BTreeSet::new();
        for change in changes {
            match change {
                Change::Gained(slot, _) => self.replace(*slot, &nothing, nets),
                Change::Lost(slot, _) => self.replace(*slot, nets, &nothing),
            }
        }
    }

    /// A node that gave `old` to the set of a selector gives `new` from now on.
    fn replace(&mut self, slot: SelectorSlot, old: &BTreeSet<IpNet>, new: &BTreeSet<IpNet>) {
        let Some(set) = self.sets.get_mut(&slot) else { return };
        if !set.members.replace(old, new).is_empty() {
            self.stale.insert(set.key.clone());
        }
    }
}

impl AddressSets {
    /// The node is now this; `None` if there is none.
    pub(in crate::resolve) fn set_node(&mut self, name: &NodeName, node: Option<&Node>) {
        match node {
            Some(node) => self.nodes.set_node(name, node),
            None => self.nodes.remove_node(name),
        }
    }

    pub(super) fn release_nodes(&mut self, key: &AddressSetKey) {
        if self.nodes.release(key) {
            self.units.remove(key);
        }
    }

    pub(super) fn resolve_nodes(&mut self) {
        for key in std::mem::take(&mut self.nodes.stale) {
            let slot = self.nodes.slots.get(&key);
            let Some(set) = slot.and_then(|slot| self.nodes.sets.get(slot)) else { continue };
            let members = Members::Nets(set.members.present().clone());
            put(&mut self.units, &key, AddressSet { description: Arc::clone(&set.description), members });
        }
    }
}

//! Address sets in use, and who is in them.

mod node;
mod service;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use imbl::OrdMap;

use super::{
    labelled::Parent,
    matching::{Change, ItemId, Matching, SelectorSlot},
    member::{CountedMembers, Owner},
    put,
    service::Services,
};
use crate::{
    ir::{AddressSet, AddressSetKey},
    labels::Labels,
    name::ObjectName,
    resource::ResourceKey,
    selector::{Selector, SelectorId},
};

/// Every endpoint, network set and service of the cluster, and the address sets that active policies make of them.
#[derive(Debug, Default)]
pub(super) struct AddressSets {
    matching: Matching,
    items: HashMap<ResourceKey, ItemId>,
    owners: HashMap<ItemId, Owner>,
    slots: HashMap<SelectorId, SelectorSlot>,
    sets: HashMap<SelectorSlot, BTreeMap<AddressSetKey, UsedSet>>,
    stale: BTreeSet<SelectorSlot>,
    /// The sets of fronts among them.
    fronts: BTreeSet<(SelectorSlot, AddressSetKey)>,
    nodes: node::NodeSets,
    services: Services,
    service_sets: BTreeMap<ObjectName, BTreeMap<AddressSetKey, service::UsedServiceSet>>,
    stale_services: BTreeSet<ObjectName>,
    units: OrdMap<AddressSetKey, Arc<AddressSet>>,
}

/// A set with the number of policies that refer to it.
#[derive(Debug)]
struct UsedSet {
    users: usize,
    description: Arc<str>,
    members: CountedMembers,
}

impl AddressSets {
    /// The endpoint or network set now has these labels and parents and gives these members.
    pub(super) fn set_owner(
        &mut self,
        key: ResourceKey,
        labels: &Labels,
        parents: Vec<Parent>,
        owner: Owner,
    ) {
        let id = *self.items.entry(key).or_insert_with(|| self.matching.new_item());
        let old = self.owners.insert(id, owner).unwrap_or_default();
        let slots: Vec<SelectorSlot> = self.matching.selectors(id).collect();
        slots.into_iter().for_each(|slot| self.replace(slot, &old, id));
        let changes = self.matching.set_item(id, labels, parents);
        self.take_in(&changes);
    }

    /// There is no such endpoint or network set any more.
    pub(super) fn remove_owner(&mut self, key: &ResourceKey) {
        let Some(id) = self.items.remove(key) else { return };
        let changes = self.matching.remove_item(id);
        self.take_in(&changes);
        self.owners.remove(&id);
    }

    /// The parent now has these labels; `None` if it does not exist.
    pub(super) fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) {
        let changes = self.matching.set_parent(parent, labels);
        self.take_in(&changes);
    }

    /// One more policy refers to a set; `selector` is the selector of its key, if that has one.
    pub(super) fn acquire(&mut self, key: &AddressSetKey, selector: Option<&Selector>) {
        let (Some(id), Some(selector)) = (key.selector(), selector) else {
            self.acquire_service(key);
            return;
        };
        if let AddressSetKey::NodeAddresses(_) = key {
            self.nodes.acquire(key, selector);
            return;
        }
        let slot =
            *self.slots.entry(id.clone()).or_insert_with(|| self.matching.insert_selector(selector.clone()));
        let sets = self.sets.entry(slot).or_default();
        if let Some(set) = sets.get_mut(key) {
            set.users += 1;
            return;
        }
        let Some(mut members) = CountedMembers::empty(key) else { return };
        if let CountedMembers::Fronts(_) = members {
            self.fronts.insert((slot, key.clone()));
            self.services.keep_backends(true);
        }
        for owner in self.matching.items(slot).filter_map(|id| self.owners.get(&id)) {
            members.replace(&Owner::default(), owner, &self.services);
        }
        sets.insert(key.clone(), UsedSet { users: 1, description: describe(key, selector), members });
        self.stale.insert(slot);
    }

    /// One policy less refers to a set.
    pub(super) fn release(&mut self, key: &AddressSetKey) {
        let Some(id) = key.selector() else {
            self.release_service(key);
            return;
        };
        if let AddressSetKey::NodeAddresses(_) = key {
            self.release_nodes(key);
            return;
        }
        let Some(slot) = self.slots.get(id).copied() else { return };
        let Some(sets) = self.sets.get_mut(&slot) else { return };
        let Some(set) = sets.get_mut(key) else { return };
        set.users -= 1;
        if set.users > 0 {
            return;
        }
        sets.remove(key);
        self.units.remove(key);
        self.fronts.remove(&(slot, key.clone()));
        self.services.keep_backends(!self.fronts.is_empty());
        if sets.is_empty() {
            self.sets.remove(&slot);
            self.slots.remove(id);
            self.matching.remove_selector(slot);
        }
    }

    /// All sets in use. What did not change is what was given out before.
    pub(super) fn resolve(&mut self) -> OrdMap<AddressSetKey, Arc<AddressSet>> {
        for slot in std::mem::take(&mut self.stale) {
            for (key, set) in self.sets.get(&slot).into_iter().flatten() {
                let unit =
                    AddressSet { description: Arc::clone(&set.description), members: set.members.snapshot() };
                put(&mut self.units, key, unit);
            }
        }
        self.resolve_services();
        self.resolve_nodes();
        self.units.clone()
    }

    fn take_in(&mut self, changes: &[Change]) {
        let nothing = Owner::default();
        for change in changes {
            match change {
                Change::Gained(slot, id) => self.replace(*slot, &nothing, *id),
                Change::Lost(slot, id) => self.withdraw(*slot, *id),
            }
        }
    }

    /// An owner that gave `old` to the sets of a selector gives what it has now.
    fn replace(&mut self, slot: SelectorSlot, old: &Owner, id: ItemId) {
        let Some(new) = self.owners.get(&id) else { return };
        if old != new {
            let sets = self.sets.get_mut(&slot).into_iter().flatten();
            sets.for_each(|(_, set)| set.members.replace(old, new, &self.services));
            self.stale.insert(slot);
        }
    }

    fn withdraw(&mut self, slot: SelectorSlot, id: ItemId) {
        let Some(old) = self.owners.get(&id) else { return };
        let nothing = Owner::default();
        let sets = self.sets.get_mut(&slot).into_iter().flatten();
        sets.for_each(|(_, set)| set.members.replace(old, &nothing, &self.services));
        self.stale.insert(slot);
    }
}

fn describe(key: &AddressSetKey, selector: &Selector) -> Arc<str> {
    match key {
        AddressSetKey::NamedPort { protocol: Some(protocol), port, .. } => {
            format!("{selector} port {port}/{protocol}").into()
        }
        AddressSetKey::NamedPort { protocol: None, port, .. } => format!("{selector} port {port}").into(),
        AddressSetKey::ServiceFronts { .. } => format!("services of {selector}").into(),
        AddressSetKey::Selector(_)
        | AddressSetKey::NodeAddresses(_)
        | AddressSetKey::ServiceAddresses(_)
        | AddressSetKey::ServicePorts(_) => Arc::clone(selector.canonical()),
    }
}

//! Address sets in use, and who is in them.

mod node;
mod service;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use imbl::OrdMap;

use super::{
    cohort::{Cohorts, Traits},
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
    cohorts: Cohorts,
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
        key: &ResourceKey,
        labels: &Labels,
        parents: &[Parent],
        owner: &Owner,
    ) {
        let traits = Traits { labels, parents, ports: owner.ports() };
        let (cohort, before) = self.cohorts.set(key, &traits, owner.nets(), &mut self.matching);
        self.pass_on(before.as_ref().map(|(cohort, owner)| (*cohort, owner)), Some((cohort, owner)));
        if let Some((before, _)) = before {
            self.cohorts.forget_if_empty(before, &mut self.matching);
        }
    }

    /// There is no such endpoint or network set any more.
    pub(super) fn remove_owner(&mut self, key: &ResourceKey) {
        let Some((cohort, owner)) = self.cohorts.remove(key) else { return };
        self.pass_on(Some((cohort, &owner)), None);
        self.cohorts.forget_if_empty(cohort, &mut self.matching);
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
        for owner in self.matching.items(slot).flat_map(|cohort| self.cohorts.members(cohort)) {
            members.replace(&Owner::default(), &owner, &self.services);
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
            let (Change::Gained(slot, cohort) | Change::Lost(slot, cohort)) = *change;
            let members: Vec<Owner> = self.cohorts.members(cohort).collect();
            for owner in &members {
                match change {
                    Change::Gained(..) => self.replace(slot, &nothing, owner),
                    Change::Lost(..) => self.replace(slot, owner, &nothing),
                }
            }
        }
    }

    /// An owner that was in one cohort, or none, is in another, or none, from now on.
    fn pass_on(&mut self, old: Option<(ItemId, &Owner)>, new: Option<(ItemId, &Owner)>) {
        let slots = |side: Option<(ItemId, &Owner)>| -> BTreeSet<SelectorSlot> {
            side.into_iter().flat_map(|(cohort, _)| self.matching.selectors(cohort)).collect()
        };
        let (lost, gained) = (slots(old), slots(new));
        let nothing = Owner::default();
        let (old, new) = (old.map_or(&nothing, |(_, owner)| owner), new.map_or(&nothing, |(_, owner)| owner));
        for slot in lost.union(&gained) {
            let old = if lost.contains(slot) { old } else { &nothing };
            let new = if gained.contains(slot) { new } else { &nothing };
            self.replace(*slot, old, new);
        }
    }

    /// An owner that gave `old` to the sets of a selector gives `new` from now on.
    fn replace(&mut self, slot: SelectorSlot, old: &Owner, new: &Owner) {
        if old != new {
            let sets = self.sets.get_mut(&slot).into_iter().flatten();
            sets.for_each(|(_, set)| set.members.replace(old, new, &self.services));
            self.stale.insert(slot);
        }
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

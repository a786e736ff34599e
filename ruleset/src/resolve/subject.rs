//! Which policies govern which endpoints of this node.
//!
//! Endpoints of pods and host endpoints are two indexes. Each holds only the policies that can govern its kind, so that no selector, whatever it says,
//! reaches beyond what its policy is for.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use super::{
    labelled::Parent,
    matching::{Change, ItemId, Matching, SelectorSlot},
};
use crate::{
    labels::Labels,
    policy::PolicyKey,
    selector::{Selector, SelectorId},
};

/// The endpoints of this node of one kind, by name, against the subjects of all policies that can govern them.
#[derive(Debug)]
pub(super) struct Subjects<Name> {
    matching: Matching,
    items: HashMap<Name, ItemId>,
    names: HashMap<ItemId, Name>,
    slots: HashMap<SelectorId, SelectorSlot>,
    /// In order. Most subjects are of one policy.
    policies: HashMap<SelectorSlot, Vec<PolicyKey>>,
    touched: Touched<Name>,
}

/// What may have changed since the last time it was asked for.
#[derive(Debug)]
pub(super) struct Touched<Name> {
    /// Endpoints whose policies, or whose order of policies, changed.
    pub(super) endpoints: BTreeSet<Name>,
    /// Policies that gained or lost an endpoint.
    pub(super) policies: BTreeSet<PolicyKey>,
}

impl<Name> Default for Subjects<Name> {
    fn default() -> Self {
        Self {
            matching: Matching::default(),
            items: HashMap::new(),
            names: HashMap::new(),
            slots: HashMap::new(),
            policies: HashMap::new(),
            touched: Touched::default(),
        }
    }
}

impl<Name> Default for Touched<Name> {
    fn default() -> Self {
        Self { endpoints: BTreeSet::new(), policies: BTreeSet::new() }
    }
}

impl<Name: Clone + Ord + Hash> Subjects<Name> {
    /// The endpoint now has these labels and parents.
    pub(super) fn set_endpoint(&mut self, name: &Name, labels: &Labels, parents: &[Parent]) {
        let id = *self.items.entry(name.clone()).or_insert_with(|| self.matching.new_item());
        self.names.insert(id, name.clone());
        let changes = self.matching.set_item(id, labels, parents);
        self.touch(&changes);
    }

    /// There is no such endpoint any more.
    pub(super) fn remove_endpoint(&mut self, name: &Name) {
        let Some(id) = self.items.remove(name) else { return };
        let changes = self.matching.remove_item(id);
        self.touch(&changes);
        self.names.remove(&id);
    }

    /// The parent now has these labels; `None` if it does not exist.
    pub(super) fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) {
        let changes = self.matching.set_parent(parent, labels);
        self.touch(&changes);
    }

    /// A policy has this subject from now on.
    fn insert_policy(&mut self, key: &PolicyKey, subject: &Selector) {
        let slot =
            *self.slots.entry(subject.id()).or_insert_with(|| self.matching.insert_selector(subject.clone()));
        let policies = self.policies.entry(slot).or_insert_with(|| Vec::with_capacity(1));
        if let Err(place) = policies.binary_search(key) {
            policies.insert(place, key.clone());
        }
        self.touch_endpoints(subject);
    }

    /// A policy does not have this subject any more.
    fn remove_policy(&mut self, key: &PolicyKey, subject: &Selector) {
        self.touch_endpoints(subject);
        let id = subject.id();
        let Some(slot) = self.slots.get(&id).copied() else { return };
        let Some(policies) = self.policies.get_mut(&slot) else { return };
        if let Ok(place) = policies.binary_search(key) {
            policies.remove(place);
        }
        if policies.is_empty() {
            self.policies.remove(&slot);
            self.slots.remove(&id);
            self.matching.remove_selector(slot);
        }
    }

    /// What policies say of their place has changed for the endpoints of this subject.
    pub(super) fn touch_endpoints(&mut self, subject: &Selector) {
        let Some(slot) = self.slots.get(&subject.id()) else { return };
        let names = self.matching.items(*slot).filter_map(|id| self.names.get(&id));
        self.touched.endpoints.extend(names.cloned());
    }

    /// What was touched since this was last called.
    pub(super) fn take_touched(&mut self) -> Touched<Name> {
        std::mem::take(&mut self.touched)
    }

    /// The policies that select an endpoint, in no order that means anything.
    pub(super) fn policies(&self, name: &Name) -> impl Iterator<Item = &PolicyKey> {
        let slots = self.items.get(name).into_iter().flat_map(|id| self.matching.selectors(*id));
        slots.filter_map(|slot| self.policies.get(&slot)).flatten()
    }

    /// Whether a policy selects any endpoint by this subject, which is its own.
    pub(super) fn selects_any(&self, policy: &PolicyKey, subject: &Selector) -> bool {
        let Some(slot) = self.slots.get(&subject.id()) else { return false };
        let is_here = self.policies.get(slot).is_some_and(|policies| policies.binary_search(policy).is_ok());
        is_here && self.matching.items(*slot).next().is_some()
    }

    /// A policy that had `old` as its subject has `new`; `None` where it does not belong here.
    pub(super) fn replace_policy(&mut self, key: &PolicyKey, old: Option<&Selector>, new: Option<&Selector>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.remove_policy(key, old);
        }
        if let Some(new) = new {
            self.insert_policy(key, new);
        }
    }

    fn touch(&mut self, changes: &[Change]) {
        for change in changes {
            let (Change::Gained(slot, id) | Change::Lost(slot, id)) = change;
            self.touched.endpoints.extend(self.names.get(id).cloned());
            self.touched.policies.extend(self.policies.get(slot).into_iter().flatten().cloned());
        }
    }
}

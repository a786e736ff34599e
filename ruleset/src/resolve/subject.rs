//! Which policies govern which endpoints of this node.

use std::collections::{BTreeSet, HashMap};

use super::{
    labelled::Parent,
    matching::{Change, ItemId, Matching, SelectorSlot},
};
use crate::{
    labels::Labels,
    name::ObjectName,
    policy::PolicyKey,
    selector::{Selector, SelectorId},
};

/// The endpoints of this node against the subjects of all policies.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    matching: Matching,
    items: HashMap<ObjectName, ItemId>,
    pods: HashMap<ItemId, ObjectName>,
    slots: HashMap<SelectorId, SelectorSlot>,
    policies: HashMap<SelectorSlot, BTreeSet<PolicyKey>>,
    touched: Touched,
}

/// What may have changed since the last time it was asked for.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Endpoints whose policies, or whose order of policies, changed.
    pub(super) pods: BTreeSet<ObjectName>,
    /// Policies that gained or lost an endpoint.
    pub(super) policies: BTreeSet<PolicyKey>,
}

impl Subjects {
    /// The endpoint now has these labels and parents.
    pub(super) fn set_pod(&mut self, pod: &ObjectName, labels: &Labels, parents: Vec<Parent>) {
        let id = *self.items.entry(pod.clone()).or_insert_with(|| self.matching.new_item());
        self.pods.insert(id, pod.clone());
        let changes = self.matching.set_item(id, labels, parents);
        self.touch(&changes);
    }

    /// There is no such endpoint any more.
    pub(super) fn remove_pod(&mut self, pod: &ObjectName) {
        let Some(id) = self.items.remove(pod) else { return };
        let changes = self.matching.remove_item(id);
        self.touch(&changes);
        self.pods.remove(&id);
    }

    /// The parent now has these labels; `None` if it does not exist.
    pub(super) fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) {
        let changes = self.matching.set_parent(parent, labels);
        self.touch(&changes);
    }

    /// A policy has this subject from now on.
    pub(super) fn insert_policy(&mut self, key: &PolicyKey, subject: &Selector) {
        let slot =
            *self.slots.entry(subject.id()).or_insert_with(|| self.matching.insert_selector(subject.clone()));
        self.policies.entry(slot).or_default().insert(key.clone());
        self.touch_pods(subject);
    }

    /// A policy does not have this subject any more.
    pub(super) fn remove_policy(&mut self, key: &PolicyKey, subject: &Selector) {
        self.touch_pods(subject);
        let id = subject.id();
        let Some(slot) = self.slots.get(&id).copied() else { return };
        let Some(policies) = self.policies.get_mut(&slot) else { return };
        policies.remove(key);
        if policies.is_empty() {
            self.policies.remove(&slot);
            self.slots.remove(&id);
            self.matching.remove_selector(slot);
        }
    }

    /// What policies say of their place has changed for the endpoints of this subject.
    pub(super) fn touch_pods(&mut self, subject: &Selector) {
        let Some(slot) = self.slots.get(&subject.id()) else { return };
        let pods = self.matching.items(*slot).filter_map(|id| self.pods.get(&id));
        self.touched.pods.extend(pods.cloned());
    }

    /// What was touched since this was last called.
    pub(super) fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    /// The policies that select an endpoint, in no order that means anything.
    pub(super) fn policies(&self, pod: &ObjectName) -> impl Iterator<Item = &PolicyKey> {
        let slots = self.items.get(pod).into_iter().flat_map(|id| self.matching.selectors(*id));
        slots.filter_map(|slot| self.policies.get(&slot)).flatten()
    }

    /// Whether a subject selects any endpoint.
    pub(super) fn selects_any(&self, subject: &Selector) -> bool {
        self.slots.get(&subject.id()).is_some_and(|slot| self.matching.items(*slot).next().is_some())
    }

    fn touch(&mut self, changes: &[Change]) {
        for change in changes {
            let (Change::Gained(slot, id) | Change::Lost(slot, id)) = change;
            self.touched.pods.extend(self.pods.get(id).cloned());
            self.touched.policies.extend(self.policies.get(slot).into_iter().flatten().cloned());
        }
    }
}

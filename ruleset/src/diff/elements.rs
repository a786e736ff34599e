//! The elements of a set that lives on.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, ordmap, ordset};

use crate::{
    address::Family,
    diff::Operation,
    net_set::{NetChange, NetSet},
    nft::{Element, Elements, Set, Verdict},
};

/// What changes in a set. An element that gets another verdict is removed and added.
pub(super) struct Change {
    set: Arc<Set>,
    removed: Vec<Element>,
    added: Vec<Element>,
}

impl Change {
    /// The change from one set to another; `None` if more than elements differ.
    pub(super) fn between(old: &Set, new: &Arc<Set>) -> Option<Self> {
        if old.capacity != new.capacity || old.comment != new.comment {
            return None;
        }
        let mut change = Self { set: Arc::clone(new), removed: Vec::new(), added: Vec::new() };
        match (&old.elements, &new.elements) {
            (Elements::Addresses(old), Elements::Addresses(new)) => {
                change.addresses(old, new);
            }
            (Elements::Intervals(old), Elements::Intervals(new)) => {
                change.members(old, new, |interval| Element::Interval(*interval));
            }
            (Elements::AddressPorts(old), Elements::AddressPorts(new)) => {
                change.members(old, new, |member| Element::AddressPort(*member));
            }
            (Elements::InterfaceVerdicts(old), Elements::InterfaceVerdicts(new)) => {
                change.verdicts(old, new, |name, verdict| {
                    Element::InterfaceVerdict(name.clone(), verdict.clone())
                });
            }
            (Elements::PortVerdicts(old), Elements::PortVerdicts(new)) => {
                change.verdicts(old, new, |key, verdict| Element::PortVerdict(*key, verdict.clone()));
            }
            (
                Elements::Addresses(_)
                | Elements::Intervals(_)
                | Elements::AddressPorts(_)
                | Elements::InterfaceVerdicts(_)
                | Elements::PortVerdicts(_),
                _,
            ) => return None,
        }
        Some(change)
    }

    fn addresses(&mut self, old: &NetSet, new: &NetSet) {
        for change in old.diff(new) {
            match change {
                NetChange::Added(net) => self.added.push(Element::Address(net.addr())),
                NetChange::Removed(net) => self.removed.push(Element::Address(net.addr())),
            }
        }
    }

    fn members<T: Ord + Clone>(&mut self, old: &OrdSet<T>, new: &OrdSet<T>, element: impl Fn(&T) -> Element) {
        for item in old.diff(new) {
            match item {
                ordset::DiffItem::Add(member) => self.added.push(element(member)),
                ordset::DiffItem::Remove(member) => self.removed.push(element(member)),
            }
        }
    }

    fn verdicts<K: Ord + Clone>(
        &mut self,
        old: &OrdMap<K, Verdict>,
        new: &OrdMap<K, Verdict>,
        element: impl Fn(&K, &Verdict) -> Element,
    ) {
        for item in old.diff(new) {
            match item {
                ordmap::DiffItem::Add(key, verdict) => self.added.push(element(key, verdict)),
                ordmap::DiffItem::Remove(key, verdict) => self.removed.push(element(key, verdict)),
                ordmap::DiffItem::Update { old: (old_key, old), new: (new_key, new) } => {
                    self.removed.push(element(old_key, old));
                    self.added.push(element(new_key, new));
                }
            }
        }
    }

    /// What goes before the rules change: all of a plain set, deletions first as an interval may take the place of others; of a map what it no longer
    /// holds, so that it lets go of chains.
    pub(super) fn before_rules(&self, family: Family) -> Vec<Operation> {
        match self.set.elements.has_verdicts() {
            true => self.delete(family).into_iter().collect(),
            false => self.delete(family).into_iter().chain(self.add(family)).collect(),
        }
    }

    /// What goes after the rules have changed: what a map holds anew.
    pub(super) fn after_rules(&self, family: Family) -> Option<Operation> {
        if self.set.elements.has_verdicts() { self.add(family) } else { None }
    }

    fn delete(&self, family: Family) -> Option<Operation> {
        let operation = || Operation::DeleteElements(family, Arc::clone(&self.set), self.removed.clone());
        (!self.removed.is_empty()).then(operation)
    }

    fn add(&self, family: Family) -> Option<Operation> {
        let operation = || Operation::AddElements(family, Arc::clone(&self.set), self.added.clone());
        (!self.added.is_empty()).then(operation)
    }
}

//! Objects with labels of their own and labels that they inherit.
//!
//! Inherited labels stand once, at the parent, whatever the number of its children, and equal texts stand once in memory. Lookup order: own labels, then those of each parent in the order in
//! which the child names them; a parent that does not exist lends nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{label_index::LabelIndex, matching::ItemId};
use crate::{
    labels::Labels,
    name::{NamespaceName, ObjectName},
    selector::Restriction,
};

/// Where labels are inherited from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Parent {
    /// A namespace, whose labels are inherited with the prefix `pcns.`.
    Namespace(NamespaceName),
    /// A service account, whose labels are inherited with the prefix `pcsa.`.
    ServiceAccount(ObjectName),
}

impl Parent {
    /// Labels as children inherit them.
    pub(super) fn lend(&self, labels: &Labels) -> Labels {
        let prefix = match self {
            Self::Namespace(_) => "pcns.",
            Self::ServiceAccount(_) => "pcsa.",
        };
        labels.iter().map(|(key, value)| (format!("{prefix}{key}"), Arc::clone(value))).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ParentId(u32);

/// All items and parents, indexed by label.
#[derive(Debug, Default)]
pub(super) struct Labelled {
    items: BTreeMap<ItemId, Item>,
    own: LabelIndex<ItemId>,
    parent_ids: HashMap<Parent, ParentId>,
    parents: BTreeMap<ParentId, ParentLabels>,
    inherited: LabelIndex<ParentId>,
    last_parent: u32,
}

#[derive(Debug)]
struct Item {
    labels: Labels,
    parents: Vec<Parent>,
    parent_ids: Vec<ParentId>,
}

#[derive(Debug, Default)]
struct ParentLabels {
    labels: Option<Labels>,
    children: BTreeSet<ItemId>,
}

impl Labelled {
    /// The item now has these labels and parents. Tells whether that is news.
    pub(super) fn set_item(&mut self, id: ItemId, labels: &Labels, parents: Vec<Parent>) -> bool {
        if self.items.get(&id).is_some_and(|item| item.labels == *labels && item.parents == parents) {
            return false;
        }
        self.remove_item(id);
        let parent_ids: Vec<ParentId> = parents.iter().map(|parent| self.parent_id(parent)).collect();
        for parent in &parent_ids {
            self.parents.entry(*parent).or_default().children.insert(id);
        }
        let labels = self.own.insert(id, labels);
        self.items.insert(id, Item { labels, parents, parent_ids });
        true
    }

    /// There is no such item any more.
    pub(super) fn remove_item(&mut self, id: ItemId) {
        let Some(item) = self.items.remove(&id) else { return };
        self.own.remove(id, &item.labels);
        for (parent, parent_id) in item.parents.iter().zip(item.parent_ids) {
            if let Some(entry) = self.parents.get_mut(&parent_id) {
                entry.children.remove(&id);
            }
            self.forget_if_unused(parent, parent_id);
        }
    }

    /// The parent lends these labels now; `None` if it does not exist. The children whose labels that changes.
    pub(super) fn set_parent(&mut self, parent: &Parent, labels: Option<Labels>) -> Vec<ItemId> {
        let id = self.parent_id(parent);
        let entry = self.parents.entry(id).or_default();
        if entry.labels == labels {
            self.forget_if_unused(parent, id);
            return Vec::new();
        }
        if let Some(old) = &entry.labels {
            self.inherited.remove(id, old);
        }
        entry.labels = labels.map(|labels| self.inherited.insert(id, &labels));
        let children = entry.children.iter().copied().collect();
        self.forget_if_unused(parent, id);
        children
    }

    /// A lookup of the effective labels of an item.
    pub(super) fn lookup<'a>(&'a self, id: ItemId) -> impl Fn(&str) -> Option<&'a str> {
        let item = self.items.get(&id);
        move |key| {
            let item = item?;
            let inherited = || self.lent_to(item).find_map(|labels| labels.get(key));
            item.labels.get(key).or_else(inherited).map(|value| &**value)
        }
    }

    /// All labels of an item, own and inherited.
    pub(super) fn labels(&self, id: ItemId) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        let item = self.items.get(&id).into_iter();
        item.flat_map(|item| std::iter::once(&item.labels).chain(self.lent_to(item))).flat_map(Labels::iter)
    }

    /// Items among which are all those that can meet the restrictions, found by whichever label leaves fewest.
    pub(super) fn candidates(&self, restrictions: &BTreeMap<Arc<str>, Restriction>) -> Vec<ItemId> {
        let mut best = (self.items.len(), None);
        for (key, restriction) in restrictions {
            match restriction {
                Restriction::Contradiction => return Vec::new(),
                Restriction::Absent => {}
                Restriction::Present | Restriction::OneOf(_) => {
                    let cost = self.cost(key, restriction, best.0);
                    if cost < best.0 {
                        best = (cost, Some((key, restriction)));
                    }
                }
            }
        }
        let Some((key, restriction)) = best.1 else { return self.items.keys().copied().collect() };
        let children =
            |parent| self.parents.get(&parent).into_iter().flat_map(|entry| entry.children.iter().copied());
        self.own
            .ids(key, restriction)
            .chain(self.inherited.ids(key, restriction).flat_map(children))
            .collect()
    }

    /// How many items a label leaves, counted no further than `limit`.
    fn cost(&self, key: &str, restriction: &Restriction, limit: usize) -> usize {
        let mut cost = self.own.count(key, restriction);
        for parent in self.inherited.ids(key, restriction) {
            if cost >= limit {
                break;
            }
            cost += 1 + self.parents.get(&parent).map_or(0, |entry| entry.children.len());
        }
        cost
    }

    /// What the parents lend, in order of precedence.
    fn lent_to(&self, item: &Item) -> impl Iterator<Item = &Labels> {
        item.parent_ids.iter().filter_map(|parent| self.parents.get(parent)?.labels.as_ref())
    }

    fn parent_id(&mut self, parent: &Parent) -> ParentId {
        let last = &mut self.last_parent;
        *self.parent_ids.entry(parent.clone()).or_insert_with(|| {
            *last += 1;
            ParentId(*last)
        })
    }

    fn forget_if_unused(&mut self, parent: &Parent, id: ParentId) {
        let unused = |entry: &ParentLabels| entry.labels.is_none() && entry.children.is_empty();
        if self.parents.get(&id).is_none_or(unused) {
            self.parents.remove(&id);
            self.parent_ids.remove(parent);
        }
    }
}

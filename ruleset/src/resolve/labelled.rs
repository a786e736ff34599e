//! Objects with labels of their own and labels that they inherit.
//!
//! Inherited labels stand once, at the parent, whatever the number of its children, and equal labels stand once in memory. Lookup order: own labels, then
//! those of each parent in the order in which the child names them; a parent that does not exist lends nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    label_index::{LabelId, LabelIndex},
    matching::ItemId,
};
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
    labels: Box<[LabelId]>,
    parents: Box<[ParentId]>,
}

#[derive(Debug)]
struct ParentLabels {
    parent: Parent,
    labels: Option<Box<[LabelId]>>,
    children: BTreeSet<ItemId>,
}

impl Labelled {
    /// The item now has these labels and parents. Tells whether that is news.
    pub(super) fn set_item(&mut self, id: ItemId, labels: &Labels, parents: &[Parent]) -> bool {
        if self.is_like(id, labels, parents) {
            return false;
        }
        self.remove_item(id);
        let parents: Box<[ParentId]> = parents.iter().map(|parent| self.parent_id(parent)).collect();
        for parent in &parents {
            if let Some(entry) = self.parents.get_mut(parent) {
                entry.children.insert(id);
            }
        }
        let labels = self.own.insert(id, labels);
        self.items.insert(id, Item { labels, parents });
        true
    }

    /// Whether the item has these labels and parents.
    pub(super) fn is_like(&self, id: ItemId, labels: &Labels, parents: &[Parent]) -> bool {
        let parent = |id: &ParentId| self.parents.get(id).map(|entry| &entry.parent);
        self.items.get(&id).is_some_and(|item| {
            item.parents.iter().map(parent).eq(parents.iter().map(Some)) && self.own.are(&item.labels, labels)
        })
    }

    /// There is no such item any more.
    pub(super) fn remove_item(&mut self, id: ItemId) {
        let Some(item) = self.items.remove(&id) else { return };
        self.own.remove(id, &item.labels);
        for parent in item.parents {
            if let Some(entry) = self.parents.get_mut(&parent) {
                entry.children.remove(&id);
            }
            self.forget_if_unused(parent);
        }
    }

    /// The parent lends these labels now; `None` if it does not exist. The children whose labels that changes.
    pub(super) fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) -> Vec<ItemId> {
        let id = self.parent_id(parent);
        let Some(entry) = self.parents.get_mut(&id) else { return Vec::new() };
        let is_news = match (&entry.labels, labels) {
            (Some(known), Some(labels)) => !self.inherited.are(known, labels),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        if is_news {
            if let Some(old) = entry.labels.take() {
                self.inherited.remove(id, &old);
            }
            entry.labels = labels.map(|labels| self.inherited.insert(id, labels));
        }
        let children = if is_news { entry.children.iter().copied().collect() } else { Vec::new() };
        self.forget_if_unused(id);
        children
    }

    /// A lookup of the effective labels of an item.
    pub(super) fn lookup<'a>(&'a self, id: ItemId) -> impl Fn(&str) -> Option<&'a str> {
        let item = self.items.get(&id);
        move |key| {
            let item = item?;
            let inherited = || self.lent_to(item).find_map(|labels| self.inherited.value(labels, key));
            self.own.value(&item.labels, key).or_else(inherited)
        }
    }

    /// All labels of an item, own and inherited.
    pub(super) fn labels(&self, id: ItemId) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        let item = self.items.get(&id).into_iter();
        let own = item.clone().flat_map(|item| &item.labels).map(|id| self.own.label(*id));
        let inherited = item.flat_map(|item| self.lent_to(item)).flatten();
        own.chain(inherited.map(|id| self.inherited.label(*id)))
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
    fn lent_to(&self, item: &Item) -> impl Iterator<Item = &[LabelId]> {
        item.parents.iter().filter_map(|parent| self.parents.get(parent)?.labels.as_deref())
    }

    fn parent_id(&mut self, parent: &Parent) -> ParentId {
        if let Some(id) = self.parent_ids.get(parent) {
            return *id;
        }
        self.last_parent += 1;
        let id = ParentId(self.last_parent);
        self.parent_ids.insert(parent.clone(), id);
        self.parents
            .insert(id, ParentLabels { parent: parent.clone(), labels: None, children: BTreeSet::new() });
        id
    }

    fn forget_if_unused(&mut self, id: ParentId) {
        let Some(entry) = self.parents.get(&id) else { return };
        if entry.labels.is_none() && entry.children.is_empty() {
            self.parent_ids.remove(&entry.parent);
            self.parents.remove(&id);
        }
    }
}

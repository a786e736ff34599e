//! Which selectors match which labelled items, kept current: a join of two sides that change one member at a time.
//!
//! Neither side is ever scanned as a whole, unless a selector restricts nothing: a changed item meets only the selectors that stand under one of its
//! labels, a new selector only the items under its most selective label.

use std::collections::{BTreeSet, HashMap};

use super::{
    labelled::{Labelled, Parent},
    selector_index::SelectorIndex,
};
use crate::{labels::Labels, selector::Selector};

/// An item, for as long as it exists. Never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ItemId(u64);

/// A selector, for as long as it is of interest. Never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SelectorSlot(u64);

/// A change of what matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The selector matches the item from now on.
    Gained(SelectorSlot, ItemId),
    /// It does not any more.
    Lost(SelectorSlot, ItemId),
}

/// Items, selectors, and the pairs that match.
#[derive(Debug, Default)]
pub(super) struct Matching {
    labelled: Labelled,
    selectors: HashMap<SelectorSlot, Matched>,
    index: SelectorIndex,
    /// In order.
    by_item: HashMap<ItemId, Vec<SelectorSlot>>,
    last_id: u64,
}

#[derive(Debug)]
struct Matched {
    selector: Selector,
    items: BTreeSet<ItemId>,
}

impl Matching {
    /// An item without labels that no selector meets before [`Self::set_item`].
    pub(super) fn new_item(&mut self) -> ItemId {
        self.last_id += 1;
        ItemId(self.last_id)
    }

    /// The item now has these labels and inherits from these parents.
    pub(super) fn set_item(&mut self, id: ItemId, labels: &Labels, parents: &[Parent]) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.labelled.set_item(id, labels, parents) {
            self.judge(id, &mut changes);
        }
        changes
    }

    /// Whether the item has these labels and inherits from these parents.
    pub(super) fn is_like(&self, id: ItemId, labels: &Labels, parents: &[Parent]) -> bool {
        self.labelled.is_like(id, labels, parents)
    }

    /// The item is gone.
    pub(super) fn remove_item(&mut self, id: ItemId) -> Vec<Change> {
        self.labelled.remove_item(id);
        let lost = self.by_item.remove(&id).unwrap_or_default();
        for slot in &lost {
            if let Some(matched) = self.selectors.get_mut(slot) {
                matched.items.remove(&id);
            }
        }
        lost.into_iter().map(|slot| Change::Lost(slot, id)).collect()
    }

    /// The parent now has these labels (without prefix); `None` if it does not exist.
    pub(super) fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) -> Vec<Change> {
        let mut changes = Vec::new();
        let lent = labels.map(|labels| parent.lend(labels));
        for child in self.labelled.set_parent(parent, lent.as_ref()) {
            self.judge(child, &mut changes);
        }
        changes
    }

    /// Takes an interest in a selector. What it matches is in [`Self::items`] at once.
    pub(super) fn insert_selector(&mut self, selector: Selector) -> SelectorSlot {
        self.last_id += 1;
        let slot = SelectorSlot(self.last_id);
        let restrictions = selector.restrictions();
        self.index.insert(slot, &restrictions);
        let mut items = self.labelled.candidates(&restrictions);
        items.retain(|id| selector.matches(&self.labelled.lookup(*id)));
        for id in &items {
            // No slot is greater.
            self.by_item.entry(*id).or_default().push(slot);
        }
        self.selectors.insert(slot, Matched { selector, items: items.into_iter().collect() });
        slot
    }

    /// Loses interest in a selector.
    pub(super) fn remove_selector(&mut self, slot: SelectorSlot) {
        self.index.remove(slot);
        let Some(matched) = self.selectors.remove(&slot) else { return };
        for id in matched.items {
            if let Some(slots) = self.by_item.get_mut(&id) {
                slots.retain(|known| *known != slot);
            }
        }
    }

    /// The items that a selector matches.
    pub(super) fn items(&self, slot: SelectorSlot) -> impl Iterator<Item = ItemId> {
        self.selectors.get(&slot).into_iter().flat_map(|matched| matched.items.iter().copied())
    }

    /// The selectors that match an item.
    pub(super) fn selectors(&self, id: ItemId) -> impl Iterator<Item = SelectorSlot> {
        self.by_item.get(&id).into_iter().flatten().copied()
    }

    /// Finds anew which selectors match an item.
    fn judge(&mut self, id: ItemId, changes: &mut Vec<Change>) {
        let lookup = self.labelled.lookup(id);
        let matches = |slot: &SelectorSlot| {
            self.selectors.get(slot).is_some_and(|matched| matched.selector.matches(&lookup))
        };
        let mut now = self.index.candidates(self.labelled.labels(id));
        now.retain(matches);
        now.shrink_to_fit();
        let before = self.by_item.insert(id, now.clone()).unwrap_or_default();
        for slot in before.iter().filter(|slot| now.binary_search(slot).is_err()) {
            if let Some(matched) = self.selectors.get_mut(slot) {
                matched.items.remove(&id);
            }
            changes.push(Change::Lost(*slot, id));
        }
        for slot in now.iter().filter(|slot| before.binary_search(slot).is_err()) {
            if let Some(matched) = self.selectors.get_mut(slot) {
                matched.items.insert(id);
            }
            changes.push(Change::Gained(*slot, id));
        }
    }
}

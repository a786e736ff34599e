//! Which selectors can match an object with given labels: each selector stands under the one label that it is found by at least cost.
//!
//! Of the labels that a selector restricts, the one under which fewest selectors stand already is chosen. Terms that every converted policy has, such as
//! the orchestrator's, fill up at once and are passed over from then on, in whatever order selectors arrive.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::matching::SelectorSlot;
use crate::selector::Restriction;

/// Selectors by one of their restrictions.
#[derive(Debug, Default)]
pub(super) struct SelectorIndex {
    by_key: HashMap<Arc<str>, ByValue>,
    /// Selectors that restrict no label to be there.
    anywhere: BTreeSet<SelectorSlot>,
    places: HashMap<SelectorSlot, Place>,
}

#[derive(Debug, Default)]
struct ByValue {
    any: BTreeSet<SelectorSlot>,
    one_of: HashMap<Arc<str>, BTreeSet<SelectorSlot>>,
}

/// Where a selector stands.
#[derive(Debug)]
enum Place {
    /// It matches nothing.
    Nowhere,
    /// It may match anything.
    Anywhere,
    /// It matches only what has this label.
    Key(Arc<str>),
    /// It matches only what has this label with one of these values.
    Values(Arc<str>, BTreeSet<Arc<str>>),
}

impl SelectorIndex {
    /// Enters a selector by its restrictions.
    pub(super) fn insert(&mut self, slot: SelectorSlot, restrictions: &BTreeMap<Arc<str>, Restriction>) {
        let place = self.place(restrictions);
        match &place {
            Place::Nowhere => {}
            Place::Anywhere => {
                self.anywhere.insert(slot);
            }
            Place::Key(key) => {
                self.by_key.entry(Arc::clone(key)).or_default().any.insert(slot);
            }
            Place::Values(key, values) => {
                let by_value = self.by_key.entry(Arc::clone(key)).or_default();
                for value in values {
                    by_value.one_of.entry(Arc::clone(value)).or_default().insert(slot);
                }
            }
        }
        self.places.insert(slot, place);
    }

    /// Takes a selector out.
    pub(super) fn remove(&mut self, slot: SelectorSlot) {
        match self.places.remove(&slot) {
            None | Some(Place::Nowhere) => {}
            Some(Place::Anywhere) => {
                self.anywhere.remove(&slot);
            }
            Some(Place::Key(key)) => self.remove_below(&key, |by_value| {
                by_value.any.remove(&slot);
            }),
            Some(Place::Values(key, values)) => self.remove_below(&key, |by_value| {
                for value in &values {
                    let Some(slots) = by_value.one_of.get_mut(value) else { continue };
                    slots.remove(&slot);
                    if slots.is_empty() {
                        by_value.one_of.remove(value);
                    }
                }
            }),
        }
    }

    /// The selectors that can match an object with these labels, each once.
    pub(super) fn candidates<'a>(
        &self,
        labels: impl Iterator<Item = (&'a Arc<str>, &'a Arc<str>)>,
    ) -> Vec<SelectorSlot> {
        let mut candidates: Vec<SelectorSlot> = self.anywhere.iter().copied().collect();
        for (key, value) in labels {
            let Some(by_value) = self.by_key.get(key) else { continue };
            candidates.extend(&by_value.any);
            candidates.extend(by_value.one_of.get(value).into_iter().flatten());
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    fn remove_below(&mut self, key: &Arc<str>, remove: impl FnOnce(&mut ByValue)) {
        let Some(by_value) = self.by_key.get_mut(key) else { return };
        remove(by_value);
        if by_value.any.is_empty() && by_value.one_of.is_empty() {
            self.by_key.remove(key);
        }
    }

    fn place(&self, restrictions: &BTreeMap<Arc<str>, Restriction>) -> Place {
        let mut best = (usize::MAX, usize::MAX, Place::Anywhere);
        for (key, restriction) in restrictions {
            let by_value = self.by_key.get(key);
            let (load, width, place) = match restriction {
                Restriction::Absent => continue,
                Restriction::Contradiction => return Place::Nowhere,
                Restriction::OneOf(values) if values.is_empty() => return Place::Nowhere,
                Restriction::OneOf(values) => {
                    let slots = |value| {
                        by_value.and_then(|by_value| by_value.one_of.get(value)).map_or(0, BTreeSet::len)
                    };
                    (
                        values.iter().map(slots).sum(),
                        values.len(),
                        Place::Values(Arc::clone(key), values.clone()),
                    )
                }
                Restriction::Present => (
                    by_value.map_or(0, |by_value| by_value.any.len()),
                    usize::MAX,
                    Place::Key(Arc::clone(key)),
                ),
            };
            if (load, width) < (best.0, best.1) {
                best = (load, width, place);
            }
        }
        best.2
    }
}

//! Who has which label: label → value → ids.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{labels::Labels, selector::Restriction};

/// Ids by the labels of what they stand for.
#[derive(Debug)]
pub(super) struct LabelIndex<Id> {
    by_key: HashMap<Arc<str>, ByValue<Id>>,
}

#[derive(Debug)]
struct ByValue<Id> {
    count: usize,
    ids: BTreeMap<Arc<str>, BTreeSet<Id>>,
}

impl<Id> Default for LabelIndex<Id> {
    fn default() -> Self {
        Self { by_key: HashMap::new() }
    }
}

impl<Id: Copy + Ord> LabelIndex<Id> {
    /// Enters an id under each of its labels. Returns the labels, now sharing their texts with all equal ones in the index.
    pub(super) fn insert(&mut self, id: Id, labels: &Labels) -> Labels {
        let shared = labels.iter().map(|(key, value)| {
            let entry = self.by_key.entry(Arc::clone(key));
            let key = Arc::clone(entry.key());
            let by_value = entry.or_insert_with(|| ByValue { count: 0, ids: BTreeMap::new() });
            let entry = by_value.ids.entry(Arc::clone(value));
            let value = Arc::clone(entry.key());
            by_value.count += usize::from(entry.or_default().insert(id));
            (key, value)
        });
        shared.collect()
    }

    /// Takes an id out from under each of its labels.
    pub(super) fn remove(&mut self, id: Id, labels: &Labels) {
        for (key, value) in labels.iter() {
            let Some(by_value) = self.by_key.get_mut(key) else { continue };
            let Some(ids) = by_value.ids.get_mut(value) else { continue };
            by_value.count -= usize::from(ids.remove(&id));
            if ids.is_empty() {
                by_value.ids.remove(value);
            }
            if by_value.ids.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    /// How many ids [`Self::ids`] would give.
    pub(super) fn count(&self, key: &str, restriction: &Restriction) -> usize {
        let Some(by_value) = self.by_key.get(key) else { return 0 };
        match restriction {
            Restriction::Present => by_value.count,
            Restriction::OneOf(values) => {
                values.iter().filter_map(|value| by_value.ids.get(value)).map(BTreeSet::len).sum()
            }
            Restriction::Absent | Restriction::Contradiction => 0,
        }
    }

    /// The ids whose label meets a restriction to present values.
    pub(super) fn ids<'a>(
        &'a self,
        key: &str,
        restriction: &'a Restriction,
    ) -> Box<dyn Iterator<Item = Id> + 'a> {
        let Some(by_value) = self.by_key.get(key) else { return Box::new(std::iter::empty()) };
        match restriction {
            Restriction::Present => Box::new(by_value.ids.values().flatten().copied()),
            Restriction::OneOf(values) => {
                Box::new(values.iter().filter_map(|value| by_value.ids.get(value)).flatten().copied())
            }
            Restriction::Absent | Restriction::Contradiction => Box::new(std::iter::empty()),
        }
    }
}

//! Who has which label: label → value → ids. Each pair of label and value is held once, and whoever bears it holds its number.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{labels::Labels, selector::Restriction};

/// A pair of label and value, for as long as anything bears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LabelId(u32);

/// Ids by the labels of what they stand for.
#[derive(Debug)]
pub(super) struct LabelIndex<Id> {
    by_key: HashMap<Arc<str>, ByValue>,
    labels: Vec<Label<Id>>,
    vacant: Vec<LabelId>,
}

#[derive(Debug, Default)]
struct ByValue {
    /// How many ids there are under all values.
    count: usize,
    ids: BTreeMap<Arc<str>, LabelId>,
}

#[derive(Debug)]
struct Label<Id> {
    key: Arc<str>,
    value: Arc<str>,
    /// In order. New ids are greater than all before them, so that they come at the end.
    ids: Vec<Id>,
}

impl<Id> Default for LabelIndex<Id> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), labels: Vec::new(), vacant: Vec::new() }
    }
}

impl<Id: Copy + Ord> LabelIndex<Id> {
    /// Enters an id, which is not there, under each of its labels. Returns these, in order of their keys.
    pub(super) fn insert(&mut self, id: Id, labels: &Labels) -> Box<[LabelId]> {
        labels.iter().map(|(key, value)| self.insert_one(id, key, value)).collect()
    }

    fn insert_one(&mut self, id: Id, key: &Arc<str>, value: &Arc<str>) -> LabelId {
        let entry = self.by_key.entry(Arc::clone(key));
        let key = Arc::clone(entry.key());
        let by_value = entry.or_default();
        by_value.count += 1;
        if let Some(known) = by_value.ids.get(value) {
            let ids = &mut self.labels[known.0 as usize].ids;
            if let Err(place) = ids.binary_search(&id) {
                ids.insert(place, id);
            }
            return *known;
        }
        let label = Label { key, value: Arc::clone(value), ids: vec![id] };
        let new = match self.vacant.pop() {
            Some(place) => {
                self.labels[place.0 as usize] = label;
                place
            }
            None => {
                self.labels.push(label);
                LabelId(self.labels.len() as u32 - 1)
            }
        };
        by_value.ids.insert(Arc::clone(value), new);
        new
    }

    /// Takes an id out from under each of its labels.
    pub(super) fn remove(&mut self, id: Id, labels: &[LabelId]) {
        for label_id in labels {
            let Label { key, value, ids } = &mut self.labels[label_id.0 as usize];
            if let Ok(place) = ids.binary_search(&id) {
                ids.remove(place);
            }
            let Some(by_value) = self.by_key.get_mut(key) else { continue };
            by_value.count -= 1;
            if ids.is_empty() {
                by_value.ids.remove(value);
                if by_value.ids.is_empty() {
                    self.by_key.remove(key);
                }
                (*key, *value) = ("".into(), "".into());
                self.vacant.push(*label_id);
            }
        }
        if self.vacant.len() == self.labels.len() {
            (self.labels, self.vacant) = (Vec::new(), Vec::new());
        }
    }

    /// A label and its value.
    pub(super) fn label(&self, id: LabelId) -> (&Arc<str>, &Arc<str>) {
        let Label { key, value, .. } = &self.labels[id.0 as usize];
        (key, value)
    }

    /// The value of a label among these.
    pub(super) fn value(&self, labels: &[LabelId], key: &str) -> Option<&str> {
        let mut pairs = labels.iter().map(|id| self.label(*id));
        pairs.find(|(known, _)| ***known == *key).map(|(_, value)| &**value)
    }

    /// Whether these are the same labels.
    pub(super) fn are(&self, ids: &[LabelId], labels: &Labels) -> bool {
        ids.iter().map(|id| self.label(*id)).eq(labels.iter())
    }

    /// How many ids [`Self::ids`] would give.
    pub(super) fn count(&self, key: &str, restriction: &Restriction) -> usize {
        let Some(by_value) = self.by_key.get(key) else { return 0 };
        match restriction {
            Restriction::Present => by_value.count,
            Restriction::OneOf(values) => values
                .iter()
                .filter_map(|value| by_value.ids.get(value))
                .map(|label| self.bearers(*label).len())
                .sum(),
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
        let bearers = |label: &LabelId| self.bearers(*label).iter().copied();
        match restriction {
            Restriction::Present => Box::new(by_value.ids.values().flat_map(bearers)),
            Restriction::OneOf(values) => {
                Box::new(values.iter().filter_map(|value| by_value.ids.get(value)).flat_map(bearers))
            }
            Restriction::Absent | Restriction::Contradiction => Box::new(std::iter::empty()),
        }
    }

    fn bearers(&self, id: LabelId) -> &[Id] {
        &self.labels[id.0 as usize].ids
    }
}

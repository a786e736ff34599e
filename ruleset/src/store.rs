//! The last known value of every object.

use std::collections::BTreeMap;

use crate::{
    event::Event,
    links::Links,
    resource::{Resource, ResourceKey},
};

/// Ground truth: the last event of each key. Nothing in it is derived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    resources: BTreeMap<ResourceKey, Resource>,
    links: Links,
}

impl Store {
    /// Takes in a fact.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Upsert(resource) => drop(self.resources.insert(resource.key(), resource)),
            Event::Delete(key) => drop(self.resources.remove(&key)),
            Event::Links(links) => self.links = links,
        }
    }

    /// An object.
    pub fn get(&self, key: &ResourceKey) -> Option<&Resource> {
        self.resources.get(key)
    }

    /// All objects in key order.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    /// The node's links.
    pub fn links(&self) -> &Links {
        &self.links
    }
}

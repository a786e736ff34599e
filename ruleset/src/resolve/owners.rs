//! Everything that gives members to address sets, by key: the largest table of the agent, one small entry per pod of the cluster.
//!
//! An entry holds what no other owner has; what it has in common with others stands at its cohort.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::{matching::ItemId, nets::Nets};
use crate::resource::ResourceKey;

/// The place of an owner, given to another one when it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnerId(u32);

/// An owner.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: ResourceKey,
    pub(super) cohort: ItemId,
    /// Its place among the members of its cohort.
    pub(super) rank: u32,
    pub(super) nets: Nets,
}

/// All owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the hash of the key, which stands in the entry only.
    ids: HashTable<OwnerId>,
    hasher: RandomState,
    entries: Vec<Option<Entry>>,
    vacant: Vec<OwnerId>,
}

impl Owners {
    /// Where the owner of a key stands.
    pub(super) fn find(&self, key: &ResourceKey) -> Option<OwnerId> {
        let is_it = |id: &OwnerId| self.get(*id).is_some_and(|entry| entry.key == *key);
        self.ids.find(self.hasher.hash_one(key), is_it).copied()
    }

    /// An owner.
    pub(super) fn get(&self, id: OwnerId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)?.as_ref()
    }

    /// The same, to change anything but its key.
    pub(super) fn get_mut(&mut self, id: OwnerId) -> Option<&mut Entry> {
        self.entries.get_mut(id.0 as usize)?.as_mut()
    }

    /// Enters an owner whose key is not there.
    pub(super) fn insert(&mut self, entry: Entry) -> OwnerId {
        let hash = self.hasher.hash_one(&entry.key);
        let id = match self.vacant.pop() {
            Some(id) => {
                self.entries[id.0 as usize] = Some(entry);
                id
            }
            None => {
                self.entries.push(Some(entry));
                OwnerId(self.entries.len() as u32 - 1)
            }
        };
        let hash_of = |id: &OwnerId| {
            let entry = self.entries.get(id.0 as usize).and_then(Option::as_ref);
            entry.map_or(0, |entry| self.hasher.hash_one(&entry.key))
        };
        self.ids.insert_unique(hash, id, hash_of);
        id
    }

    /// Takes an owner out.
    pub(super) fn remove(&mut self, id: OwnerId) -> Option<Entry> {
        let entry = self.entries.get_mut(id.0 as usize)?.take()?;
        if let Ok(place) = self.ids.find_entry(self.hasher.hash_one(&entry.key), |known| *known == id) {
            place.remove();
        }
        self.vacant.push(id);
        if self.vacant.len() == self.entries.len() {
            (self.entries, self.vacant) = (Vec::new(), Vec::new());
        }
        Some(entry)
    }
}

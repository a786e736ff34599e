//! The objects of one namespace: names with digests, in little room.
//!
//! Entries stand one behind the other, and the hash table holds their places only: its vacant room, which may be half of it, is a fifth as dear.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use hashbrown::HashTable;

/// Digests by name. Every call has to bring the same hasher.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// By the hash of the name.
    places: HashTable<u32>,
    /// In no order that means anything.
    entries: Vec<(Arc<str>, u64)>,
}

impl Scope {
    /// Whether it holds no name.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many names it holds.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether a digest is like that.
    pub(super) fn holds_where(&self, is_like_that: impl Fn(u64) -> bool) -> bool {
        self.entries.iter().any(|(_, digest)| is_like_that(*digest))
    }

    /// The digest of a name, to change it.
    pub(super) fn digest(&mut self, hasher: &RandomState, name: &str) -> Option<&mut u64> {
        let place = *self.places.find(hasher.hash_one(name), |place| is_at(&self.entries, *place, name))?;
        self.entries.get_mut(place as usize).map(|(_, digest)| digest)
    }

    /// Enters a name that is not there.
    pub(super) fn insert(&mut self, hasher: &RandomState, name: Arc<str>, digest: u64) {
        let hash = hasher.hash_one(&*name);
        self.entries.push((name, digest));
        let entries = &self.entries;
        let hash_of =
            |place: &u32| entries.get(*place as usize).map_or(0, |(name, _)| hasher.hash_one(&**name));
        self.places.insert_unique(hash, entries.len() as u32 - 1, hash_of);
    }

    /// Takes a name out. Whether it was there.
    pub(super) fn remove(&mut self, hasher: &RandomState, name: &str) -> bool {
        let is_it = |place: &u32| is_at(&self.entries, *place, name);
        let Ok(found) = self.places.find_entry(hasher.hash_one(name), is_it) else { return false };
        let (place, _) = found.remove();
        self.entries.swap_remove(place as usize);
        // The last entry has the place of the one that went.
        if let Some((moved, _)) = self.entries.get(place as usize) {
            let last = self.entries.len() as u32;
            if let Some(known) = self.places.find_mut(hasher.hash_one(&**moved), |known| *known == last) {
                *known = place;
            }
        }
        true
    }

    /// All digests, to change them.
    pub(super) fn digests(&mut self) -> impl Iterator<Item = &mut u64> {
        self.entries.iter_mut().map(|(_, digest)| digest)
    }

    /// The names whose digest is like that.
    pub(super) fn names_where(&self, is_like_that: impl Fn(u64) -> bool) -> Vec<Arc<str>> {
        let entries = self.entries.iter().filter(|(_, digest)| is_like_that(*digest));
        entries.map(|(name, _)| Arc::clone(name)).collect()
    }
}

fn is_at(entries: &[(Arc<str>, u64)], place: u32, name: &str) -> bool {
    entries.get(place as usize).is_some_and(|(known, _)| **known == *name)
}

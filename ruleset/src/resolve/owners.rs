//! Everything that gives members to address sets: the largest table of the agent, one small entry per pod of the cluster.
//!
//! An entry holds what no other owner has; what it has in common with others, its kind and namespace too, stands at its cohort. So whoever asks brings
//! the hash of the whole key, and says what an entry's whole key is.

use std::{
    hash::{BuildHasher, RandomState},
    mem::{Discriminant, discriminant},
    sync::Arc,
};

use hashbrown::HashTable;

use super::{matching::ItemId, nets::Nets};
use crate::{name::NamespaceName, resource::ResourceKey};

/// The place of an owner, given to another one when it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnerId(u32);

/// What a key says besides the name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Home {
    kind: Discriminant<ResourceKey>,
    namespace: Option<NamespaceName>,
}

impl Home {
    /// A key in two parts.
    pub(super) fn split(key: &ResourceKey) -> (Self, Arc<str>) {
        let (namespace, name) = key.place();
        (Self { kind: discriminant(key), namespace }, name)
    }
}

/// An owner.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) cohort: ItemId,
    /// Its place among the members of its cohort.
    pub(super) rank: u32,
    pub(super) nets: Nets,
}

/// All owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the hash of the key.
    ids: HashTable<OwnerId>,
    hasher: RandomState,
    entries: Vec<Option<Entry>>,
    vacant: Vec<OwnerId>,
}

impl Owners {
    /// The hash of a key.
    pub(super) fn hash(&self, home: &Home, name: &str) -> u64 {
        self.hasher.hash_one((home, name))
    }

    /// Where the owner stands whose key has this hash, and whose entry is the one that is looked for.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(&Entry) -> bool) -> Option<OwnerId> {
        self.ids.find(hash, |id| self.get(*id).is_some_and(&is_it)).copied()
    }

    /// An owner.
    pub(super) fn get(&self, id: OwnerId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)?.as_ref()
    }

    /// The same, to change anything but its key.
    pub(super) fn get_mut(&mut self, id: OwnerId) -> Option<&mut Entry> {
        self.entries.get_mut(id.0 as usize)?.as_mut()
    }

    /// Enters an owner whose key is not there. `home` tells that of an entry.
    pub(super) fn insert<'a>(
        &mut self,
        hash: u64,
        entry: Entry,
        home: impl Fn(&Entry) -> Option<&'a Home>,
    ) -> OwnerId {
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
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash_of = |id: &OwnerId| {
            let entry = entries.get(id.0 as usize).and_then(Option::as_ref);
            entry.and_then(|entry| Some(hasher.hash_one((home(entry)?, &*entry.name)))).unwrap_or(0)
        };
        self.ids.insert_unique(hash, id, hash_of);
        id
    }

    /// Takes an owner out, by its place and the hash of its key.
    pub(super) fn remove(&mut self, id: OwnerId, hash: u64) -> Option<Entry> {
        let entry = self.entries.get_mut(id.0 as usize)?.take()?;
        if let Ok(place) = self.ids.find_entry(hash, |known| *known == id) {
            place.remove();
        }
        self.vacant.push(id);
        if self.vacant.len() == self.entries.len() {
            (self.entries, self.vacant) = (Vec::new(), Vec::new());
        }
        Some(entry)
    }
}

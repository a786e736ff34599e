//! Cohorts: owners of one kind and namespace that differ in their names and addresses only.
//!
//! The pods of one controller bear the same labels, inherit from the same parents and name the same ports. Selectors are matched with the cohort, once, and
//! everything that matching remembers is remembered once. A cohort lives as long as it has members.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
};

use hashbrown::HashTable;
use ipnet::IpNet;

use super::{
    labelled::Parent,
    matching::{ItemId, Matching},
    member::Owner,
    nets::Nets,
    owners::{Entry, Home, OwnerId, Owners},
};
use crate::{labels::Labels, port::NamedPort, resource::ResourceKey};

/// What the members of a cohort have in common.
#[derive(Debug)]
pub(super) struct Traits<'a> {
    pub(super) labels: &'a Labels,
    pub(super) parents: &'a [Parent],
    pub(super) ports: &'a [NamedPort],
}

/// All cohorts and their members. Each cohort is an item of the matching, which holds its labels and parents.
#[derive(Debug, Default)]
pub(super) struct Cohorts {
    /// By the hash of their traits, which stand elsewhere.
    ids: HashTable<ItemId>,
    hasher: RandomState,
    cohorts: HashMap<ItemId, Cohort>,
    owners: Owners,
}

#[derive(Debug)]
struct Cohort {
    hash: u64,
    home: Home,
    ports: Box<[NamedPort]>,
    /// In no order that means anything.
    members: Vec<OwnerId>,
}

impl Cohorts {
    /// An owner has these networks and belongs to the cohort of these traits from now on. Returns the cohort, and what the owner was until now.
    pub(super) fn set(
        &mut self,
        key: &ResourceKey,
        traits: &Traits<'_>,
        nets: &BTreeSet<IpNet>,
        matching: &mut Matching,
    ) -> (ItemId, Option<(ItemId, Owner)>) {
        let (home, name) = Home::split(key);
        let cohort = self.with(&home, traits, matching);
        let nets = Nets::from(nets);
        let hash = self.owners.hash(&home, &name);
        let Some(id) = self.find(hash, &home, &name) else {
            let home = |entry: &Entry| self.cohorts.get(&entry.cohort).map(|cohort| &cohort.home);
            let id = self.owners.insert(hash, Entry { name, cohort, rank: 0, nets }, home);
            self.join(id, cohort);
            return (cohort, None);
        };
        let Some(entry) = self.owners.get_mut(id) else { return (cohort, None) };
        let before = entry.cohort;
        let old = std::mem::replace(&mut entry.nets, nets);
        let old = Owner::of_parts(&old, self.ports(before));
        if before != cohort {
            self.leave(id);
            self.join(id, cohort);
        }
        (cohort, Some((before, old)))
    }

    /// There is no such owner any more. Returns what it was until now.
    pub(super) fn remove(&mut self, key: &ResourceKey) -> Option<(ItemId, Owner)> {
        let (home, name) = Home::split(key);
        let hash = self.owners.hash(&home, &name);
        let id = self.find(hash, &home, &name)?;
        self.leave(id);
        let entry = self.owners.remove(id, hash)?;
        Some((entry.cohort, Owner::of_parts(&entry.nets, self.ports(entry.cohort))))
    }

    /// The members of a cohort as they are now.
    pub(super) fn members(&self, cohort: ItemId) -> impl Iterator<Item = Owner> {
        let members = self.cohorts.get(&cohort).map_or(&[][..], |cohort| &cohort.members);
        let entries = members.iter().filter_map(|id| self.owners.get(*id));
        entries.map(move |entry| Owner::of_parts(&entry.nets, self.ports(cohort)))
    }

    /// Forgets a cohort, if it has no members.
    pub(super) fn forget_if_empty(&mut self, id: ItemId, matching: &mut Matching) {
        let Some(cohort) = self.cohorts.get(&id).filter(|cohort| cohort.members.is_empty()) else { return };
        if let Ok(place) = self.ids.find_entry(cohort.hash, |known| *known == id) {
            place.remove();
        }
        self.cohorts.remove(&id);
        matching.remove_item(id);
    }

    /// The cohort of these traits, which is made if there is none.
    fn with(&mut self, home: &Home, traits: &Traits<'_>, matching: &mut Matching) -> ItemId {
        let Traits { labels, parents, ports } = *traits;
        let hash = self.hasher.hash_one((home, labels, parents, ports));
        let is_it = |id: &ItemId| {
            self.cohorts.get(id).is_some_and(|cohort| cohort.home == *home && *cohort.ports == *ports)
                && matching.is_like(*id, labels, parents)
        };
        if let Some(id) = self.ids.find(hash, is_it) {
            return *id;
        }
        let id = matching.new_item();
        // Whatever matches a cohort without members changes no set.
        matching.set_item(id, labels, parents);
        let home = home.clone();
        self.cohorts.insert(id, Cohort { hash, home, ports: ports.into(), members: Vec::new() });
        self.ids.insert_unique(hash, id, |id| self.cohorts.get(id).map_or(0, |cohort| cohort.hash));
        id
    }

    fn find(&self, hash: u64, home: &Home, name: &str) -> Option<OwnerId> {
        let is_home = |id| self.cohorts.get(&id).is_some_and(|cohort| cohort.home == *home);
        self.owners.find(hash, |entry| *entry.name == *name && is_home(entry.cohort))
    }

    fn ports(&self, id: ItemId) -> &[NamedPort] {
        self.cohorts.get(&id).map_or(&[], |cohort| &cohort.ports)
    }

    fn join(&mut self, id: OwnerId, cohort: ItemId) {
        let Some(Cohort { members, .. }) = self.cohorts.get_mut(&cohort) else { return };
        let Some(entry) = self.owners.get_mut(id) else { return };
        (entry.cohort, entry.rank) = (cohort, members.len() as u32);
        members.push(id);
    }

    /// The last member of the cohort takes the rank of the one that leaves.
    fn leave(&mut self, id: OwnerId) {
        let Some(Entry { cohort, rank, .. }) = self.owners.get(id) else { return };
        let Some(Cohort { members, .. }) = self.cohorts.get_mut(cohort) else { return };
        let rank = *rank;
        members.swap_remove(rank as usize);
        if let Some(moved) = members.get(rank as usize).and_then(|moved| self.owners.get_mut(*moved)) {
            moved.rank = rank;
        }
    }
}

//! What was sent of a kind: enough to tell news from repetition, and to find what a new list does not hold any more.
//!
//! No objects are kept. An entry is the name, shared with what was sent, and a digest of the content.

mod scope;

use std::{collections::BTreeMap, hash::RandomState, sync::Arc};

use ferrule_ruleset::name::NamespaceName;

use scope::Scope;

/// The lowest bit of a digest says in which list the object was last seen.
const LIST_BIT: u64 = 1;

/// The name of an object: namespace, if it has one, and name.
pub type Name = (Option<NamespaceName>, Arc<str>);

/// The objects of a kind that were sent.
#[derive(Debug, Default)]
pub struct Mirror {
    scopes: BTreeMap<Option<NamespaceName>, Scope>,
    hasher: RandomState,
    /// The bit of what was seen since the last list began.
    present: u64,
}

impl Mirror {
    /// Notes an object. Whether it is news.
    pub fn note(&mut self, (namespace, name): Name, digest: u64) -> bool {
        let digest = digest & !LIST_BIT;
        let noted = digest | self.present;
        let scope = self.scopes.entry(namespace).or_default();
        match scope.digest(&self.hasher, &name) {
            Some(known) => std::mem::replace(known, noted) & !LIST_BIT != digest,
            None => {
                scope.insert(&self.hasher, name, noted);
                true
            }
        }
    }

    /// Notes an object that was sent before. Whether it is news; none if it was never sent.
    pub fn note_known(&mut self, (namespace, name): &Name, digest: u64) -> Option<bool> {
        let digest = digest & !LIST_BIT;
        let known = self.scopes.get_mut(namespace)?.digest(&self.hasher, name)?;
        Some(std::mem::replace(known, digest | self.present) & !LIST_BIT != digest)
    }

    /// Forgets an object. Whether it was known.
    pub fn forget(&mut self, (namespace, name): &Name) -> bool {
        let Some(scope) = self.scopes.get_mut(namespace) else { return false };
        let was_known = scope.remove(&self.hasher, name);
        if scope.is_empty() {
            self.scopes.remove(namespace);
        }
        was_known
    }

    /// How many objects are known.
    pub fn count(&self) -> usize {
        self.scopes.values().map(Scope::len).sum()
    }

    /// Whether an object of this namespace is known.
    pub fn has_any_in(&self, namespace: &NamespaceName) -> bool {
        self.scopes.contains_key(&Some(namespace.clone()))
    }

    /// A list begins.
    pub fn begin_list(&mut self) {
        // A list that was broken off leaves entries of both kinds; all are to be seen anew.
        let unseen = self.present;
        self.present ^= LIST_BIT;
        for scope in self.scopes.values_mut() {
            scope.digests().for_each(|digest| *digest = *digest & !LIST_BIT | unseen);
        }
    }

    /// Whether something has not been seen since the last list began.
    pub fn has_unseen(&self) -> bool {
        let present = self.present;
        self.scopes.values().any(|scope| scope.holds_where(|digest| digest & LIST_BIT != present))
    }

    /// A list has ended: forgets what was not seen since it began, and says what that is, in order.
    pub fn end_list(&mut self) -> Vec<Name> {
        let present = self.present;
        let mut missing = Vec::new();
        self.scopes.retain(|namespace, scope| {
            let unseen = scope.names_where(|digest| digest & LIST_BIT != present);
            for name in unseen {
                scope.remove(&self.hasher, &name);
                missing.push((namespace.clone(), name));
            }
            !scope.is_empty()
        });
        missing.sort();
        missing
    }

    /// Forgets everything, and says what that is, in order.
    pub fn clear(&mut self) -> Vec<Name> {
        self.begin_list();
        self.end_list()
    }
}

#[cfg(test)]
mod tests;

//! Law 1: incremental equals from scratch.

use std::{collections::BTreeSet, sync::Arc};

use imbl::OrdMap;
use proptest::{collection, prelude::*};

use super::{
    fixture::*,
    oracle,
    universe::{consistent, some_event},
};
use crate::{
    event::Event,
    ir::NodePolicy,
    links::{InterfacePrefix, Links},
    resolve::Resolver,
    store::Store,
};

/// A new resolver that is told only what the store holds.
fn from_scratch(store: &Store) -> NodePolicy {
    let mut fresh = resolver(store.resources().cloned());
    fresh.apply(Event::Links(store.links().clone()));
    fresh.resolve()
}

/// Panics if a unit was replaced by an equal one.
fn assert_shared<K: Ord + std::fmt::Debug, V: PartialEq>(old: &OrdMap<K, Arc<V>>, new: &OrdMap<K, Arc<V>>) {
    for (key, unit) in new.iter() {
        if let Some(before) = old.get(key) {
            assert!(Arc::ptr_eq(before, unit) || before != unit, "{key:?} was replaced by its equal");
        }
    }
}

fn assert_one_is_kept<T: PartialEq>(old: &Arc<T>, new: &Arc<T>) {
    assert!(Arc::ptr_eq(old, new) || old != new, "a unit was replaced by its equal");
}

/// All that a resolver holds, indexes included, except for the numbers that it counts up.
fn contents(resolver: &Resolver) -> String {
    format!("{resolver:?}").replace(|char: char| char.is_ascii_digit(), "")
}

struct Watched {
    resolver: Resolver,
    store: Store,
    last: NodePolicy,
}

impl Watched {
    fn new() -> Self {
        let mut resolver = resolver([]);
        let last = resolver.resolve();
        Self { resolver, store: Store::default(), last }
    }

    fn apply(&mut self, event: Event) {
        self.store.apply(event.clone());
        self.resolver.apply(event);
    }

    fn check(&mut self) {
        let now = self.resolver.resolve();
        assert_eq!(now, oracle::resolve(&self.store, HERE, &[InterfacePrefix::default()]));
        assert_eq!(now, from_scratch(&self.store));
        assert_shared(&self.last.endpoints, &now.endpoints);
        assert_shared(&self.last.policies, &now.policies);
        assert_shared(&self.last.address_sets, &now.address_sets);
        assert_shared(&self.last.host_endpoints, &now.host_endpoints);
        assert_one_is_kept(&self.last.surroundings, &now.surroundings);
        assert_one_is_kept(&self.last.settings, &now.settings);
        let idle: BTreeSet<_> = self.resolver.idle_host_endpoints().cloned().collect();
        assert_eq!(idle, oracle::idle_host_endpoints(&self.store, HERE, &[InterfacePrefix::default()]));
        self.last = now;
    }
}

impl Watched {
    fn follow(&mut self, events: Vec<(Event, Delivery)>) {
        for (event, delivery) in events {
            match delivery {
                Delivery::Once => self.apply(event),
                Delivery::Twice => {
                    self.apply(event.clone());
                    self.apply(event);
                }
                Delivery::Coalesced => {
                    self.apply(event);
                    continue;
                }
            }
            self.check();
        }
        self.check();
    }
}

/// How an event is handed over.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Once,
    Twice,
    /// Together with the next one, without a result in between.
    Coalesced,
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![4 => Just(Delivery::Once), 1 => Just(Delivery::Twice), 3 => Just(Delivery::Coalesced)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_ends_where_its_outcome_starts(events in collection::vec((some_event(), delivery()), 1..48)) {
        Watched::new().follow(events);
    }

    #[test]
    fn fronts_follow_any_sequence_of_events(events in collection::vec((consistent::some_event(), delivery()), 1..48)) {
        let mut watched = Watched::new();
        consistent::beginning().into_iter().for_each(|event| watched.apply(event));
        watched.follow(events);
    }

    #[test]
    fn the_order_of_different_keys_does_not_matter(events in collection::vec(some_event(), 1..32), seed in any::<u64>()) {
        let mut store = Store::default();
        events.into_iter().for_each(|event| store.apply(event));
        let mut resources: Vec<_> = store.resources().cloned().collect();
        // Any permutation will do: sort by a hash that depends on the seed.
        resources.sort_by_cached_key(|resource| {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut hasher = DefaultHasher::new();
            (seed, resource.key()).hash(&mut hasher);
            hasher.finish()
        });
        let mut shuffled = resolver([]);
        shuffled.apply(Event::Links(store.links().clone()));
        resources.into_iter().for_each(|resource| shuffled.apply(Event::Upsert(resource)));
        prop_assert_eq!(shuffled.resolve(), from_scratch(&store));
    }

    #[test]
    fn when_everything_is_gone_nothing_is_left(events in collection::vec(some_event(), 1..32)) {
        let mut watched = Watched::new();
        events.into_iter().for_each(|event| watched.apply(event));
        watched.check();
        let keys: Vec<_> = watched.store.resources().map(|resource| resource.key()).collect();
        for key in keys {
            watched.apply(Event::Delete(key));
            watched.check();
        }
        prop_assert_eq!(&watched.last, &NodePolicy::default());
        watched.apply(Event::Links(Links::Assumed));
        watched.check();
        prop_assert_eq!(contents(&watched.resolver), contents(&resolver([])));
    }
}

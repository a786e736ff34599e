//! Named states of the world, one after the other, in every way in which they can arrive: forwards and backwards, with empty states between them, all at
//! once, in pieces, doubled, with a result after each event, after each state, or at the end.

use std::collections::BTreeMap;

use super::{fixture::*, oracle};
use crate::{
    event::Event,
    links::InterfacePrefix,
    policy::{Entity, Policy, TierAction},
    port::Port,
    protocol::Protocol,
    resource::{Pod, Resource, ResourceKey},
    store::Store,
};

type State = Vec<Resource>;

fn base() -> State {
    vec![
        namespace("m", "env=p"),
        namespace("n", "env=q"),
        account("n/s", "app=x"),
        tier("default", 1e6, TierAction::Deny),
        Resource::Pod(pod("m/a", "app=x", &["10.0.0.1", "fd00::1"])),
        Resource::Pod(Pod {
            service_account: Some("s".into()),
            ports: vec![named_port("http", Protocol::TCP, 8080)],
            ..remote("n/b", "app=y", &["10.0.0.2"])
        }),
    ]
}

fn isolated(key: &str, subject: &str, source: &str) -> Resource {
    let http = Entity { ports: vec![Port::Named("http".into())], ..peer("app == 'y'") };
    let ingress = vec![allow(peer(source), Entity::default())];
    Resource::Policy(Policy { ingress, egress: vec![allow(Entity::default(), http)], ..policy(key, subject) })
}

fn with(state: State, more: impl IntoIterator<Item = Resource>) -> State {
    let mut by_key: BTreeMap<ResourceKey, Resource> =
        state.into_iter().map(|resource| (resource.key(), resource)).collect();
    by_key.extend(more.into_iter().map(|resource| (resource.key(), resource)));
    by_key.into_values().collect()
}

fn states() -> Vec<State> {
    let first = with(base(), [isolated("np m/p", "app == 'x'", "pcns.env == 'q'")]);
    let shared_set = with(first.clone(), [isolated("gnp q", "has(app)", "pcns.env == 'q'")]);
    let relabelled = with(shared_set.clone(), [namespace("n", "env=p"), namespace("m", "env=q")]);
    let reused = with(relabelled.clone(), [Resource::Pod(pod("n/c", "app=y", &["10.0.0.2"]))]);
    let moved = with(reused.clone(), [Resource::Pod(remote("m/a", "app=x", &["10.0.0.9"]))]);
    let retiered = with(
        moved.clone(),
        [
            Resource::Policy(Policy { tier: "late".into(), ..policy("gnp q", "pcns.env == 'p'") }),
            tier("late", 2e6, TierAction::Pass),
        ],
    );
    let without_namespaces =
        retiered.iter().filter(|resource| !matches!(resource, Resource::Namespace(_))).cloned().collect();
    vec![base(), first, shared_set, relabelled, reused, moved, retiered, without_namespaces]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Results {
    AfterEachEvent,
    AfterEachState,
    AtTheEnd,
}

/// What leads from one state to another.
fn steps(from: &State, to: &State) -> Vec<Event> {
    let gone = from.iter().map(Resource::key).filter(|key| !to.iter().any(|resource| resource.key() == *key));
    let new = to.iter().filter(|resource| !from.contains(resource)).cloned();
    gone.map(Event::Delete).chain(new.map(Event::Upsert)).collect()
}

fn play(name: &str, states: &[State], copies: usize, results: Results) {
    let mut incremental = resolver([]);
    let mut store = Store::default();
    let mut before = State::new();
    for (place, state) in states.iter().enumerate() {
        for event in steps(&before, state) {
            store.apply(event.clone());
            (0..copies).for_each(|_| incremental.apply(event.clone()));
            if results == Results::AfterEachEvent {
                incremental.resolve();
            }
        }
        if results != Results::AtTheEnd || place + 1 == states.len() {
            let expected = oracle::resolve(&store, HERE, &[InterfacePrefix::default()]);
            assert_eq!(
                incremental.resolve(),
                expected,
                "{name}, state {place}, {results:?}, {copies} copies"
            );
        }
        before.clone_from(state);
    }
}

#[test]
fn states_in_every_way_in_which_they_can_arrive() {
    let forward = states();
    let reversed_keys = forward.iter().map(|state| state.iter().rev().cloned().collect()).collect();
    let backward = forward.iter().rev().cloned().collect();
    let with_empties = forward.iter().flat_map(|state| [state.clone(), State::new()]).collect();
    let split = forward.iter().flat_map(|state| [state[..state.len() / 2].to_vec(), state.clone()]).collect();
    let squashed = vec![forward[forward.len() - 1].clone()];
    let every_other = forward.iter().step_by(2).cloned().collect();
    let expansions: [(&str, Vec<State>); 7] = [
        ("forward", forward),
        ("reversed keys", reversed_keys),
        ("backward", backward),
        ("with empties", with_empties),
        ("split", split),
        ("squashed", squashed),
        ("every other", every_other),
    ];
    for (name, states) in &expansions {
        for results in [Results::AfterEachEvent, Results::AfterEachState, Results::AtTheEnd] {
            (1..=2).for_each(|copies| play(name, states, copies, results));
        }
    }
}

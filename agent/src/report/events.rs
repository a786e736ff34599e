//! Events about what is wrong with objects.
//!
//! Bounds, for each node: [`concern::LIMIT`] Events that stand at a time, [`BURST`] requests at once and one in [`REFILL`] after that. An Event that stands
//! is renewed by whoever made it before the API server forgets it (after an hour, unless told otherwise); the others look now and then whether it still
//! stands. What was mended is told by nobody; its Event goes with its time. What cannot be told of one object is tried again after [`POSTPONED`], and keeps
//! nothing else waiting.
//!
//! [`concern::LIMIT`]: super::concern::LIMIT

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ferrule_ruleset::{name::NodeName, resource::ResourceKey};
use k8s_openapi::api::{core::v1::ObjectReference, events::v1::Event};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    core::ApiResource,
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    CLOSED, MANAGER,
    attempt::{Outcome, Sink, Sinks, Unreachable, attempt},
    clock::Clock,
    concern::{Concern, Scope},
    event::event,
    jitter::Jitter,
    object::Place,
};
use crate::{
    agent::backoff::{Allowance, Backoff},
    source::{Judged, Judgements},
};

/// How many requests may be made at once.
const BURST: u32 = 10;
/// After how long one more may be made.
const REFILL: Duration = Duration::from_secs(5);
/// Over how long the nodes spread what all of them have to tell.
const SPREAD: Duration = Duration::from_secs(30);
/// After how long an Event of ours is renewed.
const RENEWAL: Duration = Duration::from_secs(45 * 60);
/// The first and the longest pause before something is told again that could not be.
const POSTPONED: (Duration, Duration) = (Duration::from_secs(3 * 60), Duration::from_secs(45 * 60));
/// After how long an Event of another node is looked after, which may be gone.
const RECHECK: Duration = Duration::from_secs(3 * 60 * 60);

const WRITE: Sink = "create and patch events.events.k8s.io";
const READ: Sink = "get an object that something is wrong with";

/// Whoever writes Events.
pub(super) struct Events {
    client: Client,
    node: NodeName,
    jitter: Jitter,
    allowance: Allowance,
    told: BTreeMap<Concern, Told>,
    /// The objects that there are concerns about and that were asked for.
    objects: BTreeMap<ResourceKey, ObjectReference>,
}

/// What was told of a concern.
struct Told {
    standing: Standing,
    /// When there is something to do about it.
    due: Instant,
    /// How long it waits when it cannot be told.
    retry: Backoff,
}

/// Whose Event it is.
#[derive(Clone, Copy)]
enum Standing {
    /// Nobody's yet.
    Untold,
    /// Ours, told so many times.
    Ours(i32),
    /// Another node's.
    Others,
}

/// What can be known of an object.
enum Identity {
    Known(ObjectReference),
    /// It is gone.
    Gone,
    /// The server could not say.
    Unknown(String),
}

impl Events {
    /// Nothing has been told.
    pub fn new(client: Client, node: NodeName, jitter: Jitter, now: Instant) -> Self {
        let allowance = Allowance::new(BURST, REFILL, now);
        Self { client, node, jitter, allowance, told: BTreeMap::new(), objects: BTreeMap::new() }
    }

    /// Asks over this client from now on.
    pub fn set_client(&mut self, client: Client) {
        self.client = client;
    }

    /// These are all the concerns now. Tells what is due of them, as far as the allowance goes.
    pub async fn tell(
        &mut self,
        concerns: &[Concern],
        judgements: &Judgements,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        let present: BTreeSet<&Concern> = concerns.iter().collect();
        self.told.retain(|concern, _| present.contains(concern));
        let objects: BTreeSet<&ResourceKey> = concerns.iter().map(|concern| &concern.object).collect();
        self.objects.retain(|object, _| objects.contains(object));
        for concern in self.due(concerns, now) {
            let judged = judgements.get(&concern.object);
            // What was found in an object is on its way together with what was seen of it.
            if judged.is_none() && !is_asked_for(concern) {
                continue;
            }
            if !sinks.is_open(WRITE, now) || !self.allowance.spend(now) {
                break;
            }
            self.tell_of(concern, judged, clock, sinks).await?;
        }
        Ok(())
    }

    /// The server can again what it could not: nothing that was postponed waits any longer.
    pub fn hasten(&mut self, now: Instant) {
        let soon = now + self.jitter.within(SPREAD);
        for told in self.told.values_mut().filter(|told| matches!(told.standing, Standing::Untold)) {
            told.due = told.due.min(soon);
        }
    }

    /// What there is to do something about, in the order of how long it has waited.
    fn due<'a>(&mut self, concerns: &'a [Concern], now: Instant) -> Vec<&'a Concern> {
        let mut waiting = Vec::new();
        for concern in concerns {
            let delay = match concern.scope {
                Scope::Cluster => self.jitter.within(SPREAD),
                Scope::Node => Duration::ZERO,
            };
            let retry = Backoff::new(POSTPONED.0, POSTPONED.1);
            let untold = Told { standing: Standing::Untold, due: now + delay, retry };
            let due = self.told.entry(concern.clone()).or_insert(untold).due;
            if due <= now {
                waiting.push((due, concern));
            }
        }
        waiting.sort_by_key(|(due, _)| *due);
        waiting.into_iter().map(|(_, concern)| concern).collect()
    }

    async fn tell_of(
        &mut self,
        concern: &Concern,
        judged: Option<&Judged>,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        let identity = match judged.and_then(|judged| as_judged(&concern.object, judged)) {
            Some(regarding) => Identity::Known(regarding),
            None => self.identity(&concern.object, sinks).await?,
        };
        let regarding = match identity {
            Identity::Known(regarding) => regarding,
            Identity::Gone => {
                self.note(concern, Standing::Others, now + self.jitter.around(RENEWAL));
                return Ok(());
            }
            Identity::Unknown(reason) => {
                self.postpone(concern, &reason, now);
                return Ok(());
            }
        };
        let event = event(concern, &regarding, &self.node, clock.micro_time(now));
        let standing = self.told.get(concern).map_or(Standing::Untold, |told| told.standing);
        let told = match standing {
            Standing::Ours(count) => self.renew(&event, count).await?,
            Standing::Untold | Standing::Others => self.make(&event, concern.scope).await?,
        };
        match told {
            Outcome::Done(standing @ Standing::Others) => {
                self.note(concern, standing, now + self.jitter.around(RECHECK));
            }
            Outcome::Done(standing) => self.note(concern, standing, now + self.jitter.around(RENEWAL)),
            // Its namespace is gone, or somebody was faster: it is looked at again with time.
            Outcome::NotFound | Outcome::Conflict => {
                self.note(concern, Standing::Untold, now + self.jitter.around(RENEWAL));
            }
            Outcome::Declined(reason) | Outcome::Failed(reason) => {
                self.postpone(concern, &reason, now);
                return Ok(());
            }
            Outcome::Refused(reason) => {
                sinks.close(WRITE, reason, now);
                // A right may be missing in one namespace only: next time it is another one's turn.
                self.set_due(concern, now + CLOSED);
                return Ok(());
            }
        }
        sinks.open(WRITE);
        Ok(())
    }

    fn note(&mut self, concern: &Concern, standing: Standing, due: Instant) {
        let retry = Backoff::new(POSTPONED.0, POSTPONED.1);
        self.told.insert(concern.clone(), Told { standing, due, retry });
    }

    /// It cannot be told now; others can, perhaps.
    fn postpone(&mut self, concern: &Concern, reason: &str, now: Instant) {
        tracing::debug!(object = %concern.object, reason, "not told by an Event");
        if let Some(told) = self.told.get_mut(concern) {
            told.due = now + self.jitter.around(told.retry.pause());
        }
    }

    fn set_due(&mut self, concern: &Concern, due: Instant) {
        if let Some(told) = self.told.get_mut(concern) {
            told.due = due;
        }
    }

    /// Makes an Event, or finds it made. One that only this node can have made is renewed.
    async fn make(&self, event: &Event, scope: Scope) -> Result<Outcome<Standing>, Unreachable> {
        let made = attempt(self.api(event).create(&PostParams::default(), event)).await?;
        Ok(match (made, scope) {
            (Outcome::Done(_), _) => Outcome::Done(Standing::Ours(1)),
            (Outcome::Conflict, Scope::Cluster) => Outcome::Done(Standing::Others),
            (Outcome::Conflict, Scope::Node) => return self.patch(event, 1).await,
            (Outcome::NotFound, _) => Outcome::NotFound,
            (Outcome::Declined(reason), _) => Outcome::Declined(reason),
            (Outcome::Failed(reason), _) => Outcome::Failed(reason),
            (Outcome::Refused(reason), _) => Outcome::Refused(reason),
        })
    }

    /// Tells once more what an Event tells; makes it anew if it is gone.
    async fn renew(&self, event: &Event, count: i32) -> Result<Outcome<Standing>, Unreachable> {
        match self.patch(event, count).await? {
            Outcome::NotFound => self.make(event, Scope::Cluster).await,
            outcome @ (Outcome::Done(_)
            | Outcome::Conflict
            | Outcome::Declined(_)
            | Outcome::Failed(_)
            | Outcome::Refused(_)) => Ok(outcome),
        }
    }

    async fn patch(&self, event: &Event, count: i32) -> Result<Outcome<Standing>, Unreachable> {
        let count = count.saturating_add(1);
        let series = json!({"series": {"count": count, "lastObservedTime": event.event_time}});
        let name = event.metadata.name.clone().unwrap_or_default();
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(series);
        let patched = attempt(self.api(event).patch(&name, &parameters, &patch)).await?;
        Ok(patched.map(|_| Standing::Ours(count)))
    }

    fn api(&self, event: &Event) -> Api<Event> {
        Api::namespaced(self.client.clone(), event.metadata.namespace.as_deref().unwrap_or_default())
    }

    /// The object as Events refer to it. By its UID people find the Event when they describe the object; where it may not be read, it goes without.
    async fn identity(&mut self, key: &ResourceKey, sinks: &mut Sinks) -> Result<Identity, Unreachable> {
        if let Some(known) = self.objects.get(key) {
            return Ok(Identity::Known(known.clone()));
        }
        let now = Instant::now();
        let place = Place::of(key);
        let mut identity = Identity::Gone;
        for resource in &place.resources {
            if !sinks.is_open(READ, now) {
                identity = Identity::Known(reference(&place, resource, None));
                break;
            }
            let api = place.api(&self.client, resource);
            match attempt(api.get_metadata(&place.name)).await? {
                Outcome::Done(object) => {
                    sinks.open(READ);
                    identity = Identity::Known(reference(&place, resource, object.metadata.uid));
                    break;
                }
                Outcome::NotFound | Outcome::Conflict => {}
                // One of its forms may be served by somebody else who is away.
                Outcome::Declined(reason) | Outcome::Failed(reason) => identity = Identity::Unknown(reason),
                Outcome::Refused(reason) => {
                    sinks.close(READ, reason, now);
                    identity = Identity::Known(reference(&place, resource, None));
                    break;
                }
            }
        }
        if let Identity::Known(object) = &identity {
            self.objects.insert(key.clone(), object.clone());
        }
        Ok(identity)
    }
}

/// Whether the server is asked for the object: what is found by something else than its conversion is about objects of which nothing was kept.
fn is_asked_for(concern: &Concern) -> bool {
    concern.scope == Scope::Node || matches!(concern.object, ResourceKey::Namespace(_))
}

/// The object as Events refer to it, by what was seen of it.
fn as_judged(key: &ResourceKey, judged: &Judged) -> Option<ObjectReference> {
    let place = Place::of(key);
    let resource = place.resource(judged.api_version)?;
    Some(reference(&place, resource, Some(judged.uid.to_string())))
}

fn reference(place: &Place, resource: &ApiResource, uid: Option<String>) -> ObjectReference {
    ObjectReference {
        api_version: Some(resource.api_version.clone()),
        kind: Some(resource.kind.clone()),
        namespace: place.namespace.clone(),
        name: Some(place.name.clone()),
        uid,
        ..ObjectReference::default()
    }
}

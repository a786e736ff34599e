//! The condition `ferrule.io/Understood` on policies of kinds that have conditions: AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy.
//!
//! The API leaves to implementations which conditions there are. Ours says whether the object is understood, which is the same on every node, so that one
//! entry in each object is enough, whoever writes it. It is written only where something is not understood, and once more when that is mended. A node reads
//! before it writes, and leaves alone what is as it should be: of many nodes the first one writes.
//!
//! A node says only of what it has judged that it is understood or not: `observedGeneration` is the generation that it saw, and where the server holds
//! another one nothing is said. Of an object that it does not know it says nothing.
//!
//! Written by a merge patch that holds all conditions, other people's as they were read, and the version that was read, which the API server compares.
//! Server-side apply would own the whole list where a definition does not say that it is a map, as in v0.1 of the API.

mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ferrule_ruleset::{
    policy::{PolicyKey, PolicyKind},
    resource::ResourceKey,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
    core::DynamicObject,
};
use tokio::time::Instant;

use super::{
    MANAGER,
    attempt::{Outcome, Sink, Sinks, Unreachable, attempt},
    clock::Clock,
    jitter::Jitter,
    object::Place,
};
use crate::{
    agent::backoff::{Allowance, Backoff},
    source::{Judged, Judgements},
};
use verdict::{TYPE, Verdict};

/// How many objects may be looked at, at once, and after how long one more.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_secs(5);
/// Over how long the nodes spread what all of them have to say.
const SPREAD: Duration = Duration::from_secs(30);
/// The first and the longest pause before something is tried again that the server could not do.
const POSTPONED: (Duration, Duration) = (Duration::from_secs(3 * 60), Duration::from_secs(45 * 60));
/// After how long an object is looked at again that is another on the server than the one that was judged.
const LAG: Duration = Duration::from_secs(30);
/// How often an object is looked at that has long said what it should: it may have been changed without becoming any better.
const RECHECK: Duration = Duration::from_secs(30 * 60);

const WRITE: Sink = "patch the status of policies of policy.networking.k8s.io";
const READ: Sink = "get and list policies of policy.networking.k8s.io";

/// Whoever writes conditions.
pub(super) struct Conditions {
    client: Client,
    jitter: Jitter,
    allowance: Allowance,
    /// When to look for what nobody has cleared.
    sweep_at: Instant,
    sweep_retry: Backoff,
    /// The kinds that were looked through.
    swept: BTreeSet<PolicyKind>,
    /// What was found to be said not to be understood, and has not been judged yet.
    blamed: BTreeSet<ResourceKey>,
    subjects: BTreeMap<ResourceKey, State>,
}

/// What is known of an object.
struct State {
    /// What was last said; none if nothing is known of that.
    told: Option<Verdict>,
    /// When something else may be said of it; none if nothing else is to be said.
    due: Option<Instant>,
    /// How soon after the last word another one may follow.
    earliest: Instant,
    /// When to see whether it still says what was said.
    recheck_at: Instant,
    /// How long it waits when the server could not do something about it.
    retry: Backoff,
}

impl Conditions {
    /// Nothing has been said.
    pub fn new(client: Client, jitter: Jitter, now: Instant) -> Self {
        Self {
            client,
            jitter,
            allowance: Allowance::new(BURST, REFILL, now),
            sweep_at: now + jitter.within(SPREAD),
            sweep_retry: Backoff::new(POSTPONED.0, POSTPONED.1),
            swept: BTreeSet::new(),
            blamed: BTreeSet::new(),
            subjects: BTreeMap::new(),
        }
    }

    /// Asks over this client from now on.
    pub fn set_client(&mut self, client: Client) {
        self.client = client;
    }

    /// These are all the objects that can have a condition, as they were judged; of what is not among them nothing is said. The sources have been read.
    pub async fn tell(
        &mut self,
        judgements: &Judgements,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        if self.sweep_at <= now && sinks.is_open(READ, now) {
            self.sweep(judgements, sinks).await?;
        }
        self.subjects.retain(|key, _| judgements.contains_key(key));
        for (key, judged) in judgements {
            let is_wrong = Judged::has_condition(key) && !judged.errors.is_empty();
            if (self.blamed.remove(key) || is_wrong) && !self.subjects.contains_key(key) {
                self.subjects.insert(key.clone(), State::new(now));
            }
        }
        for key in self.due(judgements, now) {
            let open = sinks.is_open(READ, now) && sinks.is_open(WRITE, now);
            if !open || !self.allowance.spend(now) {
                break;
            }
            if let Some(judged) = judgements.get(&key) {
                self.say(&key, judged, clock, sinks).await?;
            }
        }
        Ok(())
    }

    /// The server can again what it could not: nothing that was postponed waits any longer.
    pub fn hasten(&mut self, now: Instant) {
        let soon = now + self.jitter.within(SPREAD);
        self.sweep_at = self.sweep_at.min(soon);
        for state in self.subjects.values_mut() {
            state.due = state.due.map(|due| due.min(soon));
        }
    }

    /// The objects of which something is to be said now.
    fn due(&mut self, judgements: &Judgements, now: Instant) -> Vec<ResourceKey> {
        let spread = self.jitter.within(SPREAD);
        let mut due = Vec::new();
        for (key, state) in &mut self.subjects {
            let Some(judged) = judgements.get(key) else { continue };
            let at = if state.told.as_ref() == Some(&Verdict::of(judged)) {
                state.due = None;
                state.recheck_at
            } else {
                *state.due.get_or_insert((now + spread).max(state.earliest))
            };
            if at <= now {
                due.push(key.clone());
            }
        }
        due
    }

    /// Finds objects that are said not to be understood, perhaps by an agent that did not live to see them mended, once for each kind.
    async fn sweep(&mut self, judgements: &Judgements, sinks: &mut Sinks) -> Result<(), Unreachable> {
        let now = Instant::now();
        for (key, judged) in judgements.iter().filter(|(key, _)| Judged::has_condition(key)) {
            let ResourceKey::Policy(PolicyKey { kind, .. }) = key else { continue };
            let place = Place::of(key);
            let Some(resource) = place.resource(judged.api_version) else { continue };
            if self.swept.contains(kind) {
                continue;
            }
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), resource);
            let objects = match attempt(api.list(&ListParams::default())).await? {
                Outcome::Done(objects) => objects,
                Outcome::NotFound | Outcome::Conflict => continue,
                Outcome::Declined(reason) | Outcome::Failed(reason) => {
                    tracing::debug!(%kind, reason, "policies are not looked through for conditions");
                    self.sweep_at = now + self.jitter.around(self.sweep_retry.pause());
                    continue;
                }
                Outcome::Refused(reason) => {
                    sinks.close(READ, reason, now);
                    return Ok(());
                }
            };
            sinks.open(READ);
            self.swept.insert(*kind);
            let is_blamed = |object: &DynamicObject| {
                verdict::conditions(object).iter().any(|one| one["type"] == TYPE && one["status"] == "False")
            };
            for name in objects.items.into_iter().filter(is_blamed).filter_map(|object| object.metadata.name)
            {
                let blamed = PolicyKey { kind: *kind, namespace: None, name: name.into() };
                self.blamed.insert(ResourceKey::Policy(blamed));
            }
        }
        Ok(())
    }

    /// Says it of an object, unless somebody has.
    async fn say(
        &mut self,
        key: &ResourceKey,
        judged: &Judged,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        let verdict = Verdict::of(judged);
        let written = self.write(key, judged.api_version, &verdict, &clock.time(now), sinks).await?;
        let Some(state) = self.subjects.get_mut(key) else { return Ok(()) };
        match written {
            Outcome::Done(()) if verdict.message.is_none() => drop(self.subjects.remove(key)),
            Outcome::Done(()) => state.note_told(verdict, now, self.jitter),
            Outcome::NotFound => drop(self.subjects.remove(key)),
            Outcome::Conflict => state.put_off(now + self.jitter.around(LAG)),
            Outcome::Declined(reason) | Outcome::Failed(reason) => {
                tracing::debug!(object = %key, reason, "not told by a condition");
                let pause = state.retry.pause();
                state.put_off(now + self.jitter.around(pause));
            }
            // Its sink is closed, and it stays the first.
            Outcome::Refused(_) => {}
        }
        Ok(())
    }

    /// Makes an object say it, unless it does or is another than was judged.
    async fn write(
        &self,
        key: &ResourceKey,
        api_version: &str,
        verdict: &Verdict,
        time: &Time,
        sinks: &mut Sinks,
    ) -> Result<Outcome<()>, Unreachable> {
        let now = Instant::now();
        let place = Place::of(key);
        let Some(resource) = place.resource(api_version) else { return Ok(Outcome::NotFound) };
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), resource);
        let read = attempt(api.get(&place.name)).await?;
        sinks.note(READ, &read, now);
        let Outcome::Done(object) = read else { return Ok(read.map(drop)) };
        if !verdict.is_of(&object) {
            // One of the two is older. Nothing is said of what was not seen.
            return Ok(Outcome::Conflict);
        }
        let Some(patch) = verdict.patch(&object, time) else { return Ok(Outcome::Done(())) };
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(patch);
        let written = attempt(api.patch_status(&place.name, &parameters, &patch)).await?;
        sinks.note(WRITE, &written, now);
        Ok(written.map(drop))
    }
}

impl State {
    /// Nothing is known of it.
    fn new(now: Instant) -> Self {
        let retry = Backoff::new(POSTPONED.0, POSTPONED.1);
        Self { told: None, due: None, earliest: now, recheck_at: now, retry }
    }

    /// It says so now.
    fn note_told(&mut self, verdict: Verdict, now: Instant, jitter: Jitter) {
        self.told = Some(verdict);
        self.due = None;
        // Findings that follow each other are one condition.
        self.earliest = now + REFILL;
        self.recheck_at = now + jitter.around(RECHECK);
        self.retry.reset();
    }

    /// Nothing can be said of it before this time; of others, perhaps.
    fn put_off(&mut self, until: Instant) {
        (self.due, self.recheck_at) = (Some(until), until);
    }
}

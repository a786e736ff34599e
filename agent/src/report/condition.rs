//! The condition `ferrule.io/Understood` on policies of kinds that have conditions: AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy.
//!
//! The API leaves to implementations which conditions there are. Ours says whether the object is understood, which is the same on every node, so that one
//! entry in each object is enough, whoever writes it. It is written only where something is not understood, and once more when that is mended. A node reads
//! before it writes, and leaves alone what is as it should be: of many nodes the first one writes.
//!
//! Written by a merge patch that holds all conditions, other people's as they were read, and the version that was read, which the API server compares.
//! Server-side apply would own the whole list where a definition does not say that it is a map, as in v0.1 of the API.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    MANAGER,
    attempt::{Outcome, Sink, Sinks, Unreachable, attempt},
    clock::Clock,
    concern::{Concern, Reason, Scope, shorten},
    jitter::Jitter,
    object::{POLICY_GROUP, Place},
};
use crate::agent::backoff::{Allowance, Backoff};

/// The condition.
const TYPE: &str = "ferrule.io/Understood";
/// The kinds.
const KINDS: [(&str, &str, &str); 3] = [
    ("v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies"),
    ("v1alpha1", "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies"),
    ("v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies"),
];
/// How long the message of a condition may be, in bytes.
const LONGEST: usize = 2048;
/// How many objects may be looked at, at once, and after how long one more.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_secs(5);
/// Over how long the nodes spread what all of them have to say.
const SPREAD: Duration = Duration::from_secs(30);
/// The first and the longest pause before something is tried again that the server could not do.
const POSTPONED: (Duration, Duration) = (Duration::from_secs(2 * 60), Duration::from_secs(45 * 60));
/// How often an object is looked at that has long said what it should: it may have been changed without becoming any better.
const RECHECK: Duration = Duration::from_secs(30 * 60);

const WRITE: Sink = "patch the status of policies of policy.networking.k8s.io";
const READ: Sink = "get and list policies of policy.networking.k8s.io";

/// Whoever writes conditions.
pub(super) struct Conditions {
    client: Client,
    jitter: Jitter,
    allowance: Allowance,
    /// When to look for what nobody has cleared; none if that was done.
    sweep_at: Option<Instant>,
    sweep_retry: Backoff,
    subjects: BTreeMap<Subject, State>,
}

/// An object, by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    kind: String,
    name: String,
}

struct State {
    resource: ApiResource,
    /// What was last said; none if nothing is known of that.
    told: Option<Verdict>,
    /// When something else may be said of it.
    due: Instant,
    /// When to see whether it still says what was said.
    recheck_at: Instant,
    /// How long it waits when the server could not do something about it.
    retry: Backoff,
}

/// What there is to say of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Understood,
    NotUnderstood(String),
}

impl Conditions {
    /// Nothing has been said.
    pub fn new(client: Client, jitter: Jitter, now: Instant) -> Self {
        Self {
            client,
            jitter,
            allowance: Allowance::new(BURST, REFILL, now),
            sweep_at: Some(now + jitter.within(SPREAD)),
            sweep_retry: Backoff::new(POSTPONED.0, POSTPONED.1),
            subjects: BTreeMap::new(),
        }
    }

    /// These are all the concerns now, and the sources have been read.
    pub async fn tell(
        &mut self,
        concerns: &BTreeSet<Concern>,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        if self.sweep_at.is_some_and(|at| at <= now) && sinks.is_open(READ, now) {
            self.sweep(sinks).await?;
        }
        let wanted = self.wanted(concerns, now);
        let subjects: Vec<Subject> = self.subjects.keys().cloned().collect();
        for subject in subjects {
            let verdict = wanted
                .get(&subject)
                .map_or(Verdict::Understood, |message| Verdict::NotUnderstood(message.clone()));
            let Some(state) = self.subjects.get_mut(&subject) else { continue };
            let is_told = state.told.as_ref() == Some(&verdict);
            if now < if is_told { state.recheck_at } else { state.due } {
                continue;
            }
            let open = sinks.is_open(READ, now) && sinks.is_open(WRITE, now);
            if !open || !self.allowance.spend(now) {
                break;
            }
            self.say(&subject, verdict, clock, sinks).await?;
        }
        Ok(())
    }

    /// What is not understood, by object; each has a place among the subjects from now on.
    fn wanted(&mut self, concerns: &BTreeSet<Concern>, now: Instant) -> BTreeMap<Subject, String> {
        let mut wanted: BTreeMap<Subject, String> = BTreeMap::new();
        for concern in concerns {
            if (concern.reason, concern.scope) != (Reason::NotUnderstood, Scope::Cluster) {
                continue;
            }
            let place = Place::of(&concern.object);
            let Some(resource) = place.resources.iter().find(|resource| resource.group == POLICY_GROUP)
            else {
                continue;
            };
            let subject = Subject { kind: resource.kind.clone(), name: place.name.clone() };
            let due = now + self.jitter.within(SPREAD);
            self.subjects.entry(subject.clone()).or_insert_with(|| State::new(resource.clone(), due));
            let message = wanted.entry(subject).or_default();
            if !message.is_empty() {
                message.push('\n');
            }
            message.push_str(&concern.note);
        }
        wanted.into_iter().map(|(subject, message)| (subject, shorten(message, LONGEST))).collect()
    }

    /// Finds objects that are said not to be understood, perhaps by an agent that did not live to see them mended.
    async fn sweep(&mut self, sinks: &mut Sinks) -> Result<(), Unreachable> {
        let now = Instant::now();
        for (version, kind, plural) in KINDS {
            let resource = ApiResource::from_gvk_with_plural(
                &GroupVersionKind::gvk(POLICY_GROUP, version, kind),
                plural,
            );
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            let objects = match attempt(api.list(&ListParams::default())).await? {
                Outcome::Done(objects) => objects,
                Outcome::NotFound | Outcome::Conflict => continue,
                Outcome::Declined(reason) | Outcome::Failed(reason) => {
                    tracing::debug!(kind, reason, "policies are not looked through for conditions");
                    self.sweep_at = Some(now + self.jitter.around(self.sweep_retry.pause()));
                    return Ok(());
                }
                Outcome::Refused(reason) => {
                    sinks.close(READ, reason, now);
                    return Ok(());
                }
            };
            for object in objects {
                let blamed =
                    conditions(&object).iter().any(|one| one["type"] == TYPE && one["status"] == "False");
                if let (true, Some(name)) = (blamed, object.metadata.name) {
                    let subject = Subject { kind: kind.to_owned(), name };
                    self.subjects.entry(subject).or_insert_with(|| State::new(resource.clone(), now));
                }
            }
        }
        sinks.open(READ);
        self.sweep_at = None;
        Ok(())
    }

    /// Says it of an object, unless somebody has.
    async fn say(
        &mut self,
        subject: &Subject,
        verdict: Verdict,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        let Some(state) = self.subjects.get_mut(subject) else { return Ok(()) };
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &state.resource);
        let object = match attempt(api.get(&subject.name)).await? {
            Outcome::Done(object) => object,
            Outcome::NotFound | Outcome::Conflict => {
                self.subjects.remove(subject);
                return Ok(());
            }
            Outcome::Declined(reason) | Outcome::Failed(reason) => {
                state.postpone(subject, &reason, self.jitter, now);
                return Ok(());
            }
            Outcome::Refused(reason) => {
                sinks.close(READ, reason, now);
                return Ok(());
            }
        };
        sinks.open(READ);
        let written = match patch(&object, &verdict, &clock.time(now)) {
            None => Outcome::Done(()),
            Some(patch) => {
                let parameters =
                    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
                attempt(api.patch_status(&subject.name, &parameters, &Patch::Merge(patch))).await?.map(drop)
            }
        };
        match written {
            Outcome::Done(()) => {
                sinks.open(WRITE);
                match verdict {
                    Verdict::Understood => drop(self.subjects.remove(subject)),
                    Verdict::NotUnderstood(_) => {
                        state.told = Some(verdict);
                        state.retry.reset();
                        // Findings that follow each other are one condition.
                        state.due = now + REFILL;
                        state.recheck_at = now + self.jitter.around(RECHECK);
                    }
                }
            }
            Outcome::Conflict => state.due = now + REFILL,
            Outcome::NotFound => drop(self.subjects.remove(subject)),
            Outcome::Declined(reason) | Outcome::Failed(reason) => {
                state.postpone(subject, &reason, self.jitter, now);
            }
            Outcome::Refused(reason) => sinks.close(WRITE, reason, now),
        }
        Ok(())
    }
}

impl State {
    /// Nothing is known of it; something may be said from this time on.
    fn new(resource: ApiResource, due: Instant) -> Self {
        let retry = Backoff::new(POSTPONED.0, POSTPONED.1);
        Self { resource, told: None, due, recheck_at: due, retry }
    }

    /// Nothing can be said of it now; of others, perhaps.
    fn postpone(&mut self, subject: &Subject, reason: &str, jitter: Jitter, now: Instant) {
        let Subject { kind, name } = subject;
        tracing::debug!(kind, name, reason, "not told by a condition");
        self.due = now + jitter.around(self.retry.pause());
        self.recheck_at = self.due;
    }
}

/// The change that makes an object say this; none if it does.
fn patch(object: &DynamicObject, verdict: &Verdict, now: &Time) -> Option<Value> {
    let mut conditions = conditions(object);
    let place = conditions.iter().position(|one| one["type"] == TYPE);
    let known = place.map(|place| conditions.remove(place));
    let (status, reason, message) = match verdict {
        Verdict::Understood => ("True", "Understood", ""),
        Verdict::NotUnderstood(message) => ("False", "NotUnderstood", message.as_str()),
    };
    let is_said = |known: &Value| {
        (&known["status"], &known["reason"], &known["message"])
            == (&json!(status), &json!(reason), &json!(message))
            && known["observedGeneration"] == json!(object.metadata.generation)
    };
    match &known {
        Some(known) if is_said(known) => return None,
        // Nothing was ever wrong with it, and nobody asks.
        None if *verdict == Verdict::Understood => return None,
        Some(_) | None => {}
    }
    let since =
        known.filter(|known| known["status"] == status).map(|known| known["lastTransitionTime"].clone());
    conditions.push(json!({
        "type": TYPE,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": object.metadata.generation,
        "lastTransitionTime": since.unwrap_or_else(|| json!(now)),
    }));
    Some(json!({
        "metadata": {"resourceVersion": object.metadata.resource_version},
        "status": {"conditions": conditions},
    }))
}

fn conditions(object: &DynamicObject) -> Vec<Value> {
    object.data["status"]["conditions"].as_array().cloned().unwrap_or_default()
}

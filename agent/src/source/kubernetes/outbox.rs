//! What goes to the loop: events in batches, findings and obstacles when they change.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ferrule_ruleset::{
    convert::{self, Remark},
    event::Event,
    finding::{Finding, Severity},
    name::NamespaceName,
    policy::Tier,
    resource::{Resource, ResourceKey},
};
use tokio::{sync::mpsc, time::Instant};

use super::{object::Object, watching::NobodyListens};
use crate::{
    source::{Judged, Judgements, Message, Report, Source},
    turns::in_turns,
};

/// Events in a message.
const BATCH: usize = 1024;
/// How often findings are told.
const FINDINGS_PAUSE: Duration = Duration::from_secs(1);
/// Findings that are told, in turns; further ones are counted.
const MOST_FINDINGS: usize = 500;

/// The way to the loop.
#[derive(Debug)]
pub struct Outbox {
    sender: mpsc::Sender<Message>,
    events: Vec<Event>,
    findings: BTreeMap<Remarked, Vec<Finding>>,
    /// The objects that they are about, and all that have a condition; no errors stand here.
    judged: BTreeMap<ResourceKey, Judged>,
    are_findings_new: bool,
    /// When findings may be told again.
    findings_at: Option<Instant>,
}

/// What findings are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remarked {
    /// An object.
    Object(ResourceKey),
    /// The policies of a namespace that may be gone.
    Departing(NamespaceName),
    /// Something that has no identity, by what it is called.
    Nameless(String),
    /// Which kinds are served, and where.
    Kinds,
}

impl Remarked {
    /// An object, or what it stands in for.
    pub fn of(key: &ResourceKey) -> Self {
        if let ResourceKey::Policy(policy) = key
            && let Some(namespace) = &policy.namespace
            && *policy == convert::departing_namespace_key(namespace)
        {
            return Self::Departing(namespace.clone());
        }
        Self::Object(key.clone())
    }

    fn object(&self) -> Option<ResourceKey> {
        match self {
            Self::Object(key) => Some(key.clone()),
            Self::Departing(namespace) => Some(ResourceKey::Namespace(namespace.clone())),
            Self::Nameless(_) | Self::Kinds => None,
        }
    }
}

impl Outbox {
    /// Nothing has been said yet.
    pub fn new(sender: mpsc::Sender<Message>) -> Self {
        Self {
            sender,
            events: Vec::new(),
            findings: BTreeMap::new(),
            judged: BTreeMap::new(),
            are_findings_new: false,
            findings_at: None,
        }
    }

    /// The tiers that exist in every cluster, with or without an object.
    pub fn push_built_in_tiers(&mut self) {
        let tiers = Tier::BUILT_IN.iter().filter_map(|tier| convert::built_in_tier(tier.name));
        self.events.extend(tiers.map(|tier| Event::Upsert(Resource::Tier(tier))));
    }

    /// An event that goes out with the next batch.
    pub fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Whether a batch is complete.
    pub fn is_full(&self) -> bool {
        self.events.len() >= BATCH
    }

    /// These are all remarks about an object now.
    pub fn set_remarks(&mut self, subject: Remarked, remarks: Vec<Remark>) {
        let object = subject.object();
        let findings: Vec<Finding> =
            remarks.into_iter().map(|remark| finding(object.as_ref(), remark)).collect();
        let is_same = self.findings.get(&subject).map_or(findings.is_empty(), |known| *known == findings);
        if is_same {
            return;
        }
        self.are_findings_new = true;
        if findings.is_empty() {
            self.findings.remove(&subject);
        } else {
            self.findings.insert(subject, findings);
        }
    }

    /// The object is so as all that was remarked of it.
    pub fn note_judged(&mut self, key: &ResourceKey, api_version: &'static str, object: &Object) {
        if !Judged::has_condition(key) && !self.findings.contains_key(&Remarked::Object(key.clone())) {
            self.judged.remove(key);
            return;
        }
        let Object { uid, generation, .. } = object;
        let judged = Judged { api_version, uid: uid.clone(), generation: *generation, errors: Vec::new() };
        if self.judged.get(key) != Some(&judged) {
            self.judged.insert(key.clone(), judged);
            self.are_findings_new = true;
        }
    }

    /// The object is gone.
    pub fn forget(&mut self, key: &ResourceKey) {
        self.are_findings_new |= self.judged.remove(key).is_some();
    }

    /// When something has to be sent although nothing happens.
    pub fn alarm(&self) -> Option<Instant> {
        self.findings_at.filter(|_| self.are_findings_new)
    }

    /// Sends what has gathered. Findings, which are all told anew, go out at a low rate.
    pub async fn flush(&mut self, now: Instant) -> Result<(), NobodyListens> {
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            self.send(Report::Events(events)).await?;
        }
        if self.are_findings_new && self.findings_at.is_none_or(|at| at <= now) {
            self.are_findings_new = false;
            self.findings_at = Some(now + FINDINGS_PAUSE);
            let findings = self.present_findings();
            self.send(Report::Judgements(Arc::new(self.judgements(&findings)))).await?;
            self.send(Report::Findings(findings)).await?;
        }
        Ok(())
    }

    /// Sends a report now.
    pub async fn send(&self, report: Report) -> Result<(), NobodyListens> {
        let message = Message { source: Source::Kubernetes, report };
        self.sender.send(message).await.map_err(|_| NobodyListens)
    }

    fn present_findings(&self) -> Vec<Finding> {
        // Errors first in every turn, so that no number of warnings hides one.
        let all: BTreeSet<(Reverse<Severity>, &Finding)> =
            self.findings.values().flatten().map(|finding| (Reverse(finding.severity), finding)).collect();
        let number = all.len();
        let told = in_turns(all, MOST_FINDINGS, |(_, finding)| finding.object.clone());
        let mut told: Vec<Finding> = told.into_iter().map(|(_, finding)| finding.clone()).collect();
        if number > MOST_FINDINGS {
            told.push(Finding {
                location: None,
                severity: Severity::Warning,
                object: None,
                field: String::new(),
                message: format!("{} more findings about objects of the cluster", number - MOST_FINDINGS),
                consequence: String::new(),
            });
        }
        told
    }

    /// The objects of these findings, and all that have a condition.
    fn judgements(&self, told: &[Finding]) -> Judgements {
        let with_condition = self.judged.keys().filter(|key| Judged::has_condition(key));
        let keys = told.iter().filter_map(|finding| finding.object.as_ref()).chain(with_condition);
        let judged = |key: &ResourceKey| {
            let findings = self.findings.get(&Remarked::Object(key.clone())).into_iter().flatten();
            let errors = findings.filter(|finding| finding.severity == Severity::Error).cloned().collect();
            Some(Judged { errors, ..self.judged.get(key)?.clone() })
        };
        keys.filter_map(|key| Some((key.clone(), judged(key)?))).collect()
    }
}

fn finding(object: Option<&ResourceKey>, remark: Remark) -> Finding {
    let Remark { severity, field, message, consequence, .. } = remark;
    Finding { location: None, severity, object: object.cloned(), field, message, consequence }
}

#[cfg(test)]
mod tests;

//! What the agent knows of itself: whether the kernel holds what the sources say, and if not, why.
//!
//! Readiness is about enforcement. A file that cannot be understood does not end it, as the last good version of its objects stays enforced; it is named in the
//! body. A policy that the kernel refuses does end it. An update that is on its way does not, unless it takes longer than [`PATIENCE`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use ferrule_ruleset::{
    finding::{Finding, Location},
    name::NodeName,
    policy::PolicyKey,
    resource::ResourceKey,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    agent::{Cut, Guard, Remedy},
    source::{Judgements, Obstacle, Source},
};

/// How long an update may take before readiness speaks of it.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// How long the loop may be silent before it counts as stuck.
pub const STUCK: Duration = Duration::from_secs(90);

/// The state of the agent as others may ask for it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The node.
    pub node: NodeName,
    /// Sources that have not yet delivered what was there at the start.
    pub awaited: BTreeSet<Source>,
    /// What holds on workload interfaces until those sources have been read.
    pub guard: Guard,
    /// Since when the kernel has not held what the sources say; none if it does.
    pub behind_since: Option<Instant>,
    /// Why the last attempt failed; none if it did not.
    pub failure: Option<String>,
    /// Policies that the kernel refused, which are closed for that reason.
    pub refused: Vec<Refusal>,
    /// The change that cut the agent off from its source and is not in force, or would not be if there were something to put back.
    pub cut: Option<Cut>,
    /// What sources cannot follow. Once a source was in sync, this does not end readiness: what is known stays enforced.
    pub obstacles: BTreeMap<Source, Vec<Obstacle>>,
    /// What is wrong with the input.
    pub findings: BTreeMap<Source, Vec<Finding>>,
    /// As what the objects of an API server were seen that people are told about.
    pub judgements: Arc<Judgements>,
    /// How often the kernel was brought in step since the start.
    pub reconciliations: u64,
    /// When the kernel was last changed; none if everything has been as it should be since the start.
    pub changed_at: Option<Instant>,
    /// How much is enforced.
    pub extent: Extent,
    /// When the loop last gave a sign of life.
    pub alive_at: Instant,
}

/// How much of the node is governed by how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Pods that are endpoints.
    pub endpoints: usize,
    /// Host endpoints.
    pub host_endpoints: usize,
    /// Policies that govern at least one of them.
    pub policies: usize,
}

/// A policy that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The policy.
    pub policy: PolicyKey,
    /// Where it stands.
    pub location: Option<Location>,
    /// What the kernel said, about which of its objects.
    pub reason: String,
}

impl Status {
    /// The state before anything is known of the sources that are waited for.
    pub fn new(node: NodeName, awaited: BTreeSet<Source>, now: Instant) -> Self {
        Self {
            node,
            awaited,
            guard: Guard::Undecided,
            behind_since: Some(now),
            failure: None,
            refused: Vec::new(),
            cut: None,
            obstacles: BTreeMap::new(),
            findings: BTreeMap::new(),
            judgements: Arc::default(),
            reconciliations: 0,
            changed_at: None,
            extent: Extent::default(),
            alive_at: now,
        }
    }

    /// Why the node is not as the sources say; empty if it is.
    pub fn shortfalls(&self, now: Instant) -> Vec<String> {
        let mut shortfalls: Vec<String> =
            self.awaited.iter().map(|source| format!("{source}: not read yet")).collect();
        if !self.awaited.is_empty() && self.guard == Guard::Closed {
            shortfalls.push("workload interfaces are closed until then".to_owned());
        }
        let behind = self.behind_since.map(|since| now.duration_since(since));
        if let Some(failure) = &self.failure {
            let seconds = behind.unwrap_or_default().as_secs_f64();
            shortfalls.push(format!("the kernel has been behind for {seconds:.1} s: {failure}"));
        } else if self.awaited.is_empty() && self.reconciliations == 0 {
            shortfalls.push("the kernel has not been brought in step yet".to_owned());
        } else if let Some(behind) = behind.filter(|behind| self.awaited.is_empty() && *behind > PATIENCE) {
            shortfalls.push(format!(
                "the kernel has been behind for {:.1} s: an update is under way",
                behind.as_secs_f64()
            ));
        }
        shortfalls.extend(self.refused.iter().map(Refusal::to_string));
        shortfalls.extend(self.cut.as_ref().map(|cut| cut_off(cut, now)));
        shortfalls
    }

    /// Why the agent should be started anew; none if it works.
    pub fn stuck(&self, now: Instant) -> Option<String> {
        let silence = now.duration_since(self.alive_at);
        (silence > STUCK).then(|| format!("the loop has been silent for {} s", silence.as_secs()))
    }

    /// All obstacles, source by source.
    pub fn obstacles(&self) -> impl Iterator<Item = &Obstacle> {
        self.obstacles.values().flatten()
    }

    /// All findings, source by source.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values().flatten()
    }

    /// The readiness as text: a verdict, then a line for each thing that is behind or wrong.
    pub fn text(&self, now: Instant) -> String {
        let shortfalls = self.shortfalls(now);
        let mut text =
            format!("{}: node {}\n", if shortfalls.is_empty() { "ready" } else { "not ready" }, self.node);
        let obstacles = self.obstacles().map(|obstacle| obstacle.text(now));
        for line in shortfalls.into_iter().chain(obstacles).chain(self.findings().map(Finding::to_string)) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// The readiness as JSON.
    pub fn json(&self, now: Instant) -> Value {
        let shortfalls = self.shortfalls(now);
        json!({
            "ready": shortfalls.is_empty(),
            "node": self.node.as_str(),
            "reconciliations": self.reconciliations,
            "shortfalls": shortfalls,
            "rolled_back": self.cut.as_ref().map(|cut| json!({
                "change": cut.change,
                "seconds": now.duration_since(cut.since).as_secs_f64(),
                "put_back": cut.remedy == Remedy::PutBack,
            })),
            "obstacles": self.obstacles().map(|obstacle| obstacle_json(obstacle, now)).collect::<Vec<_>>(),
            "refused": self.refused.iter().map(Refusal::json).collect::<Vec<_>>(),
            "findings": self.findings().map(finding_json).collect::<Vec<_>>(),
        })
    }
}

impl Refusal {
    fn json(&self) -> Value {
        json!({
            "policy": ResourceKey::Policy(self.policy.clone()).to_string(),
            "file": self.location.as_ref().map(|location| &*location.file),
            "line": self.location.as_ref().map(|location| location.line),
            "reason": self.reason,
        })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        let policy = ResourceKey::Policy(self.policy.clone());
        write!(f, "{policy}: the kernel refuses it: {} (all that it governs is closed)", self.reason)
    }
}

fn cut_off(cut: &Cut, now: Instant) -> String {
    let Cut { change, since, remedy } = cut;
    let ago = now.duration_since(*since).as_secs_f64();
    match remedy {
        Remedy::PutBack => format!(
            "the last change cut the agent off from its source and was taken back {ago:.1} s ago ({change}); the ruleset before it is in force until \
             the sources want something else"
        ),
        Remedy::NothingToPutBack => format!(
            "the last change cut the agent off from its source, as found {ago:.1} s ago ({change}); no earlier ruleset is known as a whole to put back"
        ),
    }
}

fn obstacle_json(obstacle: &Obstacle, now: Instant) -> Value {
    json!({
        "subject": obstacle.subject,
        "seconds": now.duration_since(obstacle.since).as_secs_f64(),
        "reason": obstacle.reason,
    })
}

fn finding_json(finding: &Finding) -> Value {
    let location = finding.location.as_ref();
    json!({
        "severity": finding.severity.to_string(),
        "file": location.map(|location| &*location.file),
        "document": location.map(|location| location.document),
        "line": location.map(|location| location.line),
        "object": finding.object.as_ref().map(ResourceKey::to_string),
        "field": finding.field,
        "message": finding.message,
        "consequence": finding.consequence,
    })
}

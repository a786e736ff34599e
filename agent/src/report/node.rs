//! The object of the node: what stands in it, and its writing.

use std::time::Duration;

use ferrule_ruleset::{
    finding::{Finding, Severity},
    name::NodeName,
    resource::ResourceKey,
};
use k8s_openapi::{
    api::core::v1::Node,
    apimachinery::pkg::apis::meta::v1::{Condition, OwnerReference},
};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    CLOSED, MANAGER,
    attempt::{Outcome, Sink, Sinks, Unreachable, attempt},
    clock::Clock,
    concern::shorten,
    jitter::Jitter,
    pace::{Change, Pace},
};
use crate::{
    agent::{Cut, Remedy, backoff::Backoff},
    definition::{Enforcement, NodeFinding, NodeObstacle, NodePolicyStatus},
    status::{PATIENCE, Refusal, Status},
};

/// How many findings, and how many obstacles, stand in the object.
const LISTED: usize = 32;
/// How long a text in it may be, in bytes.
const LONGEST: usize = 512;
/// What enforces.
const DATAPLANE: &str = "nftables";

/// After how long a Node that is not there is looked for again at first; it is on its way when a machine joins the cluster.
const ABSENT: Duration = Duration::from_secs(10);

const WRITE: Sink = "create and patch nodepolicystatuses.ferrule.io";
const READ: Sink = "get the Node";
/// The first and the longest pause after the server could not write it.
const PAUSES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(300));

/// What there is to say of a node, but for when it is said. The condition is as old as the caller knows.
pub(super) fn enforcement(status: &Status, now: Instant, clock: &Clock) -> Enforcement {
    let findings = findings(status);
    let figure = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let obstacles = status.obstacles().take(LISTED).map(|obstacle| NodeObstacle {
        subject: shorten(obstacle.subject.clone(), LONGEST),
        since: clock.time(obstacle.since),
        reason: shorten(obstacle.reason.clone(), LONGEST),
    });
    let behind =
        status.behind_since.filter(|since| status.failure.is_some() || now.duration_since(*since) > PATIENCE);
    Enforcement {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        dataplane: DATAPLANE.to_owned(),
        report_time: None,
        last_change_time: status.changed_at.map(|at| clock.time(at)),
        behind_since: behind.map(|since| clock.time(since)),
        endpoints: figure(status.extent.endpoints),
        host_endpoints: figure(status.extent.host_endpoints),
        policies: figure(status.extent.policies),
        finding_count: figure(findings.len()),
        conditions: vec![ready(status, now, clock)],
        findings: findings.into_iter().take(LISTED).map(Graded::shown).collect(),
        obstacles: obstacles.collect(),
    }
}

/// Something wrong, the gravest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Graded<'a> {
    severity: std::cmp::Reverse<Severity>,
    object: Option<ResourceKey>,
    field: &'a str,
    message: &'a str,
    consequence: &'a str,
}

impl Graded<'_> {
    fn shown(self) -> NodeFinding {
        let text = |text: &str| (!text.is_empty()).then(|| shorten(text.to_owned(), LONGEST));
        NodeFinding {
            severity: self.severity.0.to_string(),
            object: self.object.map(|object| object.to_string()),
            field: text(self.field),
            message: shorten(self.message.to_owned(), LONGEST),
            consequence: text(self.consequence),
        }
    }
}

fn findings(status: &Status) -> Vec<Graded<'_>> {
    let refused = status.refused.iter().map(|Refusal { policy, reason, .. }| Graded {
        severity: std::cmp::Reverse(Severity::Error),
        object: Some(ResourceKey::Policy(policy.clone())),
        field: "",
        message: reason,
        consequence: "the kernel refuses it; all that it governs is closed",
    });
    let input = status.findings().map(|finding| {
        let Finding { location: _, severity, object, field, message, consequence } = finding;
        Graded { severity: std::cmp::Reverse(*severity), object: object.clone(), field, message, consequence }
    });
    let mut findings: Vec<Graded<'_>> = refused.chain(input).collect();
    findings.sort();
    findings
}

/// As readiness has it, in words that do not change while nothing does.
fn ready(status: &Status, now: Instant, clock: &Clock) -> Condition {
    let (reason, message) = if let Some(source) = status.awaited.first() {
        ("NotRead", format!("{source}: not read yet"))
    } else if let Some(failure) = &status.failure {
        ("KernelBehind", failure.clone())
    } else if let Some(Cut { change, remedy, .. }) = &status.cut {
        let outcome = match remedy {
            Remedy::PutBack => "the ruleset before it is in force",
            Remedy::NothingToPutBack => "no earlier ruleset is known as a whole to put back",
        };
        ("RolledBack", format!("the last change cut the agent off from its source ({change}); {outcome}"))
    } else if let [first, more @ ..] = &status.refused[..] {
        let more = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
        ("PolicyRefused", format!("{first}{more}"))
    } else if status.shortfalls(now).is_empty() {
        ("InStep", String::new())
    } else {
        ("KernelBehind", "an update is under way".to_owned())
    };
    Condition {
        type_: "Ready".to_owned(),
        status: if reason == "InStep" { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: shorten(message, LONGEST),
        last_transition_time: clock.time(now),
        observed_generation: None,
    }
}

/// Whoever writes the object.
pub(super) struct NodeObject {
    client: Client,
    node: NodeName,
    jitter: Jitter,
    pace: Pace,
    written: Option<Enforcement>,
    /// When the Node is looked for again after it was not there once more.
    absent: Duration,
    retry: Backoff,
    /// Until when nothing is written, as the server could not; none if it could.
    retry_at: Option<Instant>,
}

/// What became of the object.
enum Attempt {
    /// This.
    Made(Outcome<()>),
    /// There is no Node to which it would belong.
    NodeAbsent,
}

impl NodeObject {
    /// Nothing has been written.
    pub fn new(client: Client, node: NodeName, jitter: Jitter) -> Self {
        let retry = Backoff::new(PAUSES.0, PAUSES.1);
        let pace = Pace::new(jitter);
        Self { client, node, jitter, pace, written: None, absent: ABSENT, retry, retry_at: None }
    }

    /// Asks over this client from now on.
    pub fn set_client(&mut self, client: Client) {
        self.client = client;
    }

    /// This is how the node stands now. Writes it if it is time to.
    pub async fn tell(
        &mut self,
        mut enforcement: Enforcement,
        clock: &Clock,
        sinks: &mut Sinks,
    ) -> Result<(), Unreachable> {
        let now = Instant::now();
        self.carry_over(&mut enforcement);
        let change = self.change(&enforcement);
        let is_held = self.retry_at.is_some_and(|at| now < at);
        if !self.pace.is_due(change, now) || is_held || !sinks.is_open(WRITE, now) {
            return Ok(());
        }
        enforcement.report_time = Some(clock.time(now));
        let outcome = match self.write(&enforcement, sinks).await? {
            Attempt::Made(outcome) => outcome,
            Attempt::NodeAbsent => {
                let reason = format!("there is no Node {} to which it would belong", self.node);
                sinks.close_for(WRITE, reason, now, self.absent);
                self.absent = (self.absent * 2).min(CLOSED);
                return Ok(());
            }
        };
        match outcome {
            Outcome::Done(()) => {
                sinks.open(WRITE);
                // The server may have taken its time, and the pace is what it sees.
                self.pace.note_write(Instant::now());
                self.retry.reset();
                self.retry_at = None;
                self.written = Some(enforcement);
                self.absent = ABSENT;
            }
            Outcome::NotFound => {
                let reason = "the cluster does not serve this kind; apply deploy/base".to_owned();
                sinks.close(WRITE, reason, now);
            }
            Outcome::Conflict => self.pace.note_write(Instant::now()),
            Outcome::Failed(reason) => {
                tracing::debug!(reason, "the object of the node is not written");
                self.retry_at = Some(now + self.jitter.around(self.retry.pause()));
            }
            // There is one such object, so that what holds of it holds of all that we write there.
            Outcome::Declined(reason) | Outcome::Refused(reason) => sinks.close(WRITE, reason, now),
        }
        Ok(())
    }

    /// Whether the server could not write it when it was last asked to.
    pub fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// A condition is as old as its status.
    fn carry_over(&self, enforcement: &mut Enforcement) {
        let known = self.written.as_ref().and_then(|written| written.conditions.first());
        if let (Some(known), Some(present)) = (known, enforcement.conditions.first_mut())
            && known.status == present.status
        {
            present.last_transition_time = known.last_transition_time.clone();
        }
    }

    fn change(&self, enforcement: &Enforcement) -> Change {
        let Some(written) = &self.written else { return Change::News };
        let news = |of: &Enforcement| {
            (
                of.conditions.clone(),
                of.findings.clone(),
                of.finding_count,
                of.obstacles.clone(),
                of.behind_since.clone(),
            )
        };
        if news(written) != news(enforcement) {
            return Change::News;
        }
        let said = Enforcement { report_time: written.report_time.clone(), ..enforcement.clone() };
        if said == *written { Change::None } else { Change::Figures }
    }

    async fn write(&self, enforcement: &Enforcement, sinks: &mut Sinks) -> Result<Attempt, Unreachable> {
        match self.write_status(enforcement).await? {
            Outcome::NotFound => {}
            outcome @ (Outcome::Done(())
            | Outcome::Conflict
            | Outcome::Declined(_)
            | Outcome::Failed(_)
            | Outcome::Refused(_)) => return Ok(Attempt::Made(outcome)),
        }
        match self.create(sinks).await? {
            Attempt::Made(Outcome::Done(())) => Ok(Attempt::Made(self.write_status(enforcement).await?)),
            attempt @ (Attempt::NodeAbsent
            | Attempt::Made(
                Outcome::NotFound
                | Outcome::Conflict
                | Outcome::Declined(_)
                | Outcome::Failed(_)
                | Outcome::Refused(_),
            )) => Ok(attempt),
        }
    }

    async fn write_status(&self, enforcement: &Enforcement) -> Result<Outcome<()>, Unreachable> {
        let mut object = self.object();
        object["status"] = json!(enforcement);
        let (api, parameters, patch) = (self.api(), parameters(), Patch::Apply(object));
        let request = api.patch_status(self.node.as_str(), &parameters, &patch);
        Ok(attempt(request).await?.map(drop))
    }

    /// The object without its status, owned by the Node, so that it goes with it. Where the Node may not be read, nobody owns it; where there is none, it is
    /// on its way, and an object that is made now would stay for ever.
    async fn create(&self, sinks: &mut Sinks) -> Result<Attempt, Unreachable> {
        let mut object = self.object();
        object["spec"] = json!({});
        match self.owner(sinks).await? {
            Outcome::Done(owner) => object["metadata"]["ownerReferences"] = json!([owner]),
            Outcome::NotFound | Outcome::Conflict => return Ok(Attempt::NodeAbsent),
            Outcome::Failed(reason) => return Ok(Attempt::Made(Outcome::Failed(reason))),
            Outcome::Declined(_) | Outcome::Refused(_) => {}
        }
        let (api, parameters, patch) = (self.api(), parameters(), Patch::Apply(object));
        let request = api.patch(self.node.as_str(), &parameters, &patch);
        Ok(Attempt::Made(attempt(request).await?.map(drop)))
    }

    async fn owner(&self, sinks: &mut Sinks) -> Result<Outcome<OwnerReference>, Unreachable> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = attempt(nodes.get_metadata(self.node.as_str())).await?;
        if let Outcome::Refused(reason) = &node {
            sinks.close(READ, reason.clone(), Instant::now());
        } else {
            sinks.open(READ);
        }
        Ok(node.map(|node| OwnerReference {
            api_version: Node::api_version(&()).into_owned(),
            kind: Node::kind(&()).into_owned(),
            name: self.node.to_string(),
            uid: node.metadata.uid.unwrap_or_default(),
            ..OwnerReference::default()
        }))
    }

    fn object(&self) -> serde_json::Value {
        json!({
            "apiVersion": NodePolicyStatus::api_version(&()),
            "kind": NodePolicyStatus::kind(&()),
            "metadata": {"name": self.node.as_str()},
        })
    }

    fn api(&self) -> Api<NodePolicyStatus> {
        Api::all(self.client.clone())
    }
}

fn parameters() -> PatchParams {
    PatchParams::apply(MANAGER).force()
}

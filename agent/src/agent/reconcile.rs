//! One reconciliation: from what is known to what the kernel holds.

mod endpoints;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use ferrule_ruleset::{
    compile::{Compiler, Options},
    diff::diff,
    event::Event,
    finding::Finding,
    ir::{Endpoint, NodePolicy},
    links::Links,
    name::{InterfaceName, NodeName, ObjectName},
    nft::Ruleset,
    policy::PolicyKey,
    resolve::Resolver,
    resource::ResourceKey,
    tenancy::Tenancy,
};
use imbl::{OrdMap, OrdSet};
use tokio::time::Instant;

use super::{
    bearing::Bearing,
    changes::Changes,
    dataplane::{CommitError, Dataplane},
    quarantine::Quarantine,
    rollback::{Made, Rollback, describe},
    startup::Workloads,
};
use crate::metrics::{Metrics, Outcome, Stage};

/// After how many failures in a row our tables are replaced as a whole: whatever stands in the way of a change may be gone with them.
const SETBACK_LIMIT: u32 = 2;
/// How often in one reconciliation the kernel may turn out to be other than it was read a moment ago.
const STALE_LIMIT: u32 = 5;

/// Owner of everything between an event and the kernel.
#[derive(Debug)]
pub struct Reconciler<D> {
    dataplane: D,
    resolver: Resolver,
    compiler: Compiler,
    policy: NodePolicy,
    kernel: Kernel,
    /// Failures since the last success.
    setbacks: u32,
    quarantine: Quarantine,
    /// Who held which address when the kernel was last in step, or, before the first time, when it was first read.
    tenancy: Option<Tenancy>,
    /// The ruleset of that tenancy, once the kernel was in step.
    in_step: Option<Ruleset>,
    departed: BTreeSet<IpAddr>,
    /// The endpoints that the kernel was last given.
    given: OrdMap<ObjectName, Arc<Endpoint>>,
    /// The endpoints and links when interfaces were last looked at.
    looked_at: Surroundings,
    /// The endpoints and links when endpoints without an interface were last looked for; none while links are not known.
    placed: Option<Surroundings>,
    /// The links that exist.
    links: OrdSet<InterfaceName>,
    /// The node's own addresses, whose connections are never a pod's.
    own_addresses: BTreeSet<IpAddr>,
    rollback: Option<Rollback>,
    metrics: Arc<Metrics>,
}

/// Endpoints, and the links that existed with them.
type Surroundings = (OrdMap<ObjectName, Arc<Endpoint>>, OrdSet<InterfaceName>);

/// What is known of our tables in the kernel.
#[derive(Debug)]
enum Kernel {
    /// They have to be read.
    Unread,
    /// They hold something unaccountable and have to be replaced as a whole.
    Unaccountable,
    /// They hold this.
    Holds(Ruleset),
}

/// What a reconciliation did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What it changed.
    pub changes: Changes,
    /// How many batches that took.
    pub batches: usize,
    /// How many pods it made endpoints.
    pub newcomers: usize,
    /// How long each stage took.
    pub timings: Timings,
}

/// How long the stages took, repetitions included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Events to policy.
    pub resolve: Duration,
    /// Policy to ruleset.
    pub compile: Duration,
    /// Reading the kernel back.
    pub adopt: Duration,
    /// Finding the difference.
    pub diff: Duration,
    /// The kernel's part.
    pub commit: Duration,
}

impl<D: Dataplane> Reconciler<D> {
    /// One that knows nothing of the world or the kernel yet.
    pub fn new(node: NodeName, options: Options, dataplane: D, metrics: Arc<Metrics>) -> Self {
        Self {
            dataplane,
            resolver: Resolver::new(node, options.prefixes.clone()).with_layer(&options.layer),
            compiler: Compiler::new(options),
            policy: NodePolicy::default(),
            kernel: Kernel::Unread,
            setbacks: 0,
            quarantine: Quarantine::new(),
            tenancy: None,
            in_step: None,
            departed: BTreeSet::new(),
            given: OrdMap::new(),
            looked_at: (OrdMap::new(), OrdSet::new()),
            placed: None,
            links: OrdSet::new(),
            own_addresses: BTreeSet::new(),
            rollback: None,
            metrics,
        }
    }

    /// Puts every change on trial from now on.
    pub fn set_rollback(&mut self, rollback: Rollback) {
        self.rollback = Some(rollback);
    }

    /// The way back from a change, if changes are on trial at all.
    pub fn rollback(&self) -> Option<&Rollback> {
        self.rollback.as_ref()
    }

    /// The same, to change it.
    pub fn rollback_mut(&mut self) -> Option<&mut Rollback> {
        self.rollback.as_mut()
    }

    /// Takes in a fact.
    pub fn apply(&mut self, event: Event) {
        if let Some(policy) = policy_of(&event) {
            self.quarantine.release(&policy);
        }
        if let Event::Links(Links::Observed(links)) = &event {
            self.own_addresses = links.addresses.values().flatten().copied().collect();
            self.links = links.names.clone();
            self.placed.get_or_insert_default();
        }
        self.resolver.apply(event);
    }

    /// Waits until somebody else has changed our tables.
    pub async fn foreign_change(&mut self) -> std::io::Result<()> {
        self.dataplane.foreign_change().await
    }

    /// Whether the node has interfaces of workloads, as far as its links are known.
    pub(super) fn workloads(&self) -> Workloads {
        let prefixes = &self.compiler.options().prefixes;
        let is_workload =
            |name: &InterfaceName| prefixes.iter().any(|prefix| name.as_str().starts_with(prefix.as_str()));
        if self.links.iter().any(is_workload) { Workloads::Present } else { Workloads::Absent }
    }

    /// Closes the interfaces of workloads, in a kernel that holds nothing of ours.
    pub(super) async fn close(&mut self) -> Result<(), CommitError> {
        let closed = Compiler::new(self.compiler.options().clone()).compile(&NodePolicy::default());
        let result = self.dataplane.commit(diff(None, &closed)).await;
        // What is there is read back before the first reconciliation.
        self.kernel = Kernel::Unread;
        result
    }

    /// Whether the kernel may be enforcing something, from before the first reconciliation.
    pub async fn is_kernel_enforcing(&mut self) -> bool {
        self.dataplane.has_tables().await.unwrap_or(true)
    }

    /// What is known of the kernel may not be so any more.
    pub fn distrust_kernel(&mut self) {
        self.kernel = Kernel::Unread;
    }

    /// The policies that the kernel refuses.
    pub fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// The same, to change it.
    pub fn quarantine_mut(&mut self) -> &mut Quarantine {
        &mut self.quarantine
    }

    /// The addresses that have left the node since this was last asked.
    pub fn take_departed(&mut self) -> BTreeSet<IpAddr> {
        std::mem::take(&mut self.departed)
    }

    /// What is surprising about the node's own objects as of the last reconciliation.
    pub fn findings(&self) -> Vec<Finding> {
        self.resolver.findings()
    }

    /// What the node's policies refer to and nobody defines.
    pub fn absences(&self) -> Vec<Finding> {
        self.resolver.absences()
    }

    /// Brings the kernel in step. After an error the kernel is as it was, or in part further on its way.
    pub async fn reconcile(&mut self) -> Result<Summary, CommitError> {
        let started = Instant::now();
        let mut summary = Summary::default();
        let result = self.attempt(&mut summary).await;
        for (stage, duration) in summary.timings.stages() {
            self.metrics.observe(stage, duration);
        }
        self.metrics.observe(Stage::Total, started.elapsed());
        self.metrics.reconciled(match &result {
            Err(_) => Outcome::Failed,
            Ok(()) if summary.batches == 0 => Outcome::Unchanged,
            Ok(()) => Outcome::Changed,
        });
        self.metrics.changed(&summary.changes);
        self.metrics.set_refused(self.quarantine.refused().len());
        result.map(|()| summary)
    }

    async fn attempt(&mut self, summary: &mut Summary) -> Result<(), CommitError> {
        let timings = &mut summary.timings;
        self.policy = timed(&mut timings.resolve, || self.resolver.resolve());
        let mut stale = 0;
        loop {
            let compiled = self.compile(&mut summary.timings.compile);
            let held = self.rollback.as_mut().and_then(|rollback| rollback.hold(&compiled, Instant::now()));
            let desired = held.unwrap_or(compiled);
            let applied = self.read_kernel(&desired, &mut summary.timings.adopt).await;
            self.read_tenancy(applied.as_ref()).await;
            let transaction = timed(&mut summary.timings.diff, || diff(applied.as_ref(), &desired));
            if transaction.is_empty() {
                summary.newcomers = self.succeed(desired);
                return Ok(());
            }
            let changes = Changes::of(&transaction, applied.as_ref());
            let change = self.rollback.as_ref().map(|_| Made {
                names: describe(&transaction),
                bearing: Bearing::of(&transaction, applied.as_ref(), &self.policy),
            });
            let batches = transaction.batches.len();
            let started = Instant::now();
            let result = self.dataplane.commit(transaction).await;
            summary.timings.commit += started.elapsed();
            let Err(error) = result else {
                summary.changes = changes;
                summary.batches = batches;
                if let (Some(rollback), Some(change)) = (&mut self.rollback, change) {
                    rollback.note_commit(applied.as_ref(), &desired, change, Instant::now());
                }
                summary.newcomers = self.succeed(desired);
                return Ok(());
            };
            let replaced = applied.is_none();
            self.kernel = match (&error, batches, applied) {
                // A batch is carried out as a whole or not at all.
                (CommitError::Refused { .. }, 1, Some(applied)) => Kernel::Holds(applied),
                (CommitError::Refused { .. } | CommitError::Stale(_) | CommitError::Failed(_), _, _) => {
                    Kernel::Unread
                }
            };
            match error {
                CommitError::Refused { culprit, reason }
                    if self.quarantine.admit(&culprit, &reason, &desired) => {}
                CommitError::Refused { .. } if !replaced => self.kernel = Kernel::Unaccountable,
                CommitError::Stale(_) if stale < STALE_LIMIT => stale += 1,
                error @ (CommitError::Refused { .. } | CommitError::Stale(_) | CommitError::Failed(_)) => {
                    self.setbacks += 1;
                    return Err(error);
                }
            }
        }
    }

    fn compile(&mut self, time: &mut Duration) -> Ruleset {
        let refused = self.quarantine.policies();
        if refused != self.compiler.options().refused {
            self.compiler = Compiler::new(Options { refused, ..self.compiler.options().clone() });
        }
        timed(time, || self.compiler.compile(&self.policy))
    }

    /// What the kernel holds, read if need be; none if it is to be replaced as a whole.
    async fn read_kernel(&mut self, desired: &Ruleset, time: &mut Duration) -> Option<Ruleset> {
        if self.setbacks >= SETBACK_LIMIT {
            self.kernel = Kernel::Unaccountable;
        } else if let Kernel::Unread = self.kernel {
            let started = Instant::now();
            self.kernel = match self.dataplane.adopt(desired).await {
                Ok(Some(ruleset)) => Kernel::Holds(ruleset),
                Ok(None) => Kernel::Unaccountable,
                Err(error) => {
                    tracing::warn!(%error, "cannot read our tables back; replacing them as a whole");
                    Kernel::Unaccountable
                }
            };
            *time += started.elapsed();
        }
        match &self.kernel {
            Kernel::Holds(ruleset) => Some(ruleset.clone()),
            Kernel::Unread | Kernel::Unaccountable => None,
        }
    }

    /// Who holds which address before anything is changed, also by the hand of an earlier agent.
    async fn read_tenancy(&mut self, applied: Option<&Ruleset>) {
        if self.tenancy.is_some() {
            return;
        }
        self.tenancy = match self.dataplane.tenancy(applied).await {
            Ok(tenancy) => Some(tenancy),
            Err(error) => {
                tracing::warn!(%error, "cannot read which addresses the last agent knew; their connections may outlive them");
                applied.map(Tenancy::of)
            }
        };
    }

    /// The kernel holds this. Returns how many pods are endpoints that were none before.
    fn succeed(&mut self, desired: Ruleset) -> usize {
        let tenancy = self.tenancy.get_or_insert_default();
        let departed = match &self.in_step {
            Some(before) => tenancy.follow(before, &desired),
            None => {
                let before = std::mem::replace(tenancy, Tenancy::of(&desired));
                before.departed(tenancy)
            }
        };
        self.in_step = Some(desired.clone());
        self.departed.extend(departed.difference(&self.own_addresses));
        self.metrics.set_holds(&self.policy, &desired);
        self.kernel = Kernel::Holds(desired);
        self.setbacks = 0;
        self.quarantine.settle(Instant::now());
        self.give()
    }
}

impl Timings {
    fn stages(self) -> [(Stage, Duration); 5] {
        [
            (Stage::Resolve, self.resolve),
            (Stage::Compile, self.compile),
            (Stage::Adopt, self.adopt),
            (Stage::Diff, self.diff),
            (Stage::Commit, self.commit),
        ]
    }
}

fn policy_of(event: &Event) -> Option<PolicyKey> {
    let key = match event {
        Event::Upsert(resource) => resource.key(),
        Event::Delete(key) => key.clone(),
        Event::Links(_) => return None,
    };
    if let ResourceKey::Policy(policy) = key { Some(policy) } else { None }
}

fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    *time += started.elapsed();
    result
}

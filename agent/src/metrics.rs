//! Figures for Prometheus. What can be counted when somebody asks is counted then, so that a reconciliation costs nothing for it.

use std::{
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ferrule_ruleset::{ir::NodePolicy, nft::Ruleset};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{agent::Changes, conntrack, interface_settings::Report};

/// All figures of the agent.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    durations: Family<StageLabel, Histogram>,
    latency: Histogram,
    endpoint_waits: Histogram,
    reconciliations: Family<OutcomeLabel, Counter>,
    changes: Family<ChangeLabels, Counter>,
    repairs: Counter,
    forgotten: Counter,
    forget_failures: Counter,
    settings_applied: Counter,
    settings_deviating: Gauge,
    rollbacks: Counter,
    refused: Gauge,
    unplaced: Gauge,
    findings: Gauge,
    in_step_at: Gauge<f64, AtomicU64>,
    objects: Family<ObjectLabel, Gauge>,
    holds: Mutex<(NodePolicy, Ruleset)>,
}

/// A stage of a reconciliation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Events to policy.
    Resolve,
    /// Policy to ruleset.
    Compile,
    /// Reading the kernel back.
    Adopt,
    /// Finding the difference.
    Diff,
    /// The kernel's part.
    Commit,
    /// All together.
    Total,
}

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The kernel was changed.
    Changed,
    /// There was nothing to change.
    Unchanged,
    /// The kernel is not as it should be.
    Failed,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Compile => "compile",
            Self::Adopt => "adopt",
            Self::Diff => "diff",
            Self::Commit => "commit",
            Self::Total => "total",
        }
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabel {
    object: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    object: &'static str,
    change: &'static str,
}

impl Metrics {
    /// The media type of [`Self::encode`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Figures of an agent that has done nothing yet.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ferrule"),
            durations: Family::new_with_constructor(duration_histogram),
            latency: duration_histogram(),
            endpoint_waits: duration_histogram(),
            reconciliations: Family::default(),
            changes: Family::default(),
            repairs: Counter::default(),
            forgotten: Counter::default(),
            forget_failures: Counter::default(),
            settings_applied: Counter::default(),
            settings_deviating: Gauge::default(),
            rollbacks: Counter::default(),
            refused: Gauge::default(),
            unplaced: Gauge::default(),
            findings: Gauge::default(),
            in_step_at: Gauge::default(),
            objects: Family::default(),
            holds: Mutex::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "reconcile_duration_seconds",
            "Time of a reconciliation, by stage",
            self.durations.clone(),
        );
        registry.register(
            "change_latency_seconds",
            "Time from the first news of a change until the kernel had it, by change of the kernel",
            self.latency.clone(),
        );
        registry.register(
            "endpoint_wait_seconds",
            "Time from the news by which a pod became an endpoint until the kernel had it, by pod; without those found at the start",
            self.endpoint_waits.clone(),
        );
        registry.register("reconciliations", "Reconciliations, by outcome", self.reconciliations.clone());
        registry.register("changes", "Kernel objects added and removed", self.changes.clone());
        registry.register(
            "repairs",
            "Times that somebody else's change of our tables was undone",
            self.repairs.clone(),
        );
        registry.register(
            "conntrack_deleted",
            "Connection tracking entries of addresses that left the node",
            self.forgotten.clone(),
        );
        registry.register(
            "conntrack_failures",
            "Times that such entries could not all be deleted",
            self.forget_failures.clone(),
        );
        registry.register(
            "interface_settings_applied",
            "Settings under /proc/sys that were changed to what workload interfaces need",
            self.settings_applied.clone(),
        );
        registry.register(
            "interface_settings_deviating",
            "Settings under /proc/sys that are not what workload interfaces need",
            self.settings_deviating.clone(),
        );
        registry.register(
            "rollbacks",
            "Times that a change cut the agent off from its source",
            self.rollbacks.clone(),
        );
        registry.register(
            "unplaced_pods",
            "Pods of the node that no interface has led to for 30 s; nothing is enforced for them",
            self.unplaced.clone(),
        );
        registry.register("refused_policies", "Policies that the kernel refuses", self.refused.clone());
        registry.register("findings", "Things wrong with the input", self.findings.clone());
        let help = "When the kernel last was as the sources say, in seconds since 1970";
        registry.register("in_step_timestamp_seconds", help, self.in_step_at.clone());
        registry.register("objects", "Objects now enforced, by kind", self.objects.clone());
    }

    /// Counts a stage.
    pub fn observe(&self, stage: Stage, duration: Duration) {
        self.durations.get_or_create(&StageLabel { stage: stage.as_str() }).observe(duration.as_secs_f64());
    }

    /// Counts a reconciliation.
    pub fn reconciled(&self, outcome: Outcome) {
        self.reconciliations.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
        if outcome != Outcome::Failed {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.in_step_at.set(now.as_secs_f64());
        }
    }

    /// Counts a change of the kernel, so long after its first news, by which so many pods became endpoints.
    pub fn enforced(&self, latency: Duration, newcomers: usize) {
        self.latency.observe(latency.as_secs_f64());
        (0..newcomers).for_each(|_| self.endpoint_waits.observe(latency.as_secs_f64()));
    }

    /// Counts what was changed.
    pub fn changed(&self, changes: &Changes) {
        for (object, added, removed) in changes.by_object() {
            for (change, count) in [("added", added), ("removed", removed)] {
                self.changes.get_or_create(&ChangeLabels { object, change }).inc_by(count);
            }
        }
    }

    /// Counts a repair.
    pub fn repaired(&self) {
        self.repairs.inc();
    }

    /// Counts connection tracking entries that were deleted, or a failure to do so.
    pub fn forgot(&self, outcome: &conntrack::Outcome) {
        match outcome {
            Ok(entries) => drop(self.forgotten.inc_by(*entries as u64)),
            Err(_) => drop(self.forget_failures.inc()),
        }
    }

    /// Takes note of how the settings of interfaces are.
    pub fn inspected(&self, report: &Report) {
        self.settings_applied.inc_by(report.applied as u64);
        self.settings_deviating.set(gauge(report.deviations.len()));
    }

    /// Counts a change that cut the agent off.
    pub fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    /// Sets how many policies are refused.
    pub fn set_refused(&self, count: usize) {
        self.refused.set(gauge(count));
    }

    /// Sets how many pods have no interface.
    pub fn set_unplaced(&self, count: usize) {
        self.unplaced.set(gauge(count));
    }

    /// Sets how many findings there are.
    pub fn set_findings(&self, count: usize) {
        self.findings.set(gauge(count));
    }

    /// Takes note of what the kernel holds.
    pub fn set_holds(&self, policy: &NodePolicy, ruleset: &Ruleset) {
        *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = (policy.clone(), ruleset.clone());
    }

    /// The figures as OpenMetrics text.
    pub fn encode(&self) -> String {
        let (policy, ruleset) = self.holds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (object, count) in counts(&policy, &ruleset) {
            self.objects.get_or_create(&ObjectLabel { object }).set(gauge(count));
        }
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Formatting into a String fails only if a metric cannot be formatted.
            Err(error) => format!("# {error}\n# EOF\n"),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn counts(policy: &NodePolicy, ruleset: &Ruleset) -> [(&'static str, usize); 6] {
    let tables = || ferrule_ruleset::address::Family::ALL.into_iter().map(|family| ruleset.table(family));
    let chains = || tables().flat_map(|table| table.chains.values());
    let sets = || tables().flat_map(|table| table.sets.values());
    [
        ("endpoint", policy.endpoints.len()),
        ("policy", policy.policies.len()),
        ("chain", chains().count()),
        ("rule", chains().map(|chain| chain.rules.len()).sum()),
        ("set", sets().count()),
        ("element", sets().map(|set| set.elements.len()).sum()),
    ]
}

/// 0.1 ms to about 26 s, each bound four times the one before.
fn duration_histogram() -> Histogram {
    Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(0.0001, 4.0, 10))
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

//! The loop that keeps the kernel in step with the sources.
//!
//! Invariants:
//! * Nothing is written before every source is in sync.
//! * Facts that arrive together are one reconciliation.
//! * A failure leaves the kernel as it is, is tried again with growing pauses, and shows in the status. A foreign change is undone at once.
//! * The loop's log says one line per reconciliation that changed something or failed.

pub(crate) mod backoff;
mod bearing;
mod changes;
mod dataplane;
mod duties;
mod hygiene;
mod journal;
mod quarantine;
mod reconcile;
mod rollback;
mod startup;
mod strays;
mod trigger;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};

use ferrule_ruleset::finding::Finding;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

pub use changes::{Changes, Count};
pub use dataplane::{CommitError, Culprit, Dataplane};
pub use reconcile::Reconciler;
pub use rollback::{Cut, Remedy, Rollback, Scope, Sighting};
pub use startup::{Boot, Guard, StartupProtection};

use crate::{
    allocator,
    endpoint_status::EndpointStatusFiles,
    interface_settings::InterfaceSettings,
    metrics::Metrics,
    reachability::Reachability,
    source::{Ended, Message, Obstacle, Report, Source, manifests::Locations},
    status::Status,
};
use backoff::{Allowance, Backoff};
use hygiene::Hygiene;
use journal::Journal;
use reconcile::Summary;
use startup::Startup;
use strays::Strays;
use trigger::{Cause, Trigger};

/// How often the loop gives a sign of life although nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// After a failure, new facts are tried no sooner than this.
const FRESH_PAUSE: Duration = Duration::from_secs(1);
/// How many foreign changes are undone at once, and how fast this allowance is restored. Beyond it somebody is at war with us.
const REPAIRS: (u32, Duration) = (50, Duration::from_millis(100));
/// What is said of that.
const WAR: &str = "something else keeps changing our tables, and is undone once per second only: what is in force changes to and fro";
/// How many messages are taken in at most before the kernel has its turn.
const GATHER_LIMIT: usize = 1024;

/// Why the loop ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There will be no more facts.
    #[error("every source has ended")]
    NoSources,
    /// Foreign changes would go unseen.
    #[error("cannot watch nf_tables for foreign changes: {0}")]
    Blind(#[source] io::Error),
}

/// Who says what policies refer to and nobody defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reviewer {
    /// Whoever reads manifests: with the place in the file.
    Source,
    /// The loop itself.
    Loop,
}

/// The loop.
#[derive(Debug)]
pub struct Agent<D> {
    reconciler: Reconciler<D>,
    inbox: mpsc::Receiver<Message>,
    awaited: BTreeSet<Source>,
    reviewer: Reviewer,
    startup: Startup,
    unknown: BTreeMap<Source, BTreeSet<String>>,
    obstacles: BTreeMap<Source, Vec<Obstacle>>,
    trigger: Trigger,
    /// When the first news came that the kernel does not have.
    heard_at: Option<Instant>,
    retry_at: Option<Instant>,
    tried_at: Option<Instant>,
    backoff: Backoff,
    repairs: Allowance,
    hygiene: Hygiene,
    strays: Strays,
    settings: Option<InterfaceSettings>,
    endpoint_status: Option<EndpointStatusFiles>,
    reports: Option<Ended>,
    reachability: Option<Reachability>,
    journal: Journal,
    status: watch::Sender<Status>,
    metrics: Arc<Metrics>,
}

impl<D: Dataplane> Agent<D> {
    /// A loop that has yet to hear from its sources.
    pub fn new(
        reconciler: Reconciler<D>,
        inbox: mpsc::Receiver<Message>,
        status: watch::Sender<Status>,
        locations: Locations,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (limit, refill) = REPAIRS;
        let mut trigger = Trigger::default();
        trigger.add(Cause::Start);
        let awaited = status.borrow().awaited.clone();
        Self {
            reconciler,
            inbox,
            reviewer: match awaited.contains(&Source::Kubernetes) {
                true => Reviewer::Loop,
                false => Reviewer::Source,
            },
            awaited,
            startup: Startup::default(),
            unknown: BTreeMap::new(),
            obstacles: BTreeMap::new(),
            trigger,
            heard_at: None,
            retry_at: None,
            tried_at: None,
            backoff: Backoff::new(PAUSES.0, PAUSES.1),
            repairs: Allowance::new(limit, refill, Instant::now()),
            hygiene: Hygiene::new(None),
            strays: Strays::default(),
            settings: None,
            endpoint_status: None,
            reports: None,
            reachability: None,
            journal: Journal::new(locations),
            status,
            metrics,
        }
    }

    /// Works until something is wrong with the agent itself.
    pub async fn run(mut self) -> Result<std::convert::Infallible, AgentError> {
        self.protect().await;
        loop {
            self.wait().await?;
            self.gather();
            self.protect().await;
            self.publish();
            if self.is_due(Instant::now()) {
                self.reconcile().await;
                self.publish();
            }
            self.see_to_duties();
        }
    }

    async fn wait(&mut self) -> Result<(), AgentError> {
        let now = Instant::now();
        let alarms = [
            self.retry_at,
            self.startup.retry_at(),
            self.reconciler.quarantine().retry_at(),
            self.hygiene.retry_at(),
            self.strays.alarm(),
            self.reconciler.rollback().and_then(Rollback::alarm),
        ];
        let alarm = alarms.into_iter().flatten().min();
        let until = alarm.unwrap_or(now + HEARTBEAT).min(now + HEARTBEAT);
        tokio::select! {
            message = self.inbox.recv() => self.take(message.ok_or(AgentError::NoSources)?),
            change = self.reconciler.foreign_change() => {
                change.map_err(AgentError::Blind)?;
                self.note_foreign_change(Instant::now());
            }
            outcome = self.hygiene.outcome() => self.take_outcome(outcome),
            sighting = duties::sighting(&mut self.reachability) => self.take_sighting(sighting),
            report = duties::report(&mut self.settings) => self.take_report(report),
            report = duties::endpoint_status(&mut self.endpoint_status) => self.take_endpoint_status(report),
            () = duties::end_of_reports(&mut self.reports) => self.take_end_of_reports(),
            () = sleep_until(until) => {}
        }
        if self.reconciler.quarantine_mut().release_due(Instant::now()) {
            self.trigger.add(Cause::Retry);
        }
        self.advance_rollback();
        Ok(())
    }

    /// Takes in what else has arrived.
    fn gather(&mut self) {
        for _ in 0..GATHER_LIMIT {
            let Ok(message) = self.inbox.try_recv() else { return };
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message.report {
            Report::Events(events) => {
                self.trigger.add_events(events.len());
                self.heard_at.get_or_insert_with(Instant::now);
                self.hasten();
                events.into_iter().for_each(|event| self.reconciler.apply(event));
            }
            Report::InSync => {
                self.awaited.remove(&message.source);
                tracing::info!(source = %message.source, "in sync");
            }
            Report::Unknown(unknown) => {
                self.unknown.insert(message.source, unknown);
                self.hasten();
            }
            Report::Obstacles(obstacles) => {
                let known = self.obstacles.insert(message.source, obstacles).unwrap_or_default();
                self.journal.note_obstacles(&known, &self.obstacles[&message.source]);
            }
            Report::Findings(findings) => self.journal.note_findings(message.source, findings),
            Report::Judgements(judgements) => {
                self.status.send_modify(|status| status.judgements = judgements);
            }
        }
    }

    fn note_foreign_change(&mut self, now: Instant) {
        self.reconciler.distrust_kernel();
        if self.trigger.is(Cause::Start) {
            self.startup.distrust();
            return;
        }
        self.trigger.add(Cause::ForeignChange);
        self.hasten();
        if !self.repairs.spend(now) {
            self.journal.note_war();
            self.status.send_modify(|status| status.failure = Some(WAR.to_owned()));
            self.retry_at = self.retry_at.or(Some(now + FRESH_PAUSE));
        }
    }

    /// After a failure, something new is a reason to try again before the pause is over, but not at any rate.
    fn hasten(&mut self) {
        let earliest = self.tried_at.map(|at| at + FRESH_PAUSE);
        self.retry_at = self.retry_at.map(|at| earliest.map_or(at, |earliest| at.min(earliest)));
    }

    fn is_due(&self, now: Instant) -> bool {
        // Before the source was looked for, no change could be told from one that does no harm.
        let judged = self.reachability.is_none() || self.reconciler.rollback().is_none_or(Rollback::is_ready);
        self.awaited.is_empty()
            && judged
            && !self.trigger.is_empty()
            && self.retry_at.is_none_or(|at| at <= now)
    }

    async fn reconcile(&mut self) {
        let started = Instant::now();
        self.retry_at = None;
        self.tried_at = Some(started);
        let result = match self.hold().await {
            Some(reason) => Err(reason),
            None => self.reconciler.reconcile().await,
        };
        match result {
            Ok(summary) => {
                let trigger = std::mem::take(&mut self.trigger);
                if trigger.is(Cause::Start) {
                    // What the first lists were read from.
                    allocator::give_back();
                }
                if trigger.is(Cause::ForeignChange) && summary.batches > 0 {
                    self.metrics.repaired();
                }
                self.note_latency(&trigger, &summary);
                let extent = self.reconciler.extent();
                self.journal.note_success(&trigger, &summary, extent, started.elapsed());
                self.journal.note_findings(Source::Node, self.findings());
                self.backoff.reset();
                self.assign_duties();
                self.status.send_modify(|status| {
                    status.reconciliations += 1;
                    status.extent = extent;
                    if summary.batches > 0 {
                        status.changed_at = Some(Instant::now());
                    }
                    status.failure = None;
                    status.behind_since = None;
                });
            }
            Err(error) => {
                let pause = self.backoff.pause();
                self.journal.note_failure(&self.trigger, &error, pause, started.elapsed());
                self.trigger.add(Cause::Retry);
                self.retry_at = Some(Instant::now() + pause);
                self.status.send_modify(|status| status.failure = Some(error.to_string()));
            }
        }
        self.journal.note_refused(self.reconciler.quarantine().refused());
    }

    /// What is surprising about the node's own objects.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = self.reconciler.findings();
        match self.reviewer {
            Reviewer::Source => {}
            Reviewer::Loop => findings.extend(self.reconciler.absences()),
        }
        findings
    }

    /// How long the news took that this reconciliation was about. At the start nobody waited for them.
    fn note_latency(&mut self, trigger: &Trigger, summary: &Summary) {
        let heard_at = self.heard_at.take();
        if let (Some(heard_at), false, true) = (heard_at, trigger.is(Cause::Start), summary.batches > 0) {
            self.metrics.enforced(heard_at.elapsed(), summary.newcomers);
        }
    }

    /// Why nothing may be written yet. A policy that the last agent enforced may stand in a file that this one has never been able to read; as long as
    /// the kernel enforces something, that is left alone until the file can be read or is gone. Where it enforces nothing, what can be read is enforced.
    async fn hold(&mut self) -> Option<CommitError> {
        let files: Vec<&str> = self.unknown.values().flatten().map(String::as_str).collect();
        let is_idle =
            files.is_empty() || !self.trigger.is(Cause::Start) || self.startup.guard() == Guard::Closed;
        if is_idle || !self.reconciler.is_kernel_enforcing().await {
            return None;
        }
        let reason = "cannot be read, and policies enforced since before the start may stand there; nothing is changed until it can be read or is gone";
        Some(CommitError::Failed(format!("{}: {reason}", files.join(", "))))
    }

    fn publish(&mut self) {
        let now = Instant::now();
        if let Some(findings) = self.strays.news(now) {
            self.metrics.set_unplaced(findings.len());
            self.journal.note_findings(Source::Endpoints, findings);
        }
        self.metrics.set_findings(self.journal.findings().values().map(Vec::len).sum());
        let pending = !self.trigger.is_empty();
        let journal = &self.journal;
        let awaited = &self.awaited;
        let guard = self.startup.guard();
        let cut = self.reconciler.rollback().and_then(Rollback::cut);
        self.status.send_modify(|status| {
            status.alive_at = now;
            status.awaited.clone_from(awaited);
            status.guard = guard;
            if pending {
                status.behind_since.get_or_insert(now);
            }
            if status.cut.as_ref() != cut {
                status.cut = cut.cloned();
            }
            if status.obstacles != self.obstacles {
                status.obstacles.clone_from(&self.obstacles);
            }
            if status.findings != *journal.findings() {
                status.findings.clone_from(journal.findings());
            }
            if status.refused != journal.refusals() {
                status.refused = journal.refusals().to_vec();
            }
        });
    }
}

#[cfg(test)]
mod tests;

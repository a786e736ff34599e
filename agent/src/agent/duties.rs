//! What the loop sees to beside rules: the connections of addresses that have left, the settings of interfaces, the files about endpoints, and the way to
//! the source.
//!
//! Each is the work of somebody else, a thread or a task; here it is only assigned, after the commit that calls for it, and its outcome heard.

use std::{future, time::Duration};

use tokio::time::Instant;

use super::{
    Agent, Dataplane,
    hygiene::{Hygiene, Settled},
    rollback::{Rollback, Scope, Sighting, Step},
    trigger::Cause,
};
use crate::{
    conntrack::{Conntrack, Outcome},
    endpoint_status::{self, EndpointStatusFiles},
    interface_settings::{InterfaceSettings, Report},
    reachability::{Pace, Reachability},
    source::Ended,
};

impl<D: Dataplane> Agent<D> {
    /// Lets the connections of addresses that leave the node be forgotten.
    #[must_use]
    pub fn with_conntrack(mut self, conntrack: Conntrack) -> Self {
        self.hygiene = Hygiene::new(Some(conntrack));
        self
    }

    /// Lets the settings of workload interfaces be looked after.
    #[must_use]
    pub fn with_interface_settings(mut self, settings: Option<InterfaceSettings>) -> Self {
        self.settings = settings;
        self
    }

    /// Lets files tell which pods' policy is in force.
    #[must_use]
    pub fn with_endpoint_status(mut self, files: Option<EndpointStatusFiles>) -> Self {
        self.endpoint_status = files;
        self
    }

    /// Notes in the status if nobody tells people through the API server any more.
    #[must_use]
    pub fn with_reports(mut self, reports: Option<Ended>) -> Self {
        self.reports = reports;
        self
    }

    /// Lets a change that cuts the agent off from its source for so long be taken back.
    #[must_use]
    pub fn with_rollback(mut self, after: Duration, scope: Scope, reachability: Reachability) -> Self {
        self.reconciler.set_rollback(Rollback::new(after, scope));
        self.reachability = Some(reachability);
        self
    }

    /// After a commit: what it calls for.
    pub(super) fn assign_duties(&mut self) {
        self.hygiene.owe(self.reconciler.take_departed());
        if let Some(settings) = &self.settings {
            match self.reconciler.take_interfaces() {
                Some(interfaces) => settings.look_at(interfaces),
                None => settings.look_again(),
            }
        }
        if let Some(unplaced) = self.reconciler.take_unplaced() {
            self.strays.note(unplaced, Instant::now());
        }
        if let Some(files) = &self.endpoint_status {
            files.keep(self.reconciler.endpoints_in_force());
        }
    }

    /// Whenever the loop has come round: what may have become due.
    pub(super) fn see_to_duties(&mut self) {
        self.pace_reachability();
        let settled = self.hygiene.begin(Instant::now());
        self.note_forgotten(settled);
    }

    pub(super) fn take_outcome(&mut self, outcome: Outcome) {
        let settled = self.hygiene.settle(outcome, Instant::now());
        self.note_forgotten(settled);
    }

    pub(super) fn take_report(&mut self, report: Option<Report>) {
        match report {
            Some(report) => {
                self.metrics.inspected(&report);
                self.journal.note_inspection(&report);
            }
            None => {
                self.settings = None;
                self.journal.note_inspector_gone();
            }
        }
    }

    pub(super) fn take_endpoint_status(&mut self, report: Option<endpoint_status::Report>) {
        match report {
            Some(report) => self.journal.note_endpoint_status(&report),
            None => {
                self.endpoint_status = None;
                self.journal.note_endpoint_status_gone();
            }
        }
    }

    pub(super) fn take_end_of_reports(&mut self) {
        self.reports = None;
        self.journal.note_reports_gone();
    }

    fn note_forgotten(&mut self, settled: Option<Settled>) {
        let Some(settled) = settled else { return };
        self.metrics.forgot(&settled.outcome);
        self.journal.note_forgotten(&settled);
    }

    pub(super) fn advance_rollback(&mut self) {
        let step = self.reconciler.rollback_mut().and_then(|rollback| rollback.advance(Instant::now()));
        if let Some(step) = step {
            self.journal.note_rollback(&step);
            self.trigger.add(Cause::Rollback);
            self.retry_at = None;
            if let Step::Reject(_) = step {
                self.metrics.rolled_back();
            }
        }
    }

    pub(super) fn take_sighting(&mut self, sighting: Option<Sighting>) {
        let Some(sighting) = sighting else {
            self.reachability = None;
            return;
        };
        if let Some(rollback) = self.reconciler.rollback_mut() {
            rollback.note_sighting(sighting);
        }
    }

    /// Asks for the source as often as the state of the last change calls for.
    fn pace_reachability(&self) {
        let urgent = self.reconciler.rollback().is_some_and(Rollback::is_urgent);
        if let Some(reachability) = &self.reachability {
            reachability.set_pace(if urgent { Pace::Urgent } else { Pace::Steady });
        }
    }
}

/// The next sighting of the source, if anybody looks for it.
pub(super) async fn sighting(reachability: &mut Option<Reachability>) -> Option<Sighting> {
    match reachability {
        Some(reachability) => reachability.sighting().await,
        None => future::pending().await,
    }
}

/// The next report on settings, if anybody looks after them.
pub(super) async fn report(settings: &mut Option<InterfaceSettings>) -> Option<Report> {
    match settings {
        Some(settings) => settings.report().await,
        None => future::pending().await,
    }
}

/// The end of what is told through the API server, if anything is.
pub(super) async fn end_of_reports(reports: &mut Option<Ended>) {
    match reports {
        Some(reports) => reports.wait().await,
        None => future::pending().await,
    }
}

/// The next report on the files about endpoints, if anybody keeps them.
pub(super) async fn endpoint_status(
    files: &mut Option<EndpointStatusFiles>,
) -> Option<endpoint_status::Report> {
    match files {
        Some(files) => files.report().await,
        None => future::pending().await,
    }
}

//! What holds on workload interfaces from the start until the sources have been read.
//!
//! Where an earlier agent left its tables, these hold, whatever is asked for. Where the kernel holds nothing of ours, the skeleton of the tables can be
//! written ahead of everything else: it drops what comes from and goes to interfaces with a workload's prefix that no pod is known to have, which is all
//! of them. It is no reconciliation: the first one finds it there and builds on it.

use tokio::time::Instant;

use super::{Agent, Dataplane, FRESH_PAUSE};
use crate::source::Source;

/// What holds until the first reconciliation, if the kernel enforces nothing yet. Where it enforces something, that stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartupProtection {
    /// Closed where no workload interface exists yet, as at boot; where workloads run already, their traffic stays as it is.
    #[default]
    Auto,
    /// Closed in any case.
    Closed,
    /// Traffic stays as it is in any case.
    Open,
}

/// What has been done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Nothing yet.
    #[default]
    Undecided,
    /// Nothing, for good.
    Left,
    /// Workload interfaces are closed.
    Closed,
    /// They were closed, and somebody else has changed our tables since.
    Doubtful,
}

/// What there is to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Wait.
    Wait,
    /// Leave traffic as it is.
    Leave,
    /// Close workload interfaces, unless the kernel enforces something.
    Close,
}

/// Whether interfaces of workloads exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workloads {
    /// The node's links are not known yet.
    Unknown,
    /// None exists.
    Absent,
    /// At least one exists.
    Present,
}

/// The wish, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Startup {
    protection: StartupProtection,
    guard: Guard,
    /// When closing is tried again after a failure.
    retry_at: Option<Instant>,
}

impl Startup {
    /// How far it has come.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// When there is something to try again; none for never.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Somebody else changed our tables; what was written into them may be gone.
    pub fn distrust(&mut self) {
        if self.guard == Guard::Closed {
            self.guard = Guard::Doubtful;
        }
    }

    fn step(&self, workloads: Workloads, now: Instant) -> Step {
        match (self.guard, self.protection, workloads) {
            (Guard::Left | Guard::Closed, _, _)
            | (Guard::Undecided, StartupProtection::Auto, Workloads::Unknown) => Step::Wait,
            (Guard::Undecided, StartupProtection::Open, _)
            | (Guard::Undecided, StartupProtection::Auto, Workloads::Present) => Step::Leave,
            // What was decided once is not decided anew by the workloads that have appeared since.
            (Guard::Doubtful, _, _)
            | (Guard::Undecided, StartupProtection::Closed, _)
            | (Guard::Undecided, StartupProtection::Auto, Workloads::Absent) => {
                if self.retry_at.is_none_or(|at| at <= now) { Step::Close } else { Step::Wait }
            }
        }
    }
}

impl<D: Dataplane> Agent<D> {
    /// Lets workload interfaces be protected in this way from the start until the sources have been read.
    #[must_use]
    pub fn with_startup_protection(mut self, protection: StartupProtection) -> Self {
        self.startup.protection = protection;
        self
    }

    /// Does what is wanted on workload interfaces while sources are awaited.
    pub(super) async fn protect(&mut self) {
        self.startup.retry_at = self.startup.retry_at.filter(|_| !self.awaited.is_empty());
        if self.awaited.is_empty() {
            return;
        }
        let are_links_known = !self.awaited.contains(&Source::Links);
        let workloads = if are_links_known { self.reconciler.workloads() } else { Workloads::Unknown };
        match self.startup.step(workloads, Instant::now()) {
            Step::Wait => {}
            Step::Leave => self.startup.guard = Guard::Left,
            Step::Close => self.close().await,
        }
    }

    async fn close(&mut self) {
        self.startup.retry_at = None;
        if self.startup.guard == Guard::Undecided && self.reconciler.is_kernel_enforcing().await {
            self.startup.guard = Guard::Left;
            return;
        }
        match self.reconciler.close().await {
            Ok(()) => {
                self.startup.guard = Guard::Closed;
                self.journal.note_closed();
            }
            Err(error) => {
                self.startup.retry_at = Some(Instant::now() + FRESH_PAUSE);
                self.journal.note_not_closed(&error);
            }
        }
    }
}

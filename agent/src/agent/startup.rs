//! What holds on workload interfaces from the start until the sources have been read.
//!
//! Where an earlier agent left its tables, these hold, whatever is asked for; when somebody removes them before the sources have been read, workload
//! interfaces are closed, as what stood there is not known. Where the kernel holds nothing of ours, the skeleton of the tables can be
//! written ahead of everything else: it drops what comes from and goes to interfaces with a workload's prefix that no pod is known to have, which is all
//! of them. It is no reconciliation: the first one finds it there and builds on it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Agent, Dataplane, FRESH_PAUSE};
use crate::source::Source;

/// What holds until the first reconciliation, if the kernel enforces nothing yet. Where it enforces something, that stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartupProtection {
    /// Closed where no workload interface exists yet, and for a while after boot; where workloads have run for longer, their traffic stays as it is.
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
    /// An earlier agent's tables hold.
    Held,
    /// They held, and somebody else has changed them since.
    Disturbed,
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
    /// Look whether the kernel holds something of ours.
    Look,
    /// Leave traffic as it is.
    Leave,
    /// Leave it to what an earlier agent wrote.
    Hold,
    /// Close workload interfaces.
    Close,
}

/// Whether the kernel holds tables of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tables {
    /// Nobody has looked.
    Unknown,
    /// It holds none.
    Absent,
    /// It holds some.
    Present,
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

/// How long ago the node was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boot {
    /// So recently that workloads which run may have started ahead of the agent.
    Recent,
    /// Longer ago than that: workloads run without an agent.
    #[default]
    LongAgo,
}

impl Boot {
    /// Judges by the time since the node was started whether that is longer ago than so much. Where it cannot be read, it is not.
    pub fn within(span: Duration) -> Self {
        let uptime = std::fs::read_to_string(UPTIME).ok().and_then(|text| parse_uptime(&text));
        if uptime.is_some_and(|uptime| uptime >= span) { Self::LongAgo } else { Self::Recent }
    }
}

/// Seconds since the kernel was started, suspension included, and seconds without work (proc(5)).
const UPTIME: &str = "/proc/uptime";

fn parse_uptime(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()
}

/// The wish, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Startup {
    protection: StartupProtection,
    boot: Boot,
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
        self.guard = match self.guard {
            Guard::Closed => Guard::Doubtful,
            Guard::Held => Guard::Disturbed,
            other @ (Guard::Undecided | Guard::Left | Guard::Disturbed | Guard::Doubtful) => other,
        };
    }

    fn step(&self, tables: Tables, workloads: Workloads) -> Step {
        match (self.guard, self.protection, tables, workloads) {
            (Guard::Left | Guard::Held | Guard::Closed, _, _, _) => Step::Wait,
            (Guard::Undecided | Guard::Disturbed, _, Tables::Unknown, _) => Step::Look,
            (Guard::Undecided | Guard::Disturbed, _, Tables::Present, _) => Step::Hold,
            // What was decided once is not decided anew by the workloads that have appeared since.
            (Guard::Doubtful, _, _, _)
            | (Guard::Undecided | Guard::Disturbed, StartupProtection::Closed, Tables::Absent, _)
            | (Guard::Disturbed, StartupProtection::Auto, Tables::Absent, _)
            | (Guard::Undecided, StartupProtection::Auto, Tables::Absent, Workloads::Absent) => Step::Close,
            (Guard::Undecided | Guard::Disturbed, StartupProtection::Open, Tables::Absent, _) => Step::Leave,
            // A pod that was quicker than the agent does not make a boot an installation.
            (Guard::Undecided, StartupProtection::Auto, Tables::Absent, _) if self.boot == Boot::Recent => {
                Step::Close
            }
            (Guard::Undecided, StartupProtection::Auto, Tables::Absent, Workloads::Present) => Step::Leave,
            (Guard::Undecided, StartupProtection::Auto, Tables::Absent, Workloads::Unknown) => Step::Wait,
        }
    }
}

impl<D: Dataplane> Agent<D> {
    /// Lets workload interfaces be protected in this way from the start until the sources have been read.
    #[must_use]
    pub fn with_startup_protection(mut self, protection: StartupProtection, boot: Boot) -> Self {
        (self.startup.protection, self.startup.boot) = (protection, boot);
        self
    }

    /// Does what is wanted on workload interfaces while sources are awaited.
    pub(super) async fn protect(&mut self) {
        self.startup.retry_at = self.startup.retry_at.filter(|_| !self.awaited.is_empty());
        if self.awaited.is_empty() {
            return;
        }
        if self.startup.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let are_links_known = !self.awaited.contains(&Source::Links);
        let workloads = if are_links_known { self.reconciler.workloads() } else { Workloads::Unknown };
        let mut step = self.startup.step(Tables::Unknown, workloads);
        if step == Step::Look {
            let tables =
                if self.reconciler.is_kernel_enforcing().await { Tables::Present } else { Tables::Absent };
            step = self.startup.step(tables, workloads);
        }
        match step {
            Step::Wait | Step::Look => {}
            Step::Leave => self.startup.guard = Guard::Left,
            Step::Hold => self.startup.guard = Guard::Held,
            Step::Close => self.close().await,
        }
    }

    async fn close(&mut self) {
        self.startup.retry_at = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_since_the_start() {
        assert_eq!(parse_uptime("35468.27 68423.15\n"), Some(Duration::from_secs_f64(35468.27)));
        for wrong in ["", "-1 2", "long ago", "inf 1"] {
            assert_eq!(parse_uptime(wrong), None, "{wrong}");
        }
        assert_eq!(Boot::within(Duration::ZERO), Boot::LongAgo);
        assert_eq!(Boot::within(Duration::from_secs(100 * 365 * 86400)), Boot::Recent);
    }
}

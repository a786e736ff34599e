//! What is done now and then.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than any wait.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Something that is done now and then, once at a time.
#[derive(Clone, Copy, Debug)]
pub struct Errand {
    due: Instant,
    is_under_way: bool,
}

impl Errand {
    fn new(due: Instant) -> Self {
        Self { due, is_under_way: false }
    }

    /// Begins it, if it is due and not under way.
    pub fn begin(&mut self, now: Instant) -> bool {
        if self.is_under_way || self.due > now {
            return false;
        }
        self.is_under_way = true;
        self.due = now + NEVER;
        true
    }

    /// It is done; next time then, or sooner if that was asked for while it was under way.
    pub fn end(&mut self, next: Instant) {
        self.due = self.due.min(next);
        self.is_under_way = false;
    }

    /// It is due then, and no sooner.
    pub fn set(&mut self, due: Instant) {
        self.due = due;
    }

    /// It is due then, or sooner.
    pub fn hasten(&mut self, due: Instant) {
        self.due = self.due.min(due);
    }

    fn alarm(&self) -> Option<Instant> {
        (!self.is_under_way).then_some(self.due)
    }
}

/// All that is done now and then.
#[derive(Debug)]
pub struct Schedule {
    /// Asking which kinds there are.
    pub discovery: Errand,
    /// Reading the credentials anew.
    pub reconnection: Errand,
    /// Asking whether the server is there.
    pub probe: Errand,
    /// Asking again about namespaces.
    pub questions: Errand,
    /// How often in a row it was not clear which kinds there are.
    pub unclear: u32,
    /// Until when the kinds that there are count as not clear.
    pub unsettled_until: Option<Instant>,
}

impl Schedule {
    /// Discovery comes at once, everything else when it has been set.
    pub fn new(now: Instant) -> Self {
        let later = Errand::new(now + super::hub::SILENCE);
        Self {
            discovery: Errand::new(now),
            reconnection: later,
            probe: later,
            questions: later,
            unclear: 0,
            unsettled_until: None,
        }
    }

    /// When the next thing is due.
    pub fn alarm(&self) -> Option<Instant> {
        let errands = [self.discovery, self.reconnection, self.probe, self.questions];
        errands.iter().filter_map(Errand::alarm).min()
    }
}

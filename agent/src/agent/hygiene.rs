//! Which addresses have left the node and are yet to be forgotten by connection tracking.
//!
//! An address is owed until a deletion that began after it was given up has succeeded; a failure is tried again with growing pauses.

use std::{collections::BTreeSet, future, net::IpAddr, time::Duration};

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::conntrack::{Conntrack, ForgetError, Outcome};

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// The debts and their payment.
#[derive(Debug)]
pub struct Hygiene {
    conntrack: Option<Conntrack>,
    owed: BTreeSet<IpAddr>,
    under_way: Option<UnderWay>,
    retry_at: Option<Instant>,
    backoff: Backoff,
}

#[derive(Debug)]
struct UnderWay {
    addresses: BTreeSet<IpAddr>,
    since: Instant,
}

/// An order that has ended.
#[derive(Debug)]
pub struct Settled {
    /// For how many addresses it was.
    pub addresses: usize,
    /// How long it took.
    pub duration: Duration,
    /// What became of it.
    pub outcome: Outcome,
    /// When it is tried again, if it failed.
    pub pause: Option<Duration>,
}

impl Hygiene {
    /// Nothing is owed. Without connection tracking nothing ever is.
    pub fn new(conntrack: Option<Conntrack>) -> Self {
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        Self { conntrack, owed: BTreeSet::new(), under_way: None, retry_at: None, backoff }
    }

    /// These have left, and the commit that took them from their pods is done.
    pub fn owe(&mut self, departed: BTreeSet<IpAddr>) {
        if self.conntrack.is_some() {
            self.owed.extend(departed);
        }
    }

    /// When to begin again after a failure.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Begins to forget all that is owed, unless that is under way, or has failed a moment ago.
    pub fn begin(&mut self, now: Instant) -> Option<Settled> {
        let due = self.retry_at.is_none_or(|at| at <= now);
        if self.owed.is_empty() || self.under_way.is_some() || !due {
            return None;
        }
        self.retry_at = None;
        let addresses = std::mem::take(&mut self.owed);
        let accepted = self.conntrack.as_ref().is_some_and(|conntrack| conntrack.begin(addresses.clone()));
        self.under_way = Some(UnderWay { addresses, since: now });
        if accepted {
            return None;
        }
        let gone = ForgetError::Transport("the thread that forgets connections has ended".to_owned());
        self.settle(Err(gone), now)
    }

    /// Waits for the end of what is under way. May be dropped while it waits.
    pub async fn outcome(&mut self) -> Outcome {
        match (&self.under_way, &mut self.conntrack) {
            (Some(_), Some(conntrack)) => conntrack.outcome().await,
            (None, _) | (_, None) => future::pending().await,
        }
    }

    /// Takes note of the end of what was under way.
    pub fn settle(&mut self, outcome: Outcome, now: Instant) -> Option<Settled> {
        let UnderWay { addresses, since } = self.under_way.take()?;
        let mut settled =
            Settled { addresses: addresses.len(), duration: now.duration_since(since), outcome, pause: None };
        if settled.outcome.is_ok() {
            self.backoff.reset();
        } else {
            self.owed.extend(addresses);
            let pause = self.backoff.pause();
            self.retry_at = Some(now + pause);
            settled.pause = Some(pause);
        }
        Some(settled)
    }
}

#[cfg(test)]
mod tests;

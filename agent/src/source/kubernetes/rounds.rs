//! When the questions about namespaces are asked.
//!
//! A deletion is seen by every node at the same moment. Each waits for a time by chance, the longer the more nodes there are, so that all of them together
//! ask at a rate that does not grow with the cluster. Questions that arise meanwhile wait with it and are asked in one round.

use std::time::Duration;

use tokio::time::Instant;

use super::{inquiry, pause::Pause};

/// Rounds at the same time.
const MOST: usize = 4;
/// For each node of the cluster nobody waits for longer than this.
const SHARE: Duration = Duration::from_millis(4);
/// The same after a round that took a list of all namespaces.
const LARGE_SHARE: Duration = Duration::from_millis(40);
/// Nobody waits for longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// The rounds.
#[derive(Debug, Default)]
pub struct Rounds {
    under_way: usize,
    next: Option<Instant>,
    /// Whether the last one took a list.
    was_large: bool,
}

impl Rounds {
    /// When a question that arises now is to be asked, in a cluster of so many nodes.
    pub fn ask_at(&mut self, nodes: usize, chance: &mut Pause, now: Instant) -> Instant {
        if let Some(next) = self.next.filter(|next| *next > now) {
            return next;
        }
        let share = if self.was_large { LARGE_SHARE } else { SHARE };
        let longest = share.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX)).min(LONGEST);
        let wait = chance.random(u32::try_from(longest.as_millis()).unwrap_or(u32::MAX));
        *self.next.insert(now + Duration::from_millis(wait.into()))
    }

    /// Whether a further one may begin.
    pub fn may_begin(&self) -> bool {
        self.under_way < MOST
    }

    /// One about so many namespaces begins.
    pub fn begin(&mut self, namespaces: usize) {
        self.under_way += 1;
        self.was_large = namespaces >= inquiry::MANY;
    }

    /// One has been answered.
    pub fn end(&mut self) {
        self.under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of so many nodes for one deletion that all of them see now.
    fn waits(nodes: usize, namespaces: usize) -> Vec<Duration> {
        let now = Instant::now();
        let wait = |_| {
            let mut rounds = Rounds::default();
            rounds.begin(namespaces);
            rounds.ask_at(nodes, &mut Pause::new(), now) - now
        };
        (0..nodes).map(wait).collect()
    }

    #[test]
    fn the_nodes_of_a_cluster_do_not_ask_all_at_once() {
        assert!(waits(3, 1).iter().all(|wait| *wait < Duration::from_millis(12)));
        for (nodes, namespaces, most, least) in [(1000, 1, 4, 1), (1000, 4, 30, 10), (5000, 1, 20, 6)] {
            let waits = waits(nodes, namespaces);
            let (most, least) = (Duration::from_secs(most), Duration::from_secs(least));
            assert!(waits.iter().all(|wait| *wait < most));
            // By chance: the half of the nodes that waits longest waits for longer than a third of the time.
            assert!(waits.iter().filter(|wait| **wait > least).count() > nodes / 2);
        }
    }

    #[test]
    fn questions_that_arise_meanwhile_are_asked_in_the_same_round() {
        let (mut rounds, mut chance, now) = (Rounds::default(), Pause::new(), Instant::now());
        // One wait in thirty thousand is none.
        let first = loop {
            let at = rounds.ask_at(100_000, &mut chance, now);
            if at > now {
                break at;
            }
        };
        assert_eq!(rounds.ask_at(100_000, &mut chance, now), first);
        assert!(rounds.ask_at(100_000, &mut chance, first) >= first);
    }
}

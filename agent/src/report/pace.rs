//! When the object of the node is written.
//!
//! | what there is to say | soonest after the last write |
//! |---|---|
//! | something that a person has to know: readiness, findings, obstacles | 10 s, and a time of the node's own up to 10 s after it came up |
//! | figures | 60 s |
//! | nothing new | 5 minutes, so that an object that is not written any more shows |

use std::time::Duration;

use tokio::time::Instant;

use super::jitter::Jitter;

const NEWS_GAP: Duration = Duration::from_secs(10);
const FIGURES_GAP: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_secs(300);
/// Over how long the nodes spread what happens to all of them at once.
const SPREAD: Duration = Duration::from_secs(10);

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing new.
    None,
    /// Figures.
    Figures,
    /// Something that a person has to know.
    News,
}

/// The pace of a node.
#[derive(Debug)]
pub(super) struct Pace {
    jitter: Jitter,
    written_at: Option<Instant>,
    news_at: Option<Instant>,
}

impl Pace {
    /// Nothing has been written; the first word comes after a time of the node's own.
    pub fn new(jitter: Jitter) -> Self {
        Self { jitter, written_at: None, news_at: None }
    }

    /// Whether to write now.
    pub fn is_due(&mut self, change: Change, now: Instant) -> bool {
        let after_write = |gap| self.written_at.is_none_or(|at| now >= at + gap);
        match change {
            Change::News => {
                let since = *self.news_at.get_or_insert(now);
                now >= since + self.jitter.within(SPREAD) && after_write(NEWS_GAP)
            }
            Change::Figures => after_write(FIGURES_GAP),
            Change::None => after_write(self.jitter.around(HEARTBEAT)),
        }
    }

    /// It has been written.
    pub fn note_write(&mut self, now: Instant) {
        self.written_at = Some(now);
        self.news_at = None;
    }
}

#[cfg(test)]
mod tests {
    use ferrule_ruleset::name::NodeName;

    use super::*;

    /// How often is written in an hour in which this is to be said in every second.
    fn writes(change: Change) -> usize {
        let start = Instant::now();
        let mut pace = Pace::new(Jitter::of(&NodeName::from("node-1")));
        let mut is_written = |second: &u64| {
            let now = start + Duration::from_secs(*second);
            let due = pace.is_due(change, now);
            if due {
                pace.note_write(now);
            }
            due
        };
        (0..3600).filter(|second| is_written(second)).count()
    }

    #[test]
    fn the_rate_is_bounded_by_what_there_is_to_say() {
        assert!((180..=360).contains(&writes(Change::News)), "{}", writes(Change::News));
        assert_eq!(writes(Change::Figures), 60);
        assert!((11..=14).contains(&writes(Change::None)), "{}", writes(Change::None));
    }

    #[test]
    fn news_do_not_wait_for_figures() {
        let start = Instant::now();
        let mut pace = Pace::new(Jitter::of(&NodeName::from("node-1")));
        pace.note_write(start);
        let at = |second| start + Duration::from_secs(second);
        assert!(!pace.is_due(Change::Figures, at(12)));
        assert!((12..=23).any(|second| pace.is_due(Change::News, at(second))));
    }
}

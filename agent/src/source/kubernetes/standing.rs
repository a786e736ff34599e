//! What cannot be followed, since when and why; told when it changes, and only what has lasted for more than a moment.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::failure::Failure;
use crate::source::Obstacle;

/// What passes sooner than this is not told.
const MOMENT: Duration = Duration::from_secs(1);
/// How often another reason for the same obstacle is told.
const NEW_REASON: Duration = Duration::from_secs(30);

/// Something that is not followed.
#[derive(Clone, Debug)]
struct Trouble {
    since: Instant,
    reason: String,
    reason_since: Instant,
}

/// All that is not followed.
#[derive(Debug)]
pub struct Standing {
    address: String,
    server: Option<Trouble>,
    parts: BTreeMap<String, Trouble>,
    told: Vec<Obstacle>,
}

impl Standing {
    /// Everything is well with the server at this address, as far as is known.
    pub fn new(address: String) -> Self {
        Self { address, server: None, parts: BTreeMap::new(), told: Vec::new() }
    }

    /// The server is at this address now.
    pub fn set_address(&mut self, address: String) {
        self.address = address;
    }

    /// A part is not followed. Of the server as a whole a failure says that too.
    pub fn note_failure(&mut self, subject: &str, failure: &Failure, now: Instant) {
        let reason = failure.text(subject);
        if failure.is_of_server() {
            note(&mut self.server, &reason, now);
        } else {
            self.note_answer();
        }
        self.note_trouble(subject, reason, now);
    }

    /// A part is not followed, for this reason.
    pub fn note_trouble(&mut self, subject: &str, reason: String, now: Instant) {
        let mut trouble = self.parts.remove(subject);
        note(&mut trouble, &reason, now);
        self.parts.extend(trouble.map(|trouble| (subject.to_owned(), trouble)));
    }

    /// The server as a whole cannot be used.
    pub fn note_server_failure(&mut self, failure: &Failure, now: Instant) {
        note(&mut self.server, &failure.text("the API server"), now);
    }

    /// A part is followed again, or is no more.
    pub fn note_success(&mut self, subject: &str) {
        self.parts.remove(subject);
    }

    /// The server answered.
    pub fn note_answer(&mut self) {
        self.server = None;
    }

    /// Since when the server as a whole cannot be used.
    pub fn server_lost_since(&self) -> Option<Instant> {
        self.server.as_ref().map(|trouble| trouble.since)
    }

    /// Whether something that began then has lasted for more than a moment.
    pub fn is_lasting(since: Instant, now: Instant) -> bool {
        since + MOMENT <= now
    }

    /// What is to be told, if it differs from what was told last.
    pub fn news(&mut self, now: Instant) -> Option<Vec<Obstacle>> {
        let lasting = |(subject, trouble): (&str, &Trouble)| {
            Self::is_lasting(trouble.since, now).then(|| Obstacle {
                subject: subject.to_owned(),
                since: trouble.since,
                reason: trouble.reason.clone(),
            })
        };
        let server = format!("API server {}", self.address);
        let obstacles: Vec<Obstacle> = match &self.server {
            Some(trouble) => lasting((&server, trouble)).into_iter().collect(),
            None => self.parts.iter().filter_map(|(subject, trouble)| lasting((subject, trouble))).collect(),
        };
        if obstacles == self.told {
            return None;
        }
        self.told.clone_from(&obstacles);
        Some(obstacles)
    }

    /// When something may have to be told that has not been.
    pub fn alarm(&self, now: Instant) -> Option<Instant> {
        let troubles = self.server.iter().chain(self.parts.values());
        troubles.map(|trouble| trouble.since + MOMENT).filter(|at| *at > now).min()
    }
}

/// Another reason replaces the first one at once while that has not been told, and then at a low rate.
fn note(trouble: &mut Option<Trouble>, reason: &str, now: Instant) {
    let trouble =
        trouble.get_or_insert_with(|| Trouble { since: now, reason: reason.to_owned(), reason_since: now });
    let is_fresh = trouble.since + MOMENT > now;
    if trouble.reason != reason && (is_fresh || trouble.reason_since + NEW_REASON <= now) {
        trouble.reason = reason.to_owned();
        trouble.reason_since = now;
    }
}

#[cfg(test)]
mod tests;

//! What cannot be followed, since when and why; told when it changes, and only what has lasted for more than a moment.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::failure::Failure;
use crate::source::Obstacle;

/// What passes sooner than this is not told.
const MOMENT: Duration = Duration::from_secs(1);
/// The same of a list that is under way, and of what is left to do when the server is back after a while.
const WHILE: Duration = Duration::from_secs(5);
/// How often another reason for the same obstacle is told.
const NEW_REASON: Duration = Duration::from_secs(30);

/// Something that is not followed.
#[derive(Clone, Debug)]
struct Trouble {
    since: Instant,
    /// From when on it is told.
    told_from: Instant,
    reason: String,
    reason_since: Instant,
}

/// All that is not followed.
#[derive(Debug)]
pub struct Standing {
    address: String,
    server: Option<Trouble>,
    parts: BTreeMap<String, Trouble>,
    /// Until when troubles of parts are not told, as they are remnants of the server's.
    remnants_until: Option<Instant>,
    told: Vec<Obstacle>,
}

impl Standing {
    /// Everything is well with the server at this address, as far as is known.
    pub fn new(address: String) -> Self {
        Self { address, server: None, parts: BTreeMap::new(), remnants_until: None, told: Vec::new() }
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
            self.note_answer(now);
        }
        self.note_trouble(subject, &reason, now);
    }

    /// A part is not followed, for this reason.
    pub fn note_trouble(&mut self, subject: &str, reason: &str, now: Instant) {
        let mut trouble = self.parts.remove(subject);
        note(&mut trouble, reason, now);
        self.parts.extend(trouble.map(|trouble| (subject.to_owned(), trouble)));
    }

    /// A part is being listed.
    pub fn note_listing(&mut self, subject: &str, now: Instant) {
        self.note_trouble(subject, "it is being listed", now);
        if let Some(trouble) = self.parts.get_mut(subject) {
            trouble.told_from = now + WHILE;
        }
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
    pub fn note_answer(&mut self, now: Instant) {
        if self.server.take().is_some_and(|trouble| trouble.told_from <= now) {
            self.remnants_until = Some(now + WHILE);
        }
    }

    /// Since when the server as a whole cannot be used.
    pub fn server_lost_since(&self) -> Option<Instant> {
        self.server.as_ref().map(|trouble| trouble.since)
    }

    /// What is to be told, if it differs from what was told last.
    pub fn news(&mut self, now: Instant) -> Option<Vec<Obstacle>> {
        let lasting = |(subject, trouble): (&str, &Trouble)| {
            (trouble.told_from <= now).then(|| Obstacle {
                subject: subject.to_owned(),
                since: trouble.since,
                reason: trouble.reason.clone(),
            })
        };
        let server = format!("API server {}", self.address);
        let are_remnants = self.remnants_until.is_some_and(|until| now < until);
        let obstacles: Vec<Obstacle> = match &self.server {
            Some(trouble) => lasting((&server, trouble)).into_iter().collect(),
            None if are_remnants => Vec::new(),
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
        let times = troubles.map(|trouble| trouble.told_from).chain(self.remnants_until);
        times.filter(|at| *at > now).min()
    }
}

/// Another reason replaces the first one at once while that has not been told, and then at a low rate.
fn note(trouble: &mut Option<Trouble>, reason: &str, now: Instant) {
    let told_from = now + MOMENT;
    let trouble = trouble.get_or_insert_with(|| Trouble {
        since: now,
        told_from,
        reason: reason.to_owned(),
        reason_since: now,
    });
    trouble.told_from = trouble.told_from.min(told_from);
    let is_fresh = trouble.told_from > now;
    if trouble.reason != reason && (is_fresh || trouble.reason_since + NEW_REASON <= now) {
        trouble.reason = reason.to_owned();
        trouble.reason_since = now;
    }
}

#[cfg(test)]
mod tests;

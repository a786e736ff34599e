//! What the source does beside listening, each in a task of its own.

use std::{panic, time::Duration};

use tokio::{
    task::JoinError,
    time::{Instant, sleep, timeout},
};

use super::{
    failure::Failure,
    hub::{Hub, Outcome, SILENCE},
    inquiry,
};
use crate::api_server::{AccessError, Connection};

/// How often the credentials are read again while the server cannot be used.
const RECONNECT: Duration = Duration::from_secs(10);
/// By how many milliseconds more at most, so that the agents of a cluster do not ask all at once.
const SPREAD: u32 = 3000;
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an unanswered question about a namespace is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(5);

impl Hub {
    /// Starts what is due.
    pub(super) fn begin_errands(&mut self, now: Instant) {
        if self.schedule.discovery.begin(now) {
            self.begin_discovery();
        }
        if self.standing.server_lost_since().is_none() {
            self.schedule.reconnection.set(now + RECONNECT);
        } else if self.schedule.reconnection.begin(now) {
            let access = self.access.clone();
            self.tasks.spawn(async move { Outcome::Connected(access.connect().await) });
        }
        if self.schedule.probe.begin(now) {
            self.begin_probe();
        }
        if self.departures.has_unanswered() {
            if self.schedule.questions.begin(now) {
                let ask_at = self.ask_at();
                self.departures.ask_again(ask_at);
                self.schedule.questions.end(now + ASK_AGAIN);
            }
        } else {
            self.schedule.questions.set(now + ASK_AGAIN);
        }
        self.begin_survey();
        self.ask_about_namespaces(now);
    }

    pub(super) fn note_outcome(&mut self, outcome: Result<Outcome, JoinError>) {
        let now = Instant::now();
        match outcome {
            Ok(Outcome::Ended) => {}
            Ok(Outcome::Discovered(answer)) => self.note_discovery(answer, now),
            Ok(Outcome::Answered(number, answers)) => self.note_namespace_answers(number, answers),
            Ok(Outcome::Surveyed(number, answer)) => self.note_survey(number, answer),
            Ok(Outcome::Connected(connection)) => self.note_connection(connection, now),
            Ok(Outcome::Probed(answer)) => {
                self.schedule.probe.end(now + SILENCE);
                match answer {
                    Ok(()) => self.note_answer(now),
                    // Whoever refuses is there, and so is what is in front of a server that is starting.
                    Err(failure) if !failure.is_of_server() => self.note_answer(now),
                    Err(failure) => {
                        let is_news = self.standing.server_lost_since().is_none();
                        self.standing.note_server_failure(&failure, now);
                        if is_news {
                            self.restart_watches();
                        }
                    }
                }
            }
            Ok(Outcome::Versioned(answer)) => self.note_version(&answer),
            Err(error) => {
                if let Ok(reason) = error.try_into_panic() {
                    panic::resume_unwind(reason);
                }
            }
        }
    }

    /// While the server cannot be used, its address or what is needed to trust it may have changed.
    fn note_connection(&mut self, connection: Result<Connection, AccessError>, now: Instant) {
        let spread = Duration::from_millis(self.pause.random(SPREAD).into());
        self.schedule.reconnection.end(now + RECONNECT + spread);
        match connection {
            Ok(Connection { client, address }) => {
                self.address.send_replace(Some(address.clone()));
                self.standing.set_address(address);
                // Followers go on resting; one question tells whether it is worth while to wake them.
                self.target.send_if_modified(|target| {
                    target.client = client;
                    false
                });
                self.schedule.probe.hasten(now);
            }
            Err(error) => self.standing.note_server_failure(&error.into(), now),
        }
    }

    /// Nothing has come for long: is the server still there? On a connection that is silent nobody can tell.
    fn begin_probe(&mut self) {
        let client = self.target.borrow().client.clone();
        self.tasks.spawn(async move {
            let answer = timeout(PATIENCE, client.apiserver_version()).await;
            Outcome::Probed(match answer {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure::from(error)),
                Err(_) => Err(Failure::Unreachable("no answer".to_owned())),
            })
        });
    }

    /// A server that comes back may hold an older state than the one that went, restored from a copy. It takes up a watch at a version that it has not
    /// reached, and says nothing until it has.
    pub(super) fn ask_for_version(&mut self, pause: Duration) {
        let client = self.target.borrow().client.clone();
        self.tasks.spawn(async move {
            sleep(pause).await;
            Outcome::Versioned(inquiry::version(&client).await)
        });
    }

    fn note_version(&mut self, answer: &Result<u64, Failure>) {
        match answer {
            Ok(version) if *version < self.newest => {
                tracing::warn!(
                    version,
                    heard = self.newest,
                    "the API server holds an older state than before; listing everything anew"
                );
                self.newest = *version;
                self.target.send_modify(|target| target.generation += 1);
            }
            Ok(_) => {}
            // It has no number, or may not be asked for: there is nothing to compare.
            Err(Failure::Unintelligible(_) | Failure::Refused { code: 403, .. }) => {}
            // A server that is lost again is asked when it is back.
            Err(_) if self.standing.server_lost_since().is_some() => {}
            Err(_) => self.ask_for_version(ASK_AGAIN),
        }
    }
}

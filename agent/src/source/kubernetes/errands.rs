//! What the source does beside listening, each in a task of its own.

use std::{panic, time::Duration};

use tokio::{
    task::JoinError,
    time::{Instant, timeout},
};

use super::{
    failure::Failure,
    hub::{Hub, Outcome, SILENCE},
    inquiry,
};
use crate::api_server::{AccessError, Connection};

/// How often the credentials are read again while the server cannot be used.
const RECONNECT: Duration = Duration::from_secs(10);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an unanswered question about a namespace is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

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
                self.departures.ask_again();
                self.schedule.questions.end(now + ASK_AGAIN);
            }
        } else {
            self.schedule.questions.set(now + ASK_AGAIN);
        }
        self.ask_about_namespaces();
    }

    pub(super) fn note_outcome(&mut self, outcome: Result<Outcome, JoinError>) {
        let now = Instant::now();
        match outcome {
            Ok(Outcome::Ended) => {}
            Ok(Outcome::Discovered(answer)) => self.note_discovery(answer, now),
            Ok(Outcome::Answered(namespace, answer)) => self.note_namespace_answer(&namespace, answer),
            Ok(Outcome::Connected(connection)) => self.note_connection(connection, now),
            Ok(Outcome::Probed(answer)) => {
                self.schedule.probe.end(now + SILENCE);
                match answer {
                    Ok(()) => self.note_answer(now),
                    Err(failure) => {
                        self.standing.note_server_failure(&failure, now);
                        self.restart_watches();
                    }
                }
            }
            Ok(Outcome::Versioned(answer)) => self.note_version(answer),
            Err(error) => {
                if let Ok(reason) = error.try_into_panic() {
                    panic::resume_unwind(reason);
                }
            }
        }
    }

    /// While the server cannot be used, its address or what is needed to trust it may have changed.
    fn note_connection(&mut self, connection: Result<Connection, AccessError>, now: Instant) {
        self.schedule.reconnection.end(now + RECONNECT);
        match connection {
            Ok(Connection { client, address }) => {
                self.address.send_replace(Some(address.clone()));
                self.standing.set_address(address);
                self.target.send_modify(|target| target.client = client);
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
    pub(super) fn ask_for_version(&mut self) {
        let client = self.target.borrow().client.clone();
        self.tasks.spawn(async move { Outcome::Versioned(inquiry::version(&client).await) });
    }

    fn note_version(&mut self, answer: Result<u64, Failure>) {
        match answer {
            Ok(version) if version < self.newest => {
                tracing::warn!(
                    version,
                    heard = self.newest,
                    "the API server holds an older state than before; listing everything anew"
                );
                self.newest = version;
                self.target.send_modify(|target| target.generation += 1);
            }
            Ok(_) => {}
            Err(failure) => tracing::debug!(?failure, "the version of the API server's state is not known"),
        }
    }
}

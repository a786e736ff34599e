//! Brings together what the followers of kinds say, and tells the loop.
//!
//! Everything that takes time is a task of its own; here nothing waits but for the loop. A task that panics takes the source with it, so that the end of
//! one kind cannot go unseen.

use std::{convert::Infallible, hash::RandomState, panic, time::Duration};

use ferrule_ruleset::{
    convert::{self, Followed},
    name::NamespaceName,
    resource::ResourceKey,
};
use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};

use super::{
    departure::{Answer, Departures},
    discovery::{Presence, Served},
    failure::Failure,
    mirror::Mirror,
    outbox::Outbox,
    pause::Pause,
    schedule::Schedule,
    standing::Standing,
    watching::{News, NobodyListens},
};
use crate::{
    api_server::{Access, AccessError, Connection},
    source::{Message, Report},
};

/// Words of followers that may wait.
const INBOX: usize = 256;
/// How often the credentials are read again while the server cannot be used.
const RECONNECT: Duration = Duration::from_secs(10);
/// After how long without a word the server is asked whether it is still there. Each watch has a bookmark about once in a minute.
pub(super) const SILENCE: Duration = Duration::from_secs(75);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an unanswered question about a namespace is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A follower, told apart from earlier ones of the same kind.
pub(super) type Speaker = (Subject, u64);

/// What a follower follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A kind, by its place among those that take part in policy.
    Kind(usize),
    /// The definitions of custom resources.
    Definitions,
}

/// A kind, as it stands.
#[derive(Debug)]
pub(super) struct Kind {
    pub followed: Followed,
    pub mirror: Mirror,
    pub following: Option<Following>,
    pub epoch: u64,
    /// The identity of one of its objects, from which those of all others follow.
    pub example: Option<ResourceKey>,
    pub is_listed: bool,
    /// What of the API server does not say whether it is served.
    pub unknown: Option<String>,
    /// The server has said once that it is gone.
    pub is_missing: bool,
}

/// A task that follows something, as long as this is kept.
#[derive(Debug)]
pub(super) struct Following {
    pub served: Served,
    pub task: AbortHandle,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came of a task.
pub(super) enum Outcome {
    /// A follower has ended, because it was told to.
    Ended,
    Discovered(Result<Vec<Presence>, Failure>),
    Answered(NamespaceName, Result<Answer, Failure>),
    Connected(Result<Connection, AccessError>),
    Probed(Result<(), Failure>),
}

/// The source.
pub struct Hub {
    pub(super) access: Access,
    pub(super) client: watch::Sender<Client>,
    /// Where the server is, for whoever looks after the way to it.
    address: watch::Sender<Option<String>>,
    pub(super) kinds: Vec<Kind>,
    pub(super) definitions: Option<Following>,
    pub(super) are_definitions_followed: bool,
    pub(super) digests: RandomState,
    pub(super) outbox: Outbox,
    pub(super) standing: Standing,
    pub(super) departures: Departures,
    /// Questions about namespaces under way.
    pub(super) questions: usize,
    pub(super) schedule: Schedule,
    /// Chance.
    pub(super) pause: Pause,
    pub(super) tasks: JoinSet<Outcome>,
    pub(super) to_us: mpsc::Sender<(Speaker, News)>,
    inbox: mpsc::Receiver<(Speaker, News)>,
    pub(super) is_discovered: bool,
    is_in_sync: bool,
}

impl Hub {
    /// A source that knows nothing yet.
    pub fn new(
        access: Access,
        connection: Connection,
        address: watch::Sender<Option<String>>,
        sender: mpsc::Sender<Message>,
    ) -> Self {
        let kinds = convert::followed().into_iter().map(|followed| Kind {
            followed,
            mirror: Mirror::default(),
            following: None,
            epoch: 0,
            example: None,
            is_listed: false,
            unknown: None,
            is_missing: false,
        });
        let (to_us, inbox) = mpsc::channel(INBOX);
        address.send_replace(Some(connection.address.clone()));
        Self {
            access,
            client: watch::Sender::new(connection.client),
            address,
            kinds: kinds.collect(),
            definitions: None,
            are_definitions_followed: false,
            digests: RandomState::new(),
            outbox: Outbox::new(sender),
            standing: Standing::new(connection.address),
            departures: Departures::default(),
            questions: 0,
            schedule: Schedule::new(Instant::now()),
            pause: Pause::new(),
            tasks: JoinSet::new(),
            to_us,
            inbox,
            is_discovered: false,
            is_in_sync: false,
        }
    }

    /// Works until nobody listens any more.
    pub async fn run(mut self) -> Result<Infallible, NobodyListens> {
        self.outbox.push_built_in_tiers();
        loop {
            let now = Instant::now();
            self.begin_errands(now);
            self.tell(now).await?;
            let alarms = [self.schedule.alarm(), self.standing.alarm(now), self.outbox.alarm()];
            let until = alarms.into_iter().flatten().min().unwrap_or(now + SILENCE);
            tokio::select! {
                Some((speaker, news)) = self.inbox.recv() => self.take(speaker, news),
                Some(outcome) = self.tasks.join_next() => self.note_outcome(outcome),
                () = sleep_until(until) => {}
            }
            while !self.outbox.is_full()
                && let Ok((speaker, news)) = self.inbox.try_recv()
            {
                self.take(speaker, news);
            }
        }
    }

    /// Starts what is due.
    fn begin_errands(&mut self, now: Instant) {
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

    async fn tell(&mut self, now: Instant) -> Result<(), NobodyListens> {
        self.outbox.flush(now).await?;
        if let Some(obstacles) = self.standing.news(now) {
            self.outbox.send(Report::Obstacles(obstacles)).await?;
        }
        let is_settled = |kind: &Kind| kind.unknown.is_none() && (kind.following.is_none() || kind.is_listed);
        if !self.is_in_sync && self.is_discovered && self.kinds.iter().all(is_settled) {
            self.is_in_sync = true;
            self.outbox.send(Report::InSync).await?;
        }
        Ok(())
    }

    fn note_outcome(&mut self, outcome: Result<Outcome, JoinError>) {
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
                self.client.send_replace(client);
            }
            Err(error) => self.standing.note_server_failure(&error.into(), now),
        }
    }

    /// The server answered. Followers that wait because it did not need not wait any longer, and connections from before may be dead.
    pub(super) fn note_answer(&mut self, now: Instant) {
        self.schedule.probe.set(now + SILENCE);
        let was_lost = self.standing.server_lost_since();
        self.standing.note_answer();
        if was_lost.is_some_and(|since| Standing::is_lasting(since, now)) {
            self.restart_watches();
        }
    }

    /// Nothing has come for long: is the server still there? On a connection that is silent nobody can tell.
    fn begin_probe(&mut self) {
        let client = self.client.borrow().clone();
        self.tasks.spawn(async move {
            let answer = timeout(PATIENCE, client.apiserver_version()).await;
            Outcome::Probed(match answer {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure::from(error)),
                Err(_) => Err(Failure::Unreachable("no answer".to_owned())),
            })
        });
    }

    /// Lets every follower take up its watch anew, where it stopped.
    fn restart_watches(&self) {
        self.client.send_modify(|_| {});
    }
}

#[cfg(test)]
mod tests;

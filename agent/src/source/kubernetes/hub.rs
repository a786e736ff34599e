//! Brings together what the followers of kinds say, and tells the loop.
//!
//! Everything that takes time is a task of its own; here nothing waits but for the loop. A task that panics takes the source with it, so that the end of
//! one kind cannot go unseen.

use std::{convert::Infallible, hash::RandomState, time::Duration};

use ferrule_ruleset::{
    convert::{self, Followed},
    name::NamespaceName,
    resource::ResourceKey,
};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    departure::{Answer, Departures},
    discovery::{Discovery, Served},
    failure::Failure,
    mirror::Mirror,
    outbox::Outbox,
    pause::Pause,
    rounds::Rounds,
    schedule::Schedule,
    standing::Standing,
    watching::{News, NobodyListens, Target},
};
use crate::{
    api_server::{Access, AccessError, Connection},
    source::{Message, Report},
};

/// Words of followers that may wait.
const INBOX: usize = 256;
/// After how long without a word the server is asked whether it is still there. Each watch has a bookmark about once in a minute.
pub(super) const SILENCE: Duration = Duration::from_secs(75);
/// After a loss that was shorter than this, watches go on as they are.
const REMARKABLE: Duration = Duration::from_secs(1);

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
    /// Its collection was not found when it was asked for last.
    pub is_missing: bool,
    /// Another group serves it too.
    pub is_paired: bool,
    /// Whether what the last list does not hold is gone.
    pub loss: Loss,
}

/// Whether objects that a list does not hold are gone. Where another group serves the kind too, they may be there instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Loss {
    /// There is nothing to doubt.
    #[default]
    Certain,
    /// It is to be asked which group holds what.
    Doubtful,
    /// It has been asked.
    Asked,
}

impl Kind {
    /// Whether it is followed in another API than this.
    pub fn is_elsewhere(&self, served: &Served) -> bool {
        self.following.as_ref().is_some_and(|following| following.served.api_version != served.api_version)
    }
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
    Discovered(Result<Discovery, Failure>),
    /// About namespaces, in the round of this number.
    Answered(u64, Vec<(NamespaceName, Result<Answer, Failure>)>),
    /// Which namespaces are under deletion, to the survey of this number.
    Surveyed(u64, Result<Vec<NamespaceName>, Failure>),
    Connected(Result<Connection, AccessError>),
    Probed(Result<(), Failure>),
    /// The version of what the server holds now.
    Versioned(Result<u64, Failure>),
}

/// The source.
pub struct Hub {
    pub(super) access: Access,
    pub(super) target: watch::Sender<Target>,
    /// The newest version that was heard of, by number, where it is one of the API server's own.
    pub(super) newest: u64,
    /// Where the server is, for whoever looks after the way to it.
    pub(super) address: watch::Sender<Option<String>>,
    pub(super) kinds: Vec<Kind>,
    pub(super) definitions: Option<Following>,
    pub(super) are_definitions_followed: bool,
    pub(super) digests: RandomState,
    pub(super) outbox: Outbox,
    pub(super) standing: Standing,
    pub(super) departures: Departures,
    pub(super) rounds: Rounds,
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
            is_paired: false,
            loss: Loss::Certain,
        });
        let (to_us, inbox) = mpsc::channel(INBOX);
        address.send_replace(Some(connection.address.clone()));
        Self {
            access,
            target: watch::Sender::new(Target { client: connection.client, generation: 0 }),
            newest: 0,
            address,
            kinds: kinds.collect(),
            definitions: None,
            are_definitions_followed: false,
            digests: RandomState::new(),
            outbox: Outbox::new(sender),
            standing: Standing::new(connection.address),
            departures: Departures::default(),
            rounds: Rounds::default(),
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
            let question = if self.rounds.may_begin() { self.departures.alarm() } else { None };
            let alarms = [self.schedule.alarm(), self.standing.alarm(now), self.outbox.alarm(), question];
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

    async fn tell(&mut self, now: Instant) -> Result<(), NobodyListens> {
        self.outbox.flush(now).await?;
        if let Some(obstacles) = self.standing.news(now) {
            self.outbox.send(Report::Obstacles(obstacles)).await?;
        }
        let is_settled = |kind: &Kind| kind.unknown.is_none() && (kind.following.is_none() || kind.is_listed);
        let is_complete = self.is_discovered && self.departures.survey.is_complete();
        if !self.is_in_sync && is_complete && self.kinds.iter().all(is_settled) {
            self.is_in_sync = true;
            self.outbox.send(Report::InSync).await?;
        }
        Ok(())
    }

    /// The server answered. Followers that wait because it did not need not wait any longer, and connections from before may be dead.
    pub(super) fn note_answer(&mut self, now: Instant) {
        self.schedule.probe.set(now + SILENCE);
        let was_lost = self.standing.server_lost_since();
        self.standing.note_answer(now);
        if let Some(since) = was_lost {
            self.ask_for_version(Duration::ZERO);
            if since + REMARKABLE <= now {
                self.restart_watches();
            }
        }
    }

    /// Lets every follower take up its watch anew, where it stopped.
    pub(super) fn restart_watches(&self) {
        self.target.send_modify(|_| {});
    }
}

#[cfg(test)]
mod tests;

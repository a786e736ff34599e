//! Brings together what the followers of kinds say, and tells the loop.

use std::{hash::RandomState, time::Duration};

use ferrule_ruleset::{
    convert::{self, Followed},
    resource::ResourceKey,
};
use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{
    discovery::{self, Presence, Served},
    failure::Failure,
    mirror::Mirror,
    outbox::Outbox,
    standing::Standing,
    watch::{NobodyListens, News, follow},
};
use crate::{
    api_server::{Access, Connection},
    source::{Message, Report},
};

/// Words of followers that may wait.
const INBOX: usize = 256;
/// How often it is asked which kinds there are, if nothing gives a reason to.
const DISCOVERY: Duration = Duration::from_secs(60);
/// The same while a part does not answer.
const DISCOVERY_AGAIN: Duration = Duration::from_secs(5);
/// How often the credentials are read again while the server cannot be used.
const RECONNECT: Duration = Duration::from_secs(10);

/// A follower, told apart from earlier ones of the same kind.
type Speaker = (usize, u64);

/// A kind, as it stands.
#[derive(Debug)]
pub(super) struct Kind {
    followed: Followed,
    pub(super) mirror: Mirror,
    pub(super) follower: Option<Following>,
    epoch: u64,
    /// The identity of one of its objects, from which those of all others follow.
    pub(super) example: Option<ResourceKey>,
    is_listed: bool,
    /// Under which name its group is in trouble.
    unknown: Option<String>,
}

#[derive(Debug)]
pub(super) struct Following {
    pub(super) served: Served,
    task: AbortHandle,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The source.
pub struct Hub {
    access: Access,
    client: watch::Sender<Client>,
    pub(super) kinds: Vec<Kind>,
    pub(super) digests: RandomState,
    pub(super) outbox: Outbox,
    standing: Standing,
    to_us: mpsc::Sender<(Speaker, News)>,
    inbox: mpsc::Receiver<(Speaker, News)>,
    discover_at: Instant,
    reconnect_at: Instant,
    is_discovered: bool,
    is_in_sync: bool,
}

impl Hub {
    /// A source that knows nothing yet.
    pub fn new(access: Access, connection: Connection, sender: mpsc::Sender<Message>) -> Self {
        let kinds = convert::followed().into_iter().map(|followed| Kind {
            followed,
            mirror: Mirror::default(),
            follower: None,
            epoch: 0,
            example: None,
            is_listed: false,
            unknown: None,
        });
        let (to_us, inbox) = mpsc::channel(INBOX);
        let now = Instant::now();
        Self {
            access,
            client: watch::Sender::new(connection.client),
            kinds: kinds.collect(),
            digests: RandomState::new(),
            outbox: Outbox::new(sender),
            standing: Standing::new(connection.address),
            to_us,
            inbox,
            discover_at: now,
            reconnect_at: now + RECONNECT,
            is_discovered: false,
            is_in_sync: false,
        }
    }

    /// Works until nobody listens any more.
    pub async fn run(mut self) -> Result<std::convert::Infallible, NobodyListens> {
        self.outbox.push_built_in_tiers();
        loop {
            let now = Instant::now();
            if self.discover_at <= now {
                self.discover().await;
            }
            self.reconnect(now).await;
            self.tell(now).await?;
            let alarms = [self.standing.alarm(now), Some(self.discover_at), self.standing.server_lost_since().map(|_| self.reconnect_at)];
            let until = alarms.into_iter().flatten().min().unwrap_or(self.discover_at);
            tokio::select! {
                Some((speaker, news)) = self.inbox.recv() => self.take(speaker, news),
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
        self.outbox.flush().await?;
        if let Some(obstacles) = self.standing.news(now) {
            self.outbox.send(Report::Obstacles(obstacles)).await?;
        }
        let is_complete = self.is_discovered
            && self.kinds.iter().all(|kind| kind.unknown.is_none() && (kind.follower.is_none() || kind.is_listed));
        if is_complete && !self.is_in_sync {
            self.is_in_sync = true;
            self.outbox.send(Report::InSync).await?;
        }
        Ok(())
    }

    /// While the server cannot be used, its address or what is needed to trust it may have changed.
    async fn reconnect(&mut self, now: Instant) {
        if self.standing.server_lost_since().is_none() {
            self.reconnect_at = now + RECONNECT;
        } else if self.reconnect_at <= now {
            self.reconnect_at = now + RECONNECT;
            match self.access.connect().await {
                Ok(Connection { client, address }) => {
                    self.standing.set_address(address);
                    self.client.send_replace(client);
                }
                Err(error) => self.standing.note_server_failure(&error.into(), now),
            }
        }
    }

    async fn discover(&mut self) {
        let client = self.client.borrow().clone();
        let followed: Vec<Followed> = self.kinds.iter().map(|kind| kind.followed.clone()).collect();
        let answer = discovery::discover(&client, &followed).await;
        let now = Instant::now();
        self.discover_at = now + DISCOVERY;
        match answer {
            Ok(presences) => {
                self.note_answer();
                self.is_discovered = true;
                presences.into_iter().enumerate().for_each(|(index, presence)| self.set_presence(index, presence, now));
            }
            Err(failure) => {
                self.standing.note_server_failure(&failure, now);
                self.discover_at = now + DISCOVERY_AGAIN;
            }
        }
    }

    fn set_presence(&mut self, index: usize, presence: Presence, now: Instant) {
        let kind = &mut self.kinds[index];
        if let Some(subject) = kind.unknown.take() {
            self.standing.note_success(&subject);
        }
        match presence {
            Presence::Unknown { subject, failure } => {
                self.discover_at = now + DISCOVERY_AGAIN;
                self.standing.note_trouble(&subject, failure.text(&subject), now);
                kind.unknown = Some(subject);
            }
            Presence::Absent => {
                if let Some(following) = kind.follower.take() {
                    self.standing.note_success(&following.served.resource);
                    let missing = kind.mirror.clear();
                    missing.into_iter().for_each(|name| self.delete(index, &name));
                }
            }
            Presence::Served(served) => {
                if kind.follower.as_ref().is_some_and(|following| following.served == served) {
                    return;
                }
                if let Some(following) = kind.follower.take() {
                    self.standing.note_success(&following.served.resource);
                }
                kind.epoch += 1;
                let speaker = (index, kind.epoch);
                let follower = follow(speaker, served.clone(), self.client.subscribe(), self.to_us.clone());
                self.standing.note_trouble(&served.resource, "it is being listed".to_owned(), now);
                kind.follower = Some(Following { served, task: tokio::spawn(follower).abort_handle() });
            }
        }
    }

    /// The server answered. Followers that wait because it did not need not wait any longer.
    fn note_answer(&mut self) {
        if self.standing.note_answer() {
            self.client.send_modify(|_| {});
        }
    }

    fn take(&mut self, (index, epoch): Speaker, news: News) {
        let kind = &mut self.kinds[index];
        let Some(following) = kind.follower.as_ref().filter(|_| kind.epoch == epoch) else { return };
        let resource = following.served.resource.clone();
        match news {
            News::Failed(failure) => return self.note_failure(&resource, &failure),
            News::ListBegan => kind.mirror.begin_list(),
            News::Present(object) => self.present(index, &object),
            News::Deleted(object) => self.deleted(index, &object),
            News::ListEnded => {
                kind.is_listed = true;
                let missing = kind.mirror.end_list();
                missing.into_iter().for_each(|name| self.delete(index, &name));
                self.standing.note_success(&resource);
            }
            News::Alive => self.standing.note_success(&resource),
        }
        self.note_answer();
    }

    fn note_failure(&mut self, resource: &str, failure: &Failure) {
        let now = Instant::now();
        self.standing.note_failure(resource, failure, now);
        if failure.is_not_found() {
            self.discover_at = now;
        }
    }
}

//! Follows one kind: a list, then a watch from where the list ended, for ever.
//!
//! The library's watcher is not used. It does not look at the status of HTTP of a watch, so that a kind that went (404) looks like garbled text, a version
//! that is refused by status (410) is asked for again without end, and a server that ends every watch at once is asked as fast as it answers.
//!
//! Invariants:
//! * A list is told as it comes in; what it does not hold is only known when it has ended ([`News::ListEnded`]).
//! * A watch that breaks is taken up where it broke. Only a server that has forgotten that place (410) leads to a new list.
//! * Every failure is followed by a pause, and so is a version that the server has forgotten; pauses grow until a watch has lasted.
//! * A watch counts as one when something of it was understood, or when it has stood for a moment.

use std::time::Duration;

use futures::AsyncBufRead;
use kube::{
    Client,
    api::{ListParams, WatchParams},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    discovery::{Form, Served},
    failure::Failure,
    lines::Lines,
    object::{Line, Object, Page},
    pause::Pause,
};

/// How long the server may take to begin its answer, and how long it may be silent within a page.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a list that comes as a watch may be silent; then it is asked for page by page.
const LIST_SILENCE: Duration = Duration::from_secs(10);
/// How long a watch lasts before it is asked for anew: 240 s to 290 s, so that the watches of many nodes do not end at once.
const WATCH_SECONDS: (u32, u32) = (240, 50);
/// How long it may be silent before it is asked for anew; a bookmark comes about once in a minute.
const WATCH_SILENCE: Duration = Duration::from_secs(100);
/// A watch that ends sooner than this counts as a failure.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// How metadata is asked for where objects come one by one, and where they come as a list.
const OBJECT_METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
pub(super) const LIST_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// How long a watch has to last for the server to count as well. Bookmarks come about once in a minute.
const LASTING: Duration = Duration::from_secs(30);
/// Objects in a page, and how few they may become after failures.
const PAGE: (u32, u32) = (500, 10);

/// What there is to say about a kind.
#[derive(Debug)]
pub enum News {
    /// All objects will be told anew.
    ListBegan,
    /// The object is this now.
    Present(Object),
    /// The object is gone.
    Deleted(Object),
    /// All objects have been told; others do not exist. This is the version of the whole.
    ListEnded(Box<str>),
    /// The server answers; nothing has been missed, up to this version if there is one.
    Alive(Box<str>),
    /// The kind is not followed at the moment.
    Failed(Failure),
}

/// Whom to ask.
#[derive(Clone)]
pub struct Target {
    /// The client.
    pub client: Client,
    /// Everything is listed anew where this has changed.
    pub generation: u64,
}

/// Nobody listens any more.
pub struct NobodyListens;

/// Why a round ended.
enum End {
    NobodyListens,
    Failed(Failure),
}

impl From<NobodyListens> for End {
    fn from(NobodyListens: NobodyListens) -> Self {
        Self::NobodyListens
    }
}

impl<F: Into<Failure>> From<F> for End {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

/// Follows a kind until nobody listens any more.
pub async fn follow<K: Clone>(
    kind: K,
    served: Served,
    target: watch::Receiver<Target>,
    outbox: mpsc::Sender<(K, News)>,
) {
    let mut follower = Follower::new(kind, served, target, outbox);
    loop {
        match follower.round().await {
            Ok(()) => {}
            Err(End::NobodyListens) => return,
            // The place where the watch stopped is forgotten: a list finds out what has been missed, and is no failure.
            Err(End::Failed(failure)) if failure.is_gone() && follower.version.is_some() => {
                follower.version = None;
                sleep(follower.lists.next()).await;
            }
            Err(End::Failed(failure)) => {
                if follower.tell(News::Failed(failure)).await.is_err() {
                    return;
                }
                follower.rest().await;
            }
        }
    }
}

/// Whether a watch has shown that it is one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Wanted,
    Given,
}

struct Follower<K> {
    kind: K,
    served: Served,
    request: kube::core::Request,
    target: watch::Receiver<Target>,
    generation: u64,
    outbox: mpsc::Sender<(K, News)>,
    /// Where the watch goes on; none before the first list, and when the server has forgotten it.
    version: Option<Box<str>>,
    /// The server does not offer lists that come as a watch.
    pages: bool,
    /// Objects in the next page.
    page: u32,
    pause: Pause,
    /// Pauses before lists that follow a list.
    lists: Pause,
}

impl<K: Clone> Follower<K> {
    fn new(
        kind: K,
        served: Served,
        target: watch::Receiver<Target>,
        outbox: mpsc::Sender<(K, News)>,
    ) -> Self {
        let generation = target.borrow().generation;
        Self {
            kind,
            request: kube::core::Request::new(served.path.clone()),
            served,
            generation,
            target,
            outbox,
            version: None,
            pages: false,
            page: PAGE.0,
            pause: Pause::new(),
            lists: Pause::new(),
        }
    }

    /// One request, or the pages of one list.
    async fn round(&mut self) -> Result<(), End> {
        let generation = self.target.borrow().generation;
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.version = None;
        }
        match self.version.clone() {
            Some(version) => self.watch_on(&version).await,
            None if self.pages => self.list().await,
            None => match self.list_by_watch().await {
                Err(End::Failed(failure)) if is_unsupported(&failure) => {
                    self.pages = true;
                    Ok(())
                }
                // It may be slow, or may not know how such a list ends.
                Err(End::Failed(Failure::Silent)) if self.version.is_none() => self.list().await,
                other => other,
            },
        }
    }

    async fn tell(&self, news: News) -> Result<(), NobodyListens> {
        self.outbox.send((self.kind.clone(), news)).await.map_err(|_| NobodyListens)
    }

    /// A request in the form that is wanted.
    fn addressed<T>(
        &self,
        request: Result<http::Request<T>, kube::core::request::Error>,
        metadata: &'static str,
    ) -> Result<http::Request<T>, Failure> {
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        if self.served.form == Form::Metadata {
            request.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(metadata));
        }
        Ok(request)
    }

    fn client(&mut self) -> Client {
        self.target.borrow_and_update().client.clone()
    }

    /// After a failure. Ends early when there is another client, or the server is known to be back.
    async fn rest(&mut self) {
        let pause = self.pause.next();
        match timeout(pause, self.target.changed()).await {
            Ok(Ok(())) => self.pause.reset(),
            Ok(Err(_)) => sleep(pause).await,
            Err(_) => {}
        }
    }

    /// A list that comes as the beginning of a watch.
    async fn list_by_watch(&mut self) -> Result<(), End> {
        let parameters = self.parameters();
        let request = self.request.watch(&WatchParams { send_initial_events: true, ..parameters }, "");
        let request = self.addressed(request, OBJECT_METADATA)?;
        let client = self.client();
        let answer = client.request_stream(request);
        let mut lines = Lines::new(timeout(PATIENCE, answer).await.map_err(|_| Failure::Silent)??);
        self.tell(News::ListBegan).await?;
        loop {
            let Some(line) = lines.next(LIST_SILENCE).await? else { return Err(ended_early().into()) };
            match Line::read(line, self.served.keep)? {
                Line::Present(object) => self.tell(News::Present(object)).await?,
                Line::Deleted(object) => self.tell(News::Deleted(object)).await?,
                Line::Bookmark { ends_list: false, .. } => {}
                Line::Bookmark { ends_list: true, version } => {
                    self.version = Some(version.clone());
                    self.tell(News::ListEnded(version)).await?;
                    return self.read_on(lines, Proof::Given).await;
                }
                Line::Failed(failure) => return Err(failure.into()),
            }
        }
    }

    /// A list page by page. After a failure pages are smaller: a link may be slow, or an object beyond what something on the way lets pass.
    async fn list(&mut self) -> Result<(), End> {
        let mut parameters = ListParams::default();
        let mut has_begun = false;
        loop {
            parameters.limit = Some(self.page);
            let page = self.page(&parameters).await?;
            if !has_begun {
                self.tell(News::ListBegan).await?;
                has_begun = true;
            }
            for object in page.items {
                self.tell(News::Present(object)).await?;
            }
            parameters.continue_token = page.next;
            if parameters.continue_token.is_none() {
                if page.version.is_empty() {
                    return Err(Failure::Unintelligible("the list has no resourceVersion".to_owned()).into());
                }
                self.page = (self.page * 2).min(PAGE.0);
                self.version = Some(page.version.clone());
                self.tell(News::ListEnded(page.version)).await?;
                return Ok(());
            }
        }
    }

    async fn page(&mut self, parameters: &ListParams) -> Result<Page, Failure> {
        let request = self.addressed(self.request.list(parameters), LIST_METADATA)?;
        let client = self.client();
        let answer = timeout(PATIENCE, client.request_stream(request)).await.map_err(|_| Failure::Silent);
        let answer = match answer.and_then(|answer| Ok(answer?)) {
            Ok(answer) => Lines::new(answer).rest(PATIENCE).await,
            // Another size would change nothing.
            Err(failure) if !failure.is_of_size() => return Err(failure),
            Err(failure) => Err(failure),
        };
        if answer.is_err() {
            self.page = (self.page / 2).max(PAGE.1);
        }
        Page::read(&answer?, self.served.keep)
    }

    /// A watch that goes on from a version.
    async fn watch_on(&mut self, version: &str) -> Result<(), End> {
        let parameters = self.parameters();
        let request = self.addressed(self.request.watch(&parameters, version), OBJECT_METADATA)?;
        let client = self.client();
        let answer = client.request_stream(request);
        let lines = Lines::new(timeout(PATIENCE, answer).await.map_err(|_| Failure::Silent)??);
        self.read_on(lines, Proof::Wanted).await
    }

    async fn read_on<R: AsyncBufRead + Unpin>(
        &mut self,
        mut lines: Lines<R>,
        mut proof: Proof,
    ) -> Result<(), End> {
        let began = Instant::now();
        loop {
            let silence = match proof {
                Proof::Wanted => SHORTEST_WATCH,
                Proof::Given => WATCH_SILENCE,
            };
            let line = tokio::select! {
                line = lines.next(silence) => match line {
                    Err(Failure::Silent) if proof == Proof::Wanted => {
                        proof = self.give_proof(proof).await?;
                        continue;
                    }
                    // The connection may be dead without anybody having said so.
                    Err(Failure::Silent) => return Ok(()),
                    line => line?,
                },
                // Another client, or reason to doubt that this connection still stands.
                changed = self.target.changed() => match changed {
                    Ok(()) => return Ok(()),
                    Err(_) => return Err(End::NobodyListens),
                },
            };
            let Some(line) = line else {
                return if began.elapsed() < SHORTEST_WATCH { Err(ended_early().into()) } else { Ok(()) };
            };
            let (version, news) = match Line::read(line, self.served.keep)? {
                Line::Present(object) => (object.version.clone(), News::Present(object)),
                Line::Deleted(object) => (object.version.clone(), News::Deleted(object)),
                Line::Bookmark { version, .. } => (version.clone(), News::Alive(version)),
                Line::Failed(failure) => return Err(failure.into()),
            };
            if !version.is_empty() {
                self.version = Some(version);
            }
            if began.elapsed() >= LASTING {
                self.lists.reset();
            }
            self.pause.reset();
            proof = self.give_proof(proof).await?;
            self.tell(news).await?;
        }
    }

    /// The kind is followed: tells it once.
    async fn give_proof(&self, proof: Proof) -> Result<Proof, NobodyListens> {
        if proof == Proof::Wanted {
            self.tell(News::Alive(Box::default())).await?;
        }
        Ok(Proof::Given)
    }

    fn parameters(&mut self) -> WatchParams {
        let (shortest, spread) = WATCH_SECONDS;
        WatchParams { timeout: Some(shortest + self.pause.random(spread)), ..WatchParams::default() }
    }
}

/// Whether a failure says that the server does not offer lists that come as a watch.
fn is_unsupported(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { code: 400 | 422, .. })
}

fn ended_early() -> Failure {
    Failure::Unintelligible("the server ended the watch as soon as it had begun".to_owned())
}

#[cfg(test)]
mod tests;

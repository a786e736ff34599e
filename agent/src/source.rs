//! Where facts about the world come from. Every source sends to one channel, which the loop drains.

pub mod kubernetes;
pub mod links;
pub mod manifests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use ferrule_ruleset::{
    event::Event,
    finding::Finding,
    policy::{PolicyKey, PolicyKind},
    resource::ResourceKey,
};
use tokio::{sync::oneshot, time::Instant};

/// A source, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The directory of manifests.
    Manifests,
    /// The API server of a cluster.
    Kubernetes,
    /// The node's links and routes.
    Links,
    /// Connection tracking. It has only findings, and is not waited for.
    Conntrack,
    /// The settings of interfaces. They have only findings, and are not waited for.
    InterfaceSettings,
    /// Objects about the node that are sound each by itself. They have only findings, and are not waited for.
    Node,
    /// The files about endpoints. They have only findings, and are not waited for.
    EndpointStatus,
    /// Pods of the node that no interface leads to. They have only findings, and are not waited for.
    Endpoints,
    /// What is told to people through the API server. It has only findings, and is not waited for.
    Reports,
}

impl Source {
    /// All that must be in sync before anything is written to the kernel, where policy comes from this source.
    pub fn awaited_with(self) -> BTreeSet<Self> {
        [self, Self::Links].into()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifests => "manifests",
            Self::Kubernetes => "kubernetes",
            Self::Links => "links",
            Self::Conntrack => "conntrack",
            Self::InterfaceSettings => "interface settings",
            Self::Node => "node",
            Self::EndpointStatus => "endpoint status",
            Self::Endpoints => "endpoints",
            Self::Reports => "reports",
        })
    }
}

/// What a source has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who says it.
    pub source: Source,
    /// What it says.
    pub report: Report,
}

/// The kinds of news.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// These facts are new.
    Events(Vec<Event>),
    /// The parts of the input of which nothing is known, because they could not be read since the start; replaces what it said before.
    Unknown(BTreeSet<String>),
    /// Everything that was there at the start has been sent; said once.
    InSync,
    /// All that the source cannot follow now; replaces what it said before. What is known stays enforced.
    Obstacles(Vec<Obstacle>),
    /// All that is wrong with the source's input now; replaces what it said before.
    Findings(Vec<Finding>),
    /// As what the objects were seen that these findings are about; replaces what it said before. Said ahead of the findings.
    Judgements(Arc<Judgements>),
}

/// What people can be told about objects of an API server: those that findings are told of, and all for which [`Judged::has_condition`] holds, so that what
/// is not told of one of these is nothing.
pub type Judgements = BTreeMap<ResourceKey, Judged>;

/// An object of an API server as it was when it was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The API by which it is followed, as in `projectcalico.org/v3`.
    pub api_version: &'static str,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.generation`; none where the kind has none.
    pub generation: Option<i64>,
    /// All of it that was not understood.
    pub errors: Vec<Finding>,
}

impl Judged {
    /// Whether objects of this kind have conditions (`status.conditions`), which say whether they are understood.
    pub fn has_condition(key: &ResourceKey) -> bool {
        let ResourceKey::Policy(PolicyKey { kind, .. }) = key else { return false };
        match kind {
            PolicyKind::AdminNetworkPolicy
            | PolicyKind::BaselineAdminNetworkPolicy
            | PolicyKind::ClusterNetworkPolicy => true,
            PolicyKind::GlobalNetworkPolicy
            | PolicyKind::KubernetesNetworkPolicy
            | PolicyKind::NetworkPolicy => false,
        }
    }
}

/// Something that keeps a source from following a part of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The part: a kind by its name in the API, as in `networkpolicies.networking.k8s.io`, or the API server as a whole.
    pub subject: String,
    /// Since when it has not been followed.
    pub since: Instant,
    /// Why, and what a person can do about it.
    pub reason: String,
}

impl Obstacle {
    /// A line for people: what, for how long, why.
    pub fn text(&self, now: Instant) -> String {
        let Self { subject, since, reason } = self;
        let seconds = now.duration_since(*since).max(Duration::ZERO).as_secs_f64();
        format!("{subject}: not followed for {seconds:.1} s: {reason}")
    }
}

/// Resolves when a source, or whoever else has it, has ended, which none does unless something is wrong with it. A panic counts.
#[derive(Debug)]
pub struct Ended(oneshot::Receiver<()>);

/// Kept by a source while it works.
#[derive(Debug)]
pub(crate) struct Alive(#[expect(dead_code, reason = "its drop is what counts")] oneshot::Sender<()>);

impl Ended {
    /// The end that is kept, and the one that is heard.
    pub(crate) fn watch() -> (Alive, Self) {
        let (alive, ended) = oneshot::channel();
        (Alive(alive), Self(ended))
    }

    /// Waits for the end.
    pub async fn wait(&mut self) {
        // Nothing is ever sent; the error is that the sender is gone.
        let _ended = (&mut self.0).await;
    }
}

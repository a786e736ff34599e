//! What is told to people through the API server: Events and conditions on the objects that something is wrong with, and one object for the node.
//!
//! | what | where | who writes it |
//! |---|---|---|
//! | a finding about an object | an Event on it, whose name follows from object and finding | every node, but the first makes it and the others find it there |
//! | the same, on kinds with `status.conditions` | the condition `ferrule.io/Understood` | the first node that sees it is not there |
//! | what this node's kernel refuses, or a change that was taken back | an Event on the policy or the Node, whose name holds the node | this node |
//! | all of it, and how the node stands | `NodePolicyStatus` | this node |
//!
//! Invariants:
//! * Nothing here delays or alters enforcement: a task in a thread of its own reads the agent's status, and nothing waits for it.
//! * The rate of requests is bounded, whatever happens: [`events`] and [`pace`] say how. Nodes keep out of each other's way by [`Jitter`].
//! * A right that is missing, or a kind that is not served, is one finding; it is asked for again after [`CLOSED`], never in a loop.
//!   A server that does not answer is the source's to report; here it is asked again with growing pauses.
//! * What the server cannot do for one object, or in one namespace, is put off and keeps nothing else waiting. Namespaces take turns.
//! * What objects are, and in which API and generation they were judged, comes with the findings ([`Judgements`]). Of what was not judged, nothing is said.
//!
//! Deliberately absent: a condition per node. On a thousand nodes it is a thousand entries in every policy, which somebody has to clear when nodes go; what
//! differs between nodes stands in the objects of the nodes. And an elected writer: as every node would write the same, the first one may, and a lease
//! costs more requests than the findings of a cluster in order.

mod attempt;
mod clock;
mod concern;
mod condition;
mod event;
mod events;
mod jitter;
mod node;
mod object;
mod pace;

use std::{io, sync::Arc, thread, time::Duration};

use ferrule_ruleset::name::NodeName;
use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use crate::{
    api_server::Access,
    definition::Enforcement,
    source::{Alive, Ended, Judgements, Message, Report, Source},
    status::Status,
};
use attempt::{Sinks, Unreachable};
use clock::Clock;
use concern::{Concern, concerns};
use condition::Conditions;
use events::Events;
use jitter::Jitter;
use node::NodeObject;

/// By which name we write.
const MANAGER: &str = "ferrule-agent";
/// How often the status is looked at.
const TICK: Duration = Duration::from_secs(1);
/// The first and the longest pause after the server did not answer.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// After how long something that is not allowed or not served is asked for again.
const CLOSED: Duration = Duration::from_secs(300);

/// Starts the thread that tells people. Enforcement does not depend on it, whatever its end is.
///
/// # Errors
/// If there is no thread, or no runtime for it, to be had.
pub fn start(
    access: Access,
    node: NodeName,
    status: watch::Receiver<Status>,
    findings: mpsc::Sender<Message>,
) -> io::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (alive, ended) = Ended::watch();
    let work = move || runtime.block_on(run(&access, node, status, findings, alive));
    thread::Builder::new().name("report".to_owned()).spawn(work)?;
    Ok(ended)
}

async fn run(
    access: &Access,
    node: NodeName,
    status: watch::Receiver<Status>,
    findings: mpsc::Sender<Message>,
    _alive: Alive,
) {
    let mut pause = PAUSES.0;
    // Credentials that cannot be read are the source's to report.
    let client = loop {
        match access.connect().await {
            Ok(connection) => break connection.client,
            Err(error) => tracing::debug!(%error, "nothing can be told through the API server yet"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    };
    // An authority or an address that has changed shows only in the credentials. Those that cannot be read are the source's to report.
    let renew = async || access.connect().await.ok().map(|connection| connection.client);
    Reporter::new(client, node).run(status, findings, renew).await;
}

/// Whoever tells.
struct Reporter {
    clock: Clock,
    sinks: Sinks,
    node: NodeObject,
    events: Events,
    conditions: Conditions,
}

/// What there is to tell.
struct View {
    enforcement: Enforcement,
    concerns: Vec<Concern>,
    judgements: Arc<Judgements>,
    /// Whether the sources have been read.
    in_step: bool,
}

impl Reporter {
    fn new(client: Client, node: NodeName) -> Self {
        let now = Instant::now();
        let jitter = Jitter::of(&node);
        Self {
            clock: Clock::new(now),
            sinks: Sinks::default(),
            node: NodeObject::new(client.clone(), node.clone(), jitter),
            events: Events::new(client.clone(), node, jitter, now),
            conditions: Conditions::new(client, jitter, now),
        }
    }

    /// Tells people as long as the agent lives; where the server cannot be reached or does not know us, the next attempt is made over a new client.
    async fn run(
        mut self,
        mut status: watch::Receiver<Status>,
        findings: mpsc::Sender<Message>,
        renew: impl AsyncFn() -> Option<Client>,
    ) {
        let mut pause = PAUSES.0;
        let mut told = Vec::new();
        let mut view = self.view(&mut status);
        // The agent has ended when nobody can change its status any more.
        while let Ok(is_changed) = status.has_changed() {
            if is_changed {
                view = self.view(&mut status);
            }
            match self.tell(&view).await {
                Ok(()) => pause = PAUSES.0,
                Err(Unreachable(reason)) => {
                    tracing::debug!(reason, ?pause, "nothing can be told through the API server now");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                    if let Some(client) = renew().await {
                        self.set_client(&client);
                    }
                }
            }
            let present = self.sinks.findings(Instant::now());
            if present != told {
                told.clone_from(&present);
                let message = Message { source: Source::Reports, report: Report::Findings(present) };
                if findings.send(message).await.is_err() {
                    return;
                }
            }
            sleep(TICK).await;
        }
    }

    fn set_client(&mut self, client: &Client) {
        self.node.set_client(client.clone());
        self.events.set_client(client.clone());
        self.conditions.set_client(client.clone());
    }

    /// What there is to tell now.
    fn view(&mut self, status: &mut watch::Receiver<Status>) -> View {
        let status = status.borrow_and_update();
        let now = Instant::now();
        self.clock.adjust(now);
        View {
            enforcement: node::enforcement(&status, now, &self.clock),
            concerns: concerns(&status),
            judgements: Arc::clone(&status.judgements),
            in_step: status.reconciliations > 0,
        }
    }

    async fn tell(&mut self, view: &View) -> Result<(), Unreachable> {
        let View { enforcement, concerns, judgements, in_step } = view;
        let was_failing = self.node.is_failing();
        self.node.tell(enforcement.clone(), &self.clock, &mut self.sinks).await?;
        if was_failing && !self.node.is_failing() {
            let now = Instant::now();
            self.events.hasten(now);
            self.conditions.hasten(now);
        }
        self.events.tell(concerns, judgements, &self.clock, &mut self.sinks).await?;
        if *in_step {
            self.conditions.tell(judgements, &self.clock, &mut self.sinks).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

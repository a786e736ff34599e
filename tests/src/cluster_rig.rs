//! A topology joined to an API server of its own, with agents that follow it: what tests of a cluster's faults work on.

mod account;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use ferrule_ruleset::protocol::Protocol;
use serde_json::Value;

use crate::{
    agent::{Agent, Input, ask},
    api_server::{ApiClient, ApiServer, admissible},
    cluster::{Cluster, Place},
    objects::from_yaml,
    probe::{Delivery, Probe, Prober, Request},
    rig::check,
    stream::Stream,
    topology::Topology,
};

pub use account::Account;

/// How long something that has to come is waited for. Nothing is asserted about how long it takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// Nodes with agents, and the API server that they follow. The thread that starts it has to outlive it.
#[derive(Debug)]
pub struct ClusterRig {
    // Dropped first to last.
    agents: BTreeMap<String, Agent>,
    /// The wires.
    pub topology: Topology,
    /// The server.
    pub server: ApiServer,
}

impl ClusterRig {
    /// Starts a server, gives it the objects, and joins it to their topology. No agent runs yet.
    pub fn wire(label: &str, objects: &str, arguments: &[&str]) -> Result<Self> {
        let server = ApiServer::start(label, arguments)?;
        Self::wire_to(server, label, objects)
    }

    /// The same with a server that runs already.
    pub fn wire_to(server: ApiServer, label: &str, objects: &str) -> Result<Self> {
        let objects = from_yaml(objects)?;
        server.client().apply_all(&admissible(&objects))?;
        let topology = Topology::build(label, &Cluster::from_objects(&objects), &BTreeSet::new())?;
        server.join(&topology)?;
        Ok(Self { agents: BTreeMap::new(), topology, server })
    }

    /// The same with an agent on every node, and ready.
    pub fn start(label: &str, objects: &str, arguments: &[&str]) -> Result<Self> {
        let mut rig = Self::wire(label, objects, arguments)?;
        rig.start_agents()?;
        Ok(rig)
    }

    /// Starts an agent on every node with the administrator's credentials, and waits until all are ready.
    pub fn start_agents(&mut self) -> Result<()> {
        let kubeconfig = self.server.kubeconfig();
        let nodes: Vec<_> = self.topology.cluster.nodes.keys().cloned().collect();
        nodes.iter().try_for_each(|node| self.start_agent(node, &kubeconfig, &[]))?;
        nodes.iter().try_for_each(|node| self.wait_ready(node))
    }

    /// Starts the agent of a node with these credentials, and does not wait for it.
    pub fn start_agent(&mut self, node: &str, kubeconfig: &Path, arguments: &[&str]) -> Result<()> {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let agent = Agent::start(self.topology.node(node)?, node, Input::Kubernetes(kubeconfig), &arguments)?;
        ensure!(self.agents.insert(node.to_owned(), agent).is_none(), "{node} has an agent already");
        Ok(())
    }

    /// Waits until the agent of a node is ready.
    pub fn wait_ready(&mut self, node: &str) -> Result<()> {
        let agent = self.agents.get_mut(node).with_context(|| format!("{node} has no agent"))?;
        agent.wait_ready(self.topology.node(node)?)
    }

    /// The agent of a node.
    pub fn agent(&self, node: &str) -> Result<&Agent> {
        self.agents.get(node).with_context(|| format!("{node} has no agent"))
    }

    /// The agent of a node, no longer ours to end.
    pub fn take_agent(&mut self, node: &str) -> Result<Agent> {
        self.agents.remove(node).with_context(|| format!("{node} has no agent"))
    }

    /// Ends every agent; an error if one logged an error.
    pub fn end_agents(&mut self) -> Result<()> {
        std::mem::take(&mut self.agents).into_values().try_for_each(Agent::end)
    }

    /// The administrator's client.
    pub fn client(&self) -> &ApiClient {
        self.server.client()
    }

    /// Creates objects, or makes those that exist what is said here. Wires are not changed.
    pub fn apply(&self, objects: &str) -> Result<()> {
        self.client().apply_all(&admissible(&from_yaml(objects)?))
    }

    /// Deletes objects at once.
    pub fn delete(&self, objects: &str) -> Result<()> {
        from_yaml(objects)?.iter().try_for_each(|object| self.client().delete(object))
    }

    /// Joins pods to the wires, as a CNI plug-in would. Objects are not changed.
    pub fn attach(&mut self, pods: &str) -> Result<()> {
        self.topology.attach(&Cluster::from_objects(&from_yaml(pods)?).pods)
    }

    /// What the agent of a node says of itself: the status of HTTP and the text.
    pub fn readiness(&self, node: &str) -> Result<(u16, String)> {
        self.topology.node(node)?.run(|| ask("/readiness"))
    }

    /// Waits until this holds for what the agent of a node says of itself; the text.
    pub fn wait_readiness(&self, node: &str, holds: impl Fn(u16, &str) -> bool) -> Result<String> {
        let begin = Instant::now();
        loop {
            let said = self.readiness(node);
            match &said {
                Ok((code, text)) if holds(*code, text) => return Ok(text.clone()),
                Ok(_) | Err(_) if begin.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                Ok(_) | Err(_) => {
                    bail!("{said:?} after {PATIENCE:?}; the agent:\n{}", self.agent(node)?.log_text()?)
                }
            }
        }
    }

    /// A datagram in each family for every pair of pods of the wires, with what is expected of it.
    pub fn probes(&self, pairs: &[(&str, &str, Delivery)]) -> Result<Vec<Probe>> {
        let mut probes = Vec::new();
        for &(from, to, expected) in pairs {
            let sources = self.topology.cluster.addresses(from)?;
            for (source, destination) in sources.into_iter().zip(self.topology.cluster.addresses(to)?) {
                let request = Request::Ports { protocol: Protocol::UDP, port: 80, source: None };
                let sender = Place::Pod(from.to_owned());
                probes.push(Probe { sender, source, destination, arrives: destination, request, expected });
            }
        }
        Ok(probes)
    }

    /// Sends datagrams between pods; an error that names the first one that did not go as expected.
    pub fn expect(&self, pairs: &[(&str, &str, Delivery)]) -> Result<()> {
        let probes = self.probes(pairs)?;
        check(&probes, &Prober::new(&self.topology).deliver(&probes)?).with_context(|| self.logs())
    }

    /// What the agents have logged so far.
    fn logs(&self) -> String {
        let log = |agent: &Agent| agent.log_text().unwrap_or_default();
        format!("the agents:\n{}", self.agents.values().map(log).collect::<Vec<_>>().join("\n"))
    }

    /// Sends datagrams between pods again and again until all go as expected.
    pub fn await_all(&self, pairs: &[(&str, &str, Delivery)]) -> Result<()> {
        let (mut prober, probes, begin) = (Prober::new(&self.topology), self.probes(pairs)?, Instant::now());
        loop {
            let checked = check(&probes, &prober.deliver(&probes)?);
            if checked.is_ok() || begin.elapsed() > PATIENCE {
                return checked.with_context(|| format!("after {PATIENCE:?}; {}", self.logs()));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What nft says on a node.
    pub fn nft(&self, node: &str, arguments: &[&str]) -> Result<String> {
        self.topology.node(node)?.execute("nft", arguments, "")
    }

    /// A stream from pod to pod; family 0 is the first address of each.
    pub fn stream(&self, from: &str, to: &str, family: usize, port: u16, rate: u64) -> Result<Stream> {
        let end = |name: &str| {
            let addresses =
                &self.topology.cluster.pods.get(name).with_context(|| format!("no pod {name}"))?.addresses;
            anyhow::Ok((self.topology.pod(name)?, addresses[family]))
        };
        Stream::start(end(from)?, end(to)?, port, rate)
    }

    /// A service account of the namespace `default` that a cluster role allows what these rules say, and a kubeconfig with a token of it in a file
    /// of its own beside it.
    pub fn account(&self, name: &str, rules: &Value) -> Result<Account> {
        Account::create(&self.server, name, rules)
    }
}

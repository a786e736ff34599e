//! A topology with a directory of manifests of its own and an agent on every node: what tests of change and failure work on.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    agent::{Agent, replace},
    cluster::Cluster,
    objects::from_yaml,
    probe::{Delivery, Probe, Prober},
    topology::Topology,
};

/// Nodes with agents, all reading one directory. The thread that starts it has to outlive it.
#[derive(Debug)]
pub struct Rig {
    /// The wires.
    pub topology: Topology,
    agents: BTreeMap<String, Agent>,
    manifests: TempDir,
}

impl Rig {
    /// Writes the objects to `cluster.yaml` and the policies to `policies.yaml`, builds the topology, starts the agents and waits until they are ready.
    pub fn start(label: &str, objects: &str, policies: &str, outside: &BTreeSet<IpAddr>) -> Result<Self> {
        let mut rig = Self::wire(label, objects, policies, outside)?;
        let nodes: Vec<_> = rig.topology.cluster.nodes.keys().cloned().collect();
        nodes.iter().try_for_each(|node| rig.start_agent(node))?;
        Ok(rig)
    }

    /// The same without agents.
    pub fn wire(label: &str, objects: &str, policies: &str, outside: &BTreeSet<IpAddr>) -> Result<Self> {
        let cluster = Cluster::from_objects(&from_yaml(objects)?);
        let topology = Topology::build(label, &cluster, outside)?;
        let rig = Self { topology, agents: BTreeMap::new(), manifests: TempDir::new().context("manifests")? };
        rig.write("cluster.yaml", objects)?;
        rig.write("policies.yaml", policies)?;
        Ok(rig)
    }

    /// Replaces a file of the directory in one step.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        replace(&self.path(file), text)
    }

    /// Where a file of the directory is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.manifests.path().join(file)
    }

    /// Starts the agent of a node and waits until it is ready.
    pub fn start_agent(&mut self, node: &str) -> Result<()> {
        let namespace = self.topology.node(node)?;
        let mut agent = Agent::start(namespace, node, self.manifests.path(), &[])?;
        agent.wait_ready(namespace)?;
        ensure!(self.agents.insert(node.to_owned(), agent).is_none(), "{node} has an agent already");
        Ok(())
    }

    /// The agent of a node, no longer ours to end.
    pub fn take_agent(&mut self, node: &str) -> Result<Agent> {
        self.agents.remove(node).with_context(|| format!("{node} has no agent"))
    }

    /// Ends every agent; an error if one logged an error.
    pub fn end_agents(&mut self) -> Result<()> {
        std::mem::take(&mut self.agents).into_values().try_for_each(Agent::end)
    }

    /// What nft says on a node.
    pub fn nft(&self, node: &str, arguments: &[&str]) -> Result<String> {
        self.topology.node(node)?.execute("nft", arguments, "")
    }

    /// Sends probes; an error that names the first one that did not go as expected.
    pub fn expect(&self, probes: &[Probe]) -> Result<()> {
        check(probes, &Prober::new(&self.topology).deliver(probes)?)
    }
}

/// An error that names the first probe that did not go as expected.
pub fn check(probes: &[Probe], deliveries: &[Delivery]) -> Result<()> {
    let mut wrong = probes.iter().zip(deliveries).filter(|(probe, delivery)| probe.expected != **delivery);
    let first = wrong.next();
    ensure!(
        first.is_none(),
        "{} of {} probes went wrong, the first: {first:?}",
        wrong.count() + 1,
        probes.len()
    );
    Ok(())
}

//! The reference model: what becomes of a flow, written from the texts that define the policy APIs (`policy-model.md`, whose sections the comments name,
//! the API documentation, and the contract of `ferrule eval`).
//!
//! Invariants:
//! * It shares nothing with the compiler: it reads API objects itself, has its own selector language, label inheritance, order and matching.
//! * It is naive: every verdict asks every policy, every rule and every pod. Whatever is not obviously right here is a fault.
//! * What cannot be understood is neither guessed nor dropped; it is [`Truth::Maybe`](truth::Truth), and [`Reading`] says what becomes of that.
//!
//! Deliberately absent: connections (a packet is judged as the first of its flow; of untracked traffic, answers are asked about as packets of their own),
//! staged policies, tunnels between nodes, address pools.

mod administrative;
mod calico;
mod endpoint;
mod field;
mod host_endpoint;
mod kubernetes;
mod labels;
mod net;
mod network_set;
mod packet;
mod peer;
mod pod;
mod policy;
pub mod selector;
mod service;
mod settings;
mod terrain;
#[cfg(test)]
mod tests;
mod tier;
pub mod truth;
mod walk;
mod way;
mod world;

use serde_json::Value;

use std::net::IpAddr;

use self::{host_endpoint::HostEndpoint, peer::End, settings::Agent, way::Way, world::World};
use crate::{
    flow::Flow,
    verdict::{Decision, Judge, Outcome, Verdict},
};

pub use self::{
    packet::Packet,
    pod::Pod,
    terrain::{Entry, Target, Terrain, Translated},
    walk::Reading,
};

/// The reference model of one cluster.
#[derive(Debug, Default)]
pub struct Reference {
    world: World,
    agent: Agent,
}

/// The node that a packet comes to first, and how it gets there.
type Beginning<'a> = (&'a str, Entry<'a>);

impl Reference {
    /// The model of the objects of a directory.
    pub fn new(objects: &[Value]) -> Self {
        Self { world: World::read(objects), agent: Agent::default() }
    }

    /// The same cluster with another `default_endpoint_to_host_action`: what becomes of a pod's traffic to its own node once egress policy has let it go.
    #[must_use]
    pub fn with_endpoint_to_host(mut self, outcome: Outcome) -> Self {
        self.agent.endpoint_to_host = Some(outcome);
        self
    }

    /// The same cluster with `nodeport_policy: consistent`.
    #[must_use]
    pub fn with_consistent_node_ports(mut self) -> Self {
        self.agent.node_ports = settings::NodePorts::Consistent;
        self
    }

    /// The same cluster with a host endpoint `*` on every node.
    #[must_use]
    pub fn with_automatic_host_endpoints(mut self) -> Self {
        let world = &mut self.world;
        for (node, labels) in &world.node_labels {
            let addresses = world.nodes.get(node).map_or(&[][..], Vec::as_slice);
            world.host_endpoints.push(HostEndpoint::automatic(node, labels, addresses));
        }
        self
    }

    /// Whether part of a policy could not be understood, so that the readings may differ.
    pub fn is_in_doubt(&self) -> bool {
        let mut policies = self.world.tiers.iter().flat_map(|(_, policies)| policies);
        policies.any(|policy| {
            let mut rules = policy.ingress.iter().chain(&policy.egress);
            policy.displaced || policy.doubtful || rules.any(|rule| rule.doubtful)
        })
    }

    /// Whether there is a packet to ask about: both peers are known and have an address of the family, kube-proxy leaves no doubt about where it goes, and
    /// it is nothing that a node says to itself. Without one, some questions still have an answer.
    pub fn is_askable(&self, flow: &Flow) -> bool {
        let ends =
            End::of(&flow.from, &self.world).and_then(|from| Ok((from, End::of(&flow.to, &self.world)?)));
        let packet = ends.is_ok_and(|(from, to)| packet(flow, &from, &to).is_ok());
        packet && self.destination(flow).is_ok()
    }

    /// The verdict on a flow; an error for a peer that is unknown or has no address of the family.
    pub fn read(&self, flow: &Flow, reading: Reading) -> Result<Verdict, String> {
        self.follow(flow, reading).map(|(verdict, _)| verdict)
    }

    /// The address at which the packet arrives if nobody drops it. An error for what a node says to itself: nothing of it comes in or goes out.
    pub fn destination(&self, flow: &Flow) -> Result<IpAddr, String> {
        self.follow(flow, Reading::Least)?.1.ok_or_else(|| "it never leaves".to_owned())
    }

    /// The network of the cluster.
    pub fn terrain(&self) -> Terrain<'_> {
        Terrain(&self.world)
    }

    /// The flow's first packet and where it comes from: a node and how it gets there, or nothing if it crosses no node.
    pub fn beginning<'a>(&'a self, flow: &'a Flow) -> Result<(Option<Beginning<'a>>, Packet), String> {
        let from = End::of(&flow.from, &self.world)?;
        let to = End::of(&flow.to, &self.world)?;
        let packet = packet(flow, &from, &to)?;
        if is_itself(&from, &to) {
            return Ok((None, packet));
        }
        Ok((self.entrance(flow, &from, &packet), packet))
    }

    fn entrance<'a>(&'a self, flow: &'a Flow, from: &End<'a>, packet: &Packet) -> Option<Beginning<'a>> {
        let (node, entry) = match (from, &flow.at) {
            (End::Pod { pod, .. }, _) => (pod.node.as_str(), Entry::Pod(pod)),
            (End::Node { name, .. }, _) => (self.world.nodes.get_key_value(name)?.0.as_str(), Entry::Itself),
            (End::Outside(_), Some(node)) => (node.as_str(), Entry::Network),
            (End::Outside(_), None) => (self.world.node_towards(packet.destination)?, Entry::Network),
        };
        Some((node, entry))
    }

    fn follow(&self, flow: &Flow, reading: Reading) -> Result<(Verdict, Option<IpAddr>), String> {
        let from = End::of(&flow.from, &self.world)?;
        let to = End::of(&flow.to, &self.world)?;
        if is_itself(&from, &to) {
            let itself = to.address(true).or_else(|| to.address(false));
            return Ok((Verdict::of(vec![Decision::allow("pod-to-itself")]), itself));
        }
        let packet = packet(flow, &from, &to)?;
        let entrance = self.entrance(flow, &from, &packet);
        let mut way = Way {
            world: &self.world,
            terrain: self.terrain(),
            agent: self.agent,
            reading,
            decisions: Vec::new(),
            is_over: false,
            is_loopback: false,
        };
        let end = match entrance {
            Some((node, entry)) => way.follow(node, entry, packet)?,
            None => packet.destination,
        };
        let mut decisions = way.decisions;
        if decisions.is_empty() {
            decisions.push(Decision::allow("no-policy"));
        }
        Ok((Verdict::of(decisions), Some(end).filter(|_| !way.is_loopback)))
    }
}

impl Judge for Reference {
    fn load(&mut self, objects: &[Value]) {
        *self = Self::new(objects);
    }

    fn verdict(&mut self, flow: &Flow) -> Result<Verdict, String> {
        self.read(flow, Reading::Least)
    }
}

/// Whether a pod talks to itself, which never leaves its network namespace (design §5).
fn is_itself(from: &End<'_>, to: &End<'_>) -> bool {
    match (from, to) {
        (End::Pod { pod, .. }, End::Pod { pod: other, .. }) => {
            pod.namespace == other.namespace && pod.name == other.name
        }
        _ => false,
    }
}

/// The flow's first packet. The family is the one asked for, else that of an address among the peers, else IPv4 if both have it, else IPv6 (design §5).
fn packet(flow: &Flow, from: &End<'_>, to: &End<'_>) -> Result<Packet, String> {
    let in_family = |v4: bool| Some((from.address(v4)?, to.address(v4)?));
    let pair = match flow.family {
        Some(4) => in_family(true),
        Some(6) => in_family(false),
        Some(other) => return Err(format!("family {other}: neither 4 nor 6")),
        None => in_family(true).or_else(|| in_family(false)),
    };
    let (source, destination) =
        pair.ok_or_else(|| format!("{} and {} have no address of one family", flow.from, flow.to))?;
    let icmp = flow.icmp_type.map(|kind| (kind, flow.icmp_code.unwrap_or(0)));
    let (source_port, port) = (flow.source_port.unwrap_or(0), flow.port.unwrap_or(0));
    Ok(Packet { source, destination, protocol: flow.protocol, source_port, port, icmp, dialled: None })
}

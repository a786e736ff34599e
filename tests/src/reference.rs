//! The reference model: what becomes of a flow, written from the texts that define the policy APIs (`policy-model.md`, whose sections the comments name,
//! the API documentation, and the contract of `ferrule eval`).
//!
//! Invariants:
//! * It shares nothing with the compiler: it reads API objects itself, has its own selector language, label inheritance, order and matching.
//! * It is naive: every verdict asks every policy, every rule and every pod. Whatever is not obviously right here is a fault.
//! * What cannot be understood is neither guessed nor dropped; it is [`Truth::Maybe`](truth::Truth), and [`Reading`] says what becomes of that.
//!
//! Deliberately absent: connection tracking (a flow is judged by its first packet), services, host endpoints, staged and administrative policies,
//! encapsulation by pods.

mod calico;
mod field;
mod kubernetes;
mod labels;
mod net;
mod network_set;
mod packet;
mod peer;
mod pod;
mod policy;
pub mod selector;
#[cfg(test)]
mod tests;
mod tier;
pub mod truth;
mod walk;
mod world;

use serde_json::Value;

use self::{
    packet::{ICMPV6, Packet},
    peer::End,
    walk::Walk,
    world::World,
};
use crate::{
    flow::Flow,
    verdict::{Decision, Direction, Judge, Outcome, Verdict},
};

pub use self::walk::Reading;

/// The reference model of one cluster.
#[derive(Debug)]
pub struct Reference {
    world: World,
    endpoint_to_host: Outcome,
}

impl Default for Reference {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Reference {
    /// The model of the objects of a directory.
    pub fn new(objects: &[Value]) -> Self {
        Self { world: World::read(objects), endpoint_to_host: Outcome::Allow }
    }

    /// The same cluster with another `default_endpoint_to_host_action`: what becomes of a pod's traffic to its own node once egress policy has let it go.
    #[must_use]
    pub fn with_endpoint_to_host(mut self, outcome: Outcome) -> Self {
        self.endpoint_to_host = outcome;
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

    /// Whether there is a packet to ask about: both peers are known and have an address of the family. Without one, some questions still have an answer.
    pub fn is_askable(&self, flow: &Flow) -> bool {
        let ends =
            End::of(&flow.from, &self.world).and_then(|from| Ok((from, End::of(&flow.to, &self.world)?)));
        ends.is_ok_and(|(from, to)| packet(flow, &from, &to).is_ok())
    }

    /// The verdict on a flow; an error for a peer that is unknown or has no address of the family.
    pub fn read(&self, flow: &Flow, reading: Reading) -> Result<Verdict, String> {
        let from = End::of(&flow.from, &self.world)?;
        let to = End::of(&flow.to, &self.world)?;
        if let Some(builtin) = exemption(&from, &to) {
            return Ok(Verdict::of(vec![Decision::allow(builtin)]));
        }
        let packet = packet(flow, &from, &to)?;
        let decide =
            |pod, direction| Walk { world: &self.world, pod, direction, packet: &packet, reading }.decide();
        let mut decisions = Vec::new();
        if let End::Pod { pod, .. } = &from {
            // Issue "Kernel": discovery messages to the own node pass before policy (§4.2 for the types).
            let to_own_node = matches!(&to, End::Node { name, .. } if **name == pod.node);
            if to_own_node && is_discovery(&packet) {
                return Ok(Verdict::of(vec![Decision::allow("neighbour-discovery")]));
            }
            decisions.push(decide(pod, Direction::Egress));
            if to_own_node && Verdict::allows_so_far(&decisions) {
                decisions
                    .push(Decision { outcome: self.endpoint_to_host, ..Decision::allow("endpoint-to-host") });
            }
        }
        if let (End::Pod { pod, .. }, true) = (&to, Verdict::allows_so_far(&decisions)) {
            decisions.push(decide(pod, Direction::Ingress));
        }
        Ok(Verdict::of(decisions))
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

/// What no policy can deny, whatever the packet: what is between hosts; a pod to itself never leaves its network namespace (design §5); a node to its own pods is never policed (§0 item 11, §6e), by
/// whatever of its addresses.
fn exemption(from: &End<'_>, to: &End<'_>) -> Option<&'static str> {
    match (from, to) {
        (End::Pod { pod, .. }, End::Pod { pod: other, .. }) => {
            (pod.namespace == other.namespace && pod.name == other.name).then_some("pod-to-itself")
        }
        (End::Node { name, .. }, End::Pod { pod, .. }) => (**name == pod.node).then_some("host-to-own-pod"),
        (End::Pod { .. }, _) | (_, End::Pod { .. }) => None,
        _ => Some("no-policy"),
    }
}

/// Multicast listener discovery (130 to 132) and neighbour discovery less router advertisement and redirect (133, 135, 136): §4.2.
fn is_discovery(packet: &Packet) -> bool {
    let kind = packet.icmp.map(|(kind, _)| kind);
    packet.protocol == ICMPV6 && packet.source.is_ipv6() && matches!(kind, Some(130..=133 | 135 | 136))
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
    Ok(Packet { source, destination, protocol: flow.protocol, source_port, port, icmp })
}

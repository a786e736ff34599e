//! The way of a packet over the nodes, and what is decided at each place on it (policy-model §4.2, felix-dataplane §4 "Packet walks" and §7 to §9).
//!
//! On a node: policies before connection tracking, policies before DNAT, kube-proxy's translation, then one of the hooks input, forward and output, then
//! masquerading. The places where nothing governs the packet leave no trace.

use std::net::IpAddr;

use super::{
    Reading,
    endpoint::{Endpoint, Place},
    host_endpoint::{HostEndpoint, Link, of_interface},
    packet::{IPIP, Packet, UDP},
    pod::Pod,
    settings::{self, Agent, Failsafe, Settings},
    terrain::{Entry, Target, Terrain},
    walk::Walk,
    world::World,
};
use crate::verdict::{Decision, Direction, Outcome};

/// More nodes than this in a row is a loop.
const MOST_NODES: usize = 4;

/// A packet on its way.
pub struct Way<'a> {
    /// The cluster.
    pub world: &'a World,
    /// Its network.
    pub terrain: Terrain<'a>,
    /// What its agents are told.
    pub agent: Agent,
    /// How doubt is read.
    pub reading: Reading,
    /// Every decision up to and including those of the node that drops it.
    pub decisions: Vec<Decision>,
    /// Whether a node has dropped it: the others are only asked where it would have gone.
    pub is_over: bool,
    /// Whether it has crossed a node's loopback interface.
    pub is_loopback: bool,
}

/// A packet at a node.
struct Visit<'a> {
    node: &'a str,
    entry: Entry<'a>,
    settings: Settings,
    packet: Packet,
    /// An untracked policy has admitted it.
    untracked: bool,
    /// An untracked or a pre-DNAT policy has admitted it: policies of host endpoints for what comes in are not asked again.
    admitted: bool,
}

impl<'a> Way<'a> {
    /// Follows a packet from the node that it enters first. The address where it ends if nobody drops it; an error if nobody can tell where it goes.
    pub fn follow(&mut self, node: &'a str, entry: Entry<'a>, packet: Packet) -> Result<IpAddr, String> {
        let (mut node, mut entry, mut packet) = (node, entry, packet);
        for _ in 0..MOST_NODES {
            let (target, left) = self.cross(node, entry, packet)?;
            self.is_over |= self.decisions.iter().any(|decision| decision.outcome == Outcome::Deny);
            if !matches!(target, Target::Elsewhere) {
                return Ok(left.destination);
            }
            packet = left;
            match self.terrain.next(&packet)? {
                Some(next) => (node, entry) = (next, Entry::Network),
                None => return Ok(packet.destination),
            }
        }
        Err("in circles".to_owned())
    }

    /// One node. Where the packet goes from it, and as what.
    fn cross(
        &mut self,
        node: &'a str,
        entry: Entry<'a>,
        packet: Packet,
    ) -> Result<(Target<'a>, Packet), String> {
        let labels = self.world.node_labels.get(node).cloned().unwrap_or_default();
        let settings = settings::of_node(self.world, node, &labels, self.agent);
        let mut visit = Visit { node, entry, settings, packet, untracked: false, admitted: false };
        // §4.1: neighbour and listener discovery to and from the node itself always passes.
        let own = matches!(self.terrain.target(node, packet.destination), Target::Itself);
        let heard = match entry {
            Entry::Pod(_) => own && packet.is_discovery(),
            Entry::Itself => packet.is_discovery(),
            Entry::Network => own && (packet.is_of_routers() || packet.is_discovery()),
        };
        if heard {
            self.decide(Some(Decision::allow("neighbour-discovery")));
            return Ok((self.terrain.target(node, packet.destination), packet));
        }
        self.before_tracking(&mut visit);
        self.before_dnat(&mut visit);
        let translated = match visit.untracked {
            // kube-proxy never sees what is not tracked.
            true => None,
            false => self.terrain.translate(node, entry, &packet)?,
        };
        if let Some(to) = translated {
            visit.packet = packet.to(to.address, to.port);
            visit.packet.dialled = Some((packet.destination, packet.port));
        }
        let target = self.terrain.target(node, visit.packet.destination);
        match (entry, &target) {
            (Entry::Itself, Target::Itself) => self.is_loopback = true,
            (Entry::Itself, Target::Pod(_)) => self.decide(Some(Decision::allow("host-to-own-pod"))),
            (Entry::Itself, Target::Elsewhere) => self.output(&visit),
            (Entry::Pod(_) | Entry::Network, Target::Itself) => self.input(&visit),
            (Entry::Pod(_) | Entry::Network, Target::Pod(_) | Target::Elsewhere) => {
                self.forward(&visit, &target);
            }
        }
        let source = translated.map_or(packet.source, |to| to.source);
        Ok((target, Packet { dialled: None, source, ..visit.packet }))
    }

    fn decide(&mut self, decided: Option<Decision>) {
        self.decisions.extend(decided.filter(|_| !self.is_over));
    }

    /// Policies for untracked traffic; `*` knows none (§1.3). Failsafe ports precede them, and what answers to failsafe ports of the other direction.
    fn before_tracking(&mut self, visit: &mut Visit<'a>) {
        let Visit { node, entry, packet, .. } = *visit;
        // Where it is bound for is not asked here: discovery never crosses a node, as no receiver takes it with a hop limit below 255 (RFC 4861 §7.1).
        if packet.is_discovery() || packet.is_of_routers() {
            return;
        }
        let direction = match (entry, self.terrain.target(node, packet.destination)) {
            (Entry::Network, _) => Direction::Ingress,
            // The interface is the one towards the address that was dialled; the node and its pods are behind others.
            (Entry::Itself, Target::Elsewhere) => Direction::Egress,
            (Entry::Pod(_), _) | (Entry::Itself, Target::Itself | Target::Pod(_)) => return,
        };
        let Some(endpoint) = self.towards_network(node) else { return };
        let governed =
            |direction| self.walk(visit, Endpoint::Host(endpoint, Place::Untracked), direction).is_governed();
        let is_wildcard = endpoint.interface == super::host_endpoint::Interface::Others;
        if is_wildcard || !(governed(Direction::Ingress) || governed(Direction::Egress)) {
            return;
        }
        let (peer, requests, answers) = match direction {
            Direction::Ingress => (packet.source, &visit.settings.inbound, &visit.settings.outbound),
            Direction::Egress => (packet.destination, &visit.settings.outbound, &visit.settings.inbound),
        };
        let is = |list: &[Failsafe], port| list.iter().any(|it| it.covers(packet.protocol, port, peer));
        if is(requests, packet.port) || is(answers, packet.source_port) {
            self.decide(Some(Decision::allow("failsafe")));
            return;
        }
        let decided = self.walk(visit, Endpoint::Host(endpoint, Place::Untracked), direction).decide();
        visit.untracked = is_allowed(decided.as_ref());
        visit.admitted = visit.untracked;
        self.decide(decided);
    }

    /// Policies for traffic before DNAT, of the interface that it comes in by; of pods' interfaces, those of `*`.
    fn before_dnat(&mut self, visit: &mut Visit<'a>) {
        let Some(endpoint) = self.of_entry(visit).filter(|_| !visit.untracked) else { return };
        let walk = self.walk(visit, Endpoint::Host(endpoint, Place::PreDnat), Direction::Ingress);
        if !walk.is_governed() {
            return;
        }
        if self.is_failsafe(visit, Direction::Ingress) {
            self.decide(Some(Decision::allow("failsafe")));
            return;
        }
        let decided = walk.decide();
        visit.admitted = is_allowed(decided.as_ref());
        self.decide(decided);
    }

    /// What is bound for the node itself. Policies of `*` do not concern what pods send (§7).
    fn input(&mut self, visit: &Visit<'a>) {
        if let Entry::Pod(pod) = visit.entry {
            self.leave_pod(visit, pod);
            let outcome = visit.settings.endpoint_to_host;
            self.decide(Some(Decision { outcome, ..Decision::allow("endpoint-to-host") }));
        } else if let Some(endpoint) = self.of_entry(visit).filter(|_| !visit.admitted) {
            self.local(visit, endpoint, Direction::Ingress);
        }
    }

    fn output(&mut self, visit: &Visit<'a>) {
        if let Some(endpoint) = self.towards_network(visit.node).filter(|_| !visit.admitted) {
            self.local(visit, endpoint, Direction::Egress);
        }
    }

    fn local(&mut self, visit: &Visit<'a>, endpoint: &'a HostEndpoint, direction: Direction) {
        let decided = if self.is_failsafe(visit, direction) {
            Some(Decision::allow("failsafe"))
        } else {
            self.walk(visit, Endpoint::Host(endpoint, Place::Local), direction).decide()
        };
        self.decide(decided);
    }

    fn forward(&mut self, visit: &Visit<'a>, target: &Target<'a>) {
        if let Some(endpoint) = self.of_entry(visit).filter(|_| !visit.admitted) {
            let walk = self.walk(visit, Endpoint::Host(endpoint, Place::Forwarded), Direction::Ingress);
            self.decide(walk.decide());
        }
        if let Entry::Pod(pod) = visit.entry {
            self.leave_pod(visit, pod);
        }
        let out = match target {
            Target::Pod(pod) => {
                self.decide(self.walk(visit, Endpoint::Pod(pod), Direction::Ingress).decide());
                of_interface(self.world, visit.node, Link::Workload)
            }
            Target::Itself | Target::Elsewhere => self.towards_network(visit.node),
        };
        if let Some(endpoint) = out {
            let walk = self.walk(visit, Endpoint::Host(endpoint, Place::Forwarded), Direction::Egress);
            self.decide(walk.decide());
        }
    }

    /// Egress policy of a pod, behind the guard against encapsulation.
    fn leave_pod(&mut self, visit: &Visit<'a>, pod: &'a Pod) {
        let packet = &visit.packet;
        let vxlan = packet.protocol == UDP && visit.settings.no_vxlan_to == Some(packet.port);
        let decided = if vxlan || packet.protocol == IPIP && visit.settings.no_ipip {
            Some(Decision::deny("encapsulation"))
        } else {
            self.walk(visit, Endpoint::Pod(pod), Direction::Egress).decide()
        };
        self.decide(decided);
    }

    fn is_failsafe(&self, visit: &Visit<'a>, direction: Direction) -> bool {
        let Packet { source, destination, protocol, port, .. } = visit.packet;
        match direction {
            Direction::Ingress => visit.settings.inbound.iter().any(|it| it.covers(protocol, port, source)),
            Direction::Egress => {
                visit.settings.outbound.iter().any(|it| it.covers(protocol, port, destination))
            }
        }
    }

    /// The host endpoint of the interface that the packet came in by.
    fn of_entry(&self, visit: &Visit<'a>) -> Option<&'a HostEndpoint> {
        match visit.entry {
            Entry::Pod(_) => of_interface(self.world, visit.node, Link::Workload),
            Entry::Itself => None,
            Entry::Network => self.towards_network(visit.node),
        }
    }

    fn towards_network(&self, node: &str) -> Option<&'a HostEndpoint> {
        let (name, addresses) = (self.terrain.uplink(node), self.terrain.addresses(node));
        of_interface(self.world, node, Link::Network { name, addresses })
    }

    fn walk<'b>(&'b self, visit: &'b Visit<'a>, endpoint: Endpoint<'b>, direction: Direction) -> Walk<'b> {
        let (packet, node_ports) = (&visit.packet, self.agent.node_ports);
        Walk { world: self.world, endpoint, direction, packet, reading: self.reading, node_ports }
    }
}

fn is_allowed(decided: Option<&Decision>) -> bool {
    decided.is_some_and(|decision| decision.outcome == Outcome::Allow)
}

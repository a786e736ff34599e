//! What is no policy: who is where, which way packets go, and what kube-proxy makes of them.

use std::net::IpAddr;

use super::{
    packet::Packet,
    pod::Pod,
    service::{Front, Sender},
    world::World,
};

/// Networks of pods, as kube-proxy is told (`clusterCIDR`).
const POD_NETWORKS: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];

/// The network of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Terrain<'a>(pub(super) &'a World);

/// How a packet comes to a node.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// By the interface of a pod of the node.
    Pod(&'a Pod),
    /// It is made there.
    Itself,
    /// From another machine.
    Network,
}

/// Where a packet is bound for, as a node sees it.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// The node.
    Itself,
    /// A pod of the node.
    Pod(&'a Pod),
    /// Another machine.
    Elsewhere,
}

impl<'a> Terrain<'a> {
    /// Where a node sends what is bound for an address.
    pub fn target(self, node: &str, address: IpAddr) -> Target<'a> {
        match self.0.endpoints_at(address).next() {
            Some(pod) if pod.node == node => Target::Pod(pod),
            Some(_) => Target::Elsewhere,
            None if self.is_address_of(node, address) => Target::Itself,
            None => Target::Elsewhere,
        }
    }

    /// Whether a node bears an address.
    pub fn is_address_of(self, node: &str, address: IpAddr) -> bool {
        self.addresses(node).contains(&address)
    }

    /// The addresses of a node.
    pub fn addresses(self, node: &str) -> &'a [IpAddr] {
        self.0.nodes.get(node).map_or(&[], Vec::as_slice)
    }

    /// The interface of a node towards other machines.
    pub fn uplink(self, node: &str) -> &'a str {
        self.0.uplinks.get(node).map_or("eth0", String::as_str)
    }

    /// The nodes.
    pub fn nodes(self) -> impl Iterator<Item = &'a str> {
        let of_pods = self.0.pods.iter().map(|pod| pod.node.as_str());
        let all: std::collections::BTreeSet<_> =
            self.0.nodes.keys().map(String::as_str).chain(of_pods).collect();
        all.into_iter()
    }

    /// The pods of a node that have an interface.
    pub fn pods(self, node: &str) -> impl Iterator<Item = &'a Pod> {
        self.0.pods.iter().filter(move |pod| pod.node == node && !pod.host_network)
    }

    /// The node that takes what has left another one; none for the world outside. An error for an address that every node would translate and none has.
    pub fn next(self, packet: &Packet) -> Result<Option<&'a str>, String> {
        let next = self.0.node_towards(packet.destination);
        let dialled = Front::dialled(self.0, packet.destination, packet.protocol, packet.port);
        if next.is_none() && dialled.is_some() {
            return Err(format!("{}: no node takes it", packet.destination));
        }
        Ok(next)
    }

    /// What kube-proxy on a node makes of a packet: none if it leaves it alone.
    pub fn translate(
        self,
        node: &str,
        entry: Entry<'_>,
        packet: &Packet,
    ) -> Result<Option<Translated>, String> {
        let Some(front) = Front::dialled(self.0, packet.destination, packet.protocol, packet.port) else {
            return Ok(None);
        };
        // A port of a node is translated where its address is.
        let is_node = self.0.nodes.values().flatten().any(|address| *address == packet.destination);
        if is_node && !self.is_address_of(node, packet.destination) {
            return Ok(None);
        }
        let in_pods = |net: &str| net.parse::<ipnet::IpNet>().is_ok_and(|net| net.contains(&packet.source));
        let sender = match entry {
            Entry::Itself => Sender::Itself,
            Entry::Pod(_) => Sender::Pod,
            Entry::Network if POD_NETWORKS.into_iter().any(in_pods) => Sender::Pod,
            Entry::Network => Sender::Other,
        };
        let to = front.translate(self.0, node, packet, sender)?;
        let v4 = packet.source.is_ipv4();
        let source = match to.masquerade {
            false => packet.source,
            true => self
                .addresses(node)
                .iter()
                .copied()
                .find(|address| address.is_ipv4() == v4)
                .ok_or_else(|| format!("{node} has no address to masquerade with"))?,
        };
        Ok(Some(Translated { address: to.address, port: to.port, source }))
    }
}

/// What kube-proxy has made of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Translated {
    /// Its destination from now on.
    pub address: IpAddr,
    /// Its destination port from now on.
    pub port: u16,
    /// Its source when it has left the node.
    pub source: IpAddr,
}

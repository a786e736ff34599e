//! Who translates where: what should become of a connection, worked out from a few sentences about kube-proxy, the `portmap` plug-in and `natOutgoing`.
//!
//! It knows nothing of rules and nothing of families and modes: both modes and both families have to behave like this.

use std::fmt;

use super::{
    TrafficPolicy,
    cell::{Backend, Cell, Client, Entrance, Site},
    layout::{TARGET_PORT, dialled_port},
};

/// Whose address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The client pod of a node.
    ClientPod(Site),
    /// A server pod.
    Server(Backend),
    /// A node.
    Node(Site),
    /// A Service: one of its cluster, load balancer and external addresses.
    Service,
    /// The client outside.
    Outside,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientPod(_) => f.write_str("client"),
            Self::Server(_) => f.write_str("server"),
            Self::Node(site) => f.write_str(site.node()),
            Self::Service => f.write_str("service"),
            Self::Outside => f.write_str("outside"),
        }
    }
}

/// What a policy sees of a connection's first packet. Source ports are left out: nobody writes rules about them, and masquerading changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sight {
    /// Whose source address.
    pub source: Party,
    /// Whose destination address.
    pub destination: Party,
    /// Destination port.
    pub port: u16,
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}:{}", self.source, self.destination, self.port)
    }
}

/// How it ends for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The server answers and sees the client at this address.
    Answered(Party),
    /// The dialled node refuses: nobody listens.
    Refused,
    /// It times out.
    TimedOut,
}

/// All that can be seen of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Story {
    /// What egress policy sees on the client's node; nothing if the client is not a pod.
    pub egress: Option<Sight>,
    /// What ingress policy sees on the backend's node; nothing if the packet never gets there, or comes from a process of that node itself.
    pub ingress: Option<Sight>,
    /// How it ends.
    pub end: End,
}

/// Who puts the backend in the place of the dialled address.
enum Translation {
    /// Nobody has to: the backend is dialled.
    Needless,
    /// A node.
    On(Site),
    /// Nobody does.
    Missing,
}

/// What should become of a connection where no policy is enforced.
pub fn story(cell: Cell) -> Story {
    let own = own_address(cell.client);
    match translation(cell) {
        Translation::Needless => {
            let seen = Some(to_server(cell, own));
            let ingress = seen.filter(|_| cell.client != Client::Host(cell.backend.site()));
            Story { egress: seen.filter(|_| is_pod(own)), ingress, end: End::Answered(own) }
        }
        Translation::Missing => {
            Story { egress: is_pod(own).then(|| as_dialled(cell, own)), ingress: None, end: End::Refused }
        }
        Translation::On(node) => translated(cell, own, node),
    }
}

fn translated(cell: Cell, own: Party, node: Site) -> Story {
    let at_home = cell.client.site() == Some(node);
    let egress = is_pod(own).then(|| if at_home { to_server(cell, own) } else { as_dialled(cell, own) });
    let source = match cell.client.site() {
        // A pod that calls an address which is no pod's leaves its node with the node's address (`natOutgoing`).
        Some(home) if !at_home => Party::Node(home),
        Some(_) | None => own,
    };
    let Some(masquerade) = masquerade(cell, source, node) else {
        return Story { egress, ingress: None, end: End::TimedOut };
    };
    let peer = if masquerade { Party::Node(node) } else { source };
    let ingress = match cell.backend.site() == node {
        // A process of the node itself reaches the node's pods past all policy.
        true if cell.client == Client::Host(node) => None,
        // The source is masqueraded behind the place where policy is applied.
        true => Some(to_server(cell, source)),
        false => Some(to_server(cell, peer)),
    };
    Story { egress, ingress, end: End::Answered(peer) }
}

/// Addresses that belong to no node are translated by the first node on the way, those of a node by that node.
fn translation(cell: Cell) -> Translation {
    match cell.entrance {
        Entrance::PodAddress => Translation::Needless,
        Entrance::ClusterIp | Entrance::LoadBalancer | Entrance::ExternalIp => {
            Translation::On(cell.client.site().unwrap_or(Site::Dialled))
        }
        Entrance::NodePort => Translation::On(Site::Dialled),
        // Only the pod's own node knows of the port.
        Entrance::HostPort => match cell.backend {
            Backend::Near => Translation::On(Site::Dialled),
            Backend::Far => Translation::Missing,
        },
    }
}

/// Whether the translating node puts its own address in the place of the source; nothing if it finds no backend that it may use.
fn masquerade(cell: Cell, source: Party, node: Site) -> Option<bool> {
    // A pod would take the packet for one of its own and answer past the node.
    let hairpin = source == Party::Server(cell.backend);
    match (cell.entrance, cell.traffic_policy) {
        (Entrance::PodAddress | Entrance::HostPort, _) => Some(hairpin),
        (Entrance::ClusterIp, _) => Some(hairpin || !is_pod(source)),
        (Entrance::NodePort | Entrance::LoadBalancer | Entrance::ExternalIp, TrafficPolicy::Cluster) => {
            Some(true)
        }
        // Pods and processes of the node are inside and may use any backend; everybody else only the node's own.
        (Entrance::NodePort | Entrance::LoadBalancer | Entrance::ExternalIp, TrafficPolicy::Local) => {
            let from_itself = cell.client == Client::Host(node);
            let may = is_pod(source) || from_itself || cell.backend.site() == node;
            may.then_some(hairpin || from_itself)
        }
    }
}

/// Whose address a client has of its own.
fn own_address(client: Client) -> Party {
    match client {
        Client::Pod(site) => Party::ClientPod(site),
        Client::Host(site) => Party::Node(site),
        Client::Itself(backend) => Party::Server(backend),
        Client::Outside => Party::Outside,
    }
}

fn is_pod(party: Party) -> bool {
    matches!(party, Party::ClientPod(_) | Party::Server(_))
}

/// The packet behind the translation.
fn to_server(cell: Cell, source: Party) -> Sight {
    Sight { source, destination: Party::Server(cell.backend), port: TARGET_PORT }
}

/// The packet before any translation.
fn as_dialled(cell: Cell, source: Party) -> Sight {
    let destination = match cell.entrance {
        Entrance::PodAddress => Party::Server(cell.backend),
        Entrance::ClusterIp | Entrance::LoadBalancer | Entrance::ExternalIp => Party::Service,
        Entrance::NodePort | Entrance::HostPort => Party::Node(Site::Dialled),
    };
    Sight { source, destination, port: dialled_port(cell) }
}

//! Who translates where: what should become of a connection, worked out from a few sentences about kube-proxy, the `portmap` plug-in and `natOutgoing`.
//!
//! It knows nothing of rules and nothing of families and modes: both modes and both families have to behave like this.

use std::fmt;

use super::{
    TrafficPolicy,
    cell::{Backend, Cell, Client, Entrance, Site},
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

/// What should become of a connection where no policy is enforced.
pub fn story(cell: Cell) -> Story {
    let server = |source| Sight {
        source,
        destination: Party::Server(cell.backend),
        port: super::bed::TARGET_PORT,
    };
    let translator = translator(cell);
    let egress = match cell.client {
        Client::Pod(site) if translator == Some(site) => Some(server(Party::ClientPod(site))),
        Client::Pod(site) => Some(Sight { source: Party::ClientPod(site), ..dialled(cell) }),
        Client::Host(_) | Client::Outside => None,
    };
    let Some(translator) = translator else { return Story { egress, ingress: None, end: End::Refused } };
    let source = source_at(cell.client, translator);
    let local = cell.backend.site() == translator;
    let Some(masquerade) = masquerade(cell, translator, source, local) else {
        return Story { egress, ingress: None, end: End::TimedOut };
    };
    let peer = if masquerade { Party::Node(translator) } else { source };
    let ingress = match local {
        true if cell.client == Client::Host(translator) => None,
        // The source is masqueraded behind the place where policy is applied.
        true => Some(server(source)),
        false => Some(server(peer)),
    };
    Story { egress, ingress, end: End::Answered(peer) }
}

/// The node that puts a backend in the place of the dialled address. Addresses that belong to no node are translated by the first node on the way.
fn translator(cell: Cell) -> Option<Site> {
    match cell.entrance {
        Entrance::ClusterIp | Entrance::LoadBalancer | Entrance::ExternalIp => {
            Some(cell.client.site().unwrap_or(Site::Dialled))
        }
        Entrance::NodePort => Some(Site::Dialled),
        // Only the pod's own node knows of the port.
        Entrance::HostPort => (cell.backend.site() == Site::Dialled).then_some(Site::Dialled),
    }
}

/// The dialled address, as whoever does not translate it sees it.
fn dialled(cell: Cell) -> Sight {
    let (port, destination) = (super::bed::dialled_port(cell), match cell.entrance {
        Entrance::ClusterIp | Entrance::LoadBalancer | Entrance::ExternalIp => Party::Service,
        Entrance::NodePort | Entrance::HostPort => Party::Node(Site::Dialled),
    });
    Sight { source: Party::Outside, destination, port }
}

/// The source that the translating node sees. A pod that calls an address which is no pod's leaves its node with the node's address (`natOutgoing`).
fn source_at(client: Client, translator: Site) -> Party {
    match client {
        Client::Pod(site) if site == translator => Party::ClientPod(site),
        Client::Pod(site) | Client::Host(site) => Party::Node(site),
        Client::Outside => Party::Outside,
    }
}

/// Whether the translating node puts its own address in the place of the source; nothing if it finds no backend that it may use.
fn masquerade(cell: Cell, translator: Site, source: Party, local: bool) -> Option<bool> {
    let from_pod = matches!(source, Party::ClientPod(_));
    match (cell.entrance, cell.traffic_policy) {
        (Entrance::HostPort, _) => Some(false),
        (Entrance::ClusterIp, _) => Some(!from_pod),
        (Entrance::NodePort | Entrance::LoadBalancer | Entrance::ExternalIp, TrafficPolicy::Cluster) => Some(true),
        // Pods and processes of the node itself are inside and may use any backend; everybody else only the node's own.
        (Entrance::NodePort | Entrance::LoadBalancer | Entrance::ExternalIp, TrafficPolicy::Local) => {
            let from_itself = cell.client == Client::Host(translator);
            (from_pod || from_itself || local).then_some(from_itself)
        }
    }
}

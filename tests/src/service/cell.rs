//! The space of questions: who calls a Service, by which of its addresses, on which node, and where its backend is.

use std::fmt;

use super::TrafficPolicy;

/// The nodes by their parts in a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// The node that is dialled, or that the world outside goes by.
    Dialled,
    /// The node that a backend is on if it is not on the dialled one.
    Other,
    /// A node that is neither.
    Third,
}

impl Site {
    /// All nodes.
    pub const ALL: [Self; 3] = [Self::Dialled, Self::Other, Self::Third];

    /// The node's name.
    pub fn node(self) -> &'static str {
        match self {
            Self::Dialled => "worker-1",
            Self::Other => "worker-2",
            Self::Third => "control",
        }
    }
}

/// By which address the server is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entrance {
    /// The pod's own address: no Service at all.
    PodAddress,
    /// The cluster address.
    ClusterIp,
    /// The dialled node's address and the Service's port on nodes.
    NodePort,
    /// The address of a load balancer.
    LoadBalancer,
    /// An external address.
    ExternalIp,
    /// The dialled node's address and the pod's own port on its node.
    HostPort,
}

impl Entrance {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PodAddress,
        Self::ClusterIp,
        Self::NodePort,
        Self::LoadBalancer,
        Self::ExternalIp,
        Self::HostPort,
    ];
}

impl fmt::Display for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PodAddress => "pod address",
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalIp => "externalIP",
            Self::HostPort => "hostPort",
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(site) => write!(f, "pod on {}", site.node()),
            Self::Host(site) => write!(f, "{} itself", site.node()),
            Self::Itself(_) => f.write_str("the server itself"),
            Self::Outside => f.write_str("outside"),
        }
    }
}

impl fmt::Display for TrafficPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "Cluster",
            Self::Local => "Local",
        })
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// A pod of a node.
    Pod(Site),
    /// A process of a node itself.
    Host(Site),
    /// The backend itself, by way of its Service.
    Itself(Backend),
    /// A machine outside the cluster.
    Outside,
}

impl Client {
    /// All but the backend.
    const OTHERS: [Self; 7] = [
        Self::Pod(Site::Dialled),
        Self::Pod(Site::Other),
        Self::Pod(Site::Third),
        Self::Host(Site::Dialled),
        Self::Host(Site::Other),
        Self::Host(Site::Third),
        Self::Outside,
    ];

    /// All who call a Service with this backend.
    pub fn all(backend: Backend) -> impl Iterator<Item = Self> {
        Self::OTHERS.into_iter().chain([Self::Itself(backend)])
    }

    /// The node that it is on.
    pub fn site(self) -> Option<Site> {
        match self {
            Self::Pod(site) | Self::Host(site) => Some(site),
            Self::Itself(backend) => Some(backend.site()),
            Self::Outside => None,
        }
    }
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// By which address.
    pub entrance: Entrance,
    /// Where the only backend is: on the dialled node or on the other.
    pub backend: Backend,
    /// `externalTrafficPolicy` of the Service.
    pub traffic_policy: TrafficPolicy,
    /// Who calls.
    pub client: Client,
}

/// The only backend of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// On the dialled node.
    Near,
    /// On the other node.
    Far,
}

impl Backend {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Near, Self::Far];

    /// Its node.
    pub fn site(self) -> Site {
        match self {
            Self::Near => Site::Dialled,
            Self::Far => Site::Other,
        }
    }
}

/// Every question. Where `externalTrafficPolicy` has no say it is asked all the same: that it has none is an answer too.
pub fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for entrance in Entrance::ALL {
        for backend in Backend::ALL {
            for traffic_policy in [TrafficPolicy::Cluster, TrafficPolicy::Local] {
                let cell = |client| Cell { entrance, backend, traffic_policy, client };
                // A pod that calls its own address does not leave its namespace.
                let outgoing =
                    |client: &Client| entrance != Entrance::PodAddress || *client != Client::Itself(backend);
                cells.extend(Client::all(backend).filter(outgoing).map(cell));
            }
        }
    }
    cells
}
